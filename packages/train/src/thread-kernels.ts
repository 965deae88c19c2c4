/**
 * How threads divide the kernels' work.
 *
 * The calling thread writes a task and its operands into the control area and calls `fork`: that counts the helpers which
 * are there, wakes them, does its own share and waits for theirs. A helper runs `help` from its beginning to its end and
 * nothing but WebAssembly. Shares are disjoint stretches of rows, bins or features, and all that is summed over rows is
 * either an integer or a sum per chunk, so results do not depend on how many helpers there are or when they come.
 *
 * `go` holds a count of tasks above the number of helpers that take part in the last one: a helper beyond that number
 * leaves the task alone, and those below it are waited for, so that no operand changes while it is read.
 */
import {
  binBytes,
  chunkRows,
  controlOffsets,
  entryBytes,
  fixedAddresses,
  resultBytes,
  resultOffsets,
} from './booster-memory.ts';
import { constant } from './layout-constants.ts';
import { control, doWhileBelow, f32, f64, i32, i32Atomic, local, memory } from './wasm-module.ts';
import type { Code, FunctionDefinition } from './wasm-module.ts';

/** What can be shared, with its operands: integers in their places, then numbers in theirs. */
export const taskKinds = {
  logistic: 0,
  softmax: 1,
  classDerivatives: 2,
  residualDerivatives: 3,
  quantileDerivatives: 4,
  quantise: 5,
  histogram: 6,
  combine: 7,
  search: 8,
  partition: 9,
  addToScores: 10,
  assignBins: 11,
} as const;
export type TaskKind = keyof typeof taskKinds;

/** Turns of a waiting loop before the thread sleeps: some twenty microseconds. */
const spinTurns = 8192;
/** A helper that takes longer has died: its share is at most a second's work. */
const helperNsMax = 120_000_000_000n;
/** The `go` that ends the helpers. */
const goEnd = -1;
/** Helpers of a task are in the low byte of `go`. */
const helperBits = 8;

/** Place of a kernel in the module. */
export type PlaceOf = (kernel: string) => number;

const [thread, threads] = [0, 1];

/** Where share `number` of `count` things begins. */
const shareStart = (count: Code, number: Code): Code => i32.divU(i32.mul(count, number), local.get(threads));
const next = (number: number): Code => i32.add(local.get(number), i32.const(1));

interface Operands {
  readonly integer: (place: number) => Code;
  readonly number: (place: number) => Code;
}

const area = i32.const(fixedAddresses.control);
const operands: Operands = {
  integer: (place) => i32.load(area, controlOffsets.integers + place * 4),
  number: (place) => f64.load(area, controlOffsets.doubles + place * 8),
};

type ShareBody = (f: Parameters<FunctionDefinition['body']>[0]) => Code;
const shareOf = (kind: TaskKind, body: ShareBody): FunctionDefinition => ({
  name: `share ${kind}`,
  parameters: ['i32', 'i32'],
  body,
});

/** A kernel over all rows, called chunk by chunk. */
function chunkShare(kind: TaskKind, call: (from: Code, to: Code) => Code): FunctionDefinition {
  return shareOf(kind, (f) => {
    const [from, to, end] = [f.local('i32'), f.local('i32'), f.local('i32')];
    const rows = constant('rows');
    const chunks = i32.divU(i32.add(rows, i32.const(chunkRows - 1)), i32.const(chunkRows));
    return [
      ...local.set(from, i32.mul(shareStart(chunks, local.get(thread)), i32.const(chunkRows))),
      ...local.set(end, i32.mul(shareStart(chunks, next(thread)), i32.const(chunkRows))),
      ...control.if(i32.ltU(rows, local.get(end)), local.set(end, rows)),
      ...control.if(
        i32.ltU(local.get(from), local.get(end)),
        doWhileBelow(from, local.get(end), [
          ...local.set(to, i32.add(local.get(from), i32.const(chunkRows))),
          ...control.if(i32.ltU(local.get(end), local.get(to)), local.set(to, local.get(end))),
          ...call(local.get(from), local.get(to)),
          ...local.set(from, local.get(to)),
        ]),
      ),
    ];
  });
}

