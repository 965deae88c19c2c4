/**
 * How far apart are two samples of one column? Kolmogorov-Smirnov, population stability index, Jensen-Shannon distance,
 * Wasserstein distance, chi-square; and thresholds that come from the reference itself.
 *
 * Shapes: samples are ArrayLike<number> without nulls and NaN unless said (nulls are counted apart); shares sum to 1.
 * Fixed cuts such as "PSI > 0.2" are folklore: ordinary seasons pass them every week and small samples pass them by
 * noise alone. A column's threshold here is 1.5 times the largest value that a week of the reference itself shows against
 * the whole reference, and never below what noise at this sample size reaches in 1 of 1,000 windows. Beyond the threshold
 * a column is still called season while it moves from window to window no faster than the reference's own weeks do; it
 * has drifted when it jumped there, and stays so until it is back (the step is measured from the last window before).
 * A column that cannot be judged gets a status of its own and never fails the others.
 * Sources: Hodges (1958) and Schroeer and Trenkler (1995) for the exact KS tail; Yurdakul (2018) for the law of PSI;
 * Endres and Schindelin (2003) for the JS distance; Benjamini and Hochberg (1995).
 */
import type { PictureBins } from './drift-bins.ts';
import { countPicture, planPicture } from './drift-bins.ts';
import { quantileOfSorted } from './intervals.ts';
import { chiSquareSf, chiSquareUpperQuantile, kolmogorovLogSf, kolmogorovSf } from './special-functions.ts';

// Reads of typed arrays inside loops whose bounds are the array's own length.
const at = (array: ArrayLike<number>, i: number): number => array[i] as number;

/** Ascending, without NaN. */
function sortedPresent(values: ArrayLike<number>): Float64Array {
  const sorted = new Float64Array(values).sort();
  // A typed sort puts NaN last.
  let count = sorted.length;
  while (count > 0 && Number.isNaN(at(sorted, count - 1))) count--;
  return sorted.subarray(0, count);
}

const sortedCopy = (values: ArrayLike<number>): Float64Array => new Float64Array(values).sort();

function meanOf(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += at(values, i);
  return sum / values.length;
}

export interface KsResult {
  readonly statistic: number;
  readonly p: number;
  /** ln p: still finite where p underflows. */
  readonly logP: number;
  readonly method: 'exact' | 'asymptotic';
}

/** The exact tail costs n * m steps: up to this many (about 10 ms). */
const exactCellsMax = 4_000_000;

/** Two-sample, two-sided KS. Exact under ties is conservative. NaN when a sample is empty. */
export function ksTest(a: ArrayLike<number>, b: ArrayLike<number>): KsResult {
  const statistic = ksStatisticOfSorted(sortedCopy(a), sortedCopy(b));
  const n = a.length;
  const m = b.length;
  if (Number.isNaN(statistic)) return { statistic, p: NaN, logP: NaN, method: 'asymptotic' };
  if (n * m <= exactCellsMax) {
    const p = ksExactP(statistic, n, m);
    return { statistic, p, logP: Math.log(p), method: 'exact' };
  }
  const x = Math.sqrt((n * m) / (n + m)) * statistic;
  return { statistic, p: kolmogorovSf(x), logP: kolmogorovLogSf(x), method: 'asymptotic' };
}

/** Largest distance between the two empirical distribution functions; both ascending. */
export function ksStatisticOfSorted(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const n = a.length;
  const m = b.length;
  if (n === 0 || m === 0) return NaN;
  let largest = 0;
  for (let i = 0, j = 0; i < n && j < m;) {
    const value = Math.min(at(a, i), at(b, j));
    while (i < n && at(a, i) === value) i++;
    while (j < m && at(b, j) === value) j++;
    largest = Math.max(largest, Math.abs(i / n - j / m));
  }
  return largest;
}

/**
 * P(D >= d) over all orderings: the share of lattice paths from (0, 0) to (n, m) that touch |i/n - j/m| >= d. Carried as
 * the share that *has* touched, so that a tiny tail suffers no cancellation.
 */
