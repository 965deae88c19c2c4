import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import fc from 'fast-check';
import {
  auc,
  aucEstimate,
  brier,
  calibrationLine,
  calibrationTable,
  expectedCalibrationError,
  logLoss,
  meanEstimate,
  logLosses,
  rocPoints,
} from './classification.ts';
import type { Scored } from './classification.ts';
import { measureCalibrationGap, breaksGapRule } from './calibration-gap.ts';
import { clustersOf, clusterStandardError, differenceOf, judge, rowStandardError } from './intervals.ts';

interface Golden {
  readonly rows: Readonly<Record<'day' | 'label' | 'champion' | 'challenger' | 'broken', readonly number[]>>;
  readonly golden: {
    readonly champion: Metrics;
    readonly challenger: Metrics;
    readonly broken: Metrics;
    readonly delong: { aucSe: number; difference: number; differenceSe: number; p: number };
    readonly dLogLoss: { mean: number; rowSe: number; clusterSe: number; clusterP: number; clusters: number };
  };
}
type Metrics = Readonly<Record<'auc' | 'logLoss' | 'brier' | 'slope' | 'intercept', number>>;

/** 541 flights of June 2013 scored by three models; figures by scikit-learn 1.9, SciPy 1.17 and a pairwise DeLong. */
const { rows, golden } = JSON.parse(
  readFileSync(new URL('./testdata/paired-scores.json', import.meta.url), 'utf8'),
) as Golden;

const close = (found: number, expected: number, tolerance: number, what = ''): void =>
  assert.ok(Math.abs(found - expected) <= tolerance, `${what} ${found}, expected ${expected}`);

/** Scores on a coarse grid, so that ties are common. */
const scored = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 3 })), {
    minLength: 2,
    maxLength: 60,
  })
  .map((cells): Required<Scored> => ({
    scores: cells.map(([s]) => s / 12),
    labels: cells.map(([, y]) => y),
    weights: cells.map(([, , w]) => w),
  }));

/** By definition: over all pairs of a positive and a negative row. */
function slowAuc(data: Scored): number {
  let wins = 0;
  let pairs = 0;
  for (let i = 0; i < data.scores.length; i++) {
    for (let j = 0; j < data.scores.length; j++) {
      if (data.labels[i] !== 1 || data.labels[j] !== 0) continue;
      const weight = (data.weights?.[i] ?? 1) * (data.weights?.[j] ?? 1);
      const [a, b] = [data.scores[i] ?? 0, data.scores[j] ?? 0];
      pairs += weight;
      wins += weight * (a > b ? 1 : a === b ? 0.5 : 0);
    }
  }
  return pairs === 0 ? NaN : wins / pairs;
}

const same = (a: number, b: number): boolean => (Number.isNaN(a) && Number.isNaN(b)) || Math.abs(a - b) < 1e-12;

test('AUC equals the share of won pairs, with ties and weights', () => {
  fc.assert(
    fc.property(scored, (data) => {
      const plain = { scores: data.scores, labels: data.labels };
      assert.ok(same(auc(plain), slowAuc(plain)));
      assert.ok(same(auc(data), slowAuc(data)));
      assert.ok(same(aucEstimate(plain).estimate, slowAuc(plain)));
    }),
  );
});

test('the ROC curve starts at (0, 0), ends at (1, 1), never falls, and its area is the AUC', () => {
  fc.assert(
    fc.property(scored, (data) => {
      const plain = { scores: data.scores, labels: data.labels };
      const points = rocPoints(plain, 10_000);
      if (Number.isNaN(slowAuc(plain))) return assert.deepEqual(points, []);
      let area = 0;
      for (let i = 1; i < points.length; i++) {
        const [a, b] = [points[i - 1], points[i]];
        if (a === undefined || b === undefined) throw new Error('unreachable');
        const width = b.falsePositiveRate - a.falsePositiveRate;
        assert.ok(width >= 0 && b.truePositiveRate >= a.truePositiveRate);
        area += (width * (a.truePositiveRate + b.truePositiveRate)) / 2;
      }
      assert.ok(same(area, slowAuc(plain)));
      assert.deepEqual([points.at(0)?.falsePositiveRate, points.at(0)?.truePositiveRate], [0, 0]);
      assert.deepEqual([points.at(-1)?.falsePositiveRate, points.at(-1)?.truePositiveRate], [1, 1]);
    }),
  );
  const many = { scores: rows.champion, labels: rows.label };
  assert.ok(rocPoints(many, 50).length <= 52);
});

test('metrics of real scores agree with scikit-learn', () => {
  for (const model of ['champion', 'challenger', 'broken'] as const) {
    const data = { scores: rows[model], labels: rows.label };
    const expected = golden[model];
    close(auc(data), expected.auc, 1e-12, `${model} auc`);
    close(logLoss(data).estimate, expected.logLoss, 1e-12, `${model} log loss`);
    close(brier(data).estimate, expected.brier, 1e-12, `${model} brier`);
    const line = calibrationLine(data);
    close(line.slope, expected.slope, 1e-4, `${model} slope`);
    close(line.intercept, expected.intercept, 1e-4, `${model} intercept`);
  }
});

