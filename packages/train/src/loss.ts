/** The figures that a training reports after every round. Probabilities are clipped at 1e-15 in the log loss. */
import { log } from './portable-math.ts';

const probabilityMin = 1e-15;

/**
 * Weighted mean of -log p over rows; `probabilityOfLabel(row)` is the probability given to the row's own class.
 * With equal weights the logarithm is taken of products, one for some hundred rows.
 */
export function logLoss(
  rows: number,
  probabilityOfLabel: (row: number) => number,
  weights: ArrayLike<number> | undefined,
): number {
  let sum = 0;
  let weightSum = 0;
  let product = 1;
  for (let row = 0; row < rows; row++) {
    const p = Math.min(1, Math.max(probabilityMin, probabilityOfLabel(row)));
    if (weights === undefined) {
      product *= p;
      if (product < 1e-280) {
        sum -= log(product);
        product = 1;
      }
      weightSum += 1;
    } else {
      const weight = weights[row] as number;
      if (weight > 0) sum -= weight * log(p);
      weightSum += weight;
    }
  }
  return (sum - log(product)) / weightSum;
}

/** The same for labels 0 and 1 and probabilities of 1. */
export function binaryLogLoss(
  probabilities: Float32Array | Float64Array,
  labels: ArrayLike<number>,
  weights: ArrayLike<number> | undefined,
): number {
  const rows = labels.length;
  if (weights !== undefined) {
    return logLoss(rows, (row) => Math.abs(1 - (labels[row] as number) - (probabilities[row] as number)), weights);
  }
  return sumOfLogLosses(probabilities, labels) / rows;
}

function sumOfLogLosses(probabilities: Float32Array | Float64Array, labels: ArrayLike<number>): number {
  let sum = 0;
  let product = 1;
  for (let row = 0; row < labels.length; row++) {
    // p where the label is 1, 1 - p where it is 0.
    const p = Math.abs(1 - (labels[row] as number) - (probabilities[row] as number));
    product *= p > probabilityMin ? p : probabilityMin;
    if (product < 1e-280) {
      sum -= log(product);
      product = 1;
    }
  }
  return sum - log(product);
}

/** Square root of the weighted mean squared difference. */
export function rootMeanSquare(
  rows: number,
  differenceAt: (row: number) => number,
  weights: ArrayLike<number> | undefined,
): number {
  let sum = 0;
  let weightSum = 0;
  for (let row = 0; row < rows; row++) {
    const weight = weights?.[row] ?? 1;
    const difference = differenceAt(row);
    sum += weight * difference * difference;
    weightSum += weight;
  }
  return Math.sqrt(sum / weightSum);
}

/** Weighted mean of the pinball loss: `level` per unit that the label lies above the prediction, 1 - level below it. */
export function pinballLoss(
  rows: number,
  lackingAt: (row: number) => number,
  { level, weights }: { readonly level: number; readonly weights: ArrayLike<number> | undefined },
): number {
  let [sum, weightSum] = [0, 0];
  for (let row = 0; row < rows; row++) {
    const weight = weights?.[row] ?? 1;
    const lacking = lackingAt(row);
    sum += weight * Math.max(level * lacking, (level - 1) * lacking);
    weightSum += weight;
  }
  return sum / weightSum;
}

/**
 * Area under the ROC curve of scores for labels 0 and 1: the weighted share of (positive, negative) pairs that are in
 * the right order, ties counting half. NaN where a class is missing. Cost: one sort.
 */
export function areaUnderRoc(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  weights?: ArrayLike<number>,
): number {
  const sorted = Float64Array.from(scores).sort();
  const positive = new Float64Array(sorted.length);
  const negative = new Float64Array(sorted.length);
  for (let row = 0; row < labels.length; row++) {
    const at = lowerBound(sorted, scores[row] as number);
    const target = (labels[row] as number) > 0 ? positive : negative;
    target[at] = (target[at] as number) + (weights?.[row] ?? 1);
  }
  let below = 0;
  let ordered = 0;
  let positives = 0;
  for (let i = 0; i < sorted.length; i++) {
    ordered += (positive[i] as number) * (below + (negative[i] as number) / 2);
    below += negative[i] as number;
    positives += positive[i] as number;
  }
  return ordered / (positives * below);
}

/** First index whose value is not below `value`. */
function lowerBound(sorted: Float64Array, value: number): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((sorted[middle] as number) < value) from = middle + 1;
    else to = middle;
  }
  return from;
}
