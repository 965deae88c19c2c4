/** A table of PostgreSQL as init reads it: its own types kept where they are text, nothing written, no password said. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client } from 'pg';
import type { TestPostgres } from '../../../server/src/platform/db/testing/postgres-server.ts';
import { startTestPostgres } from '../../../server/src/platform/db/testing/postgres-server.ts';
import { inspectTable } from './inspect-table.ts';
import type { LoadRequest } from './load-table.ts';
import { loadTable } from './load-table.ts';
import { takesProposals } from './questions.ts';
import { openScratch } from './scratch.ts';

let postgres: TestPostgres;
let url: string;
before(async () => {
  postgres = await startTestPostgres();
  ({ url } = await postgres.createDatabase());
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`create table people as select 'c' || i as id, i % 50 as age, case when i % 9 = 0 then null else i / 7.0 end as fee,
    timestamptz '2025-01-01Z' + i * interval '1 hour' as joined_at, i % 3 = 0 as churned, 'a "quote", and
    a line' as note from generate_series(1, 12000) i`);
  await client.end();
});
after(() => postgres.stop());

async function look(request: LoadRequest) {
  await using scratch = await openScratch();
  const table = await loadTable(scratch, request);
  return await inspectTable({ scratch, table, project: 'p', answers: { target: 'churned' }, asker: takesProposals });
}

test('tables and queries, more rows than one page of the cursor', async () => {
  const found = await look({ from: url, table: 'public.people' });
  assert.equal(found.rowCount, 12_000);
  assert.deepEqual(
    found.columns.map(({ type }) => type),
    ['VARCHAR', 'BIGINT', 'DOUBLE', 'TIMESTAMP WITH TIME ZONE', 'BOOLEAN', 'VARCHAR'],
  );
  assert.equal(found.split.column, 'joined_at');
  assert.match(found.source, /^table public\.people of postgres:\/\/127\.0\.0\.1/);
  assert.doesNotMatch(found.source, /test@|:test/);
  assert.equal((await look({ from: url, query: 'select * from people where age < 25;' })).rowCount, 6000);
});

test('what is not there, and what would write, is refused', async () => {
  await assert.rejects(look({ from: url, table: 'nobody' }), /cannot be read: relation "nobody" does not exist/);
  await assert.rejects(look({ from: url, query: 'delete from people returning *' }), /cannot be read: /);
  await assert.rejects(look({ from: url }), /name a table with --table, or write a SELECT/);
  assert.equal((await look({ from: url, table: 'people' })).rowCount, 12_000);
});
