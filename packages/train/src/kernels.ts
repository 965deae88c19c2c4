/**
 * The loops of training, emitted as one WebAssembly module for a given layout.
 *
 * Histogram: for every row of a leaf and every feature, `bin[feature][value] += {gradient, hessian, 1, 0}`. Bins are
 * four 32-bit integers, so one vector addition counts a row exactly, sums do not depend on their order, and the
 * histogram of a sibling is the exact difference. Feature offsets are constants of the code. Rows are taken in tiles of
 * 64: a tile first touches every line that it will need, so that the cache misses overlap (WebAssembly has no
 * prefetch), and then works feature group by feature group, a group being what fits the first-level cache.
 * Cost: about 0.5 ns per row and feature. Partition: branch-free, through a table of 256 bytes. Split search: one
 * vector division per bin. `exp`: Cody and Waite reduction and a polynomial of degree 11, own code so that the bits
 * are the same on every platform; relative error below 1e-14.
 */
import {
  control,
  doWhileBelow,
  encodeModule,
  f32,
  f32x4,
  f64,
  f64x2,
  i32,
  i32x4,
  i64x2,
  local,
  memory,
  v128,
} from './wasm-module.ts';
import type { Code, FunctionDefinition } from './wasm-module.ts';
import { binBytes } from './booster-memory.ts';
import type { MemoryLayout } from './booster-memory.ts';

const tileRows = 64;
const lineBytes = 64;
/** Histogram bytes that a group of features may take: most of a first-level cache of 48 KiB. */
const groupBytesMax = 40_960;

/** Byte offsets in the result area. */
export const resultOffsets = { gain: 0, feature: 8, bin: 12, missingLeft: 16, left: 32, total: 48, sums: 64 } as const;

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
  quantise(from: number, to: number, gradientScale: number, hessianScale: number): void;
}

/** What this package uses of the WebAssembly global, which the ES library of TypeScript does not declare. */
interface WebAssemblyHost {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
}

function featureGroups(binCounts: readonly number[]): number[][] {
  const groups: number[][] = [];
  let bytes = Infinity;
  for (const [feature, count] of binCounts.entries()) {
    bytes += count * binBytes;
    if (bytes > groupBytesMax) {
      groups.push([]);
      bytes = count * binBytes;
    }
    groups.at(-1)?.push(feature);
  }
  return groups;
}

function histogramKernel(layout: MemoryLayout): FunctionDefinition {
  return {
    name: 'histogram',
    parameters: ['i32', 'i32', 'i32'],
    body: (f) => {
      const [from, to, slot] = [0, 1, 2];
      const [tileEnd, cursor, row, base, address, sink, value] = [
        f.local('i32'),
        f.local('i32'),
        f.local('i32'),
        f.local('i32'),
        f.local('i32'),
        f.local('i32'),
        f.local('v128'),
      ];
      const next = local.set(cursor, i32.add(local.get(cursor), i32.const(4)));
      const loadRow: Code = [
        ...local.set(row, i32.load(local.get(cursor))),
        ...local.set(base, i32.mul(local.get(row), i32.const(layout.stride))),
      ];
      const gradientAddress = i32.shl(local.get(row), i32.const(4));
      const lines = Array.from({ length: Math.ceil(layout.stride / lineBytes) }, (_, line) => line * lineBytes);
      const touched = [
        ...lines.map((line) => i32.load8u(local.get(base), layout.rowBins + line)),
        i32.load(gradientAddress, layout.gradients),
      ];
      const touch: Code = [
        ...local.set(cursor, local.get(from)),
        ...doWhileBelow(cursor, local.get(tileEnd), [
          ...loadRow,
          ...touched.flatMap((load) => local.set(sink, i32.xor(local.get(sink), load))),
          ...next,
        ]),
      ];
      const update = (feature: number): Code => {
        const bin = i32.shl(i32.load8u(local.get(base), layout.rowBins + feature), i32.const(4));
        const offset = layout.binOffsets[feature] ?? 0;
        return [
          ...local.set(address, i32.add(bin, local.get(slot))),
          ...v128.store(local.get(address), i32x4.add(v128.load(local.get(address), offset), local.get(value)), offset),
        ];
      };
      const accumulate = (features: readonly number[]): Code => [
        ...local.set(cursor, local.get(from)),
        ...doWhileBelow(cursor, local.get(tileEnd), [
          ...loadRow,
          ...local.set(value, v128.load(gradientAddress, layout.gradients)),
          ...features.flatMap(update),
          ...next,
        ]),
      ];
      return [
        ...doWhileBelow(from, local.get(to), [
          ...local.set(tileEnd, i32.add(local.get(from), i32.const(tileRows * 4))),
          ...control.if(i32.ltU(local.get(to), local.get(tileEnd)), local.set(tileEnd, local.get(to))),
          ...touch,
          ...featureGroups(layout.binCounts).flatMap(accumulate),
          ...local.set(from, local.get(tileEnd)),
        ]),
        // The touched bytes must be used, or the engine may drop the loads.
        ...i32.store(i32.const(layout.result), local.get(sink), resultOffsets.sums),
      ];
    },
  };
}

