import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rankByWeight } from './drift-rank.ts';

test('a small drift of a column that matters stands before a large one of a column that does not', () => {
  const rows = [
    { name: 'wind', ratio: 5 },
    { name: 'hour', ratio: 1 },
    { name: 'dest', ratio: 0 },
    { name: 'new', ratio: 9 },
  ];
  const shares = new Map([
    ['wind', 0.01],
    ['hour', 0.6],
    ['dest', 0.39],
  ]);
  // What the training did not know of weighs nothing, and says so by standing last; equals keep their order.
  assert.deepEqual(
    rankByWeight(rows, shares).map(({ name }) => name),
    ['hour', 'wind', 'dest', 'new'],
  );
});
