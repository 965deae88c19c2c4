/**
 * Texts as lists of pieces: StringSplit, LabelEncoder from piece to integer, TfIdfVectorizer that counts.
 *
 * ONNX pads the pieces of a batch to a rectangle with empty texts. Here every row has a list of its own length: the padding
 * has no key and no count, so nothing that is computed from it can be told apart.
 */
import { splitText } from '../column-encodings.ts';
import type { OnnxNode } from '../model.ts';
import { intAttribute, intsAttribute, textAttribute, textsAttribute } from './operation.ts';
import type { Compiled, Operation, Unsupported } from './operation.ts';
import { makeNumbers, storageOf } from './values.ts';
import type { ListValue } from './values.ts';

const emptyLists = (capacityRows: number): (readonly never[])[] => Array.from({ length: capacityRows }, () => []);

/** At single spaces and runs of them; other blanks are part of a piece, as in ONNX Runtime. */
export const stringSplit: Operation = ({ node, inputs, capacityRows }) => {
  const input = inputs[0];
  const delimiter = textAttribute(node, 'delimiter', '');
  if (input?.type !== 'texts' || input.width !== 1 || delimiter !== '' || node.attributes.has('maxsplit')) {
    return { unsupported: 'StringSplit of more than one column, with a delimiter or a limit' };
  }
  const rows: (readonly string[])[] = emptyLists(capacityRows);
  const count = makeNumbers('INT64', 1);
  return {
    outputs: [{ type: 'textLists', rows }, count],
    exact: true,
    link: () => {
      const counts = storageOf(count, capacityRows);
      return (rowCount) => {
        for (let row = 0; row < rowCount; row++) {
          const found = splitText(input.storage[row] ?? '');
          rows[row] = found;
          counts[row] = found.length;
        }
      };
    },
  };
};

/** LabelEncoder over lists of pieces. */
export function encodeLists(node: OnnxNode, input: ListValue, capacityRows: number): Compiled | Unsupported {
  const keys = textsAttribute(node, 'keys_strings');
  const values = intsAttribute(node, 'values_int64s');
  const otherwise = intAttribute(node, 'default_int64', -1);
  if (input.type !== 'textLists' || keys === undefined || values?.length !== keys.length) {
    return { unsupported: 'LabelEncoder of pieces of texts to other than integers' };
  }
  const table = new Map<string, number>();
  for (const [index, key] of keys.entries()) if (!table.has(key)) table.set(key, values[index] ?? otherwise);
  if (table.has('')) return { unsupported: 'LabelEncoder with a value for the padding of split texts' };
  const rows: (readonly number[])[] = emptyLists(capacityRows);
  return {
    outputs: [{ type: 'integerLists', rows }],
    exact: true,
    link: () => (rowCount) => {
      for (let row = 0; row < rowCount; row++) {
        rows[row] = (input.rows[row] ?? []).map((piece) => table.get(piece) ?? otherwise);
      }
    },
  };
}

/** Counts of single integers. */
export const tfIdfVectorizer: Operation = ({ node, inputs, capacityRows }) => {
  const input = inputs[0];
  const pool = intsAttribute(node, 'pool_int64s');
  const places = intsAttribute(node, 'ngram_indexes');
  const isCount = textAttribute(node, 'mode', '') === 'TF' && intAttribute(node, 'max_gram_length', 0) === 1;
  if (input?.type !== 'integerLists' || pool === undefined || places?.length !== pool.length || !isCount) {
    return { unsupported: 'TfIdfVectorizer that does other than count single integers' };
  }
  const width = Math.max(...places) + 1;
  const table = new Map(pool.map((integer, index) => [integer, places[index] ?? 0]));
  const output = makeNumbers('FP32', width);
  return {
    outputs: [output],
    exact: true,
    link: () => {
      const target = storageOf(output, capacityRows);
      return (rowCount) => {
        target.fill(0, 0, rowCount * width);
        for (let row = 0; row < rowCount; row++) {
          for (const integer of input.rows[row] ?? []) {
            const place = table.get(integer);
            if (place !== undefined) target[row * width + place] = (target[row * width + place] ?? 0) + 1;
          }
        }
      };
    },
  };
};
