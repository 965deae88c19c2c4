/**
 * How the values of columns lie: histograms over bins of equal width, and exact counts of chosen values, of any number of
 * columns in one scan.
 *
 * Bins are planned from a range that is known before the scan and clamped to at most 24, so that an answer has a bounded
 * size whatever the data: what lies outside is counted as below or above. Whole numbers and dates get bins of whole steps,
 * since a bin that is 1.3 days wide would show a comb that the data does not have.
 */
import type { ColumnProfile, ColumnSchema, Histogram } from '@slipway/contract';
import { histogramBinsMax } from '@slipway/contract';
import type { DuckDBConnection } from '@duckdb/node-api';
import { sqlName, sqlText } from '../../platform/analytics/analytics.ts';

export type Kind = 'number' | 'text' | 'boolean' | 'instant' | 'other';

export function kindOf(type: string): Kind {
  if (isWholeType(type) || /^(FLOAT|DOUBLE|DECIMAL\(.*)$/.test(type)) return 'number';
  if (type === 'VARCHAR' || type.startsWith('ENUM') || type === 'UUID') return 'text';
  if (type === 'BOOLEAN') return 'boolean';
  return /^(DATE|TIME|TIMESTAMP)/.test(type) && !type.endsWith(']') ? 'instant' : 'other';
}

const isWholeType = (type: string): boolean => /^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(type);

/** Times of day have no place on the line of instants. */
const isInstant = (type: string): boolean => kindOf(type) === 'instant' && !type.startsWith('TIME ') && type !== 'TIME';

export const hasHistogram = (type: string): boolean => kindOf(type) === 'number' || isInstant(type);

export interface Bins {
  readonly low: number;
  readonly width: number;
  readonly count: number;
}

const dayMs = 86_400_000;

/** The smallest difference that values of this type can have, where there is one. */
export function stepOf(type: string): number | undefined {
  if (isWholeType(type)) return 1;
  return type === 'DATE' ? dayMs : undefined;
}

/** At most 24 bins that hold `low` and `high`; undefined where doubles are too coarse or too large to tell bins apart. */
export function planBins(low: number, high: number, step: number | undefined): Bins | undefined {
  if (!(low <= high)) return undefined;
  let bins: Bins;
  if (step !== undefined) {
    const first = Math.floor(low / step) * step;
    const steps = Math.floor((high - first) / step) + 1;
    const perBin = Math.ceil(steps / histogramBinsMax);
    bins = { low: first, width: perBin * step, count: Math.ceil(steps / perBin) };
  } else if (low === high) {
    const width = Math.max(1, Math.abs(low) * 1e-6);
    bins = { low: low - width / 2, width, count: 1 };
  } else {
    bins = { low, width: (high - low) / histogramBinsMax, count: histogramBinsMax };
  }
  const edges = edgesOf(bins);
  const isAscending = edges.every((edge, i) => Number.isFinite(edge) && (i === 0 || edge > (edges[i - 1] ?? edge)));
  // Widths near the smallest doubles are rounded by as much as they are: 24 of them fall short of the range.
  const isReached = (edges.at(-1) ?? bins.low) >= high - bins.width * 1e-6;
  return isAscending && isReached ? bins : undefined;
}

export function edgesOf({ low, width, count }: Bins): number[] {
  return Array.from({ length: count + 1 }, (_, i) => low + i * width);
}

/** What is to be counted of one column. */
export interface Counted {
  readonly column: ColumnSchema;
  /** Texts as DuckDB casts them. */
  readonly values: readonly string[];
  readonly bins: Bins | undefined;
}

export interface Counts {
  /** In the order of the values asked for. */
  readonly values: readonly number[];
  readonly histogram: Histogram | undefined;
}

const double = (value: number): string => `CAST('${value}' AS DOUBLE)`;

function binSql({ column }: Counted, bins: Bins): { readonly bin: string; readonly isFinite: string } {
  const name = sqlName(column.name);
  const isTime = kindOf(column.type) === 'instant';
  const x = isTime ? `CAST(epoch_ms(${name}) AS DOUBLE)` : `CAST(${name} AS DOUBLE)`;
  const high = edgesOf(bins).at(-1) ?? bins.low;
  const place = `least(${bins.count - 1}, floor((${x} - ${double(bins.low)}) / ${double(bins.width)}))`;
  return {
    bin: `CAST(CASE WHEN ${x} < ${double(bins.low)} THEN -1 WHEN ${x} > ${double(high)} THEN ${bins.count} ELSE ${place} END AS SMALLINT)`,
    isFinite: isTime ? `isfinite(${name})` : `isfinite(${x})`,
  };
}

/** One scan for all of them. */
export async function countValues(
  connection: DuckDBConnection,
  relation: string,
  asked: readonly Counted[],
): Promise<Counts[]> {
  const columns = asked.flatMap((one, i) => {
    const name = sqlName(one.column.name);
    const found = one.values.map(
      (x, j) => `count(*) FILTER (WHERE CAST(${name} AS VARCHAR) = ${sqlText(x)}) AS t${i}_${j}`,
    );
    if (one.bins === undefined) return found;
    const { bin, isFinite } = binSql(one, one.bins);
    return [
      ...found,
      `histogram(${bin}) FILTER (WHERE ${isFinite}) AS h${i}`,
      `count(*) FILTER (WHERE NOT ${isFinite}) AS h${i}_odd`,
    ];
  });
  const reader =
    columns.length === 0 ? undefined : await connection.runAndReadAll(`SELECT ${columns.join(',\n')} FROM ${relation}`);
  const row = reader?.getRowObjectsJS()[0] ?? {};
  return asked.map(({ values, bins }, i) => ({
    values: values.map((_, j) => Number(row[`t${i}_${j}`] ?? 0)),
    histogram: bins === undefined ? undefined : histogramOf(bins, row[`h${i}`], Number(row[`h${i}_odd`] ?? 0)),
  }));
}

/** `found` is a map from bin to count as DuckDB gives it; null when no row was counted. */
function histogramOf(bins: Bins, found: unknown, nonFinite: number): Histogram {
  const counts = Array.from({ length: bins.count }, () => 0);
  const outside = { below: 0, above: 0 };
  const entries: readonly { readonly key?: unknown; readonly value?: unknown }[] = Array.isArray(found) ? found : [];
  for (const { key, value } of entries) {
    const bin = Number(key);
    if (bin < 0) outside.below += Number(value);
    else if (bin >= bins.count) outside.above += Number(value);
    else counts[bin] = Number(value);
  }
  return { edges: edgesOf(bins), counts, ...outside, nonFinite };
}

/** Where the histogram of a column lies: between its 1 % and 99 % quantiles, so that one far value does not flatten it. */
export function rangeOf(
  type: string,
  { min, max, quantiles }: Pick<ColumnProfile, 'min' | 'max' | 'quantiles'>,
): Bins | undefined {
  if (!hasHistogram(type)) return undefined;
  const step = stepOf(type);
  if (kindOf(type) === 'instant') return planBins(Date.parse(String(min)), Date.parse(String(max)), step);
  const [low, high] = [quantiles?.['p1'], quantiles?.['p99']];
  if (low === undefined || high === undefined) return undefined;
  if (low < high) return planBins(low, high, step);
  return planBins(Number(min ?? low), Number(max ?? high), step) ?? planBins(low, high, step);
}
