/**
 * What a model file wants and answers, in the data types of the Open Inference Protocol, version 2.
 * A sequence or map output that a ZipMap makes (the default of scikit-learn converters) is described as the tensor
 * behind it; other outputs that are not tensors are left out.
 */
import { OnnxError } from './errors.ts';
import type { ColumnKind } from './column-encodings.ts';
import { FEATURE_NAMES_KEY, mlDomain, TABLE_KEY } from './graph-parts.ts';
import { tensorTypes } from './model-file.ts';
import type { OnnxDim, OnnxModel, OnnxValue } from './model-file.ts';

export type Datatype =
  | 'BOOL'
  | 'UINT8'
  | 'UINT16'
  | 'UINT32'
  | 'UINT64'
  | 'INT8'
  | 'INT16'
  | 'INT32'
  | 'INT64'
  | 'FP16'
  | 'FP32'
  | 'FP64'
  | 'BYTES';

export interface TensorSignature {
  readonly name: string;
  readonly datatype: Datatype;
  /** -1 where any size is taken. */
  readonly shape: readonly number[];
  /** Names of the columns of a two-dimensional input, when the file carries them. */
  readonly columns?: readonly string[];
}

export interface ModelSignature {
  readonly inputs: readonly TensorSignature[];
  readonly outputs: readonly TensorSignature[];
}

const datatypes = new Map<number, Datatype>([
  [tensorTypes.FLOAT, 'FP32'],
  [tensorTypes.DOUBLE, 'FP64'],
  [tensorTypes.FLOAT16, 'FP16'],
  [tensorTypes.INT8, 'INT8'],
  [tensorTypes.INT16, 'INT16'],
  [tensorTypes.INT32, 'INT32'],
  [tensorTypes.INT64, 'INT64'],
  [tensorTypes.UINT8, 'UINT8'],
  [tensorTypes.UINT16, 'UINT16'],
  [tensorTypes.UINT32, 'UINT32'],
  [tensorTypes.UINT64, 'UINT64'],
  [tensorTypes.BOOL, 'BOOL'],
  [tensorTypes.STRING, 'BYTES'],
]);

/** Throws OnnxError 'model' when an input is not a tensor of a type that the protocol knows. */
export function readSignature(model: OnnxModel): ModelSignature {
  const constants = new Set(model.graph.initializers.map((tensor) => tensor.name));
  const columns = readFeatureNames(model);
  const inputs = model.graph.inputs
    .filter((value) => !constants.has(value.name))
    .map((value): TensorSignature => {
      const tensor = describe(value);
      if (tensor === undefined) {
        throw new OnnxError('model', `Input "${value.name}" of the model is not a tensor of numbers or text.`);
      }
      return tensor;
    });
  const only = inputs.length === 1 ? inputs[0] : undefined;
  const named =
    only !== undefined && columns !== undefined && only.shape[1] === columns.length ? [{ ...only, columns }] : inputs;
  const zipMaps = new Map<string, number>();
  for (const node of model.graph.nodes) {
    if (node.domain !== mlDomain || node.opType !== 'ZipMap') continue;
    const labels = node.attributes.get('classlabels_int64s') ?? node.attributes.get('classlabels_strings');
    const classes = labels?.type === 'ints' || labels?.type === 'strings' ? labels.values.length : -1;
    for (const output of node.outputs) zipMaps.set(output, classes);
  }
  const outputs: TensorSignature[] = [];
  for (const value of model.graph.outputs) {
    const classes = zipMaps.get(value.name);
    const tensor =
      classes === undefined ? describe(value) : { name: value.name, datatype: 'FP32' as const, shape: [-1, classes] };
    if (tensor !== undefined) outputs.push(tensor);
  }
  return { inputs: named, outputs };
}

function describe(value: OnnxValue): TensorSignature | undefined {
  if (value.type.kind !== 'tensor') return undefined;
  const datatype = datatypes.get(value.type.dataType);
  if (datatype === undefined) return undefined;
  return { name: value.name, datatype, shape: (value.type.shape ?? [-1]).map(dimension) };
}

function dimension(dim: OnnxDim): number {
  return typeof dim === 'number' && dim > 0 ? dim : -1;
}

/** Column names from the metadata of our own writers; undefined when absent or not a list of texts. */
export function readFeatureNames(model: OnnxModel): readonly string[] | undefined {
  const text = Object.hasOwn(model.metadata, FEATURE_NAMES_KEY) ? model.metadata[FEATURE_NAMES_KEY] : undefined;
  if (text === undefined) return undefined;
  try {
    const names: unknown = JSON.parse(text);
    return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : undefined;
  } catch {
    return undefined;
  }
}

/** Class labels of the file's first classifier, in the order of its probabilities. */
export function readClassLabels(model: OnnxModel): readonly (string | number)[] | undefined {
  for (const { attributes } of model.graph.nodes) {
    for (const key of ['classlabels_strings', 'classlabels_int64s', 'classlabels_ints']) {
      const labels = attributes.get(key);
      if (labels?.type === 'strings' && labels.values.length > 0) return labels.values;
      if (labels?.type === 'ints' && labels.values.length > 0) return Array.from(labels.values, Number);
    }
  }
  return undefined;
}

export interface TableColumnInfo {
  readonly name: string;
  readonly kind: ColumnKind;
}

/** What the file of a model over a table says of itself. */
export interface TableInfo {
  readonly columns: readonly TableColumnInfo[];
  /** Levels of the output `quantiles`, in its order. */
  readonly quantiles?: readonly number[];
}

const kinds: ReadonlySet<unknown> = new Set<ColumnKind>(['number', 'boolean', 'date', 'category', 'text']);

function isColumnInfo(value: unknown): value is TableColumnInfo {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    typeof value.name === 'string' &&
    'kind' in value &&
    kinds.has(value.kind)
  );
}

/** Columns with their kinds, from the metadata of our own writer; undefined for other files. */
export function readTableInfo(model: OnnxModel): TableInfo | undefined {
  const text = Object.hasOwn(model.metadata, TABLE_KEY) ? model.metadata[TABLE_KEY] : undefined;
  if (text === undefined) return undefined;
  try {
    const info: unknown = JSON.parse(text);
    if (typeof info !== 'object' || info === null || !('columns' in info)) return undefined;
    const { columns } = info;
    if (!Array.isArray(columns) || !columns.every(isColumnInfo)) return undefined;
    const quantiles: unknown = 'quantiles' in info ? info.quantiles : undefined;
    const isLevels = Array.isArray(quantiles) && quantiles.every((level) => typeof level === 'number');
    return isLevels ? { columns, quantiles } : { columns };
  } catch {
    return undefined;
  }
}
