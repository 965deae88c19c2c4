/** What is read out of a version: pages of rows, two versions in the same bins, and an older profile without histograms. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { DataRows, DatasetProfile, SlipwayError } from '@slipway/contract';
import { createAnalytics, sqlText } from '../../platform/analytics/analytics.ts';
import { createSystemClock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import { dbTest, eachDatabase, testLog } from '../../platform/db/testing.ts';
import { createIds } from '../../platform/ids.ts';
import { createFileObjects } from '../../platform/objects/file-objects.ts';
import type { Data } from './index.ts';
import { createData, dataStore } from './index.ts';
import type { DataTables } from './store.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-data-rows-'));
const clock = createSystemClock();
const analytics = createAnalytics({ memoryLimit: '512MB', threads: 2, tempFolder: folder });
after(async () => {
  await analytics[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

let made = 0;
async function parquet(select: string): Promise<Buffer> {
  const path = join(folder, `made${made++}.parquet`);
  await analytics.rows(`COPY (${select}) TO ${sqlText(path)} (FORMAT parquet)`);
  return readFileSync(path);
}

interface Bench {
  readonly data: Data;
  readonly db: Db;
  put(file: string, bytes: string | Uint8Array): Promise<unknown>;
}
const scenarios: { readonly title: string; readonly run: (b: Bench) => Promise<void> }[] = [];
const scenario = (title: string, run: (b: Bench) => Promise<void>): void => void scenarios.push({ title, run });

/** As a profile of an older version of the program lies in the database: without histograms. */
const forgetHistograms = operation('test.forget-histograms', async (trx, _: null): Promise<void> => {
  const tables = trx.tables<DataTables>();
  for (const { digest, content } of await tables.selectFrom('data_profile').selectAll().execute()) {
    const old: unknown = JSON.parse(content, (key, value: unknown) => (key === 'histogram' ? undefined : value));
    await tables
      .updateTable('data_profile')
      .set({ content: JSON.stringify(old) })
      .where('digest', '=', digest)
      .execute();
  }
});

const refuses =
  (code: string, pattern: RegExp) =>
  (e: unknown): boolean =>
    e instanceof SlipwayError && e.code === code && pattern.test(e.message);

scenario('pages run over files of all formats in order, each row once, and end where the version does', async (b) => {
  await b.put('a.parquet', await parquet(`SELECT i::INTEGER AS n, 'p' || i AS s FROM range(5) t(i)`));
  await b.put('b.csv', 'n,s\n10,"x, y"\n11,\n12,z\n');
  await b.put('c.ndjson', '{"n":20,"s":"ö"}\n{"n":null,"s":"q"}\n');
  const seen: unknown[] = [];
  let pageToken: string | undefined;
  let pages = 0;
  do {
    const page = await b.data.rows('d', '3', { limit: 4, pageToken });
    DataRows.parse(page);
    seen.push(...page.items.map((r) => [r.file, r.row, ...r.values]));
    pageToken = page.nextPageToken;
    pages++;
  } while (pageToken !== undefined);
  assert.equal(pages, 3);
  assert.deepEqual(seen, [
    ...[0, 1, 2, 3, 4].map((i) => ['a.parquet', i + 1, i, `p${i}`]),
    ['b.csv', 1, 10, 'x, y'],
    ['b.csv', 2, 11, null],
    ['b.csv', 3, 12, 'z'],
    ['c.ndjson', 1, 20, 'ö'],
    ['c.ndjson', 2, null, 'q'],
  ]);
});

scenario('columns are chosen by name, whatever the name; a wrong choice is refused with the name', async (b) => {
  const hostile = `<script>alert("1")</script>, o'ne`;
  const rtl = '\u202egnp.\u05d0';
  await b.put(
    'a.parquet',
    await parquet(
      `SELECT 1 AS n, 'v' AS "${hostile.replaceAll('"', '""')}", repeat('🛫', 1200) AS "${rtl}", 9007199254740993::BIGINT AS h, 'nan'::DOUBLE AS x, [1, 2] AS l, TIMESTAMP '2013-01-01 05:00:00' AS t`,
    ),
  );
  const page = await b.data.rows('d', 'latest', { limit: 5, columns: JSON.stringify([rtl, hostile]) });
  assert.deepEqual(
    page.columns.map((c) => c.name),
    [rtl, hostile],
  );
  assert.deepEqual([page.items[0]?.values[1], page.items[0]?.cut], ['v', [rtl]]);
  assert.equal(Array.from(String(page.items[0]?.values[0])).length, 1000);
  const rest = await b.data.rows('d', 'latest', { limit: 5, columns: '["h","x","l","t"]' });
  assert.deepEqual(rest.items[0]?.values, ['9007199254740993', 'NaN', '[1, 2]', '2013-01-01T05:00:00.000Z']);
  const ask = (columns: string): Promise<unknown> => b.data.rows('d', 'latest', { limit: 5, columns });
  await assert.rejects(ask('["nope"]'), refuses('columns_invalid', /no column "nope"/));
  await assert.rejects(ask('n,m'), refuses('columns_invalid', /JSON array/));
  await assert.rejects(ask('[]'), refuses('columns_invalid', /JSON array/));
  await assert.rejects(ask('[1]'), refuses('columns_invalid', /JSON array/));
});

