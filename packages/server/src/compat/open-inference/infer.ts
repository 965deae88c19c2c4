/**
 * One inference request from bytes to bytes; the route and the hot path both come here, so that they cannot disagree.
 *
 * Inputs: one tensor per column, [rows] or [rows, 1]; or, for a model of numbers without a feature service, one tensor
 * [rows, columns] under any name, columns in the model's order. Dates are milliseconds, or texts (BYTES) in ISO 8601.
 * `parameters.at` is the event time in milliseconds.
 * Outputs: `score`, `prediction_id`, `model_version`, each [rows]; of several classes also `label` [rows] (text) and
 * `probabilities` [rows, classes], of quantiles `quantiles` [rows, levels].
 */
import type { Prediction } from '@slipway/contract';
import { instancesPerRequestMax, SlipwayError } from '@slipway/contract';
import { parseInstant } from '@slipway/onnx';
import type { ForeignAnswer } from '../../platform/http/foreign.ts';
import { jsonCodes, jsonKey, JsonScan } from '../../lib/json-scan.ts';
import { refuse, show } from './errors.ts';
import type { EndpointInputs, InputColumn, PredictionRow } from '../../modules/serving/index.ts';
import { BinaryTail, encode, isObject, NAME_MAX, parseTensor } from './tensors.ts';
import type { InputValue, Tensor } from './tensors.ts';

const operation = 'infer';
/** Tensors of one request: as many as a wide table has columns. */
const TENSORS_MAX = 10_000;
/** An id is also the routing key of its rows, and names the row where there is one. */
const ID_MAX = 200;
const keys = {
  id: jsonKey('id'),
  inputs: jsonKey('inputs'),
  name: jsonKey('name'),
  shape: jsonKey('shape'),
  datatype: jsonKey('datatype'),
  data: jsonKey('data'),
};
const [fp32, fp64] = [jsonKey('FP32'), jsonKey('FP64')];
const { brace, closingBrace, bracket, closingBracket, comma } = jsonCodes;

/** Outputs that every endpoint has. */
export const inferOutputs = [
  { name: 'score', datatype: 'FP32', shape: [-1] },
  { name: 'prediction_id', datatype: 'BYTES', shape: [-1] },
  { name: 'model_version', datatype: 'INT64', shape: [-1] },
] as const;

const detailOutputs = [
  { name: 'label', datatype: 'BYTES', shape: [-1] },
  { name: 'probabilities', datatype: 'FP32', shape: [-1, -1] },
  { name: 'quantiles', datatype: 'FP32', shape: [-1, -1] },
] as const;

type InferOutput = (typeof inferOutputs | typeof detailOutputs)[number];
type OutputName = InferOutput['name'];

/** The outputs of an endpoint: those of every endpoint, and the details that its model has. */
export function outputsOf({ detailNames }: Pick<EndpointInputs, 'detailNames'>): readonly InferOutput[] {
  if (detailNames === undefined) return inferOutputs;
  const names = detailNames.kind === 'classes' ? ['label', 'probabilities'] : ['quantiles'];
  return [...inferOutputs, ...detailOutputs.filter(({ name }) => names.includes(name))];
}

const allJson = inferOutputs.map(({ name }) => ({ name, isBinary: false }));

export interface InferRequest {
  readonly id: string | undefined;
  /** The id is ASCII and needs no escapes. */
  readonly isPlain?: true;
  readonly rows: readonly PredictionRow[];
  readonly outputs: readonly { readonly name: OutputName; readonly isBinary: boolean }[];
  /** Columns of `probabilities` or `quantiles`. */
  readonly detailNames: readonly string[];
}

export interface InferBody {
  readonly bytes: Buffer;
  /** Length of the JSON part when binary tensors follow it (header Inference-Header-Content-Length). */
  readonly jsonLength: number | undefined;
}

