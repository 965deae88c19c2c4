import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import type { ColumnSchema, ExpectationResult } from '@slipway/contract';
import fc from 'fast-check';
import { parse as parseYaml } from 'yaml';
import { createAnalytics, sqlText } from '../../platform/analytics/analytics.ts';
import { parseSuite, parseSuiteSpec } from './suite.ts';
import type { TableSource } from './validate.ts';
import { validate } from './validate.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-quality-'));
const analytics = createAnalytics({ memoryLimit: '512MB', threads: 2, tempFolder: folder });
after(async () => {
  await analytics[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function parquet(paths: readonly string[]): Promise<TableSource> {
  const relation = `read_parquet([${paths.map(sqlText).join(', ')}], filename = true, file_row_number = true)`;
  const columns = await analytics.rows<{ column_name: string; column_type: string }>(
    `DESCRIBE SELECT * EXCLUDE (filename, file_row_number) FROM ${relation}`,
  );
  const schema = columns.map((c): ColumnSchema => ({ name: c.column_name, type: c.column_type, nullable: true }));
  return { relation, schema, files: paths.map((path) => ({ name: path.slice(path.lastIndexOf('/') + 1), path })) };
}

let written = 0;
/** Each text is the VALUES of one file, with these column names. */
async function source(columns: string, ...files: readonly string[]): Promise<TableSource> {
  const paths: string[] = [];
  for (const values of files) {
    const path = join(folder, `t${written++}.parquet`);
    await analytics.rows(
      `COPY (SELECT * FROM (VALUES ${values}) v(${columns.replaceAll(/\w+/g, '"$&"')})) TO ${sqlText(path)} (FORMAT parquet)`,
    );
    paths.push(path);
  }
  return parquet(paths);
}

async function check(
  table: TableSource,
  expectations: readonly Record<string, unknown>[],
  options: { readonly each?: string; readonly computed?: unknown; readonly key?: readonly string[] } = {},
): Promise<ExpectationResult[]> {
  const { each = 'table', ...rest } = options;
  const suite = parseSuite(parseSuiteSpec({ each, tables: { t: { ...rest, expectations } } }));
  return validate({ suite, tables: new Map([['t', table]]), connect: () => analytics.connect() });
}

interface Case {
  readonly rule: Record<string, unknown>;
  readonly success: boolean;
  readonly counts?: readonly [elements: number, missing: number, unexpected: number];
  readonly observed?: unknown;
}

test('each expectation counts as Great Expectations does: nulls are not considered, mostly is a share of the rest', async () => {
  // n: 1 2 99 null · s: a b b null · m: 1 3 2 0 · d: 2013-01-01 … 04
  const table = await source(
    'n, s, m, d',
    `(1, 'a', 1, DATE '2013-01-01'), (2, 'b', 3, DATE '2013-01-02'), (99, 'b', 2, DATE '2013-01-03'), (NULL, NULL, 0, DATE '2013-01-04')`,
  );
  const c = (type: string, rest: Record<string, unknown>): Record<string, unknown> => ({
    type: `expect_${type}`,
    ...rest,
  });
  const cases: readonly Case[] = [
    { rule: c('column_values_to_not_be_null', { column: 'n' }), success: false, counts: [4, 0, 1] },
    { rule: c('column_values_to_not_be_null', { column: 'n', mostly: 0.75 }), success: true, counts: [4, 0, 1] },
    { rule: c('column_values_to_be_null', { column: 'n', mostly: 0.25 }), success: true, counts: [4, 0, 3] },
    {
      rule: c('column_values_to_be_between', { column: 'n', min_value: 0, max_value: 10 }),
      success: false,
      counts: [4, 1, 1],
    },
    {
      rule: c('column_values_to_be_between', { column: 'n', min_value: 1, strict_min: true }),
      success: false,
      counts: [4, 1, 1],
    },
    {
      rule: c('column_values_to_be_between', { column: 'd', max_value: '2013-01-03' }),
      success: false,
      counts: [4, 0, 1],
    },
    {
      rule: c('column_values_to_be_between', { column: 'n', max_value: 10, where: "s = 'b'" }),
      success: false,
      counts: [2, 0, 1],
    },
    {
      rule: c('column_values_to_be_between', { column: 'n', max_value: 10, where: "s = 'z'" }),
      success: true,
      counts: [0, 0, 0],
    },
    {
      rule: c('column_values_to_be_in_set', { column: 's', value_set: ['a'], mostly: 0.3 }),
      success: true,
      counts: [4, 1, 2],
    },
    {
      rule: c('column_values_to_not_be_in_set', { column: 's', value_set: ["it's"] }),
      success: true,
      counts: [4, 1, 0],
    },
    { rule: c('column_values_to_match_regex', { column: 's', regex: '^a$' }), success: false, counts: [4, 1, 2] },
    { rule: c('column_values_to_not_match_regex', { column: 's', regex: 'z' }), success: true, counts: [4, 1, 0] },
    { rule: c('column_value_lengths_to_be_between', { column: 's', min_value: 2 }), success: false, counts: [4, 1, 3] },
    { rule: c('column_values_to_be_unique', { column: 's' }), success: false, counts: [4, 1, 2], observed: 1 },
    {
      rule: c('column_values_to_be_unique', { column: 's', where: 'n < 50' }),
      success: true,
      counts: [2, 0, 0],
      observed: 0,
    },
    {
      rule: c('compound_columns_to_be_unique', { column_list: ['s', 'n'] }),
      success: true,
      counts: [4, 1, 0],
      observed: 0,
    },
    {
      rule: c('column_pair_values_a_to_be_greater_than_b', { column_A: 'n', column_B: 'm' }),
      success: false,
      counts: [4, 1, 2],
    },
    {
      rule: c('column_pair_values_a_to_be_greater_than_b', { column_A: 'n', column_B: 'm', or_equal: true }),
      success: false,
      counts: [4, 1, 1],
    },
    { rule: c('column_pair_values_to_be_equal', { column_A: 'n', column_B: 'm' }), success: false, counts: [4, 0, 3] },
    { rule: c('row_condition', { condition: 'n > m' }), success: false, counts: [4, 1, 2] },
    { rule: c('row_condition', { condition: 'n is not null or m = 0' }), success: true, counts: [4, 0, 0] },
    { rule: c('table_row_count_to_be_between', { min_value: 5 }), success: false, observed: 4 },
    {
      rule: c('table_row_count_to_be_between', { max_value: 1, group_by: ['s'] }),
      success: false,
      counts: [3, 0, 1],
      observed: 2,
    },
    {
      rule: c('column_mean_to_be_between', { column: 'n', min_value: 34, max_value: 34 }),
      success: true,
      observed: 34,
    },
    { rule: c('column_median_to_be_between', { column: 'n', max_value: 1 }), success: false, observed: 2 },
    {
      rule: c('column_min_to_be_between', { column: 'd', min_value: '2013-01-01' }),
      success: true,
      observed: '2013-01-01T00:00:00.000Z',
    },
    {
      rule: c('column_max_to_be_between', { column: 'n', strict_max: true, max_value: 99 }),
      success: false,
      observed: 99,
    },
    { rule: c('column_sum_to_be_between', { column: 'm', min_value: 6, max_value: 6 }), success: true, observed: 6 },
    {
      rule: c('column_stdev_to_be_between', { column: 'm', max_value: 1 }),
      success: false,
      observed: Math.sqrt(5 / 3),
    },
    { rule: c('column_spread_to_be_between', { column: 'n', max_value: 98 }), success: true, observed: 98 },
    {
      rule: c('column_spread_to_be_between', { column: 'n', max_value: 90, group_by: ['s'] }),
      success: false,
      counts: [3, 0, 2],
      observed: 97,
    },
    {
      rule: c('column_unique_value_count_to_be_between', { column: 's', min_value: 2, max_value: 2 }),
      success: true,
      observed: 2,
    },
    {
      rule: c('column_proportion_of_unique_values_to_be_between', { column: 's', max_value: 0.5 }),
      success: false,
      observed: 2 / 3,
    },
    {
      rule: c('column_proportion_of_non_null_values_to_be_between', { column: 'n', min_value: 0.8 }),
      success: false,
      observed: 0.75,
    },
    {
      rule: c('column_distinct_values_to_contain_set', { column: 's', value_set: ['a', 'c'] }),
      success: false,
      observed: 'without c',
    },
    {
      rule: c('column_mean_to_be_between', { column: 'n', group_by: ['s'], bounds: { a: [0, 2], b: [50, 60] } }),
      success: false,
      counts: [3, 0, 1],
    },
    { rule: c('column_to_exist', { column: 'z' }), success: false, observed: 'missing' },
    {
      rule: c('table_columns_to_match_set', { column_set: ['n', 's'] }),
      success: false,
      observed: 'm not expected, d not expected',
    },
    { rule: c('table_columns_to_match_set', { column_set: ['n', 's'], exact_match: false }), success: true },
    { rule: c('column_values_to_be_of_type', { column: 'n', type_: 'integer' }), success: true, observed: 'INTEGER' },
  ];
  const results = await check(
    table,
    cases.map((x) => x.rule),
  );
  cases.forEach((wanted, i) => {
    const r = results[i];
    const name = `${i} ${JSON.stringify(wanted.rule)} -> ${JSON.stringify(r)}`;
    assert.ok(r);
    assert.equal(r.problem, undefined, name);
    assert.equal(r.success, wanted.success, name);
    if (wanted.counts) assert.deepEqual([r.elementCount, r.missingCount, r.unexpectedCount], wanted.counts, name);
    if (typeof wanted.observed === 'number') assert.ok(Math.abs(Number(r.observed) - wanted.observed) < 1e-12, name);
    else if ('observed' in wanted) assert.equal(r.observed, wanted.observed, name);
    assert.ok(r.sentence.startsWith('t: '), name);
    if (!wanted.success && r.column !== undefined && wanted.counts) assert.ok(r.samples.length > 0, name);
  });
});

test('a rule that the data cannot answer fails with its problem and stops no other', async () => {
  const table = await source('n, s', `(1, 'a'), (2, 'b')`);
  const [missing, type, regex, computed, fine] = await check(
    table,
    [
      { type: 'expect_column_values_to_not_be_null', column: 'absent' },
      { type: 'expect_row_condition', condition: 's > 5' },
      { type: 'expect_column_values_to_match_regex', column: 's', regex: '(' },
      { type: 'expect_column_values_to_not_be_null', column: 'bad' },
      { type: 'expect_column_values_to_be_between', column: 'n', max_value: 1 },
    ],
    { computed: { bad: 'gone + 1' } },
  );
  assert.match(missing?.problem ?? '', /no column or computed value "absent"/);
  assert.match(type?.problem ?? '', /Cannot compare values of type VARCHAR and type BIGINT/);
  assert.match(regex?.problem ?? '', /missing \)/);
  assert.match(computed?.problem ?? '', /"bad": .*"gone"/);
  assert.deepEqual(
    [missing, type, regex, computed].map((r) => r?.success),
    [false, false, false, false],
  );
  assert.deepEqual([fine?.unexpectedCount, fine?.problem, fine?.samples], [1, undefined, [{ n: 2 }]]);
});

test('per file: each file is judged on its own, windows do not look across, an empty file is judged too', async () => {
  const table = await source('k, n', `(1, 10), (2, 11)`, `(1, 99), (3, 12)`);
  const rules = [
    { type: 'expect_column_values_to_be_unique', column: 'k' },
    { type: 'expect_column_mean_to_be_between', column: 'n', max_value: 20 },
    { type: 'expect_row_condition', condition: 'abs(n - before) < 50' },
    { type: 'expect_column_values_to_be_between', column: 'n', max_value: 11, mostly: 0.5 },
  ];
  const computed = { before: { previous: 'n', order: 'k' } };
  const perFile = await check(table, rules, { each: 'file', computed });
  assert.deepEqual(
    perFile.map((r) => r.success),
    [true, false, false, false],
  );
  assert.deepEqual(
    perFile[1]?.failedFiles?.map((f) => [f.file, f.observed]),
    [[table.files[1]?.name, 55.5]],
  );
  assert.equal(perFile[1]?.observed, 55.5);
  assert.deepEqual(perFile[3]?.samples[0], { file: table.files[1]?.name, n: 99 });
  // The first file has a row above 11 as well, within its tolerance: it is neither shown nor counted in the sentence.
  const tolerant = await source('n', '(12), (1), (1)', '(99), (98), (1)');
  const [tolerated] = await check(tolerant, [{ ...rules[3], column: 'n' }], { each: 'file' });
  assert.equal(
    tolerated?.sentence,
    `t: n is at most 11 for at least 50 %: 2 of 3 rows do not hold (in ${tolerant.files[1]?.name}).`,
  );
  assert.deepEqual([tolerated?.unexpectedCount, tolerated?.samples.map((r) => r['n'])], [3, [99, 98]]);
  const whole = await check(table, rules, { computed });
  assert.deepEqual(
    whole.map((r) => r.success),
    [false, false, false, true],
  );

  const empty = await source('k', '(1)');
  await analytics.rows(`COPY (SELECT 1 AS k WHERE false) TO ${sqlText(empty.files[0]?.path ?? '')} (FORMAT parquet)`);
  const counts = [{ type: 'expect_table_row_count_to_be_between', min_value: 1 }];
  for (const each of ['file', 'table']) {
    const [result] = await check(empty, counts, { each });
    assert.deepEqual([result?.success, result?.observed], [false, 0], each);
  }
});

test('computed values build on each other across windows', async () => {
  const table = await source('place, at, n', `('a', 1, 10), ('a', 2, 14), ('a', 5, 15), ('b', 1, 20), ('b', 2, 0)`);
  const computed = {
    before: { previous: 'n', per: ['place'], order: 'at' },
    step: 'n - before',
    usual_step: { median: 'step', per: ['place'] },
    odd: 'abs(step - usual_step)',
    level: { mean: 'n', per: ['at'] },
  };
  const [odd, level] = await check(
    table,
    [
      { type: 'expect_column_max_to_be_between', column: 'odd', max_value: 1 },
      { type: 'expect_column_max_to_be_between', column: 'level', max_value: 15 },
    ],
    { computed },
  );
  assert.deepEqual([odd?.observed, level?.observed], [1.5, 15]);
});

test('a between rule agrees with a loop over the rows, for any rows, bounds and share', async () => {
  const value = fc.option(fc.integer({ min: -5, max: 5 }));
  await fc.assert(
    fc.asyncProperty(
      fc.array(value, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: -5, max: 5 }),
      fc.integer({ min: -5, max: 5 }),
      fc.integer({ min: 0, max: 10 }),
      async (values, min_value, max_value, tenths) => {
        const rows = values.map((v, i) => `(${i}, ${v === null ? 'NULL' : v}::INTEGER)`).join(', ');
        const relation = `(SELECT *, 'f' AS filename, i AS file_row_number FROM (VALUES ${rows}) v(i, n))`;
        const schema = [{ name: 'n', type: 'INTEGER', nullable: true }];
        const table: TableSource = { relation, schema, files: [{ name: 'f', path: 'f' }] };
        const mostly = tenths / 10;
        const [r] = await check(table, [
          { type: 'expect_column_values_to_be_between', column: 'n', min_value, max_value, mostly },
        ]);
        const real = values.filter((v) => v !== null);
        const bad = real.filter((v) => v < min_value || v > max_value);
        const success = real.length === 0 || (real.length - bad.length) / real.length >= mostly;
        assert.deepEqual(
          [r?.elementCount, r?.missingCount, r?.unexpectedCount, r?.success],
          [values.length, values.length - real.length, bad.length, success],
        );
        if (!success)
          assert.deepEqual(
            r?.samples,
            bad.slice(0, 5).map((n) => ({ n })),
          );
      },
    ),
    { numRuns: 60 },
  );
});

test('the scan stops when the caller goes away', async () => {
  const relation = `(SELECT i AS n, 'f' AS filename, i AS file_row_number FROM range(2000000000) r(i))`;
  const table: TableSource = {
    relation,
    schema: [{ name: 'n', type: 'BIGINT', nullable: false }],
    files: [{ name: 'f', path: 'f' }],
  };
  const suite = parseSuite(
    parseSuiteSpec({
      tables: { t: { expectations: [{ type: 'expect_column_stdev_to_be_between', column: 'n', max_value: 1 }] } },
    }),
  );
  const signal = AbortSignal.timeout(100);
  await assert.rejects(
    validate({ suite, tables: new Map([['t', table]]), connect: () => analytics.connect(), signal }),
    /TimeoutError|timeout/i,
  );
});

const flights = resolve(import.meta.dirname, '../../../../../examples/flights');
const flightsSuite = parseSuite(parseSuiteSpec(parseYaml(readFileSync(join(flights, 'expectations.yaml'), 'utf8'))));
const run = async (flightPaths: string[], weatherPaths: string[]): Promise<ExpectationResult[]> => {
  const tables = new Map([
    ['flights', await parquet(flightPaths)],
    ['weather', await parquet(weatherPaths)],
  ]);
  return validate({ suite: flightsSuite, tables, connect: () => analytics.connect() });
};

test('the flights suite passes in all twelve months', async () => {
  const months = Array.from({ length: 12 }, (_, i) => `2013-${String(i + 1).padStart(2, '0')}.parquet`);
  const results = await run(
    months.map((m) => join(flights, 'data/flights', m)),
    months.map((m) => join(flights, 'data/weather', m)),
  );
  assert.ok(results.length >= 55);
  assert.deepEqual(
    results.filter((r) => !r.success).map((r) => r.sentence),
    [],
  );
  assert.equal(results.find((r) => r.id === 'F03')?.elementCount, 336_776);
});

test('the broken month fails in thirteen places, with the counts that were measured independently', async () => {
  const results = await run(
    [join(flights, 'data/broken/flights-2013-06.parquet')],
    [join(flights, 'data/broken/weather-2013-06.parquet')],
  );
  const failed = new Map(results.filter((r) => !r.success).map((r) => [r.id, r]));
  const wanted: readonly [string, number, number?][] = [
    ['F03', 310],
    ['F11', 289],
    ['F19', 30],
    ['F20', 8281],
    ['F21', 9172],
    ['F25', 1940, 970],
    ['F29', 1, 1372.5],
    ['F30', 1, 523.6],
    ['F33', 184],
    ['W03', 72],
    ['W04', 144],
    ['W14', 148],
    ['W19', 1, 25],
  ];
  assert.deepEqual(
    [...failed.keys()],
    wanted.map(([id]) => id),
  );
  for (const [id, unexpected, observed] of wanted) {
    const r = failed.get(id);
    assert.equal(r?.unexpectedCount, unexpected, id);
    if (observed !== undefined) assert.ok(Math.abs(Number(r?.observed) - observed) < 0.1, `${id} ${r?.observed}`);
  }
  assert.deepEqual(failed.get('F03')?.samples[0], { flight_id: '2013-06-14|UA|1714|KLGA', origin: 'KLGA' });
});
