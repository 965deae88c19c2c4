/** Feature sets on a real database and a real disk: apply, backfill, push, read, restart, crash, parity. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SlipwayError } from '@slipway/contract';
import { createSystemClock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import { openTestDb, testLog } from '../../platform/db/testing.ts';
import { parseDefinitionText } from './definition.ts';
import type { Definition } from './definition.ts';
import type { Datasets, Features } from './service.ts';
import { createFeatures } from './service.ts';
import { featureSetKind, featuresStore } from './store.ts';
import { createTestAnalytics, flightsFolder, flightsTable } from './testing.ts';

const analytics = createTestAnalytics();
after(() => analytics[Symbol.asyncDispose]());

const applySet = operation('test.apply-set', (trx, definition: Definition) =>
  featureSetKind.apply(trx, { name: definition.features, spec: definition, digest: '', project: 'p', actor: 'owner' }),
);
const removeSet = operation('test.remove-set', (trx, name: string) =>
  featureSetKind.remove(trx, { name, project: 'p', actor: 'owner' }),
);

interface World {
  readonly db: Db;
  readonly folder: string;
  open(): Promise<Features>;
  close(): Promise<void>;
}

async function createWorld(datasets: Datasets): Promise<World> {
  const { db, close } = await openTestDb({ modules: [featuresStore], operations: [applySet, removeSet] });
  const folder = mkdtempSync(join(tmpdir(), 'slipway-features-'));
  return {
    db,
    folder,
    open: async () => {
      const features = createFeatures({ db, clock: createSystemClock(), log: testLog(), analytics, datasets, folder });
      await features.start();
      return features;
    },
    close: async () => {
      await close();
      rmSync(folder, { recursive: true });
    },
  };
}

const originMs = Date.UTC(2020, 0, 1);
const clicks = parseDefinitionText(`
features: clicks
entities: { user: string }
request: { size: int }
sources: { clicks: { table: clicks, event_time: at, keys: { user: user }, where: amount is not null, columns: { amount: int = amount } } }
views:
  recent: { source: clicks, entity: user, within: 1h, features: { n: count() over 1h, total: sum(amount) over 1h, newest: last(amount) } }
  given: { features: { size: float(size) } }
services: { all: { at: now, features: [recent, given] } }
`);
const clickRows =
  "(VALUES (make_timestamp(1577836800000000 - 60000000), 'ann', 5::BIGINT), (make_timestamp(1577836800000000 - 7200000000), 'bob', 7::BIGINT), (make_timestamp(1577836800000000 + 60000000), 'ann', 100::BIGINT)) AS v(\"at\", \"user\", amount)";
const clickDatasets: Datasets = {
  resolve: (ref) => {
    if (!ref.startsWith('clicks'))
      return Promise.reject(new SlipwayError('not_found', { noun: 'dataset', name: ref, remedy: 'none' }));
    const schema = [
      { name: 'at', type: 'TIMESTAMP' },
      { name: 'user', type: 'VARCHAR' },
      { name: 'amount', type: 'BIGINT' },
    ];
    return Promise.resolve({ dataset: 'clicks', number: 1, schema, relation: `(SELECT * FROM ${clickRows})` });
  },
};
const read = async (features: Features, atMs: number, user = 'ann'): Promise<(number | null)[]> =>
  (await features.read({ set: 'clicks', service: 'all', at: atMs, keys: { user }, request: { size: 2 } })).values;
const rejects = (work: Promise<unknown>, code: string): Promise<void> =>
  assert.rejects(work, (error: unknown) => error instanceof SlipwayError && error.code === code);

test('a set is empty, is filled, takes rows once, and is the same after a stop and after a crash', async () => {
  const world = await createWorld(clickDatasets);
  let features = await world.open();
  await rejects(features.get('clicks'), 'not_found');
  await world.db.write(applySet, clicks);
  assert.equal((await features.get('clicks')).state.status, 'empty');
  await rejects(read(features, originMs), 'feature_state_empty');
  const filled = await features.backfill({ set: 'clicks', tables: {}, until: originMs, actor: 'owner' });
  assert.equal(filled.status, 'ready');
  assert.deepEqual(filled.backfill, { tables: { clicks: 'clicks@1' }, until: originMs });
  assert.equal(filled.sources['clicks']?.rows, 1, 'what is too old or known later is not read');
  assert.deepEqual(await read(features, originMs), [1, 5, 5, 2]);

  const rows = [
    { at: originMs + 1000, user: 'ann', amount: 10 },
    { at: originMs + 2000, user: 'ann', amount: null },
    { at: '2020-01-01T00:00:03Z', user: 'bob', amount: 1 },
  ];
  const answer = await features.push({ set: 'clicks', source: 'clicks', rows, batchId: 'one' });
  assert.deepEqual(answer, { accepted: 2, ignored: 1, knownAt: originMs + 3000 });
  assert.deepEqual(await features.push({ set: 'clicks', source: 'clicks', rows, batchId: 'one' }), answer);
  assert.deepEqual(await read(features, originMs + 5000), [2, 15, 10, 2]);
  await rejects(
    features.push({ set: 'clicks', source: 'clicks', rows: [rows[0] ?? {}, { at: 'x' }] }),
    'feature_row_invalid',
  );
  assert.deepEqual(await read(features, originMs + 5000), [2, 15, 10, 2], 'nothing of a refused batch was taken');
  // A late row counts from after the last read on.
  assert.equal(
    (await features.push({ set: 'clicks', source: 'clicks', rows: [{ at: originMs + 10, user: 'ann', amount: 1000 }] }))
      .knownAt,
    originMs + 5001,
  );
  assert.deepEqual(await read(features, originMs + 5000), [2, 15, 10, 2]);
  assert.deepEqual(await read(features, originMs + 5001), [3, 1015, 10, 2]);
  await rejects(read(features, originMs + 5000), 'feature_time_went_back');
  await features.stop();

  features = await world.open();
  assert.deepEqual(await read(features, originMs + 6000), [3, 1015, 10, 2], 'after a clean stop');
  await features.push({
    set: 'clicks',
    source: 'clicks',
    rows: [{ at: originMs + 7000, user: 'ann', amount: 1 }],
    batchId: 'two',
  });
  // A crash: nothing is closed, and the log ends in half a record.
  const generation = join(world.folder, 'clicks', readdirSync(join(world.folder, 'clicks'))[0] ?? '');
  const log =
    readdirSync(generation)
      .filter((file) => file.endsWith('.log'))
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
      .at(-1) ?? '';
  const whole = readFileSync(join(generation, log));
  appendFileSync(join(generation, log), whole.subarray(0, 40));
  const crashed = features;
  features = await world.open();
  assert.deepEqual(await read(features, originMs + 8000), [4, 1016, 1, 2], 'after a crash');
  assert.deepEqual(
    await features.push({
      set: 'clicks',
      source: 'clicks',
      rows: [{ at: originMs + 7000, user: 'ann', amount: 1 }],
      batchId: 'two',
    }),
    { accepted: 1, ignored: 0, knownAt: originMs + 7000 },
  );
  assert.deepEqual(await read(features, originMs + 8000), [4, 1016, 1, 2], 'the batch is known from the log');
  assert.equal(readFileSync(join(generation, log)).length, whole.length, 'the half record is gone');

  // A damaged record that is not the last is no crash: nothing is served from it.
  await features.stop();
  await crashed.stop();
  const bytes = Buffer.from(whole);
  bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20);
  for (const file of readdirSync(generation)) if (file.startsWith('state-')) rmSync(join(generation, file));
  writeFileSync(join(generation, log), Buffer.concat([bytes, whole]));
  features = await world.open();
  const { state } = await features.get('clicks');
  assert.equal(state.status, 'failed');
  assert.match(state.problem ?? '', /damaged record at byte 0/);
  await rejects(read(features, originMs + 9000), 'feature_state_empty');
  await features.backfill({
    set: 'clicks',
    tables: { clicks: 'clicks@1' },
    until: originMs + 3_600_000,
    actor: 'owner',
  });
  assert.deepEqual(await read(features, originMs + 3_600_000), [1, 100, 100, 2], 'a backfill mends it');
  await features.stop();
  await world.close();
});

test('a changed definition is filled again from the same tables and rows; a removed one is gone', async () => {
  const world = await createWorld(clickDatasets);
  const features = await world.open();
  await world.db.write(applySet, clicks);
  await features.push({ set: 'clicks', source: 'clicks', rows: [{ at: originMs - 5000, user: 'ann', amount: 1 }] });
  await features.backfill({ set: 'clicks', tables: {}, until: originMs, actor: 'owner' });
  await features.push({ set: 'clicks', source: 'clicks', rows: [{ at: originMs + 1000, user: 'ann', amount: 10 }] });
  const reader = features.reader('clicks', 'all');
  const before = reader.digest;
  const out = new Float64Array(5);
  reader.read(originMs + 2000, { user: 'ann', size: 3 }, out, 1);
  assert.deepEqual([...out], [0, 2, 15, 10, 3]);
  const changed = JSON.parse(JSON.stringify(clicks).replace('count() over 3600000000us', 'count() over 2s')) as unknown;
  await world.db.write(applySet, featureSetKind.parse('clicks', changed));
  assert.deepEqual(await read(features, originMs + 2000), [1, 15, 10, 2]);
  assert.notEqual(reader.digest, before);
  reader.read(originMs + 2500, { user: 'ann', size: 3 }, out);
  assert.deepEqual([...out.subarray(0, 4)], [1, 15, 10, 3]);
  assert.throws(() => featureSetKind.parse('other', clicks), /calls itself "clicks"/);
  await world.db.write(removeSet, 'clicks');
  await rejects(features.get('clicks'), 'not_found');
  assert.deepEqual((await features.list({ limit: 10 })).items, []);
  await features.stop();
  await world.close();
});

test('flights: backfilled to 1 April and fed with what happens, served values equal the join', async () => {
  const datasets: Datasets = {
    resolve: async (ref) => {
      const [, table = '', months = ''] = /^(\w+)(?:@latest|@7)?(?:\/(.*))?$/.exec(ref) ?? [];
      const relation = flightsTable(table, months === '' ? undefined : ['2013-01', '2013-02', '2013-03']);
      const rows = await analytics.rows<{ column_name: string; column_type: string }>(
        `DESCRIBE SELECT * FROM ${relation}`,
      );
      return {
        dataset: table,
        number: 7,
        relation,
        schema: rows.map(({ column_name: name, column_type: type }) => ({ name, type })),
      };
    },
  };
  const world = await createWorld(datasets);
  let features = await world.open();
  await world.db.write(applySet, parseDefinitionText(readFileSync(`${flightsFolder}features.yaml`, 'utf8')));
  const until = Date.UTC(2013, 3, 1, 4);
  const tables = { flights: 'flights@latest/q1', weather: 'weather@latest/q1' };
  const state = await features.backfill({ set: 'flights', tables, until, actor: 'owner' });
  assert.equal(state.nowAt, until);

  // The first hours of April: each source's rows as they become known, a third of the flights asked for.
  const hours = 14;
  const flights = await analytics.rows<Record<string, unknown>>(
    `SELECT * EXCLUDE (time_hour, sched_dep_utc, dep_utc, arr_utc), epoch_ms(time_hour) AS time_hour, epoch_ms(sched_dep_utc) AS sched_dep_utc, epoch_ms(dep_utc) AS dep_utc, epoch_ms(arr_utc) AS arr_utc
     FROM ${flightsTable('flights', ['2013-03', '2013-04'])} WHERE sched_dep_utc > make_timestamp(${(until - 86_400_000) * 1000}) AND sched_dep_utc < make_timestamp(${(until + (hours + 26) * 3_600_000) * 1000})`,
  );
  const weather = await analytics.rows<Record<string, unknown>>(
    `SELECT * EXCLUDE (time_hour), epoch_ms(time_hour) AS time_hour FROM ${flightsTable('weather', ['2013-03', '2013-04'])} WHERE time_hour > make_timestamp(${(until - 86_400_000) * 1000}) AND time_hour < make_timestamp(${(until + hours * 3_600_000) * 1000})`,
  );
  const plain = (row: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(row).map(([key, value]) => [key, typeof value === 'bigint' ? Number(value) : value]),
    );
  interface Happening {
    readonly at: number;
    readonly source: string | undefined;
    readonly row: Record<string, unknown>;
  }
  const happenings: Happening[] = [];
  for (const row of flights.map(plain)) {
    const sched = Number(row['sched_dep_utc']);
    happenings.push({ at: sched - 86_400_000, source: 'timetable', row });
    if (row['dep_utc'] !== null) happenings.push({ at: Number(row['dep_utc']), source: 'departures', row });
    if (row['arr_utc'] !== null) happenings.push({ at: Number(row['arr_utc']), source: 'arrivals', row });
    if (Number(row['flight']) % 3 === 0) happenings.push({ at: sched - 7_200_000, source: undefined, row });
  }
  for (const row of weather.map(plain))
    happenings.push({ at: Number(row['time_hour']) + 3_600_000, source: 'weather', row });
  // April's file brings the timetable of its first day, which was published before the backfill's instant: it comes late.
  const isNew = ({ at, source, row }: Happening): boolean =>
    at > until || (source === 'timetable' && row['month'] === 4);
  const due = happenings.filter((happening) => isNew(happening) && happening.at < until + hours * 3_600_000);
  // What is known at an instant is known to a read at that instant.
  due.sort((a, b) => a.at - b.at || Number(a.source === undefined) - Number(b.source === undefined));
  const predictions = [];
  let pushed = 0;
  for (const [i, { at, source, row }] of due.entries()) {
    if (source !== undefined) {
      const { accepted } = await features.push({ set: 'flights', source, rows: [row] });
      pushed += accepted;
      continue;
    }
    const keys = {
      origin: row['origin'],
      dest: row['dest'],
      carrier: row['carrier'],
      flight: row['flight'],
      aircraft: row['tailnum'],
    };
    const request = { sched_dep: row['sched_dep_utc'], block: row['sched_block'], miles: row['distance'] };
    const { values } = await features.read({ set: 'flights', service: 'delay_risk', at, keys, request });
    predictions.push({ at, keys, request, values });
    if (i % 500 === 0) {
      await features.stop();
      features = await world.open();
    }
  }
  assert.ok(pushed > 1000 && predictions.length > 150, `${pushed} pushed, ${predictions.length} served`);
  const report = await features.parity({ set: 'flights', service: 'delay_risk', tables: {}, predictions });
  assert.deepEqual(
    [report.rows, report.cells, report.different, report.examples],
    [predictions.length, predictions.length * 27, 0, []],
  );
  const wrong = predictions.map((prediction, i) =>
    i === 3 ? { ...prediction, values: prediction.values.map((value, f) => (f === 0 ? 1 : value)) } : prediction,
  );
  const caught = await features.parity({ set: 'flights', service: 'delay_risk', tables: {}, predictions: wrong });
  assert.equal(caught.different, 1);
  assert.equal(caught.examples[0]?.feature, 'dep_minute');
  assert.equal(caught.examples[0]?.row, 3);
  await rejects(
    features.parity({
      set: 'flights',
      service: 'delay_risk',
      tables: {},
      predictions: [{ at: until, keys: {}, request: {}, values: [1] }],
    }),
    'feature_request_invalid',
  );
  await rejects(
    features.read({ set: 'flights', service: 'delay_risk', keys: { orign: 'JFK' }, request: {} }),
    'feature_request_invalid',
  );
  await features.stop();
  await world.close();
});
