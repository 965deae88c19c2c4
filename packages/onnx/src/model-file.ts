/**
 * ONNX model files (onnx.proto, IR version 3 to 13) to and from a typed model.
 *
 * Read: graphs, nodes, attributes (with subgraphs), initializers, value types, opsets and metadata. Not kept: doc strings
 * of parts, quantization annotations, training info, local functions, sparse tensors; `hasLocalFunctions` and a tensor's
 * `location` say so, because a model that needs them must not be evaluated here.
 * Source: onnx/onnx.proto of ONNX 1.18.
 */
import { OnnxError } from './errors.ts';
import { ProtoReader, ProtoWriter } from './protobuf.ts';

/** A protobuf message cannot be larger (int32 length). */
export const MODEL_FILE_BYTES_MAX = 2 ** 31 - 1;

/** TensorProto.DataType by name. */
export const tensorTypes = {
  FLOAT: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  STRING: 8,
  BOOL: 9,
  FLOAT16: 10,
  DOUBLE: 11,
  UINT32: 12,
  UINT64: 13,
} as const;

/** Values of the types that the evaluator computes with; `raw` for all others and `external` for data outside the file. */
export type TensorData =
  | { readonly location: 'float'; readonly values: Float32Array }
  | { readonly location: 'double'; readonly values: Float64Array }
  | { readonly location: 'int64'; readonly values: BigInt64Array }
  | { readonly location: 'string'; readonly values: readonly string[] }
  | { readonly location: 'raw'; readonly bytes: Uint8Array }
  | { readonly location: 'external' };

export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly number[];
  /** TensorProto.DataType code. */
  readonly dataType: number;
  readonly data: TensorData;
}

export type OnnxAttribute =
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'int'; readonly value: bigint }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'bytes'; readonly value: Uint8Array }
  | { readonly type: 'tensor'; readonly value: OnnxTensor }
  | { readonly type: 'graph'; readonly value: OnnxGraph }
  | { readonly type: 'floats'; readonly values: Float32Array }
  | { readonly type: 'ints'; readonly values: BigInt64Array }
  | { readonly type: 'strings'; readonly values: readonly string[] }
  | { readonly type: 'other'; readonly code: number };

export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  /** '' is ai.onnx. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

/** A dimension: a fixed size, a symbol such as "N", or undefined when the file says nothing. */
export type OnnxDim = number | string | undefined;

export type OnnxValueType =
  | { readonly kind: 'tensor'; readonly dataType: number; readonly shape: readonly OnnxDim[] | undefined }
  | { readonly kind: 'sequence' | 'map' | 'other' };

export interface OnnxValue {
  readonly name: string;
  readonly type: OnnxValueType;
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

export interface OnnxModel {
  readonly irVersion: number;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly graph: OnnxGraph;
  readonly metadata: Readonly<Record<string, string>>;
  readonly hasLocalFunctions: boolean;
}

/** Parses an ONNX file. Throws OnnxError for anything that is not one. */
export function readModel(bytes: Uint8Array): OnnxModel {
  if (bytes.byteLength > MODEL_FILE_BYTES_MAX) {
    throw new OnnxError(
      'limit',
      `The file has ${bytes.byteLength} bytes; an ONNX file has at most ${MODEL_FILE_BYTES_MAX}.`,
    );
  }
  const reader = new ProtoReader(bytes);
  let irVersion = 0;
  let producerName = '';
  let producerVersion = '';
  let graph: OnnxGraph | undefined;
  let hasLocalFunctions = false;
  const opsets: { domain: string; version: number }[] = [];
  const metadata: Record<string, string> = Object.create(null) as Record<string, string>; // no inherited keys
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        irVersion = reader.int();
        break;
      case 2:
        producerName = reader.string();
        break;
      case 3:
        producerVersion = reader.string();
        break;
      case 7:
        graph = reader.message(readGraph);
        break;
      case 8:
        opsets.push(reader.message(readOpset));
        break;
      case 14: {
        const [key, value] = reader.message(readEntry);
        metadata[key] = value;
        break;
      }
      case 25:
        hasLocalFunctions = true;
        reader.skip();
        break;
      default:
        reader.skip();
    }
  }
  if (graph === undefined) throw new OnnxError('format', 'The file has no graph: it is not an ONNX model.');
  if (irVersion < 3 || irVersion > 13) {
    throw new OnnxError('format', `The file declares ONNX IR version ${irVersion}; versions 3 to 13 are read.`);
  }
  return { irVersion, producerName, producerVersion, opsets, graph, metadata: { ...metadata }, hasLocalFunctions };
}

