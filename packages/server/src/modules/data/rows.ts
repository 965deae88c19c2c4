/**
 * Pages of rows. A version never changes, so a row's place in it (files in their order, rows in each file) is a key, and a
 * page token is the place after the last row shown. Only the files that hold the page are read; a filtered page reads all.
 *
 * An answer has a bounded size: texts are cut to 1,000 characters inside the engine, and a page ends at 1 MiB.
 */
import type { ColumnSchema, DataRow } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { DuckDBConnection } from '@duckdb/node-api';
import { sqlName, sqlText } from '../../platform/analytics/analytics.ts';
import { decodePageToken, encodePageToken, fingerprintOf } from '../../lib/page-token.ts';
import { kindOf } from './distribution.ts';
import { relationSql } from './format.ts';

const cellCharsMax = 1000;
const pageBytesMax = 1024 * 1024;
const columnsShown = 50;
const columnsMax = 500;

/** The files of a selection, in its order. `paths` are what `filename` shows. */
export interface RowSource {
  readonly dataset: string;
  readonly number: number;
  readonly digest: string;
  readonly schema: readonly ColumnSchema[];
  readonly files: readonly { readonly name: string; readonly rowCount: number }[];
  readonly paths: readonly string[];
  /** Rows for which an SQL condition holds, out of a relation that may have more columns; all rows unless said. */
  readonly filter?: { readonly id: string; readonly relation: string; readonly condition: string } | undefined;
}

export interface RowsRequest {
  readonly columns?: string | undefined;
  readonly limit: number;
  readonly pageToken?: string | undefined;
}

export interface RowPage {
  readonly columns: { readonly name: string; readonly type: string }[];
  readonly items: DataRow[];
  readonly nextPageToken?: string;
}

/** The columns asked for, in that order; the first ones of the version unless said. */
function chosenColumns(source: RowSource, text: string | undefined): readonly ColumnSchema[] {
  if (text === undefined) return source.schema.slice(0, columnsShown);
  const refuse = (problem: string): SlipwayError =>
    new SlipwayError('columns_invalid', { dataset: source.dataset, version: source.number, problem });
  let names: unknown;
  try {
    names = JSON.parse(text);
  } catch {
    names = undefined;
  }
  if (!Array.isArray(names) || names.length === 0 || names.some((name) => typeof name !== 'string'))
    throw refuse('`columns` is not a JSON array of names, such as ["carrier","dest"]');
  if (names.length > columnsMax) throw refuse(`${names.length} columns are more than ${columnsMax} at once`);
  return [...new Set(names)].map((name) => {
    const column = source.schema.find((c) => c.name === name);
    if (column === undefined) throw refuse(`it has no column "${String(name).slice(0, 100)}"`);
    return column;
  });
}

/** Text first, so that a long value is cut before it leaves the engine; numbers and instants stay what they are. */
function cellSql({ name, type }: ColumnSchema): string {
  const v = sqlName(name);
  switch (kindOf(type)) {
    case 'number':
      return /^(HUGEINT|UHUGEINT|DECIMAL)/.test(type) ? `CAST(${v} AS VARCHAR)` : v;
    case 'boolean':
      return v;
    case 'instant':
      return type.startsWith('TIMESTAMP') ? `CAST(${v} AS TIMESTAMP)` : `CAST(${v} AS VARCHAR)`;
    case 'text':
    case 'other':
      return `substr(CAST(${v} AS VARCHAR), 1, ${cellCharsMax + 1})`;
  }
}

type Cell = DataRow['values'][number];

function cellOf(value: unknown): Cell {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (value instanceof Date) return Number.isFinite(value.getTime()) ? value.toISOString() : String(value);
  return typeof value === 'boolean' || typeof value === 'string' ? value : JSON.stringify(value);
}

function tokenPlace(token: string | undefined, fingerprint: string): number {
  if (token === undefined) return 0;
  const [place] = decodePageToken(token, fingerprint, 1);
  if (typeof place !== 'number' || !Number.isSafeInteger(place) || place < 0)
    throw new SlipwayError('page_token_invalid', { token: token.slice(0, 100) });
  return place;
}

/** Rows from `place` on, in order: the SQL reads only files that hold some of them, unless a filter looks for them. */
function pageSql(
  source: RowSource,
  columns: readonly ColumnSchema[],
  { place, limit }: { readonly place: number; readonly limit: number },
): string | undefined {
  const starts: number[] = [];
  let total = 0;
  for (const file of source.files) {
    starts.push(total);
    total += file.rowCount;
  }
  const whole = source.files.map((file, i) => ({ ...file, path: source.paths[i] ?? '', start: starts[i] ?? 0 }));
  const { filter } = source;
  const files = whole.filter(
    ({ start, rowCount }) => start + rowCount > place && (filter !== undefined || start < place + limit),
  );
  if (files.length === 0) return undefined;
  const paths = files.map((f) => sqlText(f.path)).join(', ');
  const at = `[${files.map((f) => f.start).join(', ')}][list_position([${paths}], filename)] + file_row_number`;
  const cells = columns.map((column, i) => `${cellSql(column)} AS v${i}`);
  const condition = filter === undefined ? `__at < ${place + limit}` : `(${filter.condition})`;
  const from = filter?.relation ?? relationSql(files, source.schema);
  return `SELECT __at, filename, file_row_number, ${cells.join(', ')}
    FROM (SELECT *, ${at} AS __at FROM ${from} WHERE filename IN (${paths}))
    WHERE __at >= ${place} AND ${condition} ORDER BY __at LIMIT ${limit}`;
}

export async function readRows(
  connection: DuckDBConnection,
  source: RowSource,
  request: RowsRequest,
): Promise<RowPage> {
  const columns = chosenColumns(source, request.columns);
  const shown = columns.map(({ name, type }) => ({ name, type }));
  const fingerprint = fingerprintOf(['datasets.rows', source.digest, source.filter?.id ?? null]);
  const place = tokenPlace(request.pageToken, fingerprint);
  // One more row says whether there is another page.
  const sql = pageSql(source, columns, { place, limit: request.limit + 1 });
  const found = sql === undefined ? [] : (await connection.runAndReadAll(sql)).getRowObjectsJS();
  const names = new Map(source.paths.map((path, i) => [path, source.files[i]?.name ?? '']));
  const items: DataRow[] = [];
  let bytes = 0;
  for (const row of found.slice(0, request.limit)) {
    const item = rowOf(row, columns, names);
    bytes += Buffer.byteLength(JSON.stringify(item));
    if (bytes > pageBytesMax && items.length > 0) break;
    items.push(item);
  }
  const next = found[items.length];
  return {
    columns: shown,
    items,
    ...(next === undefined ? {} : { nextPageToken: encodePageToken(fingerprint, [Number(next['__at'])]) }),
  };
}

function rowOf(
  row: Readonly<Record<string, unknown>>,
  columns: readonly ColumnSchema[],
  names: ReadonlyMap<string, string>,
): DataRow {
  const cut: string[] = [];
  const values = columns.map((column, i) => {
    const value = cellOf(row[`v${i}`]);
    if (typeof value !== 'string') return value;
    const characters = value.length <= cellCharsMax ? undefined : Array.from(value);
    if (characters === undefined || characters.length <= cellCharsMax) return value;
    cut.push(column.name);
    return characters.slice(0, cellCharsMax).join('');
  });
  return {
    file: names.get(String(row['filename'])) ?? '',
    row: Number(row['file_row_number']) + 1,
    values,
    ...(cut.length === 0 ? {} : { cut }),
  };
}
