import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRandom } from './random.ts';
import { predictLinear, solveCholesky, trainLinear } from './train-linear.ts';
import type { LinearSettings } from './train-linear.ts';
import type { TrainingData } from './training-data.ts';

function makeData(rows: number, seed: number): TrainingData & { readonly labels: Float64Array } {
  const random = createRandom(seed);
  const normal = (): number => random() + random() + random() - 1.5;
  const [a, b, c] = [3, 0.01, 1000].map((scale) =>
    Float64Array.from({ length: rows }, () => normal() * scale + scale),
  ) as [Float64Array, Float64Array, Float64Array];
  const labels = Float64Array.from({ length: rows }, (_, row) => {
    const margin = (a[row] ?? 0) - 100 * (b[row] ?? 0) + (c[row] ?? 0) / 2000 - 3;
    return random() < 1 / (1 + Math.exp(-margin)) ? 1 : 0;
  });
  const gappy = b.map((value) => (random() < 0.2 ? Number.NaN : value));
  return { featureNames: ['a', 'b', 'c'], columns: [a, gappy, c], labels };
}

/** Gradient of the penalised objective with respect to intercept and coefficients, from the model alone. */
function slopes(data: TrainingData, settings: LinearSettings): number[] {
  const { model, margins } = trainLinear(data, settings);
  const residuals = [...margins].map((margin, row) => {
    const predicted = settings.objective === 'binary' ? 1 / (1 + Math.exp(-margin)) : margin;
    return (data.weights?.[row] ?? 1) * (predicted - (data.labels[row] ?? 0));
  });
  const standard = data.columns.map((column, k) =>
    [...column].map(
      (x) => ((Number.isNaN(x) ? (model.imputed[k] ?? 0) : x) - (model.mean[k] ?? 0)) / (model.scale[k] ?? 1),
    ),
  );
  const along = standard.map(
    (column, k) =>
      column.reduce((sum, x, row) => sum + x * (residuals[row] ?? 0), 0) +
      (settings.l2 ?? 1) * (model.coefficients[k] ?? 0),
  );
  return [residuals.reduce((a, b) => a + b, 0), ...along];
}

test('the solution is where the penalised objective is flat', () => {
  for (const objective of ['binary', 'regression'] as const) {
    for (const l2 of [0, 1, 300]) {
      const data = makeData(700, 2);
      const weights = data.labels.map((_, row) => (row % 5) / 2);
      for (const slope of [...slopes(data, { objective, l2 }), ...slopes({ ...data, weights }, { objective, l2 })]) {
        assert.ok(Math.abs(slope) < 1e-6, `${objective}, l2 ${l2}: ${slope}`);
      }
    }
  }
});

test('least squares finds the line through points on a line', () => {
  const x = Float64Array.of(1, 2, 3, 4, 10);
  const labels = x.map((value) => 3 * value - 7);
  const { model } = trainLinear({ featureNames: ['x'], columns: [x], labels }, { objective: 'regression', l2: 0 });
  const [at100 = 0] = predictLinear(model, [Float64Array.of(100)]);
  assert.ok(Math.abs(at100 - 293) < 1e-9, `${at100}`);
});

test('missing values count as the median of the training rows', () => {
  const x = Float64Array.of(1, Number.NaN, 2, 9, Number.NaN);
  const { model } = trainLinear(
    { featureNames: ['x'], columns: [x], labels: [1, 2, 3, 4, 5] },
    { objective: 'regression' },
  );
  assert.equal(model.imputed[0], 2);
  assert.deepEqual(predictLinear(model, [Float64Array.of(Number.NaN)]), predictLinear(model, [Float64Array.of(2)]));
});

test('separable classes, repeated, constant and empty columns still give finite models', () => {
  const x = Float64Array.from({ length: 40 }, (_, row) => row);
  const labels = x.map((value) => (value < 20 ? 0 : 1));
  const columns = [x, x, new Float64Array(40).fill(0.1), new Float64Array(40).fill(Number.NaN)];
  const featureNames = ['x', 'again', 'constant', 'empty'];
  for (const l2 of [0, 1e-3, 1]) {
    const { model, margins } = trainLinear({ featureNames, columns, labels }, { objective: 'binary', l2 });
    assert.ok([...model.coefficients, model.intercept].every(Number.isFinite), `l2 ${l2}`);
    assert.ok(margins.every((margin, row) => margin > 0 === (labels[row] === 1)));
    assert.deepEqual([...model.coefficients.subarray(2)], [0, 0]);
  }
});

