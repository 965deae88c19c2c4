/**
 * Blocks of a long series: for every aligned run of 2^shift steps that holds points, how many there are, where they lie, and
 * their least and greatest value. A chart of a million points is drawn from its blocks, and points are read only where a
 * range begins or ends inside a block.
 *
 * A block holds about `pointsPerBlock` points, whatever the steps: `shift` is the series' own and grows as its steps spread.
 * A short series has none, so that runs with a few points pay nothing for them.
 * Invariant: the blocks of a series, all of one shift, sum up exactly the points of the series.
 * Cost: about 100 B per block; a sample reads at most `blocksMax` blocks, and `points` x 2^shift steps of points when zoomed.
 */
import type { Dialect, Trx } from '../../platform/db/db.ts';
import type { RawBuilder } from 'kysely';
import { CompiledQuery, sql } from 'kysely';
import type { RowColumns } from './rows.ts';
import { rowsJson, rowsText } from './rows.ts';
import type { TrackingTables } from './tables.ts';

/** A series has blocks when it has more points than this. */
export const shortSeriesMax = 1024;
const pointsPerBlock = 128;
/** Of one series, before its blocks are made twice as wide. */
const blocksMax = 65_536;

/** Steps are integers within 2^53, so that a division by a power of two is exact. */
export const blockOf = (step: number, shift: number): number => Math.floor(step / 2 ** shift);

export interface Extent {
  readonly stepMin: number;
  readonly stepMax: number;
}

const spanOf = ({ stepMin, stepMax }: Extent, shift: number): number =>
  blockOf(stepMax, shift) - blockOf(stepMin, shift) + 1;

/** Blocks that a series of so many points should have at most. */
const blocksFor = (points: number): number => Math.min(blocksMax / 2, Math.ceil(points / pointsPerBlock));

/** The least shift with few enough blocks. */
export function shiftFor(extent: Extent, points: number): number {
  let shift = 0;
  while (spanOf(extent, shift) > blocksFor(points)) shift++;
  return shift;
}

/** Whether the steps have spread so far that the blocks are to be made wider. */
export const isTooFine = (extent: Extent, points: number, shift: number): boolean =>
  spanOf(extent, shift) > 2 * blocksFor(points);

export interface Block {
  readonly block: number;
  readonly n: number;
  readonly stepMin: number;
  readonly stepMax: number;
  readonly tsMin: number;
  readonly tsMax: number;
  readonly low: number | null;
  readonly high: number | null;
}

export interface Series {
  readonly run: number;
  readonly key: number;
}

/** Points of a series summed up by block; `within` is a further condition. */
export function blocksOfPoints(
  series: Series,
  shift: number,
  within: RawBuilder<unknown> = sql``,
): RawBuilder<BlockRow> {
  return sql<BlockRow>`select run_id, key_id, step >> ${sql.lit(shift)} block, count(*) n, min(step) step_min, max(step) step_max,
      min(ts) ts_min, max(ts) ts_max, min(case when is_nan = 0 then value end) low, max(case when is_nan = 0 then value end) high
    from tracking_metric_point where run_id = ${series.run} and key_id = ${series.key} ${within}
    group by run_id, key_id, step >> ${sql.lit(shift)}`;
}

export interface BlockRow {
  readonly block: number;
  readonly n: number;
  readonly step_min: number;
  readonly step_max: number;
  readonly ts_min: number;
  readonly ts_max: number;
  readonly low: number | null;
  readonly high: number | null;
}

const columnNames = 'run_id, key_id, shift, block, n, step_min, step_max, ts_min, ts_max, low, high';
const columns = sql.raw(columnNames);
const sums = sql.raw('block, n, step_min, step_max, ts_min, ts_max, low, high');

/** Makes the blocks of a series that has none, from its points. */
export async function makeBlocks(trx: Trx, series: Series, shift: number): Promise<void> {
  await sql`insert into tracking_metric_block(${columns})
    select run_id, key_id, ${sql.lit(shift)}, ${sums} from (${blocksOfPoints(series, shift)}) made`.execute(
    trx.tables<TrackingTables>(),
  );
}

