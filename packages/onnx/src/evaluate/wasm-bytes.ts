/** The part of the WebAssembly binary format that the tree kernel needs. Source: WebAssembly Core Specification 2.0, §5. */

export const wasm = {
  block: 0x02,
  loop: 0x03,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  select: 0x1b,
  i32Load: 0x28,
  f32Load: 0x2a,
  f32Store: 0x38,
  i32Const: 0x41,
  f32Const: 0x43,
  i32Eqz: 0x45,
  i32LtU: 0x49,
  f32Le: 0x5f,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  f32Add: 0x92,
  voidBlock: 0x40,
  i32: 0x7f,
  f32: 0x7d,
} as const;

export function leb(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest & 127) | 128);
  }
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...leb(content.length), ...content];
}

function text(value: string): number[] {
  const bytes = [...new TextEncoder().encode(value)];
  return [...leb(bytes.length), ...bytes];
}

export interface WasmFunction {
  readonly name: string;
  readonly parameters: readonly number[];
  /** Runs of locals of one type: [count, type]. */
  readonly locals: readonly (readonly [number, number])[];
  readonly code: readonly number[];
}

/** A module with one exported function without a result, over an imported memory `env.memory`. */
export function wasmModule(fn: WasmFunction): Uint8Array<ArrayBuffer> {
  const locals = [...leb(fn.locals.length), ...fn.locals.flatMap(([count, type]) => [...leb(count), type])];
  const body = [...locals, ...fn.code, wasm.end];
  const magicAndVersion = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  return Uint8Array.from([
    ...magicAndVersion,
    ...section(1, [1, 0x60, ...leb(fn.parameters.length), ...fn.parameters, 0]),
    ...section(2, [1, ...text('env'), ...text('memory'), 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...text(fn.name), 0, 0]),
    ...section(10, [1, ...leb(body.length), ...body]),
  ]);
}

/** The corner of the WebAssembly JavaScript API used here: its types come with the DOM library, which no server loads. */
interface WasmApi {
  readonly Memory: new (descriptor: { initial: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (
    module: object,
    imports: { env: { memory: WasmMemory } },
  ) => { readonly exports: Readonly<Record<string, unknown>> };
}

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

const wasmApi = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;

/** `pages` of 64 KiB, zero-filled. */
export function createMemory(pages: number): WasmMemory {
  return new wasmApi.Memory({ initial: pages });
}

/** The exports of a module over that memory. */
export function instantiate(bytes: Uint8Array<ArrayBuffer>, memory: WasmMemory): Readonly<Record<string, unknown>> {
  return new wasmApi.Instance(new wasmApi.Module(bytes), { env: { memory } }).exports;
}
