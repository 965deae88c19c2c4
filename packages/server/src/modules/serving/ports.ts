/** What serving needs of others, in its own words. */
import type { ModelVersion } from '@slipway/contract';

/** Features of one service as of now; the state only moves forward. */
export interface FeatureReader {
  readonly digest: string;
  readonly names: readonly string[];
  /** Entity keys and request inputs, with the types that the feature language has. */
  readonly inputs: readonly { readonly name: string; readonly type: string }[];
  /** The instant that events and reads have moved the state to, in whole milliseconds: a read at it moves nothing. */
  stateAt(): number;
  /** Throws `feature_time_went_back`, `feature_request_invalid`. */
  read(atMs: number, inputs: Readonly<Record<string, unknown>>, out: Float64Array): void;
}

export interface FeaturePort {
  /** Throws when the set or service does not exist. */
  reader(set: string, service: string): FeatureReader;
}

export interface RegistryPort {
  /** `name/3`, `name@alias`. Throws `not_found`. */
  getVersion(model: string, version: string): Promise<ModelVersion>;
  readFile(digest: string): Promise<Uint8Array>;
}
