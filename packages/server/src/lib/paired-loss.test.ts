import assert from 'node:assert/strict';
import test from 'node:test';
import { clustersOf } from './intervals.ts';
import { comparePairedLosses, decidePairedLosses, lossEvidence } from './paired-loss.ts';
import type { LossPairs, LossTask } from './paired-loss.ts';
import { createRandom } from './random.ts';

const number: LossTask = { kind: 'number' };

/** Errors of both models share what neither knows. */
function numbers(count: number, better: number, seed = 1): LossPairs {
  const random = createRandom(seed);
  const champion = { main: new Array<number>(), side: new Array<number>() };
  const challenger = { main: new Array<number>(), side: new Array<number>() };
  for (let i = 0; i < count; i++) {
    const shared = 10 * random.normal();
    const theirs = shared + 4 * random.normal();
    const ours = shared + 4 * better * random.normal();
    champion.main.push(theirs * theirs);
    champion.side.push(Math.abs(theirs));
    challenger.main.push(ours * ours);
    challenger.side.push(Math.abs(ours));
  }
  return { champion, challenger, clusters: clustersOf(champion.main.map((_, i) => i % 12)) };
}

const verdictOf = (task: LossTask, pairs: LossPairs): string =>
  decidePairedLosses(comparePairedLosses(task, pairs)).verdict;

test('few pairs are undecided, a worse model is worse, a better one is promoted, and what may be better is waited for', () => {
  assert.match(
    decidePairedLosses(comparePairedLosses(number, numbers(99, 0))).sentence,
    /^Too few labelled pairs to decide: 99, at least 100/,
  );
  assert.equal(verdictOf(number, numbers(1000, 2.5)), 'worse');
  assert.equal(verdictOf(number, numbers(1000, 0.1)), 'better');
  const equal = Array.from({ length: 40 }, (_, i) => verdictOf(number, numbers(400, 1, i + 1)));
  assert.ok(equal.filter((verdict) => verdict === 'better').length <= 4, equal.join(' '));
  assert.ok(equal.includes('not-better'));
  const little = Array.from({ length: 40 }, (_, i) => comparePairedLosses(number, numbers(150, 0.7, i + 1)));
  const held = little.map((compared) => decidePairedLosses(compared)).find(({ verdict }) => verdict === 'undecided');
  assert.match(
    held?.sentence ?? '',
    /about \d+ labelled pairs would show it, there are 150|not shown yet \(at worst \+/,
  );
});

test('a main loss that falls does not excuse a side loss that may rise', () => {
  // A few huge errors less, a small one more on every row: the squares fall, the distances rise.
  const count = 2000;
  const champion = { main: Array.from({ length: count }, () => 1), side: Array.from({ length: count }, () => 1) };
  const challenger = { main: champion.main.map(() => 9), side: champion.side.map(() => 3) };
  for (let i = 0; i < count; i += 20) {
    champion.main[i] = 400;
    champion.side[i] = 20;
    challenger.main[i] = 9;
    challenger.side[i] = 3;
  }
  const { verdict, promote } = decidePairedLosses(comparePairedLosses(number, { champion, challenger }));
  assert.equal(promote, false);
  assert.equal(verdict, 'not-better');
});

test('units do not matter', () => {
  const pairs = numbers(500, 0.5);
  const inGrams = (model: LossPairs['champion']): LossPairs['champion'] => ({
    main: Array.from(model.main, (x) => x * 1e6),
    side: Array.from(model.side, (x) => x * 1e3),
  });
  const grams = { ...pairs, champion: inGrams(pairs.champion), challenger: inGrams(pairs.challenger) };
  const [a, b] = [comparePairedLosses(number, pairs), comparePairedLosses(number, grams)];
  assert.equal(decidePairedLosses(a).verdict, decidePairedLosses(b).verdict);
  assert.ok(Math.abs(a.main.difference.z - b.main.difference.z) < 1e-9);
  const [first, second] = [lossEvidence(a, 1.96), lossEvidence(b, 1.96)];
  assert.ok(Math.abs((first['dSquared'] ?? 0) - (second['dSquared'] ?? 1)) < 1e-9);
});

test('intervals that cover what they promise may replace wider ones that cover more', () => {
  const quantiles: LossTask = { kind: 'quantiles', levels: [0.1, 0.5, 0.9] };
  const pairs = (missed: number): LossPairs => {
    const random = createRandom(3);
    const rows = Array.from({ length: 2000 }, () => random.float());
    return {
      champion: { main: rows.map((x) => 3 + x), side: rows.map((x) => (x < 0.02 ? 1 : 0)) },
      challenger: { main: rows.map((x) => 2 + x * x), side: rows.map((x) => (x < missed ? 1 : 0)) },
    };
  };
  assert.equal(verdictOf(quantiles, pairs(0.2)), 'better');
  assert.notEqual(verdictOf(quantiles, pairs(0.3)), 'better');
});
