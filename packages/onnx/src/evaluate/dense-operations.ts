/**
 * Linear models and small dense networks: LinearClassifier, LinearRegressor, Gemm, MatMul, arithmetic with constants,
 * activations, Softmax, ArgMax. Sums of products are doubles rounded once, so that results differ from the float32
 * matrix products of ONNX Runtime in the last bits (measured: at most 1e-6).
 */
import { logisticf } from './expf.ts';
import { makeLabelOutput } from './labels.ts';
import { floatAttribute, floatsAttribute, intAttribute, labelCount, readLabels, textAttribute } from './operation.ts';
import type { Compiled, Operation, Unsupported } from './operation.ts';
import { softmaxInPlace } from './tree-operations.ts';
import { constantNumbers, makeNumbers, storageOf } from './values.ts';
import type { NumberValue, Step, Value } from './values.ts';

/** out[row, j] = sum over k of in[row, k] * weights[j, k], plus bias[j]. */
interface Affine {
  readonly input: NumberValue;
  readonly output: NumberValue;
  /** [output width, input width], row-major. */
  readonly weights: Float64Array;
  readonly bias: Float64Array;
  readonly capacityRows: number;
}

function linkAffine({ input, output, weights, bias, capacityRows }: Affine): Step {
  const source = storageOf(input, capacityRows);
  const target = storageOf(output, capacityRows);
  const [n, m] = [input.width, output.width];
  return (rowCount) => {
    // casts: all indices run over the shapes given above
    for (let row = 0; row < rowCount; row++) {
      for (let j = 0; j < m; j++) {
        let sum = bias[j] as number;
        for (let k = 0; k < n; k++) sum += (source[row * n + k] as number) * (weights[j * n + k] as number);
        target[row * m + j] = sum;
      }
    }
  };
}

export const linearClassifier: Operation = ({ node, inputs, capacityRows }) => {
  const input = inputs[0];
  const labels = readLabels(node);
  const coefficients = floatsAttribute(node, 'coefficients');
  const intercepts = floatsAttribute(node, 'intercepts');
  const transform = textAttribute(node, 'post_transform', 'NONE');
  if (input?.type !== 'numbers' || labels === undefined || coefficients === undefined || intercepts === undefined) {
    return { unsupported: 'LinearClassifier without numbers, labels, coefficients or intercepts' };
  }
  const classes = labelCount(labels);
  if (intercepts.length !== classes || coefficients.length !== classes * input.width || classes < 2) {
    return { unsupported: `LinearClassifier with ${intercepts.length} rows of coefficients for ${classes} classes` };
  }
  if (transform !== 'NONE' && transform !== 'LOGISTIC' && transform !== 'SOFTMAX') {
    return { unsupported: `LinearClassifier with post_transform ${transform}` };
  }
  const label = makeLabelOutput(labels, capacityRows);
  const scores = makeNumbers('FP32', classes);
  return {
    outputs: [label.value, scores],
    exact: false,
    multiplyAdds: coefficients.length,
    link: () => {
      const affine = linkAffine({
        input,
        output: scores,
        weights: Float64Array.from(coefficients),
        bias: Float64Array.from(intercepts),
        capacityRows,
      });
      const writeLabel = label.writer();
      const out = storageOf(scores, capacityRows) as Float32Array; // FP32 above
      return (rowCount) => {
        affine(rowCount);
        for (let row = 0; row < rowCount; row++) {
          const at = row * classes;
          let best = 0;
          for (let k = 1; k < classes; k++) if ((out[at + k] as number) > (out[at + best] as number)) best = k; // in range
          writeLabel(row, best);
          if (transform === 'SOFTMAX') softmaxInPlace(out, at, classes);
          if (transform === 'LOGISTIC') {
            for (let k = 0; k < classes; k++) out[at + k] = logisticf(out[at + k] as number);
          }
        }
      };
    },
  };
};

