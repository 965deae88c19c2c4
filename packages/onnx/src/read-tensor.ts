/** Reads the TensorProto message: values as numbers of their own type, whichever of its fields holds them. */
import { OnnxError } from './errors.ts';
import type { OnnxTensor, TensorData } from './model.ts';
import { tensorTypes } from './model.ts';
import type { ProtoReader } from './protobuf.ts';

export function readTensor(reader: ProtoReader): OnnxTensor {
  let name = '';
  let dataType = 0;
  let raw: Uint8Array | undefined;
  let external = false;
  const dims: bigint[] = [];
  const floats: number[] = [];
  const doubles: number[] = [];
  const ints: bigint[] = [];
  const strings: string[] = [];
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        reader.int64s(dims);
        break;
      case 2:
        dataType = reader.int();
        break;
      case 4:
        reader.floats(floats);
        break;
      case 5:
      case 7:
      case 11:
        reader.int64s(ints);
        break;
      case 6:
        strings.push(reader.string());
        break;
      case 8:
        name = reader.string();
        break;
      case 9:
        raw = reader.bytes();
        break;
      case 10:
        reader.doubles(doubles);
        break;
      case 13:
        external = true;
        reader.skip();
        break;
      case 14:
        external = reader.int() === 1;
        break;
      default:
        reader.skip();
    }
  }
  const shape = dims.map(Number);
  const data = external
    ? ({ location: 'external' } as const)
    : tensorData(dataType, { raw, floats, doubles, ints, strings });
  checkTensorSize(name, shape, data);
  return { name, dims: shape, dataType, data };
}

interface TensorParts {
  readonly raw: Uint8Array | undefined;
  readonly floats: readonly number[];
  readonly doubles: readonly number[];
  readonly ints: readonly bigint[];
  readonly strings: readonly string[];
}

function tensorData(dataType: number, parts: TensorParts): TensorData {
  switch (dataType) {
    case tensorTypes.FLOAT:
      return {
        location: 'float',
        values: parts.raw ? new Float32Array(aligned(parts.raw, 4)) : Float32Array.from(parts.floats),
      };
    case tensorTypes.DOUBLE:
      return {
        location: 'double',
        values: parts.raw ? new Float64Array(aligned(parts.raw, 8)) : Float64Array.from(parts.doubles),
      };
    case tensorTypes.INT64:
      return {
        location: 'int64',
        values: parts.raw ? new BigInt64Array(aligned(parts.raw, 8)) : BigInt64Array.from(parts.ints),
      };
    case tensorTypes.INT32:
      if (parts.raw === undefined) return { location: 'int64', values: BigInt64Array.from(parts.ints) };
      return { location: 'int64', values: BigInt64Array.from(new Int32Array(aligned(parts.raw, 4)), BigInt) };
    case tensorTypes.STRING:
      return { location: 'string', values: parts.strings };
    default:
      return { location: 'raw', bytes: new Uint8Array(parts.raw ?? []) };
  }
}

/** Raw data as an own buffer whose length is a whole number of items. The package supports little-endian machines only. */
function aligned(raw: Uint8Array, itemBytes: number): ArrayBuffer {
  if (raw.byteLength % itemBytes !== 0) {
    throw new OnnxError('format', `A tensor has ${raw.byteLength} bytes of raw data, not a multiple of ${itemBytes}.`);
  }
  // Not `slice`: that of a Buffer, which is what files are read into, is a view of the whole file.
  return new Uint8Array(raw).buffer;
}

function checkTensorSize(name: string, dims: readonly number[], data: TensorData): void {
  let wanted = 1;
  for (const dim of dims) {
    if (!Number.isSafeInteger(dim) || dim < 0)
      throw new OnnxError('format', `Tensor "${name}" has a dimension of ${dim}.`);
    wanted *= dim;
  }
  if (data.location === 'raw' || data.location === 'external') return;
  if (data.values.length !== wanted) {
    const shape = `[${dims.join(', ')}]`;
    throw new OnnxError('format', `Tensor "${name}" of shape ${shape} holds ${data.values.length} values.`);
  }
}
