/**
 * One segment file of a prediction log, and what is known of it without reading it.
 *
 *   segment = one line of JSON {endpoint, features: names, startedAt}, then blocks (log-record.ts)
 *
 * Blocks that follow each other make a span of about 64 KiB, and each span keeps its range of event time, serving time
 * and id time in memory (about 100 bytes for every 64 KiB of log). A reader names the spans it needs and reads only those.
 * A closed segment has an index beside it (segment-index.ts), so that a start need not read the segment to know its spans.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { SlipwayError } from '@slipway/contract';
import type { Log } from '../../platform/log.ts';
import type { RecordRange } from './log-record.ts';
import { blockEnd, emptyRange, extendRange, rangeOf, recordsOf } from './log-record.ts';
import { readSegmentIndex, writeSegmentIndex } from './segment-index.ts';

const spanBytes = 64 * 1024;
/** Bytes read at a time: decoding them takes about 2 ms, then other work gets its turn. */
const chunkBytes = 256 * 1024;

export interface SegmentHead {
  readonly endpoint: string;
  readonly features: readonly string[];
  readonly startedAt: number;
}

export interface Span {
  readonly start: number;
  end: number;
  readonly range: RecordRange;
}

export interface Segment {
  readonly file: string;
  readonly head: SegmentHead;
  endBytes: number;
  readonly spans: Span[];
  readonly range: RecordRange;
}

export function newSegment(file: string, head: SegmentHead, headBytes: number): Segment {
  return { file, head, endBytes: headBytes, spans: [], range: emptyRange() };
}

export function noteBlock(segment: Segment, sizeBytes: number, range: RecordRange): void {
  const start = segment.endBytes;
  let span = segment.spans.at(-1);
  if (span === undefined || span.end - span.start >= spanBytes) {
    span = { start, end: start, range: emptyRange() };
    segment.spans.push(span);
  }
  span.end += sizeBytes;
  segment.endBytes += sizeBytes;
  extendRange(span.range, range);
  extendRange(segment.range, range);
}

const corrupt = (file: string, offset: number): SlipwayError =>
  new SlipwayError('log_segment_corrupt', { file, offset });

/**
 * Undefined for a last segment that was cut off in its first line: nothing was ever in it. What the segment's index covers is
 * not read; damage there is told by the readers who meet it.
 */
export function openSegment(path: string, isLast: boolean, log: Log): Segment | undefined {
  const { size } = statSync(path);
  const segment = openIndexed(path, size) ?? openHead(path, isLast);
  if (segment === undefined) return undefined;
  const from = segment.endBytes;
  const tail = readBytes(path, from, size);
  while (segment.endBytes < size) {
    const end = blockEnd(tail, segment.endBytes - from);
    if (end === undefined) break;
    const range = rangeOf(tail, segment.endBytes - from, segment.head.features.length);
    noteBlock(segment, from + end - segment.endBytes, range);
  }
  if (segment.endBytes < size) {
    if (!isLast) throw corrupt(path, segment.endBytes);
    log.warn('the prediction log ended in an unfinished block, which was never answered', {
      file: path,
      bytes: size - segment.endBytes,
    });
    const descriptor = openSync(path, 'r+');
    ftruncateSync(descriptor, segment.endBytes);
    closeSync(descriptor);
  }
  // An older segment without an index: of an earlier release, or of a server that was killed.
  if (!isLast && from < size) keepIndex(segment, log);
  return segment;
}

/** Keeps what is known of a segment whose bytes are on the disk. Without it the next start reads the segment. */
export function keepIndex(segment: Segment, log: Log): void {
  try {
    writeSegmentIndex(segment.file, { coveredBytes: segment.endBytes, spans: segment.spans });
  } catch (error) {
    log.warn('the index of a prediction log could not be written', { file: segment.file, error });
  }
}

function openIndexed(path: string, sizeBytes: number): Segment | undefined {
  const index = readSegmentIndex(path, sizeBytes);
  if (index === undefined) return undefined;
  const headBytes = index.spans[0]?.start ?? index.coveredBytes;
  const line = readBytes(path, 0, headBytes);
  const segment = newSegment(path, readHead(line.toString('utf8', 0, headBytes - 1), path), index.coveredBytes);
  for (const span of index.spans) {
    segment.spans.push(span);
    extendRange(segment.range, span.range);
  }
  return segment;
}

function openHead(path: string, isLast: boolean): Segment | undefined {
  const file = readFileSync(path);
  const line = file.indexOf(10);
  if (line >= 0) return newSegment(path, readHead(file.toString('utf8', 0, line), path), line + 1);
  if (isLast) return undefined;
  throw corrupt(path, 0);
}

function readBytes(path: string, from: number, to: number): Buffer {
  const bytes = Buffer.allocUnsafe(to - from);
  const descriptor = openSync(path, 'r');
  try {
    let read = 0;
    while (read < bytes.length) {
      const count = readSync(descriptor, bytes, read, bytes.length - read, from + read);
      if (count === 0) break;
      read += count;
    }
    return bytes.subarray(0, read);
  } finally {
    closeSync(descriptor);
  }
}

function readHead(text: string, path: string): SegmentHead {
  try {
    // Our own first line.
    return JSON.parse(text) as SegmentHead;
  } catch (error) {
    throw new SlipwayError('log_segment_corrupt', { file: path, offset: 0 }, { cause: error });
  }
}

/** Where one record lies in bytes that were read. */
export interface RecordPlace {
  readonly bytes: Buffer;
  readonly offset: number;
}

/** The records of these spans (in the order of the file), a chunk at a time. Throws `log_segment_corrupt`. */
export async function* readSpans(segment: Segment, spans: readonly Span[]): AsyncGenerator<RecordPlace[]> {
  if (spans.length === 0) return;
  await using handle = await open(segment.file, 'r');
  const featureCount = segment.head.features.length;
  for (const { start, end } of joinNeighbours(spans)) {
    const bytes = Buffer.allocUnsafe(end - start);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
    const whole = bytes.subarray(0, bytesRead);
    const places: RecordPlace[] = [];
    for (let at = 0; at < bytes.length;) {
      const next = blockEnd(whole, at);
      if (next === undefined) throw corrupt(segment.file, start + at);
      for (const offset of recordsOf(whole, at, featureCount)) places.push({ bytes: whole, offset });
      at = next;
    }
    yield places;
  }
}

/** Neighbouring spans become one read; the ends are those of now, so that a span may grow meanwhile. */
function joinNeighbours(spans: readonly Span[]): { start: number; end: number }[] {
  const reads: { start: number; end: number }[] = [];
  for (const { start, end } of spans) {
    const last = reads.at(-1);
    if (last !== undefined && last.end === start && end - last.start <= chunkBytes) last.end = end;
    else reads.push({ start, end });
  }
  return reads;
}
