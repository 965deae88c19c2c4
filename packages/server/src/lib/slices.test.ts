import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from './random.ts';
import { worseSlices } from './slices.ts';

const rows = 1200;
const noise = (seed: number): number[] => {
  const random = createRandom(seed);
  return Array.from({ length: rows }, () => random.below(1_000_000) / 1_000_000);
};
const kinds = Array.from({ length: rows }, (_, i) => (i % 6 === 0 ? 'odd' : i % 5 === 0 ? null : 'usual'));
const ages = Float64Array.from({ length: rows }, (_, i) => (i % 40 === 7 ? NaN : i % 100));

test('a value, a range and what is missing are found where the loss is higher, the costliest first', () => {
  const [a, b] = [noise(1), noise(2)];
  const losses = Float64Array.from(
    { length: rows },
    (_, i) => (a[i] ?? 0) + (kinds[i] === 'odd' ? 1 : 0) + ((ages[i] ?? 0) >= 75 ? 0.5 : 0),
  );
  const columns = [
    { name: 'kind', values: kinds },
    { name: 'age', values: ages },
    { name: 'noise', values: Float64Array.from(b) },
  ];
  const [first, second, ...others] = worseSlices({ losses, columns, rowsMin: 30 });
  assert(first !== undefined && 'value' in first && first.column === 'kind' && first.value === 'odd');
  assert.equal(first.rows, 200);
  assert(Math.abs(first.loss - first.rest - 1) < 0.1 && first.p < 1e-6);
  assert(
    second !== undefined &&
      second.column === 'age' &&
      'low' in second &&
      (second.low ?? 0) >= 70 &&
      second.high === undefined,
  );
  assert.deepEqual(
    others.filter(({ column }) => column === 'noise'),
    [],
  );
  assert.deepEqual(worseSlices({ losses, columns, rowsMin: 700 }), []);
});

test('of columns that say nothing about the loss, slices are found in about one table of twenty', () => {
  let found = 0;
  for (let table = 0; table < 200; table++) {
    const losses = Float64Array.from(noise(table * 7 + 1), (x) => -Math.log(1 - x * 0.999));
    const columns = [3, 4, 5].map((k) => ({ name: `c${k}`, values: Float64Array.from(noise(table * 7 + k)) }));
    if (worseSlices({ losses, columns, rowsMin: 30 }).length > 0) found++;
  }
  assert(found <= 22, `${found} of 200`);
});

test('rows that come in clusters convince less', () => {
  // One household of four has lost much, in ten rows each: by rows that is certain, by households it is not.
  const clusters = Array.from({ length: rows }, (_, i) => `h${Math.floor(i / 10)}`);
  const flag = Array.from({ length: rows }, (_, i) => (Math.floor(i / 10) % 30 === 0 ? 'yes' : 'no'));
  const base = noise(3);
  const losses = Float64Array.from({ length: rows }, (_, i) => (base[i] ?? 0) + (i < 10 ? 2 : 0));
  const columns = [{ name: 'flag', values: flag }];
  assert.equal(worseSlices({ losses, columns, rowsMin: 30 }).length, 1);
  assert.deepEqual(worseSlices({ losses, columns, rowsMin: 30, clusters }), []);
});
