/**
 * Counts the series of a workspace that logged before series were counted as they come: slices in the background, the
 * counting in readers and a few milliseconds of writing at a time. Until a series is counted its charts read its points.
 */
import { sql } from 'kysely';
import type { Clock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Log } from '../../platform/log.ts';
import type { Block, BlockRow } from './blocks.ts';
import { blocksOfPoints, shiftFor, shortSeriesMax } from './blocks.ts';
import type { CountedSeries } from './operations/count-series.ts';
import { countHere, noteBlocks, noteCounts } from './operations/count-series.ts';
import { scan } from './read.ts';

/** Series counted at a time. */
const seriesPerSlice = 200;
/** Between slices, so that those who wait for the writer come first, milliseconds. */
const restMs = 5;
/** Times that a long series is counted beside its writers before they wait for it. */
const triesMax = 3;

interface Uncounted extends CountedSeries {
  readonly stepMax: number;
}

export interface SeriesCounting {
  readonly db: Db;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Resolves to the number of series that it counted, when none is left. Rejects when the signal aborts. */
export async function countSeries({ db, clock, signal }: SeriesCounting): Promise<number> {
  // Nearly always: a key look-up then, so that a start opens no reader (25 MB) to find nothing.
  if (!(await hasUncounted(db))) return 0;
  let counted = 0;
  for (let after: Place = { run: -1, key: -1 }, pass = 0; ;) {
    signal.throwIfAborted();
    const found = await uncounted(db, after);
    const last = found.at(-1);
    if (last === undefined) {
      if (pass === 0) return counted;
      // Some had changed meanwhile: once more from the beginning.
      after = { run: -1, key: -1 };
      pass = 0;
      continue;
    }
    const short = found.filter(({ points }) => points <= shortSeriesMax);
    if (short.length > 0) counted += await db.write(noteCounts, { series: short });
    for (const series of found) if (series.points > shortSeriesMax) counted += await countLong(db, series);
    after = last;
    pass++;
    await clock.sleep(restMs, signal);
  }
}

export interface SeriesCounter {
  start(): void;
  stop(): Promise<void>;
}

/** Counts while the server runs; what is not counted when it stops is counted by the next. */
export function createSeriesCounter({
  db,
  clock,
  log,
}: Pick<SeriesCounting, 'db' | 'clock'> & { readonly log: Log }): SeriesCounter {
  const stopping = new AbortController();
  let running = Promise.resolve();
  const run = async (): Promise<void> => {
    try {
      const count = await countSeries({ db, clock, signal: stopping.signal });
      if (count > 0) log.info('metric series are counted: charts of long ones read their blocks', { count });
    } catch (error) {
      if (!stopping.signal.aborted) log.error('metric series could not be counted', { error });
    }
  };
  return {
    start: () => void (running = run()),
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}

interface Place {
  readonly run: number;
  readonly key: number;
}

async function hasUncounted(db: Db): Promise<boolean> {
  const { rows } = await sql`select 1 from tracking_metric_latest where point_count < 0 limit 1`.execute(db.read());
  return rows.length > 0;
}

async function uncounted(db: Db, after: Place): Promise<Uncounted[]> {
  const rows = await scan(
    db,
    sql<{ run_id: number; key_id: number; was: number; points: number; step_min: number; step_max: number }>`
      select u.run_id, u.key_id, min(u.point_count) was, count(p.step) points,
        coalesce(min(p.step), 0) step_min, coalesce(max(p.step), 0) step_max
      from (select run_id, key_id, point_count from tracking_metric_latest
        where point_count < 0 and (run_id, key_id) > (${after.run}, ${after.key})
        order by run_id, key_id limit ${seriesPerSlice}) u
      left join tracking_metric_point p on p.run_id = u.run_id and p.key_id = u.key_id
      group by u.run_id, u.key_id order by u.run_id, u.key_id`,
  );
  return rows.map((row) => ({
    run: row.run_id,
    key: row.key_id,
    was: Number(row.was),
    points: Number(row.points),
    stepMin: Number(row.step_min),
    stepMax: Number(row.step_max),
  }));
}

const blockOfRow = (row: BlockRow): Block => ({
  block: Number(row.block),
  n: Number(row.n),
  stepMin: Number(row.step_min),
  stepMax: Number(row.step_max),
  tsMin: Number(row.ts_min),
  tsMax: Number(row.ts_max),
  low: row.low,
  high: row.high,
});

async function countLong(db: Db, first: Uncounted): Promise<1> {
  let series: Uncounted | undefined = first;
  for (let tries = 0; tries < triesMax && series !== undefined; tries++) {
    const shift = shiftFor(series, series.points);
    const blocks = (await scan(db, blocksOfPoints(series, shift))).map(blockOfRow);
    const points = blocks.reduce((sum, block) => sum + block.n, 0);
    if (await db.write(noteBlocks, { ...series, points, shift, blocks })) return 1;
    // It changed: what it says now, and once more.
    [series] = await uncounted(db, { run: first.run, key: first.key - 1 });
    if (series?.run !== first.run || series.key !== first.key) return 1;
  }
  await db.write(countHere, { run: first.run, key: first.key });
  return 1;
}
