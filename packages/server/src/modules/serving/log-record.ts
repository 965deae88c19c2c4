/**
 * One record of the prediction log, and blocks of them.
 *
 *   block  = u32 magic, u32 payload bytes, u32 count, u32 crc32(payload), payload
 *   record = f64 served ms | f64 at ms | 16 B prediction id | u32 deployment | u32 version | u32 shadow version (0: none)
 *            | u32 latency us | u32 flags | f32 score | f32 shadow score | f64 x features
 *            | u32 text bytes | text
 *   text   = JSON text of the inputs (0 bytes: the inputs were the features); with flag 8 u16 bytes of the caller's id and the
 *            id go before it
 *
 * Flags: 1 the candidate of a rollout answered; 2 the shadow could not score; 4 the candidate was to answer and could not,
 * so the incumbent answered in its place; 8 the request named the row with an id of the caller's own.
 * Little-endian. Features are kept as float64, before the model's own rounding, so that they can be compared to the bit
 * with a recomputation; float32 is one `Math.fround` away. NaN is a missing value.
 *
 * A reader that wants few records of many walks them by offset and decodes only those that it keeps.
 */
import { crc32 } from 'node:zlib';
import { spellId, writeIdBytes } from '@slipway/contract';

export type LogFault = 'none' | 'shadow' | 'canary';

export interface LogRecord {
  readonly id: string;
  readonly servedAt: number;
  readonly at: number;
  readonly deployment: number;
  readonly version: number;
  /** 0 when no shadow was scored. */
  readonly shadowVersion: number;
  /** The candidate of a rollout answered. */
  readonly isCanary: boolean;
  /** Which version could not score: the shadow, or the candidate that was to answer (the incumbent then did). */
  readonly fault: LogFault;
  readonly latencyUs: number;
  readonly score: number;
  /** NaN without a shadow, and where it failed. */
  readonly shadowScore: number;
  readonly features: Float64Array;
  /** JSON text of the request's inputs; undefined when they were these features, all numbers. */
  readonly inputs: string | undefined;
  /** The caller's own id, of at most 200 characters. */
  readonly instanceId: string | undefined;
}

/** A record that is to be written; its features may be a part of a longer list. */
export interface NewRecord extends Omit<LogRecord, 'features'> {
  readonly features: ArrayLike<number>;
  readonly featuresStart?: number;
}

/** What some records span: enough to know that a reader can skip them all. Empty ranges run from Infinity to -Infinity. */
export interface RecordRange {
  count: number;
  /** Event time. */
  fromAt: number;
  toAt: number;
  fromServedAt: number;
  toServedAt: number;
  /** The instants in the ids, which are UUIDv7. */
  fromIdMs: number;
  toIdMs: number;
  /** Records with an id of the caller's own. */
  instanceIds: number;
}

export const blockMagic = 0x534c5057;
export const blockHeadBytes = 16;
const idOffset = 16;
const fixedBytes = 8 + 8 + 16 + 4 * 5 + 4 * 2;
const canaryFlag = 1;
const instanceFlag = 8;
const instanceHeadBytes = 2;
/** Of one UTF-16 unit. */
const utf8BytesMax = 3;
const asciiMax = 0x7f;
const faultFlags: Readonly<Record<LogFault, number>> = { none: 0, shadow: 2, canary: 4 };

export const emptyRange = (): RecordRange => ({
  count: 0,
  fromAt: Infinity,
  toAt: -Infinity,
  fromServedAt: Infinity,
  toServedAt: -Infinity,
  fromIdMs: Infinity,
  toIdMs: -Infinity,
  instanceIds: 0,
});

export function extendRange(range: RecordRange, by: RecordRange): void {
  range.count += by.count;
  range.fromAt = Math.min(range.fromAt, by.fromAt);
  range.toAt = Math.max(range.toAt, by.toAt);
  range.fromServedAt = Math.min(range.fromServedAt, by.fromServedAt);
  range.toServedAt = Math.max(range.toServedAt, by.toServedAt);
  range.fromIdMs = Math.min(range.fromIdMs, by.fromIdMs);
  range.toIdMs = Math.max(range.toIdMs, by.toIdMs);
  range.instanceIds += by.instanceIds;
}

export const viewOf = (buffer: Buffer): DataView => new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);

export interface Block {
  /** The block is the first `sizeBytes` of these, until the next block is made. */
  readonly bytes: Buffer;
  readonly sizeBytes: number;
  readonly range: RecordRange;
}

/** Makes blocks of records that all have this many features. */
export class BlockWriter {
  readonly #featureCount: number;
  #buffer: Buffer;
  #view: DataView;

  constructor(featureCount: number) {
    this.#featureCount = featureCount;
    this.#buffer = Buffer.alloc(64 * 1024);
    this.#view = viewOf(this.#buffer);
  }

