/** The statistics that a step may ask for. The same code judges gates, rollouts and monitors in the server; the runner hands it in. */

/** An estimate with its 95 % interval; clustered by day where clusters are given. */
export interface Measured {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
}

export interface ScoredRows {
  /** [rows] probability of class 1. */
  readonly scores: Float64Array;
  /** [rows] 0 or 1. */
  readonly labels: Float64Array;
  /** [rows] rows with equal keys are not independent (flights of one day share the weather). */
  readonly clusters?: readonly string[];
}

export interface ClassifierQuality {
  readonly auc: Measured;
  readonly logLoss: Measured;
  readonly brier: Measured;
  readonly ece: number;
  readonly meanScore: number;
  readonly positiveShare: number;
}

export interface PairedRowsInput {
  readonly labels: Float64Array;
  readonly candidate: Float64Array;
  readonly champion: Float64Array;
  readonly clusters?: readonly string[];
}

/** Candidate minus champion on the same rows. */
export interface PairedQuality {
  readonly n: number;
  readonly auc: Measured;
  readonly logLoss: Measured;
  /** Of the AUC difference. */
  readonly z: number;
}

export interface CalibrationRow {
  readonly predicted: number;
  readonly observed: number;
  readonly n: number;
}

/** Answers to a table's question, whatever its task. */
export interface AnsweredRows {
  readonly task: 'binary' | 'multiclass' | 'regression';
  /** [rows] the place of the class, or the number. */
  readonly labels: Float64Array;
  /** [rows, width], row-major: the probability of every class, or the number. */
  readonly values: Float32Array | Float64Array;
  readonly width: number;
  /** [rows] rows with equal keys are not independent. */
  readonly clusters?: readonly string[];
}

/** Part of the rows: those with one value of a column, or with its numbers from `low` to below `high`. */
export type SliceBounds =
  | { readonly column: string; readonly value: string }
  | { readonly column: string; readonly low?: number; readonly high?: number };

/** A slice whose mean loss is above that of all other rows, by more than chance makes it with so many slices looked at. */
export type WorseSlice = SliceBounds & {
  readonly rows: number;
  readonly loss: number;
  /** Mean loss of all other rows. */
  readonly rest: number;
  /** One-sided, after Holm's correction for all slices that were looked at. */
  readonly p: number;
};

export interface SliceRequest {
  /** [rows] */
  readonly losses: Float64Array;
  readonly columns: readonly {
    readonly name: string;
    readonly values: Float64Array | Float32Array | readonly (string | null)[];
  }[];
  /** Fewest rows of a slice, and of what is left. */
  readonly rowsMin: number;
  readonly clusters?: readonly string[];
}

export interface Statistics {
  /**
   * Figures by name: two classes `auc`, `logLoss`, `brier`, `accuracy`; several `logLoss`, `accuracy`, `macroF1`; numbers
   * `rmse`, `mae`, `r2`, `bias` (mean of predicted minus true). What the rows cannot give is NaN.
   */
  answers(rows: AnsweredRows): Readonly<Record<string, Measured>>;
  /** The same figures of `values` minus those of `than`, on the same rows. */
  answersDifference(rows: AnsweredRows, than: AnsweredRows['values']): Readonly<Record<string, Measured>>;
  /** [rows] log loss, or squared error. */
  losses(rows: AnsweredRows): Float64Array;
  /** The calibration of the positive class of two, or of the most probable of several; ten bins with equal counts. */
  topCalibration(rows: AnsweredRows): { readonly ece: number; readonly table: readonly CalibrationRow[] };
  /** What costs most first: rows times the loss above the rest. */
  worseSlices(request: SliceRequest): readonly WorseSlice[];
  classifier(rows: ScoredRows): ClassifierQuality;
  paired(rows: PairedRowsInput): PairedQuality;
  /** Ten bins with equal counts. */
  calibration(rows: ScoredRows): readonly CalibrationRow[];
  /** At most 200 points. */
  roc(rows: ScoredRows): readonly { readonly falsePositiveRate: number; readonly truePositiveRate: number }[];
}
