/**
 * Linear and logistic regression with a squared penalty, by Newton's method on standardised features.
 *
 * Missing values become the median of the feature's training rows; every feature is then shifted and scaled to mean 0
 * and variance 1. The objective is the summed weighted loss plus l2/2 times the squared coefficients (the intercept is
 * free), so l2 is 1/C of scikit-learn. Each step solves the normal equations by Cholesky; a step that does not lower
 * the objective is halved. A squared loss needs one step.
 * Shapes: features `[rows, features]` row-major float64. Cost per step: rows x features^2 / 2 multiplications.
 * All sums run in row order and exp and log are our own, so the bits do not depend on the platform.
 * Source: Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, section 4.4.1.
 */
import type { LinearModel } from '@slipway/onnx';
import type { NumberColumn } from './feature-bins.ts';
import { rowWeights } from './row-weights.ts';
import { exp, log, sigmoid } from './portable-math.ts';
import { checkClassLabels, checkTrainingData } from './training-data.ts';
import type { TrainingData } from './training-data.ts';
import { assertInRange } from './tree-settings.ts';
import type { TrainingHooks } from './train-trees.ts';

export interface LinearSettings {
  /** binary: logistic regression on labels 0 and 1; regression: least squares. */
  readonly objective: 'binary' | 'regression';
  /** Penalty on squared coefficients: at least 0. Default 1. */
  readonly l2?: number | undefined;
  /** Newton steps at most: 1 to 1000. Default 50. */
  readonly iterationsMax?: number | undefined;
  /** Stops when a step promises to lower the mean loss by less than this: above 0. Default 1e-10. */
  readonly tolerance?: number | undefined;
  /** As for trees; binary only. */
  readonly classWeights?: readonly number[] | 'balanced' | undefined;
  /** Two names for the model. Default: 0 and 1. */
  readonly classLabels?: readonly (string | number)[] | undefined;
}

export interface LinearIteration {
  readonly iteration: number;
  /** Mean loss without penalty: log loss, or half the mean squared error. */
  readonly train: { readonly loss: number };
}

export interface LinearTraining {
  readonly model: LinearModel;
  readonly history: readonly LinearIteration[];
  readonly hasConverged: boolean;
  /** Margins of the training rows, float64. */
  readonly margins: Float64Array;
}

const featuresMax = 4096;
/** Share of the largest diagonal entry that is added to a pivot which rounding has made useless. */
const pivotMin = 1e-12;
const halvingsMax = 40;

export function trainLinear(
  data: TrainingData,
  settings: LinearSettings,
  hooks: Pick<TrainingHooks, 'signal'> = {},
): LinearTraining {
  checkTrainingData(data);
  const { l2, iterationsMax, tolerance } = completeSettings(settings, data.featureNames.length);
  const isBinary = settings.objective === 'binary';
  const classLabels = isBinary ? (settings.classLabels ?? [0, 1]) : [];
  if (isBinary) {
    checkClassLabels(data, 2);
    if (classLabels.length !== 2) throw new RangeError(`classLabels has ${classLabels.length} labels: it must have 2.`);
  }
  const weights = rowWeights(data, settings.classWeights, isBinary ? 2 : 0);
  const design = standardise(data.columns, weights);
  const problem: Problem = { ...design, labels: data.labels, weights, isBinary, l2 };
  const weightSum = weights.reduce((a, b) => a + b, 0);

  let solution: Float64Array = new Float64Array(design.width);
  solution[0] = startIntercept(problem, weightSum);
  let state = evaluate(problem, solution);
  const history: LinearIteration[] = [];
  let hasConverged = false;
  while (!hasConverged && history.length < iterationsMax) {
    hooks.signal?.throwIfAborted();
    const { gradient, hessian } = derivatives(problem, solution, state.margins);
    const step = solveCholesky(hessian, gradient);
    const promised = gradient.reduce((sum, value, index) => sum + value * (step[index] as number), 0) / 2;
    const position = { solution, step, objective: state.objective };
    const isLast = promised <= tolerance * weightSum;
    // This close the full step is right, though rounding may hide that it lowers the objective.
    const moved = isLast ? moveBy(problem, position, 1) : lowerObjective(problem, position);
    hasConverged = isLast || moved === undefined || !isBinary;
    if (moved !== undefined) ({ solution, state } = moved);
    history.push({ iteration: history.length + 1, train: { loss: state.loss / weightSum } });
  }
  const model: LinearModel = {
    kind: 'linear',
    featureNames: data.featureNames,
    coefficients: solution.slice(1),
    intercept: solution[0] as number,
    link: isBinary ? 'logistic' : 'identity',
    imputed: design.imputed,
    mean: design.mean,
    scale: design.scale,
    classLabels,
  };
  return { model, history, hasConverged, margins: predictLinear(model, data.columns) };
}