function subtractKernel(layout: MemoryLayout): FunctionDefinition {
  return {
    name: 'subtract',
    parameters: ['i32', 'i32'],
    body: (f) => {
      const [parent, child] = [0, 1];
      const end = f.local('i32');
      return [
        ...local.set(end, i32.add(local.get(parent), i32.const(layout.histogramBytes))),
        ...doWhileBelow(parent, local.get(end), [
          ...v128.store(local.get(parent), i32x4.sub(v128.load(local.get(parent)), v128.load(local.get(child)))),
          ...local.set(parent, i32.add(local.get(parent), i32.const(binBytes))),
          ...local.set(child, i32.add(local.get(child), i32.const(binBytes))),
        ]),
      ];
    },
  };
}

function partitionKernel(layout: MemoryLayout): FunctionDefinition {
  return {
    name: 'partition',
    parameters: ['i32', 'i32', 'i32'],
    result: 'i32',
    body: (f) => {
      const [from, to, column] = [0, 1, 2];
      const [left, right, row, step] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')];
      const bin = i32.load8u(i32.add(local.get(row), local.get(column)));
      return [
        ...local.set(left, local.get(from)),
        ...local.set(right, i32.const(layout.scratch)),
        ...doWhileBelow(from, local.get(to), [
          ...local.set(row, i32.load(local.get(from))),
          ...i32.store(local.get(left), local.get(row)),
          ...i32.store(local.get(right), local.get(row)),
          ...local.set(step, i32.load8u(bin, layout.lookup)),
          ...local.set(left, i32.add(local.get(left), local.get(step))),
          ...local.set(right, i32.sub(i32.add(local.get(right), i32.const(4)), local.get(step))),
          ...local.set(from, i32.add(local.get(from), i32.const(4))),
        ]),
        ...memory.copy(
          local.get(left),
          i32.const(layout.scratch),
          i32.sub(local.get(right), i32.const(layout.scratch)),
        ),
        ...local.get(left),
      ];
    },
  };
}

/**
 * gain = GL² / (HL + λ) + GR² / (HR + λ) in integer units. Ties go to the lower feature, then to missing right, then
 * to the lower bin. Without missing rows in the node only one direction is tried.
 */
