/**
 * Bins of a feature, in float32.
 *
 * Every value is rounded to float32 first. Bin 0 holds the missing values (NaN); bin b >= 1 holds the values with
 * thresholds[b - 2] < x <= thresholds[b - 1], the last bin everything above. A threshold lies between two neighbouring
 * distinct values a < b of the sample: `fround(a/2 + b/2)`, or `a` where that is not in [a, b). So "bin <= k" and
 * "fround(x) <= thresholds[k - 1]" are the same test for every float, the infinities and both zeros included.
 * Edges follow the greedy equal-count rule of LightGBM (heavy values get their own bin) on at most 200,000 rows at a
 * fixed stride, with bins of three rows or more. Typed-array reads are cast: indices are in range by construction.
 */

import { codesMax, setThreshold } from './category-sets.ts';
import { thresholdBytes } from './booster-memory.ts';
import type { MemoryLayout } from './booster-memory.ts';
import type { Kernels } from './kernels.ts';

const sampleRowsMax = 200_000;
/** Below it the engine's own sort is faster: this one clears and sums 6,144 counts whatever it sorts. */
const radixRowsMin = 1024;

export type NumberColumn = Float64Array | Float32Array;

/** Thresholds ascending: one fewer than value bins. */
export type Thresholds = Float32Array;

export function thresholdBetween(a: number, b: number): number {
  // Adding 0 turns -0 into 0: equal, but of another bit pattern.
  const middle = Math.fround(a / 2 + b / 2) + 0;
  return middle >= a && middle < b ? middle : a;
}

const digitBits = 11;
const digits = 2 ** digitBits;

/** Sorts float32 ascending by their bits, 11 at a time; NaN must be gone. `scratch` is as long as `values`. */
function radixSort(values: Uint32Array, scratch: Uint32Array): void {
  orderBits(values);
  sortPass(values, scratch, 0);
  sortPass(scratch, values, digitBits);
  sortPass(values, scratch, 2 * digitBits);
  restoreBits(scratch, values);
}

/** Flipped so that unsigned order is numeric order. */
function orderBits(values: Uint32Array): void {
  for (let i = 0; i < values.length; i++) {
    const raw = values[i] as number;
    values[i] = (raw & 0x8000_0000) !== 0 ? ~raw : raw | 0x8000_0000;
  }
}

/** By the bits from `shift` on, of equals the first first. */
function sortPass(from: Uint32Array, to: Uint32Array, shift: number): void {
  const next = new Uint32Array(digits + 1);
  for (let i = 0; i < from.length; i++) {
    const digit = ((from[i] as number) >>> shift) & (digits - 1);
    next[digit + 1] = (next[digit + 1] as number) + 1;
  }
  for (let digit = 1; digit < digits; digit++) next[digit] = (next[digit] as number) + (next[digit - 1] as number);
  for (let i = 0; i < from.length; i++) {
    const key = from[i] as number;
    const digit = (key >>> shift) & (digits - 1);
    const at = next[digit] as number;
    next[digit] = at + 1;
    to[at] = key;
  }
}

function restoreBits(from: Uint32Array, to: Uint32Array): void {
  for (let i = 0; i < from.length; i++) {
    const key = from[i] as number;
    to[i] = (key & 0x8000_0000) !== 0 ? key ^ 0x8000_0000 : ~key;
  }
}

interface DistinctValues {
  readonly values: Float32Array;
  readonly counts: Uint32Array;
  readonly total: number;
}

function distinctValues(column: NumberColumn): DistinctValues {
  const stride = Math.max(1, Math.ceil(column.length / sampleRowsMax));
  const sample = new Float32Array(Math.ceil(column.length / stride));
  const total = takeSample(column, sample, stride);
  const present = sample.subarray(0, total);
  if (total < radixRowsMin) present.sort();
  else radixSort(new Uint32Array(present.buffer, 0, total), new Uint32Array(total));
  const values = new Float32Array(total);
  const counts = new Uint32Array(total);
  const distinct = countDistinct(present, values, counts);
  return { values: values.subarray(0, distinct), counts: counts.subarray(0, distinct), total };
}

/** Every `stride`th value that is not missing, rounded to float32; returns how many. */
function takeSample(column: NumberColumn, sample: Float32Array, stride: number): number {
  let total = 0;
  for (let row = 0; row < column.length; row += stride) {
    const value = column[row] as number;
    // Adding 0 turns -0 into 0, once the value is a float32.
    if (value === value) sample[total++] = Math.fround(value) + 0;
  }
  return total;
}

/** Returns how many different values the sorted ones are. */
function countDistinct(sorted: Float32Array, values: Float32Array, counts: Uint32Array): number {
  let distinct = 0;
  for (let i = 0; i < sorted.length; i++) {
    const value = sorted[i] as number;
    if (distinct === 0 || value !== values[distinct - 1]) values[distinct++] = value;
    counts[distinct - 1] = (counts[distinct - 1] as number) + 1;
  }
  return distinct;
}

