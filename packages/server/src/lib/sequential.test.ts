import assert from 'node:assert/strict';
import test from 'node:test';
import { createRandom } from './random.ts';
import type { Random } from './random.ts';
import {
  averageEvidence,
  createBoundedMeanGuard,
  createErrorGuard,
  createLookGuard,
  createMeanSequence,
  createSampleRatioGuard,
  createScoreGuard,
  evidenceBar,
} from './sequential.ts';

/** Share of `runs` in which `once` is true. Every simulation here is seeded, so its outcome never changes. */
function share(runs: number, seed: number, once: (random: Random) => boolean): number {
  let hits = 0;
  for (let run = 0; run < runs; run++) if (once(createRandom(seed + run))) hits++;
  return hits / runs;
}

/** An error rate measured over `runs` may pass its bound by three standard errors of the measurement, no more. */
function atMost(found: number, bound: number, runs: number): void {
  const limit = bound + 3 * Math.sqrt((bound * (1 - bound)) / runs);
  assert.ok(found <= limit, `${found} of the runs, at most ${limit} allowed`);
}

/** Requests of a canary at 10 %, looked at after every error; true when the guard fires within `requests`. */
function canaryErrors(random: Random, rates: { stable: number; canary: number }, requests: number): number | undefined {
  const guard = createErrorGuard();
  for (let i = 1; i <= requests; i++) {
    const isCanary = random.float() < 0.1;
    if (random.float() >= (isCanary ? rates.canary : rates.stable)) continue;
    guard.error(isCanary, 0.1);
    if (guard.logEvidence() > evidenceBar(0.01)) return i;
  }
  return undefined;
}

test('error guard: a healthy canary is rolled back in at most 1 % of releases, whatever the base rate', () => {
  const runs = 400;
  for (const rate of [0.005, 0.02]) {
    const rolledBack = share(runs, 100, (r) => canaryErrors(r, { stable: rate, canary: rate }, 8000) !== undefined);
    atMost(rolledBack, 0.01, runs);
  }
  const better = share(200, 900, (r) => canaryErrors(r, { stable: 0.02, canary: 0.005 }, 8000) !== undefined);
  atMost(better, 0.01, 200);
});

test('error guard: a fivefold rise is found, and soon', () => {
  const runs = 200;
  const found: number[] = [];
  for (let run = 0; run < runs; run++) {
    const at = canaryErrors(createRandom(run), { stable: 0.005, canary: 0.025 }, 20_000);
    if (at !== undefined) found.push(at);
  }
  assert.ok(found.length >= 0.99 * runs, `found in ${found.length} of ${runs}`);
  found.sort((a, b) => a - b);
  assert.ok((found[Math.floor(runs / 2)] ?? Infinity) < 5000, `median ${found[Math.floor(runs / 2)]}`);
});

test('error guard: evidence is a product over errors and follows a change of the traffic share', () => {
  const guard = createErrorGuard();
  assert.ok(Math.abs(guard.logEvidence()) < 1e-12);
  assert.equal(guard.likeliestRatio(), 1);
  for (let i = 0; i < 6; i++) guard.error(true, 0.1);
  assert.ok(guard.logEvidence() > 8, 'six errors in a row from a tenth of the traffic');
  assert.ok(guard.likeliestRatio() > 20);
  const even = createErrorGuard();
  for (let i = 0; i < 50; i++) even.error(i % 2 === 0, 0.5);
  assert.ok(even.logEvidence() < 0);
  assert.deepEqual(even.errors(), { canary: 25, stable: 25 });
});

test('sample ratio: the asked split passes, a split that is off by a third is found', () => {
  const once =
    (actual: number) =>
    (random: Random): boolean => {
      const guard = createSampleRatioGuard([0.9, 0.1]);
      for (let i = 1; i <= 5000; i++) {
        guard.add(random.float() < actual ? 1 : 0);
        if (i % 10 === 0 && guard.logEvidence() > evidenceBar(0.001)) return true;
      }
      return false;
    };
  atMost(share(300, 1, once(0.1)), 0.001, 300);
  assert.ok(share(100, 1, once(0.13)) > 0.95);
});

test('bounded mean: any distribution with the null mean is left alone, harm is found', () => {
  const options = { low: -3, high: 3, nullMean: 0 };
  const fires =
    (draw: (random: Random) => number) =>
    (random: Random): boolean => {
      const guard = createBoundedMeanGuard(options);
      for (let i = 0; i < 1000; i++) {
        guard.add(draw(random));
        if (guard.logEvidence() > evidenceBar(0.05)) return true;
      }
      return false;
    };
  const runs = 400;
  atMost(
    share(
      runs,
      1,
      fires((r) => 0.3 * r.normal()),
    ),
    0.05,
    runs,
  );
  // Rare large harm balanced by frequent small gain: mean 0, far from normal.
  atMost(
    share(
      runs,
      1,
      fires((r) => (r.float() < 0.05 ? 1.9 : -0.1)),
    ),
    0.05,
    runs,
  );
  assert.ok(
    share(
      100,
      1,
      fires((r) => 0.1 + 0.3 * r.normal()),
    ) > 0.98,
  );
});