/** Throws `body_not_json`, `request_invalid` naming the place. */
export function parseInfer(body: InferBody, inputs: EndpointInputs): InferRequest {
  const { bytes, jsonLength } = body;
  if (jsonLength !== undefined && !(jsonLength >= 2 && jsonLength <= bytes.length)) {
    throw refuse(operation, `Inference-Header-Content-Length is ${jsonLength} for a body of ${bytes.length} bytes`);
  }
  const usual = jsonLength === undefined ? scanUsual(bytes, inputs) : undefined;
  if (usual !== undefined) return usual;
  const json = parseJson(jsonLength === undefined ? bytes : bytes.subarray(0, jsonLength));
  return parseAny(json, body, inputs);
}

/**
 * The usual request to a model of numbers, one tensor of all columns and nothing optional but an id, from its bytes into
 * rows; undefined for everything else, right or wrong.
 */
function scanUsual(bytes: Buffer, known: EndpointInputs): InferRequest | undefined {
  const { numberNames: names, detailNames } = known;
  if (names === undefined || names.length < 2) return undefined;
  const scan = new JsonScan(bytes);
  if (!scan.skip(brace)) return undefined;
  let id: string | undefined;
  let data: readonly number[] | undefined;
  do {
    if (id === undefined && scan.skipKey(keys.id)) {
      id = scan.text();
      if (id === undefined || id.length > ID_MAX) return undefined;
    } else if (data === undefined && scan.skipKey(keys.inputs)) {
      data = scanTensor(scan, names.length);
      if (data === undefined) return undefined;
    } else return undefined;
  } while (scan.skip(comma));
  if (data === undefined || !scan.skip(closingBrace) || !scan.isAtEnd()) return undefined;
  const routingId = id === '' ? undefined : id;
  const rows: PredictionRow[] = [];
  const isOne = data.length === names.length;
  for (let start = 0; start < data.length; start += names.length) {
    if (isOne) rows.push({ id: routingId, at: undefined, names, numbers: data, start });
    else rows.push({ id: undefined, routingKey: routingId, at: undefined, names, numbers: data, start });
  }
  if (detailNames === undefined) return { id, isPlain: true, rows, outputs: allJson, detailNames: [] };
  return { id, rows, outputs: parseOutputs(undefined, outputsOf(known), false), detailNames: detailNames.names };
}

/** A list of one tensor [rows, width] of floats: its values, NaN where one is missing. */
function scanTensor(scan: JsonScan, width: number): readonly number[] | undefined {
  if (!scan.skip(bracket) || !scan.skip(brace)) return undefined;
  let nameLength = 0;
  let isFloat = false;
  let shape: readonly number[] | undefined;
  let data: readonly number[] | undefined;
  do {
    if (nameLength === 0 && scan.skipKey(keys.name)) {
      nameLength = scan.skipText();
      if (nameLength < 1 || nameLength > NAME_MAX) return undefined;
    } else if (shape === undefined && scan.skipKey(keys.shape)) {
      shape = scanNumbers(scan, 2);
      if (shape?.length !== 2 || shape[1] !== width) return undefined;
    } else if (!isFloat && scan.skipKey(keys.datatype)) {
      isFloat = scan.skipValue(fp32) || scan.skipValue(fp64);
      if (!isFloat) return undefined;
    } else if (data === undefined && scan.skipKey(keys.data)) {
      data = scanNumbers(scan, instancesPerRequestMax * width);
      if (data === undefined || data.length === 0) return undefined;
    } else return undefined;
  } while (scan.skip(comma));
  if (!scan.skip(closingBrace) || !scan.skip(closingBracket)) return undefined;
  const isWhole = nameLength > 0 && isFloat && data?.length === (shape?.[0] ?? 0) * width;
  return isWhole ? data : undefined;
}

/** A list of at most so many numbers; null is NaN. */
function scanNumbers(scan: JsonScan, countMax: number): readonly number[] | undefined {
  if (!scan.skip(bracket)) return undefined;
  const numbers: number[] = [];
  do {
    const value = scan.number();
    if (Number.isNaN(value) && !scan.skipNull()) return undefined;
    if (numbers.push(value) > countMax) return undefined;
  } while (scan.skip(comma));
  return scan.skip(closingBracket) ? numbers : undefined;
}

