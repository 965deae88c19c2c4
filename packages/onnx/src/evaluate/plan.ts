/**
 * A model as a plan: the operations of its graph compiled to closures over buffers that the plan owns.
 *
 * The caller writes up to `capacityRows` rows into the input columns, calls `run(rowCount)` and reads the outputs; the
 * buffers are used again by the next run. Nothing is allocated per run. A model with any operation, type or shape that
 * is not reproduced here is answered with `unsupported` and the reason, and belongs to ONNX Runtime.
 * `exact` plans give the bits of ONNX Runtime 1.30 with one thread on glibc; others differ by at most about 1e-6.
 */
import { mlDomain } from '../graph-parts.ts';
import type { OnnxModel } from '../model.ts';
import { readSignature } from '../signature.ts';
import type { TensorSignature } from '../signature.ts';
import { cast, concat, imputer, labelEncoder, normalizer, passOn, reshape, scaler } from './column-operations.ts';
import {
  activation,
  argMax,
  arithmetic,
  gemm,
  linearClassifier,
  linearRegressor,
  matMul,
  softmax,
} from './dense-operations.ts';
import { oneHotEncoder } from './one-hot-operation.ts';
import { nodeLabel } from './operation.ts';
import type { Operation, Unsupported } from './operation.ts';
import { arrayFeatureExtractor, gather, topK } from './selection-operations.ts';
import { stringSplit, tfIdfVectorizer } from './text-operations.ts';
import { treeEnsembleClassifier, treeEnsembleRegressor } from './tree-operations.ts';
import { isRowValue, makeNumbers, makeTexts, storageOf } from './values.ts';
import type { NumberDatatype, NumberValue, Step, TextValue, Value } from './values.ts';

/** Rows of one run when the caller does not say. */
const CAPACITY_ROWS = 256;
/** Widest input that a plan takes. */
const WIDTH_MAX = 65_536;
/** Multiply-adds per row above which ONNX Runtime's matrix products win at any batch size. */
const MULTIPLY_ADDS_MAX = 100_000;

interface ColumnShape {
  readonly name: string;
  readonly width: number;
}

/** A matrix [capacityRows, width], row-major. INT64, INT32 and BOOL are held as doubles. */
export type PlanColumn =
  | (ColumnShape & { readonly datatype: 'FP32'; readonly values: Float32Array })
  | (ColumnShape & { readonly datatype: 'FP64' | 'INT64' | 'INT32' | 'BOOL'; readonly values: Float64Array })
  | (ColumnShape & { readonly datatype: 'BYTES'; readonly values: string[] });

export interface Plan {
  /** 'kernel': trees in WebAssembly; 'walker': trees one by one; 'dense': no trees. */
  readonly engine: 'kernel' | 'walker' | 'dense';
  readonly exact: boolean;
  readonly capacityRows: number;
  /** Multiply-adds per row of dense operations: many of them times many rows are better left to ONNX Runtime. */
  readonly multiplyAdds: number;
  readonly inputs: readonly PlanColumn[];
  readonly outputs: readonly PlanColumn[];
  /** Computes the first rowCount rows, 0 <= rowCount <= capacityRows. */
  run(rowCount: number): void;
}

const operations = new Map<string, Operation>([
  ['Identity', passOn],
  ['Cast', cast],
  ['Concat', concat],
  ['Reshape', reshape],
  ['MatMul', matMul],
  ['Gemm', gemm],
  ['Add', arithmetic((a, b) => a + b)],
  ['Sub', arithmetic((a, b) => a - b)],
  ['Mul', arithmetic((a, b) => a * b)],
  ['Div', arithmetic((a, b) => a / b)],
  ['Relu', activation((x) => (x < 0 ? 0 : x), true)],
  ['Sigmoid', activation((x) => 1 / (1 + Math.exp(-x)), false)],
  ['Tanh', activation(Math.tanh, false)],
  ['Softmax', softmax],
  ['ArgMax', argMax],
  ['Floor', activation(Math.floor, true)],
  ['TopK', topK],
  ['Gather', gather],
  ['StringSplit', stringSplit],
  ['TfIdfVectorizer', tfIdfVectorizer],
  [`${mlDomain}.ZipMap`, passOn],
  [`${mlDomain}.LabelEncoder`, labelEncoder],
  [`${mlDomain}.Imputer`, imputer],
  [`${mlDomain}.OneHotEncoder`, oneHotEncoder],
  [`${mlDomain}.Scaler`, scaler],
  [`${mlDomain}.Normalizer`, normalizer],
  [`${mlDomain}.ArrayFeatureExtractor`, arrayFeatureExtractor],
  [`${mlDomain}.LinearClassifier`, linearClassifier],
  [`${mlDomain}.LinearRegressor`, linearRegressor],
  [`${mlDomain}.TreeEnsembleClassifier`, treeEnsembleClassifier],
  [`${mlDomain}.TreeEnsembleRegressor`, treeEnsembleRegressor],
]);

