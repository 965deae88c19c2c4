/**
 * Kernels over leaves: difference, partition, split search, score update.
 *
 * Partition: branch-free, through a table of 256 bytes. Split search: one vector division per bin.
 */
import { control, doWhileBelow, f32, f64, f64x2, i32, i32x4, local, v128 } from './wasm-module.ts';
import type { Code, FunctionBuilder, FunctionDefinition } from './wasm-module.ts';
import { binBytes, fixedAddresses, resultOffsets } from './booster-memory.ts';
/** Bin by bin over `[target, end)`: adds or subtracts what stands at `source`. */
function combineKernel(name: string, combine: typeof i32x4.add): FunctionDefinition {
  return {
    name,
    parameters: ['i32', 'i32', 'i32'],
    body: () => {
      const [target, end, source] = [0, 1, 2];
      const combined = combine(v128.load(local.get(target)), v128.load(local.get(source)));
      const bins = doWhileBelow(target, local.get(end), [
        ...v128.store(local.get(target), combined),
        ...local.set(target, i32.add(local.get(target), i32.const(binBytes))),
        ...local.set(source, i32.add(local.get(source), i32.const(binBytes))),
      ]);
      return control.if(i32.ltU(local.get(target), local.get(end)), bins);
    },
  };
}

export const addKernel = (): FunctionDefinition => combineKernel('add', i32x4.add);
export const subtractKernel = (): FunctionDefinition => combineKernel('subtract', i32x4.sub);

/** Rows that go left stay, in their order; those that go right are put at `right`. Returns where the left ones end. */
export function partitionKernel(): FunctionDefinition {
  return {
    name: 'partition',
    parameters: ['i32', 'i32', 'i32', 'i32'],
    result: 'i32',
    body: (f) => {
      const [from, to, column, right] = [0, 1, 2, 3];
      const [left, row, step] = [f.local('i32'), f.local('i32'), f.local('i32')];
      const bin = i32.load8u(i32.add(local.get(row), local.get(column)));
      const rows = doWhileBelow(from, local.get(to), [
        ...local.set(row, i32.load(local.get(from))),
        ...i32.store(local.get(left), local.get(row)),
        ...i32.store(local.get(right), local.get(row)),
        ...local.set(step, i32.load8u(bin, fixedAddresses.lookup)),
        ...local.set(left, i32.add(local.get(left), local.get(step))),
        ...local.set(right, i32.sub(i32.add(local.get(right), i32.const(4)), local.get(step))),
        ...local.set(from, i32.add(local.get(from), i32.const(4))),
      ]);
      return [
        ...local.set(left, local.get(from)),
        ...control.if(i32.ltU(local.get(from), local.get(to)), rows),
        ...local.get(left),
      ];
    },
  };
}

interface SearchLocals {
  readonly slot: number;
  readonly lambda: number;
  /** What a side must have, lane by lane. */
  readonly least: number;
  /** Address of the feature's row in the feature table. */
  readonly entry: number;
  readonly cursor: number;
  readonly first: number;
  readonly last: number;
  readonly direction: number;
  readonly hasMissing: number;
  readonly total: number;
  readonly missing: number;
  readonly left: number;
  readonly right: number;
  readonly ratio: number;
  readonly best: number;
  readonly gain: number;
  readonly penalty: number;
  readonly tableEnd: number;
  readonly result: number;
  /** Address of whether the leaf can be divided by the feature at all. */
  readonly divisible: number;
  readonly isDivisible: number;
}

function searchLocals(f: FunctionBuilder): SearchLocals {
  const [cursor, first, last] = [f.local('i32'), f.local('i32'), f.local('i32')];
  const [direction, hasMissing] = [f.local('i32'), f.local('i32')];
  const [total, missing, left, right] = [f.local('v128'), f.local('v128'), f.local('v128'), f.local('v128')];
  const [ratio, penalty] = [f.local('v128'), f.local('v128')];
  const [best, gain] = [f.local('f64'), f.local('f64')];
  return {
    slot: 0,
    lambda: 1,
    entry: 2,
    tableEnd: 3,
    result: 4,
    divisible: 5,
    least: f.local('v128'),
    isDivisible: f.local('i32'),
    cursor,
    first,
    last,
    direction,
    hasMissing,
    total,
    missing,
    left,
    right,
    ratio,
    penalty,
    best,
    gain,
  };
}

/**
 * Over the features of the table's entries from `entry` to `tableEnd`.
 * gain = GL² / (HL + λ) + GR² / (HR + λ) in integer units. Ties go to the lower feature, then to missing right, then
 * to the lower bin. Without missing rows in the node only one direction is tried. Where no division leaves enough on both sides,
 * the feature is marked, and passed over in all parts of the leaf: none of them has one either where rows are counted, and where
 * they are weighed LightGBM passes it over too.
 */
