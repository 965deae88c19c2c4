/** Charts of long series: whatever was logged in whatever order, a sample says of every range what its points say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sql } from 'kysely';
import type { SampledSeries } from '@slipway/contract';
import { createSystemClock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import { dbTest, eachDatabase } from '../../platform/db/testing.ts';
import { isTooFine, shiftFor, shortSeriesMax } from './blocks.ts';
import { countSeries } from './count-series.ts';
import type { Tracking } from './index.ts';
import type { LoggedPoint } from './points.ts';
import { scan } from './read.ts';
import { trackingStore } from './store.ts';
import type { TrackingTables } from './tables.ts';
import { trackingBench } from './testing.ts';

const key = 'loss';
const rowOf = ({ step, at, value }: LoggedPoint): string => `${step} ${at} ${value + 0}`;
const distinct = (points: readonly LoggedPoint[]): LoggedPoint[] => [
  ...new Map(points.map((p) => [rowOf(p), p])).values(),
];

async function newRun(tracking: Tracking): Promise<string> {
  const { id: experimentId } = await tracking.ensureExperiment('e', 'owner');
  return (await tracking.createRun({ experimentId, actor: 'owner' })).id;
}

/** The points of the range, each in exactly one entry, and every entry what its points say. */
function assertSumsUp(series: SampledSeries | undefined, points: readonly LoggedPoint[], most: number): void {
  assert.ok(series !== undefined);
  assert.equal(series.pointCount, points.length);
  assert.ok(series.counts.length <= most, `${series.counts.length} entries, ${most} asked for`);
  assert.equal(series.isExact, points.length <= most);
  const sorted = points.toSorted((a, b) => a.step - b.step || a.at - b.at);
  const reach = Number(sorted.at(-1)?.step) - Number(sorted[0]?.step) + 1;
  let next = 0;
  for (const [i, n] of series.counts.entries()) {
    const own = sorted.slice(next, next + n);
    next += n;
    const values = own.map((p) => p.value + 0).filter((v) => !Number.isNaN(v));
    const [first, last] = [own[0]?.step, own.at(-1)?.step];
    assert.deepEqual([series.firstSteps[i], series.lastSteps[i]], [first, last]);
    assert.equal(series.at[i], Math.min(...own.map((p) => p.at)));
    if (series.isExact && values.length + own.length > 2) continue;
    const end = (list: readonly (number | string | null)[]): number | undefined =>
      list[i] === null || list[i] === undefined ? undefined : Number(list[i]);
    assert.equal(end(series.low), values.length === 0 ? undefined : Math.min(...values));
    assert.equal(end(series.high), values.length === 0 ? undefined : Math.max(...values));
    // Entries do not share a step, and a peak is where it was logged.
    if (series.isExact) continue;
    if (i > 0) assert.ok(Number(first) > Number(series.lastSteps[i - 1]));
    // Nor is one wider than it has to be, but for being of whole blocks.
    assert.ok(Number(last) - Number(first) < 2 * Math.ceil(reach / (most - 1)));
  }
  assert.equal(next, points.length);
}

interface BlockSums {
  readonly shift: number;
  readonly block: number;
  readonly n: number;
  readonly low: number | null;
}

const blockRows = (db: Db): Promise<BlockSums[]> =>
  scan(
    db,
    sql<BlockSums>`select run_id, key_id, shift, block, n, step_min, step_max, ts_min, ts_max, low, high
      from tracking_metric_block order by run_id, key_id, shift, block`,
  );
const countRows = (db: Db): Promise<unknown[]> =>
  scan(
    db,
    sql`select run_id, key_id, point_count, step_min, block_shift from tracking_metric_latest order by run_id, key_id`,
  );

/** The state in which a workspace of before is found. */
const forget = operation('tests.forget-counts', async (trx) => {
  const tables = trx.tables<TrackingTables>();
  await sql`delete from tracking_metric_block`.execute(tables);
  await sql`update tracking_metric_latest set point_count = -1, step_min = 0, block_shift = null`.execute(tables);
});

const value = fc.oneof(
  { weight: 8, arbitrary: fc.double({ min: -1e6, max: 1e6, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity, -0, 0) },
);

/** Batches of one series: steps that crowd or spread, instants that follow them or not, points said twice. */
const batches = fc
  .record({
    spread: fc.constantFrom(0, 1, 3, 1000, 2 ** 40),
    from: fc.integer({ min: -5000, max: 5000 }),
    sizes: fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 4 }),
    values: fc.array(value, { minLength: 3, maxLength: 30 }),
    jumble: fc.boolean(),
    again: fc.constantFrom(0, 1, 0.5),
  })
  .map(({ spread, from, sizes, values, jumble, again }) => {
    let i = 0;
    const all: LoggedPoint[][] = [];
    for (const size of sizes) {
      const batch = Array.from({ length: size }, (): LoggedPoint => {
        i++;
        // Whole numbers that look drawn: no two of a prime's multiples meet.
        const place = jumble ? (i * 7919) % 2003 : i;
        return {
          key,
          value: values[i % values.length] ?? 0,
          step: from + place * spread,
          at: 1e6 + (jumble ? i * 31 : i),
        };
      });
      all.push(batch);
      if (again > 0) all.push([...batch.slice(0, Math.ceil(size * again)), { key, value: i, step: from, at: 5 }]);
    }
    return all;
  });

