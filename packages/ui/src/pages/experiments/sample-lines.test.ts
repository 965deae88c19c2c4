import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SampledSeries } from '@slipway/contract';
import { aligned, lineOf } from './sample-lines.ts';

const series = (
  entries: readonly (readonly [first: number, last: number, low: number, high: number])[],
): SampledSeries => ({
  run: 'r',
  pointCount: 0,
  isExact: false,
  firstSteps: entries.map((e) => e[0]),
  lastSteps: entries.map((e) => e[1]),
  at: entries.map(() => 0),
  low: entries.map((e) => e[2]),
  high: entries.map((e) => e[3]),
  counts: entries.map((e) => e[1] - e[0] + 1),
});

test('a stretch is drawn by both of its ends, nearest to the line before it first', () => {
  const line = lineOf(
    series([
      [0, 9, 1, 5],
      [10, 19, 2, 6],
      [20, 20, 2, 2],
    ]),
  );
  assert.deepEqual(line.steps, [0, 9, 10, 19, 20]);
  assert.deepEqual(line.values, [1, 5, 6, 2, 2]);
});

test('a line that falls from the first stretch on begins with its greatest value', () => {
  const line = lineOf(
    series([
      [0, 9, 3, 9],
      [10, 19, 1, 3],
    ]),
  );
  assert.deepEqual(line.values, [9, 3, 3, 1]);
});

test('on a logarithmic axis what has no place is a gap', () => {
  assert.deepEqual(
    lineOf(
      series([
        [0, 0, -1, -1],
        [1, 1, 3, 3],
      ]),
      true,
    ).values,
    [null, 3],
  );
});

test('NaN is a gap and infinity is not drawn', () => {
  const some: SampledSeries = {
    ...series([
      [0, 0, 1, 1],
      [1, 1, 1, 1],
    ]),
    low: [null, 'Infinity'],
    high: [null, 'Infinity'],
  };
  assert.deepEqual(lineOf(some).values, [null, null]);
});

test('lines share an axis', () => {
  const { x, y } = aligned([
    { steps: [0, 2], values: [1, 2] },
    { steps: [1, 2], values: [3, null] },
  ]);
  assert.deepEqual(x, [0, 1, 2]);
  assert.deepEqual(y, [
    [1, null, 2],
    [null, 3, null],
  ]);
});
