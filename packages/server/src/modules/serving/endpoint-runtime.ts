/**
 * One endpoint in memory: its deployment, its loaded versions, its log. `predict` is synchronous from the features to the
 * log, so that a turn of the event loop answers whole requests; it is the same code for every protocol.
 *
 * A version that is only being tried (a shadow, the candidate of a rollout) cannot fail a request: where it fails, the
 * incumbent answers, and the fault is logged and judged.
 */
import type { Deployment, EndpointSpec, Instance, Prediction, TrafficShare } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import { parseInstant } from '@slipway/onnx';
import { hash32 } from '../../lib/hash32.ts';
import type { Clock } from '../../platform/clock.ts';
import type { JudgedAnswer } from '../../lib/judged-task.ts';
import type { Ids } from '../../platform/ids.ts';
import type { LogFault, NewRecord } from './log-record.ts';
import type { FeatureReader } from './ports.ts';
import type { PredictionLog } from './prediction-log.ts';
import type { NextMove, RolloutRuntime, ScoredRequest } from './rollout-runtime.ts';
import type { ScoreDetail, Scorer } from './scorer.ts';

/** How rows of one request are sent to a version together, without being named by it one by one. */
interface RoutedRow {
  /** What decides the version; the row's id unless said. */
  readonly routingKey?: string | undefined;
}

/** A row of a request whose model takes numbers alone: one for each name, from `start` on; NaN is a missing one. */
export interface NumberRow extends RoutedRow {
  /** The caller's own. */
  readonly id: string | undefined;
  readonly at: number | undefined;
  readonly names: readonly string[];
  readonly numbers: readonly number[];
  readonly start: number;
}

export type PredictionRow = (Instance & RoutedRow) | NumberRow;

const isNumberRow = (row: PredictionRow): row is NumberRow => 'numbers' in row;

const numberOrNull = (value: number | undefined): number | null =>
  value === undefined || Number.isNaN(value) ? null : value;

const inputsOf = (row: PredictionRow): Instance['inputs'] =>
  isNumberRow(row)
    ? Object.fromEntries(row.names.map((name, i) => [name, numberOrNull(row.numbers[row.start + i])]))
    : row.inputs;

