/**
 * Many rows through one parameter, so that one cached statement serves every batch size on both databases.
 * The rows travel as a JSON array of arrays; infinities, which JSON lacks, in the spelling each database reads back.
 */
import type { RawBuilder } from 'kysely';
import { sql } from 'kysely';
import type { Dialect } from '../../platform/db/db.ts';

export type ColumnType = 'int' | 'real' | 'text';
export type Cell = number | string | null;

const postgresTypes: Readonly<Record<ColumnType, string>> = { int: 'bigint', real: 'float8', text: 'text' };

const isEndless = (cell: Cell): boolean => typeof cell === 'number' && !Number.isFinite(cell);

function cellJson(cell: Cell, dialect: Dialect): string {
  if (typeof cell === 'number' && !Number.isFinite(cell)) {
    const sign = cell < 0 ? '-' : '';
    return dialect === 'sqlite' ? `${sign}9e999` : `"${sign}Infinity"`;
  }
  return JSON.stringify(cell);
}

/** The whole at once where JSON can hold it, cell by cell where an infinity is among them. */
export function rowsJson(rows: readonly (readonly Cell[])[], dialect: Dialect): string {
  if (!rows.some((row) => row.some(isEndless))) return JSON.stringify(rows);
  return `[${rows.map((row) => `[${row.map((cell) => cellJson(cell, dialect)).join(',')}]`).join(',')}]`;
}

export type RowColumns = Readonly<Record<string, ColumnType>>;

/** The text before and after the parameter that holds the rows. */
function textAround(dialect: Dialect, columns: RowColumns): readonly [before: string, after: string] {
  const cells = Object.entries(columns).map(([name, type], i) =>
    dialect === 'sqlite'
      ? `json_extract(value, '$[${i}]') as ${name}`
      : `(value ->> ${i})::${postgresTypes[type]} as ${name}`,
  );
  return dialect === 'sqlite'
    ? [`(select ${cells.join(', ')} from json_each(`, ')) as input']
    : [`(select ${cells.join(', ')} from json_array_elements(`, '::json) as e(value)) as input'];
}

/** `(select … as a, … as b from …) as input`: use it after FROM. */
export function rowsFrom(
  dialect: Dialect,
  columns: RowColumns,
  rows: readonly (readonly Cell[])[],
): RawBuilder<unknown> {
  const [before, after] = textAround(dialect, columns);
  return sql`${sql.raw(before)}${rowsJson(rows, dialect)}${sql.raw(after)}`;
}

/**
 * The same as text whose first parameter is `rowsJson`, for statements of every log request: building one anew would cost more
 * than running it.
 */
export function rowsText(dialect: Dialect, columns: RowColumns): string {
  const [before, after] = textAround(dialect, columns);
  return `${before}${dialect === 'sqlite' ? '?' : '$1'}${after}`;
}