function parseAny(json: unknown, { bytes, jsonLength }: InferBody, inputs: EndpointInputs): InferRequest {
  if (!isObject(json)) throw refuse(operation, `the body is ${show(json)}; it must be an object`);
  const { id, parameters, inputs: list } = json;
  if (id !== undefined && (typeof id !== 'string' || id.length > ID_MAX)) {
    throw refuse(operation, `id is ${show(id)}; it must be a text of at most ${ID_MAX} characters`);
  }
  if (parameters !== undefined && !isObject(parameters)) {
    throw refuse(operation, `parameters is ${show(parameters)}; it must be an object`);
  }
  if (!Array.isArray(list) || list.length === 0 || list.length > TENSORS_MAX) {
    throw refuse(operation, `inputs is ${show(list)}; it must be a list of 1 to ${TENSORS_MAX} tensors`);
  }
  const limits = {
    tail: new BinaryTail(jsonLength === undefined ? new Uint8Array(0) : bytes.subarray(jsonLength)),
    rowsMax: instancesPerRequestMax,
  };
  const tensors = list.map((tensor: unknown, i) => parseTensor(tensor, `inputs[${i}]`, limits));
  if (limits.tail.left > 0) throw refuse(operation, `${limits.tail.left} bytes of binary data belong to no tensor`);
  const at = eventTime(parameters?.['at']);
  const rows = isWide(tensors, inputs) ? wideRows(tensors[0], inputs) : namedRows(tensors, inputs);
  const routingId = id === '' ? undefined : id;
  return {
    id,
    rows: rows.map((row) => ({
      ...(rows.length === 1 ? { id: routingId } : { routingKey: routingId }),
      at,
      inputs: row,
    })),
    outputs: parseOutputs(json['outputs'], outputsOf(inputs), parameters?.['binary_data_output'] === true),
    detailNames: inputs.detailNames?.names ?? [],
  };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')) as unknown;
  } catch (error) {
    throw new SlipwayError('body_not_json', { problem: error instanceof Error ? error.message : 'unreadable' });
  }
}

function eventTime(at: unknown): number | undefined {
  if (at === undefined) return undefined;
  if (typeof at === 'number' && Number.isSafeInteger(at) && at >= 0 && at <= 8.64e15) return at;
  throw refuse(operation, `parameters.at is ${show(at)}; it must be milliseconds since 1970 UTC`);
}

function isWide(tensors: readonly Tensor[], inputs: EndpointInputs): boolean {
  const [only] = tensors;
  if (tensors.length !== 1 || only === undefined || inputs.usesFeatures) return false;
  return only.width > 1 || (inputs.columns.length === 1 && inputs.columns[0]?.name !== only.name);
}

type Row = Record<string, InputValue>;

function wideRows(tensor: Tensor | undefined, { columns }: EndpointInputs): Row[] {
  if (tensor === undefined) return [];
  if (tensor.width !== columns.length) {
    const names = columns.map((column) => column.name).join(', ');
    throw refuse(
      operation,
      `inputs[0] has ${tensor.width} columns; the model takes ${columns.length}: ${names.slice(0, 500)}`,
    );
  }
  for (const column of columns) checkType(tensor, column, 'inputs[0]');
  const { data, width } = withInstants(tensor, columns, 'inputs[0]');
  const rows: Row[] = [];
  for (let row = 0; row < tensor.rows; row++) {
    const values: Row = {};
    let at = row * width;
    for (const column of columns) values[column.name] = data[at++] ?? null;
    rows.push(values);
  }
  return rows;
}

const acceptedDates = 'ISO 8601 (2024-01-31 or 2024-01-31T09:30:00+01:00, UTC where it names no zone), or empty';

function checkType({ datatype }: Tensor, { name, type, isDate }: InputColumn, place: string): void {
  if ((datatype === 'BYTES') === (type === 'text') || (datatype === 'BYTES' && isDate === true)) return;
  const wanted =
    type === 'text'
      ? 'BYTES'
      : isDate === true
        ? `FP64 or INT64 (milliseconds since 1970 UTC), or BYTES in ${acceptedDates}`
        : 'numbers';
  throw refuse(operation, `${place} has datatype ${datatype}, but column "${name}" wants ${wanted}`);
}

