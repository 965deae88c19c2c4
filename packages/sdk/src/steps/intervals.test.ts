import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeLevels } from './intervals.ts';

test('a truth on the edge of its interval is inside, and the number is the middle level', () => {
  const values = [1, 2, 4, 1, 2, 4, 1, 2, 4, 0, 5, 9];
  const judged = judgeLevels([1, 4, 4.5, 0.5], { values, levels: [0.1, 0.5, 0.9], middle: 1 });
  assert.deepEqual([...judged.values], [2, 2, 2, 5]);
  assert.deepEqual(judged.interval, { levels: [0.1, 0.9], coverage: 0.75, meanWidth: 4.5 });
});

test('one level is an interval of no width', () => {
  const { interval, values } = judgeLevels([3, 4], { values: [3, 5], levels: [0.5], middle: 0 });
  assert.deepEqual([interval.coverage, interval.meanWidth, [...values]], [0.5, 0, [3, 5]]);
});
