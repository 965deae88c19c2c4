/**
 * `POST /api/endpoints/{endpoint}/predict` before the framework. The usual body of numbers is read from its bytes. Any other
 * is parsed; a loop decides whether it fits, and what that does not know goes through the route's own schema, which accepts
 * it or says what is wrong: messages live there only.
 */
import type { Instance, Prediction } from '@slipway/contract';
import { instancesPerRequestMax, Name, servingRoutes, SlipwayError } from '@slipway/contract';
import type { JsonKey } from '../../lib/json-scan.ts';
import { jsonCodes, jsonKey, JsonScan } from '../../lib/json-scan.ts';
import { checkJsonType, defaultBodyLimitBytes, parseJsonBody } from '../../platform/http/body.ts';
import { checkPart } from '../../platform/http/check-part.ts';
import { errorAnswer, requestIdOf } from '../../platform/http/error-answer.ts';
import { findHeader } from '../../platform/http/raw-header.ts';
import type { NumberRow, PredictionRow } from './endpoint-runtime.ts';
import type { HotProtocol, HotRequest } from './hot-path.ts';
import type { EndpointInputs, ScoringPort } from './scoring-port.ts';

const operation = 'endpoints.predict';
const route = servingRoutes[operation];
const [before = '', after = ''] = route.path.split('{endpoint}');
/** As the contract's schema has them. */
const idMax = 200;
const textMax = 2000;
const instantMax = 8_640_000_000_000_000;
const keys = { instances: jsonKey('instances'), id: jsonKey('id'), at: jsonKey('at'), inputs: jsonKey('inputs') };
const { brace, closingBrace, bracket, closingBracket, comma } = jsonCodes;

/** The head is the declared content type. */
export function createPredictPath(scoring: Pick<ScoringPort, 'inputs'>): HotProtocol<string, HotRequest> {
  return {
    operation,
    before,
    after,
    isEndpoint: (name) => Name.safeParse(name).success,
    bodyLimitBytes: route.bodyLimitBytes ?? defaultBodyLimitBytes,
    readHead: (request) => findHeader(request, 'content-type') ?? '',
    parse: (body, contentType, endpoint) => {
      if (body.length > 0) checkJsonType(contentType, operation);
      const rows = scanBody(body, findInputs(scoring, endpoint));
      if (rows !== undefined) return { rows };
      const json = parseJsonBody(body, contentType, operation);
      return { rows: isBody(json) ? json.instances : parseSlowly(json) };
    },
    answer: (_endpoint, _request, predictions) => ({
      status: 200,
      headers: jsonHeaders,
      body: answerText(predictions),
      // Labels are whatever the model was trained on.
      isAscii: predictions[0]?.label === undefined,
    }),
    error: (error, request) => {
      const requestId = requestIdOf(request);
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

/** The usual body for a model of numbers, in the order of its names; undefined for everything else, right or wrong. */
function scanBody(body: Buffer, inputs: EndpointInputs | undefined): readonly PredictionRow[] | undefined {
  const { numberNames: names, numberKeys } = inputs ?? {};
  if (names === undefined || numberKeys === undefined) return undefined;
  const scan = new JsonScan(body);
  if (!scan.skip(brace) || !scan.skipKey(keys.instances) || !scan.skip(bracket)) return undefined;
  const rows: PredictionRow[] = [];
  do {
    const row = scanInstance(scan, names, numberKeys);
    if (row === undefined || rows.push(row) > instancesPerRequestMax) return undefined;
  } while (scan.skip(comma));
  return scan.skip(closingBracket) && scan.skip(closingBrace) && scan.isAtEnd() ? rows : undefined;
}

function scanInstance(scan: JsonScan, names: readonly string[], numberKeys: readonly JsonKey[]): NumberRow | undefined {
  if (!scan.skip(brace)) return undefined;
  let id: string | undefined;
  let at: number | undefined;
  let numbers: readonly number[] | undefined;
  do {
    if (id === undefined && scan.skipKey(keys.id)) {
      id = scan.text();
      if (id === undefined || id.length === 0 || id.length > idMax) return undefined;
    } else if (at === undefined && scan.skipKey(keys.at)) {
      at = scan.number();
      if (!Number.isInteger(at) || at < 0 || at > instantMax) return undefined;
    } else if (numbers === undefined && scan.skipKey(keys.inputs)) {
      numbers = scanInputs(scan, numberKeys);
      if (numbers === undefined) return undefined;
    } else return undefined;
  } while (scan.skip(comma));
  return numbers === undefined || !scan.skip(closingBrace) ? undefined : { id, at, names, numbers, start: 0 };
}

function scanInputs(scan: JsonScan, numberKeys: readonly JsonKey[]): readonly number[] | undefined {
  if (!scan.skip(brace)) return undefined;
  const numbers: number[] = [];
  for (const key of numberKeys) {
    if (numbers.length > 0 && !scan.skip(comma)) return undefined;
    if (!scan.skipKey(key)) return undefined;
    const value = scan.number();
    if (Number.isNaN(value) && !scan.skipNull()) return undefined;
    numbers.push(value);
  }
  return scan.skip(closingBrace) ? numbers : undefined;
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
