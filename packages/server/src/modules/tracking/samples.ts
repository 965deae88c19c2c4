/**
 * One metric of several runs, small enough to draw: a run with few points gives them all, one with more gives the least and
 * the greatest value of each stretch of steps, so that no peak is lost.
 *
 * The stretches are the same for all runs of a request, so that their lines share an axis. Cost: one pass over the points of
 * the runs to count them and one to sum them up, both in a reader; what leaves the database is at most
 * `sampledPointsMax` rows, whatever the runs logged.
 */
import type { MetricValue, SampledSeries } from '@slipway/contract';
import { sampledPointsMax, SlipwayError } from '@slipway/contract';
import type { RawBuilder } from 'kysely';
import { sql } from 'kysely';
import { inList } from '../../lib/search-filter/filter-sql.ts';
import type { Db } from '../../platform/db/db.ts';
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

interface Extent {
  readonly run_id: number;
  readonly n: number;
  readonly step_min: number;
  readonly step_max: number;
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
  const among = (runs: readonly number[]): RawBuilder<unknown> => sql`${inList(db.dialect, sql.ref('run_id'), runs)}
    and key_id = ${keyIdOf(query.key)}
    ${query.fromStep === undefined ? sql`` : sql`and step >= ${query.fromStep}`}
    ${query.toStep === undefined ? sql`` : sql`and step <= ${query.toStep}`}`;
  const extents = await scan(
    db,
    sql<Extent>`select run_id, count(*) n, min(step) step_min, max(step) step_max
      from tracking_metric_point where ${among([...ids.values()])} group by run_id`,
  );
  const few = extents.filter((e) => Number(e.n) <= points).map((e) => e.run_id);
  const many = extents.filter((e) => Number(e.n) > points).map((e) => e.run_id);
  const axis = axisOf(extents, points);
  // A statement for each long run: they spread over the readers, and each sorts less than all together would.
  const rows = await Promise.all([
    few.length === 0 ? [] : scan(db, everyPoint(among(few))),
    ...many.map((run) => scan(db, stretchesOf(among([run]), axis))),
  ]);
  const byRun = groupBy(rows.flat(), (s) => s.run_id);
  const countOf = new Map(extents.map((e) => [e.run_id, Number(e.n)]));
  return query.runs.map((run) => {
    const id = ids.get(run) ?? -1;
    const found = byRun.get(id) ?? [];
    return {
      run,
      pointCount: countOf.get(id) ?? 0,
      isExact: !many.includes(id),
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

/** Where stretches begin, and how many steps each has. */
interface Axis {
  readonly first: number;
  readonly width: number;
}

function axisOf(extents: readonly Extent[], points: number): Axis {
  const first = Math.min(...extents.map((e) => Number(e.step_min)));
  const end = Math.max(...extents.map((e) => Number(e.step_max)));
  return { first, width: Math.max(1, Math.ceil((end - first + 1) / points)) };
}

const everyPoint = (where: RawBuilder<unknown>): RawBuilder<Stretch> =>
  sql<Stretch>`select run_id, step step_min, step step_max, ts, 1 n,
      case when is_nan = 0 then value end low, case when is_nan = 0 then value end high
    from tracking_metric_point where ${where} order by run_id, step, ts, value`;

function stretchesOf(where: RawBuilder<unknown>, { first, width }: Axis): RawBuilder<Stretch> {
  // node:sqlite binds a number as a real, and a real division would make a stretch of each step; a BigInt stays whole.
  const stretch = sql`(step - ${BigInt(first)}) / ${BigInt(width)}`;
  return sql<Stretch>`select run_id, min(step) step_min, max(step) step_max, min(ts) ts, count(*) n,
      min(case when is_nan = 0 then value end) low, max(case when is_nan = 0 then value end) high
    from tracking_metric_point where ${where}
    group by run_id, ${stretch} order by run_id, min(step)`;
}