test('a weight of two is the row twice', () => {
  const data = makeData(200, 5);
  const weights = Array.from({ length: 200 }, (_, row) => row % 3);
  const copies = weights.flatMap((weight, row) => Array.from({ length: weight }, () => row));
  const repeated = {
    featureNames: data.featureNames,
    columns: data.columns.map((column) => Float64Array.from(copies, (row) => column[row] ?? 0)),
    labels: copies.map((row) => data.labels[row] ?? 0),
  };
  // The median is that of rows, not of weights: without gaps both see the same features.
  const full = (columns: TrainingData['columns']): TrainingData['columns'] =>
    [columns[0], columns[2]].flatMap((c) => c ?? []);
  const settings: LinearSettings = { objective: 'binary' };
  const names = ['a', 'c'];
  const a = trainLinear({ ...data, featureNames: names, columns: full(data.columns), weights }, settings).model;
  const b = trainLinear({ ...repeated, featureNames: names, columns: full(repeated.columns) }, settings).model;
  for (const [k, value] of a.coefficients.entries()) assert.ok(Math.abs(value - (b.coefficients[k] ?? 0)) < 1e-9);
  assert.ok(Math.abs(a.intercept - b.intercept) < 1e-9);
});

test('Cholesky solves random positive systems', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 1e6 }), (width, seed) => {
      const random = createRandom(seed);
      const root = Array.from({ length: width * width }, () => random() - 0.5);
      const matrix = new Float64Array(width * width);
      for (let i = 0; i < width; i++) {
        for (let j = 0; j < width; j++) {
          for (let k = 0; k < width; k++)
            matrix[i * width + j] =
              (matrix[i * width + j] ?? 0) + (root[i * width + k] ?? 0) * (root[j * width + k] ?? 0);
          if (i === j) matrix[i * width + j] = (matrix[i * width + j] ?? 0) + 0.1;
        }
      }
      const expected = Array.from({ length: width }, () => random() - 0.5);
      const right = Float64Array.from(expected, (_, i) =>
        expected.reduce((sum, x, j) => sum + (matrix[i * width + j] ?? 0) * x, 0),
      );
      for (const [i, x] of solveCholesky(matrix, right).entries()) assert.ok(Math.abs(x - (expected[i] ?? 0)) < 1e-8);
    }),
  );
});

test('the loss falls with every step and the run says that it has converged', () => {
  const { history, hasConverged } = trainLinear(makeData(500, 7), { objective: 'binary' });
  assert.ok(hasConverged && history.length < 12);
  assert.ok(history.every((entry, i) => i === 0 || entry.train.loss <= (history[i - 1]?.train.loss ?? 0) + 1e-12));
  assert.equal(trainLinear(makeData(500, 7), { objective: 'binary', iterationsMax: 1 }).hasConverged, false);
});

test('data and settings that cannot be used are refused by name', () => {
  const good = { featureNames: ['x'], columns: [Float64Array.of(1, 2, 3)], labels: [0, 1, 1] };
  const refuse = (change: Partial<TrainingData>, settings: Partial<LinearSettings>, message: RegExp): void =>
    assert.throws(() => trainLinear({ ...good, ...change }, { objective: 'binary', ...settings }), {
      name: 'RangeError',
      message,
    });
  refuse({ columns: [Float64Array.of(1, Infinity, 3)] }, {}, /columns\[0\]\[1\] is Infinity/);
  refuse({ labels: [1, 1, 1] }, {}, /no row of class 0/);
  refuse({ labels: [0, Number.NaN, 1] }, {}, /labels\[1\] is NaN/);
  refuse({}, { l2: -1 }, /l2 is -1/);
  refuse({}, { tolerance: 0 }, /tolerance is 0/);
  refuse({}, { iterationsMax: 0 }, /iterationsMax is 0/);
  refuse({}, { classLabels: ['a'] }, /classLabels has 1 labels/);
  refuse({}, { objective: 'regression', classWeights: 'balanced' }, /classWeights are for classes/);
  refuse({}, { objective: 'ridge' as 'binary' }, /objective is ridge/);
});