/** The tensor with dates that came as texts in milliseconds since 1970 UTC; `columns` are those of its rows. */
function withInstants(tensor: Tensor, columns: readonly (InputColumn | undefined)[], place: string): Tensor {
  if (tensor.datatype !== 'BYTES' || !columns.some((column) => column?.isDate === true)) return tensor;
  const data = tensor.data.map((text, i) => {
    const column = columns[i % columns.length];
    if (column?.isDate !== true) return text;
    if (text === null || text === '') return null;
    const instant = parseInstant(String(text));
    if (!Number.isNaN(instant)) return instant;
    throw refuse(
      operation,
      `${place}.data[${i}] is ${show(text)}; the date column "${column.name}" takes BYTES in ${acceptedDates}`,
    );
  });
  return { ...tensor, data };
}

function namedRows(tensors: readonly Tensor[], inputs: EndpointInputs): Row[] {
  const columns = new Map(inputs.columns.map((column) => [column.name, column]));
  const rowCount = tensors[0]?.rows ?? 0;
  const seen = new Set<string>();
  for (const [i, tensor] of tensors.entries()) {
    const place = `inputs[${i}]`;
    const column = columns.get(tensor.name);
    if (seen.has(tensor.name)) throw refuse(operation, `${place}.name "${tensor.name}" comes twice`);
    seen.add(tensor.name);
    if (tensor.rows !== rowCount) {
      throw refuse(operation, `${place} "${tensor.name}" has ${tensor.rows} rows, but inputs[0] has ${rowCount}`);
    }
    if (tensor.width !== 1) {
      throw refuse(operation, `${place} "${tensor.name}" has ${tensor.width} columns; a tensor beside others has one`);
    }
    if (column !== undefined) checkType(tensor, column, place);
    else if (!inputs.usesFeatures) {
      const names = [...columns.keys()].join(', ');
      throw refuse(operation, `${place}.name is "${tensor.name}"; the endpoint takes ${names.slice(0, 500)}`);
    }
  }
  for (const name of columns.keys()) {
    if (!seen.has(name)) throw refuse(operation, `no tensor is named "${name}"`);
  }
  const read = tensors.map((tensor, i) => withInstants(tensor, [columns.get(tensor.name)], `inputs[${i}]`));
  return Array.from({ length: rowCount }, (_, row) => {
    const values: Row = {};
    for (const tensor of read) values[tensor.name] = tensor.data[row] ?? null;
    return values;
  });
}

function parseOutputs(
  list: unknown,
  outputs: readonly InferOutput[],
  isBinaryByDefault: boolean,
): InferRequest['outputs'] {
  if (list === undefined) {
    const isUsual = outputs === inferOutputs && !isBinaryByDefault;
    return isUsual ? allJson : outputs.map(({ name }) => ({ name, isBinary: isBinaryByDefault }));
  }
  if (!Array.isArray(list) || list.length > TENSORS_MAX)
    throw refuse(operation, `outputs is ${show(list)}; it must be a list`);
  return list.map((wanted: unknown, i) => {
    const name = isObject(wanted) ? wanted['name'] : undefined;
    const output = outputs.find((known) => known.name === name);
    if (!isObject(wanted) || output === undefined) {
      const known = outputs.map((o) => o.name).join(', ');
      throw refuse(operation, `outputs[${i}].name is ${show(name)}; the outputs are ${known}`);
    }
    const parameters = wanted['parameters'];
    const binary = isObject(parameters) ? parameters['binary_data'] : undefined;
    return { name: output.name, isBinary: typeof binary === 'boolean' ? binary : isBinaryByDefault };
  });
}

const jsonHeaders = { 'content-type': 'application/json' };