test('mean sequence: holds the true mean at every moment, and narrows to something useful', () => {
  const runs = 400;
  const misses = share(runs, 1, (random) => {
    const sequence = createMeanSequence({ alpha: 0.05, plannedCount: 500 });
    for (let i = 0; i < 1500; i++) {
      sequence.add(0.2 * random.normal() + (random.float() < 0.1 ? 0.9 : -0.1));
      const { lower, upper } = sequence.interval();
      if (lower > 0 || upper < 0) return true;
    }
    return false;
  });
  atMost(misses, 0.05, runs);
  const random = createRandom(5);
  const sequence = createMeanSequence({ alpha: 0.05, plannedCount: 500 });
  assert.deepEqual(sequence.interval(), { lower: -Infinity, upper: Infinity });
  for (let i = 0; i < 500; i++) sequence.add(random.normal());
  const { lower, upper } = sequence.interval();
  const fixedWidth = (2 * 1.96) / Math.sqrt(500);
  assert.ok(upper - lower < 1.8 * fixedWidth, `${(upper - lower) / fixedWidth} times the fixed-sample width`);
});

test('mean sequence: one-sided evidence keeps its error rate and grows under harm', () => {
  const runs = 400;
  const fires =
    (mean: number) =>
    (random: Random): boolean => {
      const sequence = createMeanSequence({ alpha: 0.05, plannedCount: 300 });
      for (let i = 0; i < 1000; i++) {
        sequence.add(mean + random.normal());
        if (sequence.logEvidenceAbove(0) > evidenceBar(0.05)) return true;
      }
      return false;
    };
  atMost(share(runs, 1, fires(0)), 0.05, runs);
  assert.equal(share(50, 1, fires(-0.5)), 0);
  assert.ok(share(100, 1, fires(0.2)) > 0.97);
});

test('score guard: fires at its first look on a large change, never on the drift between two good models', () => {
  const stopsAt = (random: Random, shift: number): number | undefined => {
    const guard = createScoreGuard();
    for (let i = 0; i < 2500; i++) {
      const isCanary = random.float() < 0.1;
      const look = guard.add(isCanary, random.normal() + (isCanary ? shift : 0));
      if (look?.fired === true) return look.at;
    }
    return undefined;
  };
  assert.equal(
    share(200, 1, (r) => stopsAt(r, 0) !== undefined),
    0,
  );
  // A shift of 0.25 standard deviations is a KS distance of 0.10: what a healthy retrain shows.
  assert.ok(share(200, 1, (r) => stopsAt(r, 0.25) !== undefined) <= 0.005);
  assert.ok(share(100, 1, (r) => stopsAt(r, 1.5) === 30) > 0.95);
});

test('score guard: two models that differ by hour of the day pass, because on the same requests they nearly agree', () => {
  const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
  const run = (seed: number, shift: number): boolean => {
    const random = createRandom(seed);
    const guard = createScoreGuard();
    let fired = false;
    for (let i = 0; i < 2000; i++) {
      const isCanary = random.float() < 0.1;
      // A quiet hour: the scores hardly vary, so that half a logit between the models separates the arms clearly.
      const truth = -1.5 + 0.4 * random.normal();
      const [canary, control] = [logistic(truth + shift), logistic(truth)];
      const look = isCanary ? guard.add(true, canary, control) : guard.add(false, control, canary);
      fired ||= look?.fired === true;
    }
    return fired;
  };
  for (let seed = 0; seed < 20; seed++) {
    assert.equal(run(seed, 0.5), false);
    assert.equal(run(seed, 1.2), true);
  }
});

test('score guard: makes each look once, and waits for enough control scores', () => {
  const guard = createScoreGuard({ looks: [30, 50] });
  const looks: number[] = [];
  for (let i = 0; i < 40; i++) assert.equal(guard.add(true, i), undefined, 'no control yet');
  for (let i = 0; i < 40; i++) {
    const look = guard.add(false, i);
    if (look !== undefined) looks.push(look.at);
  }
  for (let i = 0; i < 100; i++) {
    const look = guard.add(true, i);
    if (look !== undefined) looks.push(look.at);
  }
  assert.deepEqual(looks, [40, 50]);
});

test('look guard: five looks at z 3.3 stop a harmless canary in at most 0.25 % of runs, and find real harm', () => {
  const fires =
    (mean: number) =>
    (random: Random): boolean => {
      const guard = createLookGuard([30, 50, 75, 100, 150]);
      for (let i = 0; i < 150; i++) if (guard.add(mean + random.normal())?.fired === true) return true;
      return false;
    };
  atMost(share(2000, 1, fires(0)), 0.0025, 2000);
  assert.ok(share(200, 1, fires(0.45)) > 0.95);
});

test('the average of e-values is an e-value: one strong guard among four is enough, four idle ones are none', () => {
  assert.equal(averageEvidence([]), 0);
  assert.ok(Math.abs(averageEvidence([0, 0, 0, 0])) < 1e-12);
  assert.ok(Math.abs(averageEvidence([10, -Infinity, -Infinity, -Infinity]) - (10 - Math.log(4))) < 1e-12);
});