function ksExactP(statistic: number, n: number, m: number): number {
  const [short, long] = n < m ? [n, m] : [m, n];
  // Distances are multiples of 1 / (n m); half a step below the observed one absorbs rounding.
  const limit = statistic - 0.5 / (n * m);
  const touched = new Float64Array(short + 1);
  for (let i = 0; i <= long; i++) {
    for (let j = 0; j <= short; j++) {
      if (Math.abs(i / long - j / short) > limit) touched[j] = 1;
      else if (i === 0) touched[j] = j === 0 ? 0 : at(touched, j - 1);
      else if (j > 0) touched[j] = (i * at(touched, j) + j * at(touched, j - 1)) / (i + j);
    }
  }
  return Math.min(1, at(touched, short));
}

/** First Wasserstein distance (area between the distribution functions), in units of the column. */
export function wasserstein(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return wassersteinOfSorted(sortedCopy(a), sortedCopy(b));
}

/** The same of two ascending samples. */
export function wassersteinOfSorted(x: ArrayLike<number>, y: ArrayLike<number>): number {
  const n = x.length;
  const m = y.length;
  if (n === 0 || m === 0) return NaN;
  let area = 0;
  let previous = Math.min(at(x, 0), at(y, 0));
  for (let i = 0, j = 0; i < n || j < m;) {
    const value = Math.min(i < n ? at(x, i) : Infinity, j < m ? at(y, j) : Infinity);
    area += Math.abs(i / n - j / m) * (value - previous);
    while (i < n && at(x, i) === value) i++;
    while (j < m && at(y, j) === value) j++;
    previous = value;
  }
  return area;
}

/** Standard deviation with divisor n. */
export function standardDeviation(values: ArrayLike<number>): number {
  let mean = 0;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    const delta = at(values, i) - mean;
    mean += delta / (i + 1);
    squares += delta * (at(values, i) - mean);
  }
  return Math.sqrt(squares / values.length);
}

/** Empty bins count as this share in the PSI, where a logarithm of 0 would otherwise decide. */
export const shareFloor = 1e-4;

/** Population stability index, sum (p - q) ln(p / q), over shares of the same bins. Not renormalised after the floor. */
export function psi(reference: ArrayLike<number>, current: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < reference.length; i++) {
    const p = Math.max(shareFloor, at(reference, i));
    const q = Math.max(shareFloor, at(current, i));
    sum += (p - q) * Math.log(p / q);
  }
  return sum;
}

/** Jensen-Shannon distance, natural logarithm: 0 .. sqrt(ln 2). */
export function jensenShannon(reference: ArrayLike<number>, current: ArrayLike<number>): number {
  let divergence = 0;
  for (let i = 0; i < reference.length; i++) {
    const p = at(reference, i);
    const q = at(current, i);
    const middle = (p + q) / 2;
    if (p > 0) divergence += (p / 2) * Math.log(p / middle);
    if (q > 0) divergence += (q / 2) * Math.log(q / middle);
  }
  return Math.sqrt(Math.max(0, divergence));
}

export interface ChiSquareResult {
  readonly statistic: number;
  readonly df: number;
  readonly p: number;
}

/** Chi-square test that two sets of counts come from one distribution; bins empty in both are left out. */
export function chiSquareTest(a: ArrayLike<number>, b: ArrayLike<number>): ChiSquareResult {
  let n = 0;
  let m = 0;
  for (let i = 0; i < a.length; i++) {
    n += at(a, i);
    m += at(b, i);
  }
  let statistic = 0;
  let used = 0;
  for (let i = 0; i < a.length; i++) {
    const both = at(a, i) + at(b, i);
    if (both === 0) continue;
    used++;
    const expectedA = (both * n) / (n + m);
    const expectedB = (both * m) / (n + m);
    statistic += (at(a, i) - expectedA) ** 2 / expectedA + (at(b, i) - expectedB) ** 2 / expectedB;
  }
  const df = used - 1;
  if (df < 1 || n === 0 || m === 0) return { statistic: NaN, df: Math.max(0, df), p: NaN };
  return { statistic, df, p: chiSquareSf(statistic, df) };
}

