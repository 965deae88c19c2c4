/** `slipway simulate` for an endpoint with a feature service: requests in order of time beside a copy of the features, which is gone afterwards. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { writeLinearModel } from '@slipway/onnx';
import { z } from 'zod';
import type { Slipway } from './cli.ts';
import { slipwayAt } from './cli.ts';
import { digestOf } from './linear-endpoint.ts';
import type { TestServer } from './server.ts';
import { startTestServer } from './server.ts';

let server: TestServer;
let slipway: Slipway;
let folder: string;
/** By `slipway deploy`. */
let printed: string;

const project = `
project: shop
datasets: { orders: {}, visits: {} }
features: [./features.yaml]
models: { returns: {} }
endpoints:
  returns: { model: returns, features: { set: shop, service: risk } }
monitors:
  returns-daily: { endpoint: returns, window: day, labelledMin: 40, labelGrace: 1h, zone: Europe/Berlin, alert: { gap: 0.12, z: 3 }, warning: { gap: 0.1, z: 2.5 } }
`;
const features = `
features: shop
entities: { user: string }
request: { asked_at: time, amount: float }
sources:
  orders: { table: orders, event_time: ordered_at, keys: { user: user }, columns: { amount: float = amount } }
  visits: { table: visits, event_time: seen_at, known_at: event_time + 1h, keys: { user: user } }
views:
  past: { source: orders, entity: user, features: { n_2d: count() over 2d, mean_5d: mean(amount) over 5d } }
  seen: { source: visits, entity: user, edges: closed, features: { visits_1d: count() over 1d } }
  given: { features: { hour: hour_of_day(asked_at), now: float(amount) } }
services:
  risk:
    at: asked_at
    features: [past, seen, given]
    rows:
      table: orders
      id: order_no
      keys: { user: user }
      request: { asked_at: ordered_at, amount: amount }
      label: { name: returned, value: returned, known_at: ordered_at + 6h }
`;

const originMs = Date.UTC(2026, 0, 5);
const random = (() => {
  let state = 11;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
})();
const userOf = (): string => `u${Math.floor(random() * 25)}`;
/** 800 orders in eight days, 15 % of them too much at the price. */
const orders = Array.from({ length: 800 }, (_, i) => {
  const amount = Math.round(random() * 1000) / 10;
  const at = new Date(originMs + i * 864_000).toISOString();
  return `o-${i},${at},${userOf()},${amount},${String(random() < 1 / (1 + Math.exp(4 - amount / 25)))}`;
});
const visits = Array.from({ length: 1500 }, (_, i) => `${new Date(originMs + i * 460_000).toISOString()},${userOf()}`);

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-simulate-features-'));
  server = await startTestServer();
  slipway = slipwayAt(server.url);
  const { client } = server;
  for (const [dataset, head, rows] of [
    ['orders', 'order_no,ordered_at,user,amount,returned', orders],
    ['visits', 'seen_at,user', visits],
  ] as const)
    await client.datasets.putFile({
      params: { dataset, file: `${dataset}.csv` },
      body: Buffer.from(`${head}\n${rows.join('\n')}\n`),
    });
  writeFileSync(join(folder, 'slipway.yaml'), project);
  writeFileSync(join(folder, 'features.yaml'), features);
  const applied = await slipway(['apply'], { cwd: folder });
  assert.equal(applied.code, 0, applied.err);
  const featureNames = ['n_2d', 'mean_5d', 'visits_1d', 'hour', 'now'];
  const bytes = Buffer.from(
    writeLinearModel({
      kind: 'linear',
      featureNames,
      coefficients: Float64Array.of(0.001, 0.0001, 0.001, 0, 0.04),
      intercept: -4,
      link: 'logistic',
      imputed: Float64Array.of(0, 50, 0, 12, 50),
      mean: new Float64Array(5),
      scale: new Float64Array(5).fill(1),
      classLabels: [0, 1],
    }),
  );
  const digest = digestOf(bytes);
  await client.objects.put({ params: { digest }, body: bytes });
  await client.models.createVersion({ params: { model: 'returns' }, body: { digest } });
  await client.featureSets.backfill({ params: { set: 'shop' }, body: { until: originMs + 8 * 86_400_000 } });
  const deployed = await slipway(['deploy', 'returns', '--endpoint', 'returns']);
  assert.equal(deployed.code, 0, deployed.err);
  printed = deployed.out;
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const simulate = ['simulate', '--endpoint', 'returns', '--rows', 'orders@1'];
const Told = z.object({
  simulation: z.string(),
  replayed: z.number(),
  rows: z.string(),
  monitors: z.array(z.object({ windows: z.array(z.object({ verdict: z.string(), labelled: z.number() })) })),
});

