import { sql } from 'kysely';
import type { Trx } from '../../../platform/db/db.ts';
import { inList } from '../../../lib/search-filter/filter-sql.ts';
import { rowsFrom } from '../rows.ts';
import type { TrackingTables } from '../tables.ts';

/** The dictionary ids of these keys; unknown keys are added. Rows of the dictionary never change. */
export async function keyIds(trx: Trx, keys: readonly string[]): Promise<Map<string, number>> {
  const wanted = [...new Set(keys)];
  const ids = await known(trx, wanted);
  const missing = wanted.filter((key) => !ids.has(key)).sort();
  if (missing.length === 0) return ids;
  const input = rowsFrom(
    trx.dialect,
    { name: 'text' },
    missing.map((key) => [key]),
  );
  await sql`insert into tracking_key(name) select name from ${input} where true on conflict(name) do nothing`.execute(
    trx.tables<TrackingTables>(),
  );
  for (const [key, id] of await known(trx, missing)) ids.set(key, id);
  return ids;
}

async function known(trx: Trx, keys: readonly string[]): Promise<Map<string, number>> {
  const found = await sql<{ id: number; name: string }>`
    select id, name from tracking_key where ${inList(trx.dialect, sql.ref('name'), keys)}`.execute(
    trx.tables<TrackingTables>(),
  );
  return new Map(found.rows.map((row) => [row.name, row.id]));
}