  block(records: readonly NewRecord[]): Block {
    let length = blockHeadBytes;
    const range = emptyRange();
    for (const record of records) {
      const start = length;
      length = this.#add(record, start);
      const idMs = this.#view.getUint16(start + idOffset) * 0x1_0000_0000 + this.#view.getUint32(start + idOffset + 2);
      extendByOne(range, { at: record.at, servedAt: record.servedAt, idMs });
      if (record.instanceId !== undefined) range.instanceIds++;
    }
    const view = this.#view;
    view.setUint32(0, blockMagic, true);
    view.setUint32(4, length - blockHeadBytes, true);
    view.setUint32(8, records.length, true);
    view.setUint32(12, crc32(this.#buffer.subarray(blockHeadBytes, length)), true);
    return { bytes: this.#buffer, sizeBytes: length, range };
  }

  /** Answers the offset behind the record. */
  #add(record: NewRecord, start: number): number {
    const { inputs = '', instanceId } = record;
    const inputBytes = inputs === '' ? 0 : Buffer.byteLength(inputs);
    const idBytesMax = instanceId === undefined ? 0 : instanceHeadBytes + utf8BytesMax * instanceId.length;
    const size = fixedBytes + 8 * this.#featureCount + 4 + idBytesMax + inputBytes;
    if (start + size > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, start + size));
      this.#buffer.copy(larger, 0, 0, start);
      this.#buffer = larger;
      this.#view = viewOf(larger);
    }
    const to = this.#view;
    to.setFloat64(start, record.servedAt, true);
    to.setFloat64(start + 8, record.at, true);
    writeIdBytes('prediction', record.id, this.#buffer, start + idOffset);
    to.setUint32(start + 32, record.deployment, true);
    to.setUint32(start + 36, record.version, true);
    to.setUint32(start + 40, record.shadowVersion, true);
    to.setUint32(start + 44, record.latencyUs, true);
    const flags = (record.isCanary ? canaryFlag : 0) | (instanceId === undefined ? 0 : instanceFlag);
    to.setUint32(start + 48, flags | faultFlags[record.fault], true);
    to.setFloat32(start + 52, record.score, true);
    to.setFloat32(start + 56, record.shadowScore, true);
    const { features, featuresStart = 0 } = record;
    let p = start + fixedBytes;
    for (let i = 0; i < this.#featureCount; i++, p += 8) {
      to.setFloat64(p, features[featuresStart + i] ?? Number.NaN, true);
    }
    let end = p + 4;
    if (instanceId !== undefined) {
      const idBytes = writeName(instanceId, this.#buffer, end + instanceHeadBytes);
      to.setUint16(end, idBytes, true);
      end += instanceHeadBytes + idBytes;
    }
    if (inputs !== '') end += this.#buffer.write(inputs, end);
    to.setUint32(p, end - p - 4, true);
    return end;
  }
}

/** In UTF-8: how many bytes. Ids are short and mostly ASCII, for which calling out of JavaScript costs more than the loop. */
function writeName(name: string, to: Buffer, start: number): number {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code > asciiMax) return to.write(name, start);
    to[start + i] = code;
  }
  return name.length;
}

function noteRecord(range: RecordRange, file: Buffer, offset: number): void {
  extendByOne(range, {
    at: atOf(file, offset),
    servedAt: servedAtOf(file, offset),
    idMs: idMsOf(file, offset),
  });
  if (hasInstanceId(file, offset)) range.instanceIds++;
}

interface Instants {
  readonly at: number;
  readonly servedAt: number;
  readonly idMs: number;
}

function extendByOne(range: RecordRange, { at, servedAt, idMs }: Instants): void {
  range.count++;
  if (at < range.fromAt) range.fromAt = at;
  if (at > range.toAt) range.toAt = at;
  if (servedAt < range.fromServedAt) range.fromServedAt = servedAt;
  if (servedAt > range.toServedAt) range.toServedAt = servedAt;
  if (idMs < range.fromIdMs) range.fromIdMs = idMs;
  if (idMs > range.toIdMs) range.toIdMs = idMs;
}

/** The whole block at `offset`: where it ends; undefined when it is cut off or its checksum is wrong. */
export function blockEnd(file: Buffer, offset: number): number | undefined {
  if (offset + blockHeadBytes > file.length || file.readUInt32LE(offset) !== blockMagic) return undefined;
  const end = offset + blockHeadBytes + file.readUInt32LE(offset + 4);
  if (end > file.length) return undefined;
  const isWhole = crc32(file.subarray(offset + blockHeadBytes, end)) === file.readUInt32LE(offset + 12);
  return isWhole ? end : undefined;
}

