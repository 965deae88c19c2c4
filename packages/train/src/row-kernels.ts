/**
 * Kernels over all rows, two at a time: probabilities, derivatives of the loss, quantisation.
 *
 * `exp`: Cody and Waite reduction and a polynomial of degree 11, own code so that the bits are the same on every platform;
 * relative error below 1e-14. Cost: about 5 ns per row and class.
 */
import { doWhileBelow, f32x4, f64, f64x2, i32, i32x4, i64x2, local, v128 } from './wasm-module.ts';
import type { Code, FunctionDefinition } from './wasm-module.ts';
import { chunkRows, chunkSumBytes } from './booster-memory.ts';
import { constant } from './layout-constants.ts';

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
const loadPair = (row4: number, region: Code): Code =>
  f64x2.promoteLowF32x4(v128.load64Zero(i32.add(local.get(row4), region)));
const storePair = (row4: number, region: Code, value: Code): Code =>
  v128.store64Lane0(i32.add(local.get(row4), region), f32x4.demoteF64x2Zero(value));

/** A loop over pairs of rows [from, to): the body sees `row4`, four times the row. */
function overRowPairs(row4: number, body: Code): Code {
  const [from, to] = [0, 1];
  return [
    ...local.set(row4, i32.shl(local.get(from), i32.const(2))),
    ...local.set(to, i32.shl(local.get(to), i32.const(2))),
    ...doWhileBelow(row4, local.get(to), [...body, ...local.set(row4, i32.add(local.get(row4), i32.const(8)))]),
  ];
}

export function logisticKernel(): FunctionDefinition {
  return {
    name: 'logistic',
    parameters: ['i32', 'i32', 'f64'],
    body: (f) => {
      const base = 2;
      const [row4, x, n] = [f.local('i32'), f.local('v128'), f.local('v128')];
      // Float32 of the sum first: that is the margin which a served model computes.
      const margin = f64x2.promoteLowF32x4(
        f32x4.demoteF64x2Zero(f64x2.add(loadPair(row4, constant('scores')), f64x2.splat(local.get(base)))),
      );
      return overRowPairs(row4, [
        ...local.set(x, f64x2.neg(margin)),
        ...local.set(x, f64x2.add(expOf(x, n), f64x2.const(1))),
        ...storePair(row4, constant('probabilities'), f64x2.div(f64x2.const(1), local.get(x))),
      ]);
    },
  };
}

export function softmaxKernel(): FunctionDefinition {
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
        ...doWhileBelow(at, local.get(end), [
          ...body,
          ...local.set(at, i32.add(local.get(at), constant('classBytes'))),
        ]),
      ];
      return overRowPairs(row4, [
        ...local.set(end, i32.add(local.get(row4), constant('scoreBytes'))),
        ...local.set(top, loadPair(row4, constant('scores'))),
        ...each(local.set(top, f64x2.max(local.get(top), loadPair(at, constant('scores'))))),
        ...local.set(sum, v128.zero),
        ...each([
          ...local.set(x, f64x2.sub(loadPair(at, constant('scores')), local.get(top))),
          ...local.set(x, expOf(x, n)),
          ...local.set(sum, f64x2.add(local.get(sum), local.get(x))),
          ...storePair(at, constant('probabilities'), local.get(x)),
        ]),
        ...each(
          storePair(at, constant('probabilities'), f64x2.div(loadPair(at, constant('probabilities')), local.get(sum))),
        ),
      ]);
    },
  };
}

/** Weighs the pair (g, h), stores it as {g0, h0, g1, h1} and adds to the sums. */
function finishDerivatives(names: Readonly<Record<'row4' | 'g' | 'h' | 'gSum' | 'hSum', number>>): Code {
  const { row4, g, h, gSum, hSum } = names;
  const weight = loadPair(row4, constant('weights'));
  return [
    ...local.set(g, f64x2.mul(local.get(g), weight)),
    ...local.set(h, f64x2.mul(local.get(h), weight)),
    ...local.set(gSum, f64x2.add(local.get(gSum), f64x2.abs(local.get(g)))),
    ...local.set(hSum, f64x2.add(local.get(hSum), local.get(h))),
    ...v128.store(
      i32.add(i32.shl(local.get(row4), i32.const(1)), constant('derivatives')),
      v128.shuffle32(f32x4.demoteF64x2Zero(local.get(g)), f32x4.demoteF64x2Zero(local.get(h)), [0, 4, 1, 5]),
    ),
  ];
}

