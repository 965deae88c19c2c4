/** What scoring protocols need of an endpoint, whichever protocol it is: the columns that a request brings, and the scores. */
import type { Instance, Prediction } from '@slipway/contract';
import type { Serving } from './service.ts';

export interface InputColumn {
  readonly name: string;
  readonly type: 'number' | 'text';
}

export interface EndpointInputs {
  /** The registered model whose versions answer. */
  readonly model: string;
  /** What a request brings: all columns of the model, or those that no feature service supplies. */
  readonly columns: readonly InputColumn[];
  /** The feature service takes entity keys and request inputs beyond the columns, and checks them itself. */
  readonly usesFeatures: boolean;
  /** Those that take traffic, the first of which gave the columns; none without a deployment. */
  readonly versions: readonly number[];
}

export interface ScoringPort {
  /** Throws `not_found`. */
  inputs(endpoint: string): EndpointInputs;
  /** Scored and in the prediction log on return. Throws when any instance does not fit, and then nothing is logged. */
  predict(endpoint: string, instances: readonly Instance[]): readonly Prediction[];
  /** Resolves when the predictions so far are as durable as the endpoint asks. */
  settled(endpoint: string): Promise<void>;
}

export function createScoringPort(serving: Pick<Serving, 'runtime' | 'predict' | 'settled'>): ScoringPort {
  return {
    inputs: (endpoint) => {
      const runtime = serving.runtime(endpoint);
      const { model } = runtime.spec;
      const versions = runtime.traffic.map((share) => share.version);
      const arm = versions[0] === undefined ? undefined : runtime.arms.get(versions[0]);
      if (arm === undefined) return { model, columns: [], usesFeatures: false, versions: [] };
      const columns = arm.scorer.columns.filter((_, i) => (arm.sources[i] ?? -1) < 0);
      return { model, columns, usesFeatures: arm.features !== undefined, versions };
    },
    predict: (endpoint, instances) => serving.predict(endpoint, instances),
    settled: (endpoint) => serving.settled(endpoint),
  };
}
