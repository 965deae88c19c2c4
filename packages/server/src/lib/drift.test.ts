import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import fc from 'fast-check';
import {
  benjaminiHochberg,
  chiSquareTest,
  describeReference,
  jensenShannon,
  ksStatisticOfSorted,
  ksTest,
  measureDrift,
  psi,
  sharesOf,
  wasserstein,
} from './drift.ts';
import { createRandom } from './random.ts';
import { normalQuantile } from './special-functions.ts';

interface Golden {
  readonly samples: readonly {
    readonly a?: readonly number[];
    readonly b?: readonly number[];
    /** [n, m, shift]: both samples are normal quantiles, the second 1.1 times as wide. */
    readonly grid?: readonly [number, number, number];
    readonly ks: number;
    readonly p: number;
    readonly wasserstein: number;
  }[];
  readonly shares: { readonly p: number[]; readonly q: number[]; readonly jensenShannon: number };
  readonly chiSquare: { readonly counts: [number[], number[]]; readonly statistic: number; readonly p: number };
}

/** Made with SciPy 1.17. */
const golden = JSON.parse(readFileSync(new URL('./testdata/drift.json', import.meta.url), 'utf8')) as Golden;

const close = (found: number, expected: number, relative: number, what: string): void =>
  assert.ok(Math.abs(found - expected) <= relative * Math.abs(expected), `${what} ${found}, expected ${expected}`);

const quantileGrid = (n: number, scale: number, shift: number): number[] =>
  Array.from({ length: n }, (_, i) => Math.round((scale * normalQuantile((i + 0.5) / n) + shift) * 1e4) / 1e4);

test('KS, its p-value and the Wasserstein distance agree with SciPy, exact and asymptotic', () => {
  for (const sample of golden.samples) {
    const a = sample.a ?? quantileGrid(sample.grid?.[0] ?? 0, 1, 0);
    const b = sample.b ?? quantileGrid(sample.grid?.[1] ?? 0, 1.1, sample.grid?.[2] ?? 0);
    const found = ksTest(a, b);
    const what = `n ${a.length}, m ${b.length}`;
    // Rounding to four digits may move one element of a large grid across a tie.
    const tolerance = sample.grid === undefined ? 1e-9 : 2e-3;
    close(found.statistic, sample.ks, tolerance, `${what} ks`);
    close(wasserstein(a, b), sample.wasserstein, sample.grid === undefined ? 1e-9 : 1e-4, `${what} wasserstein`);
    if (sample.grid === undefined || sample.p > 1e-3) close(found.p, sample.p, 20 * tolerance, `${what} p`);
    else close(found.logP, Math.log(sample.p), 0.01, `${what} ln p`);
  }
});

test('KS is the largest gap between the distribution functions', () => {
  const sample = fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 25 });
  const cdf = (values: readonly number[], x: number): number => values.filter((v) => v <= x).length / values.length;
  fc.assert(
    fc.property(sample, sample, (a, b) => {
      const slow = Math.max(...[...a, ...b].map((x) => Math.abs(cdf(a, x) - cdf(b, x))));
      const sorted = (v: number[]): number[] => v.toSorted((x, y) => x - y);
      assert.ok(Math.abs(ksStatisticOfSorted(sorted(a), sorted(b)) - slow) < 1e-12);
      const { p } = ksTest(a, b);
      assert.ok(p >= 0 && p <= 1);
    }),
  );
});

test('the exact p counts orderings', () => {
  // All C(6, 3) = 20 orderings of 3 and 3 distinct values; D = 1 in two of them.
  assert.ok(Math.abs(ksTest([1, 2, 3], [4, 5, 6]).p - 2 / 20) < 1e-12);
  assert.equal(ksTest([1, 2], [1, 2]).p, 1);
  assert.ok(Number.isNaN(ksTest([], [1]).p));
});

test('distances of shares and the chi-square test agree with SciPy and with their definitions', () => {
  close(jensenShannon(golden.shares.p, golden.shares.q), golden.shares.jensenShannon, 1e-12, 'js');
  const found = chiSquareTest(...golden.chiSquare.counts);
  close(found.statistic, golden.chiSquare.statistic, 1e-12, 'chi-square');
  close(found.p, golden.chiSquare.p, 1e-9, 'chi-square p');
  assert.equal(psi([0.5, 0.5], [0.5, 0.5]), 0);
  close(psi([0.5, 0.5], [0.9, 0.1]), 0.4 * Math.log(9), 1e-12, 'psi');
  close(psi([1, 0], [0.9, 0.1]), 0.1 * Math.log(1 / 0.9) + (0.1 - 1e-4) * Math.log(0.1 / 1e-4), 1e-12, 'psi floor');
});

