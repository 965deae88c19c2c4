/** Pieces from which the writers build a model. */
import { tensorTypes } from './model.ts';
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from './model.ts';

/** IR 9 and these opsets are read by every ONNX Runtime since 1.15 (2023). */
const IR_VERSION = 9;
const OPSET_CORE = 17;
const OPSET_ML = 3;

export const mlDomain = 'ai.onnx.ml';

/** Metadata key under which the names of the columns of a single tensor input are kept, as a JSON array. */
export const FEATURE_NAMES_KEY = 'feature_names';

/** Metadata key of what a model over a table says of its columns: JSON, see `readTableInfo`. */
export const TABLE_KEY = 'table';

export type AttributeValue =
  | string
  | Float32Array
  | BigInt64Array
  | readonly string[]
  | { readonly int: number }
  | { readonly float: number };

export interface NodeParts {
  readonly opType: string;
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

export function makeNode(parts: NodeParts): OnnxNode {
  return {
    name: parts.outputs[0] ?? parts.opType,
    opType: parts.opType,
    domain: parts.domain ?? mlDomain,
    inputs: parts.inputs,
    outputs: parts.outputs,
    attributes: new Map(Object.entries(parts.attributes).map(([name, value]) => [name, makeAttribute(value)])),
  };
}

function makeAttribute(value: AttributeValue): OnnxAttribute {
  if (typeof value === 'string') return { type: 'string', value };
  if (value instanceof Float32Array) return { type: 'floats', values: value };
  if (value instanceof BigInt64Array) return { type: 'ints', values: value };
  if ('int' in value) return { type: 'int', value: BigInt(value.int) };
  if ('float' in value) return { type: 'float', value: value.float };
  return { type: 'strings', values: value };
}

/** A tensor of any number of rows. */
export function makeValue(name: string, dataType: keyof typeof tensorTypes, width?: number): OnnxValue {
  const shape = width === undefined ? ['N'] : ['N', width];
  return { name, type: { kind: 'tensor', dataType: tensorTypes[dataType], shape } };
}

export interface ModelParts {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly initializers?: readonly OnnxTensor[];
  /** Version of ai.onnx where the usual one lacks an operator. */
  readonly coreOpset?: number;
  readonly metadata: Readonly<Record<string, string>>;
}

export function makeModel(parts: ModelParts): OnnxModel {
  return {
    irVersion: IR_VERSION,
    producerName: 'slipway',
    producerVersion: '',
    opsets: [
      { domain: '', version: parts.coreOpset ?? OPSET_CORE },
      { domain: mlDomain, version: OPSET_ML },
    ],
    graph: {
      name: parts.name,
      nodes: parts.nodes,
      initializers: parts.initializers ?? [],
      inputs: parts.inputs,
      outputs: parts.outputs,
    },
    metadata: parts.metadata,
    hasLocalFunctions: false,
  };
}

/** The attribute that carries class labels, and the data type of the label output. */
export function labelParts(
  labels: readonly (string | number)[],
  integerKey: 'classlabels_int64s' | 'classlabels_ints',
): { readonly attributes: Readonly<Record<string, AttributeValue>>; readonly dataType: 'STRING' | 'INT64' } {
  const texts = labels.filter((label) => typeof label === 'string');
  if (texts.length === labels.length) return { attributes: { classlabels_strings: texts }, dataType: 'STRING' };
  return { attributes: { [integerKey]: BigInt64Array.from(labels, BigInt) }, dataType: 'INT64' };
}