export function searchKernel(): FunctionDefinition {
  return {
    name: 'search',
    parameters: ['i32', 'f64', 'i32', 'i32', 'i32', 'i32'],
    body: (f) => {
      const at = searchLocals(f);
      const tableEnd = local.get(at.tableEnd);
      const feature: Code = [
        ...local.set(at.first, i32.add(local.get(at.slot), i32.load(local.get(at.entry)))),
        ...local.set(at.missing, v128.load(local.get(at.first))),
        ...local.set(at.hasMissing, i32.ne(i32x4.extractLane(local.get(at.missing), 2), i32.const(0))),
        ...local.set(at.isDivisible, i32.const(0)),
        ...searchDirection(at, 0),
        ...control.if(local.get(at.hasMissing), searchDirection(at, 1)),
        ...i32.store8(local.get(at.divisible), local.get(at.isDivisible)),
      ];
      const isSearched = i32.and(i32.load(local.get(at.entry), 8), i32.load8u(local.get(at.divisible)));
      const features = doWhileBelow(at.entry, tableEnd, [
        ...control.if(isSearched, feature),
        ...local.set(at.divisible, i32.add(local.get(at.divisible), i32.const(1))),
        ...local.set(at.entry, i32.add(local.get(at.entry), i32.const(16))),
      ]);
      return [
        ...local.set(at.total, v128.load(i32.const(fixedAddresses.result), resultOffsets.total)),
        ...local.set(at.least, v128.load(i32.const(fixedAddresses.result), resultOffsets.least)),
        ...local.set(at.penalty, f64x2.splat(local.get(at.lambda))),
        ...local.set(at.best, f64.const(0)),
        ...f64.store(local.get(at.result), f64.const(0), resultOffsets.gain),
        ...control.if(i32.ltU(local.get(at.entry), tableEnd), features),
      ];
    },
  };
}

const isSmall = (at: SearchLocals, side: number): Code => v128.anyTrue(i32x4.ltS(local.get(side), local.get(at.least)));

/** Runs over the bins of one feature with the missing rows on one side. */
function searchDirection(at: SearchLocals, missingLeft: 0 | 1): Code {
  const bins = control.block(
    doWhileBelow(at.cursor, local.get(at.last), [
      ...control.if(i32.load(local.get(at.cursor), 8), [
        ...local.set(at.left, i32x4.add(local.get(at.left), v128.load(local.get(at.cursor)))),
        ...control.ifElse(isSmall(at, at.left), [], judgeSplit(at)),
      ]),
      ...local.set(at.cursor, i32.add(local.get(at.cursor), i32.const(binBytes))),
    ]),
  );
  // The highest bin is a threshold only where missing rows are left to go right.
  const beyondLast =
    missingLeft === 1
      ? i32.const(-binBytes)
      : i32.sub(i32.mul(local.get(at.hasMissing), i32.const(binBytes)), i32.const(binBytes));
  return [
    ...local.set(at.direction, i32.const(missingLeft)),
    ...local.set(at.left, missingLeft === 1 ? local.get(at.missing) : v128.zero),
    ...local.set(at.cursor, i32.add(local.get(at.first), i32.const(binBytes))),
    ...local.set(at.last, i32.add(i32.add(local.get(at.first), i32.load(local.get(at.entry), 4)), beyondLast)),
    ...control.if(i32.ltU(local.get(at.cursor), local.get(at.last)), bins),
  ];
}

/** Stands inside the else, the `if` of a filled bin, the loop and the block of `searchDirection`: depth 3 leaves them all. */
function judgeSplit(at: SearchLocals): Code {
  const result = local.get(at.result);
  const pair = (laneIndex: 0 | 1): Code =>
    f64x2.convertLowI32x4S(
      v128.shuffle32(local.get(at.left), local.get(at.right), [laneIndex, laneIndex + 4, laneIndex, laneIndex + 4]),
    );
  const square = f64x2.mul(local.get(at.ratio), local.get(at.ratio));
  const keep: Code = [
    ...local.set(at.best, local.get(at.gain)),
    ...f64.store(result, local.get(at.gain), resultOffsets.gain),
    ...i32.store(result, local.get(at.entry), resultOffsets.feature),
    ...i32.store(result, i32.sub(local.get(at.cursor), local.get(at.first)), resultOffsets.bin),
    ...i32.store(result, local.get(at.direction), resultOffsets.missingLeft),
    ...v128.store(result, local.get(at.left), resultOffsets.left),
  ];
  return [
    ...local.set(at.right, i32x4.sub(local.get(at.total), local.get(at.left))),
    ...control.branchIf(3, isSmall(at, at.right)),
    ...local.set(at.isDivisible, i32.const(1)),
    ...local.set(at.ratio, pair(0)),
    ...local.set(at.ratio, f64x2.div(square, f64x2.add(pair(1), local.get(at.penalty)))),
    ...local.set(
      at.gain,
      f64.add(f64x2.extractLane(local.get(at.ratio), 0), f64x2.extractLane(local.get(at.ratio), 1)),
    ),
    ...control.if(f64.gt(local.get(at.gain), local.get(at.best)), keep),
  ];
}

export function addToScoresKernel(): FunctionDefinition {
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
