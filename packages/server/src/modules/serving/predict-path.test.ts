import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { text as streamText } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import type { Auth } from '../../platform/auth/auth.ts';
import { createAuth } from '../../platform/auth/auth.ts';
import { authStore } from '../../platform/auth/store.ts';
import { testLog } from '../../platform/db/testing.ts';
import { noHotPaths } from '../../platform/http/foreign.ts';
import type { HttpServer } from '../../platform/http/server.ts';
import { createHttpServer } from '../../platform/http/server.ts';
import type { Metrics } from '../../platform/telemetry/metrics.ts';
import { createMetrics } from '../../platform/telemetry/metrics.ts';
import type { Serving } from './index.ts';
import { createHotPaths, createPredictPath, createScoringPort, servingBinding } from './index.ts';
import type { ServingBench } from './testing.ts';
import { logisticModel, openServingBench } from './testing.ts';

interface Way {
  readonly name: string;
  readonly url: string;
  readonly http: HttpServer;
  readonly auth: Auth;
  readonly metrics: Metrics;
}

let bench: ServingBench;
let serving: Serving;
/** The same server twice: predictions before the framework, and through it. */
let ways: readonly [Way, Way];

async function startWay(isHot: boolean): Promise<Way> {
  const log = testLog();
  const { db, clock } = bench;
  const scoring = createScoringPort(serving);
  const metrics = createMetrics();
  const seconds = metrics.histogram('slipway_prediction_seconds', 'Time to answer.', [1]);
  const hot = createHotPaths(
    {
      scoring,
      clock,
      series: (endpoint, status) => seconds.series({ endpoint, status: String(status) }),
      report: () => undefined,
    },
    [createPredictPath(scoring)],
  );
  const auth = createAuth({ db, clock, trustLoopback: true, allowedHosts: [] });
  const http = await createHttpServer({
    bindings: [servingBinding(serving)],
    protocols: [],
    hot: isHot ? hot : noHotPaths,
    auth,
    clock,
    log,
    metrics,
    traces: { record: () => undefined, dropped: () => 0, stop: async () => undefined },
  });
  const url = `http://127.0.0.1:${await http.listen('127.0.0.1', 0)}`;
  return { name: isHot ? 'hot' : 'route', url, http, auth, metrics };
}

before(async () => {
  bench = await openServingBench({ models: [logisticModel([1, -2])], modules: [authStore] });
  await bench.declare('e');
  await bench.declare('idle');
  serving = await bench.start();
  await serving.deploy('e', { traffic: [{ version: 1, percent: 100 }], reason: '' }, 'owner');
  ways = [await startWay(true), await startWay(false)];
});
after(async () => {
  for (const { http } of ways) await http.close(1000);
  await bench[Symbol.asyncDispose]();
});

interface Reply {
  readonly status: number;
  readonly type: string | undefined;
  readonly json: unknown;
}

