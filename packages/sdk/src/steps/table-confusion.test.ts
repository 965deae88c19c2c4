import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cheapestThreshold, confusionOf } from './table-confusion.ts';

const rowsArbitrary = fc.array(
  fc.record({ score: fc.integer({ min: 0, max: 20 }).map((n) => n / 20), label: fc.nat({ max: 1 }) }),
  { minLength: 1, maxLength: 40 },
);
const costsArbitrary = fc.record({ falsePositive: fc.nat({ max: 9 }), falseNegative: fc.nat({ max: 9 }) });

test('no other threshold costs less, and the confusion at it costs what is said', () => {
  fc.assert(
    fc.property(rowsArbitrary, costsArbitrary, (rows, costs) => {
      const answered = {
        task: 'binary',
        width: 2,
        labels: Float64Array.from(rows, ({ label }) => label),
        values: Float64Array.from(rows.flatMap(({ score }) => [1 - score, score])),
      } as const;
      const costAt = (threshold: number): number =>
        rows.reduce((sum, { score, label }) => {
          const isPositive = score >= threshold;
          if (isPositive && label === 0) return sum + costs.falsePositive;
          return !isPositive && label === 1 ? sum + costs.falseNegative : sum;
        }, 0) / rows.length;
      const { threshold, cost } = cheapestThreshold(answered, costs);
      assert(Math.abs(costAt(threshold) - cost) < 1e-9, `${costAt(threshold)} at ${threshold}, said ${cost}`);
      for (let other = 0; other <= 1.05; other += 0.025) assert(cost <= costAt(other) + 1e-9);
      const { counts } = confusionOf(answered, ['no', 'yes'], costs);
      const found =
        ((counts[0]?.[1] ?? 0) * costs.falsePositive + (counts[1]?.[0] ?? 0) * costs.falseNegative) / rows.length;
      assert(Math.abs(found - cost) < 1e-9);
    }),
  );
});

test('of several classes the most probable one is counted against the true one', () => {
  const { counts, threshold } = confusionOf(
    {
      task: 'multiclass',
      width: 3,
      labels: Float64Array.from([0, 1, 2, 2]),
      values: Float64Array.from([0.8, 0.1, 0.1, 0.5, 0.4, 0.1, 0.1, 0.2, 0.7, 0.1, 0.6, 0.3]),
    },
    ['a', 'b', 'c'],
  );
  assert.deepEqual(counts, [
    [1, 0, 0],
    [1, 0, 0],
    [0, 1, 1],
  ]);
  assert.equal(threshold, undefined);
});
