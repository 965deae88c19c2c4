/**
 * What flows between the operations of a plan: matrices of [capacity, width], row-major, of numbers or of texts.
 *
 * INT64 and BOOL values are kept as doubles: integers up to 2^53 are exact, and JSON can carry no larger ones.
 * Storage is given out when it is first asked for, so that a tree kernel can lend its own row memory to the operation
 * (or to the caller) that fills it.
 */
import type { OnnxTensor } from '../model.ts';

export type NumberDatatype = 'FP32' | 'FP64' | 'INT64' | 'INT32' | 'BOOL';

export interface NumberValue {
  readonly type: 'numbers';
  readonly datatype: NumberDatatype;
  readonly width: number;
  storage: Float32Array | Float64Array | undefined;
}

export interface TextValue {
  readonly type: 'texts';
  readonly width: number;
  readonly storage: string[];
}

export interface ConstantValue {
  readonly type: 'constant';
  readonly tensor: OnnxTensor;
}

/** One list per row: pieces of a text, or integers that stand for them. */
export type ListValue =
  | { readonly type: 'textLists'; readonly rows: (readonly string[])[] }
  | { readonly type: 'integerLists'; readonly rows: (readonly number[])[] };

/** [rows, 1, width]: what OneHotEncoder makes of a column. */
export interface PlanesValue {
  readonly type: 'planes';
  readonly columns: NumberValue;
}

export type Value = NumberValue | TextValue | ConstantValue | ListValue | PlanesValue;

/** True for what has a row of fixed width for every row of the batch. */
export function isRowValue(value: Value | undefined): value is NumberValue | TextValue {
  return value?.type === 'numbers' || value?.type === 'texts';
}

/** Computes one operation for the first `rowCount` rows. */
export type Step = (rowCount: number) => void;

export function makeNumbers(datatype: NumberDatatype, width: number): NumberValue {
  return { type: 'numbers', datatype, width, storage: undefined };
}

export function makeTexts(width: number, capacityRows: number): TextValue {
  return { type: 'texts', width, storage: Array.from({ length: width * capacityRows }, () => '') };
}

/** The storage of a value, made now if nobody lent any. */
export function storageOf(value: NumberValue, capacityRows: number): Float32Array | Float64Array {
  value.storage ??=
    value.datatype === 'FP32'
      ? new Float32Array(value.width * capacityRows)
      : new Float64Array(value.width * capacityRows);
  return value.storage;
}

/** Numbers of a constant tensor; undefined for texts and for data that is not in the file. */
export function constantNumbers(value: Value | undefined): Float64Array | undefined {
  if (value?.type !== 'constant') return undefined;
  const data = value.tensor.data;
  switch (data.location) {
    case 'float':
    case 'double':
      return Float64Array.from(data.values);
    case 'int64':
      return Float64Array.from(data.values, Number);
    case 'string':
    case 'raw':
    case 'external':
      return undefined;
  }
}
