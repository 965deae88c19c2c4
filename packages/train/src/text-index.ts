/**
 * The different texts of a column, and which of them every row has. Made once per table, so that whatever is asked of categories
 * later looks at numbers: a text is hashed once per row, not once per row, feature and fold.
 */
import type { TableColumn, TextTableColumn } from './table.ts';
import { isTextColumn } from './table.ts';

export interface TextIndex {
  /** In the order in which rows have them. */
  readonly texts: readonly string[];
  readonly placeOf: ReadonlyMap<string, number>;
  /** Per row of the table, the place of its text; a missing one is that of ''. */
  readonly places: Int32Array;
}

interface IndexedColumn extends TextTableColumn {
  readonly index: TextIndex;
}

const isIndexed = (column: TextTableColumn): column is IndexedColumn => 'index' in column;

function indexTexts(values: readonly (string | null)[]): TextIndex {
  const placeOf = new Map<string, number>();
  const places = new Int32Array(values.length);
  for (let row = 0; row < places.length; row++) {
    const text = values[row] ?? '';
    let place = placeOf.get(text);
    if (place === undefined) {
      place = placeOf.size;
      placeOf.set(text, place);
    }
    places[row] = place;
  }
  return { texts: [...placeOf.keys()], placeOf, places };
}

/** Categories with their index; columns of other kinds as they are. */
export function indexColumns(columns: readonly TableColumn[]): readonly TableColumn[] {
  return columns.map((column) =>
    column.kind === 'category' ? { ...column, index: indexTexts(column.values) } : column,
  );
}

/** Of a column of texts; made anew where `indexColumns` has not been asked. */
export function indexOf(column: TableColumn): TextIndex {
  if (!isTextColumn(column)) throw new RangeError(`Column "${column.name}" holds numbers: it must hold texts.`);
  return isIndexed(column) ? column.index : indexTexts(column.values);
}

/** Rows of each place among these. */
export function countPlaces({ texts, places }: TextIndex, rows: Uint32Array): Uint32Array {
  const counts = new Uint32Array(texts.length);
  for (let i = 0; i < rows.length; i++) {
    const place = places[rows[i] ?? 0] ?? 0;
    counts[place] = (counts[place] ?? 0) + 1;
  }
  return counts;
}

interface TextNumbers {
  readonly keys: readonly string[];
  /** Of the key at that place. */
  readonly numberOf: (place: number) => number;
  /** Of texts that are no key. */
  readonly otherwise: number;
}

/** What every text of the index stands for. */
export function numberTexts({ texts, placeOf }: TextIndex, { keys, numberOf, otherwise }: TextNumbers): Float32Array {
  const numbers = new Float32Array(texts.length).fill(otherwise);
  for (const [place, key] of keys.entries()) {
    const own = placeOf.get(key);
    if (own !== undefined) numbers[own] = numberOf(place);
  }
  return numbers;
}

/** What the rows' texts stand for, where `numbers` says it of every place. */
export function numbersAt(numbers: Float32Array, places: Int32Array, rows: Uint32Array): Float32Array {
  const picked = new Float32Array(rows.length);
  for (let i = 0; i < picked.length; i++) picked[i] = numbers[places[rows[i] ?? 0] ?? 0] ?? Number.NaN;
  return picked;
}
