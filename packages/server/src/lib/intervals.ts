/**
 * Intervals and standard errors, for independent rows and for rows that come in clusters (flights of one day share the
 * weather, requests of one user share the user): with clusters the naive standard error can be several times too small.
 *
 * Shapes: `influence` [rows] (see `classification.ts`); `clusters.index` [rows], the cluster of each row as 0..count-1.
 * Clustered standard error: sqrt(G / (G - 1) * sum over clusters of (sum of influences)^2), judged with Student's t of
 * G - 1 degrees of freedom (CR1; Cameron and Miller 2015, sections II and VI). It is optimistic below about 10
 * clusters, and undefined (NaN) below 2. The bootstrap resamples whole clusters (Davison and Hinkley 1997, 3.8).
 */
import { auc, orderOf } from './classification.ts';
import type { Estimate, Scored } from './classification.ts';
import { createRandom } from './random.ts';
import {
  normalQuantile,
  normalSf,
  normalTwoSidedP,
  studentQuantile,
  studentSf,
  studentTwoSidedP,
} from './special-functions.ts';

// Reads of typed arrays inside loops whose bounds are the array's own length.
const at = (array: ArrayLike<number>, i: number): number => array[i] as number;

export interface Interval {
  readonly estimate: number;
  readonly standardError: number;
  readonly lower: number;
  readonly upper: number;
}

export interface Clusters {
  readonly index: Uint32Array;
  readonly count: number;
}

/** Numbers the distinct keys in order of first appearance. */
export function clustersOf(keys: ArrayLike<string | number>): Clusters {
  const numbers = new Map<string | number, number>();
  const index = new Uint32Array(keys.length);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string | number;
    let number = numbers.get(key);
    if (number === undefined) numbers.set(key, (number = numbers.size));
    index[i] = number;
  }
  return { index, count: numbers.size };
}

/** estimate +- z * standard error. */
export function normalInterval(estimate: number, standardError: number, level = 0.95): Interval {
  const half = normalQuantile((1 + level) / 2) * standardError;
  return { estimate, standardError, lower: estimate - half, upper: estimate + half };
}

/** Wilson's score interval of a proportion (Wilson 1927); never leaves [0, 1]. */
export function wilsonInterval(successes: number, trials: number, level = 0.95): Interval {
  if (trials === 0) return { estimate: NaN, standardError: NaN, lower: 0, upper: 1 };
  const z = normalQuantile((1 + level) / 2);
  const p = successes / trials;
  const shrink = 1 + (z * z) / trials;
  const centre = (p + (z * z) / (2 * trials)) / shrink;
  const half = (z / shrink) * Math.sqrt((p * (1 - p)) / trials + (z * z) / (4 * trials * trials));
  return {
    estimate: p,
    standardError: Math.sqrt((p * (1 - p)) / trials),
    lower: successes === 0 ? 0 : Math.max(0, centre - half),
    upper: successes === trials ? 1 : Math.min(1, centre + half),
  };
}

/** Standard error for independent rows. */
export function rowStandardError(influence: ArrayLike<number>): number {
  if (influence.length === 0) return NaN;
  let squares = 0;
  for (let i = 0; i < influence.length; i++) squares += at(influence, i) ** 2;
  return Math.sqrt(squares);
}

/** Standard error for rows in clusters. NaN below two clusters. */
export function clusterStandardError(influence: ArrayLike<number>, clusters: Clusters): number {
  if (clusters.count < 2 || influence.length === 0) return NaN;
  const sums = new Float64Array(clusters.count);
  for (let i = 0; i < influence.length; i++) {
    const cluster = at(clusters.index, i);
    sums[cluster] = at(sums, cluster) + at(influence, i);
  }
  let squares = 0;
  for (const sum of sums) squares += sum * sum;
  return Math.sqrt((squares * clusters.count) / (clusters.count - 1));
}

export interface Judged extends Interval {
  /** 'rows' when independent rows were assumed, 'clusters' when not. */
  readonly by: 'rows' | 'clusters';
  readonly clusters: number | undefined;
  /** estimate / standard error. */
  readonly z: number;
  /** Two-sided p of "the true value is 0". */
  readonly p: number;
  /** One-sided p of "the true value is at most 0" (small when the estimate is convincingly above 0). */
  readonly pAbove: number;
  /** One-sided upper and lower bounds at `level`. */
  readonly upperBound: number;
  readonly lowerBound: number;
}

export interface JudgeOptions {
  readonly clusters?: Clusters | undefined;
  /** Coverage of the interval and of each one-sided bound; 0.95 unless said. */
  readonly level?: number | undefined;
}

