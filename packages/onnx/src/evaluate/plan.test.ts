import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { readModel } from '../read-model.ts';
import type { OnnxNode } from '../model.ts';
import { readSignature } from '../signature.ts';
import type { LinearModel, TreeEnsemble } from '../trees.ts';
import { writeLinearModel } from '../write-linear.ts';
import { writeTreeEnsemble } from '../write-trees.ts';
import { expf } from './expf.ts';
import { planModel } from './plan.ts';
import type { Plan } from './plan.ts';
import { adversarialRows, randomEnsemble, runOnnxRuntime, seededRandom } from './testing.ts';
import { createKernel, createWalker } from './tree-kernel.ts';
import type { NormalTree } from './tree-nodes.ts';

function mustPlan(file: Uint8Array): Plan {
  const plan = planModel(readModel(file));
  assert.ok(!('unsupported' in plan), 'unsupported' in plan ? plan.unsupported : '');
  return plan;
}

type Outputs = Record<string, unknown[]>;

/** Runs all rows through the plan in batches of varying size. */
function runPlan(plan: Plan, columns: Record<string, ArrayLike<number | string>>, rowCount: number): Outputs {
  const outputs: Outputs = Object.fromEntries(plan.outputs.map((output) => [output.name, []]));
  for (let row = 0, batch = 1; row < rowCount; row += batch) {
    batch = Math.min(rowCount - row, row % 3 === 0 ? 1 : plan.capacityRows);
    for (const input of plan.inputs) {
      const source = columns[input.name] ?? [];
      for (let i = 0; i < batch * input.width; i++) {
        (input.values as (number | string)[])[i] = source[row * input.width + i] as number | string;
      }
    }
    plan.run(batch);
    for (const output of plan.outputs) {
      const all = outputs[output.name] as unknown[];
      for (let i = 0; i < batch * output.width; i++) all.push(output.values[i]);
    }
  }
  return outputs;
}

function assertSameBits(actual: readonly unknown[], expected: ArrayLike<number>, what: string): void {
  assert.equal(actual.length, expected.length, what);
  let different = 0;
  for (let i = 0; i < expected.length; i++) if (!Object.is(actual[i], expected[i])) different++;
  assert.equal(different, 0, `${what}: ${different} of ${expected.length} values differ`);
}

const ROWS = 20_000;

const shapes = [
  { link: 'logistic', treeCount: 100, featureCount: 20, leafCount: 31, engine: 'kernel' },
  { link: 'logistic', treeCount: 13, featureCount: 5, leafCount: 7, leafMin: 0.01, engine: 'kernel' },
  { link: 'logistic', treeCount: 3, featureCount: 2, leafCount: 1, engine: 'kernel' },
  { link: 'logistic', treeCount: 0, featureCount: 2, leafCount: 1, engine: 'kernel' },
  { link: 'identity', treeCount: 40, featureCount: 8, leafCount: 15, engine: 'kernel' },
  { link: 'softmax', treeCount: 30, featureCount: 6, leafCount: 15, engine: 'kernel' },
  { link: 'logistic', treeCount: 9, featureCount: 6, leafCount: 8_000, engine: 'walker' },
] as const;

for (const [index, { engine, link, ...shape }] of shapes.entries()) {
  test(`${link} trees give the bits of ONNX Runtime: ${JSON.stringify(shape)}`, async () => {
    const random = seededRandom(100 + index);
    const ensemble = randomEnsemble({ random, ...shape }, link);
    const width = shape.featureCount;
    const rows = adversarialRows(ensemble.trees, { rows: ROWS, width, random });
    const file = writeTreeEnsemble(ensemble);
    const plan = mustPlan(file);
    assert.equal(plan.engine, engine);
    assert.equal(plan.exact, true);
    const ours = runPlan(plan, { features: rows }, ROWS);
    const theirs = await runOnnxRuntime(file, { features: { data: rows, width } }, ROWS);
    const scores = link === 'identity' ? 'prediction' : 'probabilities';
    assertSameBits(ours[scores] ?? [], theirs[scores]?.data as Float32Array, scores);
    if (link === 'identity') return;
    const labels = Array.from(theirs['label']?.data as ArrayLike<unknown>, (label) =>
      typeof label === 'bigint' ? Number(label) : label,
    );
    assert.deepEqual(ours['label'], labels);
  });
}