/** A share of the row order between the addresses that are the first two operands. */
function overRows(
  kind: TaskKind,
  body: (bounds: { readonly from: number; readonly to: number }, f: Parameters<ShareBody>[0]) => Code,
): FunctionDefinition {
  return shareOf(kind, (f) => {
    const [from, to, rows] = [f.local('i32'), f.local('i32'), f.local('i32')];
    const bound = (number: Code): Code =>
      i32.add(operands.integer(0), i32.shl(shareStart(local.get(rows), number), i32.const(2)));
    return [
      ...local.set(rows, i32.shrU(i32.sub(operands.integer(1), operands.integer(0)), i32.const(2))),
      ...local.set(from, bound(local.get(thread))),
      ...local.set(to, bound(next(thread))),
      ...body({ from, to }, f),
    ];
  });
}

const scratchDistance = i32.sub(constant('scratch'), constant('order'));
const resultOf = (of: Code): Code => i32.add(i32.const(fixedAddresses.result), i32.mul(of, i32.const(resultBytes)));

function histogramShare(place: PlaceOf): FunctionDefinition {
  return overRows('histogram', ({ from, to }, f) => {
    const slot = f.local('i32');
    const partial = i32.add(
      i32.sub(constant('partialHistograms'), constant('histogramBytes')),
      i32.mul(local.get(thread), constant('histogramBytes')),
    );
    return [
      ...local.set(slot, operands.integer(2)),
      ...control.if(local.get(thread), local.set(slot, partial)),
      ...memory.fill(local.get(slot), i32.const(0), constant('histogramBytes')),
      ...control.if(
        i32.ltU(local.get(from), local.get(to)),
        control.call(place('histogram'), local.get(from), local.get(to), local.get(slot)),
      ),
    ];
  });
}

/** Operands: a slot, the parent's that it is taken from or 0, and how many partial histograms are added to it first. */
function combineShare(place: PlaceOf): FunctionDefinition {
  const { integer } = operands;
  return shareOf('combine', (f) => {
    const [from, to, partial] = [f.local('i32'), f.local('i32'), f.local('i32')];
    const bins = constant('bins');
    const byte = (number: Code): Code => i32.mul(shareStart(bins, number), i32.const(binBytes));
    const partialsEnd = i32.add(constant('partialHistograms'), i32.mul(integer(2), constant('histogramBytes')));
    const at = (start: Code, offset: number): Code => i32.add(start, local.get(offset));
    return [
      ...local.set(from, byte(local.get(thread))),
      ...local.set(to, byte(next(thread))),
      ...local.set(partial, constant('partialHistograms')),
      ...control.if(
        integer(2),
        doWhileBelow(partial, partialsEnd, [
          ...control.call(place('add'), at(integer(0), from), at(integer(0), to), at(local.get(partial), from)),
          ...local.set(partial, i32.add(local.get(partial), constant('histogramBytes'))),
        ]),
      ),
      ...control.if(
        integer(1),
        control.call(place('subtract'), at(integer(1), from), at(integer(1), to), at(integer(0), from)),
      ),
    ];
  });
}

function searchShare(place: PlaceOf): FunctionDefinition {
  const { integer, number } = operands;
  const features = constant('features');
  const entry = (of: Code): Code =>
    i32.add(constant('featureTable'), i32.mul(shareStart(features, of), i32.const(entryBytes)));
  return shareOf('search', () =>
    control.call(
      place('search'),
      integer(0),
      number(0),
      entry(local.get(thread)),
      entry(next(thread)),
      resultOf(local.get(thread)),
      i32.add(integer(1), shareStart(features, local.get(thread))),
    ),
  );
}

/** Every thread parts its own stretch; `joinParts` then puts the left ones behind each other and the right ones behind them. */
function partitionShare(place: PlaceOf): FunctionDefinition {
  return overRows('partition', ({ from, to }) =>
    i32.store(
      resultOf(local.get(thread)),
      control.call(
        place('partition'),
        local.get(from),
        local.get(to),
        operands.integer(2),
        i32.add(local.get(from), scratchDistance),
      ),
      resultOffsets.middle,
    ),
  );
}

