/**
 * Tensors of the Open Inference Protocol, version 2 (REST), and its binary tensor data extension: numbers as JSON or as
 * little-endian bytes, texts as JSON strings or as bytes after a u32 length.
 *
 * Data is checked by plain loops, never by a schema library: a batch may carry 20,000 numbers.
 */
import { refuse, show } from './errors.ts';

export type InputValue = number | string | boolean | null;

export interface Tensor {
  readonly name: string;
  readonly datatype: string;
  /** [rows] or [rows, width]. */
  readonly rows: number;
  readonly width: number;
  /** Row-major, rows * width values. */
  readonly data: readonly InputValue[];
}

const operation = 'infer';
/** A tensor name is a column name or `features`. */
export const NAME_MAX = 250;

interface NumberType {
  readonly bytes: number;
  readonly isInteger: boolean;
  readonly read: (view: DataView, at: number) => number;
}

const numberTypes: ReadonlyMap<string, NumberType> = new Map([
  ['FP32', { bytes: 4, isInteger: false, read: (view, at) => view.getFloat32(at, true) }],
  ['FP64', { bytes: 8, isInteger: false, read: (view, at) => view.getFloat64(at, true) }],
  ['INT8', { bytes: 1, isInteger: true, read: (view, at) => view.getInt8(at) }],
  ['INT16', { bytes: 2, isInteger: true, read: (view, at) => view.getInt16(at, true) }],
  ['INT32', { bytes: 4, isInteger: true, read: (view, at) => view.getInt32(at, true) }],
  ['INT64', { bytes: 8, isInteger: true, read: (view, at) => Number(view.getBigInt64(at, true)) }],
  ['UINT8', { bytes: 1, isInteger: true, read: (view, at) => view.getUint8(at) }],
  ['UINT16', { bytes: 2, isInteger: true, read: (view, at) => view.getUint16(at, true) }],
  ['UINT32', { bytes: 4, isInteger: true, read: (view, at) => view.getUint32(at, true) }],
  ['UINT64', { bytes: 8, isInteger: true, read: (view, at) => Number(view.getBigUint64(at, true)) }],
] satisfies [string, NumberType][]);

