/** What monitoring systems take from a server: its metrics, by the rules of the text format, and its spans, by those of OTLP. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { readConfig, startServer } from '@slipway/server';
import { createClient } from 'slipway';
import { declareEndpoint, deploy, linearModel, predict, registerModel } from './linear-endpoint.ts';

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

const labelPattern = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/gy;

function parseLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  labelPattern.lastIndex = 0;
  let end = 0;
  for (const [part, name = '', value = ''] of text.matchAll(labelPattern)) {
    assert(!Object.hasOwn(labels, name), `label ${name} twice: ${line}`);
    labels[name] = value;
    end += part.length;
  }
  assert.equal(end, text.length, `labels cannot be read: ${line}`);
  return labels;
}

function parseSample(line: string): Sample {
  const [, name = '', labels = '', value = ''] =
    /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([-+]?(?:\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|Inf)|NaN)$/.exec(line) ?? [];
  assert.notEqual(name, '', `not a sample: ${line}`);
  return { name, labels: parseLabels(labels, line), value: value.endsWith('Inf') ? Infinity : Number(value) };
}

/** Text exposition format 0.0.4: each family has HELP, then TYPE, then its samples together; every line ends in a newline. */
function parseMetrics(text: string): Family[] {
  assert(text.endsWith('\n'));
  const families: (Family & { readonly samples: Sample[] })[] = [];
  let help: { readonly name: string; readonly text: string } | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      assert(!families.some((family) => family.name === name), `${name} comes twice`);
      help = { name, text: rest };
    } else if (keyword === 'TYPE') {
      assert.equal(help?.name, name, `TYPE of ${name} does not follow its HELP`);
      assert.match(rest, /^(?:counter|gauge|histogram|summary|untyped)$/);
      families.push({ name, help: help?.text ?? '', type: rest, samples: [] });
    } else {
      const sample = parseSample(line);
      const family = families.at(-1);
      const suffix = family?.type === 'histogram' ? '(?:_bucket|_sum|_count)' : '';
      assert.match(
        sample.name,
        new RegExp(`^${family?.name ?? ''}${suffix}$`),
        `${line} is not of the family above it`,
      );
      family?.samples.push(sample);
    }
  }
  return families;
}

const keyOf = ({ name, labels }: Sample): string =>
  `${name} ${JSON.stringify(Object.entries(labels).map(String).sort())}`;

/** The rules by which Prometheus's own checker judges names, units and help texts. */
function lint({ name, help, type, samples }: Family): string[] {
  const problems: string[] = [];
  const must = (isRight: boolean, problem: string): void => void (isRight || problems.push(`${name}: ${problem}`));
  must(help.trim() !== '', 'no help text');
  must(/^[a-z][a-z0-9_]*$/.test(name), 'not in snake case');
  must((type === 'counter') === name.endsWith('_total'), 'counters, and they alone, end in _total');
  must(type === 'histogram' || !/_(?:count|sum|bucket)$/.test(name), 'the ending belongs to histograms');
  must(
    !/_(?:ms|milliseconds|us|micros|minutes|hours|kb|mb|gb|kilobytes|megabytes|percent)(?:_|$)/.test(name),
    'not a base unit',
  );
  must(!new RegExp(`(?:^|_)${type}(?:_|$)`).test(name), 'the type is in the name');
  must(new Set(samples.map(keyOf)).size === samples.length, 'a series comes twice');
  for (const sample of samples) {
    const isBucket = type === 'histogram' && sample.name.endsWith('_bucket');
    must(isBucket === Object.hasOwn(sample.labels, 'le'), 'the label le belongs to buckets');
    must(
      Object.keys(sample.labels).every((label) => /^[a-z][a-z0-9_]*$/.test(label)),
      'a label is not in snake case',
    );
    if (type === 'counter') must(sample.value >= 0, 'a counter below zero');
  }
  if (type === 'histogram') problems.push(...lintBuckets(name, samples));
  return problems;
}

