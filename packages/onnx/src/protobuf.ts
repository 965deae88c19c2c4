/**
 * Protocol Buffers wire format, as much as ONNX needs (proto2 and proto3 encodings, no groups).
 *
 * The reader trusts nothing: every length is checked against what is left of the enclosing message, nesting is bounded,
 * a varint has at most 10 bytes, and a repeated scalar may come packed or one by one.
 * Source: https://protobuf.dev/programming-guides/encoding/.
 */
import { OnnxError } from './errors.ts';

/** A message inside a message inside ...: ONNX needs about 10 levels, subgraphs 4 more each. */
const NESTING_MAX = 100;

const utf8Strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf8Encoder = new TextEncoder();

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

export type WireType = 0 | 1 | 2 | 5;

function fail(problem: string, at: number): never {
  throw new OnnxError('format', `The file is not a well-formed protobuf message: ${problem} at byte ${at}.`);
}

/** Walks the fields of one message: `while (reader.next()) switch (reader.field) { ...; default: reader.skip(); }`. */
export class ProtoReader {
  field = 0;
  wireType: WireType = VARINT;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #depth: number;
  #at: number;
  #end: number;

  constructor(bytes: Uint8Array, range?: { start: number; end: number; depth: number }) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = range?.start ?? 0;
    this.#end = range?.end ?? bytes.byteLength;
    this.#depth = range?.depth ?? 0;
  }

  /** Moves to the next field; false at the end of the message. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    const tag = this.#varint32();
    const wireType = tag & 7;
    this.field = tag >>> 3;
    if (this.field === 0) fail('field number 0', this.#at);
    if (wireType !== VARINT && wireType !== FIXED64 && wireType !== BYTES && wireType !== FIXED32) {
      fail(`wire type ${wireType}`, this.#at);
    }
    this.wireType = wireType;
    return true;
  }

  skip(): void {
    if (this.wireType === VARINT) this.#varint64();
    else if (this.wireType === FIXED64) this.#advance(8);
    else if (this.wireType === FIXED32) this.#advance(4);
    else this.#advance(this.#length());
  }

  int64(): bigint {
    this.#expect(VARINT);
    return this.#varint64();
  }

  /** An int64 that must be a safe integer: enumerations, versions, dimensions. */
  int(): number {
    const value = Number(this.int64());
    if (!Number.isSafeInteger(value)) fail('an integer beyond 2^53', this.#at);
    return value;
  }

  float(): number {
    this.#expect(FIXED32);
    return this.#view.getFloat32(this.#advance(4), true);
  }

  /** The bytes of a length-delimited field, as a view of the input. */
  bytes(): Uint8Array {
    this.#expect(BYTES);
    const length = this.#length();
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  string(): string {
    const bytes = this.bytes();
    try {
      return utf8Strict.decode(bytes);
    } catch {
      fail('a string that is not UTF-8', this.#at);
    }
  }

  message<T>(parse: (reader: ProtoReader) => T): T {
    this.#expect(BYTES);
    if (this.#depth >= NESTING_MAX) {
      throw new OnnxError('limit', `The file nests messages more than ${NESTING_MAX} deep; that is refused.`);
    }
    const length = this.#length();
    const start = this.#advance(length);
    return parse(new ProtoReader(this.#bytes, { start, end: start + length, depth: this.#depth + 1 }));
  }

  /** Appends a repeated float, packed or single. */
  floats(into: number[]): void {
    if (this.wireType !== BYTES) {
      into.push(this.float());
      return;
    }
    for (const end = this.#packedEnd(4); this.#at < end;) into.push(this.#view.getFloat32(this.#advance(4), true));
  }

  /** Appends a repeated double, packed or single. */
  doubles(into: number[]): void {
    if (this.wireType !== BYTES) {
      this.#expect(FIXED64);
      into.push(this.#view.getFloat64(this.#advance(8), true));
      return;
    }
    for (const end = this.#packedEnd(8); this.#at < end;) into.push(this.#view.getFloat64(this.#advance(8), true));
  }

  /** Appends a repeated int32/int64/uint64, packed or single, as signed 64-bit values. */
  int64s(into: bigint[]): void {
    if (this.wireType !== BYTES) {
      into.push(this.int64());
      return;
    }
    const outerEnd = this.#end;
    const end = this.#packedEnd(1);
    this.#end = end;
    while (this.#at < end) into.push(this.#varint64());
    this.#end = outerEnd;
  }

  #expect(wireType: WireType): void {
    if (this.wireType !== wireType) fail(`field ${this.field} has wire type ${this.wireType}`, this.#at);
  }

  #packedEnd(itemBytes: number): number {
    const length = this.#length();
    if (length % itemBytes !== 0) fail(`a packed field of ${length} bytes`, this.#at);
    if (length > this.#end - this.#at) fail(`a length of ${length} bytes beyond the message`, this.#at);
    return this.#at + length;
  }

  #length(): number {
    const length = this.#varint32();
    if (length > this.#end - this.#at) fail(`a length of ${length} bytes beyond the message`, this.#at);
    return length;
  }

  /** Steps over `count` bytes and returns where they began. */
  #advance(count: number): number {
    const start = this.#at;
    if (count > this.#end - start) fail(`${count} bytes wanted beyond the message`, start);
    this.#at = start + count;
    return start;
  }

  #byte(): number {
    if (this.#at >= this.#end) fail('a number cut short', this.#at);
    return this.#bytes[this.#at++] as number; // in range: at < end <= length
  }

  #varint32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte();
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) {
        if (value > 0xffff_ffff) fail('a length or tag beyond 32 bits', this.#at);
        return value;
      }
    }
    fail('a length or tag beyond 32 bits', this.#at);
  }

  #varint64(): bigint {
    let low = 0;
    for (let shift = 0; shift < 49; shift += 7) {
      const byte = this.#byte();
      low += (byte & 127) * 2 ** shift;
      if (byte < 128) return BigInt(low);
    }
    let value = BigInt(low);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asIntN(64, value);
    }
    fail('a varint of more than 10 bytes', this.#at);
  }
}

/** Builds one message. Fields come out in call order; nested messages are written by a callback. */
export class ProtoWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }

  int(field: number, value: number | bigint): this {
    this.#tag(field, VARINT);
    this.#varint(value);
    return this;
  }

  float(field: number, value: number): this {
    this.#tag(field, FIXED32);
    this.#reserve(4);
    this.#view.setFloat32(this.#at, value, true);
    this.#at += 4;
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.#tag(field, BYTES);
    this.#varint(value.byteLength);
    this.#reserve(value.byteLength);
    this.#bytes.set(value, this.#at);
    this.#at += value.byteLength;
    return this;
  }

  string(field: number, value: string): this {
    return this.bytes(field, utf8Encoder.encode(value));
  }

  /** A repeated text: few different ones, each encoded once. */
  strings(field: number, values: readonly string[]): this {
    const encoded = new Map<string, Uint8Array>();
    for (const value of values) {
      const known = encoded.get(value) ?? utf8Encoder.encode(value);
      encoded.set(value, known);
      this.bytes(field, known);
    }
    return this;
  }

  message(field: number, write: (writer: ProtoWriter) => void): this {
    const inner = new ProtoWriter();
    write(inner);
    return this.bytes(field, inner.#bytes.subarray(0, inner.#at));
  }

  /** Writes a repeated number packed; nothing when it is empty. */
  packedInts(field: number, values: ArrayLike<number> | ArrayLike<bigint>): this {
    if (values.length === 0) return this;
    const inner = new ProtoWriter();
    if (values instanceof BigInt64Array) inner.#varints(values);
    else for (let i = 0; i < values.length; i++) inner.#varint(values[i] as number | bigint);
    return this.bytes(field, inner.#bytes.subarray(0, inner.#at));
  }

  /** Small numbers are read as what they are: making a bigint of each would cost more than all the rest. */
  #varints(values: BigInt64Array): void {
    const halves = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
    for (let i = 0; i < values.length; i++) {
      const low = halves[i * 2] ?? 0;
      this.#varint(low >= 0 && halves[i * 2 + 1] === 0 ? low : (values[i] ?? 0n));
    }
  }

  packedFloats(field: number, values: ArrayLike<number>): this {
    if (values.length === 0) return this;
    this.#tag(field, BYTES);
    this.#varint(values.length * 4);
    this.#reserve(values.length * 4);
    for (let i = 0; i < values.length; i++, this.#at += 4) this.#view.setFloat32(this.#at, values[i] as number, true);
    return this;
  }

  #tag(field: number, wireType: WireType): void {
    this.#varint(field * 8 + wireType);
  }

  #varint(value: number | bigint): void {
    this.#reserve(10);
    if (typeof value === 'number' && value >= 0 && value < 2 ** 31) {
      let rest = value;
      while (rest > 127) {
        this.#bytes[this.#at++] = (rest & 127) | 128;
        rest >>>= 7;
      }
      this.#bytes[this.#at++] = rest;
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 127n) {
      this.#bytes[this.#at++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.#bytes[this.#at++] = Number(rest);
  }

  #reserve(count: number): void {
    const wanted = this.#at + count;
    if (wanted <= this.#bytes.byteLength) return;
    const grown = new Uint8Array(Math.max(wanted, this.#bytes.byteLength * 2));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
