/** Operators that choose: ArrayFeatureExtractor and a TopK that sorts, among the columns of a row; Gather, a row of a table. */
import { tensorTypes } from '../model.ts';
import { intAttribute } from './operation.ts';
import type { Compiled, Operation, Unsupported } from './operation.ts';
import { constantNumbers, makeNumbers, makeTexts, storageOf } from './values.ts';
import type { ConstantValue, NumberValue } from './values.ts';

/** Class labels by index, or the columns with constant indices. */
export const arrayFeatureExtractor: Operation = ({ inputs, capacityRows }) => {
  const [from, indices] = inputs;
  if (from?.type === 'constant' && indices?.type === 'numbers' && indices.width === 1) {
    return pickLabels(from, indices, capacityRows);
  }
  const columns = constantNumbers(indices);
  if (from?.type === 'numbers' && columns !== undefined && columns.every((k) => k >= 0 && k < from.width)) {
    return pickColumns(from, columns, capacityRows);
  }
  return { unsupported: 'ArrayFeatureExtractor over other than constant labels or constant columns' };
};

function pickLabels(labels: ConstantValue, indices: NumberValue, capacityRows: number): Compiled | Unsupported {
  const { data } = labels.tensor;
  const link = <T>(source: ArrayLike<T>, target: { [index: number]: T }, otherwise: T) => {
    const at = storageOf(indices, capacityRows);
    return (rowCount: number) => {
      for (let row = 0; row < rowCount; row++) target[row] = source[at[row] ?? 0] ?? otherwise;
    };
  };
  if (data.location === 'string') {
    const output = makeTexts(1, capacityRows);
    return { outputs: [output], exact: true, link: () => link(data.values, output.storage, '') };
  }
  const numbers = constantNumbers(labels);
  if (numbers === undefined) return { unsupported: 'ArrayFeatureExtractor of this type' };
  const datatype = data.location === 'float' ? 'FP32' : data.location === 'double' ? 'FP64' : 'INT64';
  const output = makeNumbers(datatype, 1);
  return { outputs: [output], exact: true, link: () => link(numbers, storageOf(output, capacityRows), 0) };
}

function pickColumns(from: NumberValue, columns: Float64Array, capacityRows: number): Compiled {
  const output = makeNumbers(from.datatype, columns.length);
  return {
    outputs: [output],
    exact: true,
    link: () => {
      const [source, target] = [storageOf(from, capacityRows), storageOf(output, capacityRows)];
      return (rowCount) => {
        for (let row = 0; row < rowCount; row++) {
          for (let k = 0; k < columns.length; k++) {
            target[row * columns.length + k] = source[row * from.width + (columns[k] ?? 0)] ?? 0;
          }
        }
      };
    },
  };
}

/** All columns of each row, ascending. */
export const topK: Operation = ({ node, inputs, capacityRows }) => {
  const [input, k] = inputs;
  const count = constantNumbers(k)?.[0];
  const axis = intAttribute(node, 'axis', -1);
  const sortsAll =
    (axis === 1 || axis === -1) && intAttribute(node, 'largest', 1) === 0 && intAttribute(node, 'sorted', 1) === 1;
  if (input?.type !== 'numbers' || count !== input.width || !sortsAll) {
    return { unsupported: 'TopK that does other than sort all columns of a row, ascending' };
  }
  const output = makeNumbers(input.datatype, input.width);
  return {
    outputs: [output],
    exact: true,
    link: () => {
      const [source, target] = [storageOf(input, capacityRows), storageOf(output, capacityRows)];
      const { width } = input;
      return (rowCount) => {
        target.set(source.subarray(0, rowCount * width));
        for (let row = 0; row < rowCount; row++) target.subarray(row * width, (row + 1) * width).sort();
      };
    },
  };
};

/** Rows of a constant table of yes and no, by an index per row. */
export const gather: Operation = ({ node, inputs, capacityRows }) => {
  const [table, indices] = inputs;
  const tensor = table?.type === 'constant' ? table.tensor : undefined;
  const [count = 0, width = 0] = tensor?.dims ?? [];
  const isTable =
    tensor?.dataType === tensorTypes.BOOL && tensor.dims.length === 2 && intAttribute(node, 'axis', 0) === 0;
  const bytes = tensor?.data.location === 'raw' ? tensor.data.bytes : undefined;
  const isIndex = indices?.type === 'numbers' && indices.width === 1 && indices.datatype === 'INT64';
  if (!isTable || !isIndex || bytes?.length !== count * width || width === 0) {
    return { unsupported: 'Gather that does other than take rows of a table of yes and no' };
  }
  const output = makeNumbers('BOOL', width);
  return {
    outputs: [output],
    exact: true,
    link: () => {
      const [at, target] = [storageOf(indices, capacityRows), storageOf(output, capacityRows)];
      return (rowCount) => {
        for (let row = 0; row < rowCount; row++) {
          // Indices below 0 count from the end; ONNX Runtime refuses those beyond either.
          const index = at[row] ?? 0;
          const from = (index < 0 ? index + count : index) * width;
          for (let k = 0; k < width; k++) target[row * width + k] = bytes[from + k] ?? 0;
        }
      };
    },
  };
};
