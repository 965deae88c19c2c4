/**
 * A typed model as ONNX files hold it (onnx/onnx.proto of ONNX 1.18): what is read, evaluated and written.
 *
 * Kept: graphs, nodes, attributes (with subgraphs), initializers, value types, opsets and metadata. Not kept: doc strings of
 * parts, quantization annotations, training info, local functions, sparse tensors; `hasLocalFunctions` and a tensor's
 * `location` say so, because a model that needs them must not be evaluated here.
 */

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

/** AttributeProto.AttributeType of the attributes that are kept. */
export const attributeCodes = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
} as const;

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
