/**
 * Where everything lies in the one WebAssembly memory of a training.
 *
 * Addresses are bytes. `rows` is the number of training rows rounded up to an even number, because some kernels take
 * two rows at a time; the padding row has weight 0 and belongs to no leaf.
 */

const pageBytes = 65_536;
/** Largest memory of a 32-bit WebAssembly module. */
const memoryBytesMax = 65_536 * pageBytes;
const lineBytes = 64;
/** A histogram bin: gradient, hessian, rows and a spare lane, 32-bit integers. */
export const binBytes = 16;

/** Byte offsets in the result area. */
export const resultOffsets = { gain: 0, feature: 8, bin: 12, missingLeft: 16, left: 32, total: 48, sums: 64 } as const;

export interface MemoryShape {
  readonly rowCount: number;
  /** Bins of every used feature, the bin of missing values included. */
  readonly binCounts: readonly number[];
  readonly leaves: number;
  /** Trees per round: 1, or the number of classes. */
  readonly outputs: number;
}

export interface MemoryLayout extends MemoryShape {
  readonly rows: number;
  /** Bytes from one row of the row-major bins to the next. */
  readonly stride: number;
  /** Byte offset of every feature in a histogram. */
  readonly binOffsets: readonly number[];
  readonly histogramBytes: number;
  readonly lookup: number;
  readonly result: number;
  readonly featureTable: number;
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
  /** `leaves` histograms. */
  readonly histograms: number;
  readonly pages: number;
}

function strideFor(features: number): number {
  if (features > 32) return Math.ceil(features / 64) * 64;
  return features > 16 ? 32 : Math.max(8, Math.ceil(features / 8) * 8);
}

/** Lays the regions out; throws RangeError where they do not fit a 32-bit memory. */
export function layoutMemory(shape: MemoryShape): MemoryLayout {
  const rows = shape.rowCount + (shape.rowCount % 2);
  const stride = strideFor(shape.binCounts.length);
  let next = 0;
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
  const lookup = take(256);
  const result = take(128);
  const featureTable = take(shape.binCounts.length * 16);
  const layout = {
    ...shape,
    rows,
    stride,
    binOffsets,
    histogramBytes,
    lookup,
    result,
    featureTable,
    rowBins: take(rows * stride),
    columnBins: take(rows * shape.binCounts.length),
    gradients: take(rows * 16),
    derivatives: take(rows * 8),
    order: take(rows * 4),
    scratch: take(rows * 4),
    scores: take(rows * 4 * shape.outputs),
    probabilities: take(rows * 4 * shape.outputs),
    labels: take(rows * 4),
    weights: take(rows * 4),
    histograms: take(histogramBytes * shape.leaves),
  };
  if (next > memoryBytesMax) {
    throw new RangeError(
      `Training ${shape.rowCount} rows x ${shape.binCounts.length} features with ${shape.leaves} leaves needs ` +
        `${Math.ceil(next / 2 ** 20)} MiB; the limit is ${memoryBytesMax / 2 ** 20} MiB. Use fewer rows, leaves or bins.`,
    );
  }
  return { ...layout, pages: Math.max(1, Math.ceil(next / pageBytes)) };
}
