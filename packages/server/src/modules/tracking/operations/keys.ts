import type { RunKeyKind } from '@slipway/contract';
import { runKeyKinds } from '@slipway/contract';
import { sql } from 'kysely';
import type { Trx } from '../../../platform/db/db.ts';
import { inList } from '../../../lib/search-filter/filter-sql.ts';
import { rowsFrom } from '../rows.ts';
import type { TrackingTables } from '../tables.ts';

/** Whose keys, of which kind. */
export interface KeyUse {
  readonly experiment: number;
  readonly kind: RunKeyKind;
}

/** How exactly the catalogue knows when a key was last logged: a row of it is written at most so often. */
const seenGranularityMs = 3_600_000;

/**
 * The dictionary ids of these keys; unknown keys are added, and the catalogue of the experiment's keys learns those that it
 * did not see for an hour. Where all are known, which is the usual case, this is one query.
 */
export async function keyIds(trx: Trx, keys: readonly string[], use: KeyUse): Promise<Map<string, number>> {
  const wanted = [...new Set(keys)];
  if (wanted.length === 0) return new Map();
  const found = await known(trx, wanted, use);
  const ids = new Map(found.map((row) => [row.name, row.id]));
  const missing = wanted.filter((key) => !ids.has(key)).sort();
  if (missing.length > 0) {
    const input = rowsFrom(
      trx.dialect,
      { name: 'text' },
      missing.map((key) => [key]),
    );
    await sql`insert into tracking_key(name) select name from ${input} where true on conflict(name) do nothing`.execute(
      trx.tables<TrackingTables>(),
    );
    for (const row of await known(trx, missing, use)) ids.set(row.name, row.id);
  }
  const since = trx.now - seenGranularityMs;
  const stale = found.filter((row) => row.seen_at === null || row.seen_at <= since).map((row) => row.name);
  await noteKeys(trx, [...stale, ...missing], use);
  return ids;
}

interface KnownKey {
  readonly id: number;
  readonly name: string;
  /** Null where the experiment has not used the key yet. */
  readonly seen_at: number | null;
}

async function known(trx: Trx, keys: readonly string[], { experiment, kind }: KeyUse): Promise<readonly KnownKey[]> {
  const found = await sql<KnownKey>`
    select k.id, k.name, u.seen_at from tracking_key k left join tracking_run_key u
      on u.experiment_id = ${experiment} and u.kind = ${sql.lit(runKeyKinds.indexOf(kind))} and u.name = k.name
    where ${inList(trx.dialect, sql.ref('k.name'), keys)}`.execute(trx.tables<TrackingTables>());
  return found.rows;
}

/** Sorted, so that two batches on PostgreSQL take their row locks in the same order. */
async function noteKeys(trx: Trx, keys: readonly string[], { experiment, kind }: KeyUse): Promise<void> {
  if (keys.length === 0) return;
  const code = runKeyKinds.indexOf(kind);
  const input = rowsFrom(
    trx.dialect,
    { experiment_id: 'int', kind: 'int', name: 'text', seen_at: 'int' },
    keys.toSorted().map((key) => [experiment, code, key, trx.now]),
  );
  await sql`insert into tracking_run_key(experiment_id, kind, name, seen_at)
    select experiment_id, kind, name, seen_at from ${input} where true
    on conflict(experiment_id, kind, name) do update set seen_at = excluded.seen_at
    where excluded.seen_at > tracking_run_key.seen_at`.execute(trx.tables<TrackingTables>());
}
