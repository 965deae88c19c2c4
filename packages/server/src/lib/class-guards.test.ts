import assert from 'node:assert/strict';
import test from 'node:test';
import { createClassGuards } from './class-guards.ts';
import type { ClassLook } from './class-guards.ts';
import type { Random } from './random.ts';
import { createRandom } from './random.ts';

const softmax = (logits: readonly number[]): number[] => {
  const exps = logits.map(Math.exp);
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((e) => e / sum);
};

interface Pair {
  readonly own: readonly number[];
  readonly other: readonly number[];
}

/** All looks of one stage; `hour` is which of the stage's requests it is. */
function looksOf(classes: number, pairOf: (random: Random, request: number) => Pair, seed: number): ClassLook[] {
  const guards = createClassGuards(classes);
  const random = createRandom(seed);
  return Array.from({ length: 600 }, (_, i) => {
    const { own, other } = pairOf(random, i);
    return random.float() < 0.4 ? guards.add(true, own, other) : guards.add(false, other, own);
  }).filter((look) => look !== undefined);
}

const logits = (random: Random, count: number, spread: number): number[] =>
  Array.from({ length: count }, () => spread * random.normal());
const noisy = (random: Random, of: readonly number[], noise: number): number[] =>
  softmax(of.map((logit) => logit + noise * random.normal()));

test('two models of a hard question disagree on most requests and pass', () => {
  let disagreed = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const looks = looksOf(
      20,
      (random) => {
        const truth = logits(random, 20, 0.4);
        return { own: noisy(random, truth, 0.3), other: noisy(random, truth, 0.3) };
      },
      seed,
    );
    assert.equal(looks.length, 5);
    assert.ok(looks.every(({ mix, agreement }) => !mix.fired && !agreement.fired));
    disagreed += 1 - (looks.at(-1)?.agreement.agreed ?? 1);
  }
  assert.ok(disagreed / 40 > 0.5, `${disagreed / 40} disagreed`);
});

test('a candidate that names one class alone is stopped by the mix, where the incumbent is not sure of itself', () => {
  const looks = looksOf(4, (random) => ({ own: [0, 1, 0, 0], other: noisy(random, logits(random, 4, 0.3), 0.1) }), 1);
  const first = looks.find(({ mix, agreement }) => mix.fired || agreement.fired);
  assert.ok(first?.mix.fired === true && first.at <= 50 && !first.agreement.fired);
});

test('names that are mixed up are stopped by the agreement, though their mix is the same', () => {
  const looks = looksOf(
    3,
    (random) => {
      const other = noisy(random, logits(random, 3, 3), 0.1);
      return { own: [...other.slice(1), ...other.slice(0, 1)], other };
    },
    2,
  );
  assert.ok(looks[0]?.agreement.fired === true && !looks[0].mix.fired);
  assert.ok(looks[0].agreement.agreed < 0.2 && looks[0].agreement.fall > 0.5);
});

test('requests of the canary that are another mix by themselves are no alarm: on them both models agree', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const guards = createClassGuards(3);
    const random = createRandom(seed);
    for (let i = 0; i < 400; i++) {
      const isCanary = i % 4 === 0;
      const truth = softmax([isCanary ? 2 : 0, 0, isCanary ? 0 : 2].map((level) => level + random.normal()));
      const look = guards.add(isCanary, truth, truth);
      if (look === undefined) continue;
      assert.ok(look.mix.distance > 0.35 && look.mix.p < 1e-3, `distance ${look.mix.distance}, p ${look.mix.p}`);
      assert.ok(!look.mix.fired && !look.agreement.fired);
    }
  }
});
