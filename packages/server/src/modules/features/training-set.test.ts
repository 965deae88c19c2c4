import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseDefinition, parseDefinitionText } from './definition.ts';
import { createTestAnalytics, flightsFolder } from './testing.ts';
import { buildTrainingSet } from './training-set.ts';

const analytics = createTestAnalytics();
const folder = mkdtempSync(join(tmpdir(), 'slipway-features-'));
after(async () => {
  await analytics[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});
const definition = parseDefinitionText(readFileSync(`${flightsFolder}features.yaml`, 'utf8'));
const months = (table: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${flightsFolder}data/${table}/2013-0${i + 1}.parquet`);
const tables = { flights: months('flights', 2), weather: months('weather', 2) };

test('a training set of flights: rows, labels, the order of columns, parity, and the same bytes again', async () => {
  const outFile = join(folder, 'set.parquet');
  const input = { definition, service: 'delay_risk', tables, outFile, paritySample: 300, analytics };
  const set = await buildTrainingSet(input);
  assert.equal(set.rowCount, 27_004 + 24_951);
  assert.equal(set.labelledCount, 26_398 + 23_611);
  assert.equal(set.refusedCount, 0);
  assert.deepEqual([set.parity.rows, set.parity.cells, set.parity.different], [300, 8100, 0]);
  const described = await analytics.rows<{ column_name: string; column_type: string }>(
    `DESCRIBE SELECT * FROM read_parquet('${outFile}')`,
  );
  assert.deepEqual(
    described.map(({ column_name, column_type }) => `${column_name} ${column_type}`),
    [
      'row_id VARCHAR',
      'at BIGINT',
      'label TINYINT',
      'label_known_at BIGINT',
      ...set.names.map((name) => `${name} DOUBLE`),
      'carrier VARCHAR',
      'origin VARCHAR',
      'dest VARCHAR',
    ],
  );
  const [row] = await analytics.rows<Record<string, unknown>>(
    `SELECT avg(label) AS rate, count(DISTINCT row_id) AS ids FROM read_parquet('${outFile}')`,
  );
  assert.equal(Number(row?.['ids']), set.rowCount);
  assert.ok(Math.abs(Number(row?.['rate']) - (6001 + 5418) / (26_398 + 23_611)) < 1e-12);
  const again = await buildTrainingSet({ ...input, outFile: join(folder, 'again.parquet') });
  assert.equal(again.digest, set.digest);
});

test('nothing at or after the cut is used', async () => {
  const cutMs = Date.UTC(2013, 1, 15, 5);
  const outFile = join(folder, 'cut.parquet');
  const set = await buildTrainingSet({
    definition,
    service: 'delay_risk',
    tables,
    outFile,
    labelKnownBeforeMs: cutMs,
    paritySample: 50,
    analytics,
  });
  const [row] = await analytics.rows<Record<string, unknown>>(
    `SELECT max("at") AS last, max(label_known_at) AS known, count(*) FILTER (label IS NULL AND label_known_at IS NULL) AS unlabelled FROM read_parquet('${outFile}')`,
  );
  assert.ok(Number(row?.['last']) < cutMs && Number(row?.['last']) > cutMs - 3 * 3_600_000);
  assert.ok(Number(row?.['known']) < cutMs);
  assert.equal(set.rowCount - set.labelledCount, Number(row?.['unlabelled']));
  const earlier = await buildTrainingSet({
    definition,
    service: 'delay_risk',
    tables: { flights: months('flights', 1), weather: months('weather', 1) },
    outFile: join(folder, 'jan.parquet'),
    labelKnownBeforeMs: Date.UTC(2013, 0, 30),
    analytics,
  });
  const same = await analytics.rows<{ different: bigint }>(
    `SELECT count(*) AS different FROM (SELECT * EXCLUDE (label, label_known_at) FROM read_parquet('${join(folder, 'jan.parquet')}')
       EXCEPT SELECT * EXCLUDE (label, label_known_at) FROM read_parquet('${outFile}'))`,
  );
  assert.equal(Number(same[0]?.different), 0);
  assert.ok(earlier.rowCount > 20_000);
});

test('own columns beside features as of an instant of the table: neither the row itself, nor a later one, nor one of its instant', async () => {
  const orders = (changed: Readonly<Record<string, number>>): string =>
    `(SELECT * FROM (VALUES ${[
      ['a', 1, 'x', 10],
      ['b', 2, 'x', 20],
      ['c', 2, 'x', 40],
      ['d', 2, 'y', 80],
      ['e', 3, 'x', 160],
      ['f', 9, 'x', 320],
    ]
      .map(
        ([id, day, who, amount]) =>
          `('${id}', TIMESTAMP '2025-01-0${day}', '${who}', ${changed[String(id)] ?? amount})`,
      )
      .join(', ')}) AS t("Order", placed, who, amount))`;
  const history = parseDefinitionText(`
features: shop
entities: { who: string }
sources:
  earlier: { table: my-orders, event_time: placed, known_at: event_time + 1ms, keys: { who: who }, columns: { amount: float = amount } }
views:
  past: { source: earlier, entity: who, features: { n: count() over 7d, total: sum(amount) over 7d, newest: last(amount), days: (now - last(event_time)) / 1d } }
services:
  history: { features: [past], rows: { table: my-orders, at: placed, keys: { who: who } } }
`);
  const outFile = join(folder, 'own.parquet');
  const warm = await buildTrainingSet({
    definition: history,
    service: 'history',
    tables: { 'my-orders': { sql: orders({}) } },
    outFile,
    withOwnColumns: true,
    warmUpMs: 1.5 * 86_400_000,
    analytics,
  });
  assert.equal(warm.rowCount, 2, 'the rows from a day and a half after the first one on');
  const [late] = await analytics.rows<Record<string, unknown>>(
    `SELECT * FROM read_parquet('${outFile}') ORDER BY "Order"`,
  );
  assert.equal(late?.['total'], 70, 'rows that are left out have their say');
  const build = async (changed: Readonly<Record<string, number>>) => {
    const tables = { 'my-orders': { sql: orders(changed) } };
    const built = await buildTrainingSet({
      definition: history,
      service: 'history',
      tables,
      outFile,
      withOwnColumns: true,
      analytics,
    });
    assert.deepEqual([built.rowCount, built.parity.cells, built.parity.different], [6, 24, 0]);
    const rows = await analytics.rows<Record<string, unknown>>(
      `SELECT * FROM read_parquet('${outFile}') ORDER BY "Order"`,
    );
    return rows.map((row) => [row['Order'], row['n'], row['total'], row['newest'], row['days']]);
  };
  const expected = [
    ['a', 0, 0, null, null],
    ['b', 1, 10, 10, 1],
    ['c', 1, 10, 10, 1],
    ['d', 0, 0, null, null],
    ['e', 3, 70, 40, 1],
    ['f', 1, 160, 160, 6],
  ];
  assert.deepEqual(await build({}), expected);
  // What a row is worth shows in later rows only.
  const changed = await build({ e: 7, f: 9 });
  assert.deepEqual(changed.slice(0, 5), expected.slice(0, 5));
  assert.deepEqual(changed[5], ['f', 1, 7, 7, 6]);

  const twice = { ...history, services: { history: { ...history.services['history'], at: 'now' } } };
  assert.throws(() => parseDefinition(twice), /second instant/);
  const clash = orders({}).replace('"Order"', 'n');
  await assert.rejects(
    buildTrainingSet({
      definition: history,
      service: 'history',
      tables: { 'my-orders': { sql: clash } },
      outFile,
      withOwnColumns: true,
      analytics,
    }),
    /two columns of the training set/,
  );
});

test('a set that cannot be built says why', async () => {
  const base = { service: 'delay_risk', tables, outFile: join(folder, 'never.parquet'), analytics };
  const { at: _, ...withoutAt } = definition.services['delay_risk'] ?? { features: [] };
  const changed = { ...definition, services: { delay_risk: withoutAt } };
  await assert.rejects(buildTrainingSet({ ...base, definition: changed }), /"at" is missing/);
  await assert.rejects(
    buildTrainingSet({ ...base, definition, tables: { flights: tables.flights } }),
    /"weather" is a table that was not given/,
  );
  await assert.rejects(
    buildTrainingSet({ ...base, definition, service: 'nope' }),
    /"nope" is not a service. Services: delay_risk or delay_risk_percent/,
  );
});
