/** Rows to learn from, as columns, and the checks that every trainer makes of them before it starts. */
import type { NumberColumn } from './feature-bins.ts';

export interface LabelledRows {
  /** One array per feature, all of the same length; NaN is a missing value. */
  readonly columns: readonly NumberColumn[];
  /** Per row: the class (0, 1, ...) or the number to predict. */
  readonly labels: ArrayLike<number>;
  /** Per row: how much it counts, 0 or more. Default 1. */
  readonly weights?: ArrayLike<number> | undefined;
}

export interface TrainingData extends LabelledRows {
  readonly featureNames: readonly string[];
  /** Features that are codes of categories, 0 to 253, and are split into sets; any other number is missing. Default none. */
  readonly categories?: readonly number[] | undefined;
  /** Rows that are never learnt from: they are scored after every round. Hold out later rows, not random ones. */
  readonly holdOut?: LabelledRows | undefined;
}

const rowsMax = 2 ** 26;
/** Keeps gradients times weights inside float32. */
const weightMax = 1e6;

function checkRows(rows: LabelledRows, featureCount: number, name: string): void {
  const { columns, labels, weights } = rows;
  if (columns.length !== featureCount) {
    throw new RangeError(`${name}columns has ${columns.length} columns, but featureNames has ${featureCount} names.`);
  }
  const count = labels.length;
  if (count === 0 || count > rowsMax) {
    throw new RangeError(`${name}labels has ${count} rows: it must have 1 to ${rowsMax}.`);
  }
  for (const [index, column] of columns.entries()) {
    if (column.length !== count) {
      throw new RangeError(`${name}columns[${index}] has ${column.length} rows, but labels has ${count}.`);
    }
  }
  checkLabels(labels, name);
  if (weights !== undefined) checkWeights(weights, count, name);
}

function checkLabels(labels: ArrayLike<number>, name: string): void {
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as number;
    if (!Number.isFinite(label)) {
      throw new RangeError(`${name}labels[${row}] is ${label}: every label must be a finite number.`);
    }
  }
}

function checkWeights(weights: ArrayLike<number>, count: number, name: string): void {
  if (weights.length !== count) {
    throw new RangeError(`${name}weights has ${weights.length} rows, but labels has ${count}.`);
  }
  let sum = 0;
  for (let row = 0; row < count; row++) {
    const weight = weights[row] as number;
    if (!(weight >= 0 && weight <= weightMax)) {
      throw new RangeError(
        `${name}weights[${row}] is ${weight}: every weight must be a number, 0 or more and at most ${weightMax}.`,
      );
    }
    sum += weight;
  }
  if (!(sum > 0)) throw new RangeError(`${name}weights are all 0: at least one row must count.`);
}

/** Throws RangeError unless columns, labels, weights and names fit together. */
export function checkTrainingData(data: TrainingData): void {
  if (data.featureNames.length === 0) {
    throw new RangeError('featureNames has 0 names: at least one feature is needed.');
  }
  const repeated = data.featureNames.find((name, index) => data.featureNames.indexOf(name) !== index);
  if (repeated !== undefined) throw new RangeError(`featureNames has "${repeated}" twice: names must differ.`);
  for (const feature of data.categories ?? []) {
    if (data.featureNames[feature] === undefined) {
      throw new RangeError(`categories names feature ${feature}, but there are ${data.featureNames.length}.`);
    }
  }
  checkRows(data, data.featureNames.length, '');
  if (data.holdOut !== undefined) checkRows(data.holdOut, data.featureNames.length, 'holdOut.');
}

/** Throws RangeError unless labels are the integers 0 to classCount - 1 and, in the training rows, all of them occur with weight. */
export function checkClassLabels(data: TrainingData, classCount: number): void {
  const seen = new Float64Array(classCount);
  addClassWeights(data, seen, '');
  if (data.holdOut !== undefined) addClassWeights(data.holdOut, new Float64Array(classCount), 'holdOut.');
  const absent = seen.indexOf(0);
  if (absent >= 0) {
    throw new RangeError(
      `labels has no row of class ${absent} with a weight above 0: every class of 0 to ${classCount - 1} must occur.`,
    );
  }
}

/** Adds the weight of every row to that of its class. */
function addClassWeights({ labels, weights }: LabelledRows, sums: Float64Array, name: string): void {
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as number;
    if (!Number.isInteger(label) || label < 0 || label >= sums.length) {
      throw new RangeError(`${name}labels[${row}] is ${label}: it must be an integer from 0 to ${sums.length - 1}.`);
    }
    sums[label] = (sums[label] as number) + (weights?.[row] ?? 1);
  }
}