const realState = async (): Promise<unknown> =>
  (await server.client.featureSets.get({ params: { set: 'shop' } })).state;
const setNames = async (): Promise<string[]> =>
  (await server.client.featureSets.list({ query: { limit: 10 } })).items.map(({ name }) => name);

async function isUntouched(state: unknown): Promise<void> {
  const { client } = server;
  assert.deepEqual(await realState(), state);
  assert.deepEqual(await setNames(), ['shop']);
  assert.deepEqual(
    (await client.projects.list()).items.map(({ name }) => name),
    ['shop'],
  );
  assert.deepEqual(readdirSync(join(server.folder, 'features')), ['shop']);
  assert.equal((await client.endpoints.predictions({ params: { endpoint: 'returns' } })).items.length, 0);
}

test('requests see what was known at their instant, to the bit of the point-in-time join; the real features see nothing', async () => {
  const { client } = server;
  const state = await realState();
  const answer = await slipway([...simulate, '--keep', '--json']);
  assert.equal(answer.code, 0, answer.err);
  const told = Told.parse(JSON.parse(answer.out));
  assert.equal(told.replayed, 800);
  assert.deepEqual(
    told.monitors.flatMap(({ windows }) => windows.map(({ verdict, labelled }) => [verdict, labelled])),
    Array.from({ length: 8 }, () => ['ok', 100]),
  );
  const { items } = await client.endpoints.predictions({
    params: { endpoint: told.simulation },
    query: { limit: 1000 },
  });
  assert.equal(items.length, 800);
  assert.equal(
    new Set(items.map(({ instanceId }) => instanceId)).size,
    800,
    'predictions are known by the ids of their rows',
  );
  assert(items.some((one) => Number(one.features['n_2d']) > 3 && Number(one.features['visits_1d']) > 3));
  const report = await client.featureSets.parity({
    params: { set: 'shop', service: 'risk' },
    body: {
      tables: { orders: 'orders@1', visits: 'visits@1' },
      predictions: items.map(({ at, inputs, features: served }) => ({
        at,
        keys: inputs,
        values: Object.values(served),
      })),
    },
  });
  assert.deepEqual([report.rows, report.cells, report.different], [800, 4000, 0]);
  const { simulation } = await client.projects.get({ params: { project: told.simulation } });
  assert((simulation?.expiresAt ?? 0) > Date.now() + 6 * 86_400_000, 'it stays a week');
  const removed = await slipway(['destroy', told.simulation, '--yes']);
  assert.equal(removed.code, 0, removed.err);
  await isUntouched(state);
});

test('a shift of what requests bring is an alert; Ctrl-C leaves nothing, and what a killed command leaves has an end', async () => {
  const state = await realState();
  const shifted = await slipway([...simulate, '--shift', 'amount=+60']);
  assert.equal(shifted.code, 0, shifted.err);
  assert.match(shifted.out, /800 rows of orders@1, at their own times/);
  assert.match(shifted.out, /As it is, 4 windows: 4 ordinary\. Shifted, 4 windows: 4 alerts\./);
  await isUntouched(state);
  const stopped = await slipway([...simulate, '--rate', '50'], { interruptAt: /Replaying/ });
  assert.equal(stopped.code, 130, stopped.err);
  await isUntouched(state);

  const killed = await slipway([...simulate, '--rate', '50'], { interruptAt: /Replaying/, interruptWith: 'SIGKILL' });
  assert.equal(killed.code, null);
  const left = (await server.client.projects.list()).items.find(({ simulation }) => simulation !== undefined);
  assert.equal(left?.simulation?.of, 'returns');
  assert((left?.simulation?.expiresAt ?? Infinity) <= Date.now() + 120_000, 'the server ends it: nobody renews it');
  await server.client.projects.destroy({ params: { project: left?.name ?? '' } });
  await isUntouched(state);
});

