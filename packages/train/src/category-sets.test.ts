import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fitTable } from './fit-table.ts';
import { predictTrees } from './predict-trees.ts';
import { createRandom } from './random.ts';
import { trainTrees } from './train-trees.ts';
import type { TrainingData } from './training-data.ts';
import type { TreeSettings } from './tree-settings.ts';

/** A number and two columns of codes, some of them odd; the label goes by which codes, in no order. */
function makeData(rows: number, seed: number, codes: number): TrainingData & { readonly labels: Float64Array } {
  const random = createRandom(seed);
  const odd = [Number.NaN, -1, 254, 1e9, Infinity];
  const code = (): number =>
    random() < 0.05 ? (odd[Math.floor(random() * odd.length)] ?? 0) : Math.floor(random() * codes);
  const columns = [
    Float64Array.from({ length: rows }, random),
    Float64Array.from({ length: rows }, code),
    Float64Array.from({ length: rows }, () => Math.floor(random() * 3)),
  ];
  const effects = Float64Array.from({ length: codes }, () => random() * 4 - 2);
  const labels = Float64Array.from({ length: rows }, (_, row) => {
    const effect = effects[columns[1]?.[row] ?? 0] ?? 0;
    const margin = effect + (columns[0]?.[row] ?? 0) + (columns[2]?.[row] === 1 ? 1 : 0) - 0.7;
    return 1 / (1 + Math.exp(-2 * margin)) > random() ? 1 : 0;
  });
  return { featureNames: ['number', 'many', 'few'], columns, labels, categories: [1, 2] };
}

const settings: TreeSettings = { objective: 'binary', rounds: 15, leaves: 9, minRowsPerLeaf: 10, learningRate: 0.2 };

test('walking trees over sets gives the training scores, bit for bit, whatever is sampled or stopped', () => {
  const data = makeData(3000, 1, 60);
  const holdOut = makeData(800, 2, 60);
  const variants: readonly TreeSettings[] = [
    settings,
    { ...settings, objective: 'regression' },
    { ...settings, objective: 'quantile', quantile: 0.8 },
    { ...settings, objective: 'multiclass', classCount: 2, rounds: 5 },
    { ...settings, rowShare: 0.6, columnShare: 0.7, seed: 3 },
    { ...settings, bins: 20 },
    { ...settings, rounds: 200, earlyStoppingRounds: 3 },
    { ...settings, monotone: [1, 0, 0] },
  ];
  for (const [index, variant] of variants.entries()) {
    const isNumber = variant.objective === 'regression' || variant.objective === 'quantile';
    const labels = isNumber ? data.labels.map((label, row) => label + (data.columns[0]?.[row] ?? 0)) : data.labels;
    const { ensemble, margins, sets, history } = trainTrees({ ...data, labels, holdOut }, variant);
    assert.ok(sets.length > 0, `variant ${index} has sets`);
    assert.equal(ensemble.featureNames.length, 3 + sets.length);
    assert.deepEqual(predictTrees(ensemble, data.columns, sets), margins, `variant ${index}`);
    assert.equal(new Set(sets.map(({ feature, codes }) => `${feature}:${codes.join()}`)).size, sets.length);
    for (const tree of ensemble.trees) {
      assert.ok(tree.feature.every((feature, node) => (tree.left[node] ?? -1) < 0 || feature === 0 || feature >= 3));
    }
    assert.ok(history.every((metrics) => Number.isFinite(metrics.holdOut?.loss)));
  }
});

test('the names of categories do not matter: codes in another order give the same predictions', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 3, max: 40 }), (seed, codes) => {
      const data = makeData(600, seed, codes);
      fc.pre(new Set(data.labels).size === 2);
      const renamed = {
        ...data,
        columns: data.columns.map((column, feature) =>
          feature === 1 ? column.map((code) => (code >= 0 && code < codes ? codes - 1 - code : code)) : column,
        ),
      };
      const [first, second] = [trainTrees(data, settings), trainTrees(renamed, settings)];
      const worst = first.margins.reduce((most, m, row) => Math.max(most, Math.abs(m - (second.margins[row] ?? 0))), 0);
      const losses = [first, second].map(({ history }) => history.at(-1)?.train.loss ?? 0);
      // Equal gains may be broken otherwise, which leaves the loss where it was to within rounding of a gain.
      assert.ok(worst < 1e-6 || Math.abs((losses[0] ?? 0) - (losses[1] ?? 0)) < 0.01, `${worst}, ${losses.join(' ')}`);
    }),
    { numRuns: 40 },
  );
});