/** Bytes that follow the JSON part of a request, taken in the order of the tensors. */
export class BinaryTail {
  readonly #bytes: Uint8Array;
  #at = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  get left(): number {
    return this.#bytes.length - this.#at;
  }
  take(count: number): Uint8Array | undefined {
    if (count > this.left) return undefined;
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One entry of `inputs`; `place` names it in messages. */
export function parseTensor(value: unknown, place: string, limits: { tail: BinaryTail; rowsMax: number }): Tensor {
  if (!isObject(value)) throw refuse(operation, `${place} is ${show(value)}; it must be an object`);
  const { name, datatype, shape } = value;
  if (typeof name !== 'string' || name.length === 0 || name.length > NAME_MAX) {
    throw refuse(operation, `${place}.name is ${show(name)}; it must be a text of 1 to ${NAME_MAX} characters`);
  }
  if (typeof datatype !== 'string' || (datatype !== 'BYTES' && datatype !== 'BOOL' && !numberTypes.has(datatype))) {
    const known = [...numberTypes.keys(), 'BOOL', 'BYTES'].join(', ');
    throw refuse(operation, `${place}.datatype is ${show(datatype)}; it must be one of ${known}`);
  }
  const { rows, width } = parseShape(shape, place, limits.rowsMax);
  const count = rows * width;
  const size = isObject(value['parameters']) ? value['parameters']['binary_data_size'] : undefined;
  if (size !== undefined) {
    const bytes =
      typeof size === 'number' && Number.isSafeInteger(size) && size >= 0 ? limits.tail.take(size) : undefined;
    if (bytes === undefined) {
      const left = limits.tail.left;
      throw refuse(
        operation,
        `${place}.parameters.binary_data_size is ${show(size)}; ${left} bytes of binary data are left`,
      );
    }
    return { name, datatype, rows, width, data: decode(bytes, { datatype, count, place }) };
  }
  const data = flatten(value['data'], rows, width);
  if (data === undefined || data.length !== count) {
    const found = Array.isArray(value['data']) ? `${data?.length ?? 'unevenly nested'} values` : show(value['data']);
    throw refuse(operation, `${place}.data has ${found}; shape ${show(shape)} wants a list of ${count}`);
  }
  checkValues(data, datatype, place);
  return { name, datatype, rows, width, data };
}

function parseShape(shape: unknown, place: string, rowsMax: number): { readonly rows: number; readonly width: number } {
  const isShape =
    Array.isArray(shape) &&
    (shape.length === 1 || shape.length === 2) &&
    shape.every((dim) => typeof dim === 'number' && Number.isSafeInteger(dim) && dim >= 1);
  if (!isShape) throw refuse(operation, `${place}.shape is ${show(shape)}; it must be [rows] or [rows, columns]`);
  const [rows, width] = [Number(shape[0]), Number(shape[1] ?? 1)];
  if (rows > rowsMax) throw refuse(operation, `${place}.shape has ${rows} rows; one request takes at most ${rowsMax}`);
  if (width > 65_536) throw refuse(operation, `${place}.shape has ${width} columns; the limit is 65536`);
  return { rows, width };
}

/** Row-major values of a flat or a nested list; undefined when it is neither. */
function flatten(data: unknown, rows: number, width: number): InputValue[] | undefined {
  if (!Array.isArray(data)) return undefined;
  const list = data as unknown[];
  if (!Array.isArray(list[0])) return list as InputValue[]; // values are checked by the caller
  if (list.length !== rows) return undefined;
  const flat: InputValue[] = [];
  for (const row of list) {
    if (!Array.isArray(row) || row.length !== width) return undefined;
    for (const item of row as unknown[]) flat.push(item as InputValue); // checked by the caller
  }
  return flat;
}

function checkValues(data: readonly unknown[], datatype: string, place: string): void {
  const number = numberTypes.get(datatype);
  for (let i = 0; i < data.length; i++) {
    const item = data[i];
    if (number === undefined) {
      if (datatype === 'BYTES' ? typeof item === 'string' || item === null : typeof item === 'boolean') continue;
    } else if (typeof item === 'number') {
      if (!number.isInteger || Number.isSafeInteger(item)) continue;
    } else if (item === null && !number.isInteger) continue;
    const wanted =
      number === undefined
        ? datatype === 'BYTES'
          ? 'texts'
          : 'true or false'
        : number.isInteger
          ? 'integers up to 2^53'
          : 'numbers, or null where one is missing';
    throw refuse(operation, `${place}.data[${i}] is ${show(item)}; ${datatype} wants ${wanted}`);
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(
  bytes: Uint8Array,
  what: { readonly datatype: string; readonly count: number; readonly place: string },
): InputValue[] {
  const { datatype, count, place } = what;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wrong = (): Error =>
    refuse(operation, `${place}: its ${bytes.length} bytes of binary data do not hold ${count} values of ${datatype}`);
  const number = numberTypes.get(datatype);
  if (number !== undefined || datatype === 'BOOL') {
    const size = number?.bytes ?? 1;
    if (bytes.length !== size * count) throw wrong();
    const read = number?.read ?? ((from: DataView, at: number) => from.getUint8(at));
    const values = Array.from({ length: count }, (_, i) => read(view, i * size));
    return number === undefined ? values.map((value) => value !== 0) : values;
  }
  const texts: string[] = [];
  let at = 0;
  while (texts.length < count) {
    if (at + 4 > bytes.length) throw wrong();
    const length = view.getUint32(at, true);
    if (length > bytes.length - at - 4) throw wrong();
    try {
      texts.push(utf8.decode(bytes.subarray(at + 4, at + 4 + length)));
    } catch {
      throw refuse(operation, `${place}: text ${texts.length} is not UTF-8`);
    }
    at += 4 + length;
  }
  if (at !== bytes.length) throw wrong();
  return texts;
}

/** The bytes of an output tensor, little-endian. */
export function encode(datatype: 'FP32' | 'INT64' | 'BYTES', values: readonly (number | string)[]): Uint8Array {
  if (datatype === 'BYTES') {
    const parts = values.map((value) => Buffer.from(String(value), 'utf8'));
    const bytes = Buffer.alloc(parts.reduce((sum, part) => sum + 4 + part.length, 0));
    let at = 0;
    for (const part of parts) {
      at = bytes.writeUInt32LE(part.length, at);
      at += part.copy(bytes, at);
    }
    return bytes;
  }
  const size = datatype === 'FP32' ? 4 : 8;
  const bytes = Buffer.alloc(values.length * size);
  values.forEach((value, i) => {
    if (datatype === 'FP32') bytes.writeFloatLE(Number(value), i * size);
    else bytes.writeBigInt64LE(BigInt(value), i * size);
  });
  return bytes;
}