function lintBuckets(name: string, samples: readonly Sample[]): string[] {
  const without = ({ labels: { le: _, ...labels } }: Sample): string => JSON.stringify(labels);
  return [...Map.groupBy(samples, without)].flatMap(([labels, series]) => {
    const buckets = series.filter((sample) => sample.name.endsWith('_bucket'));
    const bounds = buckets.map((bucket) => Number(bucket.labels['le']?.replace('+Inf', 'Infinity')));
    const count = series.find((sample) => sample.name === `${name}_count`)?.value;
    const isRising = (values: readonly number[]): boolean =>
      values.every((v, i) => i === 0 || v >= (values[i - 1] ?? 0));
    const isRight =
      bounds.at(-1) === Infinity &&
      isRising(bounds) &&
      isRising(buckets.map((bucket) => bucket.value)) &&
      buckets.at(-1)?.value === count &&
      series.some((sample) => sample.name === `${name}_sum`);
    return isRight ? [] : [`${name}: the buckets of ${labels} do not add up`];
  });
}

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-telemetry-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('the metrics of a server that worked hold to the text format and to the rules for names', async (t) => {
  const server = await startServer(readConfig({ dir: folderOf(t), port: 0, logLevel: 'error' }, {}));
  try {
    const client = createClient({ url: server.url, retries: 0 });
    await declareEndpoint(client);
    await deploy(client, await registerModel(client, linearModel(1)));
    for (let i = 0; i < 20; i++) await predict(client, i);
    await fetch(`${server.url}/api/datasets/a"b%5C%0A`);
    await fetch(`${server.url}/nowhere`);
    const answer = await fetch(`${server.url}/metrics`);
    assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    const families = parseMetrics(await answer.text());
    assert.deepEqual(families.flatMap(lint), []);
    const requests = families.find((family) => family.name === 'slipway_http_request_seconds');
    assert(
      requests?.samples.some(({ labels }) => labels['status'] === '4xx'),
      'refused requests are counted',
    );
    const predictions = families.filter((family) => /predict/.test(family.name)).flatMap((family) => family.samples);
    assert(
      predictions.some((sample) => sample.value >= 20),
      'predictions are counted',
    );
  } finally {
    await server.stop(1000);
  }
});

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code: number };
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
}

interface OtlpRequest {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[] }[];
}

test('every request is a span for the collector, under the trace of its caller; none is lost by a stop', async (t) => {
  const received: OtlpSpan[] = [];
  const paths = new Set<string>();
  const collector = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      paths.add(`${request.method} ${request.url} ${request.headers['content-type']}`);
      // What the server under test has just encoded; the assertions below look at its parts.
      const body = JSON.parse(Buffer.concat(parts).toString()) as OtlpRequest;
      received.push(...body.resourceSpans.flatMap((r) => r.scopeSpans.flatMap((scope) => scope.spans)));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  t.after(() => void collector.close());
  // A listening TCP server has an address with a port.
  const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/`;
  const startedNs = BigInt(Date.now()) * 1_000_000n;
  const flags = { dir: folderOf(t), port: 0, logLevel: 'error' };
  const server = await startServer(readConfig(flags, { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }));
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  try {
    const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
    assert.equal((await fetch(`${server.url}/api/datasets`, { headers })).headers.get('x-request-id'), traceId);
    assert.equal((await fetch(`${server.url}/api/datasets/none`)).status, 404);
  } finally {
    await server.stop(1000);
  }
  assert.deepEqual([...paths], ['POST /v1/traces application/json']);
  const named = new Map(received.map((span) => [span.name, span]));
  assert.equal(named.get('datasets.list')?.traceId, traceId);
  assert.equal(received.length, 2);
  for (const span of received) {
    assert.match(span.traceId, /^[0-9a-f]{32}$/);
    assert.match(span.spanId, /^[0-9a-f]{16}$/);
    assert.equal(span.kind, 2);
    assert(
      BigInt(span.startTimeUnixNano) >= startedNs && BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano),
    );
    assert(BigInt(span.endTimeUnixNano) < startedNs + 60_000_000_000n);
    // The caller's mistake is not the server's failure.
    assert.equal(span.status.code, 1);
  }
  const status = named.get('datasets.get')?.attributes.find((a) => a.key === 'http.response.status_code');
  assert.deepEqual(status?.value, { intValue: '404' });
});

test('a collector that is away costs its spans and nothing else', async (t) => {
  const flags = { dir: folderOf(t), port: 0, logLevel: 'error' };
  const server = await startServer(readConfig(flags, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' }));
  for (let i = 0; i < 5; i++) assert.equal((await fetch(`${server.url}/api/datasets`)).status, 200);
  const before = performance.now();
  await server.stop(1000);
  assert(performance.now() - before < 5000);
});
