import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tree, TreeEnsemble } from '@slipway/onnx';
import fc from 'fast-check';
import { applyLink, predictTrees } from './predict-trees.ts';
import { createRandom } from './random.ts';
import { AmbiguousSplit, boostPlainly } from './testing/plain-booster.ts';
import type { PlainSettings } from './testing/plain-booster.ts';
import { trainTrees, trainTreesAsync } from './train-trees.ts';
import type { TrainingData } from './training-data.ts';
import type { TreeSettings } from './tree-settings.ts';

const awkward = [Number.NaN, 0, -0, Infinity, -Infinity, 1e-45, 3.4028234663852886e38, 1e39];

interface MadeData extends TrainingData {
  readonly labels: Float64Array;
}

/** Rows with a signal in the first two features, gaps, ties and awkward floats. */
function makeData(rows: number, seed: number, classCount = 2): MadeData {
  const random = createRandom(seed);
  const columns = [0, 1, 2, 3, 4].map((feature) =>
    Float64Array.from({ length: rows }, () => {
      const draw = random();
      if (draw < 0.1) return awkward[Math.floor(random() * awkward.length)] ?? 0;
      return feature < 3 ? random() * 4 - 2 : Math.floor(random() * 6);
    }),
  );
  const labels = Float64Array.from({ length: rows }, (_, row) => {
    const x = columns[0]?.[row] ?? 0;
    const y = columns[3]?.[row] ?? 0;
    const signal = (Number.isFinite(x) ? x : 1) + (Number.isFinite(y) ? y / 3 : -1) + random() - 0.5;
    return Math.min(classCount - 1, Math.max(0, Math.floor((signal + 2) / (5 / classCount))));
  });
  return { featureNames: ['a', 'b', 'c', 'd', 'e'], columns, labels };
}

const small: TreeSettings = { objective: 'binary', rounds: 12, leaves: 7, minRowsPerLeaf: 5, learningRate: 0.3 };
const leavesOf = (tree: Tree): number[] => [...tree.left.keys()].filter((node) => (tree.left[node] ?? 0) < 0);
const bitsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length);

test('walking the trees in float32 gives the training scores, bit for bit', () => {
  const settings: readonly TreeSettings[] = [
    small,
    { ...small, objective: 'regression' },
    { ...small, objective: 'multiclass', rounds: 5 },
    { ...small, rowShare: 0.6, columnShare: 0.5, seed: 5 },
    { ...small, bins: 4 },
    { ...small, bins: 256, leaves: 40, minRowsPerLeaf: 1, l2: 0 },
  ];
  for (const [index, setting] of settings.entries()) {
    for (const rows of [1, 2, 63, 64, 65, 1001, 9000]) {
      const data = makeData(rows, rows + index, setting.objective === 'multiclass' ? 3 : 2);
      if (setting.objective !== 'regression' && new Set(data.labels).size < (setting.objective === 'binary' ? 2 : 3))
        continue;
      const { ensemble, margins } = trainTrees(data, setting);
      assert.deepEqual(bitsOf(predictTrees(ensemble, data.columns)), bitsOf(margins), `setting ${index}, ${rows} rows`);
    }
  }
});

/** Undefined where the textbook does not say which of two splits to take. */
function plainMargins(data: TrainingData, settings: PlainSettings): number[] | undefined {
  try {
    return boostPlainly(data, settings);
  } catch (error) {
    if (error instanceof AmbiguousSplit) return undefined;
    throw error;
  }
}

test('the booster agrees with a slow textbook version', () => {
  fc.assert(
    fc.property(
      fc.record({
        rows: fc.integer({ min: 2, max: 90 }),
        seed: fc.integer({ min: 0, max: 1e6 }),
        minRowsPerLeaf: fc.integer({ min: 1, max: 8 }),
        l2: fc.constantFrom(0, 0.5, 3),
        objective: fc.constantFrom('binary' as const, 'regression' as const),
      }),
      ({ rows, seed, minRowsPerLeaf, l2, objective }) => {
        const data = makeData(rows, seed);
        fc.pre(objective === 'regression' || new Set(data.labels).size === 2);
        const settings = { objective, rounds: 3, leaves: 6, minRowsPerLeaf, l2, learningRate: 0.4 };
        const ours = trainTrees(data, { ...settings, minRowsPerBin: 1 }).margins;
        const plain = plainMargins(data, settings);
        fc.pre(plain !== undefined);
        for (let row = 0; row < rows; row++) {
          const difference = Math.abs((ours[row] ?? 0) - (plain[row] ?? 0));
          assert.ok(difference < 2e-4, `row ${row}: ${ours[row]} against ${plain[row]}`);
        }
      },
    ),
    { numRuns: 40 },
  );
});