/** Which of these p-values stand after the Benjamini-Hochberg step-up at false discovery rate `q`. NaN never stands. */
export function benjaminiHochberg(pValues: ArrayLike<number>, q: number): boolean[] {
  const ranked: { readonly p: number; readonly i: number }[] = [];
  for (let i = 0; i < pValues.length; i++) if (!Number.isNaN(at(pValues, i))) ranked.push({ p: at(pValues, i), i });
  ranked.sort((a, b) => a.p - b.p);
  let last = -1;
  ranked.forEach(({ p }, rank) => {
    if (p <= (q * (rank + 1)) / ranked.length) last = rank;
  });
  const stands = Array.from<boolean>({ length: pValues.length }).fill(false);
  for (const { i } of ranked.slice(0, last + 1)) stands[i] = true;
  return stands;
}

/** What measuring a window against a reference needs: shares over fixed bins, and how far the reference's own weeks move. */
export interface SharesReference {
  readonly name: string;
  readonly count: number;
  readonly shares: readonly number[];
  /** Largest PSI of one ordinary period of the reference against all of it; undefined with fewer than two periods. */
  readonly ordinaryPsiMax: number | undefined;
  /** Largest PSI between one period and the next: how fast the column ordinarily moves. */
  readonly ordinaryStepMax: number | undefined;
  readonly ordinaryPeriods: number;
}

/** What is kept of a reference column: plain data, some 3 KB as JSON. */
export interface ReferenceColumn extends SharesReference {
  readonly nullCount: number;
  readonly mean: number;
  readonly standardDeviation: number;
  /** Inner bin edges, ascending and distinct: bin b holds (edges[b-1], edges[b]]. */
  readonly edges: readonly number[];
  /** Evenly spaced quantiles from minimum to maximum: the reference's distribution function for KS and Wasserstein. */
  readonly grid: readonly number[];
  /** The column in the bins that every window is drawn in; undefined where there are no values or no bins for them. */
  readonly picture: { readonly bins: PictureBins; readonly counts: readonly number[] } | undefined;
}

const gridPoints = 257;
const defaultBins = 10;
/** Periods with fewer rows than this say nothing about ordinary movement. */
export const periodRowsMin = 50;

export interface ReferenceOptions {
  readonly name: string;
  /** The period (week) of each row, any number; without it no ordinary movement is measured. */
  readonly periods?: ArrayLike<number> | undefined;
}

/** Summarises a column of the reference. NaN is a null. */
export function describeReference(values: ArrayLike<number>, options: ReferenceOptions): ReferenceColumn {
  const present = sortedPresent(values);
  const edges: number[] = [];
  for (let b = 1; b < defaultBins && present.length > 0; b++) {
    const edge = quantileOfSorted(present, b / defaultBins);
    if (edges.length === 0 || edge > at(edges, edges.length - 1)) edges.push(edge);
  }
  const shares = sharesOf(values, edges);
  const bins = planPicture(present);
  const summary = {
    name: options.name,
    count: values.length,
    nullCount: values.length - present.length,
    mean: present.length === 0 ? 0 : meanOf(present),
    standardDeviation: present.length === 0 ? 0 : standardDeviation(present),
    edges,
    shares: [...shares],
    grid:
      present.length === 0
        ? []
        : Array.from({ length: gridPoints }, (_, g) => quantileOfSorted(present, g / (gridPoints - 1))),
    picture: bins && { bins, counts: countPicture(values, bins) },
  };
  return { ...summary, ...ordinaryMovementOf(periodShares(values, options.periods, edges), shares) };
}

/** Shares of each period with enough rows, in the order of time. */
function periodShares(
  values: ArrayLike<number>,
  periods: ArrayLike<number> | undefined,
  edges: readonly number[],
): Float64Array[] {
  const rows = new Map<number, number[]>();
  for (let i = 0; periods !== undefined && i < values.length; i++) {
    const period = at(periods, i);
    const list = rows.get(period);
    if (list === undefined) rows.set(period, [at(values, i)]);
    else list.push(at(values, i));
  }
  return [...rows]
    .filter(([, period]) => period.length >= periodRowsMin)
    .sort(([a], [b]) => a - b)
    .map(([, period]) => sharesOf(period, edges));
}

