/**
 * The distribution of a numeric column as a picture of bounded size, in bins that a reference fixes once and every later
 * window is counted in: 20 bins of equal width between the reference's 1 % and 99 % quantiles, 20 more on each side for
 * what moved away, the outermost two open to infinity. Whole numbers get bins of whole width.
 * The PSI has its own bins, of equal share (drift.ts); these are for looking at.
 */
import { quantileOfSorted } from './intervals.ts';

const middleBins = 20;
const sideBins = 20;
export const pictureBins: number = middleBins + 2 * sideBins;

export interface PictureBins {
  /** Lower edge of the first bin, which takes everything below it too. */
  readonly low: number;
  readonly width: number;
}

const at = (array: ArrayLike<number>, i: number): number => array[i] as number; // inside the array's bounds

/** `sorted`: ascending, without NaN. Undefined for no values, and where doubles cannot tell the bins apart. */
export function planPicture(sorted: ArrayLike<number>): PictureBins | undefined {
  if (sorted.length === 0) return undefined;
  const [least, most] = [at(sorted, 0), at(sorted, sorted.length - 1)];
  let [from, to] = [quantileOfSorted(sorted, 0.01), quantileOfSorted(sorted, 0.99)];
  if (from === to) [from, to] = [least, most];
  let width = from === to ? Math.max(1, Math.abs(from) * 1e-6) : (to - from) / middleBins;
  let first = from === to ? from - width / 2 : from;
  if (isWhole(sorted)) {
    width = Math.ceil((to - from + 1) / middleBins);
    first = Math.floor(from) - 0.5;
  }
  const low = first - sideBins * width;
  const high = low + pictureBins * width;
  const isUsable = Number.isFinite(low) && Number.isFinite(high) && low + width > low && high - width < high;
  return isUsable ? { low, width } : undefined;
}

function isWhole(values: ArrayLike<number>): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isSafeInteger(at(values, i))) return false;
  return true;
}

/** [60 bins]; NaN is left out, infinities lie in the outermost bins. */
export function countPicture(values: ArrayLike<number>, { low, width }: PictureBins): number[] {
  const counts = Array.from({ length: pictureBins }, () => 0);
  for (let i = 0; i < values.length; i++) {
    const value = at(values, i);
    if (Number.isNaN(value)) continue;
    const bin = Math.max(0, Math.min(pictureBins - 1, Math.floor((value - low) / width)));
    counts[bin] = at(counts, bin) + 1;
  }
  return counts;
}

export interface Picture {
  readonly edges: number[];
  readonly reference: number[];
  readonly window: number[];
  /** Whether the first (last) bin shown holds everything below (above) it. */
  readonly isOpenBelow: boolean;
  readonly isOpenAbove: boolean;
}

/** Both in the same bins, without the bins at either end that are empty in both. */
export function pictureOf(
  bins: PictureBins,
  reference: readonly number[],
  window: readonly number[],
): Picture | undefined {
  const isUsed = (i: number): boolean => (reference[i] ?? 0) + (window[i] ?? 0) > 0;
  let first = 0;
  let last = pictureBins - 1;
  while (first < last && !isUsed(first)) first++;
  while (last > first && !isUsed(last)) last--;
  if (!isUsed(first)) return undefined;
  return {
    edges: Array.from({ length: last - first + 2 }, (_, i) => bins.low + (first + i) * bins.width),
    reference: reference.slice(first, last + 1),
    window: window.slice(first, last + 1),
    isOpenBelow: first === 0,
    isOpenAbove: last === pictureBins - 1,
  };
}