test('the same data, settings and seed give the same bits; another seed gives other trees', () => {
  const data = makeData(3000, 1);
  const settings: TreeSettings = { ...small, rowShare: 0.5, columnShare: 0.6, seed: 11 };
  const [first, second] = [trainTrees(data, settings), trainTrees(data, settings)];
  assert.deepEqual(first.ensemble, second.ensemble);
  assert.deepEqual(first.history, second.history);
  assert.notDeepEqual(trainTrees(data, { ...settings, seed: 12 }).ensemble, first.ensemble);
  assert.deepEqual(
    trainTrees(data, { ...small, seed: 12 }).ensemble,
    trainTrees(data, { ...small, seed: 11 }).ensemble,
  );
});

test('every leaf has the rows that were asked for, and node counts are those of a walk', () => {
  const data = makeData(4000, 3);
  for (const minRowsPerLeaf of [1, 37, 500, 1999]) {
    const { ensemble } = trainTrees(data, { ...small, minRowsPerLeaf, leaves: 31 });
    for (const tree of ensemble.trees) {
      const walked = countRows(tree, data);
      assert.deepEqual([...tree.count], walked);
      for (const leaf of leavesOf(tree)) assert.ok((tree.count[leaf] ?? 0) >= minRowsPerLeaf);
      assert.ok(leavesOf(tree).length <= 31);
    }
  }
});

function countRows(tree: Tree, data: TrainingData): number[] {
  const counts = Array.from(tree.left, () => 0);
  for (let row = 0; row < data.labels.length; row++) {
    let node = 0;
    for (;;) {
      counts[node] = (counts[node] ?? 0) + 1;
      const left = tree.left[node] ?? -1;
      if (left < 0) break;
      const x = Math.fround(data.columns[tree.feature[node] ?? 0]?.[row] ?? 0);
      const goesLeft = Number.isNaN(x) ? tree.missingLeft[node] === 1 : x <= (tree.threshold[node] ?? 0);
      node = goesLeft ? left : (tree.right[node] ?? 0);
    }
  }
  return counts;
}

test('trees are in preorder with the root first', () => {
  const { ensemble } = trainTrees(makeData(2000, 4), { ...small, leaves: 16 });
  for (const tree of ensemble.trees) {
    const order: number[] = [];
    const visit = (node: number): void => {
      order.push(node);
      if ((tree.left[node] ?? -1) < 0) return;
      visit(tree.left[node] ?? 0);
      visit(tree.right[node] ?? 0);
    };
    visit(0);
    assert.deepEqual(order, [...tree.left.keys()]);
  }
});

test('depthMax, leaves and gainMin bound the trees', () => {
  const data = makeData(3000, 5);
  const stumps = trainTrees(data, { ...small, depthMax: 1 }).ensemble;
  assert.ok(stumps.trees.every((tree) => tree.left.length === 3));
  const two = trainTrees(data, { ...small, leaves: 2 }).ensemble;
  assert.deepEqual(two, stumps);
  const { ensemble } = trainTrees(data, { ...small, gainMin: 20 });
  const gains = ensemble.trees.flatMap((tree) => [...tree.gain].filter((gain) => gain > 0));
  assert.ok(gains.length > 0 && Math.min(...gains) >= 20);
});

test('training stops early on the hold-out and keeps the best round', () => {
  const data = { ...makeData(400, 6), holdOut: makeData(400, 7) };
  const settings: TreeSettings = {
    ...small,
    rounds: 400,
    learningRate: 0.5,
    minRowsPerLeaf: 1,
    earlyStoppingRounds: 8,
  };
  const { ensemble, history, bestIteration, margins } = trainTrees(data, settings);
  const losses = history.map((entry) => entry.holdOut?.loss ?? Infinity);
  assert.ok(history.length < 400);
  assert.equal(bestIteration, losses.indexOf(Math.min(...losses)) + 1);
  assert.equal(history.length, bestIteration + 8);
  assert.equal(ensemble.trees.length, bestIteration);
  assert.deepEqual(margins, predictTrees(ensemble, data.columns));
  const held = applyLink(ensemble, predictTrees(ensemble, data.holdOut.columns));
  const loss =
    held.reduce((sum, p, row) => sum - Math.log(data.holdOut.labels[row] === 1 ? p : 1 - p), 0) / held.length;
  assert.ok(Math.abs(loss - Math.min(...losses)) < 1e-12);
  assert.ok((history[bestIteration - 1]?.holdOut?.auc ?? 0) > 0.7);
});