function readOpset(reader: ProtoReader): { domain: string; version: number } {
  let domain = '';
  let version = 0;
  while (reader.next()) {
    if (reader.field === 1) domain = reader.string();
    else if (reader.field === 2) version = reader.int();
    else reader.skip();
  }
  return { domain, version };
}

function readEntry(reader: ProtoReader): [string, string] {
  let key = '';
  let value = '';
  while (reader.next()) {
    if (reader.field === 1) key = reader.string();
    else if (reader.field === 2) value = reader.string();
    else reader.skip();
  }
  return [key, value];
}

function readGraph(reader: ProtoReader): OnnxGraph {
  let name = '';
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        nodes.push(reader.message(readNode));
        break;
      case 2:
        name = reader.string();
        break;
      case 5:
        initializers.push(reader.message(readTensor));
        break;
      case 11:
        inputs.push(reader.message(readValue));
        break;
      case 12:
        outputs.push(reader.message(readValue));
        break;
      default:
        reader.skip();
    }
  }
  return { name, nodes, initializers, inputs, outputs };
}

function readNode(reader: ProtoReader): OnnxNode {
  let name = '';
  let opType = '';
  let domain = '';
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, OnnxAttribute>();
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        inputs.push(reader.string());
        break;
      case 2:
        outputs.push(reader.string());
        break;
      case 3:
        name = reader.string();
        break;
      case 4:
        opType = reader.string();
        break;
      case 5: {
        const [key, attribute] = reader.message(readAttribute);
        attributes.set(key, attribute);
        break;
      }
      case 7:
        domain = reader.string();
        break;
      default:
        reader.skip();
    }
  }
  return { name, opType, domain: domain === 'ai.onnx' ? '' : domain, inputs, outputs, attributes };
}

/** AttributeProto.AttributeType by code. */
const attributeCodes = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7, strings: 8 } as const;

function readAttribute(reader: ProtoReader): [string, OnnxAttribute] {
  let name = '';
  let code = 0;
  let float = 0;
  let int = 0n;
  let text: Uint8Array = new Uint8Array(0);
  let tensor: OnnxTensor | undefined;
  let graph: OnnxGraph | undefined;
  const floats: number[] = [];
  const ints: bigint[] = [];
  const strings: string[] = [];
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        name = reader.string();
        break;
      case 2:
        float = reader.float();
        code ||= attributeCodes.float;
        break;
      case 3:
        int = reader.int64();
        code ||= attributeCodes.int;
        break;
      case 4:
        text = reader.bytes();
        code ||= attributeCodes.string;
        break;
      case 5:
        tensor = reader.message(readTensor);
        code ||= attributeCodes.tensor;
        break;
      case 6:
        graph = reader.message(readGraph);
        code ||= attributeCodes.graph;
        break;
      case 7:
        reader.floats(floats);
        code ||= attributeCodes.floats;
        break;
      case 8:
        reader.int64s(ints);
        code ||= attributeCodes.ints;
        break;
      case 9:
        strings.push(reader.string());
        code ||= attributeCodes.strings;
        break;
      case 20:
        code = reader.int();
        break;
      default:
        reader.skip();
    }
  }
  switch (code) {
    case attributeCodes.float:
      return [name, { type: 'float', value: float }];
    case attributeCodes.int:
      return [name, { type: 'int', value: int }];
    case attributeCodes.string:
      return [name, textAttribute(text)];
    case attributeCodes.tensor:
      if (tensor === undefined) throw new OnnxError('format', `Attribute "${name}" declares a tensor and has none.`);
      return [name, { type: 'tensor', value: tensor }];
    case attributeCodes.graph:
      if (graph === undefined) throw new OnnxError('format', `Attribute "${name}" declares a graph and has none.`);
      return [name, { type: 'graph', value: graph }];
    case attributeCodes.floats:
      return [name, { type: 'floats', values: Float32Array.from(floats) }];
    case attributeCodes.ints:
      return [name, { type: 'ints', values: BigInt64Array.from(ints) }];
    case attributeCodes.strings:
      return [name, { type: 'strings', values: strings }];
    default:
      return [name, { type: 'other', code }];
  }
}

