/** Figures of predictions for rows whose target is known, by task. */
import { areaUnderRoc, logLoss, pinballLoss, rootMeanSquare } from './loss.ts';
import type { TablePredictions } from './predict-table.ts';
import type { TableTask } from './table-target.ts';

export interface TableMetrics {
  /** Mean log loss, root mean squared error, or the mean pinball loss of all levels. */
  readonly loss: number;
  /** Share of rows whose most probable class is theirs. */
  readonly accuracy?: number;
  /** Two classes only; NaN where the rows have one class. */
  readonly auc?: number;
  /** Numbers only: mean absolute error, and the share of variance that is explained. */
  readonly meanAbsoluteError?: number;
  readonly r2?: number;
  /** Quantiles only: share of rows at or below each level. */
  readonly coverage?: readonly number[];
}

export interface KnownRows {
  readonly task: TableTask;
  /** Per prediction: class or number. */
  readonly labels: ArrayLike<number>;
  readonly weights: ArrayLike<number>;
  /** Levels of quantiles. */
  readonly levels?: readonly number[];
}

export function measureTable({ values, width }: TablePredictions, known: KnownRows): TableMetrics {
  const { task, labels, weights } = known;
  const count = labels.length;
  const at = (row: number, column: number): number => values[row * width + column] ?? Number.NaN;
  const label = (row: number): number => labels[row] ?? 0;
  switch (task) {
    case 'binary':
    case 'multiclass': {
      // A class that the model has never seen has no probability.
      const loss = logLoss(count, (row) => at(row, label(row)) || 0, weights);
      const accuracy = share(count, weights, (row) => bestColumn(values, row, width) === label(row));
      if (task === 'multiclass') return { loss, accuracy };
      const scores = Float64Array.from({ length: count }, (_, row) => at(row, 1));
      return { loss, accuracy, auc: areaUnderRoc(scores, labels, weights) };
    }
    case 'regression': {
      const error = (row: number): number => at(row, 0) - label(row);
      const loss = rootMeanSquare(count, error, weights);
      const mean = average(count, weights, label);
      const spread = rootMeanSquare(count, (row) => label(row) - mean, weights);
      const meanAbsoluteError = average(count, weights, (row) => Math.abs(error(row)));
      return { loss, meanAbsoluteError, r2: 1 - (loss / spread) ** 2 };
    }
    case 'quantile': {
      const { levels = [] } = known;
      const losses = levels.map((level, k) => pinballLoss(count, (row) => label(row) - at(row, k), { level, weights }));
      const coverage = levels.map((_, k) => share(count, weights, (row) => label(row) <= at(row, k)));
      return { loss: losses.reduce((a, b) => a + b, 0) / losses.length, coverage };
    }
  }
}

function bestColumn(values: Float32Array, row: number, width: number): number {
  let best = 0;
  for (let k = 1; k < width; k++) {
    if ((values[row * width + k] ?? 0) > (values[row * width + best] ?? 0)) best = k;
  }
  return best;
}

function average(count: number, weights: ArrayLike<number>, of: (row: number) => number): number {
  let [sum, weightSum] = [0, 0];
  for (let row = 0; row < count; row++) {
    sum += (weights[row] ?? 0) * of(row);
    weightSum += weights[row] ?? 0;
  }
  return sum / weightSum;
}

function share(count: number, weights: ArrayLike<number>, holds: (row: number) => boolean): number {
  return average(count, weights, (row) => (holds(row) ? 1 : 0));
}