/** How far and how fast ordinary periods move, from their shares in the order of time. */
export function ordinaryMovementOf(
  ordered: readonly ArrayLike<number>[],
  whole: ArrayLike<number>,
): Pick<SharesReference, 'ordinaryPsiMax' | 'ordinaryStepMax' | 'ordinaryPeriods'> {
  if (ordered.length < 2) {
    return { ordinaryPsiMax: undefined, ordinaryStepMax: undefined, ordinaryPeriods: ordered.length };
  }
  const steps = ordered.slice(1).map((shares, i) => psi(ordered[i] ?? shares, shares));
  return {
    ordinaryPsiMax: Math.max(...ordered.map((shares) => psi(whole, shares))),
    ordinaryStepMax: Math.max(...steps),
    ordinaryPeriods: ordered.length,
  };
}

/** Share of each bin (edges.length + 1 of them), then of nulls. All zero for no rows. */
export function sharesOf(values: ArrayLike<number>, edges: ArrayLike<number>): Float64Array {
  const shares = new Float64Array(edges.length + 2);
  for (let i = 0; i < values.length; i++) {
    const value = at(values, i);
    let bin = shares.length - 1;
    if (!Number.isNaN(value)) {
      let low = 0;
      let high = edges.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (value <= at(edges, middle)) high = middle;
        else low = middle + 1;
      }
      bin = low;
    }
    shares[bin] = at(shares, bin) + 1;
  }
  for (let b = 0; b < shares.length; b++) shares[b] = at(shares, b) / Math.max(1, values.length);
  return shares;
}

export type DriftStatus =
  /** Like the reference, within noise or within 0.1: nothing to say. */
  | 'ordinary'
  /** Away from the reference, but no further than its own weeks are, or no faster than they move: season, weather, calendar. */
  | 'season'
  /** Further than any ordinary week, and there by a jump: a broken source, a changed unit, a new population. */
  | 'drift'
  | 'too-few-rows'
  | 'no-reference';

/** How far the shares of a window lie from those of a reference. */
export interface SharesDrift {
  readonly name: string;
  readonly status: DriftStatus;
  readonly count: number;
  readonly psi: number;
  readonly threshold: number;
  /** psi / threshold: what columns are ranked by. */
  readonly ratio: number;
  /** PSI to the last window in which the column had not drifted; undefined in the first window. */
  readonly step: number | undefined;
  /** Share of each bin, then of nulls: what the next window measures its step from. */
  readonly shares: readonly number[];
}

/** What a window's column is beside a reference, whatever came before it and whatever is thought of it. */
export interface ColumnMeasure {
  readonly count: number;
  readonly nullCount: number;
  /** Share of each bin, then of nulls. */
  readonly shares: readonly number[];
  /** Rows of each bin of the reference's picture. */
  readonly picture: readonly number[] | undefined;
  readonly ks: number;
  readonly wassersteinPerSd: number;
  readonly jensenShannon: number;
  readonly nullShare: number;
  readonly referenceNullShare: number;
  readonly mean: number;
  readonly referenceMean: number;
  /** Share of rows outside the reference's 1st to 99th percentile; 0.02 is ordinary. */
  readonly beyondShare: number;
}

export type ColumnDrift = SharesDrift & ColumnMeasure;

export interface DriftOptions {
  /** Fewest rows that are judged; 100 unless said. */
  readonly rowsMin?: number;
  /** Threshold = factor * the reference's own largest weekly PSI; 1.5 unless said. */
  readonly factor?: number;
  /** Shares of this column in the last window in which it had not drifted. */
  readonly before?: { readonly shares: readonly number[]; readonly count: number } | undefined;
}

/** Movement below this is not worth a word, whatever the calibration says. */
const psiNegligible = 0.1;