/** Over `node:http`, which sends the headers that it is given. */
function post(url: string, body: string | Buffer, headers: Readonly<Record<string, string>> = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, agent: false };
    const sent = httpRequest(url, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const json: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'], json });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** What differs between two answers to one request. */
const strip = (reply: Reply): unknown =>
  JSON.parse(
    JSON.stringify(reply, (key, value: unknown) =>
      key === 'requestId' || (key === 'id' && String(value).startsWith('prd_')) ? undefined : value,
    ),
  );

async function both(path: string, body: string | Buffer, headers?: Readonly<Record<string, string>>): Promise<unknown> {
  const [hot, route] = await Promise.all(ways.map(async ({ url }) => strip(await post(url + path, body, headers))));
  assert.deepEqual(hot, route, `${path} ${body.toString().slice(0, 500)}`);
  return hot;
}

const good = { instances: [{ id: 'a', at: 5, inputs: { x0: 1, x1: 0.5 } }] };
const path = '/api/endpoints/e/predict';

test('both ways answer the usual request alike', async () => {
  for (const inputs of [
    { x0: 1, x1: 0.5 },
    { x1: null, x0: -1e-300 },
    { x0: true, x1: 2 },
    { x0: 1, x1: 2, more: 'ü' },
  ]) {
    const instances = Array.from({ length: 3 }, () => ({ inputs }));
    const reply = await both(path, JSON.stringify({ instances }));
    assert.equal((reply as Reply).status, 200);
    assert.equal((reply as { json: { predictions: unknown[] } }).json.predictions.length, 3);
  }
});

test('both ways refuse bad bodies with the same status, code, places and words', async () => {
  const junk = fc.constantFrom<unknown[]>(
    null,
    true,
    '',
    'text',
    'x'.repeat(2001),
    'y'.repeat(201),
    0,
    -1,
    1.5,
    9e15,
    [],
    {},
    [1],
    { x0: 1 },
    { instances: 1 },
    [null],
    [[]],
  );
  type Edit = { readonly place: readonly string[]; readonly value: unknown };
  const place = fc.constantFrom(
    [],
    ['instances'],
    ['extra'],
    ['instances', '0'],
    ['instances', '1'],
    ['instances', '0', 'id'],
    ['instances', '0', 'at'],
    ['instances', '0', 'inputs'],
    ['instances', '0', 'inputs', 'x0'],
    ['instances', '0', 'inputs', 'x1'],
    ['instances', '0', 'inputs', 'other'],
    ['instances', '0', 'inputs', '__proto__'],
    ['instances', '0', 'other'],
  );
  const edits: fc.Arbitrary<Edit[]> = fc.array(fc.record({ place, value: junk }), { minLength: 1, maxLength: 3 });
  const apply = (base: unknown, { place: keys, value }: Edit): unknown => {
    const [key, ...rest] = keys;
    if (key === undefined) return value;
    if (typeof base !== 'object' || base === null) return base;
    const entries = Object.entries(base).filter(([k]) => k !== key);
    const inner: unknown = Object.entries(base).find(([k]) => k === key)?.[1];
    const next: [string, unknown][] = [
      ...entries,
      [key, rest.length === 0 ? value : apply(inner, { place: rest, value })],
    ];
    return Array.isArray(base) ? next.map(([, v]) => v) : Object.fromEntries(next);
  };
  const seen = new Map<number, number>();
  const property = fc.asyncProperty(edits, async (list) => {
    const body = JSON.stringify(list.reduce<unknown>(apply, good)) ?? '';
    const { status } = (await both(path, body)) as Reply;
    seen.set(status, (seen.get(status) ?? 0) + 1);
  });
  await fc.assert(property, { numRuns: 300, seed: 1 });
  assert.ok((seen.get(400) ?? 0) > 100 && (seen.get(200) ?? 0) > 5, JSON.stringify([...seen]));
});

test('both ways refuse what is no JSON, too large, of another type, or for an endpoint that cannot answer', async () => {
  const text = JSON.stringify(good);
  const statuses: [string, string | Buffer, Record<string, string>, number][] = [
    [path, '', {}, 400],
    [path, '{"instances": [', {}, 400],
    [path, Buffer.from([0xff, 0xfe, 0x7b]), {}, 400],
    [path, '{"instances":[{"inputs":{"x0":1e999,"x1":1}}]}', {}, 400],
    [path, '{"instances":[{"inputs":{"x0":1,"x1":1,"__proto__":2}}]}', {}, 200],
    [path, text, { 'content-type': 'text/plain' }, 415],
    [path, text, { 'content-type': 'application/vnd.x+json; charset=utf-8' }, 200],
    [path, JSON.stringify({ instances: Array.from({ length: 1001 }, () => ({ inputs: {} })) }), {}, 400],
    ['/api/endpoints/idle/predict', text, {}, 409],
    ['/api/endpoints/nobody/predict', text, {}, 404],
    ['/api/endpoints/No!/predict', text, {}, 400],
    ['/api/endpoints/e/predict?x=1', text, {}, 200],
  ];
  for (const [where, body, headers, status] of statuses) {
    assert.equal(
      ((await both(where, body, headers)) as Reply).status,
      status,
      `${where} ${body.toString().slice(0, 80)}`,
    );
  }
  const large = ways.map(async ({ url }) => (await post(url + path, ' '.repeat(8 * 1024 * 1024 + 1))).status);
  for (const status of await Promise.all(large.map((one) => one.catch(() => 413)))) assert.equal(status, 413);
});

/** Sends these pieces over one connection, each in a packet of its own, and reads until it is closed. */
async function sendPieces(url: string, pieces: readonly string[]): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  const received = streamText(socket);
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return received;
}

