/**
 * Bins of a feature, in float32.
 *
 * Every value is rounded to float32 first. Bin 0 holds the missing values (NaN); bin b >= 1 holds the values with
 * thresholds[b - 2] < x <= thresholds[b - 1], the last bin everything above. A threshold lies between two neighbouring
 * distinct values a < b of the sample: `fround(a/2 + b/2)`, or `a` where that is not in [a, b). So "bin <= k" and
 * "fround(x) <= thresholds[k - 1]" are the same test for every float, the infinities and both zeros included.
 * Edges follow the greedy equal-count rule of LightGBM (heavy values get their own bin) on at most 200,000 rows at a
 * fixed stride. Typed-array reads are cast: indices are in range by construction.
 */

const sampleRowsMax = 200_000;
/** Rows binned at a time: the row-major block then stays in the second-level cache. */
const blockRows = 4096;

export type NumberColumn = Float64Array | Float32Array;

/** Thresholds ascending: one fewer than value bins. */
export type Thresholds = Float32Array;

export function thresholdBetween(a: number, b: number): number {
  // Adding 0 turns -0 into 0: equal, but of another bit pattern.
  const middle = Math.fround(a / 2 + b / 2) + 0;
  return middle >= a && middle < b ? middle : a;
}

/** Sorts float32 ascending by their bits, 11 at a time; NaN must be gone. `scratch` is as long as `values`. */
function radixSort(values: Uint32Array, scratch: Uint32Array): void {
  const counts = [new Uint32Array(2048), new Uint32Array(2048), new Uint32Array(2048)] as const;
  for (let i = 0; i < values.length; i++) {
    const raw = values[i] as number;
    // Flipped so that unsigned order is numeric order.
    const key = (raw & 0x8000_0000) !== 0 ? ~raw >>> 0 : (raw | 0x8000_0000) >>> 0;
    values[i] = key;
    counts[0][key & 2047] = (counts[0][key & 2047] as number) + 1;
    counts[1][(key >>> 11) & 2047] = (counts[1][(key >>> 11) & 2047] as number) + 1;
    counts[2][key >>> 22] = (counts[2][key >>> 22] as number) + 1;
  }
  let [from, to] = [values, scratch];
  for (const [pass, count] of counts.entries()) {
    let start = 0;
    for (let digit = 0; digit < 2048; digit++) {
      const size = count[digit] as number;
      count[digit] = start;
      start += size;
    }
    const shift = pass * 11;
    for (let i = 0; i < from.length; i++) {
      const key = from[i] as number;
      const digit = (key >>> shift) & 2047;
      const at = count[digit] as number;
      count[digit] = at + 1;
      to[at] = key;
    }
    [from, to] = [to, from];
  }
  // Three passes end in the scratch array.
  for (let i = 0; i < from.length; i++) {
    const key = from[i] as number;
    values[i] = (key & 0x8000_0000) !== 0 ? key ^ 0x8000_0000 : ~key;
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
  let total = 0;
  for (let row = 0; row < column.length; row += stride) {
    const value = column[row] as number;
    // Adding 0 turns -0 into 0, once the value is a float32.
    if (value === value) sample[total++] = Math.fround(value) + 0;
  }
  const present = sample.subarray(0, total);
  radixSort(new Uint32Array(present.buffer, 0, total), new Uint32Array(total));
  const values = new Float32Array(total);
  const counts = new Uint32Array(total);
  let distinct = 0;
  for (let i = 0; i < total; i++) {
    const value = present[i] as number;
    if (distinct === 0 || value !== values[distinct - 1]) values[distinct++] = value;
    counts[distinct - 1] = (counts[distinct - 1] as number) + 1;
  }
  return { values: values.subarray(0, distinct), counts: counts.subarray(0, distinct), total };
}

/** Indices after which a bin ends, for at most `binsMax` bins. */
function greedyCuts({ values, counts, total }: DistinctValues, binsMax: number): number[] {
  const last = values.length - 1;
  if (values.length <= binsMax) return Array.from({ length: Math.max(0, last) }, (_, i) => i);
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

export interface FeatureBins {
  readonly thresholds: Thresholds;
  /** False where no split is possible: constant without missing values, or missing everywhere. */
  readonly isUseful: boolean;
}

/** Thresholds for at most `binsMax` bins, the one of missing values included. Cost: about 15 ns per sampled row. */
export function findBins(column: NumberColumn, binsMax: number): FeatureBins {
  const distinct = distinctValues(column);
  const cuts = greedyCuts(distinct, binsMax - 1);
  const thresholds = Float32Array.from(cuts, (cut) =>
    thresholdBetween(distinct.values[cut] as number, distinct.values[cut + 1] as number),
  );
  const hasValues = distinct.total > 0;
  const hasMissing = (): boolean => column.some((value) => value !== value);
  return { thresholds, isUseful: hasValues && (thresholds.length > 0 || hasMissing()) };
}

/** Per upper 16 bits of a float: the lowest and the highest value bin (from 0) that such floats can be in. */
interface BinTable {
  readonly low: Uint8Array;
  readonly high: Uint8Array;
}

/** Place of a float's upper 16 bits in numeric order: NaN with sign, -Infinity, ..., 0, ..., Infinity, NaN. */
function prefixOrder(prefix: number): number {
  return prefix < 32_768 ? prefix + 32_768 : 65_535 - prefix;
}

function createBinTable(thresholds: Thresholds): BinTable {
  const raw = new Uint32Array(thresholds.buffer, thresholds.byteOffset, thresholds.length);
  // Floats of a later prefix than the threshold's are above it; those of its own prefix may be on either side.
  const lowInOrder = new Uint8Array(65_537);
  for (let i = 0; i < thresholds.length; i++) {
    const after = prefixOrder((raw[i] as number) >>> 16) + 1;
    const next = i + 1 < thresholds.length ? prefixOrder((raw[i + 1] as number) >>> 16) + 1 : lowInOrder.length;
    lowInOrder.fill(i + 1, after, next);
  }
  const inRawOrder = (ordered: Uint8Array): Uint8Array => {
    const table = new Uint8Array(65_536);
    table.set(ordered.subarray(32_768));
    table.set(ordered.subarray(0, 32_768).reverse(), 32_768);
    return table;
  };
  // The bins of a prefix end where those of the next one begin.
  return { low: inRawOrder(lowInOrder.slice(0, 65_536)), high: inRawOrder(lowInOrder.slice(1)) };
}

export interface BinTarget {
  /** Row-major, `stride` bytes per row. */
  readonly rowBins: Uint8Array;
  readonly stride: number;
  /** One array per feature. */
  readonly columnBins: readonly Uint8Array[];
}

/** Writes the bins of every column in both layouts. Cost: about 4 ns per value. */
export function assignBins(
  columns: readonly NumberColumn[],
  thresholds: readonly Thresholds[],
  target: BinTarget,
): void {
  const rowCount = columns[0]?.length ?? 0;
  const tables = thresholds.map(createBinTable);
  const floats = new Float32Array(blockRows);
  const raw = new Uint32Array(floats.buffer);
  for (let start = 0; start < rowCount; start += blockRows) {
    const rows = Math.min(blockRows, rowCount - start);
    for (let feature = 0; feature < columns.length; feature++) {
      floats.set((columns[feature] as NumberColumn).subarray(start, start + rows));
      assignBlock({
        floats,
        raw,
        rows,
        start,
        feature,
        table: tables[feature] as BinTable,
        thresholds: thresholds[feature] as Thresholds,
        target,
      });
    }
  }
}

interface Block {
  readonly floats: Float32Array;
  readonly raw: Uint32Array;
  readonly rows: number;
  readonly start: number;
  readonly feature: number;
  readonly table: BinTable;
  readonly thresholds: Thresholds;
  readonly target: BinTarget;
}

function assignBlock(block: Block): void {
  const { floats, raw, rows, start, feature, thresholds } = block;
  const { low, high } = block.table;
  const { rowBins, stride } = block.target;
  const columnBins = block.target.columnBins[feature] as Uint8Array;
  let at = start * stride + feature;
  for (let i = 0; i < rows; i++) {
    const value = floats[i] as number;
    let bin = 0;
    if (value === value) {
      const prefix = (raw[i] as number) >>> 16;
      let from = low[prefix] as number;
      let to = high[prefix] as number;
      while (from < to) {
        const middle = (from + to) >>> 1;
        if (value > (thresholds[middle] as number)) from = middle + 1;
        else to = middle;
      }
      bin = from + 1;
    }
    rowBins[at] = bin;
    at += stride;
    columnBins[start + i] = bin;
  }
}