/** The answer to a request from the predictions of its rows. */
export function answerInfer(
  endpoint: string,
  request: InferRequest,
  predictions: readonly Prediction[],
): ForeignAnswer {
  const [first] = predictions;
  if (request.isPlain && predictions.length === 1 && first !== undefined) {
    return { status: 200, headers: jsonHeaders, body: shortAnswer(endpoint, request.id, first), isAscii: true };
  }
  if (request.outputs === allJson)
    return { status: 200, headers: jsonHeaders, body: usualAnswer(endpoint, request.id, predictions) };
  const version = first?.version;
  const isOneVersion = predictions.every((prediction) => prediction.version === version);
  const tails: Uint8Array[] = [];
  const outputs = request.outputs.map(({ name, isBinary }) => {
    const output = [...inferOutputs, ...detailOutputs].find((known) => known.name === name);
    const datatype = output?.datatype ?? 'FP32';
    const data = predictions.flatMap((prediction) => outputValues(name, prediction, request.detailNames));
    const rows = predictions.length;
    const shape = output?.shape.length === 2 ? [rows, request.detailNames.length] : [rows];
    const head = { name, datatype, shape };
    if (!isBinary) return { ...head, data };
    const bytes = encode(datatype, data);
    tails.push(bytes);
    return { ...head, parameters: { binary_data_size: bytes.length } };
  });
  const json = JSON.stringify({
    model_name: endpoint,
    ...(isOneVersion ? { model_version: String(version) } : {}),
    ...(request.id === undefined ? {} : { id: request.id }),
    outputs,
  });
  if (tails.length === 0) return { status: 200, headers: jsonHeaders, body: json };
  const head = Buffer.from(json, 'utf8');
  const headers = {
    'content-type': 'application/octet-stream',
    'inference-header-content-length': String(head.length),
  };
  return { status: 200, headers, body: Buffer.concat([head, ...tails]) };
}

/** One prediction, in as few pieces as it can be. Names of endpoints are of letters, digits, dots and dashes. */
function shortAnswer(
  endpoint: string,
  id: string | undefined,
  { id: predictionId, score, version }: Prediction,
): string {
  const named = id === undefined ? '' : `"id":"${id}",`;
  const value = Number.isFinite(score) ? score : 'null';
  return `{"model_name":"${endpoint}","model_version":"${version}",${named}"outputs":[{"name":"score","datatype":"FP32","shape":[1],"data":[${value}]},{"name":"prediction_id","datatype":"BYTES","shape":[1],"data":["${predictionId}"]},{"name":"model_version","datatype":"INT64","shape":[1],"data":[${version}]}]}`;
}

/** All outputs as JSON, in the same words, without going through objects. */
function usualAnswer(endpoint: string, id: string | undefined, predictions: readonly Prediction[]): string {
  const [first] = predictions;
  let isOneVersion = true;
  let scores = '';
  let ids = '';
  let versions = '';
  for (const prediction of predictions) {
    const comma = prediction === first ? '' : ',';
    isOneVersion &&= prediction.version === first?.version;
    scores += comma + (Number.isFinite(prediction.score) ? String(prediction.score) : 'null');
    ids += `${comma}"${prediction.id}"`;
    versions += comma + String(prediction.version);
  }
  const shape = `"shape":[${predictions.length}]`;
  return (
    `{"model_name":${quoted(endpoint)},` +
    (isOneVersion ? `"model_version":"${first?.version}",` : '') +
    (id === undefined ? '' : `"id":${quoted(id)},`) +
    `"outputs":[{"name":"score","datatype":"FP32",${shape},"data":[${scores}]},` +
    `{"name":"prediction_id","datatype":"BYTES",${shape},"data":[${ids}]},` +
    `{"name":"model_version","datatype":"INT64",${shape},"data":[${versions}]}]}`
  );
}

const quoted = (text: string): string => (/^[\w-]*$/.test(text) ? `"${text}"` : JSON.stringify(text));

/** `names` are the classes or levels in their order; what a version does not say is NaN. */
function outputValues(
  name: OutputName,
  prediction: Prediction,
  names: readonly string[],
): readonly (number | string)[] {
  switch (name) {
    case 'score':
      return [prediction.score];
    case 'prediction_id':
      return [prediction.id];
    case 'model_version':
      return [prediction.version];
    case 'label':
      return [String(prediction.label ?? '')];
    case 'probabilities':
    case 'quantiles': {
      const values = prediction[name];
      return names.map((wanted) => values?.[wanted] ?? Number.NaN);
    }
  }
}
