/**
 * Slices of single columns in which a model is worse than elsewhere: one value of a text column, a quarter of a number
 * column (cut at its quartiles), what is missing.
 *
 * Each slice's mean loss is compared with that of all other rows (difference of means, by influences, clustered where clusters
 * are given), one-sided. Slices with a p of at most 0.05 after Holm's correction for all slices that were looked at are
 * answered. The test is of means of skewed losses, so small slices are only about right: callers ask for 30 rows or more.
 * Cost: O(rows x slices). Sources: Holm (1979); Chung et al., Slice Finder (2019), for single columns as slices.
 */
import type { Estimate } from './classification.ts';
import { clustersOf, judge, quantileOfSorted } from './intervals.ts';

const levelMax = 0.05;
/** Values of a text column that are looked at, the most frequent ones. */
const valuesMax = 50;
const parts = [0.25, 0.5, 0.75];

export type Bounds =
  | { readonly column: string; readonly value: string }
  | { readonly column: string; readonly low?: number; readonly high?: number };

export type FoundSlice = Bounds & {
  readonly rows: number;
  readonly loss: number;
  readonly rest: number;
  readonly p: number;
};

export interface SliceColumn {
  readonly name: string;
  /** NaN, null and '' are missing. [rows] */
  readonly values: Float64Array | Float32Array | readonly (string | null)[];
}

interface Slice {
  readonly bounds: Bounds;
  readonly isIn: (row: number) => boolean;
}

/** What costs most first: rows times the loss above the rest. */
export function worseSlices(request: {
  /** [rows] */
  readonly losses: Float64Array;
  readonly columns: readonly SliceColumn[];
  readonly rowsMin: number;
  readonly clusters?: readonly string[];
}): FoundSlice[] {
  const { losses, columns, rowsMin } = request;
  const clusters = request.clusters === undefined ? undefined : clustersOf(request.clusters);
  const looked: FoundSlice[] = [];
  for (const { bounds, isIn } of columns.flatMap(slicesOf)) {
    const found = difference(losses, isIn);
    if (found === undefined || found.rows < rowsMin || losses.length - found.rows < rowsMin) continue;
    const { pAbove } = judge(found.estimate, { clusters });
    if (Number.isNaN(pAbove)) continue;
    looked.push({ ...bounds, rows: found.rows, loss: found.loss, rest: found.rest, p: pAbove });
  }
  const excess = ({ rows, loss, rest }: FoundSlice): number => rows * (loss - rest);
  return holm(looked)
    .filter(({ p }) => p <= levelMax)
    .sort((a, b) => excess(b) - excess(a));
}

/** Each p times the number of slices whose p is not smaller, never falling in the order of p. */
function holm(slices: readonly FoundSlice[]): FoundSlice[] {
  let least = 0;
  return slices
    .toSorted((a, b) => a.p - b.p)
    .map((slice, i) => {
      least = Math.max(least, Math.min(1, slice.p * (slices.length - i)));
      return { ...slice, p: least };
    });
}

function difference(
  losses: Float64Array,
  isIn: (row: number) => boolean,
): { readonly rows: number; readonly loss: number; readonly rest: number; readonly estimate: Estimate } | undefined {
  let [rows, inside, all] = [0, 0, 0];
  for (const [row, loss] of losses.entries()) {
    all += loss;
    if (!isIn(row)) continue;
    rows++;
    inside += loss;
  }
  const others = losses.length - rows;
  if (rows === 0 || others === 0) return undefined;
  const [loss, rest] = [inside / rows, (all - inside) / others];
  const influence = losses.map((value, row) => (isIn(row) ? (value - loss) / rows : (rest - value) / others));
  return { rows, loss, rest, estimate: { estimate: loss - rest, influence } };
}

function slicesOf({ name: column, values }: SliceColumn): Slice[] {
  if (!(values instanceof Float64Array || values instanceof Float32Array)) return textSlices(column, values);
  const sorted = Float64Array.from(values.filter((value) => !Number.isNaN(value))).sort();
  const cuts = [...new Set(parts.map((part) => quantileOfSorted(sorted, part)))].filter(
    (cut) => cut > (sorted[0] ?? cut) && cut <= (sorted.at(-1) ?? cut),
  );
  const edges = [undefined, ...cuts, undefined];
  const ranges = edges.slice(1).map((high, i): Slice => {
    const low = edges[i];
    return {
      bounds: { column, ...(low === undefined ? {} : { low }), ...(high === undefined ? {} : { high }) },
      isIn: (row) => {
        const value = values[row] ?? NaN;
        return value >= (low ?? -Infinity) && value < (high ?? Infinity);
      },
    };
  });
  const missing: Slice = { bounds: { column }, isIn: (row) => Number.isNaN(values[row] ?? NaN) };
  // A column of one value has no parts, only what is missing.
  return cuts.length === 0 ? [missing] : [...ranges, missing];
}

function textSlices(column: string, values: readonly (string | null)[]): Slice[] {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value ?? '', (counts.get(value ?? '') ?? 0) + 1);
  const frequent = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, valuesMax);
  return frequent.map(([value]) => ({ bounds: { column, value }, isIn: (row) => (values[row] ?? '') === value }));
}
