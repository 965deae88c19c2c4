/** What a boosting run optimises: where its scores start, how many trees a round has and how much each row counts. */
import type { TreeEnsemble } from '@slipway/onnx';
import { log } from './portable-math.ts';
import { weightedQuantile } from './quantiles.ts';
import { classTotals, rowWeights } from './row-weights.ts';
import { checkClassLabels } from './training-data.ts';
import type { LabelledRows, TrainingData } from './training-data.ts';
import { assertInRange } from './tree-settings.ts';
import type { TreeObjective, TreeSettings } from './tree-settings.ts';

export interface BoostingTask {
  readonly objective: TreeObjective;
  readonly link: TreeEnsemble['link'];
  /** Trees per round. */
  readonly outputs: number;
  /** Float32 margin that every row starts from; 0 for softmax, whose start is in the first trees. */
  readonly baseScore: number;
  /** Softmax: log of each class's share, added to the leaves of its first tree. */
  readonly classStart: readonly number[];
  readonly classLabels: readonly (string | number)[];
  /** Of the objective quantile; 0.5 for the others, which do not read it. */
  readonly quantile: number;
  /** Per row: a float32 number. */
  readonly weights: Float64Array;
}

/** Labels of a regression are within this bound of 0, so that gradients times weights stay float32. */
const labelMax = 1e18;

/** Checks the labels against the objective; throws RangeError where they do not fit. */
export function describeTask(data: TrainingData, settings: TreeSettings): BoostingTask {
  const isNumeric = settings.objective === 'regression' || settings.objective === 'quantile';
  return isNumeric ? numberTask(data, settings) : classTask(data, settings);
}

function numberTask(data: TrainingData, settings: TreeSettings): BoostingTask {
  const { objective } = settings;
  if (settings.classWeights !== undefined) {
    throw new RangeError(`classWeights are for classes: leave them out with the objective ${objective}.`);
  }
  for (const [name, rows] of [['', data] as const, ['holdOut.', data.holdOut] as const]) {
    const row = rows === undefined ? -1 : firstBeyond(rows.labels, labelMax);
    if (row >= 0) assertInRange(`${name}labels[${row}]`, rows?.labels[row], { min: -labelMax, max: labelMax });
  }
  const weights = rowWeights(data, undefined, 0);
  const { quantile = 0.5 } = settings;
  const isQuantile = objective === 'quantile';
  if (isQuantile) assertInRange('quantile', settings.quantile, { min: 0.001, max: 0.999 });
  const start = isQuantile ? weightedQuantile(Float64Array.from(data.labels), weights, quantile) : weightedMean(data);
  return {
    objective,
    link: 'identity',
    outputs: 1,
    baseScore: Math.fround(start) + 0,
    classStart: [],
    classLabels: [],
    quantile,
    weights,
  };
}

/** The row of the first label that is not within the bound of 0; -1 without any. */
function firstBeyond(labels: ArrayLike<number>, bound: number): number {
  for (let row = 0; row < labels.length; row++) if (!(Math.abs(labels[row] ?? 0) <= bound)) return row;
  return -1;
}

function classTask(data: TrainingData, settings: TreeSettings): BoostingTask {
  const isBinary = settings.objective === 'binary';
  const classCount = isBinary ? 2 : (settings.classCount ?? highestLabel(data) + 1);
  assertInRange('classCount', classCount, { min: 2, max: 1000, isInteger: true });
  checkClassLabels(data, classCount);
  const classLabels = settings.classLabels ?? Array.from({ length: classCount }, (_, index) => index);
  if (classLabels.length !== classCount) {
    throw new RangeError(`classLabels has ${classLabels.length} labels, but there are ${classCount} classes.`);
  }
  const weights = rowWeights(data, settings.classWeights, classCount);
  const totals = classTotals(data.labels, weights, classCount);
  const sum = totals.reduce((a, b) => a + b, 0);
  const [negative = 0, positive = 0] = totals;
  const shared = { objective: settings.objective, classLabels, quantile: 0.5, weights };
  return isBinary
    ? { ...shared, link: 'logistic', outputs: 1, baseScore: Math.fround(log(positive / negative)) + 0, classStart: [] }
    : { ...shared, link: 'softmax', outputs: classCount, baseScore: 0, classStart: totals.map((t) => log(t / sum)) };
}

function highestLabel(data: TrainingData): number {
  let highest = 1;
  for (let row = 0; row < data.labels.length; row++) highest = Math.max(highest, data.labels[row] as number);
  return highest;
}

function weightedMean({ labels, weights }: LabelledRows): number {
  let sum = 0;
  let weightSum = 0;
  for (let row = 0; row < labels.length; row++) {
    const weight = weights?.[row] ?? 1;
    sum += weight * (labels[row] as number);
    weightSum += weight;
  }
  return sum / weightSum;
}
