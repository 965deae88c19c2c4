/**
 * Calibration of classes on margins of rows that were not learnt from.
 *
 * Platt: probability = sigmoid(slope margin + shift), by Newton's method with Platt's smoothed targets. Temperature: softmax
 * of margins times one factor. Both are put into the leaf values, so the model file keeps its shape. Isotonic: the best
 * non-decreasing steps (pool adjacent violators), which the model file carries as one more tree over the margin.
 * Sources: Platt (1999), with Lin, Lin and Weng (2007) for the targets; Guo et al. (2017); Zadrozny and Elkan (2002).
 */
import type { StepFunction, Tree, TreeEnsemble } from '@slipway/onnx';
import { thresholdBetween } from './feature-bins.ts';
import { applyLink } from './predict-trees.ts';
import { logLoss } from './loss.ts';
import { sigmoid } from './portable-math.ts';

export interface CalibrationRows {
  /** Float32 [rows, classCount], row-major. */
  readonly margins: Float32Array;
  readonly labels: ArrayLike<number>;
  readonly weights: ArrayLike<number>;
}

export interface Line {
  readonly slope: number;
  readonly shift: number;
}

const stepsMax = 100;
const toleranceMin = 1e-10;

export function fitPlatt({ margins, labels, weights }: CalibrationRows): Line {
  const counts = [0, 0];
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] ?? 0;
    counts[label] = (counts[label] ?? 0) + (weights[row] ?? 0);
  }
  const [negative = 0, positive = 0] = counts;
  const targets = [1 / (negative + 2), (positive + 1) / (positive + 2)];
  let [slope, shift] = [1, 0];
  for (let step = 0; step < stepsMax; step++) {
    let [g0, g1, h00, h01, h11] = [0, 0, 1e-12, 0, 1e-12];
    for (let row = 0; row < labels.length; row++) {
      const x = margins[row] ?? 0;
      const weight = weights[row] ?? 0;
      const p = sigmoid(slope * x + shift);
      const residual = weight * (p - (targets[labels[row] ?? 0] ?? 0));
      const curvature = weight * p * (1 - p);
      g0 += residual;
      g1 += residual * x;
      h00 += curvature;
      h01 += curvature * x;
      h11 += curvature * x * x;
    }
    const determinant = h00 * h11 - h01 * h01;
    if (!(Math.abs(determinant) > 1e-18)) break;
    const moveShift = (h11 * g0 - h01 * g1) / determinant;
    const moveSlope = (h00 * g1 - h01 * g0) / determinant;
    // A step that is too long would turn the order of the scores around.
    const damping = Math.min(1, 2 / Math.max(Math.abs(moveSlope), Math.abs(moveShift) / 4, 1e-9));
    shift -= damping * moveShift;
    slope -= damping * moveSlope;
    if (Math.abs(moveShift) + Math.abs(moveSlope) < toleranceMin) break;
  }
  return slope > 0 && Number.isFinite(slope) && Number.isFinite(shift) ? { slope, shift } : { slope: 1, shift: 0 };
}

/** Golden-section search for the factor that has the least log loss. */
export function fitTemperature(rows: CalibrationRows, classCount: number): Line {
  const { margins, labels, weights } = rows;
  const lossAt = (logFactor: number): number => {
    const factor = 2 ** logFactor;
    const scaled = margins.map((margin) => margin * factor);
    const probabilities = applyLink({ link: 'softmax', classCount }, scaled);
    return logLoss(labels.length, (row) => probabilities[row * classCount + (labels[row] ?? 0)] ?? 0, weights);
  };
  const golden = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [-5, 5];
  let [left, right] = [high - golden * (high - low), low + golden * (high - low)];
  let [lossLeft, lossRight] = [lossAt(left), lossAt(right)];
  for (let step = 0; step < 30; step++) {
    if (lossLeft <= lossRight) {
      [high, right, lossRight] = [right, left, lossLeft];
      left = high - golden * (high - low);
      lossLeft = lossAt(left);
    } else {
      [low, left, lossLeft] = [left, right, lossRight];
      right = low + golden * (high - low);
      lossRight = lossAt(right);
    }
  }
  return { slope: 2 ** ((low + high) / 2), shift: 0 };
}

/** Leaf values, and where it has one the base, on the line; the shift of a softmax is 0. */
export function moveEnsemble(ensemble: TreeEnsemble, { slope, shift }: Line): TreeEnsemble {
  const trees = ensemble.trees.map((tree): Tree => ({ ...tree, value: tree.value.map((value) => value * slope) }));
  return { ...ensemble, trees, baseScore: Math.fround(ensemble.baseScore * slope + shift) };
}

interface Block {
  /** Margin of the last row in it. */
  to: number;
  from: number;
  sum: number;
  weight: number;
}

/** At least one row with a weight above 0. Equal margins share a block. */
export function fitIsotonic({ margins, labels, weights }: CalibrationRows): StepFunction {
  const order = Uint32Array.from(margins.keys()).sort((a, b) => (margins[a] ?? 0) - (margins[b] ?? 0) || a - b);
  const blocks: Block[] = [];
  for (const row of order) {
    const [margin, weight] = [margins[row] ?? 0, weights[row] ?? 0];
    if (weight === 0) continue;
    let block: Block = { from: margin, to: margin, sum: weight * (labels[row] ?? 0), weight };
    for (let last = blocks.at(-1); last !== undefined; last = blocks.at(-1)) {
      const isTie = last.to === block.from;
      if (!isTie && last.sum * block.weight < block.sum * last.weight) break;
      blocks.pop();
      block = { from: last.from, to: block.to, sum: last.sum + block.sum, weight: last.weight + block.weight };
    }
    blocks.push(block);
  }
  return {
    thresholds: Float32Array.from(blocks.slice(1), (block, index) =>
      thresholdBetween(blocks[index]?.to ?? 0, block.from),
    ),
    values: Float32Array.from(softenEnds(blocks)),
  };
}

/** A share of 0 or 1 from few rows would promise what they cannot: half a row is added to both sides of such an end. */
function softenEnds(blocks: readonly Block[]): readonly number[] {
  const shares = blocks.map(({ sum, weight }) => sum / weight);
  const soft = blocks.map(({ sum, weight }) => (sum + 0.5) / (weight + 1));
  const last = shares.length - 1;
  return shares.map((share, index) => {
    if (share === 0) return Math.min(soft[index] ?? 0, shares[index + 1] ?? 1);
    if (index === last && share === 1) return Math.max(soft[index] ?? 0, shares[index - 1] ?? 0);
    return share;
  });
}
