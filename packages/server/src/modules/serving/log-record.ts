/**
 * One record of the prediction log, and blocks of them.
 *
 *   block  = u32 magic, u32 payload bytes, u32 count, u32 crc32(payload), payload
 *   record = f64 served ms | f64 at ms | 16 B prediction id | u32 deployment | u32 version | u32 shadow version (0: none)
 *            | u32 latency us | u32 flags (1: canary) | f32 score | f32 shadow score | f64 x features
 *            | u32 text bytes | JSON text of the inputs
 *
 * Little-endian. Features are kept as float64, before the model's own rounding, so that they can be compared to the bit
 * with a recomputation; float32 is one `Math.fround` away. NaN is a missing value.
 */
import { crc32 } from 'node:zlib';
import { idFromHex, idToHex } from '@slipway/contract';

export interface LogRecord {
  readonly id: string;
  readonly servedAt: number;
  readonly at: number;
  readonly deployment: number;
  readonly version: number;
  /** 0 when no shadow was scored. */
  readonly shadowVersion: number;
  readonly isCanary: boolean;
  readonly latencyUs: number;
  readonly score: number;
  readonly shadowScore: number;
  readonly features: Float64Array;
  /** JSON text of the instance's inputs. */
  readonly inputs: string;
}

export const blockMagic = 0x534c5057;
export const blockHeadBytes = 16;
const fixedBytes = 8 + 8 + 16 + 4 * 5 + 4 * 2;
const canaryFlag = 1;

/** Appends records to a growing buffer; one block per `finish`. */
export class BlockWriter {
  readonly #featureCount: number;
  #buffer: Buffer;
  #length = blockHeadBytes;
  #count = 0;

  constructor(featureCount: number) {
    this.#featureCount = featureCount;
    this.#buffer = Buffer.alloc(64 * 1024);
  }

  get count(): number {
    return this.#count;
  }

  add(record: LogRecord): void {
    const textBytes = Buffer.byteLength(record.inputs);
    const size = fixedBytes + 8 * this.#featureCount + 4 + textBytes;
    if (this.#length + size > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#length + size));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    const to = this.#buffer;
    let p = this.#length;
    p = to.writeDoubleLE(record.servedAt, p);
    p = to.writeDoubleLE(record.at, p);
    p += to.write(idToHex('prediction', record.id), p, 16, 'hex');
    p = to.writeUInt32LE(record.deployment, p);
    p = to.writeUInt32LE(record.version, p);
    p = to.writeUInt32LE(record.shadowVersion, p);
    p = to.writeUInt32LE(record.latencyUs, p);
    p = to.writeUInt32LE(record.isCanary ? canaryFlag : 0, p);
    p = to.writeFloatLE(record.score, p);
    p = to.writeFloatLE(record.shadowScore, p);
    for (let i = 0; i < this.#featureCount; i++) p = to.writeDoubleLE(record.features[i] ?? Number.NaN, p);
    p = to.writeUInt32LE(textBytes, p);
    p += to.write(record.inputs, p);
    this.#length = p;
    this.#count++;
  }

  /** The block's bytes, valid until the next `add`. */
  finish(): Buffer {
    const payload = this.#buffer.subarray(blockHeadBytes, this.#length);
    this.#buffer.writeUInt32LE(blockMagic, 0);
    this.#buffer.writeUInt32LE(payload.length, 4);
    this.#buffer.writeUInt32LE(this.#count, 8);
    this.#buffer.writeUInt32LE(crc32(payload), 12);
    const block = this.#buffer.subarray(0, this.#length);
    this.#length = blockHeadBytes;
    this.#count = 0;
    return block;
  }
}

/** Length of the whole blocks from `start` on; stops at the first that is cut off or whose checksum is wrong. */
export function intactBytes(file: Buffer, start: number): number {
  let offset = start;
  while (offset + blockHeadBytes <= file.length) {
    const size = file.readUInt32LE(offset + 4);
    const end = offset + blockHeadBytes + size;
    if (file.readUInt32LE(offset) !== blockMagic || end > file.length) break;
    if (crc32(file.subarray(offset + blockHeadBytes, end)) !== file.readUInt32LE(offset + 12)) break;
    offset = end;
  }
  return offset;
}

/** The records of the blocks between two offsets, which `intactBytes` has checked. */
export function* readRecords(
  file: Buffer,
  featureCount: number,
  range: { start: number; end: number },
): Generator<LogRecord> {
  let offset = range.start;
  while (offset < range.end) {
    const count = file.readUInt32LE(offset + 8);
    let p = offset + blockHeadBytes;
    offset = p + file.readUInt32LE(offset + 4);
    for (let i = 0; i < count; i++) {
      const features = new Float64Array(featureCount);
      const at = p + fixedBytes;
      for (let f = 0; f < featureCount; f++) features[f] = file.readDoubleLE(at + 8 * f);
      const textAt = at + 8 * featureCount;
      const textBytes = file.readUInt32LE(textAt);
      yield {
        servedAt: file.readDoubleLE(p),
        at: file.readDoubleLE(p + 8),
        id: idFromHex('prediction', file.toString('hex', p + 16, p + 32)),
        deployment: file.readUInt32LE(p + 32),
        version: file.readUInt32LE(p + 36),
        shadowVersion: file.readUInt32LE(p + 40),
        latencyUs: file.readUInt32LE(p + 44),
        isCanary: (file.readUInt32LE(p + 48) & canaryFlag) !== 0,
        score: file.readFloatLE(p + 52),
        shadowScore: file.readFloatLE(p + 56),
        features,
        inputs: file.toString('utf8', textAt + 4, textAt + 4 + textBytes),
      };
      p = textAt + 4 + textBytes;
    }
  }
}