test('metrics come once per round and the training loss falls', () => {
  const seen: number[] = [];
  const losses: number[] = [];
  const data = makeData(1000, 8);
  const training = trainTrees(data, small, {
    onIteration: (iteration, metrics) => {
      seen.push(iteration);
      losses.push(metrics.train.loss);
    },
  });
  assert.deepEqual(
    seen,
    Array.from({ length: 12 }, (_, index) => index + 1),
  );
  assert.ok(losses.every((loss, index) => index === 0 || loss < (losses[index - 1] ?? 0)));
  const p = applyLink(training.ensemble, training.margins);
  const loss = p.reduce((sum, value, row) => sum - Math.log(data.labels[row] === 1 ? value : 1 - value), 0) / p.length;
  assert.ok(Math.abs(loss - (losses.at(-1) ?? 0)) < 1e-6);
});

test('an abort ends the training with its reason', () => {
  const controller = new AbortController();
  const onIteration = (iteration: number): void => {
    if (iteration === 3) controller.abort(new Error('enough'));
  };
  assert.throws(() => trainTrees(makeData(300, 9), small, { onIteration, signal: controller.signal }), /enough/);
});

test('the caller can stop after any round and keeps what there is', () => {
  const data = makeData(500, 8);
  const stopAt = (last: number) => (iteration: number) => (iteration === last ? 'stop' : undefined);
  const stopped = trainTrees(data, small, { onIteration: stopAt(4) });
  assert.equal(stopped.bestIteration, 4);
  assert.deepEqual(stopped.ensemble, trainTrees(data, { ...small, rounds: 4 }).ensemble);
});

test('the asynchronous training makes the same trees and hears a signal of its own thread', async () => {
  const data = makeData(500, 9);
  assert.deepEqual((await trainTreesAsync(data, small)).ensemble, trainTrees(data, small).ensemble);
  const controller = new AbortController();
  let rounds = 0;
  const training = trainTreesAsync(
    data,
    { ...small, rounds: 10_000 },
    { signal: controller.signal, onIteration: () => (rounds += 1) },
  );
  setTimeout(() => controller.abort(new Error('enough')), 20);
  await assert.rejects(training, /enough/);
  assert.ok(rounds > 0 && rounds < 10_000);
});

test('constant and empty columns are never split on, and alone they give the base rate', () => {
  const data = makeData(1000, 10);
  const dull = [new Float64Array(1000).fill(4), new Float64Array(1000).fill(Number.NaN)];
  const mixed = { ...data, featureNames: ['k', 'n', ...data.featureNames], columns: [...dull, ...data.columns] };
  const { ensemble, importance } = trainTrees(mixed, small);
  assert.deepEqual(importance.slice(0, 2), [
    { feature: 'k', gain: 0, splits: 0 },
    { feature: 'n', gain: 0, splits: 0 },
  ]);
  assert.deepEqual(
    ensemble.trees.map((tree) => tree.threshold),
    trainTrees(data, small).ensemble.trees.map((tree) => tree.threshold),
  );
  const alone = trainTrees({ featureNames: ['k', 'n'], columns: dull, labels: data.labels }, small);
  assert.deepEqual(bitsOf(predictTrees(alone.ensemble, dull)), bitsOf(alone.margins));
  const rate = data.labels.reduce((a, b) => a + b, 0) / 1000;
  for (const p of applyLink(alone.ensemble, alone.margins)) assert.ok(Math.abs(p - rate) < 1e-6);
  const weights = data.labels.map((label) => 0.1 + label / 3);
  const stuck = trainTrees({ featureNames: ['k', 'n'], columns: dull, labels: data.labels, weights }, small);
  assert.deepEqual(bitsOf(predictTrees(stuck.ensemble, dull)), bitsOf(stuck.margins));
});

test('whether a value is missing can be the whole signal', () => {
  const column = Float64Array.from({ length: 200 }, (_, row) => (row % 2 === 0 ? Number.NaN : 5));
  const labels = Float64Array.from({ length: 200 }, (_, row) => row % 2);
  const { ensemble, margins } = trainTrees({ featureNames: ['x'], columns: [column], labels }, small);
  assert.equal(ensemble.trees[0]?.left.length, 3);
  assert.ok(margins.every((margin, row) => (row % 2 === 1 ? margin > 0 : margin < 0)));
  assert.deepEqual(predictTrees(ensemble, [column]), margins);
});

