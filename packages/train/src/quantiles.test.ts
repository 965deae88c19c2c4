import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { predictTrees } from './predict-trees.ts';
import { weightedQuantile } from './quantiles.ts';
import { createRandom } from './random.ts';
import { trainTrees } from './train-trees.ts';
import type { TrainingData } from './training-data.ts';

test('a quantile by weight is that of the rows written out, in whatever order they come', () => {
  const row = fc.record({ value: fc.integer({ min: -20, max: 20 }), weight: fc.integer({ min: 0, max: 4 }) });
  fc.assert(
    fc.property(
      fc.array(row, { minLength: 1, maxLength: 30 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (rows, q) => {
        fc.pre(rows.some(({ weight }) => weight > 0));
        const of = (list: typeof rows): number =>
          weightedQuantile(
            Float64Array.from(list, ({ value }) => value),
            Float64Array.from(list, ({ weight }) => weight),
            q,
          );
        const found = of(rows);
        assert.equal(of(rows.toReversed()), found);
        const counted = rows.filter(({ weight }) => weight > 0).map(({ value }) => value);
        assert.ok(found >= Math.min(...counted) && found <= Math.max(...counted));
        const below = (limit: (value: number) => boolean): number =>
          rows.reduce((sum, { value, weight }) => sum + (limit(value) ? weight : 0), 0);
        const total = below(() => true);
        const largest = Math.max(...rows.map(({ weight }) => weight));
        assert.ok(below((value) => value < found) <= q * total + largest, 'too much lies below');
        assert.ok(below((value) => value <= found) >= q * total - largest, 'too little lies below');
      },
    ),
  );
  assert.equal(weightedQuantile(Float64Array.of(1, 2, 3, 4), new Float64Array(4).fill(2), 0.5), 2.5);
  assert.equal(weightedQuantile(Float64Array.of(1, 2, 9), Float64Array.of(1, 1, 0), 0.5), 1.5);
});

/** Noise that grows with the first feature, so that quantiles fan out. */
function makeFan(rows: number, seed: number): TrainingData & { readonly labels: Float64Array } {
  const random = createRandom(seed);
  const x = Float64Array.from({ length: rows }, () => random() * 4);
  const other = Float64Array.from({ length: rows }, () => random());
  const labels = Float64Array.from(x, (value) => value * 2 + value * (random() + random() - 1));
  return { featureNames: ['x', 'other'], columns: [x, other], labels };
}

test('the asked share of new labels lies below a trained quantile', () => {
  const [data, fresh] = [makeFan(8000, 1), makeFan(8000, 2)];
  for (const quantile of [0.05, 0.5, 0.9]) {
    const settings = { objective: 'quantile', quantile, rounds: 60, leaves: 8, minRowsPerLeaf: 50 } as const;
    const { ensemble, history, margins } = trainTrees(data, settings);
    assert.deepEqual(predictTrees(ensemble, data.columns), margins);
    assert.ok((history.at(-1)?.train.loss ?? 1) < (history[0]?.train.loss ?? 0) * 0.6);
    const predicted = predictTrees(ensemble, fresh.columns);
    const isWide = (row: number): boolean => (fresh.columns[0]?.[row] ?? 0) > 2;
    for (const half of [isWide, (row: number) => !isWide(row)]) {
      const rows = [...fresh.labels.keys()].filter(half);
      const share = rows.filter((row) => (fresh.labels[row] ?? 0) <= (predicted[row] ?? 0)).length / rows.length;
      assert.ok(Math.abs(share - quantile) < 0.03, `quantile ${quantile}: ${share}`);
    }
  }
});

test('quantiles count weights and refuse a level that is none', () => {
  const data = makeFan(2000, 3);
  const settings = { objective: 'quantile', quantile: 0.5, rounds: 20, leaves: 6 } as const;
  const weights = Float64Array.from(data.labels, (label, row) => (label > (data.columns[0]?.[row] ?? 0) * 2 ? 9 : 1));
  const plain = trainTrees(data, settings).margins;
  const weighted = trainTrees({ ...data, weights }, settings).margins;
  const higher = weighted.filter((value, row) => value > (plain[row] ?? 0)).length;
  assert.ok(higher > 1900, `${higher} of 2000 moved up`);
  assert.throws(() => trainTrees(data, { objective: 'quantile' }), /quantile is undefined: it must be a number/);
  assert.throws(
    () => trainTrees(data, { ...settings, classWeights: [1, 1] }),
    /leave them out with the objective quantile/,
  );
});