export const linearRegressor: Operation = ({ node, inputs, capacityRows }) => {
  const input = inputs[0];
  const targets = intAttribute(node, 'targets', 1);
  const coefficients = floatsAttribute(node, 'coefficients');
  const intercepts = floatsAttribute(node, 'intercepts') ?? new Float32Array(targets);
  const transform = textAttribute(node, 'post_transform', 'NONE');
  if (transform !== 'NONE') return { unsupported: `LinearRegressor with post_transform ${transform}` };
  if (input?.type !== 'numbers' || coefficients?.length !== targets * input.width || intercepts.length !== targets) {
    return { unsupported: 'LinearRegressor whose coefficients do not fit its columns' };
  }
  return affineOutput({
    input,
    output: makeNumbers('FP32', targets),
    weights: Float64Array.from(coefficients),
    bias: Float64Array.from(intercepts),
    capacityRows,
  });
};

function affineOutput(affine: Affine): Compiled {
  return {
    outputs: [affine.output],
    exact: false,
    multiplyAdds: affine.weights.length,
    link: () => linkAffine(affine),
  };
}

/** Weights of a constant [k, m] matrix as [m, k], or [m, k] as they are when `isTransposed`. */
function constantMatrix(value: Value | undefined, inputWidth: number, isTransposed: boolean): Float64Array | undefined {
  const numbers = constantNumbers(value);
  if (numbers === undefined || value?.type !== 'constant' || value.tensor.dims.length !== 2) return undefined;
  const [rows, columns] = value.tensor.dims as [number, number]; // two dims
  if ((isTransposed ? columns : rows) !== inputWidth) return undefined;
  if (isTransposed) return numbers;
  return Float64Array.from(numbers, (_, i) => numbers[(i % rows) * columns + Math.floor(i / rows)] as number); // a permutation
}

export const matMul: Operation = ({ inputs, capacityRows }) => {
  const input = inputs[0];
  if (input?.type !== 'numbers') return { unsupported: 'MatMul whose left side is not a batch of rows' };
  const weights = constantMatrix(inputs[1], input.width, false);
  if (weights === undefined) return { unsupported: 'MatMul with other than a constant matrix' };
  const width = weights.length / input.width;
  const output = makeNumbers(input.datatype === 'FP64' ? 'FP64' : 'FP32', width);
  return affineOutput({ input, output, weights, bias: new Float64Array(width), capacityRows });
};

export const gemm: Operation = ({ node, inputs, capacityRows }) => {
  const input = inputs[0];
  const [alpha, beta] = [floatAttribute(node, 'alpha', 1), floatAttribute(node, 'beta', 1)];
  if (input?.type !== 'numbers' || intAttribute(node, 'transA', 0) !== 0) {
    return { unsupported: 'Gemm whose left side is not a batch of rows' };
  }
  const weights = constantMatrix(inputs[1], input.width, intAttribute(node, 'transB', 0) === 1);
  if (weights === undefined) return { unsupported: 'Gemm with other than a constant matrix' };
  const width = weights.length / input.width;
  const given = inputs[2] === undefined ? new Float64Array(width) : constantNumbers(inputs[2]);
  if (given === undefined || (given.length !== width && given.length !== 1)) {
    return { unsupported: 'Gemm with a bias that is not one row of constants' };
  }
  const bias = Float64Array.from({ length: width }, (_, j) => beta * (given[given.length === 1 ? 0 : j] ?? 0));
  return affineOutput({
    input,
    output: makeNumbers(input.datatype === 'FP64' ? 'FP64' : 'FP32', width),
    weights: weights.map((weight) => weight * alpha),
    bias,
    capacityRows,
  });
};

/** A term of an arithmetic operator: a batch of rows, or one row of constants (one value serves all columns). */
type Term = { readonly value: NumberValue } | { readonly row: Float64Array };

function readTerm(value: Value | undefined): Term | undefined {
  if (value?.type === 'numbers') return { value };
  const row = constantNumbers(value);
  if (row === undefined || value?.type !== 'constant') return undefined;
  const dims = value.tensor.dims;
  return dims.length <= 1 || dims.slice(0, -1).every((dim) => dim === 1) ? { row } : undefined;
}

function termWidth(term: Term): number {
  return 'value' in term ? term.value.width : term.row.length;
}