/** Interval, z, p-values and one-sided bounds of an estimate; clustered (with Student's t) when clusters are given. */
export function judge(estimate: Estimate, options: JudgeOptions = {}): Judged {
  const level = options.level ?? 0.95;
  const { clusters } = options;
  const value = estimate.estimate;
  const standardError =
    clusters === undefined ? rowStandardError(estimate.influence) : clusterStandardError(estimate.influence, clusters);
  const df = clusters === undefined ? Infinity : clusters.count - 1;
  const isKnown = standardError >= 0 && Number.isFinite(value);
  const quantile = (p: number): number =>
    !isKnown ? NaN : df === Infinity ? normalQuantile(p) : studentQuantile(p, df);
  const z = standardError > 0 ? value / standardError : value === 0 ? 0 : NaN;
  const half = quantile((1 + level) / 2) * standardError;
  const oneSided = quantile(level) * standardError;
  return {
    estimate: value,
    standardError,
    lower: value - half,
    upper: value + half,
    by: clusters === undefined ? 'rows' : 'clusters',
    clusters: clusters?.count,
    z,
    p: Number.isNaN(z) ? NaN : df === Infinity ? normalTwoSidedP(z) : studentTwoSidedP(z, df),
    pAbove: Number.isNaN(z) ? NaN : df === Infinity ? normalSf(z) : studentSf(z, df),
    upperBound: value + oneSided,
    lowerBound: value - oneSided,
  };
}

/** The difference a - b of two estimates made on the same rows. */
export function differenceOf(a: Estimate, b: Estimate): Estimate {
  const influence = new Float64Array(Math.min(a.influence.length, b.influence.length));
  for (let i = 0; i < influence.length; i++) influence[i] = at(a.influence, i) - at(b.influence, i);
  return { estimate: a.estimate - b.estimate, influence };
}

export interface BootstrapOptions {
  readonly clusters: Clusters;
  readonly seed: number;
  /** 2,000 unless said. */
  readonly resamples?: number;
  /** 0.95 unless said. */
  readonly level?: number;
}

/**
 * Percentile interval of any statistic by resampling whole clusters. The statistic gets the multiplicity of each cluster
 * [clusters]; a resample on which it is NaN (for instance one class only) is left out.
 */
export function clusterBootstrap(
  statistic: (multiplicity: Float64Array) => number,
  options: BootstrapOptions,
): Interval {
  const { clusters } = options;
  const random = createRandom(options.seed);
  const multiplicity = new Float64Array(clusters.count).fill(1);
  const estimate = statistic(multiplicity);
  const draws: number[] = [];
  for (let r = 0; r < (options.resamples ?? 2000); r++) {
    multiplicity.fill(0);
    for (let c = 0; c < clusters.count; c++) {
      const drawn = random.below(clusters.count);
      multiplicity[drawn] = at(multiplicity, drawn) + 1;
    }
    const value = statistic(multiplicity);
    if (!Number.isNaN(value)) draws.push(value);
  }
  if (draws.length < 2) return { estimate, standardError: NaN, lower: NaN, upper: NaN };
  const sorted = Float64Array.from(draws).sort();
  const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length;
  const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (draws.length - 1);
  const level = options.level ?? 0.95;
  return {
    estimate,
    standardError: Math.sqrt(variance),
    lower: quantileOfSorted(sorted, (1 - level) / 2),
    upper: quantileOfSorted(sorted, (1 + level) / 2),
  };
}

/** Cluster bootstrap of a mean: O(clusters) per resample. */
export function clusterBootstrapMean(values: ArrayLike<number>, options: BootstrapOptions): Interval {
  const sums = new Float64Array(options.clusters.count);
  const counts = new Float64Array(options.clusters.count);
  for (let i = 0; i < values.length; i++) {
    const cluster = at(options.clusters.index, i);
    sums[cluster] = at(sums, cluster) + at(values, i);
    counts[cluster] = at(counts, cluster) + 1;
  }
  return clusterBootstrap((multiplicity) => {
    let sum = 0;
    let count = 0;
    for (let c = 0; c < sums.length; c++) {
      sum += at(multiplicity, c) * at(sums, c);
      count += at(multiplicity, c) * at(counts, c);
    }
    return sum / count;
  }, options);
}

/** Cluster bootstrap of an AUC: sorted once, O(rows) per resample. */
export function clusterBootstrapAuc(data: Scored, options: BootstrapOptions): Interval {
  const order = orderOf(data.scores);
  const weights = new Float64Array(data.scores.length);
  return clusterBootstrap((multiplicity) => {
    for (let i = 0; i < weights.length; i++) weights[i] = at(multiplicity, at(options.clusters.index, i));
    return auc({ scores: data.scores, labels: data.labels, weights }, order);
  }, options);
}

/** Quantile of ascending values by linear interpolation between order statistics (Hyndman and Fan type 7). */
export function quantileOfSorted(sorted: ArrayLike<number>, q: number): number {
  if (sorted.length === 0) return NaN;
  const position = (sorted.length - 1) * Math.min(1, Math.max(0, q));
  const below = Math.floor(position);
  const low = at(sorted, below);
  return below + 1 < sorted.length ? low + (position - below) * (at(sorted, below + 1) - low) : low;
}