test('a body in pieces, with or without a length, is answered as a whole one, and so is the next on the connection', async () => {
  const text = JSON.stringify(good);
  const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
  const cut = (at: number): string[] => [text.slice(0, at), text.slice(at)];
  const chunk = (part: string): string => `${part.length.toString(16)}\r\n${part}\r\n`;
  const last = `${head}Connection: close\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
  const told = `${head}Content-Length: ${text.length}\r\n\r\n`;
  for (const pieces of [
    [told, ...cut(1), last],
    [told + (cut(20)[0] ?? ''), cut(20)[1] ?? '', last],
    [`${head}Transfer-Encoding: chunked\r\n\r\n${chunk(text)}`, '0\r\n\r\n', last],
    [`${head}Transfer-Encoding: chunked\r\n\r\n`, ...cut(30).map(chunk), `0\r\n\r\n${last}`],
    [told + text + told + text + last],
  ]) {
    for (const { url, name } of ways) {
      const answers = await sendPieces(url, pieces);
      const count = pieces.join('').split('POST ').length - 1;
      assert.equal(answers.split('HTTP/1.1 200 OK').length - 1, count, `${name}: ${answers}`);
      assert.equal(answers.split(/"version":1[,}]/).length - 1, count, `${name}: ${answers}`);
    }
  }
  const tooLarge = `${head}Transfer-Encoding: chunked\r\n\r\n${chunk(' '.repeat(60_000)).repeat(140)}0\r\n\r\n`;
  assert.match(await sendPieces(ways[0].url, [tooLarge]), /^HTTP\/1\.1 413 /);
});

test('who may not predict is refused before the body is read, on both ways', async () => {
  const text = JSON.stringify(good);
  const { secret } = await ways[0].auth.createToken({ name: 'reader', role: 'viewer', actor: 'owner' });
  const refused: [Record<string, string>, number][] = [
    [{ authorization: 'Bearer slw_0123456789abcdef_00000000000000000000' }, 401],
    [{ authorization: `Bearer ${secret}` }, 403],
    [{ host: 'evil.example' }, 403],
    [{ origin: 'http://evil.example' }, 403],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
  ];
  const before = (await serving.get('e')).deployment;
  for (const [headers, status] of refused) {
    assert.equal(((await both(path, text, headers)) as Reply).status, status, JSON.stringify(headers));
  }
  assert.deepEqual((await serving.get('e')).deployment, before);
});

test('many at once are answered each with its own, and all are counted', async () => {
  const [{ url, metrics }] = ways;
  const bodies = Array.from({ length: 64 }, (_, i) => ({
    instances: [{ inputs: i % 8 === 3 ? { x0: 1 } : { x0: i, x1: 0 } }],
  }));
  const replies = await Promise.all(bodies.map((body) => post(url + path, JSON.stringify(body))));
  replies.forEach(({ status, json }, i) => {
    if (i % 8 === 3) return assert.equal(status, 400);
    const [prediction] = (json as { predictions: { score: number }[] }).predictions;
    assert.ok(Math.abs((prediction?.score ?? 0) - 1 / (1 + Math.exp(-i))) < 1e-6, `${i}`);
  });
  const count = (pattern: RegExp): number => Number(pattern.exec(metrics.text())?.[1] ?? 0);
  assert.ok(count(/http_request_seconds_count\{operation="endpoints.predict",status="2xx"\} (\d+)/) >= 56);
  assert.ok(count(/prediction_seconds_count\{endpoint="e",status="400"\} (\d+)/) >= 8);
});
