import assert from 'node:assert/strict';
import test from 'node:test';
import { auc, aucEstimate, meanEstimate } from './classification.ts';
import {
  clusterBootstrapAuc,
  clusterBootstrapMean,
  clustersOf,
  clusterStandardError,
  judge,
  quantileOfSorted,
  rowStandardError,
  wilsonInterval,
} from './intervals.ts';
import { createRandom } from './random.ts';

const close = (found: number, expected: number, tolerance: number): void =>
  assert.ok(Math.abs(found - expected) <= tolerance, `${found}, expected ${expected}`);

/** 40 days of 25 rows that share a daily level: the setting in which a naive standard error is too small. */
function daily(seed: number, effect = 0): { values: number[]; days: number[] } {
  const random = createRandom(seed);
  const values: number[] = [];
  const days: number[] = [];
  for (let day = 0; day < 40; day++) {
    const level = random.normal();
    for (let row = 0; row < 25; row++) {
      values.push(effect + level + random.normal());
      days.push(day);
    }
  }
  return { values, days };
}

test('clustered intervals hold the truth as often as they say; naive ones do not', () => {
  let held = 0;
  let naive = 0;
  const runs = 400;
  for (let run = 0; run < runs; run++) {
    const { values, days } = daily(run);
    const estimate = meanEstimate(values);
    const clustered = judge(estimate, { clusters: clustersOf(days) });
    if (clustered.lower <= 0 && clustered.upper >= 0) held++;
    const plain = judge(estimate);
    if (plain.lower <= 0 && plain.upper >= 0) naive++;
  }
  assert.ok(held / runs > 0.92 && held / runs < 0.98, `clustered ${held / runs}`);
  assert.ok(naive / runs < 0.6, `naive ${naive / runs}`);
});

test('with one row per cluster the clustered standard error is the ordinary one', () => {
  const { values } = daily(3);
  const { influence } = meanEstimate(values);
  const each = clustersOf(values.map((_, i) => i));
  const n = values.length;
  close(clusterStandardError(influence, each), rowStandardError(influence) * Math.sqrt(n / (n - 1)), 1e-12);
});

test('the cluster bootstrap agrees with the sandwich, and repeats itself by seed', () => {
  const { values, days } = daily(9);
  const clusters = clustersOf(days);
  const sandwich = clusterStandardError(meanEstimate(values).influence, clusters);
  const bootstrap = clusterBootstrapMean(values, { clusters, seed: 4 });
  assert.ok(Math.abs(bootstrap.standardError / sandwich - 1) < 0.08, `${bootstrap.standardError} and ${sandwich}`);
  assert.ok(bootstrap.lower < bootstrap.estimate && bootstrap.estimate < bootstrap.upper);
  assert.deepEqual(clusterBootstrapMean(values, { clusters, seed: 4 }), bootstrap);
  assert.notDeepEqual(clusterBootstrapMean(values, { clusters, seed: 5 }), bootstrap);

  const random = createRandom(2);
  const labels = values.map((v) => (v + random.normal() > 0.5 ? 1 : 0));
  const data = { scores: values, labels };
  const ofAuc = clusterBootstrapAuc(data, { clusters, seed: 1, resamples: 400 });
  close(ofAuc.estimate, auc(data), 1e-12);
  const sandwichAuc = clusterStandardError(aucEstimate(data).influence, clusters);
  assert.ok(Math.abs(ofAuc.standardError / sandwichAuc - 1) < 0.15, `${ofAuc.standardError} and ${sandwichAuc}`);
});

test('one cluster gives no standard error instead of a wrong one', () => {
  const judged = judge(meanEstimate([1, 2, 3]), { clusters: clustersOf(['a', 'a', 'a']) });
  assert.ok(Number.isNaN(judged.standardError) && Number.isNaN(judged.p) && Number.isNaN(judged.upperBound));
});

test("Wilson's interval stays within [0, 1] and matches published values", () => {
  // Newcombe (1998), table I, method 3.
  const published: [number, number, number, number][] = [
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ];
  for (const [successes, trials, lower, upper] of published) {
    const interval = wilsonInterval(successes, trials);
    close(interval.lower, lower, 5e-5);
    close(interval.upper, upper, 5e-5);
  }
  assert.deepEqual([wilsonInterval(0, 0).lower, wilsonInterval(0, 0).upper], [0, 1]);
});

test('quantiles interpolate between order statistics', () => {
  assert.equal(quantileOfSorted([1, 2, 3, 4], 0.5), 2.5);
  assert.equal(quantileOfSorted([1, 2, 3, 4], 1), 4);
  assert.equal(quantileOfSorted([7], 0.3), 7);
  assert.ok(Number.isNaN(quantileOfSorted([], 0.5)));
});
