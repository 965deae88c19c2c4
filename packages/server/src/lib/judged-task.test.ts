import assert from 'node:assert/strict';
import test from 'node:test';
import { harmOf, lossesOf, nominalCoverage, scaleOf } from './judged-task.ts';
import type { JudgedAnswer, JudgedTask, Losses } from './judged-task.ts';

const classes: JudgedTask = { kind: 'classes', count: 3 };
const quantiles: JudgedTask = { kind: 'quantiles', levels: [0.1, 0.5, 0.9] };
const near = (found: Losses | undefined, wanted: Losses): void => {
  assert.ok(found !== undefined);
  assert.ok(
    Math.abs(found.main - wanted.main) < 1e-12 && Math.abs(found.side - wanted.side) < 1e-12,
    String(found.main),
  );
};

test('losses by hand', () => {
  near(lossesOf({ kind: 'binary' }, { score: 0.25 }, 1), { main: Math.log(4), side: 0 });
  const answer: JudgedAnswer = { score: 0.5, values: Float64Array.of(0.2, 0.5, 0.3) };
  near(lossesOf(classes, answer, 1), { main: Math.log(2), side: 0 });
  near(lossesOf(classes, answer, 0), { main: Math.log(5), side: 1 });
  near(lossesOf({ kind: 'number' }, { score: 7 }, 4), { main: 9, side: 3 });
  // Below the median by 2: 0.1 of the miss for the low level, half and nine tenths for the others.
  const interval: JudgedAnswer = { score: 10, values: [5, 10, 15] };
  near(lossesOf(quantiles, interval, 8), { main: (0.1 * 3 + 0.5 * 2 + 0.1 * 7) / 3, side: 0 });
  near(lossesOf(quantiles, interval, 17), { main: (0.1 * 12 + 0.5 * 7 + 0.9 * 2) / 3, side: 1 });
});

test('a certain mistake costs much and not without end; a class that nobody knows, or a label of another kind, counts for nothing', () => {
  const sure: JudgedAnswer = { score: 1, values: [1, 0, 0] };
  assert.ok((lossesOf(classes, sure, 2)?.main ?? 0) > 30 && Number.isFinite(lossesOf(classes, sure, 2)?.main));
  for (const label of [3, -1, 0.5, NaN]) assert.equal(lossesOf(classes, sure, label), undefined);
  assert.equal(lossesOf({ kind: 'binary' }, { score: 0.5 }, 2), undefined);
  assert.equal(lossesOf({ kind: 'number' }, { score: 1 }, NaN), undefined);
  assert.equal(lossesOf(classes, { score: 1 }, 0), undefined, 'an answer without its probabilities');
});

test('bounds scale with what the incumbent does, and harm is told in what people know', () => {
  assert.deepEqual(scaleOf({ kind: 'number' }, 100), { main: 100, side: 10 });
  assert.deepEqual(scaleOf(classes, 100), { main: 1, side: 1 });
  assert.equal(harmOf({ kind: 'number' }, { main: 9, side: 3 }), 3);
  assert.equal(harmOf(classes, { main: 9, side: 1 }), 9);
  assert.equal(nominalCoverage([0.05, 0.5, 0.95]).toFixed(2), '0.90');
});