test('a set is what one threshold over codes cannot say: parity of the code in one split', () => {
  const codes = Float64Array.from({ length: 4000 }, (_, row) => row % 40);
  const labels = codes.map((code) => code % 2);
  const data = { featureNames: ['code'], columns: [codes], labels, categories: [0] };
  const { ensemble, sets, history } = trainTrees(data, { objective: 'binary', rounds: 1, leaves: 2, learningRate: 1 });
  assert.equal(ensemble.trees[0]?.left.length, 3);
  assert.deepEqual(new Set(sets[0]?.codes.map((code) => code % 2)).size, 1);
  assert.equal(sets[0]?.codes.length, 20);
  assert.ok((history[0]?.train.loss ?? 1) < 0.2);
});

test('leaves keep the rows that were asked for, also those of sets', () => {
  const data = makeData(4000, 7, 100);
  for (const minRowsPerLeaf of [5, 200]) {
    const { ensemble } = trainTrees(data, { ...settings, minRowsPerLeaf, leaves: 31 });
    for (const { count, left } of ensemble.trees) {
      assert.ok(count.every((rows, node) => (left[node] ?? -1) >= 0 || rows >= minRowsPerLeaf));
    }
  }
});

test('categories that are none are refused', () => {
  const data = makeData(100, 1, 5);
  assert.throws(() => trainTrees({ ...data, categories: [3] }, settings), /categories names feature 3/);
  assert.throws(() => trainTrees(data, { ...settings, monotone: [0, 1, 0] }), /categories without an order/);
});

test('a column that no tree divides still has its input in the file', async () => {
  const values = Array.from({ length: 60 }, (_, row) => `c${row % 3}`);
  const target = Float64Array.from(values, (_, row) => Math.floor(row / 3) % 5);
  const fitted = await fitTable(
    { columns: [{ name: 'c', kind: 'category', values }], target: [...target] },
    { task: 'regression', rounds: 3, earlyStoppingRounds: 'never', categories: 'sets' },
  );
  assert.ok(
    fitted
      .predict([{ name: 'c', kind: 'category', values: ['c1', 'new', null] }])
      .values.every((v) => Math.abs(v - 2) < 1e-6),
  );
});

/** Answers of persons to items: whether one agrees goes by both, and each person has some fifteen rows. */
function questionnaire(persons: number, items: number, seed: number) {
  const random = createRandom(seed);
  const ease = Array.from({ length: items }, () => random() * 3 - 1.5);
  const mood = Array.from({ length: persons }, () => random() * 5 - 2.5);
  const rows = Array.from({ length: persons * items }, (_, i) => ({
    person: i % persons,
    item: Math.floor(i / persons),
  }));
  const target = rows.map(
    ({ person, item }) => 1 / (1 + Math.exp(-((mood[person] ?? 0) + (ease[item] ?? 0)))) > random(),
  );
  const columns = [
    { name: 'person', kind: 'category' as const, values: rows.map(({ person }) => `p${person}`) },
    { name: 'item', kind: 'category' as const, values: rows.map(({ item }) => `i${item}`) },
  ];
  const places = Uint32Array.from(rows.keys());
  const isTest = Uint8Array.from(rows, () => (random() < 0.3 ? 1 : 0));
  return {
    columns,
    target,
    train: places.filter((row) => isTest[row] === 0),
    test: places.filter((row) => isTest[row] === 1),
  };
}

test('many categories with some rows each are learnt better as sets than by means, and that is what is chosen', async () => {
  const { columns, target, train, test: held } = questionnaire(300, 24, 4);
  const lossOf = async (categories?: 'both' | 'sets'): Promise<number> => {
    const fitted = await fitTable(
      { columns, target, rows: train },
      { task: 'binary', rounds: 100, earlyStoppingRounds: 'never', minRowsPerLeaf: 20, categories },
    );
    const { values } = fitted.predict(columns, held);
    return (
      held.reduce((sum, row, i) => sum - Math.log(values[i * 2 + (target[row] === true ? 1 : 0)] ?? 1), 0) / held.length
    );
  };
  const [both, sets, chosen] = [await lossOf('both'), await lossOf('sets'), await lossOf()];
  assert.ok(sets < both * 0.98, `${sets} as sets, ${both} by codes and means`);
  assert.equal(chosen, sets);
});