test('callers send keys and their own inputs, every one of them: the printed line, a misspelt name, outcomes by id', async () => {
  const curl = /curl -X POST '(?<url>[^']+)'[^]*-d '(?<body>[^']+)'/.exec(printed)?.groups;
  const ask = async (body: unknown): Promise<{ readonly status: number; readonly text: string }> => {
    const response = await fetch(curl?.['url'] ?? '', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, text: await response.text() };
  };
  const Sent = z.object({
    instances: z.tuple([z.object({ at: z.number(), inputs: z.record(z.string(), z.unknown()) })]),
  });
  const sent = Sent.parse(JSON.parse(curl?.['body'] ?? ''));
  const [{ at, inputs }] = sent.instances;
  assert.deepEqual(Object.keys(inputs), ['user', 'asked_at', 'amount'], 'and no aggregate');
  assert.equal(at, originMs + 8 * 86_400_000, 'of the past, because the state stands there');
  assert.equal((await ask(sent)).status, 200);
  const { user, ...others } = inputs;
  const misspelt = await ask({ instances: [{ at, inputs: { ...others, usr: user } }] });
  assert.equal(misspelt.status, 400);
  assert.match(misspelt.text, /user is missing.*null where it is not known/);
  assert.equal((await ask({ instances: [{ id: 'r-1', inputs: { ...inputs, user: null } }] })).status, 200);

  const { sample } = await server.client.endpoints.interface({ params: { endpoint: 'returns' } });
  assert.equal(sample.at, undefined, 'a state that follows the clock is asked as of now');
  const outcomes = join(folder, 'outcomes.csv');
  writeFileSync(outcomes, 'row,returned\nr-1,1\n');
  const pushed = await slipway(['labels', 'push', 'returns', outcomes, '--id', 'row', '--label', 'returned', '--json']);
  assert.equal(pushed.code, 0, pushed.err);
  assert.match(pushed.out, /"joined": ?1/);
});

test('what a feature service cannot replay is refused with what to do', async () => {
  writeFileSync(join(folder, 'bare.csv'), 'user,asked_at,amount,returned\nu1,2026-01-06T00:00:00Z,5,true\n');
  const file = ['simulate', '--endpoint', 'returns', '--rows', join(folder, 'bare.csv')];
  const bad: readonly (readonly [flags: readonly string[], code: number, says: RegExp])[] = [
    [simulate.slice(0, 3), 2, /made by no pipeline.*--rows/],
    [[...simulate.slice(0, 4), 'orders@9'], 3, /no dataset version "orders@9"/],
    [[...simulate, '--shift', 'n_2d=+1'], 2, /no such input; they have user, asked_at, amount/],
    [[...simulate, '--at', 'ordered_at'], 2, /says itself when/],
    [[...simulate, '--label', 'no'], 3, /no column "no"/],
    [[...simulate, '--limit', '90', '--shift', 'amount=null'], 2, /in one day.*nothing would stay unshifted/],
    [[...file, '--label', 'returned'], 2, /--at/],
  ];
  for (const [flags, code, says] of bad) {
    const answer = await slipway(flags);
    assert.equal(answer.code, code, `${flags.join(' ')}: ${answer.err}`);
    assert.match(answer.err, says);
    assert.equal(answer.out, '');
  }
  const replayed = await slipway([...file, '--label', 'returned', '--at', 'asked_at', '--json']);
  assert.equal(replayed.code, 0, replayed.err);
  assert.equal(Told.parse(JSON.parse(replayed.out)).replayed, 1);
});
