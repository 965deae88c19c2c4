/**
 * How often the judge is wrong, on seeded rollouts whose truth is known: two models that are equally good are stopped, or one of
 * them promoted, no more often than declared; harm that is worth stopping is stopped, and an improvement promoted.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createCanaryJudge } from './canary-judge.ts';
import type { JudgedAnswer, JudgedTask } from './judged-task.ts';
import type { GuardName } from './judged.ts';
import type { Random } from './random.ts';
import { createRandom } from './random.ts';

/** What one version adds to the truth: noise of its own, a shift, a factor. */
interface Model {
  readonly noise: number;
  readonly shift?: number;
  readonly factor?: number;
  /** Names of the classes, one further on. */
  readonly isRotated?: boolean;
}

interface World {
  readonly task: JudgedTask;
  /** A row with its label, and what models say of it. */
  row(random: Random): { readonly label: number; readonly answer: (model: Model) => JudgedAnswer };
}

const softmax = (logits: readonly number[]): number[] => {
  const exps = logits.map(Math.exp);
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((e) => e / sum);
};

/** Three classes, unequally frequent; a perfect model would be right in about three of four. */
const classes: World = {
  task: { kind: 'classes', count: 3 },
  row: (random) => {
    const logits = [0.8, 0, -0.4].map((level) => level + 1.8 * random.normal());
    const truth = softmax(logits);
    const drawn = random.float();
    const label = drawn < (truth[0] ?? 0) ? 0 : drawn < 1 - (truth[2] ?? 0) ? 1 : 2;
    return {
      label,
      answer: ({ noise, isRotated = false }) => {
        const p = softmax(logits.map((logit) => logit + noise * random.normal()));
        const values = isRotated ? [...p.slice(1), ...p.slice(0, 1)] : p;
        return { score: Math.max(...values), values };
      },
    };
  },
};

/** Numbers around 4,000 whose errors have heavy tails: Student's t with 4 degrees of freedom, about. */
const number: World = {
  task: { kind: 'number' },
  row: (random) => {
    const mean = 4000 + 800 * random.normal();
    const tail = Math.sqrt((4 * random.float() + 0.3) / 2);
    const label = mean + (300 * random.normal()) / tail;
    return {
      label,
      answer: ({ noise, shift = 0, factor = 1 }) => ({ score: factor * (mean + shift + noise * random.normal()) }),
    };
  },
};

const levels = [0.1, 0.5, 0.9];
const tenth = 1.2816;
const quantiles: World = {
  task: { kind: 'quantiles', levels },
  row: (random) => {
    const mean = 50 + 10 * random.normal();
    return {
      label: mean + 5 * random.normal(),
      answer: ({ noise, factor = 1 }) => {
        const middle = mean + noise * random.normal();
        const half = factor * tenth * Math.hypot(5, noise);
        return { score: middle, values: [middle - half, middle, middle + half] };
      },
    };
  },
};

interface Rates {
  readonly fired: ReadonlyMap<GuardName, number>;
  readonly stopped: number;
  readonly promoted: number;
  readonly rejected: number;
  readonly pairsToStop: number;
}

interface Trial {
  readonly incumbent: Model;
  readonly candidate: Model;
  readonly rollouts: number;
  readonly share?: number;
}

const looks = [200, 400, 600];
const pairs = 600;