/** The `s` field may hold any bytes; text is the rule. */
function textAttribute(bytes: Uint8Array): OnnxAttribute {
  try {
    return { type: 'string', value: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { type: 'bytes', value: new Uint8Array(bytes) };
  }
}

function readTensor(reader: ProtoReader): OnnxTensor {
  let name = '';
  let dataType = 0;
  let raw: Uint8Array | undefined;
  let external = false;
  const dims: bigint[] = [];
  const floats: number[] = [];
  const doubles: number[] = [];
  const ints: bigint[] = [];
  const strings: string[] = [];
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        reader.int64s(dims);
        break;
      case 2:
        dataType = reader.int();
        break;
      case 4:
        reader.floats(floats);
        break;
      case 5:
      case 7:
      case 11:
        reader.int64s(ints);
        break;
      case 6:
        strings.push(reader.string());
        break;
      case 8:
        name = reader.string();
        break;
      case 9:
        raw = reader.bytes();
        break;
      case 10:
        reader.doubles(doubles);
        break;
      case 13:
        external = true;
        reader.skip();
        break;
      case 14:
        external = reader.int() === 1;
        break;
      default:
        reader.skip();
    }
  }
  const shape = dims.map(Number);
  const data = external
    ? ({ location: 'external' } as const)
    : tensorData(dataType, { raw, floats, doubles, ints, strings });
  checkTensorSize(name, shape, data);
  return { name, dims: shape, dataType, data };
}

interface TensorParts {
  readonly raw: Uint8Array | undefined;
  readonly floats: readonly number[];
  readonly doubles: readonly number[];
  readonly ints: readonly bigint[];
  readonly strings: readonly string[];
}

function tensorData(dataType: number, parts: TensorParts): TensorData {
  switch (dataType) {
    case tensorTypes.FLOAT:
      return {
        location: 'float',
        values: parts.raw ? new Float32Array(aligned(parts.raw, 4)) : Float32Array.from(parts.floats),
      };
    case tensorTypes.DOUBLE:
      return {
        location: 'double',
        values: parts.raw ? new Float64Array(aligned(parts.raw, 8)) : Float64Array.from(parts.doubles),
      };
    case tensorTypes.INT64:
      return {
        location: 'int64',
        values: parts.raw ? new BigInt64Array(aligned(parts.raw, 8)) : BigInt64Array.from(parts.ints),
      };
    case tensorTypes.INT32:
      if (parts.raw === undefined) return { location: 'int64', values: BigInt64Array.from(parts.ints) };
      return { location: 'int64', values: BigInt64Array.from(new Int32Array(aligned(parts.raw, 4)), BigInt) };
    case tensorTypes.STRING:
      return { location: 'string', values: parts.strings };
    default:
      return { location: 'raw', bytes: new Uint8Array(parts.raw ?? []) };
  }
}

/** Raw data as an own buffer whose length is a whole number of items. The package supports little-endian machines only. */
function aligned(raw: Uint8Array, itemBytes: number): ArrayBuffer {
  if (raw.byteLength % itemBytes !== 0) {
    throw new OnnxError('format', `A tensor has ${raw.byteLength} bytes of raw data, not a multiple of ${itemBytes}.`);
  }
  // Not `slice`: that of a Buffer, which is what files are read into, is a view of the whole file.
  return new Uint8Array(raw).buffer;
}

function checkTensorSize(name: string, dims: readonly number[], data: TensorData): void {
  let wanted = 1;
  for (const dim of dims) {
    if (!Number.isSafeInteger(dim) || dim < 0)
      throw new OnnxError('format', `Tensor "${name}" has a dimension of ${dim}.`);
    wanted *= dim;
  }
  if (data.location === 'raw' || data.location === 'external') return;
  if (data.values.length !== wanted) {
    const shape = `[${dims.join(', ')}]`;
    throw new OnnxError('format', `Tensor "${name}" of shape ${shape} holds ${data.values.length} values.`);
  }
}

function readValue(reader: ProtoReader): OnnxValue {
  let name = '';
  let type: OnnxValueType = { kind: 'other' };
  while (reader.next()) {
    if (reader.field === 1) name = reader.string();
    else if (reader.field === 2) type = reader.message(readType);
    else reader.skip();
  }
  return { name, type };
}

function readType(reader: ProtoReader): OnnxValueType {
  let type: OnnxValueType = { kind: 'other' };
  while (reader.next()) {
    if (reader.field === 1) type = reader.message(readTensorType);
    else {
      if (reader.field === 4) type = { kind: 'sequence' };
      else if (reader.field === 5) type = { kind: 'map' };
      reader.skip();
    }
  }
  return type;
}

function readTensorType(reader: ProtoReader): OnnxValueType {
  let dataType = 0;
  let shape: OnnxDim[] | undefined;
  while (reader.next()) {
    if (reader.field === 1) dataType = reader.int();
    else if (reader.field === 2) shape = reader.message(readShape);
    else reader.skip();
  }
  return { kind: 'tensor', dataType, shape };
}

function readShape(reader: ProtoReader): OnnxDim[] {
  const dims: OnnxDim[] = [];
  while (reader.next()) {
    if (reader.field === 1) dims.push(reader.message(readDim));
    else reader.skip();
  }
  return dims;
}