/** Returns the address where the right ones begin. Operands are those of the partition. */
function joinParts(): FunctionDefinition {
  const { integer } = operands;
  return {
    name: 'joinParts',
    parameters: ['i32'],
    result: 'i32',
    body: (f) => {
      const count = 0;
      const [part, rows, target, middle] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')];
      const start = (number: Code): Code =>
        i32.add(integer(0), i32.shl(i32.divU(i32.mul(local.get(rows), number), local.get(count)), i32.const(2)));
      const leftEnd = i32.load(resultOf(local.get(part)), resultOffsets.middle);
      const eachPart = (body: Code): Code => [
        ...local.set(part, i32.const(0)),
        ...doWhileBelow(part, local.get(count), [...body, ...local.set(part, next(part))]),
      ];
      const move = (source: Code, length: Code): Code => [
        ...memory.copy(local.get(target), source, length),
        ...local.set(target, i32.add(local.get(target), length)),
      ];
      const scratch = i32.add(start(local.get(part)), scratchDistance);
      return [
        ...local.set(rows, i32.shrU(i32.sub(integer(1), integer(0)), i32.const(2))),
        ...local.set(target, integer(0)),
        ...eachPart(move(start(local.get(part)), i32.sub(leftEnd, start(local.get(part))))),
        ...local.set(middle, local.get(target)),
        ...eachPart(move(scratch, i32.sub(start(next(part)), leftEnd))),
        ...local.get(middle),
      ];
    },
  };
}

function addToScoresShare(place: PlaceOf): FunctionDefinition {
  return overRows('addToScores', ({ from, to }) =>
    control.if(
      i32.ltU(local.get(from), local.get(to)),
      control.call(
        place('addToScores'),
        local.get(from),
        local.get(to),
        operands.integer(2),
        f32.demote(operands.number(0)),
      ),
    ),
  );
}

/** Operands: rows in the block and the row of the table where it starts. */
function assignBinsShare(place: PlaceOf): FunctionDefinition {
  const { integer } = operands;
  const quads = i32.shrU(i32.add(integer(0), i32.const(3)), i32.const(2));
  const bound = (number: Code): Code => i32.shl(shareStart(quads, number), i32.const(2));
  return shareOf('assignBins', () =>
    control.call(place('assignBins'), bound(local.get(thread)), bound(next(thread)), integer(1)),
  );
}

function shares(place: PlaceOf): readonly FunctionDefinition[] {
  const { integer, number } = operands;
  const chunks = (kind: TaskKind, ...operands: readonly Code[]): FunctionDefinition =>
    chunkShare(kind, (from, to) => control.call(place(kind), from, to, ...operands));
  return [
    chunks('logistic', number(0)),
    chunks('softmax'),
    chunks('classDerivatives', integer(0), number(0), number(1)),
    chunks('residualDerivatives', number(0)),
    chunks('quantileDerivatives', number(0), number(1)),
    chunks('quantise', number(0), number(1)),
    histogramShare(place),
    combineShare(place),
    searchShare(place),
    partitionShare(place),
    addToScoresShare(place),
    assignBinsShare(place),
  ];
}

/** One share of a task. */
function shareFunction(place: PlaceOf): FunctionDefinition {
  const kind = 2;
  return {
    name: 'share',
    parameters: ['i32', 'i32', 'i32'],
    body: () =>
      Object.entries(taskKinds).flatMap(([name, number]) =>
        control.if(i32.eq(local.get(kind), i32.const(number)), [
          ...control.call(place(`share ${name}`), local.get(thread), local.get(threads)),
          ...control.return,
        ]),
      ),
  };
}