/** Requests come with their labels; the rule of promotion looks three times. */
function measure(world: World, { incumbent, candidate, rollouts, share = 0.5 }: Trial): Rates {
  const fired = new Map<GuardName, number>();
  let [stopped, promoted, rejected, pairsSum] = [0, 0, 0, 0];
  for (let seed = 1; seed <= rollouts; seed++) {
    const random = createRandom(seed);
    const judge = createCanaryJudge({ task: world.task, seed });
    let end: 'stopped' | 'promoted' | 'rejected' | undefined;
    for (let i = 1; i <= pairs && end === undefined; i++) {
      const { label, answer } = world.row(random);
      const isCanary = random.float() < share;
      const answers = { candidate: answer(candidate), incumbent: answer(incumbent) };
      judge.request({ share, isCanary, isError: false, ...answers });
      const firing = judge.label({ label, ...answers, cluster: i % 20, isCanary });
      if (firing !== undefined) {
        fired.set(firing.guard, (fired.get(firing.guard) ?? 0) + 1);
        stopped++;
        pairsSum += i;
        end = 'stopped';
      } else if (looks.includes(i)) {
        const verdict = judge.conclude()?.decision.verdict;
        // To see how often chance promotes, a look that rejects is not the last one.
        if (verdict === 'better') end = 'promoted';
        if (verdict === 'worse') rejected++;
      }
    }
    if (end === 'promoted') promoted++;
  }
  return { fired, stopped, promoted, rejected, pairsToStop: pairsSum / stopped };
}

/** Not above the declared rate by more than chance allows: four standard errors. */
const within = (count: number, of: number, rate: number): boolean =>
  count <= of * rate + 4 * Math.sqrt(of * rate * (1 - rate));

const worlds = { classes, number, quantiles };
const names: readonly (keyof typeof worlds)[] = ['classes', 'number', 'quantiles'];
/** Equally good, and yet no two of them say the same. */
const good: Readonly<Record<keyof typeof worlds, Model>> = {
  classes: { noise: 0.8 },
  number: { noise: 150 },
  quantiles: { noise: 4 },
};
const told = (what: string, rates: Rates): string =>
  `${what}: ${rates.stopped} stopped ${JSON.stringify([...rates.fired])}, ${rates.promoted} promoted, ${rates.rejected} worse, ${rates.pairsToStop} pairs`;

for (const name of names) {
  const world = worlds[name];
  test(`${name}: an equal candidate is stopped in at most 0.55 % of rollouts, and promoted in at most 2.5 %`, () => {
    const rollouts = 1200;
    const rates = measure(world, { incumbent: good[name], candidate: good[name], rollouts });
    assert.ok(within(rates.stopped, rollouts, 0.0055), told(name, rates));
    assert.ok(within(rates.promoted, rollouts, 0.025), told(name, rates));
  });
}
const harms: readonly (readonly [keyof typeof worlds, string, Model, GuardName])[] = [
  ['classes', 'names that were mixed up', { noise: 0.8, isRotated: true }, 'agreement'],
  ['classes', 'much more noise', { noise: 2 }, 'labels'],
  ['number', 'another unit', { noise: 100, factor: 0.001 }, 'scores'],
  ['number', 'much more noise', { noise: 450 }, 'labels'],
  ['number', 'a level that is off', { noise: 100, shift: 300 }, 'mistakes'],
  ['quantiles', 'intervals half as wide', { noise: 4, factor: 0.5 }, 'mistakes'],
  ['quantiles', 'more noise', { noise: 9 }, 'labels'],
];
for (const [name, what, candidate, guard] of harms) {
  test(`${name}: ${what} is stopped`, () => {
    const rollouts = 100;
    const rates = measure(worlds[name], { incumbent: good[name], candidate, rollouts });
    assert.ok(rates.stopped >= 0.95 * rollouts, told(what, rates));
    assert.ok((rates.fired.get(guard) ?? 0) > 0, told(what, rates));
  });
}

const better: Readonly<Record<keyof typeof worlds, Model>> = {
  classes: { noise: 0 },
  number: { noise: 0 },
  quantiles: { noise: 0 },
};
for (const name of names) {
  const world = worlds[name];
  test(`${name}: an improvement is promoted`, () => {
    const rollouts = 100;
    const rates = measure(world, { incumbent: good[name], candidate: better[name], rollouts });
    assert.ok(rates.promoted >= 0.8 * rollouts, told(name, rates));
  });
}
