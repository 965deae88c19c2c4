/**
 * The loops of training as WebAssembly: what they offer and how they are built. One module serves every layout, whose numbers it
 * imports; only the histogram is emitted for its layout.
 */
import { binBytes, controlOffsets } from './booster-memory.ts';
import type { MemoryLayout } from './booster-memory.ts';
import { assignBinsKernel } from './bin-kernels.ts';
import { histogramKernel, histogramSignature } from './histogram-kernel.ts';
import { addKernel, addToScoresKernel, partitionKernel, searchKernel, subtractKernel } from './leaf-kernels.ts';
import {
  classDerivativesKernel,
  logisticKernel,
  quantileDerivativesKernel,
  quantiseKernel,
  residualDerivativesKernel,
  softmaxKernel,
} from './row-kernels.ts';
import { startHelpers } from './helper-threads.ts';
import { constantNames, constantsOf } from './layout-constants.ts';
import { taskKinds, threadKernels } from './thread-kernels.ts';
import type { TaskKind } from './thread-kernels.ts';
import { encodeModule } from './wasm-module.ts';

export interface Kernels {
  readonly memory: ArrayBufferLike;
  /** Writes the bins of `rows` rows in the staging area, which are those of the table from row `start` on. */
  assignBins(rows: number, start: number): void;
  /** Fills the histogram at `slot` from the rows at `order[from, to)` (addresses). */
  histogram(from: number, to: number, slot: number): void;
  /** Best split of the histogram at `slot`; its total and the least sums of a side are read from the first result area, every thread's best written to its own. Returns the number of threads. */
  search(slot: number, leaf: SearchedLeaf): number;
  /** `parent -= child`, bin by bin. */
  subtract(parent: number, child: number): void;
  /** Splits `order[from, to)` by the look-up table (4 = left, 0 = right) of the column's bins; returns the address where the right part begins. */
  partition(from: number, to: number, column: number): number;
  /** `scores[row] += value` for the rows at `order[from, to)`. */
  addToScores(from: number, to: number, target: { readonly scores: number; readonly value: number }): void;
  /** Probabilities of all rows: sigmoid(fround(score + base)). */
  logistic(base: number): void;
  softmax(): void;
  /** Derivatives for one class, times weight; writes sum |g| and sum h of every chunk. */
  classDerivatives(output: number, label: number, hessianFactor: number): void;
  /** Derivatives of half the squared error. */
  residualDerivatives(base: number): void;
  /** Derivatives of the pinball loss: 1 - level above the label, -level below it, hessian 1. */
  quantileDerivatives(base: number, level: number): void;
  quantise(gradientScale: number, hessianScale: number): void;
  /** Ends the helping threads. The kernels work on, alone. */
  end(): void;
}

export interface SearchedLeaf {
  /** Added to the hessian of either side. */
  readonly lambda: number;
  /** Address of a byte per feature: whether the leaf may be divided by it. Cleared where it cannot. */
  readonly divisible: number;
}

/** What this package uses of the WebAssembly global, which the ES library of TypeScript does not declare. */
interface WebAssemblyHost {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (size: { initial: number; maximum: number; shared: boolean }) => {
    readonly buffer: ArrayBufferLike;
  };
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
}

interface ModuleExports {
  readonly share: (thread: number, threads: number, kind: number) => void;
  readonly fork: (kind: number) => number;
  readonly joinParts: (threads: number) => number;
  readonly end: () => void;
}

/** Below this much work a task is not worth waking another thread for. */
const sharedMin = { rows: 8192, cells: 65_536, bins: 4096 };

/** What serves every layout. */
function emitKernels(isMemoryShared: boolean): Uint8Array {
  const kernels = [
    assignBinsKernel(),
    addKernel(),
    subtractKernel(),
    partitionKernel(),
    searchKernel(),
    addToScoresKernel(),
    logisticKernel(),
    softmaxKernel(),
    classDerivativesKernel(),
    residualDerivativesKernel(),
    quantileDerivativesKernel(),
    quantiseKernel(),
  ];
  const places = new Map<string, number>();
  const all = [...kernels, ...threadKernels((kernel) => places.get(kernel) ?? -1)];
  for (const [place, { name }] of [histogramSignature, ...all].entries()) places.set(name, place);
  return encodeModule(all, { isMemoryShared, functions: [histogramSignature], constants: constantNames });
}

