/**
 * log-batch: metrics, params and tags of one run in one transaction, so a refused request leaves nothing behind.
 *
 * Idea: a point's identity is its whole row, so repeats vanish. Points come sorted by key and go in by statements of 50 rows
 * on SQLite (0.7 µs of CPU per point; 2.2 µs as JSON), the rest, and all on PostgreSQL, as one JSON parameter. What is kept
 * of each series beside its points (its latest value, its blocks) is in series.ts.
 */
import { SlipwayError } from '@slipway/contract';
import { CompiledQuery, sql } from 'kysely';
import type { Trx } from '../../../platform/db/db.ts';
import { operation } from '../../../platform/db/db.ts';
import { inList } from '../../../lib/search-filter/filter-sql.ts';
import type { PointColumns } from '../points.ts';
import { storedValue } from '../points.ts';
import { rowsFrom } from '../rows.ts';
import type { TrackingTables } from '../tables.ts';
import { valueHead } from '../tables.ts';
import { keyIds } from './keys.ts';
import type { RunRow } from './runs.ts';
import { mustActiveRun, writeTags } from './runs.ts';
import { noteSeries } from './series.ts';

export interface LogInput {
  readonly uid: string;
  readonly metrics: PointColumns;
  readonly params: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Renames the run in the same transaction. */
  readonly name?: string | undefined;
}

export const logBatch = operation('tracking.log', async (trx, input: LogInput) => {
  const paramKeys = Object.keys(input.params);
  const run = await mustActiveRun(trx, input.uid, paramKeys.length > 0 ? 'update' : 'share');
  const experiment = run.experiment_id;
  await writeParams(trx, run, input.params, await keyIds(trx, paramKeys, { experiment, kind: 'param' }));
  const { metrics } = input;
  await writePoints(trx, run, metrics, await keyIds(trx, metrics.keys, { experiment, kind: 'metric' }));
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

const rowsPerStatement = 50;
const pointColumnNames = 'run_id, key_id, ts, step, value, is_nan';
const manyPoints = `insert into tracking_metric_point(${pointColumnNames}) values ${Array.from({ length: rowsPerStatement }, () => '(?,?,?,?,?,?)').join(',')} on conflict do nothing`;

/** Resolves to how many of the points were not there. */
async function insertPoints(trx: Trx, run: RunRow, points: PointColumns, idOf: readonly number[]): Promise<number> {
  const rowOf = (i: number): number[] => {
    const value = points.value[i] ?? 0;
    return [run.id, idOf[points.key[i] ?? 0] ?? 0, points.at[i] ?? 0, points.step[i] ?? 0, ...storedValue(value)];
  };
  const count = points.key.length;
  let from = 0;
  let inserted = 0;
  if (trx.dialect === 'sqlite') {
    for (; from + rowsPerStatement <= count; from += rowsPerStatement) {
      const parameters: number[] = [];
      for (let i = from; i < from + rowsPerStatement; i++) parameters.push(...rowOf(i));
      const done = await trx.tables<TrackingTables>().executeQuery(CompiledQuery.raw(manyPoints, parameters));
      inserted += Number(done.numAffectedRows);
    }
  }
  if (from === count) return inserted;
  const input = rowsFrom(
    trx.dialect,
    { run_id: 'int', key_id: 'int', ts: 'int', step: 'int', value: 'real', is_nan: 'int' },
    Array.from({ length: count - from }, (_, i) => rowOf(from + i)),
  );
  const rest = await sql`insert into tracking_metric_point(run_id, key_id, ts, step, value, is_nan)
    select run_id, key_id, ts, step, value, is_nan from ${input} where true on conflict do nothing`.execute(
    trx.tables<TrackingTables>(),
  );
  return inserted + Number(rest.numAffectedRows);
}

async function writePoints(
  trx: Trx,
  run: RunRow,
  points: PointColumns,
  ids: ReadonlyMap<string, number>,
): Promise<void> {
  if (points.key.length === 0) return;
  const idOf = points.keys.map((key) => ids.get(key) as number); // keyIds answers every key
  const inserted = await insertPoints(trx, run, points, idOf);
  if (inserted > 0) await noteSeries(trx, { run, points, idOf, inserted });
}