export function arithmetic(apply: (a: number, b: number) => number): Operation {
  return ({ node, inputs, capacityRows }): Compiled | Unsupported => {
    const [a, b] = [readTerm(inputs[0]), readTerm(inputs[1])];
    const batch = a !== undefined && 'value' in a ? a.value : b !== undefined && 'value' in b ? b.value : undefined;
    if (a === undefined || b === undefined || batch === undefined) {
      return { unsupported: `${node.opType} of other than rows and constants` };
    }
    const width = Math.max(termWidth(a), termWidth(b));
    if ([a, b].some((term) => termWidth(term) !== width && termWidth(term) !== 1)) {
      return { unsupported: `${node.opType} of ${termWidth(a)} and ${termWidth(b)} columns` };
    }
    const output = makeNumbers(batch.datatype, width);
    return {
      outputs: [output],
      exact: batch.datatype === 'FP32' || batch.datatype === 'FP64',
      link: () => {
        const target = storageOf(output, capacityRows);
        const [readA, readB] = [termReader(a, capacityRows), termReader(b, capacityRows)];
        return (rowCount) => {
          for (let row = 0; row < rowCount; row++) {
            for (let k = 0; k < width; k++) target[row * width + k] = apply(readA(row, k), readB(row, k));
          }
        };
      },
    };
  };
}

function termReader(term: Term, capacityRows: number): (row: number, column: number) => number {
  // casts: column < width of the term or the term has one column
  if ('row' in term) {
    const { row: constants } = term;
    return constants.length === 1 ? () => constants[0] as number : (_, k) => constants[k] as number;
  }
  const storage = storageOf(term.value, capacityRows);
  const width = term.value.width;
  return width === 1 ? (row) => storage[row] as number : (row, k) => storage[row * width + k] as number;
}

export function activation(apply: (x: number) => number, isExact: boolean): Operation {
  return ({ node, inputs, capacityRows }) => {
    const input = inputs[0];
    if (input?.type !== 'numbers') return { unsupported: `${node.opType} of other than numbers` };
    const output = makeNumbers(input.datatype, input.width);
    return {
      outputs: [output],
      exact: isExact,
      link: () => {
        const source = storageOf(input, capacityRows);
        const target = storageOf(output, capacityRows);
        return (rowCount) => {
          for (let i = 0, end = rowCount * input.width; i < end; i++) target[i] = apply(source[i] as number); // in range
        };
      },
    };
  };
}

export const softmax: Operation = ({ node, inputs, capacityRows }) => {
  const input = inputs[0];
  const axis = intAttribute(node, 'axis', -1);
  if (input?.type !== 'numbers' || input.datatype !== 'FP32' || (axis !== 1 && axis !== -1)) {
    return { unsupported: `Softmax along axis ${axis} or of other than float32` };
  }
  const output = makeNumbers('FP32', input.width);
  return {
    outputs: [output],
    exact: false,
    link: () => {
      const source = storageOf(input, capacityRows);
      const target = storageOf(output, capacityRows) as Float32Array; // FP32 above
      return (rowCount) => {
        target.set(source.subarray(0, rowCount * input.width));
        for (let row = 0; row < rowCount; row++) softmaxInPlace(target, row * input.width, input.width);
      };
    },
  };
};

export const argMax: Operation = ({ node, inputs, capacityRows }) => {
  const input = inputs[0];
  const axis = intAttribute(node, 'axis', 0);
  if (input?.type !== 'numbers' || (axis !== 1 && axis !== -1) || intAttribute(node, 'select_last_index', 0) !== 0) {
    return { unsupported: `ArgMax along axis ${axis}` };
  }
  const output = makeNumbers('INT64', 1);
  const width = input.width;
  return {
    outputs: [output],
    exact: true,
    link: () => {
      const source = storageOf(input, capacityRows);
      const target = storageOf(output, capacityRows);
      return (rowCount) => {
        for (let row = 0; row < rowCount; row++) {
          let best = 0;
          for (let k = 1; k < width; k++) {
            if ((source[row * width + k] as number) > (source[row * width + best] as number)) best = k; // in range
          }
          target[row] = best;
        }
      };
    },
  };
};