test('two rows are enough', () => {
  const data = { featureNames: ['x'], columns: [Float64Array.of(1, 2)], labels: [0, 1] };
  const { ensemble } = trainTrees(data, {
    objective: 'binary',
    rounds: 30,
    minRowsPerLeaf: 1,
    l2: 0,
    learningRate: 0.5,
  });
  const [low = 1, high = 0] = applyLink(ensemble, predictTrees(ensemble, [Float64Array.of(1.4, 1.6)]));
  assert.ok(low < 0.05 && high > 0.95, `${low} ${high}`);
  const flat = trainTrees(data, { objective: 'regression' });
  assert.deepEqual([...flat.margins], [0.5, 0.5]);
});

test('a weight of two is the row twice, and a weight of zero is no row', () => {
  const data = makeData(240, 12);
  const random = createRandom(3);
  const weights = Array.from({ length: 240 }, () => Math.floor(random() * 3));
  const copies = weights.flatMap((weight, row) => Array.from({ length: weight }, () => row));
  const repeated = {
    featureNames: data.featureNames,
    columns: data.columns.map((column) => Float64Array.from(copies, (row) => column[row] ?? 0)),
    labels: copies.map((row) => data.labels[row] ?? 0),
  };
  for (const objective of ['binary', 'regression'] as const) {
    const settings: TreeSettings = { ...small, objective, rounds: 4, minRowsPerLeaf: 1 };
    const weighted = trainTrees({ ...data, weights }, settings);
    const plain = trainTrees(repeated, settings);
    const score = (ensemble: TreeEnsemble): Float32Array => predictTrees(ensemble, repeated.columns);
    const [a, b] = [score(weighted.ensemble), score(plain.ensemble)];
    for (let row = 0; row < copies.length; row++) assert.ok(Math.abs((a[row] ?? 0) - (b[row] ?? 1)) < 1e-4);
    assert.ok(Math.abs((weighted.history.at(-1)?.train.loss ?? 0) - (plain.history.at(-1)?.train.loss ?? 1)) < 1e-5);
  }
});

test('balanced class weights move the scores to even odds', () => {
  const data = makeData(2000, 13);
  const labels = Float64Array.from(data.labels, (label, row) => (row % 9 === 0 ? label : 0));
  const mean = (settings: TreeSettings): number => {
    const { ensemble, margins } = trainTrees({ ...data, labels }, settings);
    return applyLink(ensemble, margins).reduce((a, b) => a + b, 0) / 2000;
  };
  const share = labels.reduce((a, b) => a + b, 0) / 2000;
  const settings: TreeSettings = { ...small, rounds: 3 };
  assert.ok(Math.abs(mean(settings) - share) < 0.02);
  assert.ok(mean({ ...settings, classWeights: 'balanced' }) > 0.3);
  const total = [2000 * (1 - share), 2000 * share].map((count) => 2000 / (2 * count));
  assert.deepEqual(
    trainTrees({ ...data, labels }, { ...settings, classWeights: total }).ensemble,
    trainTrees({ ...data, labels }, { ...settings, classWeights: 'balanced' }).ensemble,
  );
});

test('several classes: probabilities sum to one, start at the class shares and separate the classes', () => {
  const data = makeData(3000, 14, 4);
  const settings: TreeSettings = { ...small, objective: 'multiclass', classLabels: ['n', 'e', 's', 'w'] };
  const { ensemble, margins, history } = trainTrees(data, settings);
  assert.equal(ensemble.classCount, 4);
  assert.equal(ensemble.trees.length, 48);
  assert.deepEqual(ensemble.classLabels, ['n', 'e', 's', 'w']);
  const p = applyLink(ensemble, margins);
  let hits = 0;
  for (let row = 0; row < 3000; row++) {
    const own = p.subarray(row * 4, row * 4 + 4);
    assert.ok(Math.abs(own.reduce((a, b) => a + b, 0) - 1) < 1e-12);
    if (own.indexOf(Math.max(...own)) === data.labels[row]) hits += 1;
  }
  assert.ok(hits / 3000 > 0.7, `${hits}`);
  assert.ok((history.at(-1)?.train.loss ?? 9) < 0.8);
  const shares = trainTrees(data, { ...settings, rounds: 1, minRowsPerLeaf: 3000 });
  const first = applyLink(shares.ensemble, shares.margins).subarray(0, 4);
  const expected = [0, 1, 2, 3].map((k) => data.labels.filter((label) => label === k).length / 3000);
  for (const [k, share] of expected.entries()) assert.ok(Math.abs((first[k] ?? 0) - share) < 1e-6);
});