function readDim(reader: ProtoReader): OnnxDim {
  let dim: OnnxDim;
  while (reader.next()) {
    if (reader.field === 1) dim = reader.int();
    else if (reader.field === 2) dim = reader.string();
    else reader.skip();
  }
  return dim;
}

/** The file of a model: the same model gives the same bytes. */
export function writeModel(model: OnnxModel): Uint8Array {
  const writer = new ProtoWriter();
  writer.int(1, model.irVersion).string(2, model.producerName).string(3, model.producerVersion);
  writer.message(7, (inner) => writeGraph(inner, model.graph));
  for (const opset of model.opsets) {
    writer.message(8, (inner) => inner.string(1, opset.domain).int(2, opset.version));
  }
  for (const [key, value] of Object.entries(model.metadata)) {
    writer.message(14, (inner) => inner.string(1, key).string(2, value));
  }
  return writer.finish();
}

function writeGraph(writer: ProtoWriter, graph: OnnxGraph): void {
  for (const node of graph.nodes) writer.message(1, (inner) => writeNode(inner, node));
  writer.string(2, graph.name);
  for (const tensor of graph.initializers) writer.message(5, (inner) => writeTensor(inner, tensor));
  for (const value of graph.inputs) writer.message(11, (inner) => writeValue(inner, value));
  for (const value of graph.outputs) writer.message(12, (inner) => writeValue(inner, value));
}

function writeNode(writer: ProtoWriter, node: OnnxNode): void {
  for (const input of node.inputs) writer.string(1, input);
  for (const output of node.outputs) writer.string(2, output);
  writer.string(3, node.name).string(4, node.opType);
  for (const [name, attribute] of node.attributes) {
    writer.message(5, (inner) => writeAttribute(inner, name, attribute));
  }
  if (node.domain !== '') writer.string(7, node.domain);
}

function writeAttribute(writer: ProtoWriter, name: string, attribute: OnnxAttribute): void {
  writer.string(1, name);
  switch (attribute.type) {
    case 'float':
      writer.float(2, attribute.value);
      break;
    case 'int':
      writer.int(3, attribute.value);
      break;
    case 'string':
      writer.string(4, attribute.value);
      break;
    case 'bytes':
      writer.bytes(4, attribute.value);
      break;
    case 'tensor':
      writer.message(5, (inner) => writeTensor(inner, attribute.value));
      break;
    case 'graph':
      writer.message(6, (inner) => writeGraph(inner, attribute.value));
      break;
    case 'floats':
      writer.packedFloats(7, attribute.values);
      break;
    case 'ints':
      writer.packedInts(8, attribute.values);
      break;
    case 'strings':
      writer.strings(9, attribute.values);
      break;
    case 'other':
      throw new OnnxError('model', `Attribute "${name}" has type ${attribute.code}, which is not written.`);
  }
  writer.int(20, attribute.type === 'bytes' ? attributeCodes.string : attributeCodes[attribute.type]);
}

function writeTensor(writer: ProtoWriter, tensor: OnnxTensor): void {
  writer.packedInts(1, tensor.dims).int(2, tensor.dataType).string(8, tensor.name);
  const data = tensor.data;
  switch (data.location) {
    case 'float':
    case 'double':
      writer.bytes(9, new Uint8Array(data.values.buffer, data.values.byteOffset, data.values.byteLength));
      break;
    case 'int64':
      writer.packedInts(tensor.dataType === tensorTypes.INT32 ? 5 : 7, data.values);
      break;
    case 'string':
      for (const text of data.values) writer.string(6, text);
      break;
    case 'raw':
      writer.bytes(9, data.bytes);
      break;
    case 'external':
      throw new OnnxError('model', `Tensor "${tensor.name}" lies outside the file and cannot be written.`);
  }
}

function writeValue(writer: ProtoWriter, value: OnnxValue): void {
  writer.string(1, value.name);
  const type = value.type;
  if (type.kind !== 'tensor')
    throw new OnnxError('model', `Value "${value.name}" is not a tensor and cannot be written.`);
  writer.message(2, (typeWriter) =>
    typeWriter.message(1, (tensorWriter) => {
      tensorWriter.int(1, type.dataType);
      if (type.shape === undefined) return;
      const shape = type.shape;
      tensorWriter.message(2, (shapeWriter) => {
        for (const dim of shape) {
          shapeWriter.message(1, (dimWriter) => {
            if (typeof dim === 'number') dimWriter.int(1, dim);
            else if (dim !== undefined) dimWriter.string(2, dim);
          });
        }
      });
    }),
  );
}
