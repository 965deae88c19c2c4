/**
 * Champion against challenger on the same labelled rows.
 *
 * Pairing removes what both models share: the difference of two log losses on one row varies several times less than
 * each log loss, so that a thousand pairs see what a hundred thousand unpaired requests would not. Ranking is compared by
 * DeLong's test, probability by the mean difference of log losses; both also with standard errors clustered (by day)
 * where clusters are given, because rows of one day are not independent. Differences are challenger - champion: a good
 * challenger has dAuc > 0 and dLogLoss < 0.
 *
 * The verdict follows one rule, fixed before the data are seen: better at ranking (one-sided z) *and* log loss not worse
 * by more than a margin (one-sided upper bound). With too few rows, or with a bound so wide that a harmful challenger
 * could pass or a good one fail by chance, it says `undecided` and how many rows would do.
 * Sources: DeLong et al. (1988); Schuirmann (1987) for non-inferiority by a one-sided bound.
 */
import { aucEstimate, expectedCalibrationError, logLoss, meanEstimate, logLosses } from './classification.ts';
import { differenceOf, judge } from './intervals.ts';
import type { Clusters, Judged } from './intervals.ts';
import { normalQuantile } from './special-functions.ts';

export interface PairedRows {
  /** [rows] each. */
  readonly champion: ArrayLike<number>;
  readonly challenger: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
  readonly clusters?: Clusters | undefined;
}

export interface PairedRule {
  /** One-sided z that the AUC difference must pass; 1.96 unless said. */
  readonly aucZ?: number;
  /** Largest acceptable rise of the mean log loss; 0.005 unless said. */
  readonly logLossMargin?: number;
  /** Confidence of the one-sided bound on the log loss; 0.95 unless said. */
  readonly level?: number;
  /** Fewest labelled pairs that are judged at all; 500 unless said. */
  readonly rowsMin?: number;
  /** Fewest rows of the rarer class; 50 unless said. */
  readonly rarerClassMin?: number;
}

export interface PairedComparison {
  readonly count: number;
  readonly positives: number;
  readonly champion: ModelScores;
  readonly challenger: ModelScores;
  readonly dAuc: Judged;
  readonly dAucClustered: Judged | undefined;
  readonly dLogLoss: Judged;
  readonly dLogLossClustered: Judged | undefined;
  /** The smallest true difference of log losses that this many rows show with 80 % power, two-sided 5 %. */
  readonly minimumDetectableLogLoss: number;
  /** Rows needed to show a log-loss difference as large as the margin with 80 % power. */
  readonly rowsForMargin: number;
}

export interface ModelScores {
  readonly auc: number;
  readonly logLoss: number;
  readonly ece: number;
  readonly meanScore: number;
}

export type PairedVerdict = 'better' | 'not-better' | 'worse' | 'undecided';

export interface PairedDecision {
  readonly verdict: PairedVerdict;
  /** May the challenger take over under the rule? True for `better` only. */
  readonly promote: boolean;
  readonly sentence: string;
  readonly warnings: readonly string[];
}

const powerZ = normalQuantile(0.975) + normalQuantile(0.8);

export function comparePaired(rows: PairedRows, rule: PairedRule = {}): PairedComparison {
  const champion = { scores: rows.champion, labels: rows.labels };
  const challenger = { scores: rows.challenger, labels: rows.labels };
  const level = rule.level ?? 0.95;
  const { clusters } = rows;
  const championAuc = aucEstimate(champion);
  const challengerAuc = aucEstimate(challenger);
  const auc = differenceOf(challengerAuc, championAuc);
  const championLosses = logLosses(champion);
  const challengerLosses = logLosses(challenger);
  const loss = meanEstimate(challengerLosses.map((value, i) => value - (championLosses[i] as number))); // same length
  const dLogLoss = judge(loss, { level });
  const rowSd = dLogLoss.standardError * Math.sqrt(rows.labels.length);
  let positives = 0;
  for (let i = 0; i < rows.labels.length; i++) positives += rows.labels[i] as number; // in range
  return {
    count: rows.labels.length,
    positives,
    champion: modelScores(champion, championAuc.estimate),
    challenger: modelScores(challenger, challengerAuc.estimate),
    dAuc: judge(auc, { level }),
    dAucClustered: clusters === undefined ? undefined : judge(auc, { level, clusters }),
    dLogLoss,
    dLogLossClustered: clusters === undefined ? undefined : judge(loss, { level, clusters }),
    minimumDetectableLogLoss: powerZ * dLogLoss.standardError,
    rowsForMargin: Math.ceil(((powerZ * rowSd) / (rule.logLossMargin ?? 0.005)) ** 2),
  };
}

