import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { createAnalytics } from '../../platform/analytics/analytics.ts';
import { countValues, edgesOf, hasHistogram, planBins } from './distribution.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-distribution-'));
const analytics = createAnalytics({ memoryLimit: '256MB', threads: 1, tempFolder: folder });
after(async () => {
  await analytics[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const double = fc.double({ noDefaultInfinity: true, noNaN: true });

test('bins hold their range, are few, and ascend; where doubles cannot tell them apart there are none', () => {
  fc.assert(
    fc.property(double, double, fc.constantFrom(undefined, 1, 86_400_000), (a, b, step) => {
      // Values of a type with steps lie on them.
      const on = (x: number): number => (step === undefined ? x : Math.round(x % 1e7) * step);
      const [low, high] = [Math.min(on(a), on(b)), Math.max(on(a), on(b))];
      const bins = planBins(low, high, step);
      if (bins === undefined) return;
      const edges = edgesOf(bins);
      assert.ok(bins.count >= 1 && bins.count <= 24);
      assert.ok(edges.every((edge, i) => i === 0 || edge > (edges[i - 1] ?? Infinity)));
      // The last edge is reached by additions, so up to rounding.
      assert.ok((edges[0] ?? 0) <= low && (edges.at(-1) ?? 0) >= high - bins.width * 1e-6);
      if (step !== undefined) assert.equal(bins.width % step, 0);
    }),
  );
  assert.equal(planBins(-Number.MAX_VALUE, Number.MAX_VALUE, undefined), undefined);
  assert.equal(planBins(NaN, 1, undefined), undefined);
  assert.equal(planBins(-7e-323, 5.4e-323, undefined), undefined);
  assert.deepEqual(planBins(1, 12, 1), { low: 1, width: 1, count: 12 });
  assert.deepEqual(planBins(0, 59, 1), { low: 0, width: 3, count: 20 });
});

test('the engine counts each value in the bin that holds it', async () => {
  const connection = await analytics.connect();
  const value = fc.oneof(
    fc.double({ min: -100, max: 100, noNaN: true }),
    fc.constantFrom(Infinity, -Infinity, NaN, 0, -0, 1e300),
    fc.constant(null),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(value, { minLength: 1, maxLength: 60 }),
      double,
      fc.double({ min: 0, max: 50, noNaN: true }),
      async (values, low, span) => {
        const bins = planBins(low, low + span, undefined);
        if (bins === undefined) return;
        const rows = values.map((v) => (v === null ? '(NULL)' : `(CAST('${v}' AS DOUBLE))`)).join(', ');
        const column = { name: 'x', type: 'DOUBLE', nullable: true };
        const [found] = await countValues(connection, `(SELECT x FROM (VALUES ${rows}) t(x))`, [
          { column, values: [], bins },
        ]);
        const present = values.filter((v) => v !== null);
        const finite = present.filter((v) => Number.isFinite(v));
        const { edges, counts, below, above, nonFinite } = found?.histogram ?? assert.fail('no histogram');
        const [first, last] = [edges[0] ?? 0, edges.at(-1) ?? 0];
        assert.deepEqual(
          [below, above, nonFinite, counts.reduce((sum, n) => sum + n, 0)],
          [
            finite.filter((v) => v < first).length,
            finite.filter((v) => v > last).length,
            present.length - finite.length,
            finite.filter((v) => v >= first && v <= last).length,
          ],
        );
      },
    ),
    { numRuns: 60 },
  );
  connection.closeSync();
});

test('numbers, dates and timestamps have histograms; times of day, text and lists do not', () => {
  for (const type of ['INTEGER', 'UBIGINT', 'DOUBLE', 'DECIMAL(10,2)', 'DATE', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE'])
    assert.equal(hasHistogram(type), true, type);
  for (const type of ['TIME', 'TIME WITH TIME ZONE', 'VARCHAR', 'BOOLEAN', 'INTEGER[]', 'STRUCT(a INTEGER)'])
    assert.equal(hasHistogram(type), false, type);
});