/** PSI of the shares against the reference's own threshold, and whether the column jumped or moved there. */
export function measureShares(
  reference: SharesReference,
  shares: ArrayLike<number>,
  options: DriftOptions & { readonly rows: number },
): SharesDrift {
  const { rows, before } = options;
  const noise = psiNoise(shares.length, reference.count, rows);
  const factor = options.factor ?? 1.5;
  const threshold = Math.max(noise, psiNegligible, factor * (reference.ordinaryPsiMax ?? 0));
  const index = psi(reference.shares, shares);
  const step = before === undefined ? undefined : psi(before.shares, shares);
  const stepLimit =
    before === undefined
      ? 0
      : Math.max(psiNoise(shares.length, before.count, rows), factor * (reference.ordinaryStepMax ?? 0));
  const isSteady = step !== undefined && step <= stepLimit;
  return {
    name: reference.name,
    count: rows,
    status: statusOf(reference, { rows, rowsMin: options.rowsMin ?? 100, index, threshold, noise, isSteady }),
    psi: index,
    threshold,
    ratio: index / threshold,
    step,
    shares: Array.from(shares),
  };
}

/** Compares a window with the reference. Never throws for the data's sake: the status says why a column was not judged. */
export function measureDrift(
  reference: ReferenceColumn,
  values: ArrayLike<number>,
  options: DriftOptions = {},
): ColumnDrift {
  return judgeColumn(reference, measureColumn(reference, values), options);
}

/** All that takes a look at the rows: O(rows log rows). */
export function measureColumn(reference: ReferenceColumn, values: ArrayLike<number>): ColumnMeasure {
  const present = sortedPresent(values);
  const shares = sharesOf(values, reference.edges);
  const low = quantileOfSorted(reference.grid, 0.01);
  const high = quantileOfSorted(reference.grid, 0.99);
  let beyond = 0;
  for (let i = 0; i < present.length; i++) if (at(present, i) < low || at(present, i) > high) beyond++;
  const w = wassersteinOfSorted(reference.grid, present);
  return {
    count: values.length,
    nullCount: values.length - present.length,
    shares: Array.from(shares),
    picture: reference.picture && countPicture(values, reference.picture.bins),
    ks: ksStatisticOfSorted(reference.grid, present),
    wassersteinPerSd: reference.standardDeviation > 0 ? w / reference.standardDeviation : w === 0 ? 0 : NaN,
    jensenShannon: jensenShannon(reference.shares, shares),
    nullShare: at(shares, shares.length - 1),
    referenceNullShare: reference.count === 0 ? 0 : reference.nullCount / reference.count,
    mean: present.length === 0 ? NaN : meanOf(present),
    referenceMean: reference.mean,
    beyondShare: present.length === 0 ? 0 : beyond / present.length,
  };
}

/** What is to be thought of it: of the same reference. */
export function judgeColumn(
  reference: SharesReference,
  measure: ColumnMeasure,
  options: DriftOptions = {},
): ColumnDrift {
  return { ...measure, ...measureShares(reference, measure.shares, { rows: measure.count, ...options }) };
}

interface Measured {
  readonly rows: number;
  readonly rowsMin: number;
  readonly index: number;
  readonly threshold: number;
  readonly noise: number;
  readonly isSteady: boolean;
}

function statusOf(reference: SharesReference, measured: Measured): DriftStatus {
  if (reference.count === 0) return 'no-reference';
  if (measured.rows < measured.rowsMin) return 'too-few-rows';
  if (measured.index <= Math.max(measured.noise, psiNegligible)) return 'ordinary';
  return measured.index <= measured.threshold || measured.isSteady ? 'season' : 'drift';
}

/** The PSI that two samples of one distribution exceed in 1 of 1,000 windows: (1/n + 1/m) * chi-square with bins - 1 df. */
export function psiNoise(bins: number, n: number, m: number): number {
  if (n === 0 || m === 0) return Infinity;
  return (1 / n + 1 / m) * chiSquareUpperQuantile(0.001, Math.max(1, bins - 1));
}
