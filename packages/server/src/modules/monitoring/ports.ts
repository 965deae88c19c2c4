/** What monitoring needs of serving, the registry and pipelines, in its own words. */
import type { JudgedAnswer, JudgedTask } from '../../lib/judged-task.ts';

/** A model input that is text; null is missing. [rows] */
export interface TextColumn {
  readonly name: string;
  readonly values: readonly (string | null)[];
}

export interface NumberColumn {
  readonly name: string;
  /** NaN is missing. [rows] */
  readonly values: Float64Array;
}

/** Columns of the prediction log, in event order. [rows] each. */
export interface PredictionRows {
  /** Predictions in the range: more than `at.length` when the answer is a sample. */
  readonly total: number;
  /** Event time, milliseconds since 1970 UTC. */
  readonly at: Float64Array;
  /** Number of the version that answered, and its score. */
  readonly version: Int32Array;
  readonly score: Float64Array;
  /** Number of the version that was asked beside it, 0 for none, and its score. */
  readonly shadowVersion: Int32Array;
  readonly shadowScore: Float64Array;
  /** 0, 1, or NaN where no label came. */
  readonly label: Float64Array;
  /** Model inputs, and texts that came with the request. Left out when not asked for. */
  readonly features: readonly NumberColumn[];
  readonly texts: readonly TextColumn[];
}

/** Training rows of a version and what the version says of them. */
export interface ReferenceRows {
  /** Event time, milliseconds since 1970 UTC. */
  readonly at: Float64Array;
  readonly features: readonly NumberColumn[];
  readonly texts: readonly TextColumn[];
  readonly score: Float64Array | undefined;
}

export interface ReadRange {
  /** First instant, and first instant after: event time. */
  readonly from: number;
  readonly to: number;
  readonly rowsMax: number;
  readonly features: boolean;
}

/** [rows, levels] row-major: the outermost levels are the interval. */
export interface QuantileAnswers {
  readonly levels: readonly number[];
  readonly values: Float32Array;
}

/** What a version answered, where its score does not say it all. */
export type Answers =
  /** The score is the probability of class 1, and labels are 0 and 1. */
  | { readonly kind: 'score' }
  /** The score is the number that was predicted. */
  | { readonly kind: 'number'; readonly quantiles?: QuantileAnswers }
  /** Probabilities of three classes or more, [rows, width] row-major; labels are places among them. */
  | { readonly kind: 'classes'; readonly width: number; readonly values: Float32Array };

/** One labelled prediction of classes or quantiles that both versions scored. */
export interface PairRow {
  /** Event time. */
  readonly at: number;
  readonly label: number;
  readonly champion: JudgedAnswer;
  readonly challenger: JudgedAnswer;
}

export interface MonitoringPorts {
  /** At most so many predictions are looked at, evenly. */
  readonly readPairs: (
    endpoint: string,
    range: {
      readonly champion: number;
      readonly challenger: number;
      readonly from: number;
      readonly to: number;
      readonly rowsMax: number;
    },
  ) => Promise<readonly PairRow[]>;
  /** What the outcomes of an endpoint are judged by. */
  readonly taskOf: (endpoint: string) => JudgedTask;
  readonly answer: (
    model: string,
    version: number,
    rows: { readonly count: number; readonly features: readonly NumberColumn[]; readonly texts: readonly TextColumn[] },
  ) => Promise<Answers>;
  /** A figure that the version's gate saw, such as `logLoss`. */
  readonly findGateFigure: (model: string, version: number, metric: string) => Promise<number | undefined>;
  readonly readPredictions: (endpoint: string, range: ReadRange) => Promise<PredictionRows>;
  /** A text that is another one whenever `readPredictions` of the range may be, for less than reading it. */
  readonly markPredictions: (endpoint: string, range: Pick<ReadRange, 'from' | 'to'>) => Promise<string>;
  /** Event time of the first prediction at or after an instant; of several before `enough` any one. */
  readonly findNextPrediction: (endpoint: string, at: number, enough?: number) => Promise<number | undefined>;
  /** The registered model that an endpoint serves. */
  readonly findModel: (endpoint: string) => Promise<string | undefined>;
  /** Undefined when the version's training data is not known. */
  readonly readReference: (model: string, version: number) => Promise<ReferenceRows | undefined>;
}