test('blocks hold about as many points each, whatever the steps', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: shortSeriesMax + 1, max: 1e8 }),
      fc.integer({ min: -(2 ** 52), max: 2 ** 52 }),
      fc.nat(2 ** 52),
      (points, stepMin, spread) => {
        const extent = { stepMin, stepMax: stepMin + spread };
        const shift = shiftFor(extent, points);
        assert.ok(!isTooFine(extent, points, shift));
        if (shift > 0) assert.ok(spread / 2 ** (shift - 1) >= Math.min(points / 128, 32_768) - 2);
      },
    ),
  );
});

/** Anywhere in a range, not mostly at its beginning. */
const share = fc.noBias(fc.integer({ min: 0, max: 1000 })).map((thousandths) => thousandths / 1000);

eachDatabase((name, open) => {
  dbTest(
    `${name}: a sample of any range of a series equals what its points say`,
    open,
    { modules: [trackingStore], operations: [forget] },
    async (_t, { db }) => {
      const { tracking } = trackingBench(db);
      await fc.assert(
        fc.asyncProperty(
          batches,
          fc.array(fc.tuple(share, share), { minLength: 3, maxLength: 5 }),
          fc.integer({ min: 2, max: 400 }),
          async (logged, ranges, most) => {
            const run = await newRun(tracking);
            for (const batch of logged) await tracking.log(run, { metrics: batch });
            const points = distinct(logged.flat());
            const steps = points.map((p) => p.step);
            const [least, greatest] = [Math.min(...steps), Math.max(...steps)];
            const [whole] = await tracking.sample({ runs: [run], key, points: most });
            assertSumsUp(whole, points, most);
            for (const [a, b] of ranges) {
              const [fromStep, toStep] = [a, b]
                .toSorted((x, y) => x - y)
                .map((part) => Math.floor(least + part * (greatest - least)));
              const within = points.filter((p) => p.step >= Number(fromStep) && p.step <= Number(toStep));
              const [part] = await tracking.sample({ runs: [run], key, points: most, fromStep, toStep });
              assertSumsUp(part, within, most);
            }
          },
        ),
        { numRuns: name === 'sqlite' ? 25 : 8 },
      );
    },
  );

  dbTest(
    `${name}: series of before are counted in the background, whoever logs meanwhile`,
    open,
    { modules: [trackingStore], operations: [forget] },
    async (_t, { db }) => {
      const { tracking } = trackingBench(db);
      const curve = (count: number, from = 0): LoggedPoint[] =>
        Array.from({ length: count }, (_, i) => ({ key, value: Math.sin(i), step: from + i * 3, at: from + i }));
      const long = await newRun(tracking);
      await tracking.log(long, { metrics: curve(2500) });
      const short = await newRun(tracking);
      await tracking.log(short, { metrics: curve(7) });
      const before = { blocks: await blockRows(db), counts: await countRows(db) };
      const ask = () => tracking.sample({ runs: [long, short], key, points: 100 });
      const drawn = await ask();
      assert.ok(before.blocks.length > 10);
      // With nothing to count no reader is asked: the first question would open one.
      const scan = (): never => assert.fail('a reader was asked');
      const idle = { db: { ...db, scan }, clock: createSystemClock(), signal: new AbortController().signal };
      assert.equal(await countSeries(idle), 0);

      await db.write(forget, undefined);
      for (const series of await ask()) assert.deepEqual(series.pointCount, series.run === long ? 2500 : 7);
      const counting = { db, clock: createSystemClock(), signal: new AbortController().signal };
      assert.equal(await countSeries(counting), 2);
      assert.deepEqual({ blocks: await blockRows(db), counts: await countRows(db) }, before);
      assert.deepEqual(await ask(), drawn);

      await db.write(forget, undefined);
      const more = curve(100, 10_000);
      const logging = (async () => {
        for (const point of more) await tracking.log(long, { metrics: [point] });
      })();
      await Promise.all([countSeries(counting), logging]);
      await countSeries(counting);
      const [series] = await tracking.sample({ runs: [long], key, points: 100 });
      assertSumsUp(series, [...curve(2500), ...more], 100);
      assert.equal(
        (await blockRows(db)).reduce((sum, { n }) => sum + Number(n), 0),
        2600,
      );
    },
  );
});
