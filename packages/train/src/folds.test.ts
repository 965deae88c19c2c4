import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crossValidate } from './cross-validate.ts';
import { groupFolds, kFolds, timeFolds } from './folds.ts';
import type { Fold } from './folds.ts';
import { createRandom } from './random.ts';

const isAscending = (rows: Uint32Array): boolean => rows.every((row, i) => i === 0 || row > (rows[i - 1] ?? 0));

function assertPartition(folds: readonly Fold[], count: number): void {
  const tested = folds.flatMap(({ test: rows }) => [...rows]);
  assert.deepEqual(
    tested.sort((a, b) => a - b),
    Array.from({ length: count }, (_, row) => row),
  );
  for (const { train, test: held } of folds) {
    assert.ok(isAscending(train) && isAscending(held));
    assert.equal(new Set([...train, ...held]).size, count);
    assert.equal(train.length + held.length, count);
  }
}

test('every row is tested once, and classes are spread evenly', () => {
  const input = fc.record({
    classes: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 5, maxLength: 60 }),
    folds: fc.integer({ min: 2, max: 5 }),
    seed: fc.integer({ min: 0, max: 99 }),
  });
  fc.assert(
    fc.property(input, ({ classes, folds, seed }) => {
      const made = kFolds(classes.length, { folds, seed }, classes);
      assertPartition(made, classes.length);
      for (const label of [0, 1, 2]) {
        const counts = made.map(({ test: rows }) => rows.filter((row) => classes[row] === label).length);
        assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
      }
      assert.deepEqual(kFolds(classes.length, { folds, seed }, classes), made);
    }),
  );
  assert.notDeepEqual(kFolds(50, { folds: 5, seed: 1 }), kFolds(50, { folds: 5, seed: 2 }));
  assert.throws(
    () => kFolds(3, { folds: 4, seed: 0 }),
    /folds is 4: it must be an integer from 2 to the number of rows, 3/,
  );
});

test('a group is never on both sides', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 4, maxLength: 60 }), (groups) => {
      fc.pre(new Set(groups).size >= 3);
      const made = groupFolds(groups, { folds: 3, seed: 1 });
      assertPartition(made, groups.length);
      for (const { train, test: held } of made) {
        const learnt = new Set(Array.from(train, (row) => groups[row]));
        assert.ok(held.every((row) => !learnt.has(groups[row])));
      }
    }),
  );
});

test('by time nothing is learnt from what comes later', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 6, maxLength: 80 }), (times) => {
      const made = timeFolds(times, 4);
      for (const { train, test: held } of made) {
        const last = Math.max(...Array.from(train, (row) => times[row] ?? 0));
        assert.ok(held.every((row) => (times[row] ?? 0) > last));
      }
      const tested = made.flatMap(({ test: rows }) => [...rows]);
      assert.equal(new Set(tested).size, tested.length);
    }),
  );
  assert.throws(() => timeFolds([1, Number.NaN, 3], 2), /times has a row without a time/);
});

test('cross validation answers every row from a model that has not seen it', async () => {
  const random = createRandom(1);
  const rows = 400;
  const x = Float64Array.from({ length: rows }, () => random());
  const target = Array.from(x, (value, row) => (row % 17 === 0 ? null : value + random() > 1 ? 'yes' : 'no'));
  const table = { columns: [{ name: 'x', kind: 'number' as const, values: x }], target };
  const folds = kFolds(rows, { folds: 4, seed: 0 });
  const answered = new Set<number>();
  for await (const { fitted, rows: tested, predictions, metrics, fold } of crossValidate(
    table,
    { task: 'classes', rounds: 30, earlyStoppingRounds: 'never' },
    { folds },
  )) {
    assert.equal(predictions.width, 2);
    assert.equal(fitted.rowCount, fold.train.filter((row) => target[row] !== null).length);
    assert.ok((metrics.auc ?? 0) > 0.75 && metrics.loss < 0.69, `${metrics.auc} ${metrics.loss}`);
    for (const row of tested) answered.add(row);
  }
  assert.equal(answered.size, target.filter((value) => value !== null).length);
});