/**
 * Compiles a model, or says why it cannot.
 *
 * @example
 * const plan = planModel(readModel(bytes));
 * if (!('unsupported' in plan)) { const x = plan.inputs[0]; ...; plan.run(1); }
 */
export function planModel(model: OnnxModel, options: { readonly capacityRows?: number } = {}): Plan | Unsupported {
  const capacityRows = options.capacityRows ?? CAPACITY_ROWS;
  if (model.hasLocalFunctions) return { unsupported: 'local functions' };
  const signature = readSignature(model);
  const values = new Map<string, Value>();
  for (const tensor of model.graph.initializers) values.set(tensor.name, { type: 'constant', tensor });
  for (const input of signature.inputs) {
    const value = makeInput(input, capacityRows);
    if ('unsupported' in value) return value;
    values.set(input.name, value);
  }
  const links: (() => Step)[] = [];
  let exact = true;
  let multiplyAdds = 0;
  let engine: Plan['engine'] = 'dense';
  for (const node of model.graph.nodes) {
    const operation = operations.get(node.domain === '' ? node.opType : `${node.domain}.${node.opType}`);
    if (operation === undefined) return { unsupported: `the operator ${nodeLabel(node)}` };
    const compiled = operation({ node, inputs: node.inputs.map((name) => values.get(name)), capacityRows });
    if ('unsupported' in compiled) return compiled;
    node.outputs.forEach((name, i) => {
      const value = compiled.outputs[i];
      if (value !== undefined && name !== '') values.set(name, value);
    });
    if (compiled.link !== undefined) links.push(compiled.link);
    exact &&= compiled.exact;
    multiplyAdds += compiled.multiplyAdds ?? 0;
    if (compiled.engine !== undefined && engine !== 'walker') engine = compiled.engine;
  }
  if (multiplyAdds > MULTIPLY_ADDS_MAX) return { unsupported: `a network of ${multiplyAdds} multiply-adds per row` };
  const steps = links.map((link) => link());
  const outputs = collect(signature.outputs, values, capacityRows);
  if ('unsupported' in outputs) return outputs;
  const inputs = collect(signature.inputs, values, capacityRows);
  if ('unsupported' in inputs) return inputs;
  const run = (rowCount: number): void => {
    for (const step of steps) step(rowCount);
  };
  return { engine, exact, capacityRows, multiplyAdds, inputs: inputs.columns, outputs: outputs.columns, run };
}

const inputDatatypes: ReadonlySet<string> = new Set<NumberDatatype>(['FP32', 'FP64', 'INT64', 'INT32', 'BOOL']);

function isNumberDatatype(datatype: string): datatype is NumberDatatype {
  return inputDatatypes.has(datatype);
}

function makeInput(input: TensorSignature, capacityRows: number): NumberValue | TextValue | Unsupported {
  const width = input.shape.length === 1 ? 1 : (input.shape[1] ?? -1);
  if (input.shape.length > 2 || input.shape.length === 0 || width < 1 || width > WIDTH_MAX) {
    return { unsupported: `input "${input.name}" of shape [${input.shape.join(', ')}]` };
  }
  if (input.datatype === 'BYTES') return makeTexts(width, capacityRows);
  if (!isNumberDatatype(input.datatype)) return { unsupported: `input "${input.name}" of type ${input.datatype}` };
  return makeNumbers(input.datatype, width);
}

function collect(
  tensors: readonly TensorSignature[],
  values: ReadonlyMap<string, Value>,
  capacityRows: number,
): { readonly columns: readonly PlanColumn[] } | Unsupported {
  const columns: PlanColumn[] = [];
  for (const { name } of tensors) {
    const value = values.get(name);
    if (!isRowValue(value)) return { unsupported: `output "${name}", which no row decides` };
    columns.push(describeColumn(name, value, capacityRows));
  }
  return { columns };
}

function describeColumn(name: string, value: NumberValue | TextValue, capacityRows: number): PlanColumn {
  const width = value.width;
  if (value.type === 'texts') return { name, width, datatype: 'BYTES', values: value.storage };
  const storage = storageOf(value, capacityRows);
  if (value.datatype === 'FP32') return { name, width, datatype: 'FP32', values: storage as Float32Array }; // storageOf
  return { name, width, datatype: value.datatype, values: storage as Float64Array }; // storageOf
}
