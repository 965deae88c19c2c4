import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logisticf, planModel, readModel, writeLinearModel, writeTreeEnsemble } from '@slipway/onnx';
import fc from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { predictTrees } from './predict-trees.ts';
import { createRandom } from './random.ts';
import { predictLinear, trainLinear } from './train-linear.ts';
import { trainTrees } from './train-trees.ts';
import type { TrainingData } from './training-data.ts';

const rows = 256;
const awkward = [Number.NaN, 0, -0, Infinity, -Infinity, 1e-45, 3.4028234663852886e38, 1e39];

/** The second feature decides by being missing alone, which makes thresholds of Infinity. */
function makeData(seed: number, odd: readonly number[]): TrainingData {
  const random = createRandom(seed);
  const column = (): Float64Array =>
    Float64Array.from({ length: rows }, () =>
      random() < 0.2 ? (odd[Math.floor(random() * odd.length)] ?? 0) : random() * 10 - 5,
    );
  const gaps = Float64Array.from({ length: rows }, () => (random() < 0.5 ? Number.NaN : 3));
  const columns = [column(), gaps, column()];
  const labels = Array.from({ length: rows }, (_, row) => {
    const x = columns[0]?.[row] ?? 0;
    return (Number.isNaN(gaps[row]) ? 1 : 0) + (x > 1 ? 1 : 0) > random() * 2 ? 1 : 0;
  });
  return { featureNames: ['a', 'b', 'c'], columns, labels };
}

/** The columns as one row-major matrix. */
function matrixOf(columns: TrainingData['columns']): Float32Array {
  return Float32Array.from({ length: rows * columns.length }, (_, index) => {
    return columns[index % columns.length]?.[Math.floor(index / columns.length)] ?? 0;
  });
}

/** The model's output by our plan. */
function byPlan(bytes: Uint8Array, columns: TrainingData['columns'], name: string): number[] {
  const plan = planModel(readModel(bytes));
  assert(!('unsupported' in plan), JSON.stringify(plan));
  const [input] = plan.inputs;
  assert(input !== undefined && input.datatype === 'FP32' && plan.capacityRows >= rows);
  input.values.set(matrixOf(columns));
  plan.run(rows);
  const output = plan.outputs.find((candidate) => candidate.name === name);
  assert(output !== undefined && output.datatype === 'FP32');
  return Array.from(output.values.subarray(0, rows * output.width));
}

async function byRuntime(bytes: Uint8Array, columns: TrainingData['columns'], name: string): Promise<number[]> {
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1 });
  const tensor = new Tensor('float32', matrixOf(columns), [rows, columns.length]);
  const results = await session.run({ features: tensor }, [name]);
  const { data } = results[name] ?? {};
  assert(data instanceof Float32Array);
  return Array.from(data);
}

test('a regression scores the same bits in the trainer, in our plan and in ONNX Runtime', async () => {
  let infinite = 0;
  for (const seed of [1, 2, 3]) {
    const data = makeData(seed, awkward);
    const { ensemble, margins } = trainTrees(data, { objective: 'regression', rounds: 20, minRowsPerLeaf: 5 });
    infinite += ensemble.trees.filter((tree) => tree.threshold.includes(Infinity)).length;
    const bytes = writeTreeEnsemble(ensemble);
    assert.deepEqual(byPlan(bytes, data.columns, 'prediction'), [...margins]);
    assert.deepEqual(await byRuntime(bytes, data.columns, 'prediction'), [...margins]);
  }
  assert.ok(infinite > 0, 'no split was on being missing alone');
});

test('a classifier gives the same probabilities in our plan and in ONNX Runtime as from the margins', async () => {
  const data = makeData(4, awkward);
  const { ensemble } = trainTrees(data, { objective: 'binary', rounds: 30, minRowsPerLeaf: 5 });
  const bytes = writeTreeEnsemble(ensemble);
  const expected = [...predictTrees(ensemble, data.columns)].map(logisticf);
  for (const found of [
    byPlan(bytes, data.columns, 'probabilities'),
    await byRuntime(bytes, data.columns, 'probabilities'),
  ]) {
    assert.deepEqual(
      found.filter((_, index) => index % 2 === 1),
      expected,
    );
  }
});

test('a linear model scores within float32 of its own arithmetic', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1000 }), (seed) => {
      const data = makeData(seed, [Number.NaN, 0, -0, 4]);
      const { model } = trainLinear(data, { objective: 'binary' });
      const expected = [...predictLinear(model, data.columns)].map((margin) => 1 / (1 + Math.exp(-margin)));
      const found = byPlan(writeLinearModel(model), data.columns, 'probabilities');
      for (const [row, p] of expected.entries()) {
        const difference = Math.abs(p - (found[row * 2 + 1] ?? 0));
        assert.ok(difference < 2e-6, `row ${row}: ${difference}`);
      }
    }),
    { numRuns: 20 },
  );
});
