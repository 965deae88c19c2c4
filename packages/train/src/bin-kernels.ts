/**
 * The bins of a block of values, in both layouts: a binary search over the feature's thresholds, four rows at a time so that
 * their loads overlap. Thresholds are filled up with Infinity, which no value exceeds. NaN exceeds nothing and gets bin 0.
 * Cost: about 4 ns per value.
 */
import { thresholdBytes } from './booster-memory.ts';
import { constant } from './layout-constants.ts';
import { control, doWhileBelow, f32, i32, local } from './wasm-module.ts';
import type { Code, FunctionDefinition } from './wasm-module.ts';

const lanes = [0, 1, 2, 3] as const;
/** Rows whose row-major bins stay in the second-level cache while feature after feature is written. */
const tileRows = 2048;

interface BinLocals {
  readonly feature: number;
  readonly row: number;
  readonly tileEnd: number;
  readonly entry: number;
  readonly source: number;
  readonly column: number;
  readonly target: number;
  readonly base: number;
  readonly step: number;
  readonly values: readonly number[];
  readonly places: readonly number[];
}

/** Rows [from, to) of the block in the staging area, multiples of four; the block starts at row `start` of the table. */
export function assignBinsKernel(): FunctionDefinition {
  return {
    name: 'assignBins',
    parameters: ['i32', 'i32', 'i32'],
    body: (f) => {
      const [from, to] = [0, 1];
      const at: BinLocals = {
        feature: f.local('i32'),
        row: f.local('i32'),
        tileEnd: f.local('i32'),
        entry: f.local('i32'),
        source: f.local('i32'),
        column: f.local('i32'),
        target: f.local('i32'),
        base: f.local('i32'),
        step: f.local('i32'),
        values: lanes.map(() => f.local('f32')),
        places: lanes.map(() => f.local('i32')),
      };
      const tile: Code = [
        ...local.set(at.tileEnd, i32.add(local.get(from), i32.const(tileRows))),
        ...control.if(i32.ltU(local.get(to), local.get(at.tileEnd)), local.set(at.tileEnd, local.get(to))),
        ...local.set(at.feature, i32.const(0)),
        ...doWhileBelow(at.feature, constant('features'), [
          ...featureStart(at),
          ...local.set(at.row, local.get(from)),
          ...doWhileBelow(at.row, local.get(at.tileEnd), fourRows(at)),
          ...local.set(at.feature, i32.add(local.get(at.feature), i32.const(1))),
        ]),
        ...local.set(from, local.get(at.tileEnd)),
      ];
      return control.if(i32.ltU(local.get(from), local.get(to)), doWhileBelow(from, local.get(to), tile));
    },
  };
}

function featureStart(at: BinLocals): Code {
  const [from, start] = [0, 2];
  const feature = local.get(at.feature);
  const row = i32.add(local.get(start), local.get(from));
  const stagingRow = i32.add(i32.mul(feature, constant('blockRows')), local.get(from));
  return [
    ...local.set(at.entry, i32.mul(feature, i32.const(16))),
    // One float before the first, because the place that a step looks at is one below its end.
    ...local.set(
      at.base,
      i32.sub(i32.add(i32.mul(feature, i32.const(thresholdBytes)), constant('thresholds')), i32.const(4)),
    ),
    ...local.set(at.source, i32.add(i32.mul(stagingRow, i32.const(4)), constant('staging'))),
    ...local.set(at.column, i32.add(i32.add(i32.mul(feature, constant('rows')), row), constant('columnBins'))),
    ...local.set(at.target, i32.add(i32.add(i32.mul(row, constant('stride')), feature), constant('rowBins'))),
  ];
}

function fourRows(at: BinLocals): Code {
  const { step, base } = at;
  const get = (list: readonly number[], lane: number): Code => local.get(list[lane] ?? 0);
  const advance = (lane: number): Code => {
    const end = i32.add(get(at.places, lane), local.get(step));
    const threshold = f32.load(i32.add(local.get(base), i32.shl(end, i32.const(2))));
    const isAbove = f32.gt(get(at.values, lane), threshold);
    return local.set(at.places[lane] ?? 0, i32.add(get(at.places, lane), i32.mul(local.get(step), isAbove)));
  };
  const write = (lane: number): Code => {
    const value = get(at.values, lane);
    const bin = i32.mul(i32.add(get(at.places, lane), i32.const(1)), f32.eq(value, value));
    return [
      ...local.set(at.places[lane] ?? 0, bin),
      ...i32.store8(local.get(at.column), get(at.places, lane), lane),
      ...i32.store8(local.get(at.target), get(at.places, lane)),
      ...local.set(at.target, i32.add(local.get(at.target), constant('stride'))),
    ];
  };
  return [
    ...lanes.flatMap((lane) => [
      ...local.set(at.values[lane] ?? 0, f32.load(local.get(at.source), lane * 4)),
      ...local.set(at.places[lane] ?? 0, i32.const(0)),
    ]),
    ...local.set(step, i32.load(i32.add(local.get(at.entry), constant('featureTable')), 12)),
    ...control.loop([
      ...lanes.flatMap(advance),
      ...local.set(step, i32.shrU(local.get(step), i32.const(1))),
      ...control.branchIf(0, local.get(step)),
    ]),
    ...lanes.flatMap(write),
    ...local.set(at.source, i32.add(local.get(at.source), i32.const(16))),
    ...local.set(at.column, i32.add(local.get(at.column), i32.const(4))),
    ...local.set(at.row, i32.add(local.get(at.row), i32.const(4))),
  ];
}
