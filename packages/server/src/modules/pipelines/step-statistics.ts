/** The statistics of the server's own library, in the words that steps use. */
import type { CalibrationRow, ClassifierQuality, Measured, PairedQuality, ScoredRows, Statistics } from 'slipway';
import {
  aucEstimate,
  brier,
  calibrationTable,
  expectedCalibrationError,
  logLoss,
  rocPoints,
} from '../../lib/classification.ts';
import type { Estimate } from '../../lib/classification.ts';
import { clustersOf, differenceOf, judge } from '../../lib/intervals.ts';
import type { Clusters } from '../../lib/intervals.ts';

const calibrationBins = 10;

export function createStatistics(): Statistics {
  return {
    classifier: (rows: ScoredRows): ClassifierQuality => {
      const clusters = rows.clusters === undefined ? undefined : clustersOf(rows.clusters);
      const data = { scores: rows.scores, labels: rows.labels };
      return {
        auc: measured(aucEstimate(data), clusters),
        logLoss: measured(logLoss(data), clusters),
        brier: measured(brier(data), clusters),
        ece: expectedCalibrationError(data, { bins: calibrationBins, by: 'count' }),
        meanScore: mean(rows.scores),
        positiveShare: mean(rows.labels),
      };
    },
    paired: (rows): PairedQuality => {
      const clusters = rows.clusters === undefined ? undefined : clustersOf(rows.clusters);
      const candidate = { scores: rows.candidate, labels: rows.labels };
      const champion = { scores: rows.champion, labels: rows.labels };
      const auc = differenceOf(aucEstimate(candidate), aucEstimate(champion));
      const judged = judge(auc, { clusters });
      return {
        n: rows.labels.length,
        auc: measured(auc, clusters),
        logLoss: measured(differenceOf(logLoss(candidate), logLoss(champion)), clusters),
        z: judged.z,
      };
    },
    calibration: (rows): CalibrationRow[] =>
      calibrationTable({ scores: rows.scores, labels: rows.labels }, { bins: calibrationBins, by: 'count' }).map(
        (bin) => ({
          predicted: bin.meanScore,
          observed: bin.observedRate,
          n: bin.count,
        }),
      ),
    roc: (rows) => rocPoints({ scores: rows.scores, labels: rows.labels }),
  };
}

function measured(estimate: Estimate, clusters: Clusters | undefined): Measured {
  const { lower, upper } = judge(estimate, { clusters });
  return { value: estimate.estimate, low: lower, high: upper, n: estimate.influence.length };
}

function mean(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return values.length === 0 ? NaN : sum / values.length;
}
