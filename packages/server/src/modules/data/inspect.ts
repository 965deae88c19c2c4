/** Looks into one file before it is kept: columns, types, rows, nulls. Reads every page, so a damaged file is refused at the door. */
import { open } from 'node:fs/promises';
import type { ColumnSchema } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { DuckDBConnection } from '@duckdb/node-api';
import { sqlName } from '../../platform/analytics/analytics.ts';
import { CsvProblem, inferTypes, readHeader } from './csv.ts';
import type { FileFormat } from './format.ts';
import { describeSql, formatOf, isReservedColumn, relationSql } from './format.ts';

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

/** What DuckDB says before it gives advice, without the local path, which is nobody's business. */
function reason(cause: unknown, path: string): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const lines = message.split('\n').map((l) => l.trim());
  const end = lines.findIndex((l, i) => i > 0 && (l === '' || l.startsWith('Possible fixes')));
  const text = lines
    .slice(0, end < 0 ? 4 : end)
    .join(' ')
    .replaceAll(path, 'the file')
    .slice(0, 400);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

async function describe(
  connection: DuckDBConnection,
  format: Exclude<FileFormat, 'CSV'>,
  path: string,
): Promise<ColumnSchema[]> {
  const reader = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${describeSql(format, path)}`);
  return reader.getRows().map(([name, type]) => ({ name: String(name), type: String(type), nullable: true }));
}

/** The columns of a text file: with the dataset's types where its names are the same. */
async function csvColumns(
  connection: DuckDBConnection,
  { path, wanted }: InspectInput,
): Promise<readonly ColumnSchema[]> {
  const names = await readHeader(path);
  if (wanted?.length === names.length && wanted.every((c, i) => c.name === names[i])) return wanted;
  if (wanted?.length === names.length && wanted.every((c) => names.includes(c.name))) {
    throw new CsvProblem(
      `its columns come in another order than ${wanted
        .map((c) => c.name)
        .join(', ')
        .slice(0, 200)}.`,
    );
  }
  return inferTypes(connection, path, names);
}

async function columnsOf(connection: DuckDBConnection, input: InspectInput): Promise<readonly ColumnSchema[]> {
  const format = formatOf(input.name);
  if (format === 'CSV') return csvColumns(connection, input);
  const found = await describe(connection, format, input.path);
  const { wanted } = input;
  const same = wanted?.length === found.length && wanted.every((c) => found.some((f) => f.name === c.name));
  return format !== 'Parquet' && wanted && same ? wanted : found;
}

/** Throws `data_format_wrong`, `data_empty`. */
export async function inspectFile(connection: DuckDBConnection, input: InspectInput): Promise<FileFacts> {
  const { name, path } = input;
  const format = formatOf(name);
  const wrong = (problem: string, cause?: unknown): never => {
    throw new SlipwayError('data_format_wrong', { file: name, format, problem }, { cause });
  };
  if (format === 'Parquet' && !(await startsAndEndsAs(path, 'PAR1'))) {
    wrong('it does not begin and end with PAR1, so it is another format or was cut off.');
  }
  try {
    const schema = await columnsOf(connection, input);
    if (schema.length === 0) throw new SlipwayError('data_empty', { file: name });
    if (schema.length > maxColumns) wrong(`it has ${schema.length} columns, more than ${maxColumns}.`);
    const reserved = schema.find((c) => isReservedColumn(c.name));
    if (reserved) wrong(`its column "${reserved.name}" has a name that Slipway uses itself; rename it.`);
    return await count(connection, input, schema);
  } catch (cause) {
    if (cause instanceof SlipwayError) throw cause;
    if (cause instanceof CsvProblem) return wrong(cause.message, cause);
    return wrong(reason(cause, path), cause);
  }
}

async function count(
  connection: DuckDBConnection,
  input: InspectInput,
  schema: readonly ColumnSchema[],
): Promise<FileFacts> {
  const counts = schema.map((c, i) => `count(${sqlName(c.name)}) AS c${i}`);
  // The hash makes the engine read the pages, which counts alone would take from the file's own statistics.
  const read = `max(hash(${schema.map((c) => sqlName(c.name)).join(', ')})) AS h`;
  const reader = await connection.runAndReadAll(
    `SELECT count(*) AS n, ${read}, ${counts.join(', ')} FROM ${relationSql([input], schema)}`,
  );
  const row = reader.getRowObjectsJS()[0] ?? {};
  const rowCount = Number(row['n']);
  return { rowCount, schema: schema.map((c, i) => ({ ...c, nullable: Number(row[`c${i}`]) < rowCount })) };
}
