/** The numbers of a layout that the kernels read. They are imports of the module, so that one module serves every layout. */
import { binBytes } from './booster-memory.ts';
import type { MemoryLayout } from './booster-memory.ts';
import { global } from './wasm-module.ts';
import type { Code } from './wasm-module.ts';

const constants = {
  rows: ({ rows }) => rows,
  stride: ({ stride }) => stride,
  features: ({ binCounts }) => binCounts.length,
  bins: ({ histogramBytes }) => histogramBytes / binBytes,
  histogramBytes: ({ histogramBytes }) => histogramBytes,
  /** From the scores or probabilities of a class to those of the next. */
  classBytes: ({ rows }) => rows * 4,
  /** Scores or probabilities of all classes. */
  scoreBytes: ({ rows, outputs }) => rows * 4 * outputs,
  featureTable: ({ featureTable }) => featureTable,
  thresholds: ({ thresholds }) => thresholds,
  staging: ({ staging }) => staging,
  blockRows: ({ blockRows }) => blockRows,
  chunkSums: ({ chunkSums }) => chunkSums,
  rowBins: ({ rowBins }) => rowBins,
  columnBins: ({ columnBins }) => columnBins,
  gradients: ({ gradients }) => gradients,
  derivatives: ({ derivatives }) => derivatives,
  order: ({ order }) => order,
  scratch: ({ scratch }) => scratch,
  scores: ({ scores }) => scores,
  probabilities: ({ probabilities }) => probabilities,
  labels: ({ labels }) => labels,
  weights: ({ weights }) => weights,
  partialHistograms: ({ partialHistograms }) => partialHistograms,
} satisfies Record<string, (layout: MemoryLayout) => number>;

export type LayoutConstant = keyof typeof constants;

/** In the order of their places among the module's imports. */
export const constantNames: readonly string[] = Object.keys(constants);

/** The constant's value, in a kernel. */
export const constant = (name: LayoutConstant): Code => global.get(constantNames.indexOf(name));

/** Their values, to be imported. */
export function constantsOf(layout: MemoryLayout): Readonly<Record<string, number>> {
  // Addresses above 2^31 are the same 32 bits.
  return Object.fromEntries(Object.entries(constants).map(([name, read]) => [name, read(layout) | 0]));
}
