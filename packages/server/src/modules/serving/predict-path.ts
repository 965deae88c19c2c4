/**
 * `POST /api/endpoints/{endpoint}/predict` before the framework. A loop over the parsed body decides whether it fits; what
 * it does not know goes through the route's own schema, which accepts it or says what is wrong: messages live there only.
 */
import type { Instance, Prediction } from '@slipway/contract';
import { instancesPerRequestMax, Name, servingRoutes, SlipwayError } from '@slipway/contract';
import { defaultBodyLimitBytes, parseJsonBody } from '../../platform/http/body.ts';
import { checkPart } from '../../platform/http/check-part.ts';
import { errorAnswer, requestIdOf } from '../../platform/http/error-answer.ts';
import type { PredictionRow } from './endpoint-runtime.ts';
import type { HotProtocol, HotRequest } from './hot-path.ts';
import type { EndpointInputs, ScoringPort } from './scoring-port.ts';

const operation = 'endpoints.predict';
const route = servingRoutes[operation];
const [before = '', after = ''] = route.path.split('{endpoint}');
/** As the contract's schema has them. */
const idMax = 200;
const textMax = 2000;
const instantMax = 8_640_000_000_000_000;

/** The head is the declared content type. */
export function createPredictPath(scoring: Pick<ScoringPort, 'inputs'>): HotProtocol<string, HotRequest> {
  return {
    operation,
    before,
    after,
    isEndpoint: (name) => Name.safeParse(name).success,
    bodyLimitBytes: route.bodyLimitBytes ?? defaultBodyLimitBytes,
    readHead: (headers) => headers['content-type'] ?? '',
    parse: (body, contentType, endpoint) => {
      const json = parseJsonBody(body, contentType, operation);
      const instances = isBody(json) ? json.instances : parseSlowly(json);
      return { rows: rowsOf(instances, findInputs(scoring, endpoint)) };
    },
    answer: (_endpoint, _request, predictions) => ({
      status: 200,
      headers: jsonHeaders,
      body: answerText(predictions),
    }),
    error: (error, headers) => {
      const requestId = requestIdOf(headers);
      return { ...errorAnswer(error, requestId), headers: { ...jsonHeaders, 'x-request-id': requestId } };
    },
  };
}

const jsonHeaders = { 'content-type': 'application/json; charset=utf-8' };

function parseSlowly(json: unknown): readonly Instance[] {
  return checkPart(operation, 'body', route.body, json).instances;
}

type Data = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Data =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** True for what the schema takes as it is; false for everything else, and for rare forms that it takes too. */
function isBody(json: unknown): json is { readonly instances: readonly Instance[] } {
  if (!isObject(json)) return false;
  for (const key in json) if (key !== 'instances') return false;
  const { instances } = json;
  if (!Array.isArray(instances) || instances.length === 0 || instances.length > instancesPerRequestMax) return false;
  return instances.every(isInstance);
}

function isInstance(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { id, at, inputs } = value;
  if (id !== undefined && !(typeof id === 'string' && id.length > 0 && id.length <= idMax)) return false;
  if (at !== undefined && !(typeof at === 'number' && Number.isInteger(at) && at >= 0 && at <= instantMax))
    return false;
  if (!isObject(inputs)) return false;
  for (const name in inputs) {
    const input = inputs[name];
    if (typeof input === 'number' ? !Number.isFinite(input) : !isOther(input)) return false;
    if (name === '__proto__') return false;
  }
  return true;
}

const isOther = (input: unknown): boolean =>
  typeof input === 'string' ? input.length <= textMax : typeof input === 'boolean' || input === null;

/** Undefined where the endpoint cannot answer: scoring says why, after the body was found to fit. */
function findInputs(scoring: Pick<ScoringPort, 'inputs'>, endpoint: string): EndpointInputs | undefined {
  try {
    return scoring.inputs(endpoint);
  } catch (error) {
    if (error instanceof SlipwayError) return undefined;
    throw error;
  }
}

function rowsOf(instances: readonly Instance[], inputs: EndpointInputs | undefined): readonly PredictionRow[] {
  const names = inputs?.numberNames;
  if (names === undefined) return instances;
  const [only] = instances;
  if (instances.length === 1 && only !== undefined) return [rowOf(only, names)];
  return instances.map((instance) => rowOf(instance, names));
}

/** Numbers and nulls under exactly these names, without their names. */
function rowOf(instance: Instance, names: readonly string[]): PredictionRow {
  const { id, at, inputs } = instance;
  let count = 0;
  for (const _ in inputs) count++;
  if (count !== names.length) return instance;
  const numbers: (number | null)[] = [];
  for (let i = 0; i < names.length; i++) {
    const input = inputs[names[i] ?? ''];
    if (typeof input !== 'number' && input !== null) return instance;
    numbers.push(input);
  }
  return { id, at, names, numbers, start: 0 };
}

/** Ids are base 32, so the text needs no escapes; a score that is not finite is null in JSON. */
function answerText(predictions: readonly Prediction[]): string {
  let text = '';
  for (const prediction of predictions) {
    const { id, score, version } = prediction;
    if (text !== '') text += ',';
    text += `{"id":"${id}","score":${Number.isFinite(score) ? score : 'null'},"version":${version}${detailText(prediction)}}`;
  }
  return `{"predictions":[${text}]}`;
}

function detailText({ label, probabilities, quantiles }: Prediction): string {
  if (probabilities === undefined && quantiles === undefined) return '';
  return `,${JSON.stringify({ label, probabilities, quantiles }).slice(1, -1)}`;
}
