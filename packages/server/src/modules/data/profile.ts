/**
 * The profile of a dataset version: one scan for counts, ranges, means, quantiles and candidates for frequent values, and one for
 * the exact counts of those candidates and the histograms, whose range the first one told.
 *
 * Quantiles are a t-digest and frequent values come from a sketch of 10 per column. Distinct values are counted exactly up to
 * a million rows and above that estimated by HyperLogLog (which here was seen off by a quarter), so that memory does not grow
 * with the rows. Nested columns get counts only.
 */
import type { ColumnProfile, ColumnSchema } from '@slipway/contract';
import type { DuckDBConnection } from '@duckdb/node-api';
import { sqlName } from '../../platform/analytics/analytics.ts';
import type { Counted } from './distribution.ts';
import { countValues, kindOf, rangeOf } from './distribution.ts';

const quantiles = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99] as const;
const topCount = 10;
const maxRowsForExactDistinct = 1_000_000;
/** A number with more distinct values than this has no frequent values worth naming. */
const maxDistinctForTop = 200;

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

/** The value itself where a candidate is its text. */
export function typedValue(type: string, text: string): Top[number]['value'] {
  const kind = kindOf(type);
  if (kind === 'boolean') return text === 'true';
  // `nan` and `inf` are no JSON numbers, and stay text.
  return kind === 'number' && Number.isFinite(Number(text)) ? Number(text) : text;
}

function topOf({ column, values }: Counted, counts: readonly number[]): Top {
  return values
    .map((text, j) => ({ value: typedValue(column.type, text), count: counts[j] ?? 0 }))
    .sort((a, b) => b.count - a.count || (String(a.value) < String(b.value) ? -1 : 1));
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
  const scanned = schema.map((column, i) => figuresOf(column, i, row));
  const asked = schema.map((column, i) => ({
    column,
    values: candidatesOf(column, row, i),
    bins: rangeOf(column.type, scanned[i] ?? { min: null, max: null, quantiles: null }),
  }));
  const counted = await countValues(connection, relation, asked);
  const columns = scanned.map((figures, i): ColumnProfile => {
    const [one, counts] = [asked[i], counted[i]];
    return {
      ...figures,
      top: one === undefined || counts === undefined ? [] : topOf(one, counts.values),
      ...(counts?.histogram === undefined ? {} : { histogram: counts.histogram }),
    };
  });
  return { rowCount, columns };
}

/** What the first scan told of one column. */
function figuresOf(column: ColumnSchema, i: number, row: Row): Omit<ColumnProfile, 'top' | 'histogram'> {
  const found = row[`c${i}_quantiles`];
  const range = (what: string): ColumnProfile['min'] => {
    const value = jsonValue(row[`c${i}_${what}`]);
    return kindOf(column.type) === 'boolean' && value !== null ? value === 1 : value;
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
  };
}
