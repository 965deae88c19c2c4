/**
 * How good the scores of a binary classifier are: ranking (AUC, ROC, DeLong), probability (log loss, Brier) and
 * calibration (table, ECE, slope and intercept).
 *
 * Shapes: `scores` [rows] f64, the probability of class 1; `labels` [rows] u8, 0 or 1; `weights` [rows] f64 >= 0,
 * 1 each when left out. Nothing here checks for missing values: callers drop unlabelled rows first.
 * A quantity that the data cannot give (AUC with one class only, anything of no rows) is NaN.
 *
 * Every estimate also comes as an *influence*: one number per row, summing to zero, such that the estimate's error is
 * about the sum of them. Its variance for independent rows is the sum of squares, for clustered rows the sum over
 * clusters of squared sums (`intervals.ts`), and the influence of a difference of two estimates on the same rows is the
 * difference of the influences: that is the paired test. For the AUC this is DeLong's method.
 * Cost: O(n log n) for what ranks, O(n) for the rest.
 * Sources: DeLong, DeLong and Clarke-Pearson (1988); Sun and Xu (2014) for the mid-rank form; Cox (1958) for slope and
 * intercept; Naeini et al. (2015) for ECE with equal-width bins, Nguyen and O'Connor (2015) with equal counts.
 */
export interface Scored {
  readonly scores: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
  readonly weights?: ArrayLike<number> | undefined;
}

export interface Estimate {
  readonly estimate: number;
  /** [rows]; empty when the estimate is NaN. */
  readonly influence: Float64Array;
}

/** Probabilities are moved this far away from 0 and 1 before a logarithm is taken (as scikit-learn does for f64). */
export const probabilityFloor = 2.220_446_049_250_313e-16;

// Reads of typed arrays inside loops whose bounds are the array's own length.
const at = (array: ArrayLike<number>, i: number): number => array[i] as number;

/** Row numbers in ascending order of value. */
export function orderOf(values: ArrayLike<number>): Uint32Array {
  const order = new Uint32Array(values.length);
  for (let i = 0; i < order.length; i++) order[i] = i;
  return order.sort((a, b) => at(values, a) - at(values, b));
}

/** Area under the ROC curve: P(score of a positive row > score of a negative row) + half the ties. */
export function auc(data: Scored, order: Uint32Array = orderOf(data.scores)): number {
  const { scores, labels, weights } = data;
  let area = 0;
  let negativesBelow = 0;
  let positives = 0;
  for (let start = 0; start < order.length;) {
    const score = at(scores, at(order, start));
    let tiedPositives = 0;
    let tiedNegatives = 0;
    let end = start;
    for (; end < order.length && at(scores, at(order, end)) === score; end++) {
      const row = at(order, end);
      const weight = weights === undefined ? 1 : at(weights, row);
      if (at(labels, row) === 1) tiedPositives += weight;
      else tiedNegatives += weight;
    }
    area += tiedPositives * (negativesBelow + tiedNegatives / 2);
    negativesBelow += tiedNegatives;
    positives += tiedPositives;
    start = end;
  }
  return positives > 0 && negativesBelow > 0 ? area / (positives * negativesBelow) : NaN;
}

/**
 * AUC with DeLong's influence: a positive row contributes (share of negative rows it beats - AUC) / number of positive rows, a
 * negative row likewise, each scaled by sqrt(k / (k - 1)) of its class so that the sum of squares is DeLong's variance.
 * Unweighted.
 */
export function aucEstimate(data: Scored, order: Uint32Array = orderOf(data.scores)): Estimate {
  const { scores, labels } = data;
  const n = scores.length;
  const wins = new Float64Array(n);
  let positives = 0;
  for (let i = 0; i < n; i++) positives += at(labels, i);
  const negatives = n - positives;
  if (positives === 0 || negatives === 0) return { estimate: NaN, influence: new Float64Array(0) };
  let area = 0;
  let positivesBelow = 0;
  let negativesBelow = 0;
  for (let start = 0; start < n;) {
    const score = at(scores, at(order, start));
    let end = start;
    let tiedPositives = 0;
    for (; end < n && at(scores, at(order, end)) === score; end++) tiedPositives += at(labels, at(order, end));
    const tiedNegatives = end - start - tiedPositives;
    const beaten = (negativesBelow + tiedNegatives / 2) / negatives;
    const beating = (positives - positivesBelow - tiedPositives / 2) / positives;
    for (let i = start; i < end; i++) {
      const row = at(order, i);
      wins[row] = at(labels, row) === 1 ? beaten : beating;
    }
    area += tiedPositives * beaten;
    positivesBelow += tiedPositives;
    negativesBelow += tiedNegatives;
    start = end;
  }
  const estimate = area / positives;
  const scale = (count: number): number => Math.sqrt(count / Math.max(1, count - 1)) / count;
  const positiveScale = scale(positives);
  const negativeScale = scale(negatives);
  const influence = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    influence[i] = (at(wins, i) - estimate) * (at(labels, i) === 1 ? positiveScale : negativeScale);
  }
  return { estimate, influence };
}