/** Offsets of the records of the block at `offset`, which `blockEnd` has checked. */
export function* recordsOf(file: Buffer, offset: number, featureCount: number): Generator<number> {
  const count = file.readUInt32LE(offset + 8);
  let p = offset + blockHeadBytes;
  for (let i = 0; i < count; i++) {
    yield p;
    const textAt = p + fixedBytes + 8 * featureCount;
    p = textAt + 4 + file.readUInt32LE(textAt);
  }
}

export function rangeOf(file: Buffer, offset: number, featureCount: number): RecordRange {
  const range = emptyRange();
  const count = file.readUInt32LE(offset + 8);
  const untilText = fixedBytes + 8 * featureCount;
  let p = offset + blockHeadBytes;
  // As `recordsOf`, without its steps: a start walks every record there is.
  for (let i = 0; i < count; i++) {
    noteRecord(range, file, p);
    p += untilText + 4 + file.readUInt32LE(p + untilText);
  }
  return range;
}

export const servedAtOf = (file: Buffer, offset: number): number => file.readDoubleLE(offset);
export const atOf = (file: Buffer, offset: number): number => file.readDoubleLE(offset + 8);
export const idMsOf = (file: Buffer, offset: number): number => file.readUIntBE(offset + idOffset, 6);
export const hasId = (file: Buffer, offset: number, id: Uint8Array): boolean =>
  file.compare(id, 0, 16, offset + idOffset, offset + idOffset + 16) === 0;

/** What searches and counts need of a record, without its features and inputs. */
export interface RecordHead {
  readonly version: number;
  readonly shadowVersion: number;
  readonly latencyUs: number;
  readonly isCanary: boolean;
  readonly fault: LogFault;
  readonly score: number;
}

export function headOf(file: Buffer, offset: number): RecordHead {
  const flags = file.readUInt32LE(offset + 48);
  return {
    version: file.readUInt32LE(offset + 36),
    shadowVersion: file.readUInt32LE(offset + 40),
    latencyUs: file.readUInt32LE(offset + 44),
    isCanary: (flags & canaryFlag) !== 0,
    fault: (flags & faultFlags.canary) !== 0 ? 'canary' : (flags & faultFlags.shadow) !== 0 ? 'shadow' : 'none',
    score: file.readFloatLE(offset + 52),
  };
}

const hasInstanceId = (file: Buffer, offset: number): boolean => (file.readUInt32LE(offset + 48) & instanceFlag) !== 0;

/** The caller's own id. */
export function findInstanceId(file: Buffer, offset: number, featureCount: number): string | undefined {
  if (!hasInstanceId(file, offset)) return undefined;
  const at = offset + fixedBytes + 8 * featureCount + 4;
  const start = at + instanceHeadBytes;
  return file.toString('utf8', start, start + file.readUInt16LE(at));
}

export const idOf = (file: Buffer, offset: number): string => spellId('prediction', file, offset + idOffset);
export const idHexOf = (file: Buffer, offset: number): string =>
  file.toString('hex', offset + idOffset, offset + idOffset + 16);

export const readFeature = (file: Buffer, offset: number, feature: number): number =>
  file.readDoubleLE(offset + fixedBytes + 8 * feature);
/** The same of a view of the file's bytes: for those who read very many. */
export const featureIn = (file: DataView, offset: number, feature: number): number =>
  file.getFloat64(offset + fixedBytes + 8 * feature, true);
export const shadowScoreOf = (file: Buffer, offset: number): number => file.readFloatLE(offset + 56);

/** JSON text of the inputs; undefined where they were the features. */
export function findInputs(file: Buffer, offset: number, featureCount: number): string | undefined {
  const textAt = offset + fixedBytes + 8 * featureCount;
  const textEnd = textAt + 4 + file.readUInt32LE(textAt);
  const instanceBytes = hasInstanceId(file, offset) ? instanceHeadBytes + file.readUInt16LE(textAt + 4) : 0;
  const inputsAt = textAt + 4 + instanceBytes;
  return inputsAt === textEnd ? undefined : file.toString('utf8', inputsAt, textEnd);
}

export function decodeRecord(file: Buffer, offset: number, featureCount: number): LogRecord {
  const features = new Float64Array(featureCount);
  for (let f = 0; f < featureCount; f++) features[f] = readFeature(file, offset, f);
  return {
    ...headOf(file, offset),
    servedAt: servedAtOf(file, offset),
    at: atOf(file, offset),
    id: idOf(file, offset),
    deployment: file.readUInt32LE(offset + 32),
    shadowScore: shadowScoreOf(file, offset),
    features,
    inputs: findInputs(file, offset, featureCount),
    instanceId: findInstanceId(file, offset, featureCount),
  };
}
