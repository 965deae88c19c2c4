/** What scoring protocols need of an endpoint, whichever protocol it is: the columns that a request brings, and the scores. */
import type { Prediction, TrafficShare } from '@slipway/contract';
import type { JsonKey } from '../../lib/json-scan.ts';
import { jsonKey } from '../../lib/json-scan.ts';
import type { Arm, PredictionRow } from './endpoint-runtime.ts';
import type { DetailNames } from './scorer.ts';
import type { Serving } from './service.ts';

export interface InputColumn {
  readonly name: string;
  readonly type: 'number' | 'text';
  /** Milliseconds since 1970 UTC: more than a float32 holds. */
  readonly isDate?: boolean;
}

export interface EndpointInputs {
  /** The registered model whose versions answer. */
  readonly model: string;
  /** What a request brings: all columns of the model, or those that no feature service supplies. */
  readonly columns: readonly InputColumn[];
  /** The feature service takes entity keys and request inputs beyond the columns, and checks them itself. */
  readonly usesFeatures: boolean;
  /** Those keys and request inputs, with the types of the feature language; some may be columns as well. */
  readonly featureInputs: readonly { readonly name: string; readonly type: string }[];
  /** Those that take traffic, the first of which gave the columns; none without a deployment. */
  readonly versions: readonly number[];
  /** Names of the columns where all of them are numbers that the request brings: its rows may be `NumberRow`s. */
  readonly numberNames: readonly string[] | undefined;
  /** What its answers say beside the score. */
  readonly detailNames: DetailNames | undefined;
  /** The same names as they stand in JSON. */
  readonly numberKeys: readonly JsonKey[] | undefined;
}

export interface ScoringPort {
  /** The same object until the endpoint is deployed again. Throws `not_found`. */
  inputs(endpoint: string): EndpointInputs;
  /** Scored and in the prediction log on return. Throws when any instance does not fit, and then nothing is logged. */
  predict(endpoint: string, rows: readonly PredictionRow[]): readonly Prediction[];
  /** Resolves when the predictions so far are as durable as the endpoint asks; undefined when they are already. */
  settled(endpoint: string): Promise<void> | undefined;
}

interface Known {
  readonly traffic: readonly TrafficShare[];
  readonly arm: Arm | undefined;
  readonly inputs: EndpointInputs;
}

export function createScoringPort(serving: Pick<Serving, 'runtime' | 'predict' | 'settled'>): ScoringPort {
  // Of endpoints that exist, so as many as there are.
  const known = new Map<string, Known>();
  return {
    inputs: (endpoint) => {
      const { traffic, arms, spec } = serving.runtime(endpoint);
      const first = traffic[0]?.version;
      const arm = first === undefined ? undefined : arms.get(first);
      const before = known.get(endpoint);
      if (before !== undefined && before.traffic === traffic && before.arm === arm) return before.inputs;
      const inputs = inputsOf(spec.model, arm, traffic);
      known.set(endpoint, { traffic, arm, inputs });
      return inputs;
    },
    predict: (endpoint, rows) => serving.predict(endpoint, rows),
    settled: (endpoint) => serving.settled(endpoint),
  };
}

function inputsOf(model: string, arm: Arm | undefined, traffic: readonly TrafficShare[]): EndpointInputs {
  if (arm === undefined)
    return {
      model,
      columns: [],
      usesFeatures: false,
      featureInputs: [],
      versions: [],
      numberNames: undefined,
      numberKeys: undefined,
      detailNames: undefined,
    };
  return {
    model,
    columns: arm.scorer.columns.filter((_, i) => (arm.sources[i] ?? -1) < 0),
    usesFeatures: arm.features !== undefined,
    featureInputs: arm.features?.inputs ?? [],
    versions: traffic.map((share) => share.version),
    numberNames: arm.isNumeric ? arm.names : undefined,
    detailNames: arm.scorer.detailNames,
    numberKeys: arm.isNumeric ? arm.names.map(jsonKey) : undefined,
  };
}
