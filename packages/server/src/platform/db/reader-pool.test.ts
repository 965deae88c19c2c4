/** Reader threads over a real file: a slow query does not hold up others once a second reader has started. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createReaderPool } from './reader-pool.ts';
import { openSqlite } from './sqlite-connection.ts';
import { testLog } from './testing.ts';

/** Seconds of counting. */
const slow = `with recursive c(x) as (select 1 union all select x + 1 from c where x < 20000000) select count(*) as n from c`;

test('a quick query overtakes a slow one in a second reader', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-readers-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'slipway.db');
  const writing = openSqlite({ file, readOnly: false, durability: 'none' });
  writing.exec('create table t (x integer); insert into t values (1), (2), (3)');
  const pool = createReaderPool({ file, size: 2, entry: new URL('./reader.ts', import.meta.url), log: testLog() });
  const count = async (): Promise<unknown> => (await pool.query('select count(*) as n from t', []))[0];
  assert.deepEqual(await count(), { n: 3 });

  let isSlowDone = false;
  const answer = pool.query(slow, []).then((rows) => {
    isSlowDone = true;
    return rows;
  });
  for (let i = 0; i < 5; i++) {
    assert.deepEqual(await count(), { n: 3 });
    assert.equal(isSlowDone, false, 'a quick query was answered while the slow one ran');
  }
  // More at once than there are readers.
  const many = await Promise.all(Array.from({ length: 50 }, count));
  assert(many.every((row) => (row as { n: number }).n === 3));
  assert.equal(isSlowDone, false);
  await assert.rejects(pool.query('select no_such_column from t', []), /no_such_column/);
  await assert.rejects(pool.query('select ?', [() => 1]), { name: 'DataCloneError' });
  assert.deepEqual(await count(), { n: 3 });
  assert.deepEqual(await answer, [{ n: 20_000_000 }]);
  writing.exec('insert into t values (4)');
  assert.deepEqual(await Promise.all([count(), count(), count()]), [{ n: 4 }, { n: 4 }, { n: 4 }]);
  const asked = Promise.all(Array.from({ length: 20 }, count));
  await pool.close();
  assert.equal((await asked).length, 20, 'closing waits for what was asked');
  await assert.rejects(count(), { code: 'shutting_down' });
  writing.close();
});

test('a reader that cannot open the file says so instead of letting queries wait', async () => {
  const entry = new URL('./reader.ts', import.meta.url);
  const pool = createReaderPool({ file: '/nowhere/slipway.db', size: 2, entry, log: testLog() });
  await assert.rejects(pool.query('select 1', []), { code: 'database_unavailable' });
  await assert.rejects(pool.query('select 1', []), { code: 'database_unavailable' });
  await pool.close();
});