/** Margins of every row, float64: the prediction itself for regression, log odds of the second class for logistic. */
export function predictLinear(model: LinearModel, columns: readonly NumberColumn[]): Float64Array {
  if (columns.length !== model.featureNames.length) {
    throw new RangeError(`columns has ${columns.length} columns: the model has ${model.featureNames.length} features.`);
  }
  const margins = new Float64Array(columns[0]?.length ?? 0).fill(model.intercept);
  for (const [feature, column] of columns.entries()) {
    if (column.length !== margins.length) {
      throw new RangeError(`columns[${feature}] has ${column.length} rows, but columns[0] has ${margins.length}.`);
    }
    const [imputed, mean] = [model.imputed[feature] as number, model.mean[feature] as number];
    const [scale, coefficient] = [model.scale[feature] as number, model.coefficients[feature] as number];
    for (let row = 0; row < margins.length; row++) {
      const value = column[row] as number;
      const standard = ((value === value ? value : imputed) - mean) / scale;
      margins[row] = (margins[row] as number) + standard * coefficient;
    }
  }
  return margins;
}

function completeSettings(
  settings: LinearSettings,
  featureCount: number,
): { readonly l2: number; readonly iterationsMax: number; readonly tolerance: number } {
  const { objective, l2 = 1, iterationsMax = 50, tolerance = 1e-10, classWeights } = settings;
  if (objective !== 'binary' && objective !== 'regression') {
    throw new RangeError(`objective is ${String(objective)}: it must be one of binary, regression.`);
  }
  if (objective === 'regression' && classWeights !== undefined) {
    throw new RangeError('classWeights are for classes: leave them out with the objective regression.');
  }
  assertInRange('l2', l2, { min: 0, max: 1e12 });
  assertInRange('iterationsMax', iterationsMax, { min: 1, max: 1000, isInteger: true });
  assertInRange('tolerance', tolerance, { above: 0, max: 1 });
  assertInRange('featureNames.length', featureCount, { min: 1, max: featuresMax, isInteger: true });
  return { l2, iterationsMax, tolerance };
}

interface Design {
  /** `[rows, width]`, row-major; column 0 is 1. */
  readonly matrix: Float64Array;
  readonly width: number;
  readonly imputed: Float64Array;
  readonly mean: Float64Array;
  readonly scale: Float64Array;
}

interface Problem extends Design {
  readonly labels: ArrayLike<number>;
  readonly weights: Float64Array;
  readonly isBinary: boolean;
  readonly l2: number;
}

interface State {
  readonly margins: Float64Array;
  /** Summed weighted loss, and the same with the penalty. */
  readonly loss: number;
  readonly objective: number;
}

function standardise(columns: readonly NumberColumn[], weights: Float64Array): Design {
  const rows = weights.length;
  const width = columns.length + 1;
  const matrix = new Float64Array(rows * width);
  const imputed = new Float64Array(columns.length);
  const mean = new Float64Array(columns.length);
  const scale = new Float64Array(columns.length);
  for (let row = 0; row < rows; row++) matrix[row * width] = 1;
  for (const [feature, column] of columns.entries()) {
    const median = medianOf(column, weights, feature);
    const at = (row: number): number => {
      const value = column[row] as number;
      return value === value ? value : median;
    };
    const moments = momentsOf(at, weights, median);
    imputed[feature] = median;
    mean[feature] = moments.mean;
    scale[feature] = moments.scale;
    for (let row = 0; row < rows; row++) matrix[row * width + feature + 1] = (at(row) - moments.mean) / moments.scale;
  }
  return { matrix, width, imputed, mean, scale };
}

/** Median of the values that are there in rows that count; 0 where there are none. */
function medianOf(column: NumberColumn, weights: Float64Array, feature: number): number {
  const infinite = column.findIndex((value) => value === Infinity || value === -Infinity);
  if (infinite >= 0) {
    throw new RangeError(
      `columns[${feature}][${infinite}] is ${column[infinite]}: a linear model needs finite numbers, or NaN for missing.`,
    );
  }
  const present = Float64Array.from(column)
    .filter((value, row) => value === value && (weights[row] as number) > 0)
    .sort();
  if (present.length === 0) return 0;
  const middle = present.length >> 1;
  const upper = present[middle] as number;
  return present.length % 2 === 1 ? upper : upper / 2 + (present[middle - 1] as number) / 2;
}

/** Weighted mean and standard deviation; a constant has its own value as mean, so that it becomes 0, and scale 1. */
function momentsOf(
  at: (row: number) => number,
  weights: Float64Array,
  median: number,
): { readonly mean: number; readonly scale: number } {
  let [sum, weightSum, squares] = [0, 0, 0];
  for (let row = 0; row < weights.length; row++) {
    sum += (weights[row] as number) * at(row);
    weightSum += weights[row] as number;
  }
  const mean = sum / weightSum;
  for (let row = 0; row < weights.length; row++) squares += (weights[row] as number) * (at(row) - mean) ** 2;
  const deviation = Math.sqrt(squares / weightSum);
  // Rounding alone gives a constant a deviation of some 1e-16 of its size.
  const isConstant = !(deviation > 1e-12 * Math.abs(mean));
  return isConstant ? { mean: median, scale: 1 } : { mean, scale: deviation };
}

