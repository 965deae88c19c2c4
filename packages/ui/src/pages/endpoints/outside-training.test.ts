import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outsideTraining } from './outside-training.ts';

test('a value is outside of training only where training is known and did not have it', () => {
  const range = { missing: 0, min: 10.9, max: 84 };
  assert.equal(outsideTraining(91, range), 'Above 84, the highest in training');
  assert.equal(outsideTraining(-3, range), 'Below 10.9, the lowest in training');
  for (const value of [10.9, 84, 40, null, 'text']) assert.equal(outsideTraining(value, range), undefined);
  assert.equal(outsideTraining(91, undefined), undefined);
  assert.equal(outsideTraining(91, { missing: 7 }), undefined, 'a column without a value has no range');

  const few = { missing: 0, distinct: 2, values: ['JFK', 'EWR'] };
  assert.equal(outsideTraining('LGA', few), 'Never in training');
  assert.equal(outsideTraining('JFK', few), undefined);
  const many = { missing: 0, distinct: 900, values: ['JFK', 'EWR'] };
  assert.equal(outsideTraining('LGA', many), undefined, 'only the most frequent are named: nothing can be said');
});
