/**
 * The profile of a dataset version: one scan for counts, ranges, means, quantiles and candidates for frequent values, and one for
 * the exact counts of those candidates.
 *
 * Quantiles are a t-digest and frequent values come from a sketch of 10 per column. Distinct values are counted exactly up to
 * a million rows and above that estimated by HyperLogLog (which here was seen off by a quarter), so that memory does not grow
 * with the rows. Nested columns get counts only.
 */
import type { ColumnProfile, ColumnSchema } from '@slipway/contract';
import type { DuckDBConnection } from '@duckdb/node-api';
import { sqlName, sqlText } from '../../platform/analytics/analytics.ts';

const quantiles = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99] as const;
const topCount = 10;
const maxRowsForExactDistinct = 1_000_000;
/** A number with more distinct values than this has no frequent values worth naming. */
const maxDistinctForTop = 200;

type Kind = 'number' | 'text' | 'boolean' | 'instant' | 'other';

function kindOf(type: string): Kind {
  if (/^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*)$/.test(type)) return 'number';
  if (type === 'VARCHAR' || type.startsWith('ENUM') || type === 'UUID') return 'text';
  if (type === 'BOOLEAN') return 'boolean';
  return /^(DATE|TIME|TIMESTAMP)/.test(type) && !type.endsWith(']') ? 'instant' : 'other';
}

type Row = Readonly<Record<string, unknown>>;

async function one(connection: DuckDBConnection, sql: string): Promise<Row> {
  const reader = await connection.runAndReadAll(sql);
  return reader.getRowObjectsJS()[0] ?? {};
}

function columnSql(column: ColumnSchema, i: number, rowCount: number): string[] {
  const v = sqlName(column.name);
  const kind = kindOf(column.type);
  const parts = [`count(*) - count(${v}) AS c${i}_nulls`];
  if (kind === 'other') return parts;
  const range = kind === 'boolean' ? `CAST(${v} AS INTEGER)` : v;
  parts.push(
    `${rowCount <= maxRowsForExactDistinct ? `count(DISTINCT ${v})` : `approx_count_distinct(${v})`} AS c${i}_distinct`,
    `min(${range}) AS c${i}_min`,
    `max(${range}) AS c${i}_max`,
  );
  if (kind !== 'instant') parts.push(`approx_top_k(CAST(${v} AS VARCHAR), ${topCount}) AS c${i}_top`);
  if (kind !== 'number') return parts;
  const finite = `FILTER (WHERE isfinite(CAST(${v} AS DOUBLE)))`;
  const number = `CAST(${v} AS DOUBLE)`;
  parts.push(
    `avg(${number}) ${finite} AS c${i}_mean`,
    `stddev_samp(${number}) ${finite} AS c${i}_std`,
    `approx_quantile(${number}, [${quantiles.join(', ')}]) ${finite} AS c${i}_quantiles`,
  );
  return parts;
}

function jsonValue(value: unknown): number | string | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return Number.isFinite(value.getTime()) ? value.toISOString() : null;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  return typeof value === 'string' ? value : null;
}

const numberOrNull = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;

function candidatesOf(column: ColumnSchema, row: Row, i: number): string[] {
  const kind = kindOf(column.type);
  if (kind === 'number' && Number(row[`c${i}_distinct`]) > maxDistinctForTop) return [];
  const top = row[`c${i}_top`];
  return Array.isArray(top) ? top.filter((x) => typeof x === 'string') : [];
}

type Top = ColumnProfile['top'];

async function countCandidates(
  connection: DuckDBConnection,
  relation: string,
  asked: readonly { readonly column: ColumnSchema; readonly values: readonly string[] }[],
): Promise<Top[]> {
  const columns = asked.flatMap(({ column, values }, i) =>
    values.map(
      (x, j) => `count(*) FILTER (WHERE CAST(${sqlName(column.name)} AS VARCHAR) = ${sqlText(x)}) AS t${i}_${j}`,
    ),
  );
  const row = columns.length === 0 ? {} : await one(connection, `SELECT ${columns.join(', ')} FROM ${relation}`);
  return asked.map(({ column, values }, i) => {
    const kind = kindOf(column.type);
    const typed = (x: string): Top[number]['value'] =>
      kind === 'number' ? Number(x) : kind === 'boolean' ? x === 'true' : x;
    return values
      .map((x, j) => ({ value: typed(x), count: Number(row[`t${i}_${j}`] ?? 0) }))
      .sort((a, b) => b.count - a.count || (String(a.value) < String(b.value) ? -1 : 1));
  });
}

/** `relation` has the columns of `schema` and `rowCount` rows. */
export async function profileColumns(
  connection: DuckDBConnection,
  relation: string,
  shape: { readonly schema: readonly ColumnSchema[]; readonly rowCount: number },
): Promise<{ rowCount: number; columns: ColumnProfile[] }> {
  const { schema, rowCount } = shape;
  const parts = schema.flatMap((column, i) => columnSql(column, i, rowCount));
  const row = await one(connection, `SELECT ${parts.join(',\n')} FROM ${relation}`);
  const asked = schema.map((column, i) => ({ column, values: candidatesOf(column, row, i) }));
  const tops = await countCandidates(connection, relation, asked);
  const columns = schema.map((column, i): ColumnProfile => {
    const found = row[`c${i}_quantiles`];
    const kind = kindOf(column.type);
    const range = (what: string): ColumnProfile['min'] => {
      const value = jsonValue(row[`c${i}_${what}`]);
      return kind === 'boolean' && value !== null ? value === 1 : value;
    };
    return {
      name: column.name,
      type: column.type,
      nullCount: Number(row[`c${i}_nulls`]),
      distinctApprox: Number(row[`c${i}_distinct`] ?? 0),
      min: range('min'),
      max: range('max'),
      mean: numberOrNull(row[`c${i}_mean`]),
      std: numberOrNull(row[`c${i}_std`]),
      quantiles: Array.isArray(found)
        ? Object.fromEntries(quantiles.map((q, j) => [`p${q * 100}`, Number(found[j])]))
        : null,
      top: tops[i] ?? [],
    };
  });
  return { rowCount, columns };
}