function searchKernel(layout: MemoryLayout): FunctionDefinition {
  return {
    name: 'search',
    parameters: ['i32', 'f64', 'i32'],
    body: (f) => {
      const [slot, lambda, rowsMin] = [0, 1, 2];
      const [entry, cursor, first, last, direction, hasMissing] = [
        f.local('i32'),
        f.local('i32'),
        f.local('i32'),
        f.local('i32'),
        f.local('i32'),
        f.local('i32'),
      ];
      const [total, missing, left, right, ratio, best, gain, penalty] = [
        f.local('v128'),
        f.local('v128'),
        f.local('v128'),
        f.local('v128'),
        f.local('v128'),
        f.local('f64'),
        f.local('f64'),
        f.local('v128'),
      ];
      const countOf = (vector: number): Code => i32x4.extractLane(local.get(vector), 2);
      const pair = (laneIndex: 0 | 1): Code =>
        f64x2.convertLowI32x4S(
          v128.shuffle32(local.get(left), local.get(right), [laneIndex, laneIndex + 4, laneIndex, laneIndex + 4]),
        );
      const result = i32.const(layout.result);
      const keep: Code = [
        ...local.set(best, local.get(gain)),
        ...f64.store(result, local.get(gain), resultOffsets.gain),
        ...i32.store(result, local.get(entry), resultOffsets.feature),
        ...i32.store(result, i32.sub(local.get(cursor), local.get(first)), resultOffsets.bin),
        ...i32.store(result, local.get(direction), resultOffsets.missingLeft),
        ...v128.store(result, local.get(left), resultOffsets.left),
      ];
      // Depths inside the bin loop: 0 is this `if`, 1 the `if` of a filled bin, 2 the bin loop, 3 the block around it.
      const judge: Code = [
        ...local.set(right, i32x4.sub(local.get(total), local.get(left))),
        ...control.branchIf(3, i32.ltS(countOf(right), local.get(rowsMin))),
        ...local.set(ratio, pair(0)),
        ...local.set(
          ratio,
          f64x2.div(f64x2.mul(local.get(ratio), local.get(ratio)), f64x2.add(pair(1), local.get(penalty))),
        ),
        ...local.set(gain, f64.add(f64x2.extractLane(local.get(ratio), 0), f64x2.extractLane(local.get(ratio), 1))),
        ...control.if(f64.gt(local.get(gain), local.get(best)), keep),
      ];
      const bins = control.block(
        doWhileBelow(cursor, local.get(last), [
          ...control.if(i32.load(local.get(cursor), 8), [
            ...local.set(left, i32x4.add(local.get(left), v128.load(local.get(cursor)))),
            ...control.ifElse(i32.ltS(countOf(left), local.get(rowsMin)), [], judge),
          ]),
          ...local.set(cursor, i32.add(local.get(cursor), i32.const(binBytes))),
        ]),
      );
      // The highest bin is a threshold only where missing rows are left to go right.
      const scan = (missingLeft: 0 | 1): Code => [
        ...local.set(direction, i32.const(missingLeft)),
        ...local.set(left, missingLeft === 1 ? local.get(missing) : v128.zero),
        ...local.set(cursor, i32.add(local.get(first), i32.const(binBytes))),
        ...local.set(
          last,
          i32.add(
            i32.add(local.get(first), i32.load(local.get(entry), 4)),
            missingLeft === 1
              ? i32.const(-binBytes)
              : i32.sub(i32.mul(local.get(hasMissing), i32.const(binBytes)), i32.const(binBytes)),
          ),
        ),
        ...control.if(i32.ltU(local.get(cursor), local.get(last)), bins),
      ];
      const feature: Code = [
        ...local.set(first, i32.add(local.get(slot), i32.load(local.get(entry)))),
        ...local.set(missing, v128.load(local.get(first))),
        ...local.set(hasMissing, i32.ne(countOf(missing), i32.const(0))),
        ...scan(0),
        ...control.if(local.get(hasMissing), scan(1)),
      ];
      return [
        ...local.set(total, v128.load(result, resultOffsets.total)),
        ...local.set(penalty, f64x2.splat(local.get(lambda))),
        ...local.set(best, f64.const(0)),
        ...f64.store(result, f64.const(0), resultOffsets.gain),
        ...local.set(entry, i32.const(layout.featureTable)),
        ...doWhileBelow(entry, i32.const(layout.featureTable + layout.binCounts.length * 16), [
          ...control.if(i32.load(local.get(entry), 8), feature),
          ...local.set(entry, i32.add(local.get(entry), i32.const(16))),
        ]),
      ];
    },
  };
}

function addToScoresKernel(): FunctionDefinition {
  return {
    name: 'addToScores',
    parameters: ['i32', 'i32', 'i32', 'f32'],
    body: (f) => {
      const [from, to, scores, value] = [0, 1, 2, 3];
      const address = f.local('i32');
      return doWhileBelow(from, local.get(to), [
        ...local.set(address, i32.add(local.get(scores), i32.shl(i32.load(local.get(from)), i32.const(2)))),
        ...f32.store(local.get(address), f32.add(f32.load(local.get(address)), local.get(value))),
        ...local.set(from, i32.add(local.get(from), i32.const(4))),
      ]);
    },
  };
}

const expPolynomial = Array.from({ length: 12 }, (_, degree) => {
  let factorial = 1;
  for (let i = 2; i <= degree; i++) factorial *= i;
  return 1 / factorial;
});
/** ln 2 in two parts: the product of the first with a small integer is exact. */
const ln2High = 6.931_471_803_691_238e-1;
const ln2Low = 1.908_214_929_270_587_7e-10;
/** exp stays a normal number inside these bounds. */
const expBound = 700;

/** exp of two lanes; `x` and `n` are scratch locals of type v128, the argument is in `x`. */
function expOf(x: number, n: number): Code {
  const polynomial = expPolynomial.reduceRight<Code>(
    (sum, coefficient) =>
      sum.length === 0 ? f64x2.const(coefficient) : f64x2.add(f64x2.mul(sum, local.get(x)), f64x2.const(coefficient)),
    [],
  );
  return [
    ...local.set(x, f64x2.max(f64x2.min(local.get(x), f64x2.const(expBound)), f64x2.const(-expBound))),
    ...local.set(n, f64x2.nearest(f64x2.mul(local.get(x), f64x2.const(Math.LOG2E)))),
    ...local.set(
      x,
      f64x2.sub(
        f64x2.sub(local.get(x), f64x2.mul(local.get(n), f64x2.const(ln2High))),
        f64x2.mul(local.get(n), f64x2.const(ln2Low)),
      ),
    ),
    ...f64x2.mul(
      polynomial,
      i64x2.shl(
        i64x2.extendLowI32x4(i32x4.add(i32x4.truncSatF64x2Zero(local.get(n)), v128.i32x4(1023, 1023, 0, 0))),
        i32.const(52),
      ),
    ),
  ];
}

