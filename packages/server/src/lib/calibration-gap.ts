/**
 * Does a window of labelled predictions still have the level that the scores claim?
 *
 * gap = mean(label - score): positive when more happens than was predicted. Two standard errors, told apart by name:
 * `z` treats rows as independent given their scores, Var = sum p(1 - p); `clustered` lets the rows of one cluster (a day)
 * move together, and is the honest one when a common cause moves them. An alert needs size and certainty both: a large
 * window makes any gap certain, a small one makes any gap large.
 */
import { calibrationGap } from './classification.ts';
import type { Scored } from './classification.ts';
import { judge } from './intervals.ts';
import type { Clusters, Judged } from './intervals.ts';

export interface CalibrationGap {
  readonly count: number;
  readonly meanScore: number;
  readonly observedRate: number;
  readonly gap: number;
  /** sum(y - p) / sqrt(sum p(1 - p)). NaN when every score is 0 or 1. */
  readonly z: number;
  readonly clustered: Judged | undefined;
}

export function measureCalibrationGap(data: Scored, clusters?: Clusters): CalibrationGap {
  const count = data.scores.length;
  let scores = 0;
  let positives = 0;
  let variance = 0;
  for (let i = 0; i < count; i++) {
    const p = data.scores[i] as number; // in range: i < length
    scores += p;
    positives += data.labels[i] as number; // one label per score
    variance += p * (1 - p);
  }
  return {
    count,
    meanScore: scores / count,
    observedRate: positives / count,
    gap: (positives - scores) / count,
    z: (positives - scores) / Math.sqrt(variance),
    clustered: clusters === undefined ? undefined : judge(calibrationGap(data), { clusters }),
  };
}

export interface GapRule {
  /** Smallest |gap| that matters. */
  readonly gap: number;
  /** Smallest |z| that convinces. */
  readonly z: number;
}

export function breaksGapRule(measured: Pick<CalibrationGap, 'gap' | 'z'>, rule: GapRule): boolean {
  return Math.abs(measured.gap) >= rule.gap && Math.abs(measured.z) >= rule.z;
}
