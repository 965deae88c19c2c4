/**
 * One endpoint in memory: its deployment, its loaded versions, its log. `predict` is synchronous from the features to the
 * log, so that a turn of the event loop answers whole requests; it is the same code for every protocol.
 */
import type { Deployment, EndpointSpec, Instance, Prediction, TrafficShare } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Clock } from '../../platform/clock.ts';
import type { Ids } from '../../platform/ids.ts';
import type { LogRecord } from './log-record.ts';
import type { FeatureReader } from './ports.ts';
import type { PredictionLog } from './prediction-log.ts';
import type { NextMove, RolloutRuntime } from './rollout-runtime.ts';
import type { Scorer } from './scorer.ts';

/** A version loaded for this endpoint. */
export interface Arm {
  readonly version: number;
  readonly scorer: Scorer;
  /** The service that this version was trained on. */
  readonly features: FeatureReader | undefined;
  /** For each model column: its place in the feature vector, or -1 for an input of the request. */
  readonly sources: readonly number[];
  readonly vector: Float64Array;
}

export interface EndpointRuntime {
  readonly name: string;
  spec: EndpointSpec;
  readonly log: PredictionLog;
  deployment: Deployment | undefined;
  /** What is really served: the deployment's traffic, or the incumbent alone once a guard has fired. */
  traffic: readonly TrafficShare[];
  shadow: number | undefined;
  readonly arms: Map<number, Arm>;
  rollout: RolloutRuntime | undefined;
  readonly onMove: (move: NextMove) => void;
}

export function createArm(version: number, scorer: Scorer, features: FeatureReader | undefined): Arm {
  const places = new Map(features?.names.map((name, i) => [name, i]));
  return {
    version,
    scorer,
    features,
    sources: scorer.columns.map((column) => (column.type === 'number' ? (places.get(column.name) ?? -1) : -1)),
    vector: new Float64Array(features?.names.length ?? scorer.columns.length),
  };
}

/** FNV-1a, 32 bits: spreads ids evenly and is the same everywhere, so that a split can be recomputed from the log. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** The first version whose cumulative share lies above the key's hash. */
export function route(traffic: readonly TrafficShare[], key: string): number {
  const point = (hash32(key) / 4_294_967_296) * 100;
  let below = 0;
  for (const share of traffic) {
    below += share.percent;
    if (point < below) return share.version;
  }
  return traffic.at(-1)?.version ?? 0;
}

interface Served {
  readonly record: LogRecord;
  readonly prediction: Prediction;
}

/** Scores, logs, then answers. Throws before anything is logged when an instance does not fit. */
export function predict(
  endpoint: EndpointRuntime,
  instances: readonly Instance[],
  deps: { readonly clock: Clock; readonly ids: Ids },
): Prediction[] {
  const { deployment } = endpoint;
  if (deployment === undefined) throw new SlipwayError('endpoint_not_deployed', { endpoint: endpoint.name });
  const startedAt = deps.clock.monotonic();
  const now = deps.clock.now();
  const served = instances.map((instance, index) =>
    serveOne(endpoint, instance, { index, now, deployment: deployment.number, ids: deps.ids }),
  );
  const latencyUs = Math.round((deps.clock.monotonic() - startedAt) * 1000);
  endpoint.log.append(served.map((s) => ({ ...s.record, latencyUs })));
  for (const { record } of served) judge(endpoint, record);
  return served.map((s) => s.prediction);
}

function serveOne(
  endpoint: EndpointRuntime,
  instance: Instance,
  context: { index: number; now: number; deployment: number; ids: Ids },
): Served {
  const at = instance.at ?? context.now;
  const id = context.ids.next('prediction');
  const version = route(endpoint.traffic, instance.id ?? id);
  const arm = armOf(endpoint, version);
  const score = scoreArm(endpoint, arm, { at, instance, index: context.index });
  const features = Float64Array.from(arm.vector);
  const other = otherVersion(endpoint, version);
  const shadowScore =
    other === undefined
      ? Number.NaN
      : scoreArm(endpoint, armOf(endpoint, other), { at, instance, index: context.index });
  const record: LogRecord = {
    id,
    servedAt: context.now,
    at,
    deployment: context.deployment,
    version,
    shadowVersion: other ?? 0,
    isCanary: endpoint.rollout !== undefined && version === endpoint.rollout.rollout().candidate,
    latencyUs: 0,
    score,
    shadowScore,
    features,
    inputs: JSON.stringify(instance.inputs),
  };
  return { record, prediction: { id, score, version } };
}

/** The version to score beside the one that answers: during a rollout always the other side, so that every row is a pair. */
function otherVersion(endpoint: EndpointRuntime, version: number): number | undefined {
  const rollout = endpoint.rollout?.rollout();
  if (rollout !== undefined) return version === rollout.candidate ? rollout.incumbent : rollout.candidate;
  return endpoint.shadow === version ? undefined : endpoint.shadow;
}

function armOf(endpoint: EndpointRuntime, version: number): Arm {
  const arm = endpoint.arms.get(version);
  if (arm === undefined) throw new Error(`version ${version} of endpoint ${endpoint.name} is deployed but not loaded`);
  return arm;
}

function scoreArm(
  endpoint: EndpointRuntime,
  arm: Arm,
  request: { at: number; instance: Instance; index: number },
): number {
  const { inputs } = request.instance;
  const { scorer, vector } = arm;
  if (arm.features !== undefined) arm.features.read(request.at, inputs, vector);
  const refuse = (problem: string): SlipwayError =>
    new SlipwayError('inputs_invalid', { index: request.index, endpoint: endpoint.name, problem });
  for (let i = 0; i < scorer.columns.length; i++) {
    const column = scorer.columns[i];
    const place = arm.sources[i] ?? -1;
    if (column === undefined) continue;
    if (place >= 0) {
      scorer.setNumber(i, vector[place] ?? Number.NaN);
      continue;
    }
    const value = inputs[column.name];
    if (column.type === 'text') {
      if (value === undefined) throw refuse(`"${column.name}" is missing; it must be a text`);
      if (value !== null && typeof value !== 'string')
        throw refuse(`"${column.name}" is ${JSON.stringify(value)}; it must be a text`);
      scorer.setText(i, value ?? '');
      continue;
    }
    if (value === undefined) throw refuse(`"${column.name}" is missing; it must be a number or null`);
    if (value !== null && typeof value !== 'number' && typeof value !== 'boolean')
      throw refuse(`"${column.name}" is ${JSON.stringify(value)}; it must be a number or null`);
    const number = value === null ? Number.NaN : Number(value);
    scorer.setNumber(i, number);
    if (arm.features === undefined) vector[i] = number;
  }
  return scorer.score();
}

function judge(endpoint: EndpointRuntime, record: LogRecord): void {
  const { rollout } = endpoint;
  if (rollout === undefined) return;
  const move = rollout.request(pairOf(record));
  if (move === undefined) return;
  // The guard acts at once, in this turn; the record of it follows in the database.
  if (move.move === 'roll-back') endpoint.traffic = [{ version: rollout.rollout().incumbent, percent: 100 }];
  endpoint.onMove(move);
}

/** A logged row as the judge wants it: which score belongs to which side. */
export function pairOf(record: Pick<LogRecord, 'id' | 'at' | 'isCanary' | 'score' | 'shadowScore' | 'shadowVersion'>) {
  const shadow = record.shadowVersion === 0 ? undefined : record.shadowScore;
  return {
    id: record.id,
    at: record.at,
    isCanary: record.isCanary,
    candidateScore: record.isCanary ? record.score : shadow,
    incumbentScore: record.isCanary ? shadow : record.score,
  };
}