/** Makes the blocks of a series wider. */
export async function widenBlocks(
  trx: Trx,
  { run, key }: Series,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<void> {
  const tables = trx.tables<TrackingTables>();
  await sql`insert into tracking_metric_block(${columns})
    select run_id, key_id, ${sql.lit(to)}, block >> ${sql.lit(to - from)}, sum(n), min(step_min), max(step_max),
      min(ts_min), max(ts_max), min(low), max(high)
    from tracking_metric_block where run_id = ${run} and key_id = ${key} and shift = ${from}
    group by run_id, key_id, block >> ${sql.lit(to - from)}`.execute(tables);
  await sql`delete from tracking_metric_block where run_id = ${run} and key_id = ${key} and shift = ${from}`.execute(
    tables,
  );
}

/** SQLite's min and max of two values are null where one is, PostgreSQL's leave it out. */
const ends: Readonly<Record<Dialect, { readonly least: string; readonly greatest: string }>> = {
  sqlite: { least: 'min', greatest: 'max' },
  postgres: { least: 'least', greatest: 'greatest' },
};

export interface SeriesBlock extends Block, Series {
  readonly shift: number;
}

const blockTypes: RowColumns = {
  run_id: 'int',
  key_id: 'int',
  shift: 'int',
  block: 'int',
  n: 'int',
  step_min: 'int',
  step_max: 'int',
  ts_min: 'int',
  ts_max: 'int',
  low: 'real',
  high: 'real',
};
const table = 'tracking_metric_block';
const addText = (dialect: Dialect): string => {
  const { least, greatest } = ends[dialect];
  return `insert into ${table}(${columnNames})
    select ${columnNames} from ${rowsText(dialect, blockTypes)} where true
    on conflict(run_id, key_id, shift, block) do update set n = ${table}.n + excluded.n,
      step_min = ${least}(${table}.step_min, excluded.step_min), step_max = ${greatest}(${table}.step_max, excluded.step_max),
      ts_min = ${least}(${table}.ts_min, excluded.ts_min), ts_max = ${greatest}(${table}.ts_max, excluded.ts_max),
      low = coalesce(${least}(${table}.low, excluded.low), ${table}.low, excluded.low),
      high = coalesce(${greatest}(${table}.high, excluded.high), ${table}.high, excluded.high)`;
};
const addToBlocksText: Readonly<Record<Dialect, string>> = { sqlite: addText('sqlite'), postgres: addText('postgres') };

/** Adds what new points make to the blocks of their series. */
export async function addToBlocks(trx: Trx, blocks: readonly SeriesBlock[]): Promise<void> {
  const rows = blocks.map((b) => {
    const range = [b.stepMin, b.stepMax, b.tsMin, b.tsMax];
    return [b.run, b.key, b.shift, b.block, b.n, ...range, b.low, b.high];
  });
  const statement = CompiledQuery.raw(addToBlocksText[trx.dialect], [rowsJson(rows, trx.dialect)]);
  await trx.tables<TrackingTables>().executeQuery(statement);
}

export interface PointRange extends Extent {
  readonly tsMin: number;
  readonly tsMax: number;
}

/** Sums up anew the blocks in which these steps lie. The range of instants bounds the points that are read for it. */
export async function remakeBlocks(
  trx: Trx,
  series: Series,
  { shift, range }: { readonly shift: number; readonly range: PointRange },
): Promise<void> {
  const tables = trx.tables<TrackingTables>();
  const { run, key } = series;
  const [first, last] = [blockOf(range.stepMin, shift), blockOf(range.stepMax, shift)];
  const touched = sql`run_id = ${run} and key_id = ${key} and shift = ${shift} and block between ${first} and ${last}`;
  const found = await sql<{ ts_min: number | null; ts_max: number | null }>`
    select min(ts_min) ts_min, max(ts_max) ts_max from tracking_metric_block where ${touched}`.execute(tables);
  const tsMin = Math.min(range.tsMin, Number(found.rows[0]?.ts_min ?? range.tsMin));
  const tsMax = Math.max(range.tsMax, Number(found.rows[0]?.ts_max ?? range.tsMax));
  await sql`delete from tracking_metric_block where ${touched}`.execute(tables);
  const within = sql`and ts between ${tsMin} and ${tsMax} and step >> ${sql.lit(shift)} between ${first} and ${last}`;
  await sql`insert into tracking_metric_block(${columns})
    select run_id, key_id, ${sql.lit(shift)}, ${sums} from (${blocksOfPoints(series, shift, within)}) made`.execute(
    tables,
  );
}