test('data and settings that cannot be used are refused by name, value and limit', () => {
  const data = makeData(10, 15);
  const x = data.columns[0] ?? new Float64Array(10);
  const labels = [0, 1, 0, 1, 0, 1, 0, 1, 0, 1];
  const good: TrainingData = { featureNames: ['x'], columns: [x], labels };
  const train =
    (change: Partial<TrainingData>, settings: Partial<TreeSettings> = {}): (() => unknown) =>
    () =>
      trainTrees({ ...good, ...change }, { objective: 'binary', ...settings });
  const refusals: readonly (readonly [() => unknown, RegExp])[] = [
    [train({ labels: [Number.NaN, ...labels.slice(1)] }), /labels\[0\] is NaN/],
    [train({ labels: labels.map(() => 1) }), /no row of class 0/],
    [train({ labels: labels.map((label) => label * 2) }), /labels\[1\] is 2: it must be an integer from 0 to 1/],
    [train({ labels: [] }), /labels has 0 rows/],
    [train({ labels: labels.slice(1) }), /columns\[0\] has 10 rows, but labels has 9/],
    [train({ columns: [x, x] }), /2 columns, but featureNames has 1/],
    [train({ featureNames: ['x', 'x'], columns: [x, x] }), /"x" twice/],
    [train({ featureNames: [], columns: [] }), /0 names/],
    [train({ weights: labels.map(() => -1) }), /weights\[0\] is -1/],
    [train({ weights: labels.map(() => Infinity) }), /weights\[0\] is Infinity/],
    [train({ weights: labels.map(() => 0) }), /weights are all 0/],
    [train({ weights: [1] }), /weights has 1 rows/],
    [train({ weights: labels }), /no row of class 0 with a weight above 0/],
    [train({ holdOut: { columns: [x], labels: labels.map(() => 3) } }), /holdOut.labels\[0\] is 3/],
    [train({}, { earlyStoppingRounds: 5 }), /holdOut is missing/],
    [train({}, { rounds: 0 }), /rounds is 0: it must be an integer, 1 or more and at most 10000/],
    [train({}, { rounds: 1.5 }), /rounds is 1.5/],
    [train({}, { learningRate: 0 }), /learningRate is 0: it must be a number, above 0 and at most 1/],
    [train({}, { learningRate: Number.NaN }), /learningRate is NaN/],
    [train({}, { leaves: 1 }), /leaves is 1/],
    [train({}, { bins: 257 }), /bins is 257/],
    [train({}, { l2: -1 }), /l2 is -1/],
    [train({}, { seed: -1 }), /seed is -1/],
    [train({}, { classWeights: [1] }), /classWeights has 1 numbers/],
    [train({}, { classWeights: [1, 0] }), /classWeights\[1\] is 0/],
    [train({}, { objective: 'regression', classWeights: 'balanced' }), /classWeights are for classes/],
    [train({}, { classLabels: ['a'] }), /classLabels has 1 labels/],
    [train({}, { objective: 'multiclass', classCount: 3 }), /no row of class 2/],
    [train({}, { objective: 'rank' as 'binary' }), /objective is rank: it must be one of binary/],
    [
      train({ labels: labels.map(() => 1e300) }, { objective: 'regression' }),
      /labels\[0\] is 1e\+300: it must be a number, -1000000000000000000 or more/,
    ],
  ];
  for (const [attempt, message] of refusals) assert.throws(attempt, { name: 'RangeError', message });
});

test('a memory that cannot exist is refused before it is asked for', () => {
  const columns = [Float64Array.from({ length: 2000 }, (_, row) => row)];
  const featureNames = Array.from({ length: 600 }, (_, index) => `f${index}`);
  const data = {
    featureNames,
    columns: featureNames.map(() => columns[0] ?? new Float64Array(0)),
    labels: columns[0] ?? [],
  };
  assert.throws(() => trainTrees(data, { objective: 'regression', leaves: 4096 }), {
    name: 'RangeError',
    message: /2000 rows x 600 features with 4096 leaves needs \d+ MiB; the limit is 4096 MiB/,
  });
});