function startIntercept({ labels, weights, isBinary }: Problem, weightSum: number): number {
  const mean = weights.reduce((sum, weight, row) => sum + weight * (labels[row] as number), 0) / weightSum;
  return isBinary ? log(mean / (1 - mean)) : mean;
}

function evaluate(problem: Problem, solution: Float64Array): State {
  const { matrix, width, labels, weights } = problem;
  const margins = new Float64Array(weights.length);
  let loss = 0;
  for (let row = 0; row < weights.length; row++) {
    let margin = 0;
    for (let k = 0, at = row * width; k < width; k++) margin += (matrix[at + k] as number) * (solution[k] as number);
    margins[row] = margin;
    loss += (weights[row] as number) * lossAt(margin, labels[row] as number, problem.isBinary);
  }
  let squares = 0;
  for (let k = 1; k < width; k++) squares += (solution[k] as number) ** 2;
  return { margins, loss, objective: loss + (problem.l2 / 2) * squares };
}

function lossAt(margin: number, label: number, isBinary: boolean): number {
  if (!isBinary) return (margin - label) ** 2 / 2;
  // log(1 + exp(margin)) - label margin, without overflow.
  return Math.max(margin, 0) - label * margin + log(1 + exp(-Math.abs(margin)));
}

interface NormalEquations {
  /** `[width, width]`, lower triangle. */
  readonly hessian: Float64Array;
  readonly gradient: Float64Array;
}

function derivatives(problem: Problem, solution: Float64Array, margins: Float64Array): NormalEquations {
  const { matrix, width, labels, weights, isBinary, l2 } = problem;
  const hessian = new Float64Array(width * width);
  const gradient = new Float64Array(width);
  for (let row = 0; row < weights.length; row++) {
    const margin = margins[row] as number;
    const predicted = isBinary ? sigmoid(margin) : margin;
    const weight = weights[row] as number;
    const residual = weight * (predicted - (labels[row] as number));
    const curvature = isBinary ? weight * predicted * (1 - predicted) : weight;
    const start = row * width;
    for (let j = 0; j < width; j++) {
      const x = matrix[start + j] as number;
      gradient[j] = (gradient[j] as number) + residual * x;
      const scaled = curvature * x;
      const line = j * width;
      for (let k = 0; k <= j; k++) {
        hessian[line + k] = (hessian[line + k] as number) + scaled * (matrix[start + k] as number);
      }
    }
  }
  for (let k = 1; k < width; k++) {
    gradient[k] = (gradient[k] as number) + l2 * (solution[k] as number);
    hessian[k * width + k] = (hessian[k * width + k] as number) + l2;
  }
  return { hessian, gradient };
}

/** Solves `hessian x = gradient` for a symmetric matrix that is positive, or nearly: useless pivots are raised. */
export function solveCholesky(hessian: Float64Array, gradient: Float64Array): Float64Array {
  const width = gradient.length;
  const factor = hessian.slice();
  let largest = 0;
  for (let k = 0; k < width; k++) largest = Math.max(largest, factor[k * width + k] as number);
  const least = Math.max(largest * pivotMin, Number.MIN_VALUE);
  const solution = gradient.slice();
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = factor[i * width + j] as number;
      for (let k = 0; k < j; k++) sum -= (factor[i * width + k] as number) * (factor[j * width + k] as number);
      // A raised pivot takes the direction that the data do not determine out of the step.
      factor[i * width + j] =
        i === j ? (sum > least ? Math.sqrt(sum) : Infinity) : sum / (factor[j * width + j] as number);
    }
    let sum = solution[i] as number;
    for (let k = 0; k < i; k++) sum -= (factor[i * width + k] as number) * (solution[k] as number);
    solution[i] = sum / (factor[i * width + i] as number);
  }
  for (let i = width - 1; i >= 0; i--) {
    let sum = solution[i] as number;
    for (let k = i + 1; k < width; k++) sum -= (factor[k * width + i] as number) * (solution[k] as number);
    solution[i] = sum / (factor[i * width + i] as number);
  }
  return solution;
}

interface Position {
  readonly solution: Float64Array;
  readonly step: Float64Array;
  readonly objective: number;
}

interface Moved {
  readonly solution: Float64Array;
  readonly state: State;
}

function moveBy(problem: Problem, { solution, step }: Position, share: number): Moved {
  const moved = solution.map((value, index) => value - share * (step[index] as number));
  return { solution: moved, state: evaluate(problem, moved) };
}

/** The first of the full step, its half, its quarter, ... that lowers the objective; undefined where none does. */
function lowerObjective(problem: Problem, position: Position): Moved | undefined {
  for (let halving = 0, share = 1; halving < halvingsMax; halving++, share /= 2) {
    const moved = moveBy(problem, position, share);
    if (moved.state.objective < position.objective) return moved;
  }
  return undefined;
}