test('paired DeLong and the clustered difference of log losses agree with their textbook forms', () => {
  const champion = { scores: rows.champion, labels: rows.label };
  const challenger = { scores: rows.challenger, labels: rows.label };
  close(rowStandardError(aucEstimate(champion).influence), golden.delong.aucSe, 1e-12, 'auc se');
  const dAuc = judge(differenceOf(aucEstimate(challenger), aucEstimate(champion)));
  close(dAuc.estimate, golden.delong.difference, 1e-12, 'dAuc');
  close(dAuc.standardError, golden.delong.differenceSe, 1e-12, 'dAuc se');
  close(dAuc.p, golden.delong.p, 1e-10, 'dAuc p');

  const before = logLosses(champion);
  const loss = meanEstimate(logLosses(challenger).map((v, i) => v - (before[i] ?? NaN)));
  const clusters = clustersOf(rows.day);
  const expected = golden.dLogLoss;
  assert.equal(clusters.count, expected.clusters);
  close(loss.estimate, expected.mean, 1e-12, 'dLogLoss');
  close(rowStandardError(loss.influence), expected.rowSe, 1e-12, 'row se');
  close(clusterStandardError(loss.influence, clusters), expected.clusterSe, 1e-12, 'cluster se');
  close(judge(loss, { clusters }).p, expected.clusterP, 1e-10, 'cluster p');
});

test('the influences of every estimate sum to zero', () => {
  fc.assert(
    fc.property(scored, (data) => {
      for (const estimate of [aucEstimate(data), logLoss(data), brier(data)]) {
        assert.ok(Math.abs(estimate.influence.reduce((a, b) => a + b, 0)) < 1e-9);
      }
    }),
  );
});

test('calibration table: every row in one bin, equal-count bins differ by one row at most, ECE is bounded', () => {
  fc.assert(
    fc.property(scored, fc.constantFrom<'count' | 'width'>('count', 'width'), (data, by) => {
      const plain = { scores: data.scores, labels: data.labels };
      const table = calibrationTable(plain, { by, bins: 5 });
      const counts = table.map((bin) => bin.count);
      assert.equal(
        counts.reduce((a, b) => a + b, 0),
        data.scores.length,
      );
      if (by === 'count') assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
      else for (const bin of table) assert.ok(bin.upper - bin.lower <= 0.2 + 1e-12);
      const error = expectedCalibrationError(plain, { by, bins: 5 });
      assert.ok(error >= 0 && error <= 1);
      // In every bin |mean score - rate| is at least its share of the overall gap.
      const gap = measureCalibrationGap(plain).gap;
      assert.ok(error >= Math.abs(gap) - 1e-12);
    }),
  );
});

test('a calibrated model has slope 1 and intercept 0; halved logits have slope 2; one class has no line', () => {
  const scores: number[] = [];
  const labels: number[] = [];
  const weights: number[] = [];
  for (const p of [0.05, 0.2, 0.5, 0.7, 0.9]) {
    scores.push(p, p);
    labels.push(1, 0);
    weights.push(p, 1 - p);
  }
  const line = calibrationLine({ scores, labels, weights });
  close(line.slope, 1, 1e-8);
  close(line.intercept, 0, 1e-8);
  const squeezed = scores.map((p) => 1 / (1 + Math.exp(-0.5 * Math.log(p / (1 - p)))));
  close(calibrationLine({ scores: squeezed, labels, weights }).slope, 2, 1e-8);
  assert.ok(Number.isNaN(calibrationLine({ scores, labels: scores.map(() => 1) }).slope));
});

test('the calibration gap needs size and certainty both', () => {
  const scores = Array.from<number>({ length: 400 }).fill(0.25);
  const labels = scores.map((_, i) => (i < 140 ? 1 : 0));
  const measured = measureCalibrationGap({ scores, labels }, clustersOf(scores.map((_, i) => i % 20)));
  close(measured.gap, 0.1, 1e-12);
  close(measured.z, 40 / Math.sqrt(400 * 0.25 * 0.75), 1e-12);
  assert.equal(measured.clustered?.clusters, 20);
  assert.equal(breaksGapRule(measured, { gap: 0.06, z: 4 }), true);
  assert.equal(breaksGapRule(measured, { gap: 0.12, z: 4 }), false);
  assert.equal(breaksGapRule({ gap: 0.1, z: 3.9 }, { gap: 0.06, z: 4 }), false);
  assert.equal(breaksGapRule({ gap: -0.1, z: -5 }, { gap: 0.06, z: 4 }), true);
});

test('nothing of no rows is a number', () => {
  const none = { scores: [], labels: [] };
  for (const value of [auc(none), logLoss(none).estimate, expectedCalibrationError(none, { by: 'count' })]) {
    assert.ok(Number.isNaN(value));
  }
  assert.ok(Number.isNaN(judge(logLoss(none)).standardError));
  assert.ok(Number.isNaN(judge(aucEstimate({ scores: [0.1, 0.2], labels: [1, 1] })).upper));
});
