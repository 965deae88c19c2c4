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
import type { Estimate, Scored } from '../../lib/classification.ts';
import { answerLosses, measureAnswers, topAnswers } from '../../lib/table-quality.ts';
import { worseSlices } from '../../lib/slices.ts';
import { clustersOf, differenceOf, judge, wilsonInterval } from '../../lib/intervals.ts';
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
    calibration: (rows): CalibrationRow[] => calibrationRows({ scores: rows.scores, labels: rows.labels }),
    answers: (rows) => {
      const all = eachMeasured(measureAnswers(rows), rows.clusters);
      return Object.fromEntries(Object.entries(all).map(([name, of]) => [name, bounded(name, of)]));
    },
    answersDifference: (rows, than) => {
      const [own, other] = [measureAnswers(rows), measureAnswers({ ...rows, values: than })];
      const shared = Object.entries(own).flatMap(([name, estimate]): [string, Estimate][] => {
        const before = other[name];
        return before === undefined ? [] : [[name, differenceOf(estimate, before)]];
      });
      return eachMeasured(Object.fromEntries(shared), rows.clusters);
    },
    losses: answerLosses,
    topCalibration: (rows) => {
      const data = topAnswers(rows);
      return {
        ece: expectedCalibrationError(data, { bins: calibrationBins, by: 'count' }),
        table: calibrationRows(data),
      };
    },
    worseSlices,
    roc: (rows) => rocPoints({ scores: rows.scores, labels: rows.labels }),
  };
}

/** Figures from 0 to 1. */
const shares: ReadonlySet<string> = new Set(['auc', 'accuracy', 'macroF1', 'brier']);
/** Figures that are never below 0. */
const losses: ReadonlySet<string> = new Set(['logLoss', 'rmse', 'mae']);

/** An interval of few rows does not reach where the figure cannot be. */
function bounded(name: string, of: Measured): Measured {
  if (shares.has(name)) return asShare(of);
  return losses.has(name) ? { ...of, low: Math.max(0, of.low) } : of;
}

/** Inside 0 to 1; where no row was wrong (or right), which says nothing about its spread, as Wilson has it for that many rows. */
function asShare(of: Measured): Measured {
  const { value, n } = of;
  if (of.low === of.high && (value === 0 || value === 1)) {
    const { lower: low, upper: high } = wilsonInterval(value * n, n);
    return { value, low, high, n };
  }
  return { value, low: Math.max(0, of.low), high: Math.min(1, of.high), n };
}

function calibrationRows(data: Scored): CalibrationRow[] {
  return calibrationTable(data, { bins: calibrationBins, by: 'count' }).map(({ meanScore, observedRate, count }) => ({
    predicted: meanScore,
    observed: observedRate,
    n: count,
  }));
}

function eachMeasured(
  estimates: Readonly<Record<string, Estimate>>,
  keys: readonly string[] | undefined,
): Record<string, Measured> {
  const clusters = keys === undefined ? undefined : clustersOf(keys);
  return Object.fromEntries(Object.entries(estimates).map(([name, of]) => [name, measured(of, clusters)]));
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
