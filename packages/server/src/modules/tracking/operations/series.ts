/**
 * What is kept of each metric series beside its points: the latest value, by which runs are searched, how many points there
 * are, and the blocks of a long one.
 *
 * The batch is folded to one row per key first: the index over latest values is the dearest thing here and is then paid per
 * key, not per point. A request that repeats some points of an earlier one says nothing about which were new: what those
 * points belong to is counted anew.
 */
import { CompiledQuery, sql } from 'kysely';
import type { Dialect, Trx } from '../../../platform/db/db.ts';
import { inList } from '../../../lib/search-filter/filter-sql.ts';
import type { Block, Extent, PointRange, SeriesBlock } from '../blocks.ts';
import {
  addToBlocks,
  blockOf,
  isTooFine,
  makeBlocks,
  remakeBlocks,
  shiftFor,
  shortSeriesMax,
  widenBlocks,
} from '../blocks.ts';
import type { LoggedPoint, PointColumns } from '../points.ts';
import { pointAt, storedValue } from '../points.ts';
import type { RowColumns } from '../rows.ts';
import { rowsJson, rowsText } from '../rows.ts';
import type { TrackingTables } from '../tables.ts';
import type { RunRow } from './runs.ts';

export interface NewPoints {
  readonly run: RunRow;
  readonly points: PointColumns;
  /** The id of each key of the columns. */
  readonly idOf: readonly number[];
  /** How many of the points were not there before. */
  readonly inserted: number;
}

/** Called after the points are in their table. */
export async function noteSeries(trx: Trx, batch: NewPoints): Promise<void> {
  const shares = sharesOf(batch);
  const isAllNew = batch.inserted === batch.points.key.length;
  const noted = await upsertLatest(trx, batch.run, { shares, isAllNew });
  const counted = isAllNew ? noted : await recount(trx, batch.run, { shares, noted });
  const added: SeriesBlock[] = [];
  for (const row of counted) {
    if (row.pointCount <= shortSeriesMax) continue;
    const shift = await fitBlocks(trx, batch.run, row);
    const share = shares.get(row.key);
    // Blocks that were made of all points, or anew, hold the batch.
    if (share === undefined || row.shift === null || !isAllNew) continue;
    for (const block of blocksOfShare(batch.points, share, shift)) {
      added.push({ run: batch.run.id, key: row.key, shift, ...block });
    }
  }
  if (added.length > 0) await addToBlocks(trx, added);
}

/** The points of one key in a batch: they lie together. */
interface Share extends PointRange {
  readonly first: number;
  readonly count: number;
  readonly best: LoggedPoint;
}

/** Greater (step, at, value) is newer; NaN counts as 0, as it is stored. */
function isNewer(a: LoggedPoint, b: LoggedPoint): boolean {
  if (a.step !== b.step) return a.step > b.step;
  if (a.at !== b.at) return a.at > b.at;
  return storedValue(a.value)[0] > storedValue(b.value)[0];
}

/** By the key's id, in the order of ids: two batches on PostgreSQL take their row locks in the same order. */
function sharesOf({ points, idOf }: NewPoints): ReadonlyMap<number, Share> {
  const shares: [number, Share][] = [];
  for (let from = 0; from < points.key.length;) {
    const place = points.key[from] ?? 0;
    let best = pointAt(points, from);
    let [stepMin, stepMax, tsMin, tsMax] = [best.step, best.step, best.at, best.at];
    let end = from + 1;
    for (; end < points.key.length && points.key[end] === place; end++) {
      const point = pointAt(points, end);
      if (isNewer(point, best)) best = point;
      stepMin = Math.min(stepMin, point.step);
      stepMax = Math.max(stepMax, point.step);
      tsMin = Math.min(tsMin, point.at);
      tsMax = Math.max(tsMax, point.at);
    }
    shares.push([idOf[place] ?? 0, { first: from, count: end - from, best, stepMin, stepMax, tsMin, tsMax }]);
    from = end;
  }
  return new Map(shares.sort(([a], [b]) => a - b));
}

function blocksOfShare(points: PointColumns, { first, count }: Share, shift: number): Iterable<Block> {
  const blocks = new Map<number, { -readonly [K in keyof Block]: Block[K] }>();
  for (let i = first; i < first + count; i++) {
    const [step, at] = [points.step[i] ?? 0, points.at[i] ?? 0];
    const [number, isNan] = storedValue(points.value[i] ?? 0);
    const value = isNan === 1 ? null : number;
    const block = blockOf(step, shift);
    const known = blocks.get(block);
    if (known === undefined) {
      const ends = { stepMin: step, stepMax: step, tsMin: at, tsMax: at, low: value, high: value };
      blocks.set(block, { block, n: 1, ...ends });
      continue;
    }
    known.n++;
    known.stepMin = Math.min(known.stepMin, step);
    known.stepMax = Math.max(known.stepMax, step);
    known.tsMin = Math.min(known.tsMin, at);
    known.tsMax = Math.max(known.tsMax, at);
    if (value === null) continue;
    known.low = Math.min(known.low ?? value, value);
    known.high = Math.max(known.high ?? value, value);
  }
  return [...blocks.values()].sort((a, b) => a.block - b.block);
}

