import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after } from 'node:test';
import type { ErrorCode } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import { createAnalytics, sqlText } from '../../platform/analytics/analytics.ts';
import { createSystemClock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import type { TestDb } from '../../platform/db/testing.ts';
import { dbTest, eachDatabase, testLog } from '../../platform/db/testing.ts';
import { createIds } from '../../platform/ids.ts';
import type { LedgerTables } from '../../platform/ledger/store.ts';
import { createFileObjects } from '../../platform/objects/file-objects.ts';
import type { Data } from './index.ts';
import { createData, datasetKind, dataStore } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-data-'));
const clock = createSystemClock();
const analytics = createAnalytics({ memoryLimit: '512MB', threads: 2, tempFolder: folder });
after(async () => {
  await analytics[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

interface Bench {
  readonly data: Data;
  readonly db: Db;
  readonly uploadFolder: string;
  put(dataset: string, file: string, bytes: string | Uint8Array): ReturnType<Data['putFile']>;
  events(): Promise<{ kind: string; body: Record<string, unknown> }[]>;
  /** Names below the object and the upload folder. */
  stored(): { objects: number; uploads: string[] };
}

const applyDataset = operation('test.apply-dataset', (trx, input: { name: string; spec: unknown }): Promise<void> =>
  datasetKind.apply(trx, {
    name: input.name,
    spec: datasetKind.parse(input.name, input.spec),
    digest: '',
    project: 'p',
    actor: 'owner',
  }),
);
const removeDataset = operation('test.remove-dataset', (trx, input: { name: string }): Promise<void> =>
  datasetKind.remove(trx, { name: input.name, project: 'p', actor: 'owner' }),
);

let benches = 0;
async function benchOn(opened: TestDb): Promise<Bench> {
  const { db } = opened;
  const root = join(folder, `bench${benches++}`);
  const objects = await createFileObjects({ folder: join(root, 'objects'), clock, log: testLog() });
  const uploadFolder = join(root, 'uploads');
  const data = createData({ db, ids: createIds(clock), objects, analytics, uploadFolder });
  return {
    data,
    db,
    uploadFolder,
    put: (dataset, file, bytes) =>
      data.putFile({
        dataset,
        file,
        actor: 'owner',
        bytes: (async function* () {
          yield typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
        })(),
      }),
    events: async () => {
      await opened.sealed();
      const rows = await db
        .read<LedgerTables>()
        .selectFrom('ledger_event')
        .select(['kind', 'body'])
        .orderBy('seq')
        .execute();
      return rows.map((r) => ({ kind: r.kind, body: JSON.parse(r.body) as Record<string, unknown> }));
    },
    stored: () => ({
      objects: readdirSync(join(root, 'objects', 'sha256'), { recursive: true, withFileTypes: true }).filter((e) =>
        e.isFile(),
      ).length,
      uploads: readdirSync(uploadFolder),
    }),
  };
}

let made = 0;
async function parquet(select: string): Promise<Buffer> {
  const path = join(folder, `made${made++}.parquet`);
  await analytics.rows(`COPY (${select}) TO ${sqlText(path)} (FORMAT parquet)`);
  return readFileSync(path);
}

const refused =
  (code: ErrorCode, pattern: RegExp) =>
  (e: unknown): boolean => {
    assert.ok(e instanceof SlipwayError, String(e));
    assert.equal(e.code, code, e.message);
    assert.match(e.message, pattern);
    assert.ok(!e.message.includes(folder), e.message);
    return true;
  };

const scenarios: { readonly title: string; readonly run: (b: Bench) => Promise<void> }[] = [];
const scenario = (title: string, run: (b: Bench) => Promise<void>): void => void scenarios.push({ title, run });

scenario('files make versions, equal bytes make none, and equal content has one digest', async (b) => {
  const [one, two] = [await parquet('SELECT 1 AS n, NULL::VARCHAR AS s'), await parquet(`SELECT 2 AS n, 'x' AS s`)];
  const first = await b.put('d', 'b.parquet', one);
  assert.deepEqual([first.stored, first.unchanged, first.version.number, first.version.rowCount], [true, false, 1, 1]);
  assert.deepEqual(first.version.schema, [
    { name: 'n', type: 'INTEGER', nullable: false },
    { name: 's', type: 'VARCHAR', nullable: true },
  ]);
  const again = await b.put('d', 'b.parquet', one);
  assert.deepEqual([again.stored, again.unchanged, again.version], [false, true, first.version]);
  const second = await b.put('d', 'a.parquet', two);
  assert.deepEqual(
    second.version.files.map((f) => f.name),
    ['a.parquet', 'b.parquet'],
  );
  const replaced = await b.put('d', 'b.parquet', two);
  assert.deepEqual([replaced.stored, replaced.version.number, replaced.version.sizeBytes], [false, 3, 2 * two.length]);
  const back = await b.put('d', 'b.parquet', one);
  assert.deepEqual([back.version.number, back.version.digest], [4, second.version.digest]);
  assert.equal((await b.data.version('d', second.version.digest)).number, 4);
  assert.deepEqual(await b.data.version('d', '2'), second.version);
  const fewer = await b.data.removeFile({ dataset: 'd', file: 'a.parquet', actor: 'owner' });
  assert.deepEqual([fewer.number, fewer.digest], [5, first.version.digest]);

  assert.deepEqual(b.stored(), { objects: 2, uploads: [] });
  assert.equal(await b.data.isReferenced(first.version.files[0]?.digest ?? ''), true);
  assert.equal(await b.data.isReferenced(`sha256:${'0'.repeat(64)}`), false);
  assert.deepEqual(
    (await b.events()).map((e) => [
      e.kind,
      e.body['number'],
      e.body['added'] ?? e.body['replaced'] ?? e.body['removed'],
    ]),
    [
      ['dataset.created', undefined, undefined],
      ['dataset.version-created', 1, 'b.parquet'],
      ['dataset.version-created', 2, 'a.parquet'],
      ['dataset.version-created', 3, 'b.parquet'],
      ['dataset.version-created', 4, 'b.parquet'],
      ['dataset.version-created', 5, 'a.parquet'],
    ],
  );
  const diff = await b.data.diff('d', '1', '3');
  assert.deepEqual(
    diff.files.map((f) => [f.name, f.change]),
    [
      ['a.parquet', 'added'],
      ['b.parquet', 'changed'],
    ],
  );
  assert.deepEqual([diff.rowCountFrom, diff.rowCountTo, diff.columns], [1, 2, []]);
});

scenario(
  'a file that cannot be read leaves nothing behind, and the message names the file and the format',
  async (b) => {
    const good = await parquet('SELECT i AS n, i::VARCHAR AS s FROM range(5000) r(i)');
    const damaged = Buffer.from(good);
    damaged.fill(0xff, 20, 4000);
    const cases: readonly [string, string | Uint8Array, ErrorCode, RegExp][] = [
      ['x.parquet', 'a,b\n1,2\n', 'data_format_wrong', /"x\.parquet" cannot be read as Parquet: it does not begin/],
      ['x.parquet', '', 'data_format_wrong', /begin and end with PAR1/],
      ['x.parquet', good.subarray(0, 3000), 'data_format_wrong', /cut off/],
      ['x.parquet', damaged, 'data_format_wrong', /cannot be read as Parquet/],
      [
        'x.parquet',
        Buffer.concat([Buffer.from('PAR1'), Buffer.alloc(50), Buffer.from('PAR1')]),
        'data_format_wrong',
        /Parquet/,
      ],
      ['x.csv', 'a,b\n1,2\n3,4,5\n', 'data_format_wrong', /cannot be read as CSV/],
      ['x.ndjson', '{"a": 1}\n{"a": ', 'data_format_wrong', /newline-delimited JSON/],
      [
        'x.parquet',
        await parquet('SELECT 1 AS filename'),
        'data_format_wrong',
        /"filename" has a name that Slipway uses/,
      ],
      ['x.parquet', await parquet('SELECT 1 AS __file'), 'data_format_wrong', /"__file"/],
    ];
    for (const [name, bytes, code, message] of cases) {
      await assert.rejects(b.put('d', name, bytes), refused(code, message), `${name} ${message}`);
    }
    assert.deepEqual((await b.data.list({ limit: 10 })).items, []);

    const first = await b.put('d', 'a.parquet', await parquet('SELECT 1 AS n'));
    await assert.rejects(
      b.put('d', 'b.parquet', await parquet(`SELECT 'x' AS n, 1 AS m`)),
      refused(
        'schema_mismatch',
        /"b\.parquet" does not fit dataset "d": column "n" is VARCHAR, but INTEGER .*; column "m"/,
      ),
    );
    assert.deepEqual((await b.data.get('d')).latest?.digest, first.version.digest);
    assert.deepEqual(b.stored(), { objects: 1, uploads: [] });
    assert.equal((await b.events()).length, 2);
  },
);

scenario('uploads of a server that was killed are removed a day later', async (b) => {
  const old = createIds({ ...clock, now: () => clock.now() - 25 * 3_600_000 }).next('datasetVersion');
  const young = createIds(clock).next('datasetVersion');
  mkdirSync(b.uploadFolder, { recursive: true });
  for (const name of [old, young]) writeFileSync(join(b.uploadFolder, name), 'part');
  await b.put('d', 'a.csv', 'n\n1\n');
  assert.deepEqual(b.stored().uploads, [young]);
});

scenario('a stream that breaks off leaves nothing behind', async (b) => {
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(100_000);
    throw new Error('the client went away');
  };
  await assert.rejects(b.data.putFile({ dataset: 'd', file: 'a.csv', actor: 'owner', bytes: broken() }), /went away/);
  assert.deepEqual(b.stored(), { objects: 0, uploads: [] });
  assert.deepEqual((await b.data.list({ limit: 10 })).items, []);
});

scenario('text formats take the types of the dataset, and mixed formats read as one relation', async (b) => {
  await b.put('d', 'a.csv', 'n,s,t\n1.5,"a, ""b""",2013-01-01 10:00:00\n,,\n');
  await b.put('d', 'b.csv', '\uFEFFn,"s",t\r\n2,7,2013-01-02 00:00:00\r\n');
  const { version } = await b.put('d', 'c.ndjson', '{"n": 3, "s": "z", "t": null}\n');
  assert.deepEqual(version.schema, [
    { name: 'n', type: 'DOUBLE', nullable: true },
    { name: 's', type: 'VARCHAR', nullable: true },
    { name: 't', type: 'TIMESTAMP', nullable: true },
  ]);
  const { relation, paths } = await b.data.resolve('d');
  const rows = await analytics.rows<{ n: number; s: string; file: bigint }>(
    `SELECT n, s, list_position([${paths.map(sqlText).join(', ')}], filename) AS file FROM ${relation} ORDER BY file, n`,
  );
  assert.deepEqual(
    rows.map((r) => [r.n, r.s, Number(r.file)]),
    [
      [1.5, 'a, "b"', 1],
      [null, null, 1],
      [2, '7', 2],
      [3, 'z', 3],
    ],
  );
  await assert.rejects(
    b.put('d', 'e.csv', 's,n,t\nx,1,\n'),
    refused('data_format_wrong', /another order than n, s, t/),
  );
  await assert.rejects(
    b.put('d', 'e.csv', 'n,s,t\nmany,x,\n'),
    refused('data_format_wrong', /cannot be read as CSV: .*many/),
  );
});

scenario('puts at the same time all arrive', async (b) => {
  const files = await Promise.all(Array.from({ length: 8 }, (_, i) => parquet(`SELECT ${i} AS n`)));
  await Promise.all(files.map((bytes, i) => b.put('d', `${i}.parquet`, bytes)));
  const latest = await b.data.version('d', 'latest');
  assert.deepEqual([latest.number, latest.rowCount, latest.files.length], [8, 8, 8]);
  const versions = await b.data.versions('d', { limit: 5 });
  assert.deepEqual(
    versions.items.map((v) => v.number),
    [8, 7, 6, 5, 4],
  );
  const rest = await b.data.versions('d', { limit: 5, pageToken: versions.nextPageToken });
  assert.deepEqual([rest.items.map((v) => v.number), rest.nextPageToken], [[3, 2, 1], undefined]);
});

scenario('references select files; what is not there is named', async (b) => {
  for (const name of ['2013-01', '2013-02', '2014-01']) {
    await b.put('d', `${name}.parquet`, await parquet(`SELECT '${name}' AS m`));
  }
  const names = async (ref: string, files?: string[]): Promise<string[]> =>
    (await b.data.resolve(ref, { files })).files.map((f) => f.name);
  assert.deepEqual(await names('d/2013-*'), ['2013-01.parquet', '2013-02.parquet']);
  assert.deepEqual(await names('d@2'), ['2013-01.parquet', '2013-02.parquet']);
  assert.deepEqual(await names('d/2013-*', ['*-01.parquet']), ['2013-01.parquet']);
  const some = await b.data.resolve('d@latest/2014-01.parquet');
  assert.deepEqual([some.rowCount, some.paths.length, some.number], [1, 1, 3]);
  await assert.rejects(names('d/2015-*'), refused('not_found', /"2015-\*".*Version 3 of dataset "d"/));
  await assert.rejects(names('d@9'), refused('not_found', /"d@9".*versions 1 to 3/));
  await assert.rejects(names('e'), refused('not_found', /There is no dataset "e"/));
  await assert.rejects(names('d@x'), refused('dataset_ref_invalid', /"x" is not a version/));
  await assert.rejects(b.data.openFile('d', '1', '2013-02.parquet'), refused('not_found', /Version 1/));
  await b.data.create({ name: 'empty', description: '', actor: 'owner' });
  await assert.rejects(b.data.version('empty', 'latest'), refused('not_found', /is empty/));
  await assert.rejects(
    b.data.create({ name: 'empty', description: '', actor: 'owner' }),
    refused('already_exists', /"empty"/),
  );
});

scenario('files with equal bytes are stored once and stay two files', async (b) => {
  const bytes = await parquet('SELECT 1 AS n');
  for (const name of ['a', 'b', 'c']) await b.put('d', `${name}.parquet`, bytes);
  const { paths, relation, rowCount } = await b.data.resolve('d');
  const rows = await analytics.rows<{ filename: string }>(`SELECT filename FROM ${relation}`);
  assert.deepEqual(rows.map((r) => r.filename).sort(), [...paths].sort());
  assert.deepEqual([new Set(paths).size, rowCount, b.stored().objects], [3, 3, 1]);
});

scenario('the profile has the figures that plain SQL gives', async (b) => {
  const rows = `SELECT i::INTEGER AS n, CASE WHEN i % 3 = 0 THEN 'odd ''one' WHEN i % 3 = 1 THEN 'b' END AS s,
    i % 2 = 0 AS f, TIMESTAMP '2013-01-01' + to_hours(i::INTEGER) AS t, CASE WHEN i < 2 THEN 'nan'::DOUBLE ELSE i END AS x,
    [i] AS l FROM range(1000) r(i)`;
  await b.put('d', 'a.parquet', await parquet(rows));
  const profile = await b.data.profile('d', 'latest');
  assert.equal(profile.rowCount, 1000);
  const [n, s, f, t, x, l] = profile.columns;
  assert.deepEqual([n?.nullCount, n?.min, n?.max, n?.mean], [0, 0, 999, 499.5]);
  assert.ok(Math.abs((n?.std ?? 0) - 288.8194360957494) < 1e-9);
  assert.deepEqual([n?.distinctApprox, s?.distinctApprox], [1000, 2]);
  assert.ok(Math.abs((n?.quantiles?.['p50'] ?? 0) - 499.5) < 5);
  assert.deepEqual(s?.top, [
    { value: "odd 'one", count: 334 },
    { value: 'b', count: 333 },
  ]);
  assert.deepEqual([s?.nullCount, f?.top[0], f?.min, f?.max], [333, { value: false, count: 500 }, false, true]);
  assert.equal(t?.max, '2013-02-11T15:00:00.000Z');
  assert.deepEqual([x?.mean, x?.max], [(499_500 - 1) / 998, 'NaN']);
  assert.deepEqual([l?.nullCount, l?.min, l?.top], [0, null, []]);
  assert.deepEqual(await b.data.profile('d', '1'), profile);
});

scenario('declaring a dataset creates or describes it; taking the declaration away keeps its data', async (b) => {
  await b.put('d', 'a.parquet', await parquet('SELECT 1 AS n'));
  await b.db.write(applyDataset, { name: 'd', spec: { description: 'words' } });
  await b.db.write(applyDataset, { name: 'e', spec: undefined });
  const { items } = await b.data.list({ limit: 10 });
  assert.deepEqual(
    items.map((d) => [d.name, d.description, d.project, d.latest?.number]),
    [
      ['d', 'words', 'p', 1],
      ['e', '', 'p', undefined],
    ],
  );
  assert.match(items[1]?.id ?? '', /^dst_[0-7][0-9a-hjkmnp-tv-z]{25}$/);
  await b.db.write(removeDataset, { name: 'd' });
  const after = await b.data.get('d');
  assert.deepEqual([after.project, after.latest?.number], [undefined, 1]);
  assert.throws(() => datasetKind.parse('d', { descripton: 'x' }), refused('resource_invalid', /descripton/));
  const page = await b.data.list({ limit: 1 });
  assert.deepEqual(
    [page.items[0]?.name, (await b.data.list({ limit: 1, pageToken: page.nextPageToken })).items[0]?.name],
    ['d', 'e'],
  );
});

scenario('the months of the flights become versions with their counts', async (b) => {
  const months = resolve(import.meta.dirname, '../../../../../examples/flights/data/flights');
  for (const m of ['2013-01', '2013-02', '2013-03']) {
    await b.put('flights', `${m}.parquet`, readFileSync(join(months, `${m}.parquet`)));
  }
  const latest = await b.data.version('flights', 'latest');
  assert.deepEqual([latest.number, latest.rowCount, latest.schema.length], [3, 27_004 + 24_951 + 28_834, 24]);
  assert.deepEqual(
    latest.files.map((f) => f.rowCount),
    [27_004, 24_951, 28_834],
  );
  const profile = await b.data.profile('flights', 'latest');
  const nulls = Object.fromEntries(profile.columns.map((c) => [c.name, c.nullCount]));
  assert.deepEqual([nulls['dep_time'], nulls['arr_delay']], [521 + 1261 + 861, 2643 + 85 + 79 + 71]);
  assert.deepEqual(profile.columns.find((c) => c.name === 'origin')?.top.length, 3);
  const bytes: Uint8Array[] = [];
  const opened = await b.data.openFile('flights', '1', '2013-01.parquet');
  for await (const chunk of opened.bytes) bytes.push(chunk);
  assert.ok(Buffer.concat(bytes).equals(readFileSync(join(months, '2013-01.parquet'))));
});

const options = { modules: [dataStore], operations: [applyDataset, removeDataset] };
eachDatabase((database, open) => {
  for (const { title, run } of scenarios) {
    dbTest(`${database}: ${title}`, open, options, async (_, opened) => run(await benchOn(opened)));
  }
});
