/**
 * What a model file wants and answers, in the data types of the Open Inference Protocol, version 2.
 * A sequence or map output that a ZipMap makes (the default of scikit-learn converters) is described as the tensor
 * behind it; other outputs that are not tensors are left out.
 */
import { OnnxError } from './errors.ts';
import type { ColumnKind } from './column-encodings.ts';
import { FEATURE_NAMES_KEY, mlDomain, TABLE_KEY } from './graph-parts.ts';
import { tensorTypes } from './model.ts';
import type { OnnxDim, OnnxModel, OnnxValue } from './model.ts';

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

/** Class labels in the order of the probabilities: those that the table's metadata names, else of the file's first classifier. */
export function readClassLabels(model: OnnxModel): readonly (string | number)[] | undefined {
  return readTableInfo(model)?.classes ?? classifierLabels(model);
}

/** Class labels as the operators of the file have them. */
export function classifierLabels(model: OnnxModel): readonly (string | number)[] | undefined {
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
  /** Labels of the classes in the order of their probabilities, where the operators know only their places. */
  readonly classes?: readonly (string | number)[];
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

const isLabels = (value: unknown): value is readonly (string | number)[] =>
  Array.isArray(value) &&
  value.length > 1 &&
  value.every((label) => typeof label === 'string' || typeof label === 'number');

/** Columns with their kinds, from the metadata of our own writers; undefined for other files. */
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
    const classes: unknown = 'classes' in info ? info.classes : undefined;
    return { columns, ...(isLevels ? { quantiles } : {}), ...(isLabels(classes) ? { classes } : {}) };
  } catch {
    return undefined;
  }
}

/** The same model, saying this of its table. */
export function writeTableInfo(model: OnnxModel, info: TableInfo): OnnxModel {
  return { ...model, metadata: { ...model.metadata, [TABLE_KEY]: JSON.stringify(info) } };
}

/** The same model with its inputs under other names, in their order; what had one of these names inside gives way. */
export function renameInputs(model: OnnxModel, names: readonly string[]): OnnxModel {
  const { graph } = model;
  const constants = new Set(graph.initializers.map(({ name }) => name));
  const inputs = graph.inputs.filter(({ name }) => !constants.has(name));
  const renamed = new Map(inputs.map(({ name }, i) => [name, names[i] ?? name]));
  const taken = new Set(renamed.values());
  const inner = new Set([...constants, ...graph.nodes.flatMap(({ outputs }) => outputs)]);
  for (const name of inner) {
    let free = name;
    while (taken.has(free)) free = `${free}~`;
    taken.add(free);
    renamed.set(name, free);
  }
  const nameOf = (name: string): string => renamed.get(name) ?? name;
  const all = <T extends { readonly name: string }>(list: readonly T[]): T[] =>
    list.map((one) => ({ ...one, name: nameOf(one.name) }));
  return {
    ...model,
    graph: {
      ...graph,
      nodes: graph.nodes.map((node) => ({
        ...node,
        inputs: node.inputs.map(nameOf),
        outputs: node.outputs.map(nameOf),
      })),
      initializers: all(graph.initializers),
      inputs: all(graph.inputs),
      outputs: all(graph.outputs),
    },
  };
}
