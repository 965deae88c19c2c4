/** The features of columns under an encoding, as the model file computes them: float32, one array per feature. */
import { datePart, numberArithmetic, splitText } from '@slipway/onnx';
import type { ColumnEncoding } from '@slipway/onnx';
import { isTextColumn } from './table.ts';
import type { TableColumn } from './table.ts';
import { indexOf, numberTexts, numbersAt } from './text-index.ts';
import type { TextIndex } from './text-index.ts';

type Encoding<K extends ColumnEncoding['kind']> = Extract<ColumnEncoding, { readonly kind: K }>;

/** Features of the given rows, in the order of `featuresOf`. The column is the encoding's own. */
export function encodeColumn(encoding: ColumnEncoding, column: TableColumn, rows: Uint32Array): Float32Array[] {
  switch (encoding.kind) {
    case 'number':
    case 'boolean': {
      return [pickNumbers(numbersOf(column), rows)];
    }
    case 'date':
      return encodeDates(encoding, numbersOf(column), rows);
    case 'category':
      return encodeCategories(encoding, indexOf(column), rows);
    case 'text':
      return encodeTexts(encoding, textsOf(column), rows);
  }
}

function pickNumbers(values: Float64Array | Float32Array, rows: Uint32Array): Float32Array {
  const picked = new Float32Array(rows.length);
  for (let place = 0; place < picked.length; place++) picked[place] = values[rows[place] ?? 0] ?? Number.NaN;
  return picked;
}

export function numbersOf(column: TableColumn): Float64Array | Float32Array {
  if (isTextColumn(column)) throw new RangeError(`Column "${column.name}" holds texts: it must hold numbers.`);
  return column.values;
}

export function textsOf(column: TableColumn): readonly (string | null)[] {
  if (!isTextColumn(column)) throw new RangeError(`Column "${column.name}" holds numbers: it must hold texts.`);
  return column.values;
}

function encodeDates(encoding: Encoding<'date'>, values: ArrayLike<number>, rows: Uint32Array): Float32Array[] {
  const offsetMs = encoding.utcOffsetMinutes * 60_000;
  return encoding.parts.map((part) =>
    Float32Array.from(rows, (row) => datePart(numberArithmetic, (values[row] ?? Number.NaN) + offsetMs, part)),
  );
}

function encodeCategories(encoding: Encoding<'category'>, index: TextIndex, rows: Uint32Array): Float32Array[] {
  const { keys = [], sets = [] } = encoding.members ?? {};
  const features = [
    ...encoding.tables.map(({ keys: own, values, otherwise }) => {
      const numberOf = (place: number): number => values[place] ?? otherwise;
      return numberTexts(index, { keys: own, numberOf, otherwise });
    }),
    ...sets.map((set) => numberTexts(index, { keys, numberOf: (code) => (set[code] === 1 ? 0 : 1), otherwise: 1 })),
  ];
  return features.map((numbers) => numbersAt(numbers, index.places, rows));
}

function encodeTexts(
  encoding: Encoding<'text'>,
  values: readonly (string | null)[],
  rows: Uint32Array,
): Float32Array[] {
  const { words, spellings, spelledWords } = encoding;
  const known = new Map(spellings.map((spelling, index) => [spelling, spelledWords[index] ?? -1]));
  const totals = new Float32Array(rows.length);
  const counts = words.map(() => new Float32Array(rows.length));
  for (const [place, row] of rows.entries()) {
    const pieces = splitText(values[row] ?? '');
    totals[place] = pieces.length;
    for (const piece of pieces) {
      const count = counts[known.get(piece) ?? -1];
      if (count !== undefined) count[place] = (count[place] ?? 0) + 1;
    }
  }
  return [totals, ...counts];
}