function modelScores(data: { scores: ArrayLike<number>; labels: ArrayLike<number> }, auc: number): ModelScores {
  return {
    auc,
    logLoss: logLoss(data).estimate,
    ece: expectedCalibrationError(data, { by: 'count' }),
    meanScore: meanEstimate(data.scores).estimate,
  };
}

/** Applies the rule to a comparison. */
export function decidePaired(compared: PairedComparison, rule: PairedRule = {}): PairedDecision {
  const aucZ = rule.aucZ ?? 1.96;
  const margin = rule.logLossMargin ?? 0.005;
  const rowsMin = rule.rowsMin ?? 500;
  const rarerMin = rule.rarerClassMin ?? 50;
  const rarer = Math.min(compared.positives, compared.count - compared.positives);
  const warnings = warningsOf(compared);
  const known = describeKnown(compared, aucZ);
  if (compared.count < rowsMin || rarer < rarerMin) {
    return {
      verdict: 'undecided',
      promote: false,
      sentence: `Too few labelled pairs to decide: ${compared.count} (${rarer} of the rarer class), at least ${rowsMin} (${rarerMin}) are needed.`,
      warnings,
    };
  }
  const { dAuc, dLogLoss } = compared;
  const isRankedBetter = dAuc.estimate > 0 && dAuc.z > aucZ;
  const isHarmExcluded = dLogLoss.upperBound < margin;
  if (isRankedBetter && isHarmExcluded) return { verdict: 'better', promote: true, sentence: `${known}.`, warnings };
  if (dLogLoss.lowerBound > 0 || dAuc.z < -aucZ) {
    return { verdict: 'worse', promote: false, sentence: `${known}: worse than the champion.`, warnings };
  }
  if (!isHarmExcluded && dLogLoss.estimate < margin && compared.rowsForMargin > compared.count) {
    return {
      verdict: 'undecided',
      promote: false,
      sentence: `${known}; a rise of the log loss by ${signed(margin)} cannot be excluded (upper bound ${signed(dLogLoss.upperBound)}): about ${compared.rowsForMargin} labelled pairs would show it, there are ${compared.count}.`,
      warnings,
    };
  }
  return { verdict: 'not-better', promote: false, sentence: `${known}: not shown to be better.`, warnings };
}

/** What the rows show, ranking and log loss apart, each with its certainty; clustered where clusters are known. */
function describeKnown(compared: PairedComparison, aucZ: number): string {
  const { dAuc } = compared;
  const ranks = dAuc.z > aucZ ? 'ranks better' : dAuc.z < -aucZ ? 'ranks worse' : 'ranking not shown to differ';
  const loss = compared.dLogLossClustered ?? compared.dLogLoss;
  const word = loss.estimate < 0 ? 'better' : 'worse';
  const significance = loss.p < 0.05 ? `log loss ${word}` : `log loss not significantly ${word}`;
  const by = loss.by === 'clusters' ? `clustered over ${loss.clusters} days ` : '';
  return `${ranks} (dAUC ${signed(dAuc.estimate)}, z ${dAuc.z.toFixed(1)}); ${significance} (${signed(loss.estimate)}, ${by}p ${pText(loss.p)})`;
}

function warningsOf(compared: PairedComparison): string[] {
  const warnings: string[] = [];
  const { champion, challenger } = compared;
  if (challenger.ece > champion.ece + 0.01) {
    warnings.push(`calibration error rises from ${champion.ece.toFixed(3)} to ${challenger.ece.toFixed(3)}`);
  }
  const clusters = compared.dLogLossClustered?.clusters;
  if (clusters !== undefined && clusters < 10) {
    warnings.push(`only ${clusters} days: the clustered p-values are optimistic`);
  }
  const isOnlyNaive = compared.dLogLoss.p < 0.05 && (compared.dLogLossClustered?.p ?? 0) >= 0.05;
  if (isOnlyNaive) warnings.push('the log-loss difference is significant only if rows of one day were independent');
  return warnings;
}

const signed = (value: number): string => `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(4)}`;

/** A p-value as people read it. */
export function pText(p: number): string {
  if (Number.isNaN(p)) return 'unknown';
  if (p < 0.001) return p === 0 ? '< 1e-300' : p.toExponential(0);
  return p < 0.1 ? p.toFixed(3) : p.toFixed(2);
}