test('every value falls in one bin, nulls in the last', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: -5, max: 5 }), fc.constant(NaN)), { minLength: 1, maxLength: 40 }),
      fc.uniqueArray(fc.integer({ min: -4, max: 4 }), { maxLength: 5 }),
      (values, cuts) => {
        const edges = cuts.toSorted((a, b) => a - b);
        const shares = sharesOf(values, edges);
        const expected = new Float64Array(edges.length + 2);
        for (const v of values) {
          const bin = Number.isNaN(v) ? edges.length + 1 : edges.filter((e) => v > e).length;
          expected[bin] = (expected[bin] ?? 0) + 1 / values.length;
        }
        shares.forEach((s, b) => assert.ok(Math.abs(s - (expected[b] ?? NaN)) < 1e-12));
      },
    ),
  );
});

/** Twelve weeks of 300 rows whose level swings by week: ordinary movement that a fixed cut would call drift. */
function season(seed: number, weeks: number, shift = 0): { values: number[]; periods: number[] } {
  const random = createRandom(seed);
  const values: number[] = [];
  const periods: number[] = [];
  for (let week = 0; week < weeks; week++) {
    const level = shift + 0.8 * Math.sin(week);
    for (let row = 0; row < 300; row++) {
      values.push(row % 50 === 0 ? NaN : level + random.normal());
      periods.push(week);
    }
  }
  return { values, periods };
}

test('a column is judged by its own ordinary weeks: a swing that the reference knows is ordinary, a new one is drift', () => {
  const { values, periods } = season(1, 12);
  const reference = describeReference(values, { name: 'level', periods });
  assert.equal(reference.ordinaryPeriods, 12);
  assert.ok((reference.ordinaryPsiMax ?? 0) > 0.3, 'ordinary weeks pass the folklore cut of 0.2');
  const known = measureDrift(reference, season(2, 3).values.slice(600, 900));
  assert.equal(known.status, 'season');
  assert.ok(known.psi > 0.2 && known.ratio < 1);
  assert.ok(Math.abs(known.nullShare - 0.02) < 1e-9);
  const moved = measureDrift(reference, season(3, 1, 4).values);
  assert.equal(moved.status, 'drift');
  assert.ok(moved.ratio > 1 && moved.wassersteinPerSd > 2 && moved.beyondShare > 0.5);
});

test('a slow walk away from the reference is season, a jump is drift and stays drift until the column is back', () => {
  const { values, periods } = season(1, 12);
  const reference = describeReference(values, { name: 'level', periods });
  let before: { shares: readonly number[]; count: number } | undefined;
  const visit = (shift: number, seed: number): string => {
    const found = measureDrift(reference, season(seed, 1, shift).values, { before });
    if (found.status !== 'drift') before = found;
    return found.status;
  };
  for (let week = 0; week <= 10; week++) {
    const status = visit(0.3 * week, 50 + week);
    assert.ok(status === 'season' || status === 'ordinary', `week ${week}: ${status}`);
  }
  assert.equal(visit(-4, 70), 'drift');
  assert.equal(visit(-4, 71), 'drift');
  assert.equal(visit(3, 72), 'season');
});

test('small windows are judged by their own noise: few false alarms at any size', () => {
  const random = createRandom(7);
  const draw = (n: number): number[] => Array.from({ length: n }, () => random.normal());
  const reference = describeReference(draw(2000), { name: 'steady' });
  for (const size of [120, 500, 3000]) {
    let alarms = 0;
    for (let run = 0; run < 200; run++) if (measureDrift(reference, draw(size)).status === 'drift') alarms++;
    assert.ok(alarms <= 3, `${alarms} alarms in 200 windows of ${size}`);
  }
});

test('a column that cannot be judged says so and disturbs nothing', () => {
  const steady = describeReference([1, 2, 3, 4, 5, 6], { name: 'short' });
  assert.equal(measureDrift(steady, [1, 2]).status, 'too-few-rows');
  assert.equal(measureDrift(describeReference([], { name: 'none' }), [1, 2]).status, 'no-reference');
  const nulls = describeReference(Array.from<number>({ length: 300 }).fill(NaN), { name: 'all null' });
  assert.equal(measureDrift(nulls, Array.from<number>({ length: 300 }).fill(NaN)).status, 'ordinary');
  assert.equal(measureDrift(nulls, Array.from<number>({ length: 300 }).fill(1)).status, 'drift');
  const constant = describeReference(Array.from<number>({ length: 300 }).fill(5), { name: 'constant' });
  assert.equal(measureDrift(constant, Array.from<number>({ length: 300 }).fill(5)).psi, 0);
  assert.equal(measureDrift(constant, Array.from<number>({ length: 300 }).fill(6)).status, 'drift');
});

test('Benjamini-Hochberg keeps what the step-up rule keeps', () => {
  // The example of Benjamini and Hochberg (1995), section 4: four of fifteen stand at 0.05.
  const p = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1,
  ];
  assert.deepEqual(
    benjaminiHochberg(p, 0.05),
    p.map((_, i) => i < 4),
  );
  assert.deepEqual(benjaminiHochberg([NaN, 0.001], 0.05), [false, true]);
});
