/**
 * One inference request from bytes to bytes; the route and the hot path both come here, so that they cannot disagree.
 *
 * Inputs: one tensor per column, [rows] or [rows, 1]; or, for a model of numbers without a feature service, one tensor
 * [rows, columns] under any name, columns in the model's order. `parameters.at` is the event time in milliseconds.
 * Outputs: `score`, `prediction_id`, `model_version`, each [rows]; of several classes also `label` [rows] (text) and
 * `probabilities` [rows, classes], of quantiles `quantiles` [rows, levels].
 */
import type { Prediction } from '@slipway/contract';
import { instancesPerRequestMax, SlipwayError } from '@slipway/contract';
import type { ForeignAnswer } from '../../platform/http/foreign.ts';
import { refuse, show } from './errors.ts';
import type { EndpointInputs, PredictionRow } from '../../modules/serving/index.ts';
import { BinaryTail, encode, isObject, NAME_MAX, parseTensor } from './tensors.ts';
import type { InputValue, Tensor } from './tensors.ts';

const operation = 'infer';
/** Tensors of one request: as many as a wide table has columns. */
const TENSORS_MAX = 10_000;
/** An id is also the routing key of its rows. */
const ID_MAX = 200;
const tensorKeys: ReadonlySet<string> = new Set(['name', 'shape', 'datatype', 'data']);

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
  readonly rows: readonly PredictionRow[];
  readonly outputs: readonly { readonly name: OutputName; readonly isBinary: boolean }[];
  /** Columns of `probabilities` or `quantiles`. */
  readonly detailNames: readonly string[];
}

export interface InferBody {
  readonly bytes: Uint8Array;
  /** Length of the JSON part when binary tensors follow it (header Inference-Header-Content-Length). */
  readonly jsonLength: number | undefined;
}

/** Throws `body_not_json`, `request_invalid` naming the place. */
export function parseInfer(body: InferBody, inputs: EndpointInputs): InferRequest {
  const { bytes, jsonLength } = body;
  if (jsonLength !== undefined && !(jsonLength >= 2 && jsonLength <= bytes.length)) {
    throw refuse(operation, `Inference-Header-Content-Length is ${jsonLength} for a body of ${bytes.length} bytes`);
  }
  const json = parseJson(jsonLength === undefined ? bytes : bytes.subarray(0, jsonLength));
  return (jsonLength === undefined ? readUsual(json, inputs) : undefined) ?? parseAny(json, body, inputs);
}

/**
 * The usual request to a model of numbers, one tensor of all columns and nothing optional but an id, read by one loop into
 * rows; undefined for everything else, right or wrong.
 */
function readUsual(json: unknown, known: EndpointInputs): InferRequest | undefined {
  const { numberNames: names } = known;
  if (names === undefined || names.length < 2 || !isObject(json)) return undefined;
  for (const key in json) if (key !== 'id' && key !== 'inputs') return undefined;
  const { id, inputs } = json;
  if (id !== undefined && (typeof id !== 'string' || id.length > ID_MAX)) return undefined;
  const tensor: unknown = Array.isArray(inputs) && inputs.length === 1 ? inputs[0] : undefined;
  if (!isObject(tensor)) return undefined;
  for (const key in tensor) if (!tensorKeys.has(key)) return undefined;
  const { name, shape, datatype, data } = tensor;
  if (typeof name !== 'string' || name.length === 0 || name.length > NAME_MAX) return undefined;
  if ((datatype !== 'FP32' && datatype !== 'FP64') || !Array.isArray(shape) || !Array.isArray(data)) return undefined;
  const rowCount: unknown = shape[0];
  const width = names.length;
  if (shape.length !== 2 || shape[1] !== width || typeof rowCount !== 'number' || !Number.isInteger(rowCount)) {
    return undefined;
  }
  if (rowCount < 1 || rowCount > instancesPerRequestMax || data.length !== rowCount * width) return undefined;
  const routingId = id === '' ? undefined : id;
  if (!isNumbers(data)) return undefined;
  const rows: PredictionRow[] = [];
  for (let row = 0; row < rowCount; row++) {
    rows.push({ id: routingId, at: undefined, names, numbers: data, start: row * width });
  }
  const outputs = parseOutputs(undefined, outputsOf(known), false);
  return { id, rows, outputs, detailNames: known.detailNames?.names ?? [] };
}

function isNumbers(data: readonly unknown[]): data is readonly (number | null)[] {
  for (let i = 0; i < data.length; i++) if (typeof data[i] !== 'number' && data[i] !== null) return false;
  return true;
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
    rows: rows.map((row) => ({ id: routingId, at, inputs: row })),
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
  for (const column of columns) checkType(tensor, column.type, 'inputs[0]', column.name);
  const rows: Row[] = [];
  for (let row = 0; row < tensor.rows; row++) {
    const values: Row = {};
    let at = row * tensor.width;
    for (const column of columns) values[column.name] = tensor.data[at++] ?? null;
    rows.push(values);
  }
  return rows;
}

function checkType(tensor: Tensor, type: 'number' | 'text', place: string, column: string): void {
  if ((tensor.datatype === 'BYTES') === (type === 'text')) return;
  const wanted = type === 'text' ? 'BYTES' : 'numbers';
  throw refuse(operation, `${place} has datatype ${tensor.datatype}, but column "${column}" wants ${wanted}`);
}

function namedRows(tensors: readonly Tensor[], inputs: EndpointInputs): Row[] {
  const columns = new Map(inputs.columns.map((column) => [column.name, column.type]));
  const rowCount = tensors[0]?.rows ?? 0;
  const seen = new Set<string>();
  for (const [i, tensor] of tensors.entries()) {
    const place = `inputs[${i}]`;
    const type = columns.get(tensor.name);
    if (seen.has(tensor.name)) throw refuse(operation, `${place}.name "${tensor.name}" comes twice`);
    seen.add(tensor.name);
    if (tensor.rows !== rowCount) {
      throw refuse(operation, `${place} "${tensor.name}" has ${tensor.rows} rows, but inputs[0] has ${rowCount}`);
    }
    if (tensor.width !== 1) {
      throw refuse(operation, `${place} "${tensor.name}" has ${tensor.width} columns; a tensor beside others has one`);
    }
    if (type !== undefined) checkType(tensor, type, place, tensor.name);
    else if (!inputs.usesFeatures) {
      const names = [...columns.keys()].join(', ');
      throw refuse(operation, `${place}.name is "${tensor.name}"; the endpoint takes ${names.slice(0, 500)}`);
    }
  }
  for (const name of columns.keys()) {
    if (!seen.has(name)) throw refuse(operation, `no tensor is named "${name}"`);
  }
  return Array.from({ length: rowCount }, (_, row) => {
    const values: Row = {};
    for (const tensor of tensors) values[tensor.name] = tensor.data[row] ?? null;
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
  if (request.outputs === allJson)
    return { status: 200, headers: jsonHeaders, body: usualAnswer(endpoint, request.id, predictions) };
  const version = predictions[0]?.version;
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
