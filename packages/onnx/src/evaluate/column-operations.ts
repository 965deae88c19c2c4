/** Operators that prepare columns: LabelEncoder, Concat, Imputer, Scaler, Normalizer, Cast, Identity, Reshape, ZipMap. */
import type { OnnxNode } from '../model.ts';
import { tensorTypes } from '../model.ts';
import {
  floatAttribute,
  floatsAttribute,
  intAttribute,
  intsAttribute,
  textAttribute,
  textsAttribute,
} from './operation.ts';
import type { Compiled, Operation, Unsupported } from './operation.ts';
import { encodeLists } from './text-operations.ts';
import { constantNumbers, isRowValue, makeNumbers, makeTexts, storageOf } from './values.ts';
import type { NumberDatatype, NumberValue, TextValue } from './values.ts';

/** Hands its input on under another name: Identity, and ZipMap, whose maps become the tensor they were made from. */
export const passOn: Operation = ({ inputs }) => ({ outputs: [inputs[0]], exact: true });

const castTargets = new Map<number, NumberDatatype>([
  [tensorTypes.FLOAT, 'FP32'],
  [tensorTypes.DOUBLE, 'FP64'],
  [tensorTypes.INT64, 'INT64'],
]);

export const cast: Operation = ({ node, inputs, capacityRows }) => {
  const input = inputs[0];
  const code = intAttribute(node, 'to', 0);
  if (input?.type === 'texts' && code === tensorTypes.STRING) return { outputs: [input], exact: true };
  const target = castTargets.get(code);
  if (input?.type !== 'numbers' || target === undefined) return { unsupported: `Cast to data type ${code}` };
  if (input.datatype === target) return { outputs: [input], exact: true };
  const output = makeNumbers(target, input.width);
  if (target === 'INT64') return elementwise({ input, output, capacityRows }, () => Math.trunc);
  return {
    outputs: [output],
    exact: true,
    link: () => {
      const [source, into] = [storageOf(input, capacityRows), storageOf(output, capacityRows)];
      // Storing rounds.
      return (rowCount) => {
        for (let i = 0, end = rowCount * input.width; i < end; i++) into[i] = source[i] ?? 0;
      };
    },
  };
};

interface Elementwise {
  readonly input: NumberValue;
  readonly output: NumberValue;
  readonly capacityRows: number;
}

/** One function per column, given by index; storing into FP32 rounds. */
function elementwise(
  { input, output, capacityRows }: Elementwise,
  column: (index: number) => (x: number) => number,
): Compiled {
  const width = input.width;
  const functions = Array.from({ length: width }, (_, index) => column(index));
  return {
    outputs: [output],
    exact: true,
    link: () => {
      const source = storageOf(input, capacityRows);
      const target = storageOf(output, capacityRows);
      return (rowCount) => {
        for (let row = 0; row < rowCount; row++) {
          for (let k = 0; k < width; k++) {
            const i = row * width + k;
            target[i] = (functions[k] as (x: number) => number)(source[i] as number); // in range
          }
        }
      };
    },
  };
}

/** A per-column attribute may have one value for all columns. */
function spread(values: Float32Array | undefined, width: number): Float32Array | undefined {
  if (values === undefined) return undefined;
  if (values.length === width) return values;
  return values.length === 1 ? new Float32Array(width).fill(values[0] as number) : undefined; // length 1
}

export const imputer: Operation = ({ node, inputs, capacityRows }) => {
  const input = inputs[0];
  const imputed =
    input?.type === 'numbers' ? spread(floatsAttribute(node, 'imputed_value_floats'), input.width) : undefined;
  if (input?.type !== 'numbers' || input.datatype !== 'FP32' || imputed === undefined) {
    return { unsupported: 'Imputer over other than float32 columns' };
  }
  const replaced = floatAttribute(node, 'replaced_value_float', 0);
  return elementwise({ input, output: makeNumbers('FP32', input.width), capacityRows }, (index) => {
    const value = imputed[index] as number; // one per column
    return Number.isNaN(replaced) ? (x) => (Number.isNaN(x) ? value : x) : (x) => (x === replaced ? value : x);
  });
};

export const scaler: Operation = ({ node, inputs, capacityRows }) => {
  const input = inputs[0];
  if (input?.type !== 'numbers') return { unsupported: 'Scaler over other than numbers' };
  const offset = spread(floatsAttribute(node, 'offset') ?? new Float32Array(1), input.width);
  const scale = spread(floatsAttribute(node, 'scale') ?? Float32Array.of(1), input.width);
  if (offset === undefined || scale === undefined) {
    return { unsupported: 'Scaler whose offsets or scales do not fit its columns' };
  }
  return elementwise({ input, output: makeNumbers('FP32', input.width), capacityRows }, (index) => {
    const [a, b] = [offset[index] as number, scale[index] as number]; // one per column
    return (x) => Math.fround(Math.fround(x) - a) * b;
  });
};

export const normalizer: Operation = ({ node, inputs, capacityRows }) => {
  const input = inputs[0];
  const norm = textAttribute(node, 'norm', 'MAX');
  if (input?.type !== 'numbers' || norm === 'MAX') return { unsupported: `Normalizer with norm ${norm}` };
  const output = makeNumbers('FP32', input.width);
  const width = input.width;
  return {
    outputs: [output],
    exact: false,
    link: () => {
      const source = storageOf(input, capacityRows);
      const target = storageOf(output, capacityRows);
      return (rowCount) => {
        for (let at = 0; at < rowCount * width; at += width) {
          let sum = 0;
          for (let k = 0; k < width; k++) {
            const x = source[at + k] as number; // in range
            sum += norm === 'L1' ? Math.abs(x) : x * x;
          }
          const length = norm === 'L1' ? sum : Math.sqrt(sum);
          for (let k = 0; k < width; k++) target[at + k] = (source[at + k] as number) / (length === 0 ? 1 : length);
        }
      };
    },
  };
};