/** Log loss of each row, natural logarithm, clipped at `probabilityFloor`. */
export function logLossOf(score: number, label: number): number {
  const p = label === 1 ? score : 1 - score;
  return -Math.log(Math.min(1 - probabilityFloor, Math.max(probabilityFloor, p)));
}

/** Mean of a per-row quantity with its influence. */
export function meanEstimate(values: ArrayLike<number>, weights?: ArrayLike<number>): Estimate {
  let sum = 0;
  let total = 0;
  for (let i = 0; i < values.length; i++) {
    const weight = weights === undefined ? 1 : at(weights, i);
    sum += weight * at(values, i);
    total += weight;
  }
  if (!(total > 0)) return { estimate: NaN, influence: new Float64Array(0) };
  const estimate = sum / total;
  const influence = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    influence[i] = ((at(values, i) - estimate) * (weights === undefined ? 1 : at(weights, i))) / total;
  }
  return { estimate, influence };
}

const perRow = (data: Scored, loss: (score: number, label: number) => number): Float64Array => {
  const values = new Float64Array(data.scores.length);
  for (let i = 0; i < values.length; i++) values[i] = loss(at(data.scores, i), at(data.labels, i));
  return values;
};

export function logLosses(data: Scored): Float64Array {
  return perRow(data, logLossOf);
}

/** Mean log loss with its influence. */
export function logLoss(data: Scored): Estimate {
  return meanEstimate(logLosses(data), data.weights);
}

/** Mean squared error of the probability with its influence. */
export function brier(data: Scored): Estimate {
  return meanEstimate(
    perRow(data, (score, label) => (score - label) ** 2),
    data.weights,
  );
}

/** Mean of label minus score: positive when the model predicts too little. */
export function calibrationGap(data: Scored): Estimate {
  return meanEstimate(
    perRow(data, (score, label) => label - score),
    data.weights,
  );
}

export interface CalibrationBin {
  /** Scores of this bin lie in [lower, upper]. */
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
  /** Sum of the weights; equals `count` without weights. */
  readonly weight: number;
  readonly meanScore: number;
  readonly observedRate: number;
}

export interface BinOptions {
  /** `count`: as many rows in each bin; `width`: bins of equal width over [0, 1]. */
  readonly by: 'count' | 'width';
  /** 10 unless said. */
  readonly bins?: number;
  /** `orderOf(scores)`, where the caller has it already. */
  readonly order?: Uint32Array;
}

/** The calibration table: mean score against observed rate per bin of score; empty bins are left out. */
export function calibrationTable(data: Scored, options: BinOptions): CalibrationBin[] {
  const bins = options.bins ?? 10;
  const order = options.order ?? orderOf(data.scores);
  const n = order.length;
  const binOf = (position: number): number =>
    options.by === 'count'
      ? Math.floor((position * bins) / n)
      : Math.max(0, Math.min(bins - 1, Math.ceil(at(data.scores, at(order, position)) * bins) - 1));
  const table: CalibrationBin[] = [];
  for (let start = 0; start < n;) {
    const bin = binOf(start);
    let end = start;
    let weight = 0;
    let scores = 0;
    let positives = 0;
    for (; end < n && binOf(end) === bin; end++) {
      const row = at(order, end);
      const w = data.weights === undefined ? 1 : at(data.weights, row);
      weight += w;
      scores += w * at(data.scores, row);
      positives += w * at(data.labels, row);
    }
    if (weight > 0) {
      table.push({
        lower: at(data.scores, at(order, start)),
        upper: at(data.scores, at(order, end - 1)),
        count: end - start,
        weight,
        meanScore: scores / weight,
        observedRate: positives / weight,
      });
    }
    start = end;
  }
  return table;
}

