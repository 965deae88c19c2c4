import assert from 'node:assert/strict';
import { test } from 'node:test';
import { predictTrees } from './predict-trees.ts';
import { createRandom } from './random.ts';
import { trainTrees } from './train-trees.ts';
import type { TrainingData } from './training-data.ts';
import type { TreeSettings } from './tree-settings.ts';

const rows = 3000;

/** Rises and falls along the first feature, with gaps; falls along the second. */
function makeWaves(seed: number, isClass = true): TrainingData {
  const random = createRandom(seed);
  const column = (): Float64Array =>
    Float64Array.from({ length: rows }, () => (random() < 0.05 ? Number.NaN : random() * 10));
  const columns = [column(), column(), column()];
  const labels = Float64Array.from({ length: rows }, (_, row) => {
    const [a = 0, b = 0] = columns.map((values) => values[row] ?? 0).map((x) => (Number.isNaN(x) ? 3 : x));
    const label = Math.sin(a) + a / 4 - b / 5 + random();
    return isClass ? (label > 0.7 ? 1 : 0) : label;
  });
  return { featureNames: ['a', 'b', 'c'], columns, labels };
}

/** How often the score moves against the direction while one feature grows and the others stay. */
function countViolations(data: TrainingData, settings: TreeSettings, feature: number, direction: number): number {
  const { ensemble } = trainTrees(data, settings);
  const steps = 60;
  let violations = 0;
  for (let row = 0; row < 200; row++) {
    const probe = data.columns.map((column, index) =>
      Float64Array.from({ length: steps }, (_, step) => (index === feature ? (step * 10) / steps : (column[row] ?? 0))),
    );
    const margins = predictTrees(ensemble, probe);
    for (let step = 1; step < steps; step++) {
      if (((margins[step] ?? 0) - (margins[step - 1] ?? 0)) * direction < 0) violations += 1;
    }
  }
  return violations;
}

test('a constrained score never moves against its direction, and a free one does', () => {
  const shared = { rounds: 25, leaves: 15, minRowsPerLeaf: 10 } as const;
  const objectives = [
    { ...shared, objective: 'binary' },
    { ...shared, objective: 'regression', rowShare: 0.7 },
    { ...shared, objective: 'quantile', quantile: 0.8 },
  ] as const;
  for (const settings of objectives) {
    const data = makeWaves(1, settings.objective === 'binary');
    assert.ok(countViolations(data, settings, 0, 1) > 0, 'the free model rises anyway');
    assert.equal(countViolations(data, { ...settings, monotone: [1, -1, 0] }, 0, 1), 0, settings.objective);
    assert.equal(countViolations(data, { ...settings, monotone: [1, -1, 0] }, 1, -1), 0, settings.objective);
    assert.equal(countViolations(data, { ...settings, monotone: [-1, 0, 0] }, 0, -1), 0, settings.objective);
  }
});

test('without a binding constraint the search finds the trees of the kernel', () => {
  const data = makeWaves(2);
  const settings = { objective: 'regression', rounds: 5, leaves: 9, minRowsPerLeaf: 20 } as const;
  const constant = {
    ...data,
    featureNames: [...data.featureNames, 'k'],
    columns: [...data.columns, new Float64Array(rows)],
  };
  const free = trainTrees(constant, settings);
  const bound = trainTrees(constant, { ...settings, monotone: [0, 0, 0, 1] });
  assert.deepEqual(bound.margins, free.margins);
  for (const [index, tree] of bound.ensemble.trees.entries()) {
    const other = free.ensemble.trees[index];
    assert.deepEqual([...tree.threshold], [...(other?.threshold ?? [])]);
    assert.deepEqual([...tree.missingLeft], [...(other?.missingLeft ?? [])]);
  }
});

test('constraints that do not fit are refused', () => {
  const data = makeWaves(3);
  assert.throws(
    () => trainTrees(data, { objective: 'binary', monotone: [1] }),
    /monotone has 1 numbers, but featureNames has 3/,
  );
  assert.throws(
    () => trainTrees(data, { objective: 'multiclass', monotone: [1, 0, 0] }),
    /monotone is given with the objective multiclass/,
  );
});
