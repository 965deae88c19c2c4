import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { ErrorCode } from '@slipway/contract';
import { ExpectationResult, SlipwayError, ValidationResult } from '@slipway/contract';
import { createAnalytics, sqlText } from '../../platform/analytics/analytics.ts';
import { createSystemClock } from '../../platform/clock.ts';
import { operation } from '../../platform/db/db.ts';
import type { TestDb } from '../../platform/db/testing.ts';
import { dbTest, eachDatabase, fillAgain } from '../../platform/db/testing.ts';
import { createIds } from '../../platform/ids.ts';
import type { LedgerTables } from '../../platform/ledger/store.ts';
import type { Datasets, Quality } from './index.ts';
import { createQuality, qualityStore, suiteKind } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-quality-service-'));
const clock = createSystemClock();
const analytics = createAnalytics({ memoryLimit: '256MB', threads: 1, tempFolder: folder });
after(async () => {
  await analytics[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const applySuite = operation(
  'test.apply-suite',
  (trx, input: { name: string; digest: string; spec: unknown }): Promise<void> =>
    suiteKind.apply(trx, { ...input, spec: suiteKind.parse(input.name, input.spec), project: 'p', actor: 'owner' }),
);
const removeSuite = operation('test.remove-suite', (trx, input: { name: string }): Promise<void> =>
  suiteKind.remove(trx, { ...input, project: 'p', actor: 'owner' }),
);
const noteAgain = fillAgain(qualityStore, '0002-validation-dataset', 'quality_validation_dataset');

/** Two tables of one validation may ask for the same file at once: it is written once. */
const written = new Map<string, Promise<unknown>>();
function writeOnce(path: string, n: number): Promise<unknown> {
  const writing = written.get(path) ?? analytics.rows(`COPY (SELECT ${n} AS n) TO ${sqlText(path)} (FORMAT parquet)`);
  written.set(path, writing);
  return writing;
}

/** Datasets that are Parquet files in the folder: `good`, `bad`. */
const datasets: Datasets = {
  resolve: async (ref, { files }) => {
    const dataset = ref.replace(/@7$/, '');
    if (dataset !== 'good' && dataset !== 'bad')
      throw new SlipwayError('not_found', { noun: 'dataset', name: ref, remedy: '' });
    const path = join(folder, `${dataset}.parquet`);
    await writeOnce(path, dataset === 'good' ? 1 : -1);
    return {
      id: `dsv_${dataset}`,
      dataset,
      number: 7,
      digest: `sha256:${'7'.repeat(64)}`,
      rowCount: 1,
      schema: [{ name: 'n', type: 'INTEGER', nullable: false }],
      files: [{ name: files?.[0] ?? `${dataset}.parquet`, rowCount: 1 }],
      paths: [path],
      relation: `read_parquet([${sqlText(path)}], filename = true, file_row_number = true)`,
    };
  },
  pageRows: async ({ filter }, { limit }) => {
    const rows = await analytics.rows<{ n: number }>(
      `SELECT n FROM ${filter.relation} WHERE ${filter.condition} LIMIT ${limit}`,
    );
    return {
      columns: [{ name: 'n', type: 'INTEGER' }],
      items: rows.map(({ n }, i) => ({ file: 'bad.parquet', row: i + 1, values: [n] })),
    };
  },
};

const spec = {
  each: 'file',
  tables: {
    t: {
      expectations: [
        { id: 'positive', type: 'expect_column_values_to_be_between', column: 'n', min_value: 0 },
        { id: 'odd', type: 'expect_row_condition', condition: 'n = 2', severity: 'warning' },
      ],
    },
  },
};
const digest = (c: string): string => `sha256:${c.repeat(64)}`;

interface Bench extends TestDb {
  readonly quality: Quality;
}
const scenarios: { readonly title: string; readonly run: (b: Bench) => Promise<void> }[] = [];
const scenario = (title: string, run: (b: Bench) => Promise<void>): void => void scenarios.push({ title, run });

const refused =
  (code: ErrorCode, pattern: RegExp) =>
  (e: unknown): boolean => {
    assert.ok(e instanceof SlipwayError, String(e));
    assert.equal(e.code, code, e.message);
    assert.match(e.message, pattern);
    return true;
  };

scenario('a validation is judged, kept and told of; warnings do not fail it', async (bench) => {
  const { quality, db } = bench;
  const good = await quality.validate({ suite: 's', tables: { t: 'good' } }, { actor: 'token:ci' });
  assert.deepEqual([good.success, good.evaluated, good.failed, good.warnings], [true, 2, 0, 1]);
  const bad = await quality.validate({ suite: 's', tables: { t: 'bad' } }, { actor: 'owner' });
  assert.deepEqual([bad.success, bad.failed, bad.warnings], [false, 1, 1]);
  assert.deepEqual(bad.results[0]?.samples, [{ n: -1 }]);
  assert.deepEqual(await quality.getValidation(bad.id), bad);
  ValidationResult.parse(bad);
  for (const result of good.results) ExpectationResult.parse(result);

  await bench.sealed();
  const events = await db
    .read<LedgerTables>()
    .selectFrom('ledger_event')
    .select(['kind', 'subject', 'body', 'actor'])
    .orderBy('seq')
    .execute();
  assert.deepEqual(
    events.map((e) => [e.kind, e.subject, e.actor]),
    [
      ['validation.passed', good.id, 'token:ci'],
      ['validation.failed', bad.id, 'owner'],
    ],
  );
  const body = JSON.parse(events[1]?.body ?? '{}') as { failures: unknown; datasetVersions: unknown };
  assert.deepEqual(body.failures, [{ id: 'positive', sentence: 't: n is at least 0: 1 of 1 row does not hold.' }]);
  assert.deepEqual(body.datasetVersions, [
    { table: 't', dataset: 'bad', versionId: 'dsv_bad', version: 7, digest: digest('7') },
  ]);

  const page = await quality.listValidations({ limit: 1, suite: 's' });
  const rest = await quality.listValidations({ limit: 5, suite: 's', pageToken: page.nextPageToken });
  assert.deepEqual(
    [page.items[0]?.id, rest.items.map((v) => v.id), rest.nextPageToken],
    [bad.id, [good.id], undefined],
  );
  assert.deepEqual((await quality.listValidations({ limit: 5, suite: 'other' })).items, []);
  await assert.rejects(
    quality.listValidations({ limit: 5, pageToken: page.nextPageToken }),
    refused('page_token_invalid', /does not belong to this list/),
  );
});

scenario('the rows that failed are read again, by the rules and the version of that time', async ({ quality, db }) => {
  const bad = await quality.validate({ suite: 's', tables: { t: 'bad' } }, { actor: 'owner' });
  const looser = { tables: { t: { expectations: [{ type: 'expect_column_to_exist', column: 'n', id: 'there' }] } } };
  await db.write(applySuite, { name: 's', digest: digest('c'), spec: looser });
  const found = await quality.failingRows(bad.id, { expectation: 'positive', limit: 10 });
  assert.deepEqual(
    [found.dataset, found.version, found.rowCount, found.items],
    ['bad', 7, 1, [{ file: 'bad.parquet', row: 1, values: [-1] }]],
  );
  await assert.rejects(
    quality.failingRows(bad.id, { expectation: 'there', limit: 10 }),
    refused('not_found', /no expectation "there"/),
  );
  const later = await quality.validate({ suite: 's', tables: { t: 'bad' } }, { actor: 'owner' });
  await assert.rejects(
    quality.failingRows(later.id, { expectation: 'there', limit: 10 }),
    refused('rows_not_named', /the table as a whole/),
  );
});

scenario('a validation is found by exactly the versions that it looked at', async ({ quality, db }) => {
  const rule = { type: 'expect_column_to_exist', column: 'n' };
  const two = { tables: { t: { expectations: [rule] }, u: { expectations: [rule] } } };
  await db.write(applySuite, { name: 's', digest: digest('d'), spec: two });
  const first = await quality.validate({ suite: 's', tables: { t: 'bad', u: 'bad' } }, { actor: 'owner' });
  const second = await quality.validate({ suite: 's', tables: { t: 'good', u: 'bad' } }, { actor: 'owner' });
  const found = async (versionId: string, limit = 10): Promise<string[]> =>
    (await quality.validationsOf(versionId, limit)).map((v) => v.id);
  const check = async (): Promise<void> => {
    assert.deepEqual(await found('dsv_bad'), [second.id, first.id], 'newest first');
    assert.deepEqual(await found('dsv_bad', 1), [second.id]);
    assert.deepEqual(await found('dsv_good'), [second.id]);
    for (const like of ['dsv_ba', 'sv_bad', 'dsv_', 'dsv_%', '%', 'dsv_b_d', 'DSV_BAD', 'dsv_bad"', ''])
      assert.deepEqual(await found(like), [], like);
  };
  await check();
  await db.write(noteAgain, undefined);
  await check();
});

scenario(
  'a validation keeps the digest of the rules it was judged by, whatever is applied later',
  async ({ quality, db }) => {
    const first = await quality.validate({ suite: 's', tables: { t: 'bad' } }, { actor: 'owner' });
    const looser = { tables: { t: { expectations: [{ type: 'expect_column_to_exist', column: 'n' }] } } };
    await db.write(applySuite, { name: 's', digest: digest('b'), spec: looser });
    const second = await quality.validate({ suite: 's', tables: { t: 'bad' } }, { actor: 'owner' });
    assert.deepEqual([first.suiteDigest, second.suiteDigest, second.success], [digest('a'), digest('b'), true]);
    const suite = await quality.getSuite('s');
    assert.deepEqual([suite.digest, suite.expectationCount, suite.tables, suite.project], [digest('b'), 1, ['t'], 'p']);
    await db.write(removeSuite, { name: 's' });
    assert.deepEqual((await quality.listSuites({ limit: 10 })).items, []);
    await assert.rejects(
      quality.validate({ suite: 's', tables: { t: 'bad' } }, { actor: 'owner' }),
      refused('not_found', /suite "s"/),
    );
    assert.equal((await quality.getValidation(first.id)).failed, 1);
  },
);

scenario('what does not fit is refused, and nothing is recorded', async (bench) => {
  const { quality, db } = bench;
  const run = (tables: Record<string, string>): Promise<unknown> =>
    quality.validate({ suite: 's', tables }, { actor: 'owner' });
  await assert.rejects(run({}), refused('suite_tables_wrong', /tables t, but the request names none/));
  await assert.rejects(run({ t: 'good', u: 'good' }), refused('suite_tables_wrong', /names t, u/));
  await assert.rejects(run({ t: 'absent' }), refused('not_found', /dataset "absent"/));
  await assert.rejects(quality.getValidation('val_x'), refused('id_invalid', /"val_x" is not the id/));
  const absent = `val_${'0'.repeat(26)}`;
  await assert.rejects(quality.getValidation(absent), refused('not_found', /no validation "val_0/));
  assert.throws(
    () => suiteKind.parse('s', { tables: { t: { expectations: [{ type: 'x' }] } } }),
    refused('resource_invalid', /suite "s" .* at tables\.t\.expectations\.0\.type/),
  );
  assert.throws(() => suiteKind.parse('s', undefined), refused('resource_invalid', /suite "s"/));
  await bench.sealed();
  assert.equal((await db.read<LedgerTables>().selectFrom('ledger_event').select('seq').execute()).length, 0);
});

const options = { modules: [qualityStore], operations: [applySuite, removeSuite, noteAgain] };
eachDatabase((database, open) => {
  for (const { title, run } of scenarios) {
    dbTest(`${database}: ${title}`, open, options, async (_, opened) => {
      const { db } = opened;
      await db.write(applySuite, { name: 's', digest: digest('a'), spec });
      await run({ ...opened, quality: createQuality({ db, ids: createIds(clock), clock, analytics, datasets }) });
    });
  }
});