test('text columns with unseen and empty texts give the bits of ONNX Runtime', async () => {
  const random = seededRandom(7);
  const ensemble: TreeEnsemble = {
    ...randomEnsemble({ random, treeCount: 20, featureCount: 4, leafCount: 15 }, 'logistic'),
    featureNames: ['miles', 'carrier', 'hour', 'origin'],
    classLabels: ['on time', 'late'],
  };
  const categories = { carrier: ['B6', 'UA', 'Zürich', ''], origin: ['EWR', 'JFK'] };
  const file = writeTreeEnsemble(ensemble, { categories });
  const plan = mustPlan(file);
  assert.deepEqual(
    plan.inputs.map((input) => [input.name, input.datatype, input.width]),
    [
      ['miles', 'FP32', 1],
      ['carrier', 'BYTES', 1],
      ['hour', 'FP32', 1],
      ['origin', 'BYTES', 1],
    ],
  );
  const count = 5_000;
  const text = (list: readonly string[]) =>
    Array.from({ length: count }, () => list[Math.floor(random() * list.length)] ?? '');
  const numbers = adversarialRows(ensemble.trees, { rows: count, width: 1, random });
  const columns = {
    miles: numbers,
    carrier: text([...categories.carrier, 'nowhere']),
    hour: numbers.slice().reverse(),
    origin: text([...categories.origin, '', 'jfk']),
  };
  const theirs = await runOnnxRuntime(
    file,
    Object.fromEntries(Object.entries(columns).map(([name, data]) => [name, { data, width: 1 }])),
    count,
  );
  const ours = runPlan(plan, columns, count);
  assertSameBits(ours['probabilities'] ?? [], theirs['probabilities']?.data as Float32Array, 'probabilities');
  assert.deepEqual(ours['label'], theirs['label']?.data);
});

test('a linear model is within 1e-6 of ONNX Runtime, missing values included', async () => {
  const random = seededRandom(3);
  const width = 12;
  const draw = () => Float64Array.from({ length: width }, () => random() * 2 - 1);
  const model: LinearModel = {
    kind: 'linear',
    featureNames: Array.from({ length: width }, (_, i) => `f${i}`),
    coefficients: draw(),
    intercept: 0.25,
    link: 'logistic',
    imputed: draw(),
    mean: draw(),
    scale: draw().map((x) => Math.abs(x) + 1),
    classLabels: [0, 1],
  };
  const rows = Float32Array.from({ length: 2_000 * width }, () => (random() < 0.1 ? NaN : random() * 6 - 3));
  for (const link of ['logistic', 'identity'] as const) {
    const file = writeLinearModel({ ...model, link, classLabels: link === 'identity' ? [] : [0, 1] });
    const ours = runPlan(mustPlan(file), { features: rows }, 2_000);
    const theirs = await runOnnxRuntime(file, { features: { data: rows, width } }, 2_000);
    const scores = link === 'identity' ? 'prediction' : 'probabilities';
    const expected = theirs[scores]?.data as Float32Array;
    const worst = Math.max(
      ...expected.map((value, i) => Math.abs(value - Number(ours[scores]?.[i])) / Math.max(1, Math.abs(value))),
    );
    assert.ok(worst <= 1e-6, `${link}: ${worst}`);
  }
});

const exported = new URL('../testdata/', import.meta.url);

