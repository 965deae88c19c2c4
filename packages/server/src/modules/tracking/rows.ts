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
function rowsJson(rows: readonly (readonly Cell[])[], dialect: Dialect): string {
  if (!rows.some((row) => row.some(isEndless))) return JSON.stringify(rows);
  return `[${rows.map((row) => `[${row.map((cell) => cellJson(cell, dialect)).join(',')}]`).join(',')}]`;
}

/** `(select … as a, … as b from …) as <alias>`: use it after FROM. */
export function rowsFrom(
  dialect: Dialect,
  columns: Readonly<Record<string, ColumnType>>,
  rows: readonly (readonly Cell[])[],
): RawBuilder<unknown> {
  const json = rowsJson(rows, dialect);
  const cells = Object.entries(columns).map(([name, type], i) =>
    dialect === 'sqlite'
      ? sql`json_extract(value, ${sql.lit(`$[${i}]`)}) as ${sql.ref(name)}`
      : sql`(value ->> ${sql.lit(i)})::${sql.raw(postgresTypes[type])} as ${sql.ref(name)}`,
  );
  const source = dialect === 'sqlite' ? sql`json_each(${json})` : sql`json_array_elements(${json}::json) as e(value)`;
  return sql`(select ${sql.join(cells)} from ${source}) as input`;
}