/** Two float32 at `region + 4 row` as float64 lanes; `row4` holds 4 row. */
const loadPair = (row4: number, region: number): Code =>
  f64x2.promoteLowF32x4(v128.load64Zero(local.get(row4), region));
const storePair = (row4: number, region: number, value: Code): Code =>
  v128.store64Lane0(local.get(row4), f32x4.demoteF64x2Zero(value), region);

/** A loop over pairs of rows [from, to): the body sees `row4`, four times the row. */
function overRowPairs(row4: number, body: Code): Code {
  const [from, to] = [0, 1];
  return [
    ...local.set(row4, i32.shl(local.get(from), i32.const(2))),
    ...local.set(to, i32.shl(local.get(to), i32.const(2))),
    ...doWhileBelow(row4, local.get(to), [...body, ...local.set(row4, i32.add(local.get(row4), i32.const(8)))]),
  ];
}

function logisticKernel(layout: MemoryLayout): FunctionDefinition {
  return {
    name: 'logistic',
    parameters: ['i32', 'i32', 'f64'],
    body: (f) => {
      const base = 2;
      const [row4, x, n] = [f.local('i32'), f.local('v128'), f.local('v128')];
      // Float32 of the sum first: that is the margin which a served model computes.
      const margin = f64x2.promoteLowF32x4(
        f32x4.demoteF64x2Zero(f64x2.add(loadPair(row4, layout.scores), f64x2.splat(local.get(base)))),
      );
      return overRowPairs(row4, [
        ...local.set(x, f64x2.neg(margin)),
        ...local.set(x, f64x2.add(expOf(x, n), f64x2.const(1))),
        ...storePair(row4, layout.probabilities, f64x2.div(f64x2.const(1), local.get(x))),
      ]);
    },
  };
}

function softmaxKernel(layout: MemoryLayout): FunctionDefinition {
  const classBytes = layout.rows * 4;
  const outputs = Array.from({ length: layout.outputs }, (_, k) => k * classBytes);
  return {
    name: 'softmax',
    parameters: ['i32', 'i32'],
    body: (f) => {
      const [row4, x, n, top, sum] = [
        f.local('i32'),
        f.local('v128'),
        f.local('v128'),
        f.local('v128'),
        f.local('v128'),
      ];
      const [at, end] = [f.local('i32'), f.local('i32')];
      const each = (body: Code): Code => [
        ...local.set(at, local.get(row4)),
        ...doWhileBelow(at, local.get(end), [...body, ...local.set(at, i32.add(local.get(at), i32.const(classBytes)))]),
      ];
      return overRowPairs(row4, [
        ...local.set(end, i32.add(local.get(row4), i32.const(classBytes * outputs.length))),
        ...local.set(top, loadPair(row4, layout.scores)),
        ...each(local.set(top, f64x2.max(local.get(top), loadPair(at, layout.scores)))),
        ...local.set(sum, v128.zero),
        ...each([
          ...local.set(x, f64x2.sub(loadPair(at, layout.scores), local.get(top))),
          ...local.set(x, expOf(x, n)),
          ...local.set(sum, f64x2.add(local.get(sum), local.get(x))),
          ...storePair(at, layout.probabilities, local.get(x)),
        ]),
        ...each(storePair(at, layout.probabilities, f64x2.div(loadPair(at, layout.probabilities), local.get(sum)))),
      ]);
    },
  };
}

/** Weighs the pair (g, h), stores it as {g0, h0, g1, h1} and adds to the sums. */
function finishDerivatives(
  layout: MemoryLayout,
  names: Readonly<Record<'row4' | 'g' | 'h' | 'gSum' | 'hSum', number>>,
): Code {
  const { row4, g, h, gSum, hSum } = names;
  const weight = loadPair(row4, layout.weights);
  return [
    ...local.set(g, f64x2.mul(local.get(g), weight)),
    ...local.set(h, f64x2.mul(local.get(h), weight)),
    ...local.set(gSum, f64x2.add(local.get(gSum), f64x2.abs(local.get(g)))),
    ...local.set(hSum, f64x2.add(local.get(hSum), local.get(h))),
    ...v128.store(
      i32.shl(local.get(row4), i32.const(1)),
      v128.shuffle32(f32x4.demoteF64x2Zero(local.get(g)), f32x4.demoteF64x2Zero(local.get(h)), [0, 4, 1, 5]),
      layout.derivatives,
    ),
  ];
}

