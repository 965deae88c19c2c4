/** Out-of-fold predictions of a table: every fold's rows are predicted by a model that has not seen them. */
import type { Fold } from './folds.ts';
import { fitTable } from './fit-table.ts';
import type { FittedTable, TableHooks } from './fit-table.ts';
import type { TablePredictions } from './predict-table.ts';
import type { TrainingTable } from './table.ts';
import { measureTable } from './table-metrics.ts';
import type { TableMetrics } from './table-metrics.ts';
import type { TableSettings } from './table-settings.ts';
import { readTarget } from './table-target.ts';

export interface ValidatedFold {
  readonly fold: Fold;
  readonly fitted: FittedTable;
  /** Rows of the fold that have a target, and the answers for them. */
  readonly rows: Uint32Array;
  readonly predictions: TablePredictions;
  readonly metrics: TableMetrics;
}

/**
 * Fits and predicts fold by fold; ending the loop ends the work. Folds hold row numbers of the table (`kFolds`,
 * `groupFolds`, `timeFolds`); within a fold's training rows, rows are held out as `fitTable` does it.
 */
export async function* crossValidate(
  table: TrainingTable,
  settings: TableSettings,
  { folds, hooks = {} }: { readonly folds: readonly Fold[]; readonly hooks?: TableHooks },
): AsyncGenerator<ValidatedFold, void, undefined> {
  const whole = readTarget({ ...table, rows: undefined }, settings);
  for (const fold of folds) {
    const fitted = await fitTable({ ...table, rows: fold.train, holdOut: undefined }, settings, hooks);
    const rows = fold.test.filter((row) => !Number.isNaN(whole.labels[row] ?? Number.NaN));
    const predictions = fitted.predict(table.columns, rows);
    const codes = new Map(fitted.classLabels.map((label, code) => [label, code]));
    const labels = Float64Array.from(rows, (row) => {
      const label = whole.labels[row] ?? 0;
      const name = whole.classLabels[label];
      return name === undefined ? label : (codes.get(name) ?? Number.NaN);
    });
    const weights = Float64Array.from(rows, (row) => whole.weights[row] ?? 0);
    const levels = fitted.head.kind === 'quantiles' ? fitted.head.levels : [];
    const metrics = measureTable(predictions, { task: fitted.task, labels, weights, levels });
    yield { fold, fitted, rows, predictions, metrics };
  }
}
