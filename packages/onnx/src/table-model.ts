/** A model over the columns of a table: what becomes of each column, and the trees over the features that this makes. */
import type { ColumnEncoding } from './column-encodings.ts';
import type { TreeEnsemble } from './trees.ts';

/** Probability of the second class by margin: `values[i]` where `thresholds[i - 1] < margin <= thresholds[i]`. Ascending. */
export interface StepFunction {
  /** Float32, one fewer than values. */
  readonly thresholds: Float32Array;
  /** Float32, from 0 to 1. */
  readonly values: Float32Array;
}

export type TableHead =
  | {
      readonly kind: 'trees';
      readonly ensemble: TreeEnsemble;
      /** Binary only: replaces the logistic function. */
      readonly steps?: StepFunction | undefined;
    }
  /** One ensemble per level, levels ascending; a row's answers are sorted, so that they never cross. */
  | { readonly kind: 'quantiles'; readonly levels: readonly number[]; readonly ensembles: readonly TreeEnsemble[] };

export interface TableModel {
  readonly encodings: readonly ColumnEncoding[];
  readonly head: TableHead;
}
