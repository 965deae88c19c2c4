/**
 * Where everything lies in the one WebAssembly memory of a training.
 *
 * Addresses are bytes. `rows` is the number of training rows rounded up to a multiple of four, because some kernels take
 * two or four rows at a time; the padding rows have weight 0 and belong to no leaf.
 */

const pageBytes = 65_536;
/** Largest memory of a 32-bit WebAssembly module. */
const memoryBytesMax = 65_536 * pageBytes;
const lineBytes = 64;
/** A histogram bin: gradient, hessian, rows and a spare lane, 32-bit integers. */
export const binBytes = 16;
/** A feature in the feature table: four 32-bit integers. */
export const entryBytes = 16;

/** Byte offsets in the result area of a thread; the total and the least sums of a side are read from that of the first. */
export const resultOffsets = {
  gain: 0,
  feature: 8,
  bin: 12,
  missingLeft: 16,
  left: 32,
  total: 48,
  middle: 64,
  least: 80,
} as const;
/** Bytes from the result area of a thread to that of the next. */
export const resultBytes = 128;

/** Byte offsets in the control area; words that threads wait on have cache lines of their own. */
export const controlOffsets = {
  go: 0,
  done: 64,
  ready: 128,
  kind: 192,
  sink: 196,
  integers: 256,
  doubles: 320,
} as const;
/** What lies at the same address in every memory. */
export const fixedAddresses = { control: 0, lookup: 384, result: 640 } as const;

/** Rows whose derivatives are summed as one; part of the definition of the result. */
export const chunkRows = 4096;
/** Sums of gradient and hessian of a chunk. */
export const chunkSumBytes = 16;
/** Room for the thresholds of a feature. */
export const thresholdBytes = 256 * 4;
const stagingBytesMax = 4 * 2 ** 20;

export interface MemoryShape {
  readonly rowCount: number;
  /** Bins of every used feature, the bin of missing values included. */
  readonly binCounts: readonly number[];
  readonly leaves: number;
  /** Trees per round: 1, or the number of classes. */
  readonly outputs: number;
  /** Threads that may work on it, the calling one included. */
  readonly threads: number;
}

export interface MemoryLayout extends MemoryShape {
  readonly rows: number;
  /** Bytes from one row of the row-major bins to the next. */
  readonly stride: number;
  /** Byte offset of every feature in a histogram. */
  readonly binOffsets: readonly number[];
  readonly histogramBytes: number;
  /** What threads tell each other: `controlOffsets`. */
  readonly control: number;
  /** 256 bytes. */
  readonly lookup: number;
  /** `threads` areas of `resultBytes`. */
  readonly result: number;
  /** Per feature four 32-bit integers: offset and bytes in a histogram, whether it may be split on, first step of the search for a bin. */
  readonly featureTable: number;
  /** Float32 [features, 256]: thresholds, filled up with Infinity. */
  readonly thresholds: number;
  /** Float32 [features, blockRows]: values that wait for their bins. */
  readonly staging: number;
  /** A multiple of four. */
  readonly blockRows: number;
  /** Float64 [chunks, 2]: summed gradient and hessian. */
  readonly chunkSums: number;
  /** Uint8 [rows, stride]: bins, read by the histograms. */
  readonly rowBins: number;
  /** Uint8 [features, rows]: the same bins, read by the partition. */
  readonly columnBins: number;
  /** Int32 [rows, 4]: quantised gradient, hessian, 1, 0. */
  readonly gradients: number;
  /** Float32 [rows, 2]: gradient and hessian. */
  readonly derivatives: number;
  /** Uint32 [rows]: the rows of each leaf, ascending; one segment per leaf. */
  readonly order: number;
  readonly scratch: number;
  /** Float32 [outputs, rows]: sum of leaf values so far, without the base score. */
  readonly scores: number;
  /** Float32 [outputs, rows]: probability per class; for regression not used. */
  readonly probabilities: number;
  /** Float32 [rows]. */
  readonly labels: number;
  readonly weights: number;
  /** Uint8 [leaves, features]: whether any division of the leaf's rows by the feature leaves enough on both sides. */
  readonly divisible: number;
  /** `leaves` histograms. */
  readonly histograms: number;
  /** A histogram for each further thread. */
  readonly partialHistograms: number;
  readonly pages: number;
}

function strideFor(features: number): number {
  if (features > 32) return Math.ceil(features / 64) * 64;
  return features > 16 ? 32 : Math.max(8, Math.ceil(features / 8) * 8);
}

/** Lays the regions out; throws RangeError where they do not fit a 32-bit memory. */
export function layoutMemory(shape: MemoryShape): MemoryLayout {
  const rows = Math.ceil(shape.rowCount / 4) * 4;
  const features = shape.binCounts.length;
  const blockRows = Math.min(rows, Math.max(4, Math.floor(stagingBytesMax / (features * 16)) * 4));
  const stride = strideFor(features);
  let next = fixedAddresses.result + resultBytes * shape.threads;
  const take = (sizeBytes: number): number => {
    const address = next;
    next += Math.ceil(sizeBytes / lineBytes) * lineBytes;
    return address;
  };
  let histogramBytes = 0;
  const binOffsets = shape.binCounts.map((count) => {
    const offset = histogramBytes;
    histogramBytes += count * binBytes;
    return offset;
  });
  const featureTable = take(features * entryBytes);
  const layout = {
    ...shape,
    rows,
    stride,
    binOffsets,
    histogramBytes,
    ...fixedAddresses,
    featureTable,
    blockRows,
    thresholds: take(features * thresholdBytes),
    staging: take(features * blockRows * 4),
    chunkSums: take(Math.ceil(rows / chunkRows) * chunkSumBytes),
    rowBins: take(rows * stride),
    columnBins: take(rows * features),
    gradients: take(rows * 16),
    derivatives: take(rows * 8),
    order: take(rows * 4),
    scratch: take(rows * 4),
    scores: take(rows * 4 * shape.outputs),
    probabilities: take(rows * 4 * shape.outputs),
    labels: take(rows * 4),
    weights: take(rows * 4),
    divisible: take(features * shape.leaves),
    histograms: take(histogramBytes * shape.leaves),
    partialHistograms: take(histogramBytes * (shape.threads - 1)),
  };
  if (next > memoryBytesMax) {
    throw new RangeError(
      `Training ${shape.rowCount} rows x ${features} features with ${shape.leaves} leaves needs ` +
        `${Math.ceil(next / 2 ** 20)} MiB; the limit is ${memoryBytesMax / 2 ** 20} MiB. Use fewer rows, leaves or bins.`,
    );
  }
  return { ...layout, pages: Math.max(1, Math.ceil(next / pageBytes)) };
}