/** A version loaded for this endpoint. */
export interface Arm {
  readonly version: number;
  readonly scorer: Scorer;
  /** The service that this version was trained on. */
  readonly features: FeatureReader | undefined;
  /** For each model column: its place in the feature vector, or -1 for an input of the request. */
  readonly sources: readonly number[];
  /** For each model column that is a number of the request: its place among what is logged. */
  readonly ownPlaces: readonly (number | undefined)[];
  /** Takes nothing but the numbers of the request. */
  readonly isNumeric: boolean;
  /** Features of the row that was scored last. */
  readonly vector: Float64Array;
  /** What each place of the vector is called. */
  readonly names: readonly string[];
  /** Places of the names that the log has now. */
  placed: { readonly names: readonly string[]; readonly places: Int32Array };
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
  // Beside a service's features, numbers that come with the request are logged too: drift of an input is drift.
  const beside = scorer.columns.filter(({ name, type }) => type === 'number' && !places.has(name));
  const names =
    features === undefined
      ? scorer.columns.map((column) => column.name)
      : [...features.names, ...beside.map((column) => column.name)];
  return {
    version,
    scorer,
    features,
    sources: scorer.columns.map((column) => (column.type === 'number' ? (places.get(column.name) ?? -1) : -1)),
    ownPlaces: scorer.columns.map((column, i) =>
      features === undefined ? i : beside.includes(column) ? features.names.length + beside.indexOf(column) : undefined,
    ),
    isNumeric: features === undefined && scorer.columns.every((column) => column.type === 'number'),
    vector: new Float64Array(names.length).fill(Number.NaN),
    names,
    placed: { names, places: Int32Array.from(names, (_, i) => i) },
  };
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

interface Context {
  readonly now: number;
  readonly deployment: number;
  readonly ids: Ids;
}

/** Scores, logs, then answers. Throws before anything is logged when an instance does not fit. */
export function predict(
  endpoint: EndpointRuntime,
  rows: readonly PredictionRow[],
  deps: { readonly clock: Clock; readonly ids: Ids },
): Prediction[] {
  const { deployment } = endpoint;
  if (deployment === undefined) throw new SlipwayError('endpoint_not_deployed', { endpoint: endpoint.name });
  const startedAt = deps.clock.monotonic();
  const context: Context = { now: deps.clock.now(), deployment: deployment.number, ids: deps.ids };
  // Most models say a score and no more.
  let details: ScoreDetail[] | undefined;
  const { rollout } = endpoint;
  const judged: JudgedRow[] | undefined = rollout?.needsValues === true ? [] : undefined;
  const records = rows.map((row, index) => {
    const record = serveOne(endpoint, { row, index }, context);
    const { scorer } = armOf(endpoint, record.version);
    const detail = scorer.detailNames === undefined ? undefined : scorer.detail();
    if (detail !== undefined) (details ??= [])[index] = detail;
    judged?.push(judgedRow(endpoint, record));
    return record;
  });
  const latencyUs = Math.round((deps.clock.monotonic() - startedAt) * 1000);
  for (const record of records) record.latencyUs = latencyUs;
  endpoint.log.append(records);
  if (rollout !== undefined)
    records.forEach((record, index) => judge(endpoint, rollout, { record, row: judged?.[index] }));
  if (details === undefined) return records.map(({ id, score, version }) => ({ id, score, version }));
  const told = details;
  return records.map(({ id, score, version }, index) => ({ id, score, version, ...told[index] }));
}

interface Asked {
  readonly row: PredictionRow;
  readonly index: number;
}

export interface Timed extends Asked {
  readonly at: number;
}

type OpenRecord = { -readonly [K in keyof NewRecord]: NewRecord[K] };

function serveOne(endpoint: EndpointRuntime, { row, index }: Asked, context: Context): OpenRecord {
  const at = row.at ?? context.now;
  const id = context.ids.next('prediction');
  const { traffic } = endpoint;
  const version = traffic.length === 1 ? (traffic[0]?.version ?? 0) : route(traffic, row.routingKey ?? row.id ?? id);
  const assigned = armOf(endpoint, version);
  const rollout = endpoint.rollout?.rollout();
  const isTrial = rollout !== undefined && assigned.version === rollout.candidate;
  const other = otherArm(endpoint, assigned);
  const [sure, tried] = isTrial ? [other, assigned] : [assigned, other];
  const score = scoreArm(endpoint, sure ?? assigned, { at, row, index });
  const trial = tried === undefined ? undefined : tryScore(endpoint, tried, { at, row, index });
  const isCanary = isTrial && trial !== undefined;
  const answering = isCanary ? assigned : (sure ?? assigned);
  const fault: LogFault = tried === undefined || trial !== undefined ? 'none' : isTrial ? 'canary' : 'shadow';
  const shadow = answering === assigned ? other : assigned;
  const names = endpoint.log.featureNames();
  // Numbers that are the logged features are not copied, and not written twice.
  const isWhole = isNumberRow(row) && answering.isNumeric && isSame(answering.names, names);
  return {
    id,
    servedAt: context.now,
    at,
    deployment: context.deployment,
    version: answering.version,
    shadowVersion: shadow?.version ?? 0,
    isCanary,
    fault,
    latencyUs: 0,
    score: isCanary ? trial : score,
    shadowScore: (isCanary ? score : trial) ?? Number.NaN,
    features: isWhole ? row.numbers : featuresFor(names, answering, shadow),
    featuresStart: isWhole ? row.start : 0,
    inputs: isWhole ? undefined : JSON.stringify(inputsOf(row)),
    instanceId: row.id,
  };
}

/** The version to score beside the one that answers: during a rollout always the other side, so that every row is a pair. */
function otherArm(endpoint: EndpointRuntime, assigned: Arm): Arm | undefined {
  const rollout = endpoint.rollout?.rollout();
  if (rollout !== undefined) {
    return armOf(endpoint, assigned.version === rollout.candidate ? rollout.incumbent : rollout.candidate);
  }
  const { shadow } = endpoint;
  return shadow === undefined || shadow === assigned.version ? undefined : armOf(endpoint, shadow);
}

/** In the order of the log's names: what the answering version saw, then what only the other one did. */
function featuresFor(names: readonly string[], answering: Arm, other: Arm | undefined): Float64Array {
  if (answering.names === names) return answering.vector.slice();
  const own = placesOf(answering, names);
  const others = other && placesOf(other, names);
  const features = new Float64Array(names.length);
  for (let i = 0; i < features.length; i++) {
    const place = own[i] ?? -1;
    features[i] = (place >= 0 ? answering.vector[place] : other?.vector[others?.[i] ?? -1]) ?? Number.NaN;
  }
  return features;
}

const isSame = (a: readonly string[], b: readonly string[]): boolean =>
  a === b || (a.length === b.length && a.every((name, i) => name === b[i]));

/** Where each of these names lies in the version's vector, or -1; the names change with deployments only. */
function placesOf(arm: Arm, names: readonly string[]): Int32Array {
  if (arm.placed.names !== names) {
    arm.placed = { names, places: Int32Array.from(names, (name) => arm.names.indexOf(name)) };
  }
  return arm.placed.places;
}

function armOf(endpoint: EndpointRuntime, version: number): Arm {
  const arm = endpoint.arms.get(version);
  if (arm === undefined) throw new Error(`version ${version} of endpoint ${endpoint.name} is deployed but not loaded`);
  return arm;
}

/** Undefined where the version refuses what the answering one took, fails, or has no finite score. */
function tryScore(endpoint: EndpointRuntime, arm: Arm, request: Timed): number | undefined {
  try {
    const score = scoreArm(endpoint, arm, request);
    return Number.isFinite(score) ? score : undefined;
  } catch {
    return undefined;
  }
}

/** Throws `inputs_invalid` and feature errors. Afterwards `arm.vector` has the features, until another row is scored. */
export function scoreArm(endpoint: EndpointRuntime, arm: Arm, { at, row, index }: Timed): number {
  const { scorer, vector } = arm;
  if (isNumberRow(row) && arm.isNumeric && isSame(arm.names, row.names)) {
    const { numbers, start } = row;
    for (let i = 0; i < vector.length; i++) vector[i] = numbers[start + i] ?? Number.NaN;
    scorer.setNumbers(vector);
    return scorer.score();
  }
  const inputs = inputsOf(row);
  if (arm.features !== undefined) arm.features.read(at, inputs, vector);
  const refuse = (problem: string): SlipwayError =>
    new SlipwayError('inputs_invalid', { index, endpoint: endpoint.name, problem });
  for (let i = 0; i < scorer.columns.length; i++) {
    const column = scorer.columns[i];
    const place = arm.sources[i] ?? -1;
    if (column === undefined) continue;
    if (place >= 0) {
      scorer.setNumber(i, vector[place] ?? Number.NaN);
      continue;
    }
    const value = inputs[column.name];
    const own = arm.ownPlaces[i];
    if (column.type === 'text') {
      if (value === undefined) throw refuse(`"${column.name}" is missing; it must be a text`);
      if (value !== null && typeof value !== 'string')
        throw refuse(`"${column.name}" is ${JSON.stringify(value)}; it must be a text`);
      scorer.setText(i, value ?? '');
      continue;
    }
    const wanted = column.isDate ? 'an ISO 8601 date, milliseconds since 1970 or null' : 'a number or null';
    if (value === undefined) throw refuse(`"${column.name}" is missing; it must be ${wanted}`);
    const instant = column.isDate && typeof value === 'string' ? parseInstant(value) : Number.NaN;
    if (!Number.isNaN(instant)) {
      scorer.setNumber(i, instant);
      if (own !== undefined) vector[own] = instant;
      continue;
    }
    if (value !== null && typeof value !== 'number' && typeof value !== 'boolean')
      throw refuse(`"${column.name}" is ${JSON.stringify(value)}; it must be ${wanted}`);
    const number = value === null ? Number.NaN : Number(value);
    scorer.setNumber(i, number);
    if (own !== undefined) vector[own] = number;
  }
  return scorer.score();
}

/** What both versions said of one row, beyond their scores: copied, since the next row is scored in the same place. */
interface JudgedRow {
  readonly own: Float32Array | undefined;
  readonly shadow: Float32Array | undefined;
}

function judgedRow(endpoint: EndpointRuntime, { version, shadowVersion, fault }: NewRecord): JudgedRow {
  const valuesOf = (of: number): Float32Array | undefined => armOf(endpoint, of).scorer.detailValues?.slice();
  return {
    own: valuesOf(version),
    shadow: shadowVersion === 0 || fault !== 'none' ? undefined : valuesOf(shadowVersion),
  };
}

function judge(
  endpoint: EndpointRuntime,
  rollout: RolloutRuntime,
  { record, row }: { readonly record: NewRecord; readonly row: JudgedRow | undefined },
): void {
  const answerOf = (score: number, values: Float32Array | undefined): JudgedAnswer => ({ score, values });
  const { score, shadowScore } = record;
  const move = rollout.request(
    pairOf(record, { own: answerOf(score, row?.own), shadow: answerOf(shadowScore, row?.shadow) }),
  );
  if (move !== undefined) order(endpoint, rollout, move);
}

/** A firing guard acts at once, in this turn; the record of it follows in the database. */
export function order(endpoint: EndpointRuntime, rollout: RolloutRuntime, move: NextMove): void {
  if (move.move === 'roll-back') endpoint.traffic = [{ version: rollout.rollout().incumbent, percent: 100 }];
  endpoint.onMove(move);
}

/** A logged row as the judge wants it: which answer belongs to which side. */
export function pairOf(
  record: Omit<NewRecord, 'features'>,
  answers: { readonly own: JudgedAnswer; readonly shadow: JudgedAnswer },
): ScoredRequest {
  const isError = record.fault === 'canary';
  const shadow = record.shadowVersion === 0 || record.fault !== 'none' ? undefined : answers.shadow;
  return {
    id: record.id,
    at: record.at,
    isCanary: record.isCanary || isError,
    isError,
    candidate: record.isCanary ? answers.own : shadow,
    incumbent: record.isCanary ? shadow : answers.own,
  };
}