/** Divides the task among the threads that are there and returns their number. */
function forkFunction(place: PlaceOf): FunctionDefinition {
  return {
    name: 'fork',
    parameters: ['i32'],
    result: 'i32',
    body: (f) => {
      const kind = 0;
      const [helpers, go, done, turns] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')];
      const tasks = i32.add(i32.shrU(i32Atomic.load(area, controlOffsets.go), i32.const(helperBits)), i32.const(1));
      const waitForHelpers = control.block(
        control.loop([
          ...local.set(done, i32Atomic.load(area, controlOffsets.done)),
          ...control.branchIf(1, i32.eq(local.get(done), local.get(helpers))),
          ...local.set(turns, next(turns)),
          ...control.branchIf(0, i32.ltU(local.get(turns), i32.const(spinTurns))),
          ...control.if(
            i32.eq(
              i32Atomic.wait(i32.const(fixedAddresses.control + controlOffsets.done), local.get(done), helperNsMax),
              i32.const(2),
            ),
            control.unreachable,
          ),
          ...control.branch(0),
        ]),
      );
      return [
        ...local.set(helpers, i32Atomic.load(area, controlOffsets.ready)),
        ...control.if(i32.eqz(local.get(helpers)), [
          ...control.call(place('share'), i32.const(0), i32.const(1), local.get(kind)),
          ...i32.const(1),
          ...control.return,
        ]),
        ...i32.store(area, local.get(kind), controlOffsets.kind),
        ...i32Atomic.store(area, i32.const(0), controlOffsets.done),
        ...local.set(go, i32.or(i32.shl(tasks, i32.const(helperBits)), local.get(helpers))),
        ...i32Atomic.store(area, local.get(go), controlOffsets.go),
        ...i32Atomic.notifyAll(i32.const(fixedAddresses.control + controlOffsets.go)),
        ...control.call(place('share'), i32.const(0), next(helpers), local.get(kind)),
        ...waitForHelpers,
        ...next(helpers),
      ];
    },
  };
}

/** What a helper runs until it is told to end. */
function helpFunction(place: PlaceOf): FunctionDefinition {
  return {
    name: 'help',
    parameters: [],
    body: (f) => {
      const [own, seen, go, turns, helpers] = [
        f.local('i32'),
        f.local('i32'),
        f.local('i32'),
        f.local('i32'),
        f.local('i32'),
      ];
      const isNone = i32.eq(local.get(go), local.get(seen));
      const waitForTask = control.loop([
        ...local.set(go, i32Atomic.load(area, controlOffsets.go)),
        ...control.if(isNone, [
          ...local.set(turns, next(turns)),
          ...control.branchIf(1, i32.ltU(local.get(turns), i32.const(spinTurns))),
          ...i32Atomic.wait(i32.const(fixedAddresses.control + controlOffsets.go), local.get(seen), -1n),
          ...control.drop,
          ...control.branch(1),
        ]),
      ]);
      return [
        // Nothing is seen yet: tasks from before it came counted fewer helpers, and an end may have been told already.
        ...local.set(own, i32Atomic.add(area, i32.const(1), controlOffsets.ready)),
        ...control.loop([
          ...local.set(turns, i32.const(0)),
          ...waitForTask,
          ...control.if(i32.eq(local.get(go), i32.const(goEnd)), control.return),
          ...local.set(seen, local.get(go)),
          ...local.set(helpers, i32.and(local.get(go), i32.const(2 ** helperBits - 1))),
          ...control.if(i32.ltU(local.get(own), local.get(helpers)), [
            ...control.call(place('share'), next(own), next(helpers), i32.load(area, controlOffsets.kind)),
            ...i32Atomic.add(area, i32.const(1), controlOffsets.done),
            ...control.drop,
            ...i32Atomic.notifyAll(i32.const(fixedAddresses.control + controlOffsets.done)),
          ]),
          ...control.branch(0),
        ]),
      ];
    },
  };
}

/** Tells the helpers to end. */
function endFunction(): FunctionDefinition {
  return {
    name: 'end',
    parameters: [],
    body: () => [
      ...i32Atomic.store(area, i32.const(goEnd), controlOffsets.go),
      ...i32Atomic.notifyAll(i32.const(fixedAddresses.control + controlOffsets.go)),
    ],
  };
}

/** To be put behind the kernels; `place` is asked when the bodies are made. */
export function threadKernels(place: PlaceOf): readonly FunctionDefinition[] {
  return [...shares(place), joinParts(), shareFunction(place), forkFunction(place), helpFunction(place), endFunction()];
}
