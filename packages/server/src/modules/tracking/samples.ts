/**
 * One metric of several runs, small enough to draw: a run with few points gives them all, one with more gives the least and
 * the greatest value of each stretch of steps, so that no peak is lost.
 *
 * The stretches are the same for all runs of a request, so that their lines share an axis. They are as wide as a whole number
 * of the blocks of the long runs (blocks.ts) and begin where blocks do, so that a block lies in one stretch: a long run is
 * summed up from its blocks, and from points only where the range begins or ends amid a block, or where stretches are narrower
 * than blocks. Cost: the blocks of the range, or (stretches x steps of a block) points, all in readers; what leaves the
 * database is at most `sampledPointsMax` rows, whatever the runs logged.
 */
import type { MetricValue, SampledSeries } from '@slipway/contract';
import { sampledPointsMax, SlipwayError } from '@slipway/contract';
import type { RawBuilder } from 'kysely';
import { sql } from 'kysely';
import { inList } from '../../lib/search-filter/filter-sql.ts';
import type { Db } from '../../platform/db/db.ts';
import { blockOf } from './blocks.ts';
import { keyIdOf } from './conditions.ts';
import { groupBy, metricValue, scan } from './read.ts';

export interface SampleQuery {
  readonly runs: readonly string[];
  readonly key: string;
  /** Entries per run at most. */
  readonly points: number;
  readonly fromStep?: number | undefined;
  readonly toStep?: number | undefined;
}