export interface BinLimits {
  /** Bins, the one of missing values included. */
  readonly binsMax: number;
  /** Sampled rows that a bin should have at least. */
  readonly rowsMin: number;
}

/** Indices after which a bin ends. */
function greedyCuts({ values, counts, total }: DistinctValues, limits: BinLimits): number[] {
  const { rowsMin } = limits;
  const last = values.length - 1;
  if (values.length <= limits.binsMax - 1) return fullCuts(counts, rowsMin);
  const binsMax = Math.max(1, Math.min(limits.binsMax - 1, Math.floor(total / rowsMin)));
  const heavyMin = total / binsMax;
  let restBins = binsMax;
  let restRows = total;
  for (const count of counts) {
    if (count >= heavyMin) {
      restBins -= 1;
      restRows -= count;
    }
  }
  const cuts: number[] = [];
  let target = restRows / Math.max(1, restBins);
  let inBin = 0;
  for (let i = 0; i < last && cuts.length < binsMax - 1; i++) {
    const count = counts[i] as number;
    const isHeavy = count >= heavyMin;
    if (!isHeavy) restRows -= count;
    inBin += count;
    const isNextHeavy = (counts[i + 1] as number) >= heavyMin;
    if (isHeavy || inBin >= target || (isNextHeavy && inBin >= Math.max(1, target / 2))) {
      cuts.push(i);
      inBin = 0;
      if (!isHeavy) {
        restBins -= 1;
        target = restRows / Math.max(1, restBins);
      }
    }
  }
  return cuts;
}

/** Every value a bin, but for those that have too few rows. */
function fullCuts(counts: Uint32Array, rowsMin: number): number[] {
  const cuts: number[] = [];
  let inBin = 0;
  for (let i = 0; i < counts.length - 1; i++) {
    inBin += counts[i] ?? 0;
    if (inBin < rowsMin) continue;
    cuts.push(i);
    inBin = 0;
  }
  return cuts;
}

export interface FeatureBins {
  readonly thresholds: Thresholds;
  /** False where no split is possible: constant without missing values, or missing everywhere. */
  readonly isUseful: boolean;
}

/** Cost: about 15 ns per sampled row. */
export function findBins(column: NumberColumn, limits: BinLimits): FeatureBins {
  const distinct = distinctValues(column);
  const cuts = greedyCuts(distinct, limits);
  const thresholds = Float32Array.from(cuts, (cut) =>
    thresholdBetween(distinct.values[cut] as number, distinct.values[cut + 1] as number),
  );
  const hasValues = distinct.total > 0;
  const hasMissing = (): boolean => column.some((value) => value !== value);
  return { thresholds, isUseful: hasValues && (thresholds.length > 0 || hasMissing()) };
}

/** Codes 0 to `thresholds.length` have bins of their own; higher ones are missing. */
export function findCategoryBins(column: NumberColumn, { binsMax }: BinLimits): FeatureBins {
  let last = -1;
  let hasMissing = false;
  for (let row = 0; row < column.length; row++) {
    const code = column[row] ?? Number.NaN;
    if (code >= 0 && code < Math.min(codesMax, binsMax - 1)) last = Math.max(last, code);
    else hasMissing = true;
  }
  const thresholds = Float32Array.from({ length: Math.max(0, last) }, (_, code) => code + setThreshold);
  return { thresholds, isUseful: last > 0 || (last === 0 && hasMissing) };
}

/** The column with codes that have no bin of their own made missing. */
export function knownCodes(column: NumberColumn, thresholds: Thresholds): Float32Array {
  return Float32Array.from(column, (code) => (code >= 0 && code <= thresholds.length ? code : Number.NaN));
}

export interface BinTarget {
  readonly kernels: Pick<Kernels, 'memory' | 'assignBins'>;
  readonly layout: MemoryLayout;
}

/** Writes the bins of every column into the memory, block by block. */
export function assignBins(
  columns: readonly NumberColumn[],
  thresholds: readonly Thresholds[],
  { kernels, layout }: BinTarget,
): void {
  const { memory } = kernels;
  const integers = new Int32Array(memory, layout.featureTable, columns.length * 4);
  for (const [feature, own] of thresholds.entries()) {
    const room = new Float32Array(memory, layout.thresholds + feature * thresholdBytes, thresholdBytes / 4);
    room.fill(Infinity);
    room.set(own);
    integers[feature * 4 + 3] = own.length === 0 ? 1 : 2 ** (31 - Math.clz32(own.length));
  }
  const staging = new Float32Array(memory, layout.staging, columns.length * layout.blockRows);
  for (let start = 0; start < layout.rowCount; start += layout.blockRows) {
    const rows = Math.min(layout.blockRows, layout.rowCount - start);
    for (const [feature, column] of columns.entries()) {
      staging.set(column.subarray(start, start + rows), feature * layout.blockRows);
    }
    kernels.assignBins(rows, start);
  }
}