scenario('a page of large rows ends at a mebibyte, and goes on where it ended', async (b) => {
  const texts = Array.from({ length: 50 }, (_, i) => `repeat('x', 1500) AS c${i}`).join(', ');
  await b.put('a.parquet', await parquet(`SELECT i AS n, ${texts} FROM range(100) t(i)`));
  const first = await b.data.rows('d', 'latest', { limit: 100 });
  assert.ok(JSON.stringify(first).length < 1_200_000 && first.items.length > 5 && first.items.length < 30);
  const second = await b.data.rows('d', 'latest', { limit: 1, pageToken: first.nextPageToken });
  assert.equal(second.items[0]?.row, first.items.length + 1);
  await b.put('b.parquet', await parquet(`SELECT i AS n, ${texts} FROM range(1) t(i)`));
  await assert.rejects(
    b.data.rows('d', 'latest', { limit: 1, pageToken: first.nextPageToken }),
    refuses('page_token_invalid', /./),
  );
});

const profiled = (shift: number): string =>
  `SELECT (i % 97)::DOUBLE + ${shift} AS x, (i % 31)::INTEGER AS day, DATE '2013-01-01' + (i % 60)::INTEGER AS d,
     CASE WHEN i % 10 = 0 THEN NULL WHEN i % 3 = 0 THEN 'a' ELSE 'v${shift}' END AS s, 'same' AS c,
     CASE WHEN i % 5 = 0 THEN 'inf'::DOUBLE ELSE 4.5 END AS odd, NULL::DOUBLE AS nothing FROM range(1000) t(i)`;

scenario('two versions are counted in the same bins and values, and every row is counted once', async (b) => {
  await b.put('a.parquet', await parquet(profiled(0)));
  await b.put('a.parquet', await parquet(profiled(60)));
  const found = DatasetProfile.parse(await b.data.profile('d', '2', '1'));
  const pair = (name: string) => found.against?.columns.find((c) => c.name === name);
  for (const name of ['x', 'day', 'd', 'odd']) {
    const bins = pair(name)?.bins;
    assert.ok(bins, name);
    assert.deepEqual(bins.now.edges, bins.before.edges, name);
    for (const { counts, below, above, nonFinite } of [bins.now, bins.before])
      assert.equal(counts.reduce((sum, n) => sum + n, 0) + below + above + nonFinite, 1000, name);
    assert.ok(bins.now.counts.length <= 24);
  }
  assert.deepEqual([pair('day')?.psi, pair('c')?.psi, pair('odd')?.psi], [0, 0, 0]);
  assert.ok((pair('x')?.psi ?? 0) > 1);
  assert.deepEqual(pair('odd')?.bins?.now.nonFinite, 200);
  assert.deepEqual(pair('s')?.values, [
    { value: 'v60', now: 600, before: 0 },
    { value: 'a', now: 300, before: 300 },
    { value: 'v0', now: 0, before: 600 },
  ]);
  assert.deepEqual([pair('nothing')?.psi, pair('nothing')?.bins], [null, undefined]);
  assert.deepEqual(await b.data.profile('d', '2', '1'), found, 'kept');
});

scenario('a profile that was kept before there were histograms still reads, alone and compared', async (b) => {
  await b.put('a.parquet', await parquet(profiled(0)));
  await b.put('a.parquet', await parquet(profiled(1)));
  await b.data.profile('d', '1');
  await b.data.profile('d', '2');
  await b.db.write(forgetHistograms, null);
  const old = DatasetProfile.parse(await b.data.profile('d', '1'));
  assert.ok(old.columns.every((c) => c.histogram === undefined));
  const both = await b.data.profile('d', '2', '1');
  assert.deepEqual(both.columns.find((c) => c.name === 'x')?.histogram, undefined);
  assert.equal(both.against?.columns.find((c) => c.name === 'x')?.bins?.now.counts.length, 24);
  assert.deepEqual(both.against?.columns.find((c) => c.name === 's')?.values?.length, 3);
});

const options = { modules: [dataStore], operations: [forgetHistograms] };
eachDatabase((database, open) => {
  for (const { title, run } of scenarios) {
    dbTest(`${database}: ${title}`, open, options, async (_, { db }) => {
      const root = join(folder, `bench${made++}`);
      const objects = await createFileObjects({ folder: join(root, 'objects'), clock, log: testLog() });
      const data = createData({ db, ids: createIds(clock), objects, analytics, uploadFolder: join(root, 'uploads') });
      const put = (file: string, bytes: string | Uint8Array): Promise<unknown> =>
        data.putFile({
          dataset: 'd',
          file,
          actor: 'owner',
          bytes: (async function* () {
            yield typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
          })(),
        });
      await run({ data, db, put });
    });
  }
});
