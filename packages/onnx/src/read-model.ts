/** Reads ONNX model files (IR version 3 to 13): the protobuf messages of onnx.proto into a typed model. */
import { OnnxError } from './errors.ts';
import type {
  OnnxAttribute,
  OnnxDim,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxValue,
  OnnxValueType,
} from './model.ts';
import { attributeCodes } from './model.ts';
import { ProtoReader } from './protobuf.ts';
import { readTensor } from './read-tensor.ts';

/** A protobuf message cannot be larger (int32 length). */
export const MODEL_FILE_BYTES_MAX = 2 ** 31 - 1;

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
  return [name, attributeOf(name, code, { float, int, text, tensor, graph, floats, ints, strings })];
}

interface AttributeParts {
  readonly float: number;
  readonly int: bigint;
  readonly text: Uint8Array;
  readonly tensor: OnnxTensor | undefined;
  readonly graph: OnnxGraph | undefined;
  readonly floats: readonly number[];
  readonly ints: readonly bigint[];
  readonly strings: readonly string[];
}

function attributeOf(name: string, code: number, parts: AttributeParts): OnnxAttribute {
  switch (code) {
    case attributeCodes.float:
      return { type: 'float', value: parts.float };
    case attributeCodes.int:
      return { type: 'int', value: parts.int };
    case attributeCodes.string:
      return textAttribute(parts.text);
    case attributeCodes.tensor:
      if (parts.tensor === undefined)
        throw new OnnxError('format', `Attribute "${name}" declares a tensor and has none.`);
      return { type: 'tensor', value: parts.tensor };
    case attributeCodes.graph:
      if (parts.graph === undefined)
        throw new OnnxError('format', `Attribute "${name}" declares a graph and has none.`);
      return { type: 'graph', value: parts.graph };
    case attributeCodes.floats:
      return { type: 'floats', values: Float32Array.from(parts.floats) };
    case attributeCodes.ints:
      return { type: 'ints', values: BigInt64Array.from(parts.ints) };
    case attributeCodes.strings:
      return { type: 'strings', values: parts.strings };
    default:
      return { type: 'other', code };
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
