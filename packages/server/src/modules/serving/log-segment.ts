/**
 * One segment file of a prediction log, and what is known of it without reading it.
 *
 *   segment = one line of JSON {endpoint, features: names, startedAt}, then blocks (log-record.ts)
 *
 * Blocks that follow each other make a span of about 64 KiB, and each span keeps its range of event time, serving time
 * and id time in memory (about 100 bytes for every 64 KiB of log). A reader names the spans it needs and reads only those.
 */
import { closeSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { SlipwayError } from '@slipway/contract';
import type { Log } from '../../platform/log.ts';
import type { RecordRange } from './log-record.ts';
import { blockEnd, emptyRange, extendRange, rangeOf, recordsOf } from './log-record.ts';

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

/** Undefined for a last segment that was cut off in its first line: nothing was ever in it. */
export function openSegment(path: string, isLast: boolean, log: Log): Segment | undefined {
  const file = readFileSync(path);
  const line = file.indexOf(10);
  if (line < 0) {
    if (isLast) return undefined;
    throw corrupt(path, 0);
  }
  const segment = newSegment(path, readHead(file.toString('utf8', 0, line), path), line + 1);
  while (segment.endBytes < file.length) {
    const end = blockEnd(file, segment.endBytes);
    if (end === undefined) break;
    const range = rangeOf(file, segment.endBytes, segment.head.features.length);
    noteBlock(segment, end - segment.endBytes, range);
  }
  if (segment.endBytes < file.length) {
    if (!isLast) throw corrupt(path, segment.endBytes);
    log.warn('the prediction log ended in an unfinished block, which was never answered', {
      file: path,
      bytes: file.length - segment.endBytes,
    });
    const descriptor = openSync(path, 'r+');
    ftruncateSync(descriptor, segment.endBytes);
    closeSync(descriptor);
  }
  return segment;
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