/** A series as its row of latest values says. */
interface Noted extends Extent {
  readonly key: number;
  /** Below zero: not counted. */
  readonly pointCount: number;
  readonly shift: number | null;
}

interface NotedRow {
  readonly key_id: number;
  readonly point_count: number;
  readonly step_min: number;
  readonly step: number;
  readonly block_shift: number | null;
}

const notedColumns = 'key_id, point_count, step_min, step, block_shift';
const notedOf = (row: NotedRow): Noted => ({
  key: row.key_id,
  pointCount: row.point_count,
  stepMin: row.step_min,
  stepMax: row.step,
  shift: row.block_shift,
});

const latestTypes: RowColumns = {
  run_id: 'int',
  key_id: 'int',
  experiment_id: 'int',
  value: 'real',
  is_nan: 'int',
  step: 'int',
  ts: 'int',
  point_count: 'int',
  step_min: 'int',
};
const latestColumns = Object.keys(latestTypes).join(', ');
const table = 'tracking_metric_latest';
const newer = `(excluded.step, excluded.ts, excluded.value) > (${table}.step, ${table}.ts, ${table}.value)`;
const latestText = (dialect: Dialect): string => `insert into ${table}(${latestColumns})
  select ${latestColumns} from ${rowsText(dialect, latestTypes)} where true
  on conflict(run_id, key_id) do update set
    value = case when ${newer} then excluded.value else ${table}.value end,
    is_nan = case when ${newer} then excluded.is_nan else ${table}.is_nan end,
    step = case when ${newer} then excluded.step else ${table}.step end,
    ts = case when ${newer} then excluded.ts else ${table}.ts end,
    point_count = case when ${table}.point_count < 0 then ${table}.point_count - 1 else ${table}.point_count + excluded.point_count end,
    step_min = case when excluded.step_min < ${table}.step_min then excluded.step_min else ${table}.step_min end
  returning ${notedColumns}`;
const upsertLatestText: Readonly<Record<Dialect, string>> = {
  sqlite: latestText('sqlite'),
  postgres: latestText('postgres'),
};

async function upsertLatest(
  trx: Trx,
  run: RunRow,
  { shares, isAllNew }: { readonly shares: ReadonlyMap<number, Share>; readonly isAllNew: boolean },
): Promise<Noted[]> {
  const rows = [...shares].map(([id, { best, count, stepMin }]) => {
    const row = [run.id, id, run.experiment_id, ...storedValue(best.value), best.step, best.at];
    return [...row, isAllNew ? count : 0, stepMin];
  });
  const statement = CompiledQuery.raw(upsertLatestText[trx.dialect], [rowsJson(rows, trx.dialect)]);
  // The statement's own columns.
  const noted = await trx.tables<TrackingTables>().executeQuery<NotedRow>(statement as CompiledQuery<NotedRow>);
  return noted.rows.map(notedOf);
}

/** Counts anew what the batch may have repeated. */
async function recount(
  trx: Trx,
  run: RunRow,
  { shares, noted }: { readonly shares: ReadonlyMap<number, Share>; readonly noted: readonly Noted[] },
): Promise<Noted[]> {
  const counted = noted.filter(({ pointCount }) => pointCount >= 0);
  for (const { key, shift } of counted) {
    const range = shares.get(key);
    if (shift === null || range === undefined) continue;
    await remakeBlocks(trx, { run: run.id, key }, { shift, range });
  }
  const keys = inList(
    trx.dialect,
    sql.ref('key_id'),
    counted.map(({ key }) => key),
  );
  const { rows } = await sql<NotedRow>`update tracking_metric_latest set point_count = case when block_shift is null
      then (select count(*) from tracking_metric_point p
        where p.run_id = tracking_metric_latest.run_id and p.key_id = tracking_metric_latest.key_id)
      else (select cast(sum(b.n) as bigint) from tracking_metric_block b where b.run_id = tracking_metric_latest.run_id
        and b.key_id = tracking_metric_latest.key_id and b.shift = block_shift) end
    where run_id = ${run.id} and ${keys} returning ${sql.raw(notedColumns)}`.execute(trx.tables<TrackingTables>());
  return rows.map(notedOf);
}

/** Gives a series its blocks, or wider ones. Resolves to their shift. */
async function fitBlocks(trx: Trx, run: RunRow, row: Noted): Promise<number> {
  const series = { run: run.id, key: row.key };
  if (row.shift !== null && !isTooFine(row, row.pointCount, row.shift)) return row.shift;
  const shift = shiftFor(row, row.pointCount);
  if (row.shift === null) await makeBlocks(trx, series, shift);
  else await widenBlocks(trx, series, { from: row.shift, to: shift });
  await trx
    .tables<TrackingTables>()
    .updateTable('tracking_metric_latest')
    .set({ block_shift: shift })
    .where('run_id', '=', run.id)
    .where('key_id', '=', row.key)
    .execute();
  return shift;
}
