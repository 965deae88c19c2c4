/** A table to learn from: columns of declared kinds, and what to predict. */
import type { ColumnKind } from '@slipway/onnx';

/** Missing is NaN. Booleans are 0 and 1, dates milliseconds since 1970-01-01 UTC. */
export interface NumberTableColumn {
  readonly name: string;
  readonly kind: 'number' | 'boolean' | 'date';
  readonly values: Float64Array | Float32Array;
}

/** Missing is null or ''. */
export interface TextTableColumn {
  readonly name: string;
  readonly kind: 'category' | 'text';
  readonly values: readonly (string | null)[];
}

export type TableColumn = NumberTableColumn | TextTableColumn;

export function isTextColumn(column: TableColumn): column is TextTableColumn {
  return column.kind === 'category' || column.kind === 'text';
}

export type ClassLabel = string | number;

export interface TrainingTable {
  readonly columns: readonly TableColumn[];
  /** Per row: a class (texts, or integers, or booleans) or a number. Rows whose target is null or NaN are left out. */
  readonly target: ArrayLike<ClassLabel | boolean | null>;
  /** Per row: how much it counts, 0 or more. Default 1. */
  readonly weights?: ArrayLike<number> | undefined;
  /** The only rows that are looked at. Default: all. */
  readonly rows?: ArrayLike<number> | undefined;
  /** Of those, rows that are never learnt from: they are watched, and calibrate. Default: rows are held out in turn. */
  readonly holdOut?: ArrayLike<number> | undefined;
  /** Per row: rows of one group stay on one side whenever rows are held out. */
  readonly groups?: ArrayLike<string | number> | undefined;
  /** Per row, milliseconds: rows are held out by time, the latest ones, in place of at random. */
  readonly times?: ArrayLike<number> | undefined;
}

export const columnKinds: readonly ColumnKind[] = ['number', 'boolean', 'date', 'category', 'text'];

/** Throws RangeError unless columns have names, kinds and lengths that fit. */
export function checkColumns(columns: readonly TableColumn[], rowCount: number): void {
  const names = new Set<string>();
  for (const { name, kind, values } of columns) {
    if (name === '' || name.startsWith('~')) {
      throw new RangeError(`A column is called "${name}": names must not be empty or start with ~.`);
    }
    if (names.has(name)) throw new RangeError(`Two columns are called "${name}": names must differ.`);
    names.add(name);
    if (!columnKinds.includes(kind)) {
      throw new RangeError(`Column "${name}" is of kind ${String(kind)}: it must be one of ${columnKinds.join(', ')}.`);
    }
    if (values.length !== rowCount) {
      throw new RangeError(`Column "${name}" has ${values.length} rows, but the table has ${rowCount}.`);
    }
  }
}