function emitHistogram(layout: MemoryLayout): Uint8Array {
  return encodeModule([histogramKernel(layout)], { isMemoryShared: layout.threads > 1, functions: [], constants: [] });
}

/** What the engine has compiled, by whether the memory is shared; kept because compiling costs as much as a small training. */
const kernelModules = new Map<boolean, object>();

/** Makes instances and their zero-filled memory, and starts the helping threads; they join in when they are there. */
export function createKernels(layout: MemoryLayout): Kernels {
  // The cast states what the engine provides; the exports are those of the modules emitted above.
  const host = (globalThis as unknown as { readonly WebAssembly: WebAssemblyHost }).WebAssembly;
  const isShared = layout.threads > 1;
  const module = kernelModules.get(isShared) ?? new host.Module(emitKernels(isShared));
  kernelModules.set(isShared, module);
  const histogram = new host.Module(emitHistogram(layout));
  const memory = new host.Memory({ initial: layout.pages, maximum: layout.pages, shared: isShared });
  const env = { memory, ...constantsOf(layout) };
  const own = new host.Instance(histogram, { env }).exports;
  const { share, fork, joinParts, end } = new host.Instance(module, { env: { ...env, ...own } })
    .exports as ModuleExports;
  startHelpers(layout.threads - 1, { module, histogram, env });
  return { ...createTasks(memory.buffer, layout, { share, fork, joinParts }), memory: memory.buffer, end };
}

function createTasks(
  memory: ArrayBufferLike,
  layout: MemoryLayout,
  { share, fork, joinParts }: Pick<ModuleExports, 'share' | 'fork' | 'joinParts'>,
): Omit<Kernels, 'memory' | 'end'> {
  const integers = new Int32Array(memory, layout.control + controlOffsets.integers, 4);
  const numbers = new Float64Array(memory, layout.control + controlOffsets.doubles, 2);
  const features = layout.binCounts.length;
  const bins = layout.histogramBytes / binBytes;
  /** Threads that took part. Operands are there. */
  const run = (kind: TaskKind, isWorthSharing: boolean): number => {
    if (isWorthSharing && layout.threads > 1) return fork(taskKinds[kind]);
    share(0, 1, taskKinds[kind]);
    return 1;
  };
  const runRows = (kind: TaskKind, first = 0, second = 0): void => {
    numbers[0] = first;
    numbers[1] = second;
    run(kind, layout.rows >= sharedMin.rows);
  };
  const give = (first: number, second: number, third = 0): void => {
    integers[0] = first;
    integers[1] = second;
    integers[2] = third;
  };
  return {
    assignBins: (rows, start) => {
      give(rows, start);
      run('assignBins', rows * features >= sharedMin.cells);
    },
    histogram: (from, to, slot) => {
      give(from, to, slot);
      const partials = run('histogram', ((to - from) / 4) * features >= sharedMin.cells) - 1;
      if (partials === 0) return;
      give(slot, 0, partials);
      run('combine', true);
    },
    search: (slot, { lambda, divisible }) => {
      give(slot, divisible);
      numbers[0] = lambda;
      return run('search', bins >= sharedMin.bins);
    },
    subtract: (parent, child) => {
      give(child, parent, 0);
      run('combine', bins >= sharedMin.bins);
    },
    partition: (from, to, column) => {
      give(from, to, column);
      return joinParts(run('partition', (to - from) / 4 >= sharedMin.rows));
    },
    addToScores: (from, to, { scores, value }) => {
      give(from, to, scores);
      numbers[0] = value;
      run('addToScores', (to - from) / 4 >= sharedMin.rows);
    },
    logistic: (base) => runRows('logistic', base),
    softmax: () => runRows('softmax'),
    classDerivatives: (output, label, hessianFactor) => {
      integers[0] = output;
      runRows('classDerivatives', label, hessianFactor);
    },
    residualDerivatives: (base) => runRows('residualDerivatives', base),
    quantileDerivatives: (base, level) => runRows('quantileDerivatives', base, level),
    quantise: (gradientScale, hessianScale) => runRows('quantise', gradientScale, hessianScale),
  };
}
