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

export interface Statistics {
  classifier(rows: ScoredRows): ClassifierQuality;
  paired(rows: PairedRowsInput): PairedQuality;
  /** Ten bins with equal counts. */
  calibration(rows: ScoredRows): readonly CalibrationRow[];
  /** At most 200 points. */
  roc(rows: ScoredRows): readonly { readonly falsePositiveRate: number; readonly truePositiveRate: number }[];
}