for (const name of readdirSync(exported).filter((file) => file.endsWith('.onnx'))) {
  test(`a file of a converter agrees with ONNX Runtime: ${name}`, async () => {
    const file = readFileSync(new URL(name, exported));
    const plan = mustPlan(file);
    const width = plan.inputs[0]?.width ?? 0;
    const inputName = plan.inputs[0]?.name ?? '';
    const random = seededRandom(11);
    const count = 2_000;
    // dense models are compared where they were fitted: far away, float32 sums cancel in both
    const scaler = readModel(file).graph.nodes.find((node) => node.opType === 'Scaler');
    const [offset, scale] = [scaler?.attributes.get('offset'), scaler?.attributes.get('scale')];
    const rows = Float32Array.from({ length: count * width }, (_, i) => {
      if (offset?.type === 'floats' && scale?.type === 'floats') {
        return (offset.values[i % width] ?? 0) + (random() * 4 - 2) / (scale.values[i % width] ?? 1);
      }
      return plan.exact ? Math.floor(random() * 4_000) / 100 - 5 : random() / 5 - 0.1;
    });
    if (name.startsWith('imputer') || name.startsWith('lightgbm'))
      for (let i = 0; i < rows.length; i += 7) rows[i] = NaN;
    const theirs = await runOnnxRuntime(file, { [inputName]: { data: rows, width } }, count);
    const ours = runPlan(plan, { [inputName]: rows }, count);
    for (const output of plan.outputs) {
      const raw = theirs[output.name];
      assert.ok(raw !== undefined, output.name);
      const expected = Array.from(raw.data as ArrayLike<unknown>, (x) => (typeof x === 'bigint' ? Number(x) : x));
      if (plan.exact || output.datatype !== 'FP32') {
        assert.deepEqual(ours[output.name], expected, output.name);
        continue;
      }
      const largest = Math.max(1, ...expected.map((x) => Math.abs(Number(x))));
      const worst = Math.max(...expected.map((x, i) => Math.abs(Number(x) - Number(ours[output.name]?.[i])) / largest));
      assert.ok(worst <= 1e-6, `${output.name}: ${worst}`);
    }
  });
}

const words = ['basic', 'pro', '', 'DE', 'FR', 'IT', 'unknown', 'Zürich'];

for (const name of readdirSync(exported).filter((file) => file.endsWith('.columns'))) {
  test(`a pipeline over columns agrees with ONNX Runtime: ${name}`, async () => {
    const file = readFileSync(new URL(name, exported));
    const plan = mustPlan(file);
    const random = seededRandom(12);
    const count = 2_000;
    const columns = Object.fromEntries(
      plan.inputs.map((input) => {
        const draw = (): number => (random() < 0.1 ? Number.NaN : random() * 60);
        const data =
          input.datatype === 'BYTES'
            ? Array.from({ length: count }, () => words[Math.floor(random() * words.length)] ?? '')
            : Float32Array.from({ length: count }, draw);
        return [input.name, data];
      }),
    );
    const feeds = Object.fromEntries(Object.entries(columns).map(([input, data]) => [input, { data, width: 1 }]));
    const theirs = await runOnnxRuntime(file, feeds, count);
    const ours = runPlan(plan, columns, count);
    assert.deepEqual(ours['label'], theirs['label']?.data);
    const expected = [...(theirs['probabilities']?.data ?? [])].map(Number);
    assert.ok(new Set(expected).size > 20, 'rows differ');
    const worst = Math.max(...expected.map((x, i) => Math.abs(x - Number(ours['probabilities']?.[i]))));
    assert.ok(worst <= (plan.exact ? 0 : 1e-6), `${worst}`);
  });
}

test('an encoder that fails at unknown values, and planes where rows are wanted, belong to ONNX Runtime', () => {
  const model = readModel(readFileSync(new URL('sklearn-one-hot-3.columns', exported)));
  const changed = (change: (node: OnnxNode) => OnnxNode) => ({
    ...model,
    graph: { ...model.graph, nodes: model.graph.nodes.map(change) },
  });
  const strict = planModel(
    changed((node) =>
      node.opType === 'OneHotEncoder'
        ? { ...node, attributes: new Map([...node.attributes, ['zeros', { type: 'int', value: 0n }]]) }
        : node,
    ),
  );
  assert.match('unsupported' in strict ? strict.unsupported : '', /fails at unknown categories/);
  const unfolded = planModel(changed((node) => (node.opType === 'Reshape' ? { ...node, opType: 'Identity' } : node)));
  assert.ok('unsupported' in unfolded);
});

