/**
 * How good the answers of a model of a table are: probabilities of classes, or numbers.
 *
 * Shapes: `labels` [rows] f64, the place of the class among the model's, or the number; `values` [rows, width] row-major,
 * a probability for every class, or one number. Rows without a label are dropped by the caller; a class that the model does
 * not know has a label outside 0..width-1 and probability 0.
 * Every figure comes with its influence (`classification.ts`), so that rows may be clustered and two models compared on the same
 * rows. Influences of figures that are no means are those of the delta method: r = f(means), influence = sum of df/dmean times
 * that of the mean (Efron and Tibshirani 1993, chapter 21). What the data cannot give is NaN without influence.
 *   rmse           sqrt of the mean squared error
 *   r2             1 - squared errors / squared distances to the mean of these rows
 *   macroF1        mean over the classes of 2 tp / (2 tp + fp + fn); of classes that are neither there nor answered: none
 * Cost: O(rows x width), AUC O(rows log rows).
 */
import type { Estimate, Scored } from './classification.ts';
import { aucEstimate, brier, meanEstimate, probabilityFloor } from './classification.ts';

export interface Answers {
  readonly task: 'binary' | 'multiclass' | 'regression';
  readonly labels: ArrayLike<number>;
  readonly values: ArrayLike<number>;
  readonly width: number;
}

const at = (array: ArrayLike<number>, i: number): number => array[i] ?? NaN;
const unknown: Estimate = { estimate: NaN, influence: new Float64Array(0) };

const eachRow = ({ labels }: Answers, of: (row: number) => number): Float64Array =>
  Float64Array.from({ length: labels.length }, (_, row) => of(row));

/** The first of the most probable classes. */
export function topClass({ values, width }: Pick<Answers, 'values' | 'width'>, row: number): number {
  let best = 0;
  for (let k = 1; k < width; k++) if (at(values, row * width + k) > at(values, row * width + best)) best = k;
  return best;
}

/** Of each row: log loss, natural logarithm, clipped at `probabilityFloor`; or the squared error. [rows] */
export function answerLosses(answers: Answers): Float64Array {
  const { task, labels, values, width } = answers;
  if (task === 'regression') return eachRow(answers, (row) => (at(values, row * width) - at(labels, row)) ** 2);
  return eachRow(answers, (row) => {
    const label = at(labels, row);
    const p = label >= 0 && label < width ? at(values, row * width + label) : 0;
    return -Math.log(Math.min(1 - probabilityFloor, Math.max(probabilityFloor, p)));
  });
}

/** The second class of two; of several whether the most probable one was right. */
export function topAnswers(answers: Answers): Scored {
  const { task, labels, values, width } = answers;
  if (task === 'binary') return { scores: eachRow(answers, (row) => at(values, row * width + 1)), labels };
  return {
    scores: eachRow(answers, (row) => at(values, row * width + topClass(answers, row))),
    labels: eachRow(answers, (row) => Number(topClass(answers, row) === at(labels, row))),
  };
}

/** Figures by name: see `Statistics.answers` of the sdk. */
export function measureAnswers(answers: Answers): Record<string, Estimate> {
  const { task } = answers;
  const losses = meanEstimate(answerLosses(answers));
  if (task === 'regression') return measureNumbers(answers, losses);
  const accuracy = meanEstimate(eachRow(answers, (row) => Number(topClass(answers, row) === at(answers.labels, row))));
  if (task === 'multiclass') return { logLoss: losses, accuracy, macroF1: macroF1(answers) };
  const scored = topAnswers(answers);
  return { auc: aucEstimate(scored), logLoss: losses, brier: brier(scored), accuracy };
}

function measureNumbers(answers: Answers, squared: Estimate): Record<string, Estimate> {
  const { labels, values, width } = answers;
  const error = (row: number): number => at(values, row * width) - at(labels, row);
  const rmse = Math.sqrt(squared.estimate);
  return {
    rmse:
      rmse > 0
        ? { estimate: rmse, influence: squared.influence.map((x) => x / (2 * rmse)) }
        : { ...squared, estimate: rmse },
    mae: meanEstimate(eachRow(answers, (row) => Math.abs(error(row)))),
    r2: explained(answers, error),
    bias: meanEstimate(eachRow(answers, error)),
  };
}

/** Labels that differ by less than this share of the errors are one value with rounding: there is nothing to explain. */
const missedMax = 1e12;

function explained(answers: Answers, error: (row: number) => number): Estimate {
  const { labels } = answers;
  let mean = 0;
  for (let row = 0; row < labels.length; row++) mean += at(labels, row) / labels.length;
  let [errors, spread] = [0, 0];
  for (let row = 0; row < labels.length; row++) {
    errors += error(row) ** 2;
    spread += (at(labels, row) - mean) ** 2;
  }
  const missed = errors / spread;
  if (!(missed < missedMax)) return unknown;
  const influence = eachRow(answers, (row) => (missed * (at(labels, row) - mean) ** 2 - error(row) ** 2) / spread);
  return { estimate: 1 - missed, influence };
}

function macroF1(answers: Answers): Estimate {
  const { labels, width } = answers;
  const tops = eachRow(answers, (row) => topClass(answers, row));
  const [right, named] = [new Float64Array(width), new Float64Array(width)];
  for (let row = 0; row < labels.length; row++) {
    const [label, top] = [at(labels, row), at(tops, row)];
    if (label === top) right[top] = at(right, top) + 1;
    named[top] = at(named, top) + 1;
    if (label >= 0 && label < width) named[label] = at(named, label) + 1;
  }
  const classes = Array.from(named.keys()).filter((k) => at(named, k) > 0);
  if (classes.length === 0) return unknown;
  // F1 of a class is 2 tp / named, named = 2 tp + fp + fn: the rows answered so, and the rows that are so.
  const f1 = Array.from(named, (count, k) => (count > 0 ? (2 * at(right, k)) / count : 0));
  const influence = new Float64Array(labels.length);
  const add = (row: number, k: number, hits: number, counted: number): void => {
    influence[row] = at(influence, row) + (hits - at(f1, k) * counted) / at(named, k) / classes.length;
  };
  for (let row = 0; row < labels.length; row++) {
    const [label, top] = [at(labels, row), at(tops, row)];
    if (label === top) {
      add(row, top, 2, 2);
      continue;
    }
    add(row, top, 0, 1);
    if (label >= 0 && label < width) add(row, label, 0, 1);
  }
  return { estimate: classes.reduce((sum, k) => sum + at(f1, k), 0) / classes.length, influence };
}