/** Expected calibration error: weighted mean over bins of |mean score - observed rate|. */
export function expectedCalibrationError(data: Scored, options: BinOptions): number {
  let error = 0;
  let total = 0;
  for (const bin of calibrationTable(data, options)) {
    error += bin.weight * Math.abs(bin.meanScore - bin.observedRate);
    total += bin.weight;
  }
  return total > 0 ? error / total : NaN;
}

export interface CalibrationLine {
  readonly slope: number;
  readonly intercept: number;
}

/**
 * Slope and intercept of the logistic regression of the label on the score's logit (Newton steps): 1 and 0 when
 * calibrated; a slope above 1 means scores too close to the middle. NaN with one class only, or when no finite line fits.
 */
export function calibrationLine(data: Scored): CalibrationLine {
  const n = data.scores.length;
  const logits = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const p = Math.min(1 - probabilityFloor, Math.max(probabilityFloor, at(data.scores, i)));
    logits[i] = Math.log(p) - Math.log1p(-p);
  }
  let slope = 1;
  let intercept = 0;
  for (let step = 0; step < 50; step++) {
    let g0 = 0;
    let g1 = 0;
    let h00 = 0;
    let h01 = 0;
    let h11 = 0;
    for (let i = 0; i < n; i++) {
      const x = at(logits, i);
      const weight = data.weights === undefined ? 1 : at(data.weights, i);
      const p = 1 / (1 + Math.exp(-(intercept + slope * x)));
      const residual = weight * (at(data.labels, i) - p);
      const curvature = weight * p * (1 - p);
      g0 += residual;
      g1 += residual * x;
      h00 += curvature;
      h01 += curvature * x;
      h11 += curvature * x * x;
    }
    const determinant = h00 * h11 - h01 * h01;
    if (!(determinant > 1e-12 * h00 * h11)) return { slope: NaN, intercept: NaN };
    const d0 = (h11 * g0 - h01 * g1) / determinant;
    const d1 = (h00 * g1 - h01 * g0) / determinant;
    // A full Newton step may overshoot far from the optimum; a bounded one always gets there, the loss being convex.
    const scale = Math.min(1, 2 / Math.max(Math.abs(d0), Math.abs(d1), 1e-300));
    intercept += scale * d0;
    slope += scale * d1;
    if (Math.abs(d0) < 1e-10 && Math.abs(d1) < 1e-10) return { slope, intercept };
  }
  return { slope: NaN, intercept: NaN };
}

export interface RocPoint {
  readonly threshold: number;
  readonly falsePositiveRate: number;
  readonly truePositiveRate: number;
}

/** ROC points from (0, 0) to (1, 1), at most about `limit` of them, spread evenly along the curve's length. */
export function rocPoints(data: Scored, limit = 200): RocPoint[] {
  const order = orderOf(data.scores);
  const n = order.length;
  const weightOf = (row: number): number => (data.weights === undefined ? 1 : at(data.weights, row));
  let positives = 0;
  let negatives = 0;
  for (let i = 0; i < n; i++) {
    if (at(data.labels, i) === 1) positives += weightOf(i);
    else negatives += weightOf(i);
  }
  if (positives === 0 || negatives === 0) return [];
  const points: RocPoint[] = [{ threshold: Infinity, falsePositiveRate: 0, truePositiveRate: 0 }];
  const spacing = 2 / limit;
  let truePositives = 0;
  let falsePositives = 0;
  let keptAt = 0;
  for (let end = n - 1; end >= 0;) {
    const score = at(data.scores, at(order, end));
    for (; end >= 0 && at(data.scores, at(order, end)) === score; end--) {
      const row = at(order, end);
      if (at(data.labels, row) === 1) truePositives += weightOf(row);
      else falsePositives += weightOf(row);
    }
    const travelled = truePositives / positives + falsePositives / negatives;
    if (travelled - keptAt >= spacing || end < 0) {
      keptAt = travelled;
      points.push({
        threshold: score,
        falsePositiveRate: end < 0 ? 1 : falsePositives / negatives,
        truePositiveRate: end < 0 ? 1 : truePositives / positives,
      });
    }
  }
  return points;
}