test('a ZipMap is described and answered as the tensor behind it', () => {
  const read = (name: string) => readModel(readFileSync(new URL(name, exported)));
  const zipped = read('sklearn-gradient-boosting-2.zipmap');
  assert.deepEqual(readSignature(zipped).outputs, [
    { name: 'output_label', datatype: 'INT64', shape: [-1] },
    { name: 'output_probability', datatype: 'FP32', shape: [-1, 2] },
  ]);
  const plans = [planModel(zipped), planModel(read('sklearn-gradient-boosting-2.onnx'))];
  const results = plans.map((plan) => {
    assert.ok(!('unsupported' in plan));
    for (const input of plan.inputs) (input.values as Float32Array).fill(1.5);
    plan.run(2);
    return plan.outputs.map((output) => output.values);
  });
  assert.deepEqual(results[0], results[1]);
});

test('kernel and walker agree where thresholds are NaN, infinite or extreme', () => {
  const random = seededRandom(5);
  const thresholds = [NaN, Infinity, -Infinity, 0, -0, 2 ** -149, 3.4028234663852886e38, -3.4028234663852886e38, 1];
  const stumps: NormalTree[] = thresholds.flatMap((threshold) =>
    [0, 1].map((nanTrue) => ({
      feature: Int32Array.of(0, 0, 0),
      threshold: Float32Array.of(threshold, 0, 0),
      nanTrue: Uint8Array.of(nanTrue, 0, 0),
      whenTrue: Int32Array.of(1, 1, 2),
      whenFalse: Int32Array.of(2, 1, 2),
      value: Float32Array.of(0, random(), random()),
      depth: 1,
    })),
  );
  const shape = { width: 1, capacityRows: thresholds.length };
  const engines = [createKernel([stumps], shape), createWalker([stumps], shape)];
  for (const engine of engines) {
    engine.rows.set(thresholds);
    engine.run(thresholds.length);
  }
  assert.deepEqual(engines[0]?.sums, engines[1]?.sums);
});

test('expf is within one unit in the last place of exp and exact at its ends', () => {
  for (let x = -104; x < 88.7; x += 0.037) {
    const rounded = Math.fround(Math.exp(Math.fround(x)));
    assert.ok(Math.abs(expf(Math.fround(x)) - rounded) <= Math.max(2 ** -149, rounded * 2 ** -23), String(x));
  }
  assert.equal(expf(0), 1);
  assert.equal(expf(Infinity), Infinity);
  assert.equal(expf(-Infinity), 0);
  assert.equal(expf(89), Infinity);
  assert.equal(expf(-150), 0);
  assert.ok(Number.isNaN(expf(NaN)));
});

test('what is not reproduced is refused by name', () => {
  const file = readModel(
    writeTreeEnsemble(
      randomEnsemble({ random: seededRandom(1), treeCount: 2, featureCount: 2, leafCount: 3 }, 'logistic'),
    ),
  );
  const [node] = file.graph.nodes;
  assert.ok(node);
  const withNode = (change: object) =>
    planModel({ ...file, graph: { ...file.graph, nodes: [{ ...node, ...change }] } });
  assert.deepEqual(withNode({ opType: 'SVMClassifier' }), { unsupported: 'the operator SVMClassifier' });
  const attributes = new Map(node.attributes);
  attributes.set('nodes_modes', {
    type: 'strings',
    values: ['BRANCH_EQ', 'LEAF', 'LEAF', 'LEAF', 'LEAF', 'LEAF', 'LEAF', 'LEAF', 'LEAF', 'LEAF'],
  });
  assert.match(JSON.stringify(withNode({ attributes })), /BRANCH_EQ/);
});
