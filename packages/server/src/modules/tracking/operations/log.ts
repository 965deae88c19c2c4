/**
 * log-batch: metrics, params and tags of one run in one transaction, so a refused request leaves nothing behind.
 *
 * Idea: rows travel as one JSON parameter per table (about 2 µs per point on SQLite). A point's identity is its whole row,
 * so repeats vanish. Before the latest value is upserted, the batch is folded to its best point per key: the value
 * index is the dearest thing here and is then paid per key, not per point.
 */
import { SlipwayError } from '@slipway/contract';
import { sql } from 'kysely';
import type { Trx } from '../../../platform/db/db.ts';
import { operation } from '../../../platform/db/db.ts';
import { inList } from '../../../lib/search-filter/filter-sql.ts';
import { rowsFrom } from '../rows.ts';
import type { TrackingTables } from '../tables.ts';
import { valueHead } from '../tables.ts';
import { keyIds } from './keys.ts';
import type { RunRow } from './runs.ts';
import { mustActiveRun, writeTags } from './runs.ts';

export interface LoggedPoint {
  readonly key: string;
  /** NaN and the infinities included. */
  readonly value: number;
  readonly step: number;
  readonly at: number;
}

export interface LogInput {
  readonly uid: string;
  readonly metrics: readonly LoggedPoint[];
  readonly params: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Renames the run in the same transaction. */
  readonly name?: string | undefined;
}

export const logBatch = operation('tracking.log', async (trx, input: LogInput) => {
  const paramKeys = Object.keys(input.params);
  const run = await mustActiveRun(trx, input.uid, paramKeys.length > 0 ? 'update' : 'share');
  const ids = await keyIds(trx, [...paramKeys, ...input.metrics.map((m) => m.key)]);
  await writeParams(trx, run, input.params, ids);
  await writePoints(trx, run, input.metrics, ids);
  await writeTags(trx, run, input.tags);
  if (input.name !== undefined && input.name !== run.name) {
    await trx
      .tables<TrackingTables>()
      .updateTable('tracking_run')
      .set({ name: input.name })
      .where('id', '=', run.id)
      .execute();
  }
});

async function writeParams(
  trx: Trx,
  run: RunRow,
  params: Readonly<Record<string, string>>,
  ids: ReadonlyMap<string, number>,
): Promise<void> {
  const entries = Object.entries(params).map(([key, value]) => ({ key, value, id: ids.get(key) as number })); // keyIds answers all
  if (entries.length === 0) return;
  const there = await sql<{ key_id: number; value: string }>`
    select key_id, value from tracking_param
    where run_id = ${run.id} and ${inList(
      trx.dialect,
      sql.ref('key_id'),
      entries.map((e) => e.id),
    )}`.execute(trx.tables<TrackingTables>());
  const current = new Map(there.rows.map((row) => [row.key_id, row.value]));
  const fresh = entries.filter((entry) => {
    const value = current.get(entry.id);
    if (value !== undefined && value !== entry.value) {
      throw new SlipwayError('param_changed', { run: run.uid, key: entry.key, current: value, value: entry.value });
    }
    return value === undefined;
  });
  if (fresh.length === 0) return;
  const input = rowsFrom(
    trx.dialect,
    { run_id: 'int', key_id: 'int', experiment_id: 'int', value: 'text', value_head: 'text' },
    fresh.map((e) => [run.id, e.id, run.experiment_id, e.value, valueHead(e.value)]),
  );
  await sql`insert into tracking_param(run_id, key_id, experiment_id, value, value_head)
    select run_id, key_id, experiment_id, value, value_head from ${input}`.execute(trx.tables<TrackingTables>());
}

/** Greater (step, at, value) is newer; NaN counts as 0, as it is stored. */
function isNewer(a: LoggedPoint, b: LoggedPoint): boolean {
  if (a.step !== b.step) return a.step > b.step;
  if (a.at !== b.at) return a.at > b.at;
  return (Number.isNaN(a.value) ? 0 : a.value) > (Number.isNaN(b.value) ? 0 : b.value);
}

const stored = (value: number): readonly [number, number] => (Number.isNaN(value) ? [0, 1] : [value + 0, 0]);

async function writePoints(
  trx: Trx,
  run: RunRow,
  points: readonly LoggedPoint[],
  ids: ReadonlyMap<string, number>,
): Promise<void> {
  if (points.length === 0) return;
  const best = new Map<number, LoggedPoint>();
  const rows = points.map((point) => {
    const id = ids.get(point.key) as number; // keyIds answers every key
    const known = best.get(id);
    if (known === undefined || isNewer(point, known)) best.set(id, point);
    return [run.id, id, point.at, point.step, ...stored(point.value)];
  });
  const input = rowsFrom(
    trx.dialect,
    { run_id: 'int', key_id: 'int', ts: 'int', step: 'int', value: 'real', is_nan: 'int' },
    rows,
  );
  await sql`insert into tracking_metric_point(run_id, key_id, ts, step, value, is_nan)
    select run_id, key_id, ts, step, value, is_nan from ${input} where true on conflict do nothing`.execute(
    trx.tables<TrackingTables>(),
  );
  // In key order, so that two batches on PostgreSQL take their row locks in the same order.
  const latest = rowsFrom(
    trx.dialect,
    { run_id: 'int', key_id: 'int', experiment_id: 'int', value: 'real', is_nan: 'int', step: 'int', ts: 'int' },
    [...best]
      .sort(([a], [b]) => a - b)
      .map(([id, p]) => [run.id, id, run.experiment_id, ...stored(p.value), p.step, p.at]),
  );
  await sql`insert into tracking_metric_latest(run_id, key_id, experiment_id, value, is_nan, step, ts)
    select run_id, key_id, experiment_id, value, is_nan, step, ts from ${latest} where true
    on conflict(run_id, key_id) do update set
      value = excluded.value, is_nan = excluded.is_nan, step = excluded.step, ts = excluded.ts
    where (excluded.step, excluded.ts, excluded.value)
      > (tracking_metric_latest.step, tracking_metric_latest.ts, tracking_metric_latest.value)`.execute(
    trx.tables<TrackingTables>(),
  );
}
