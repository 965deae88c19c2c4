/** The loops of training as one WebAssembly module, emitted for a given layout: what it exports and how it is built. */
import type { MemoryLayout } from './booster-memory.ts';
import { addToScoresKernel, histogramKernel, partitionKernel, searchKernel, subtractKernel } from './leaf-kernels.ts';
import {
  classDerivativesKernel,
  logisticKernel,
  quantileDerivativesKernel,
  quantiseKernel,
  residualDerivativesKernel,
  softmaxKernel,
} from './row-kernels.ts';
import { encodeModule } from './wasm-module.ts';

export interface Kernels {
  readonly memory: ArrayBuffer;
  /** Adds the rows at `order[from, to)` (addresses) to the histogram at `slot`. */
  histogram(from: number, to: number, slot: number): void;
  /** `parent -= child`, bin by bin. */
  subtract(parent: number, child: number): void;
  /** Splits `order[from, to)` by the look-up table (4 = left, 0 = right) of the column's bins; returns the address where the right part begins. */
  partition(from: number, to: number, column: number): number;
  /** Best split of the histogram at `slot`; total is read from and the split written to the result area. */
  search(slot: number, lambda: number, rowsMin: number): void;
  /** `scores[row] += value` for the rows at `order[from, to)`. */
  addToScores(from: number, to: number, scores: number, value: number): void;
  /** Probabilities of rows [from, to), both even: sigmoid(fround(score + base)). */
  logistic(from: number, to: number, base: number): void;
  softmax(from: number, to: number): void;
  /** Derivatives for one class, times weight; writes sum |g| and sum h to the result area. */
  classDerivatives(from: number, to: number, output: number, label: number, hessianFactor: number): void;
  /** Derivatives of half the squared error. */
  residualDerivatives(from: number, to: number, base: number): void;
  /** Derivatives of the pinball loss: 1 - level above the label, -level below it, hessian 1. */
  quantileDerivatives(from: number, to: number, base: number, level: number): void;
  quantise(from: number, to: number, gradientScale: number, hessianScale: number): void;
}

/** What this package uses of the WebAssembly global, which the ES library of TypeScript does not declare. */
interface WebAssemblyHost {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
}

export function emitKernels(layout: MemoryLayout): Uint8Array {
  return encodeModule(
    [
      histogramKernel(layout),
      subtractKernel(layout),
      partitionKernel(layout),
      searchKernel(layout),
      addToScoresKernel(),
      logisticKernel(layout),
      softmaxKernel(layout),
      classDerivativesKernel(layout),
      residualDerivativesKernel(layout),
      quantileDerivativesKernel(layout),
      quantiseKernel(layout),
    ],
    layout.pages,
  );
}

/** Builds the module and its zero-filled memory. */
export function createKernels(layout: MemoryLayout): Kernels {
  // The cast states what the engine provides; the exports are those of the module emitted above.
  const host = (globalThis as unknown as { readonly WebAssembly: WebAssemblyHost }).WebAssembly;
  const linear = new host.Memory({ initial: layout.pages, maximum: layout.pages });
  const instance = new host.Instance(new host.Module(emitKernels(layout)), { env: { memory: linear } });
  return { ...(instance.exports as Omit<Kernels, 'memory'>), memory: linear.buffer };
}