export const concat: Operation = ({ node, inputs, capacityRows }) => {
  const axis = intAttribute(node, 'axis', 1);
  const planes = inputs.flatMap((input) => (input?.type === 'planes' ? [input.columns] : []));
  const isPlanes = planes.length > 0 && planes.length === inputs.length;
  if (axis !== (isPlanes ? 2 : 1) && axis !== -1) return { unsupported: `Concat along axis ${axis}` };
  const parts: NumberValue[] = [];
  for (const input of isPlanes ? planes : inputs) {
    if (input?.type !== 'numbers' || input.datatype !== (parts[0] ?? input).datatype) {
      return { unsupported: 'Concat of columns of different types or of texts' };
    }
    parts.push(input);
  }
  const first = parts[0];
  if (first === undefined) return { unsupported: 'Concat of nothing' };
  const width = parts.reduce((sum, part) => sum + part.width, 0);
  const output = makeNumbers(first.datatype, width);
  return {
    outputs: [isPlanes ? { type: 'planes', columns: output } : output],
    exact: true,
    link: () => {
      const target = storageOf(output, capacityRows);
      let start = 0;
      const copies = parts.map((part) => {
        const copy = { source: storageOf(part, capacityRows), width: part.width, start };
        start += part.width;
        return copy;
      });
      return (rowCount) => {
        for (const copy of copies) {
          for (let row = 0; row < rowCount; row++) {
            const at = row * width + copy.start;
            const from = row * copy.width;
            for (let k = 0; k < copy.width; k++) target[at + k] = copy.source[from + k] as number; // in range
          }
        }
      };
    },
  };
};

/** Keeps [rows, width], or makes it of [rows, 1, width]: the shapes [-1], [-1, 1] and [-1, width] move nothing. */
export const reshape: Operation = ({ inputs }) => {
  const input = inputs[0]?.type === 'planes' ? inputs[0].columns : inputs[0];
  const shape = constantNumbers(inputs[1]);
  if (!isRowValue(input) || shape === undefined) return { unsupported: 'Reshape to a shape computed later' };
  const [rows, width, ...rest] = shape;
  const fits = rows === -1 && rest.length === 0 && (width ?? 1) === input.width;
  return fits ? { outputs: [input], exact: true } : { unsupported: `Reshape to [${[...shape].join(', ')}]` };
};

type Key = string | number;

interface Encoding {
  readonly from: readonly Key[];
  readonly to: readonly Key[];
  readonly otherwise: Key;
  readonly datatype: NumberDatatype | 'BYTES';
}

export const labelEncoder: Operation = ({ node, inputs, capacityRows }) => {
  const input = inputs[0];
  if (input?.type === 'textLists' || input?.type === 'integerLists') return encodeLists(node, input, capacityRows);
  const encoding = readEncoding(node);
  if ('unsupported' in encoding) return encoding;
  const isTextKey = typeof encoding.from[0] === 'string';
  if (!isRowValue(input) || isTextKey !== (input.type === 'texts')) {
    return { unsupported: 'LabelEncoder over an input of another type than its keys' };
  }
  // Map compares NaN equal to itself and 0 to -0, as the operator does
  const table = new Map<Key, Key>();
  encoding.from.forEach((key, i) => {
    if (!table.has(key)) table.set(key, encoding.to[i] ?? encoding.otherwise);
  });
  const output: NumberValue | TextValue =
    encoding.datatype === 'BYTES' ? makeTexts(input.width, capacityRows) : makeNumbers(encoding.datatype, input.width);
  return {
    outputs: [output],
    exact: true,
    link: () => {
      const source: ArrayLike<Key> = input.type === 'texts' ? input.storage : storageOf(input, capacityRows);
      const target = (output.type === 'texts' ? output.storage : storageOf(output, capacityRows)) as Key[]; // of one type with the table
      return (rowCount) => {
        for (let i = 0, end = rowCount * input.width; i < end; i++) {
          target[i] = table.get(source[i] as Key) ?? encoding.otherwise;
        }
      };
    },
  };
};

function readEncoding(node: OnnxNode): Encoding | Unsupported {
  const from =
    textsAttribute(node, 'keys_strings') ??
    intsAttribute(node, 'keys_int64s') ??
    list(floatsAttribute(node, 'keys_floats'));
  const texts = textsAttribute(node, 'values_strings');
  const integers = intsAttribute(node, 'values_int64s');
  const floats = list(floatsAttribute(node, 'values_floats'));
  const to = texts ?? integers ?? floats;
  if (from === undefined || to === undefined || from.length !== to.length) {
    return { unsupported: 'LabelEncoder without keys and values of equal number' };
  }
  if (texts !== undefined)
    return { from, to, otherwise: textAttribute(node, 'default_string', '_Unused'), datatype: 'BYTES' };
  if (integers !== undefined)
    return { from, to, otherwise: intAttribute(node, 'default_int64', -1), datatype: 'INT64' };
  return { from, to, otherwise: floatAttribute(node, 'default_float', -0), datatype: 'FP32' };
}

function list(values: Float32Array | undefined): readonly number[] | undefined {
  return values === undefined ? undefined : [...values];
}