/** The rows are one chunk, whose sums have a place of their own. */
function storeSums(gSum: number, hSum: number): Code {
  const from = 0;
  const sumOf = (lanes: number): Code =>
    f64.add(f64x2.extractLane(local.get(lanes), 0), f64x2.extractLane(local.get(lanes), 1));
  const chunk = i32.mul(i32.divU(local.get(from), i32.const(chunkRows)), i32.const(chunkSumBytes));
  const own = i32.add(chunk, constant('chunkSums'));
  return [...f64.store(own, sumOf(gSum)), ...f64.store(own, sumOf(hSum), 8)];
}

export function classDerivativesKernel(): FunctionDefinition {
  return {
    name: 'classDerivatives',
    parameters: ['i32', 'i32', 'i32', 'f64', 'f64'],
    body: (f) => {
      const [output, label, factor] = [2, 3, 4];
      const [row4, p, g, h] = [f.local('i32'), f.local('v128'), f.local('v128'), f.local('v128')];
      const [gSum, hSum] = [f.local('v128'), f.local('v128')];
      const probability = i32.add(local.get(row4), i32.mul(local.get(output), constant('classBytes')));
      const isClass = v128.and(
        f64x2.eq(loadPair(row4, constant('labels')), f64x2.splat(local.get(label))),
        f64x2.const(1),
      );
      return [
        ...overRowPairs(row4, [
          ...local.set(p, f64x2.promoteLowF32x4(v128.load64Zero(i32.add(probability, constant('probabilities'))))),
          ...local.set(g, f64x2.sub(local.get(p), isClass)),
          ...local.set(
            h,
            f64x2.mul(f64x2.mul(local.get(p), f64x2.sub(f64x2.const(1), local.get(p))), f64x2.splat(local.get(factor))),
          ),
          ...finishDerivatives({ row4, g, h, gSum, hSum }),
        ]),
        ...storeSums(gSum, hSum),
      ];
    },
  };
}

export function residualDerivativesKernel(): FunctionDefinition {
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
              f64x2.add(loadPair(row4, constant('scores')), f64x2.splat(local.get(base))),
              loadPair(row4, constant('labels')),
            ),
          ),
          ...local.set(h, f64x2.const(1)),
          ...finishDerivatives({ row4, g, h, gSum, hSum }),
        ]),
        ...storeSums(gSum, hSum),
      ];
    },
  };
}

export function quantileDerivativesKernel(): FunctionDefinition {
  return {
    name: 'quantileDerivatives',
    parameters: ['i32', 'i32', 'f64', 'f64'],
    body: (f) => {
      const [base, level] = [2, 3];
      const [row4, g, h] = [f.local('i32'), f.local('v128'), f.local('v128')];
      const [gSum, hSum] = [f.local('v128'), f.local('v128')];
      const margin = f64x2.add(loadPair(row4, constant('scores')), f64x2.splat(local.get(base)));
      const isBelow = v128.and(f64x2.lt(margin, loadPair(row4, constant('labels'))), f64x2.const(1));
      const above = f64x2.splat(f64.sub(f64.const(1), local.get(level)));
      return [
        ...overRowPairs(row4, [
          ...local.set(g, f64x2.sub(above, isBelow)),
          ...local.set(h, f64x2.const(1)),
          ...finishDerivatives({ row4, g, h, gSum, hSum }),
        ]),
        ...storeSums(gSum, hSum),
      ];
    },
  };
}

/** Rounds half to even; a hessian is at least one unit, so that no leaf divides by zero. */
export function quantiseKernel(): FunctionDefinition {
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
            i32.add(i32.shl(local.get(read), i32.const(1)), constant('gradients')),
            i32x4.maxS(
              i32x4.truncSatF64x2Zero(
                f64x2.nearest(
                  f64x2.mul(
                    f64x2.promoteLowF32x4(v128.load64Zero(i32.add(local.get(read), constant('derivatives')))),
                    local.get(scale),
                  ),
                ),
              ),
              v128.i32x4(-(2 ** 31), 1, 1, 0),
            ),
          ),
          ...local.set(read, i32.add(local.get(read), i32.const(8))),
        ]),
      ];
    },
  };
}
