/** What a running step can reach. The step runner makes it; a test may hand in its own. */
import type { ArtifactKind, Id } from '@slipway/contract';
import type { Client } from './api.ts';
import type { Artifact } from './ports.ts';
import type { Statistics } from './statistics.ts';

export interface StepContext {
  /** Aborted when the step is cancelled or its time is up; the process gets its grace, then is killed. */
  readonly signal: AbortSignal;
  /** Appears in the step's log at once. */
  log(message: string): void;
  /** `fraction` from 0 to 1. */
  progress(fraction: number, message: string): void;
  /** The same for every attempt of this step in this run: hand it to what must not happen twice. */
  readonly idempotencyKey: string;
  readonly pipeline: string;
  readonly pipelineRun: Id<'pipelineRun'>;
  readonly step: string;
  readonly codeDigest: string;
  readonly commit: string | undefined;
  /** An empty folder of this attempt, deleted some time after the run. */
  readonly workdir: string;
  /** The typed client, with a token that may do what steps may do, and that ends with the step. */
  readonly client: Client;
  /** The tracking run of this step; made when first used. */
  readonly run: StepTracking;
  readonly features: FeatureBuilding;
  readonly statistics: Statistics;
  /** A local, read-only file that holds the artifact's bytes; for a dataset, its files in order. */
  path(artifact: Artifact): string;
  dataset(artifact: Artifact<'dataset'>): DatasetFiles;
  /** The artifact's bytes as JSON. */
  readJson(artifact: Artifact): unknown;
  /** Whole columns of a table. Numbers and instants are float64 (missing is NaN), text is an array of strings. */
  openTable(artifact: Artifact<'table'>, columns?: readonly string[]): Promise<Table>;
  /**
   * Makes a table by SQL over others; in the text each stands under the name it has here. What is said about the first of
   * them (its features, where it comes from) is said about the result too. The order of rows is that of the query.
   */
  query(sql: string, tables: Readonly<Record<string, Artifact<'table'>>>, name: string): Promise<Artifact<'table'>>;
  /** Probability of the positive class (or the predicted number) per row, computed by ONNX Runtime from the columns that the model names. */
  score(model: { readonly file: string }, columns: readonly Float64Array[]): Promise<Float64Array>;
  writeArtifact<K extends ArtifactKind>(name: string, kind: K, content: ArtifactContent): Promise<Artifact<K>>;
}

export interface ArtifactContent {
  readonly content: Uint8Array | string | { readonly file: string };
  /** Small JSON that later steps and people read without the bytes. */
  readonly meta?: Artifact['meta'];
}

export interface DatasetFiles {
  readonly dataset: string;
  readonly version: number;
  readonly digest: string;
  readonly paths: readonly string[];
  /** Its rows as SQL that can stand after FROM (DuckDB's), whatever the format of the files. */
  readonly relation: string;
}

export interface StepTracking {
  /** The run's id; makes the run when it does not exist yet. */
  id(): Promise<string>;
  logParams(params: Readonly<Record<string, string | number | boolean>>): void;
  /** Sent in batches; the step is not finished before the last batch is stored. */
  logMetric(key: string, value: number, step?: number): void;
  setTags(tags: Readonly<Record<string, string>>): void;
  logArtifact(path: string, content: Uint8Array | string): Promise<void>;
  flush(): Promise<void>;
}

export interface FeatureBuilding {
  /** Point-in-time correct rows of one service, with its labels, as a Parquet file. */
  buildTrainingSet(request: TrainingSetRequest): Promise<TrainingSetResult>;
}

export interface TrainingSetRequest {
  readonly set: string;
  readonly service: string;
  readonly tables: Readonly<Record<string, Artifact<'dataset'>>>;
  /** Only rows whose label was known before this instant get one. */
  readonly labelKnownBeforeMs?: number;
  readonly outFile: string;
  /** The file has the label table's own columns beside the features, in place of `row_id`, `at`, `label` and extra inputs. */
  readonly withOwnColumns?: boolean;
  /** Rows so soon after the first one are left out. */
  readonly warmUpMs?: number | undefined;
  /** Rows whose features are computed a second time the online way and compared to the bit. */
  readonly paritySample?: number;
}

export interface TrainingSetResult {
  readonly rowCount: number;
  readonly digest: string;
  readonly serviceDigest: string;
  readonly names: readonly string[];
  readonly parity: { readonly rows: number; readonly cells: number; readonly different: number };
}

export type Column = Float64Array | readonly (string | null)[];

export interface Table {
  readonly rowCount: number;
  readonly columns: readonly string[];
  /** Throws when the column is missing or not numeric. */
  numbers(column: string): Float64Array;
  /** Throws when the column is missing or not text. */
  texts(column: string): readonly (string | null)[];
}
