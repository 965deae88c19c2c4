/**
 * A small assembler for WebAssembly modules.
 *
 * Code is a list of bytes; an instruction is a function from the code of its operands to its own code, so a kernel
 * reads like the expression that it computes: `i32.add(local.get(a), i32.const(4))`. Nothing is checked here: the
 * engine validates the module when it is built. Encoding: WebAssembly Core 2.0, section 5, with the 128-bit vectors.
 */

export type Code = readonly number[];
export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

const valueTypeBytes: Record<ValueType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };
const voidBlock = 0x40;

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return bytes;
}

function signed(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    const done = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}

function float64Bytes(value: number): number[] {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return [...bytes];
}

type Operator = (...operands: readonly Code[]) => Code;
const operator =
  (...opcode: readonly number[]): Operator =>
  (...operands) => [...operands.flat(), ...opcode];
const vector = (index: number): Operator => operator(0xfd, ...unsigned(index));

/** A memory access at `address + offset`; `alignment` is the base-2 logarithm that the format asks for as a hint. */
const load =
  (opcode: Code, alignment: number) =>
  (address: Code, offset = 0): Code => [...address, ...opcode, alignment, ...unsigned(offset)];
const store =
  (opcode: Code, alignment: number) =>
  (address: Code, value: Code, offset = 0): Code => [...address, ...value, ...opcode, alignment, ...unsigned(offset)];
const lane =
  (index: number) =>
  (operand: Code, laneIndex: number): Code => [...operand, 0xfd, ...unsigned(index), laneIndex];
const simd = (index: number): Code => [0xfd, ...unsigned(index)];

export const local = {
  get: (index: number): Code => [0x20, ...unsigned(index)],
  set: (index: number, value: Code): Code => [...value, 0x21, ...unsigned(index)],
  tee: (index: number, value: Code): Code => [...value, 0x22, ...unsigned(index)],
};

/** An imported constant, by its place among them. */
export const global = {
  get: (index: number): Code => [0x23, ...unsigned(index)],
};

export const i32 = {
  /** Addresses above 2^31 wrap to the same 32 bits. */
  const: (value: number): Code => [0x41, ...signed(BigInt(value | 0))],
  load: load([0x28], 2),
  load8u: load([0x2d], 0),
  store: store([0x36], 2),
  store8: store([0x3a], 0),
  eqz: operator(0x45),
  eq: operator(0x46),
  ne: operator(0x47),
  ltS: operator(0x48),
  ltU: operator(0x49),
  geU: operator(0x4f),
  add: operator(0x6a),
  sub: operator(0x6b),
  mul: operator(0x6c),
  divU: operator(0x6e),
  and: operator(0x71),
  or: operator(0x72),
  xor: operator(0x73),
  shl: operator(0x74),
  shrU: operator(0x76),
};

/** Operations that other threads see whole; the alignment is exact, as the format demands. */
const atomic = (opcode: number): Code => [0xfe, ...unsigned(opcode)];

export const i32Atomic = {
  load: load(atomic(0x10), 2),
  store: store(atomic(0x17), 2),
  /** Answers the value before. */
  add: store(atomic(0x1e), 2),
  /** Answers how many waiting threads were woken, which is dropped. */
  notifyAll: (address: Code): Code => [...address, ...i32.const(-1), ...atomic(0), 2, 0, ...control.drop],
  /** Sleeps while the word is `expected`: 0 woken, 1 it was not, 2 after `timeoutNs`. */
  wait: (address: Code, expected: Code, timeoutNs: bigint): Code => [
    ...address,
    ...expected,
    0x42,
    ...signed(timeoutNs),
    ...atomic(1),
    2,
    0,
  ],
};

export const f32 = {
  load: load([0x2a], 2),
  eq: operator(0x5b),
  gt: operator(0x5e),
  store: store([0x38], 2),
  add: operator(0x92),
  max: operator(0x97),
  demote: operator(0xb6),
};

export const f64 = {
  const: (value: number): Code => [0x44, ...float64Bytes(value)],
  load: load([0x2b], 3),
  store: store([0x39], 3),
  gt: operator(0x64),
  abs: operator(0x99),
  add: operator(0xa0),
  sub: operator(0xa1),
  mul: operator(0xa2),
  div: operator(0xa3),
  promote: operator(0xbb),
};

export const v128 = {
  zero: [0xfd, 12, ...Array.from({ length: 16 }, () => 0)] as Code,
  i32x4: (...lanes: readonly [number, number, number, number]): Code => [
    0xfd,
    12,
    ...new Uint8Array(Int32Array.from(lanes).buffer),
  ],
  load: load(simd(0), 4),
  load64Zero: load(simd(93), 3),
  store: store(simd(11), 4),
  store64Lane0: (address: Code, value: Code, offset = 0): Code => [
    ...address,
    ...value,
    ...simd(91),
    3,
    ...unsigned(offset),
    0,
  ],
  anyTrue: vector(83),
  and: vector(78),
  andnot: vector(79),
  /** Lanes of 32 bits picked from `a` (0 to 3) and `b` (4 to 7). */
  shuffle32: (a: Code, b: Code, lanes: readonly [number, number, number, number]): Code => [
    ...a,
    ...b,
    ...simd(13),
    ...lanes.flatMap((index) => [index * 4, index * 4 + 1, index * 4 + 2, index * 4 + 3]),
  ],
};

export const i32x4 = {
  extractLane: lane(27),
  add: vector(174),
  sub: vector(177),
  ltS: vector(57),
  maxS: vector(184),
  truncSatF64x2Zero: vector(252),
};

