/**
 * Series whose points were logged before they were counted as they came: what a reader counted is written here, unless the
 * series changed meanwhile, which its count, going down with each write, tells.
 */
import { sql } from 'kysely';
import type { Trx } from '../../../platform/db/db.ts';
import { operation } from '../../../platform/db/db.ts';
import type { Block, Series } from '../blocks.ts';
import { addToBlocks, makeBlocks, shiftFor, shortSeriesMax } from '../blocks.ts';
import { rowsFrom } from '../rows.ts';
import type { TrackingTables } from '../tables.ts';

export interface CountedSeries extends Series {
  /** The count that the series had when its points were counted: below zero. */
  readonly was: number;
  readonly points: number;
  readonly stepMin: number;
}

/** Those without blocks. Resolves to how many had not changed. */
export const noteCounts = operation(
  'tracking.note-counts',
  async (trx, input: { readonly series: readonly CountedSeries[] }): Promise<number> => {
    const counted = rowsFrom(
      trx.dialect,
      { run_id: 'int', key_id: 'int', was: 'int', points: 'int', step_min: 'int' },
      input.series.map((s) => [s.run, s.key, s.was, s.points, s.stepMin]),
    );
    const done = await sql`update tracking_metric_latest set point_count = input.points, step_min = input.step_min
      from ${counted} where tracking_metric_latest.run_id = input.run_id
        and tracking_metric_latest.key_id = input.key_id and point_count = input.was`.execute(
      trx.tables<TrackingTables>(),
    );
    return Number(done.numAffectedRows);
  },
);

export interface CountedLongSeries extends CountedSeries {
  readonly shift: number;
  readonly blocks: readonly Block[];
}

/** One with its blocks. Resolves to whether it had not changed. */
export const noteBlocks = operation('tracking.note-blocks', async (trx, input: CountedLongSeries): Promise<boolean> => {
  const { run, key, was, points, stepMin, shift, blocks } = input;
  const changed = await trx
    .tables<TrackingTables>()
    .updateTable('tracking_metric_latest')
    .set({ point_count: points, step_min: stepMin, block_shift: shift })
    .where('run_id', '=', run)
    .where('key_id', '=', key)
    .where('point_count', '=', was)
    .executeTakeFirstOrThrow();
  if (changed.numUpdatedRows === 0n) return false;
  await addToBlocks(
    trx,
    blocks.map((block) => ({ run, key, shift, ...block })),
  );
  return true;
});

/** One that is written to all the time: counted while nobody else writes, about 0.2 s for a million points. */
export const countHere = operation('tracking.count-here', async (trx, { run, key }: Series): Promise<void> => {
  const tables = trx.tables<TrackingTables>();
  const { rows } = await sql<{ points: number; step_min: number; step_max: number }>`
    select count(*) points, min(step) step_min, max(step) step_max from tracking_metric_point
    where run_id = ${run} and key_id = ${key}`.execute(tables);
  const [found] = rows;
  if (found === undefined) return;
  const extent = { stepMin: Number(found.step_min), stepMax: Number(found.step_max) };
  const points = Number(found.points);
  const shift = points > shortSeriesMax ? shiftFor(extent, points) : null;
  await noteCount(trx, { run, key }, { points, stepMin: extent.stepMin, shift });
  if (shift !== null) await makeBlocks(trx, { run, key }, shift);
});

async function noteCount(
  trx: Trx,
  { run, key }: Series,
  counted: { readonly points: number; readonly stepMin: number; readonly shift: number | null },
): Promise<void> {
  await trx
    .tables<TrackingTables>()
    .updateTable('tracking_metric_latest')
    .set({ point_count: counted.points, step_min: counted.stepMin, block_shift: counted.shift })
    .where('run_id', '=', run)
    .where('key_id', '=', key)
    .execute();
}
