/**
 * What a start has to know of a segment, beside it in a file of its own, so that a log of ten million predictions opens without
 * being read.
 *
 *   index = u32 magic, u32 spans, f64 bytes of the segment that it covers, span x [f64 start, end, records, from at, to at,
 *           from served, to served, from id ms, to id ms, records with an id of the caller's], u32 crc32 of all before it. Little-endian.
 *
 * It is derived: written only after the bytes that it covers are on the disk, and one that is missing, damaged or longer than its
 * segment is made again by reading the segment. A segment only grows behind what an index covers.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { Span } from './log-segment.ts';
import type { RecordRange } from './log-record.ts';

const magic = 0x32504c53;
const headBytes = 16;
const spanBytes = 10 * 8;

export interface SegmentIndex {
  /** Bytes of the segment from its beginning. */
  readonly coveredBytes: number;
  readonly spans: readonly Span[];
}

export const indexFileOf = (segmentFile: string): string => `${segmentFile}.index`;

const cellsOf = ({ start, end, range }: Span): readonly number[] => [
  start,
  end,
  range.count,
  range.fromAt,
  range.toAt,
  range.fromServedAt,
  range.toServedAt,
  range.fromIdMs,
  range.toIdMs,
  range.instanceIds,
];

function encode({ coveredBytes, spans }: SegmentIndex): Buffer {
  const bytes = Buffer.alloc(headBytes + spans.length * spanBytes + 4);
  bytes.writeUInt32LE(magic, 0);
  bytes.writeUInt32LE(spans.length, 4);
  bytes.writeDoubleLE(coveredBytes, 8);
  spans.forEach((span, place) => {
    cellsOf(span).forEach((cell, i) => bytes.writeDoubleLE(cell, headBytes + place * spanBytes + i * 8));
  });
  bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
  return bytes;
}

function decodeSpan(bytes: Buffer, offset: number): Span {
  const cell = (i: number): number => bytes.readDoubleLE(offset + i * 8);
  const range: RecordRange = {
    count: cell(2),
    fromAt: cell(3),
    toAt: cell(4),
    fromServedAt: cell(5),
    toServedAt: cell(6),
    fromIdMs: cell(7),
    toIdMs: cell(8),
    instanceIds: cell(9),
  };
  return { start: cell(0), end: cell(1), range };
}

function isWhole(bytes: Buffer): boolean {
  if (bytes.length < headBytes + 4 || bytes.readUInt32LE(0) !== magic) return false;
  if (bytes.length !== headBytes + bytes.readUInt32LE(4) * spanBytes + 4) return false;
  return crc32(bytes.subarray(0, -4)) === bytes.readUInt32LE(bytes.length - 4);
}

/** The index of a segment that has so many bytes now; undefined when there is none that can be used. */
export function readSegmentIndex(segmentFile: string, segmentBytes: number): SegmentIndex | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(indexFileOf(segmentFile));
  } catch {
    return undefined;
  }
  if (!isWhole(bytes)) return undefined;
  const coveredBytes = bytes.readDoubleLE(8);
  if (coveredBytes > segmentBytes) return undefined;
  const spans: Span[] = [];
  for (let at = headBytes; at < bytes.length - 4; at += spanBytes) spans.push(decodeSpan(bytes, at));
  return { coveredBytes, spans };
}

/** Throws the system's error: then the next start reads the segment. */
export function writeSegmentIndex(segmentFile: string, index: SegmentIndex): void {
  const file = indexFileOf(segmentFile);
  writeFileSync(`${file}.tmp`, encode(index));
  renameSync(`${file}.tmp`, file);
}
