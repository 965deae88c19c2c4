/** Looks into one file before it is kept: columns, types, rows, nulls. Reads every page, so a damaged file is refused at the door. */
import { open } from 'node:fs/promises';
import type { ColumnSchema } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { DuckDBConnection } from '@duckdb/node-api';
import { sqlName } from '../../platform/analytics/analytics.ts';
import type { FileFormat } from './format.ts';
import { formatOf, isReservedColumn, relationSql, sniffSql } from './format.ts';

const maxColumns = 5000;

export interface FileFacts {
  readonly rowCount: number;
  readonly schema: readonly ColumnSchema[];
}

export interface InspectInput {
  /** The name that the file has in the dataset; its extension says the format. */
  readonly name: string;
  readonly path: string;
  /** Columns of the dataset's other files: text formats are read with these types where the names agree. */
  readonly wanted: readonly ColumnSchema[] | undefined;
}

async function startsAndEndsAs(path: string, magic: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size < 12) return false;
    const [head, tail] = [Buffer.alloc(4), Buffer.alloc(4)];
    await file.read(head, 0, 4, 0);
    await file.read(tail, 0, 4, size - 4);
    return head.toString('latin1') === magic && tail.toString('latin1') === magic;
  } finally {
    await file.close();
  }
}

/** DuckDB's first line, without the local path, which is nobody's business. */
function reason(cause: unknown, path: string): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const line = (message.split('\n').find((l) => l.trim() !== '') ?? '')
    .replaceAll(path, 'the file')
    .trim()
    .slice(0, 300);
  return /[.!?]$/.test(line) ? line : `${line}.`;
}

function sameNames(a: readonly ColumnSchema[], b: readonly ColumnSchema[]): boolean {
  return a.length === b.length && a.every((c) => b.some((d) => d.name === c.name));
}

async function describe(connection: DuckDBConnection, format: FileFormat, path: string): Promise<ColumnSchema[]> {
  const reader = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${sniffSql(format, path)}`);
  return reader.getRowObjectsJS().map((row) => ({
    name: String(row['column_name']),
    type: String(row['column_type']),
    nullable: true,
  }));
}

/** Throws `data_format_wrong`, `data_empty`. */
export async function inspectFile(connection: DuckDBConnection, input: InspectInput): Promise<FileFacts> {
  const { name, path, wanted } = input;
  const format = formatOf(name);
  const wrong = (problem: string, cause?: unknown): never => {
    throw new SlipwayError('data_format_wrong', { file: name, format, problem }, { cause });
  };
  if (format === 'Parquet' && !(await startsAndEndsAs(path, 'PAR1'))) {
    wrong('it does not begin and end with PAR1, so it is another format or was cut off.');
  }
  try {
    const sniffed = await describe(connection, format, path);
    if (sniffed.length === 0) throw new SlipwayError('data_empty', { file: name });
    if (sniffed.length > maxColumns) wrong(`it has ${sniffed.length} columns, more than ${maxColumns}.`);
    const reserved = sniffed.find((c) => isReservedColumn(c.name));
    if (reserved) wrong(`its column "${reserved.name}" has a name that Slipway uses itself; rename it.`);
    const schema = format !== 'Parquet' && wanted && sameNames(wanted, sniffed) ? wanted : sniffed;
    return await count(connection, input, schema);
  } catch (cause) {
    if (cause instanceof SlipwayError) throw cause;
    return wrong(reason(cause, path), cause);
  }
}

async function count(
  connection: DuckDBConnection,
  input: InspectInput,
  schema: readonly ColumnSchema[],
): Promise<FileFacts> {
  const counts = schema.map((c, i) => `count(${sqlName(c.name)}) AS c${i}`);
  const reader = await connection.runAndReadAll(
    `SELECT count(*) AS n, ${counts.join(', ')} FROM ${relationSql([input], schema)}`,
  );
  const row = reader.getRowObjectsJS()[0] ?? {};
  const rowCount = Number(row['n']);
  return { rowCount, schema: schema.map((c, i) => ({ ...c, nullable: Number(row[`c${i}`]) < rowCount })) };
}
