import type { RunKeyKind } from '@slipway/contract';
import { runKeyKinds } from '@slipway/contract';
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

/** How exactly the catalogue knows when a key was last logged: a row of it is written at most so often. */
const seenGranularityMs = 3_600_000;

/**
 * Keeps the catalogue of keys: those that are new to the experiment come in, those that were not seen for an hour are marked
 * as seen. In the usual case one look-up per key and no write.
 */
export async function noteKeys(trx: Trx, experiment: number, kind: RunKeyKind, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  const code = sql.lit(runKeyKinds.indexOf(kind));
  const input = rowsFrom(
    trx.dialect,
    { name: 'text' },
    // Sorted, so that two batches on PostgreSQL take their row locks in the same order.
    [...keys].sort().map((key) => [key]),
  );
  const now = trx.dialect === 'postgres' ? sql`${trx.now}::bigint` : sql`${trx.now}`;
  const experimentId = trx.dialect === 'postgres' ? sql`${experiment}::bigint` : sql`${experiment}`;
  await sql`insert into tracking_run_key(experiment_id, kind, name, seen_at)
    select ${experimentId}, ${code}, input.name, ${now} from ${input}
    where not exists (select 1 from tracking_run_key k where k.experiment_id = ${experiment} and k.kind = ${code}
      and k.name = input.name and k.seen_at > ${trx.now - seenGranularityMs})
    on conflict(experiment_id, kind, name) do update set seen_at = excluded.seen_at
    where excluded.seen_at > tracking_run_key.seen_at`.execute(trx.tables<TrackingTables>());
}