/** One run's series of the metric. */
interface Series {
  readonly run: number;
  readonly key: number;
  /** Below zero where it is not counted yet. */
  readonly points: number;
  readonly stepMin: number;
  readonly stepMax: number;
  readonly shift: number | null;
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/** What of a series lies in the range. */
interface Extent {
  readonly series: Series;
  readonly n: number;
  readonly range: Range;
}

interface Stretch {
  readonly run_id: number;
  readonly step_min: number;
  readonly step_max: number;
  readonly ts: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly n: number;
}

/** In the order of the runs; a run without the metric has an empty series. Throws `not_found`. */
export async function sampleMetric(db: Db, query: SampleQuery): Promise<SampledSeries[]> {
  const ids = await runIds(db, query.runs);
  const points = Math.max(2, Math.min(query.points, Math.floor(sampledPointsMax / query.runs.length)));
  const extents = await extentsOf(db, await seriesOf(db, [...ids.values()], query.key), {
    from: query.fromStep ?? Number.MIN_SAFE_INTEGER,
    to: query.toStep ?? Number.MAX_SAFE_INTEGER,
  });
  const few = extents.filter(({ n }) => n <= points);
  const many = extents.filter(({ n }) => n > points);
  const axis = axisOf(many, points);
  // A statement for each long run: they spread over the readers, and each sorts less than all together would.
  const rows = await Promise.all([
    ...everyPoint(db, few).map((statement) => scan(db, statement)),
    ...many.map((extent) => scan(db, stretchesOf(db, extent, axis))),
  ]);
  const byRun = groupBy(rows.flat(), (s) => s.run_id);
  const extentOf = new Map(extents.map((e) => [e.series.run, e]));
  return query.runs.map((run) => {
    const id = ids.get(run) ?? -1;
    const found = byRun.get(id) ?? [];
    const n = extentOf.get(id)?.n ?? 0;
    return {
      run,
      pointCount: n,
      isExact: n <= points,
      firstSteps: found.map((r) => Number(r.step_min)),
      lastSteps: found.map((r) => Number(r.step_max)),
      at: found.map((r) => Number(r.ts)),
      low: found.map((r) => valueOf(r.low)),
      high: found.map((r) => valueOf(r.high)),
      counts: found.map((r) => Number(r.n)),
    };
  });
}

const valueOf = (value: number | null): MetricValue | null => (value === null ? null : metricValue(value, 0));

async function runIds(db: Db, runs: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const rows = await scan(
    db,
    sql<{
      id: number;
      uid: string;
    }>`select id, uid from tracking_run where ${inList(db.dialect, sql.ref('uid'), runs)}`,
  );
  const ids = new Map(rows.map((row) => [row.uid, row.id]));
  const unknown = runs.find((run) => !ids.has(run));
  if (unknown === undefined) return ids;
  throw new SlipwayError('not_found', { noun: 'run', name: unknown, remedy: 'GET /api/runs lists them.' });
}

interface SeriesRow {
  readonly run_id: number;
  readonly key_id: number;
  readonly point_count: number;
  readonly step_min: number;
  readonly step: number;
  readonly block_shift: number | null;
}

async function seriesOf(db: Db, runs: readonly number[], key: string): Promise<Series[]> {
  const rows = await scan(
    db,
    sql<SeriesRow>`select run_id, key_id, point_count, step_min, step, block_shift from tracking_metric_latest
      where ${inList(db.dialect, sql.ref('run_id'), runs)} and key_id = ${keyIdOf(key)}`,
  );
  return rows.map((row) => ({
    run: row.run_id,
    key: row.key_id,
    points: row.point_count,
    stepMin: row.step_min,
    stepMax: row.step,
    shift: row.block_shift,
  }));
}

/** Counted from what is kept where that says it, else from blocks or points. Empty ones are left out. */
async function extentsOf(db: Db, all: readonly Series[], wanted: Range): Promise<Extent[]> {
  const known: Extent[] = [];
  const asked: RawBuilder<unknown>[] = [];
  const short: Series[] = [];
  for (const series of all) {
    const { points, stepMin, stepMax, shift } = series;
    const range = { from: Math.max(wanted.from, stepMin), to: Math.min(wanted.to, stepMax) };
    if (points >= 0 && range.from === stepMin && range.to === stepMax) known.push({ series, n: points, range });
    else if (shift === null) short.push(series);
    else if (range.from <= range.to) asked.push(blockCells(series, shift, range));
  }
  if (short.length > 0) asked.push(pointCells(among(db, short, wanted)));
  const found = await Promise.all(
    asked.map((cells) =>
      scan(
        db,
        sql<{ run_id: number; n: number; step_min: number; step_max: number }>`
          select run_id, sum(n) n, min(step_min) step_min, max(step_max) step_max from (${cells}) cells group by run_id`,
      ),
    ),
  );
  const byRun = new Map(all.map((series) => [series.run, series]));
  const counted = found.flat().flatMap((row) => {
    const series = byRun.get(row.run_id);
    const range = { from: Number(row.step_min), to: Number(row.step_max) };
    return series === undefined ? [] : [{ series, n: Number(row.n), range }];
  });
  return [...known, ...counted];
}

/** Where stretches begin, and how many steps each has: exact, where two steps may be 2^54 apart. */
interface Axis {
  readonly first: bigint;
  readonly width: bigint;
}

const widthOf = (shift: number): bigint => 1n << BigInt(shift);

/** Stretches of whole blocks, as far as blocks are narrower than they. */
function axisOf(many: readonly Extent[], points: number): Axis {
  if (many.length === 0) return { first: 0n, width: 1n };
  const from = many.map(({ range }) => BigInt(range.from)).reduce((a, b) => (a < b ? a : b));
  const to = many.map(({ range }) => BigInt(range.to)).reduce((a, b) => (a > b ? a : b));
  // One fewer than there may be: a stretch that begins with a block may begin before the range.
  const count = BigInt(points - 1);
  const least = (to - from + count) / count;
  const blocks = many.flatMap(({ series }) => (series.shift === null ? [] : [widthOf(series.shift)]));
  const block = blocks.filter((width) => width <= least).reduce((a, b) => (a > b ? a : b), 1n);
  const width = ((least + block - 1n) / block) * block;
  const into = ((from % width) + width) % width;
  return { first: from - into, width };
}

const low = sql.raw('case when is_nan = 0 then value end');

/** Points of series of one key that have no blocks, as a condition. */
const among = (db: Db, all: readonly Series[], { from, to }: Range): RawBuilder<unknown> =>
  sql`${inList(
    db.dialect,
    sql.ref('run_id'),
    all.map(({ run }) => run),
  )} and key_id = ${all[0]?.key ?? -1} and step between ${from} and ${to}`;

/** Points of a series with blocks, as a condition: the blocks say at which instants they were logged, which the key is ordered by. */
function within({ run, key }: Series, shift: number, { from, to }: Range): RawBuilder<unknown> {
  const blocks = sql`from tracking_metric_block where run_id = ${run} and key_id = ${key} and shift = ${shift}
    and block between ${blockOf(from, shift)} and ${blockOf(to, shift)}`;
  return sql`run_id = ${run} and key_id = ${key} and step between ${from} and ${to}
    and ts >= (select min(ts_min) ${blocks}) and ts <= (select max(ts_max) ${blocks})`;
}

/** What is summed up: points, each a cell of its own, and blocks. */
const pointCells = (where: RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`select run_id, step step_min, step step_max, ts, 1 n, ${low} low, ${low} high
    from tracking_metric_point where ${where}`;

/** The cells of a range that begins and ends at points of the series: its blocks, and at its ends points. */
function blockCells(series: Series, shift: number, range: Range): RawBuilder<unknown> {
  const width = 2 ** shift;
  const [first, last] = [blockOf(range.from, shift), blockOf(range.to, shift)];
  const isFirstWhole = range.from <= series.stepMin || range.from === first * width;
  const isLastWhole = range.to >= series.stepMax || range.to === last * width + (width - 1);
  if (first === last && !(isFirstWhole && isLastWhole)) return pointCells(within(series, shift, range));
  const cells = [
    sql`select run_id, step_min, step_max, ts_min ts, n, low, high from tracking_metric_block
      where run_id = ${series.run} and key_id = ${series.key} and shift = ${shift}
        and block between ${isFirstWhole ? first : first + 1} and ${isLastWhole ? last : last - 1}`,
  ];
  if (!isFirstWhole) cells.push(pointCells(within(series, shift, { from: range.from, to: (first + 1) * width - 1 })));
  if (!isLastWhole) cells.push(pointCells(within(series, shift, { from: last * width, to: range.to })));
  return sql.join(cells, sql` union all `);
}

/** Every point of the runs that have few: those without blocks together, the others on their own. */
function everyPoint(db: Db, few: readonly Extent[]): RawBuilder<Stretch>[] {
  const short = few.filter(({ series }) => series.shift === null);
  const ends = short.map(({ range }) => range);
  const wanted = { from: Math.min(...ends.map((r) => r.from)), to: Math.max(...ends.map((r) => r.to)) };
  const wheres = few.flatMap(({ series, range }) =>
    series.shift === null ? [] : [within(series, series.shift, range)],
  );
  if (short.length > 0)
    wheres.push(
      among(
        db,
        short.map(({ series }) => series),
        wanted,
      ),
    );
  return wheres.map(
    (where) => sql<Stretch>`select run_id, step step_min, step step_max, ts, 1 n, ${low} low, ${low} high
      from tracking_metric_point where ${where} order by run_id, step, ts, value`,
  );
}

function stretchesOf(db: Db, { series, range }: Extent, { first, width }: Axis): RawBuilder<Stretch> {
  const { shift } = series;
  const cells =
    shift === null
      ? pointCells(among(db, [series], range))
      : width % widthOf(shift) === 0n
        ? blockCells(series, shift, range)
        : pointCells(within(series, shift, range));
  // A real division would make a stretch of each step: BigInts are bound as integers.
  return sql<Stretch>`select run_id, min(step_min) step_min, max(step_max) step_max, min(ts) ts, sum(n) n,
      min(low) low, max(high) high
    from (${cells}) cells group by run_id, (step_min - ${first}) / ${width} order by min(step_min)`;
}