function storeSums(layout: MemoryLayout, gSum: number, hSum: number): Code {
  const sumOf = (lanes: number): Code =>
    f64.add(f64x2.extractLane(local.get(lanes), 0), f64x2.extractLane(local.get(lanes), 1));
  return [
    ...f64.store(i32.const(layout.result), sumOf(gSum), resultOffsets.sums),
    ...f64.store(i32.const(layout.result), sumOf(hSum), resultOffsets.sums + 8),
  ];
}

function classDerivativesKernel(layout: MemoryLayout): FunctionDefinition {
  return {
    name: 'classDerivatives',
    parameters: ['i32', 'i32', 'i32', 'f64', 'f64'],
    body: (f) => {
      const [output, label, factor] = [2, 3, 4];
      const [row4, p, g, h] = [f.local('i32'), f.local('v128'), f.local('v128'), f.local('v128')];
      const [gSum, hSum] = [f.local('v128'), f.local('v128')];
      const probability = i32.add(local.get(row4), i32.mul(local.get(output), i32.const(layout.rows * 4)));
      const isClass = v128.and(f64x2.eq(loadPair(row4, layout.labels), f64x2.splat(local.get(label))), f64x2.const(1));
      return [
        ...overRowPairs(row4, [
          ...local.set(p, f64x2.promoteLowF32x4(v128.load64Zero(probability, layout.probabilities))),
          ...local.set(g, f64x2.sub(local.get(p), isClass)),
          ...local.set(
            h,
            f64x2.mul(f64x2.mul(local.get(p), f64x2.sub(f64x2.const(1), local.get(p))), f64x2.splat(local.get(factor))),
          ),
          ...finishDerivatives(layout, { row4, g, h, gSum, hSum }),
        ]),
        ...storeSums(layout, gSum, hSum),
      ];
    },
  };
}

function residualDerivativesKernel(layout: MemoryLayout): FunctionDefinition {
  return {
    name: 'residualDerivatives',
    parameters: ['i32', 'i32', 'f64'],
    body: (f) => {
      const base = 2;
      const [row4, g, h] = [f.local('i32'), f.local('v128'), f.local('v128')];
      const [gSum, hSum] = [f.local('v128'), f.local('v128')];
      return [
        ...overRowPairs(row4, [
          ...local.set(
            g,
            f64x2.sub(
              f64x2.add(loadPair(row4, layout.scores), f64x2.splat(local.get(base))),
              loadPair(row4, layout.labels),
            ),
          ),
          ...local.set(h, f64x2.const(1)),
          ...finishDerivatives(layout, { row4, g, h, gSum, hSum }),
        ]),
        ...storeSums(layout, gSum, hSum),
      ];
    },
  };
}

/** Rounds half to even; a hessian is at least one unit, so that no leaf divides by zero. */
function quantiseKernel(layout: MemoryLayout): FunctionDefinition {
  return {
    name: 'quantise',
    parameters: ['i32', 'i32', 'f64', 'f64'],
    body: (f) => {
      const [from, to, gradientScale, hessianScale] = [0, 1, 2, 3];
      const [scale, read] = [f.local('v128'), f.local('i32')];
      return [
        ...local.set(scale, f64x2.replaceLane(f64x2.splat(local.get(gradientScale)), 1, local.get(hessianScale))),
        ...local.set(read, i32.shl(local.get(from), i32.const(3))),
        ...local.set(to, i32.shl(local.get(to), i32.const(3))),
        ...doWhileBelow(read, local.get(to), [
          ...v128.store(
            i32.shl(local.get(read), i32.const(1)),
            i32x4.maxS(
              i32x4.truncSatF64x2Zero(
                f64x2.nearest(
                  f64x2.mul(
                    f64x2.promoteLowF32x4(v128.load64Zero(local.get(read), layout.derivatives)),
                    local.get(scale),
                  ),
                ),
              ),
              v128.i32x4(-(2 ** 31), 1, 1, 0),
            ),
            layout.gradients,
          ),
          ...local.set(read, i32.add(local.get(read), i32.const(8))),
        ]),
      ];
    },
  };
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