export const i64x2 = {
  add: vector(206),
  extendLowI32x4: vector(199),
  shl: vector(203),
};

export const f32x4 = {
  demoteF64x2Zero: vector(94),
};

export const f64x2 = {
  splat: vector(20),
  extractLane: lane(33),
  replaceLane: (operand: Code, laneIndex: number, value: Code): Code => [...operand, ...value, ...simd(34), laneIndex],
  eq: vector(71),
  lt: vector(73),
  abs: vector(236),
  neg: vector(237),
  add: vector(240),
  sub: vector(241),
  mul: vector(242),
  div: vector(243),
  min: vector(244),
  max: vector(245),
  nearest: vector(148),
  convertLowI32x4S: vector(254),
  promoteLowF32x4: vector(95),
  const: (value: number): Code => [0xfd, 12, ...float64Bytes(value), ...float64Bytes(value)],
};

export const control = {
  block: (body: Code): Code => [0x02, voidBlock, ...body, 0x0b],
  loop: (body: Code): Code => [0x03, voidBlock, ...body, 0x0b],
  if: (condition: Code, body: Code): Code => [...condition, 0x04, voidBlock, ...body, 0x0b],
  ifElse: (condition: Code, body: Code, otherwise: Code): Code => [
    ...condition,
    0x04,
    voidBlock,
    ...body,
    0x05,
    ...otherwise,
    0x0b,
  ],
  branch: (depth: number): Code => [0x0c, ...unsigned(depth)],
  branchIf: (depth: number, condition: Code): Code => [...condition, 0x0d, ...unsigned(depth)],
  return: [0x0f] as Code,
  drop: [0x1a] as Code,
  unreachable: [0x00] as Code,
  /** The function that stands at this place in the module. */
  call: (index: number, ...operands: readonly Code[]): Code => [...operands.flat(), 0x10, ...unsigned(index)],
};

/** Copies or fills `length` bytes; operands are 32-bit addresses. */
export const memory = {
  copy: (to: Code, from: Code, length: Code): Code => [...to, ...from, ...length, 0xfc, 10, 0, 0],
  fill: (to: Code, byte: Code, length: Code): Code => [...to, ...byte, ...length, 0xfc, 11, 0],
};

/** `do { body } while (address < end)`: the caller makes sure that the first turn is wanted. */
export function doWhileBelow(address: number, end: Code, body: Code): Code {
  return control.loop([...body, ...control.branchIf(0, i32.ltU(local.get(address), end))]);
}

export interface FunctionBuilder {
  readonly parameters: readonly ValueType[];
  readonly result?: ValueType;
  /** Declares a local variable and returns its index; parameters come first. */
  readonly local: (type: ValueType) => number;
}

export interface FunctionDefinition {
  readonly name: string;
  readonly parameters: readonly ValueType[];
  readonly result?: ValueType;
  readonly body: (builder: FunctionBuilder) => Code;
}

const withLength = (bytes: Code): number[] => [...unsigned(bytes.length), ...bytes];
const section = (id: number, items: readonly Code[]): number[] => [
  id,
  ...withLength([...unsigned(items.length), ...items.flat()]),
];
const text = (value: string): number[] => withLength([...new TextEncoder().encode(value)]);

function encodeBody(definition: FunctionDefinition): number[] {
  const locals: ValueType[] = [];
  const code = definition.body({
    ...definition,
    local: (type) => definition.parameters.length + locals.push(type) - 1,
  });
  const declarations = locals.flatMap((type) => [1, valueTypeBytes[type]]);
  return withLength([...unsigned(locals.length), ...declarations, ...code, 0x0b]);
}

/** Magic number and version 1. */
const header: Code = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** A function that a module calls or offers. */
export type Signature = Omit<FunctionDefinition, 'body'>;

/** What a module takes of `env` beside `memory`. */
export interface ModuleImports {
  readonly isMemoryShared: boolean;
  /** They have the first places among the functions. */
  readonly functions: readonly Signature[];
  /** Names of 32-bit constants, in the order of their places. */
  readonly constants: readonly string[];
}

/** A memory of any size. */
const memoryLimits = { own: [0x00, 1], shared: [0x03, 1, ...unsigned(65_536)] };

const typeOf = ({ parameters, result }: Signature): Code => [
  0x60,
  ...withLength(parameters.map((type) => valueTypeBytes[type])),
  ...(result === undefined ? [0] : [1, valueTypeBytes[result]]),
];

/** The bytes of a module that exports every function by its name. */
export function encodeModule(functions: readonly FunctionDefinition[], imports: ModuleImports): Uint8Array {
  const { isMemoryShared, constants } = imports;
  const first = imports.functions.length;
  const taken = (name: string, description: Code): Code => [...text('env'), ...text(name), ...description];
  return Uint8Array.from([
    ...header,
    ...section(1, [...imports.functions, ...functions].map(typeOf)),
    ...section(2, [
      taken('memory', [0x02, ...(isMemoryShared ? memoryLimits.shared : memoryLimits.own)]),
      ...imports.functions.map(({ name }, index) => taken(name, [0x00, ...unsigned(index)])),
      ...constants.map((name) => taken(name, [0x03, valueTypeBytes.i32, 0])),
    ]),
    ...section(
      3,
      functions.map((_, index) => unsigned(first + index)),
    ),
    ...section(
      7,
      functions.map((f, index) => [...text(f.name), 0x00, ...unsigned(first + index)]),
    ),
    ...section(10, functions.map(encodeBody)),
  ]);
}
