/**
 * The prediction log of one endpoint: append-only segment files, written before the answer leaves.
 *
 *   segment = one line of JSON {endpoint, features: names, startedAt}, then blocks (log-record.ts)
 *
 * `append` is one `writeSync` per turn of the event loop: when it returns the bytes outlive the process; every 100 ms a
 * sync in the background makes them outlive a power cut (`durability: power` waits for it). A segment is closed at 64 MiB
 * or when the features change. On start the last segment is cut at its first damaged block, which is what a crash leaves;
 * damage in an older one is an error, because nothing innocent makes it.
 *
 * Each segment keeps its range of event time and of serving time in memory, so a window or a prediction id finds its
 * segments without an index: ids are UUIDv7 and carry the time at which they were made.
 */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { idToHex, SlipwayError } from '@slipway/contract';
import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import type { LogRecord } from './log-record.ts';
import { BlockWriter, intactBytes, readRecords } from './log-record.ts';

const segmentLimitBytes = 64 * 1024 * 1024;
const syncEveryMs = 100;
/** An id is made at most this long before its record is written. */
const idSlackMs = 60_000;

interface SegmentHead {
  readonly endpoint: string;
  readonly features: readonly string[];
  readonly startedAt: number;
}

interface Segment {
  readonly file: string;
  readonly head: SegmentHead;
  readonly headBytes: number;
  endBytes: number;
  fromServedAt: number;
  toServedAt: number;
  fromAt: number;
  toAt: number;
  count: number;
}

export interface LoggedPrediction extends LogRecord {
  readonly featureNames: readonly string[];
}

export interface PredictionLog {
  /** Opens a new segment when these are not the features of the current one. */
  useFeatures(names: readonly string[]): void;
  /** Durable against a kill when it returns. Throws `prediction_log_failed`. */
  append(records: readonly LogRecord[]): void;
  /** Resolves when everything appended so far would survive a power cut. */
  synced(): Promise<void>;
  /** Records with `fromMs <= at < toMs` (event time), in the order of the log. */
  readEventTime(fromMs: number, toMs: number): AsyncGenerator<LoggedPrediction>;
  /** Records served at or after this instant of wall time. */
  readServedSince(servedMs: number): AsyncGenerator<LoggedPrediction>;
  find(predictionId: string): Promise<LoggedPrediction | undefined>;
  readonly count: () => number;
  close(): void;
}

export function openPredictionLog(options: {
  readonly folder: string;
  readonly endpoint: string;
  readonly clock: Clock;
  readonly log: Log;
}): PredictionLog {
  const { folder, endpoint, clock, log } = options;
  mkdirSync(folder, { recursive: true });
  const names = readdirSync(folder)
    .filter((n) => n.endsWith('.log'))
    .sort();
  const segments = names.map((name, i) => openSegment(join(folder, name), i === names.length - 1, log));
  let current = segments.at(-1);
  let descriptor = current === undefined ? undefined : openSync(current.file, 'a');
  let writer = new BlockWriter(current?.head.features.length ?? 0);
  let isDirty = false;
  let waiting: (() => void)[] = [];
  let cancelSync: (() => void) | undefined;

  const sync = (): void => {
    cancelSync = undefined;
    if (descriptor === undefined || !isDirty) return;
    isDirty = false;
    const resolvers = waiting;
    waiting = [];
    fdatasync(descriptor, (error) => {
      if (error) log.error('the prediction log could not be synced', { endpoint, error });
      for (const resolve of resolvers) resolve();
    });
  };
  const scheduleSync = (): void => {
    cancelSync ??= clock.after(syncEveryMs, sync);
  };
  const closeCurrent = (): void => {
    cancelSync?.();
    cancelSync = undefined;
    if (descriptor !== undefined) {
      fdatasyncSync(descriptor);
      closeSync(descriptor);
    }
    descriptor = undefined;
    for (const resolve of waiting) resolve();
    waiting = [];
  };
  const roll = (features: readonly string[]): void => {
    closeCurrent();
    const file = join(folder, `${String(segments.length + 1).padStart(8, '0')}.log`);
    const head: SegmentHead = { endpoint, features, startedAt: clock.now() };
    const line = `${JSON.stringify(head)}\n`;
    descriptor = openSync(file, 'ax');
    writeSync(descriptor, line);
    const headBytes = Buffer.byteLength(line);
    current = {
      file,
      head,
      headBytes,
      endBytes: headBytes,
      fromServedAt: Infinity,
      toServedAt: -Infinity,
      fromAt: Infinity,
      toAt: -Infinity,
      count: 0,
    };
    segments.push(current);
    writer = new BlockWriter(features.length);
  };

  const append = (records: readonly LogRecord[]): void => {
    if (current === undefined || descriptor === undefined)
      throw new Error(`the log of ${endpoint} has no features yet`);
    if (current.endBytes > segmentLimitBytes) roll(current.head.features);
    const segment = current;
    for (const record of records) writer.add(record);
    const block = writer.finish();
    try {
      let written = 0;
      while (written < block.length) written += writeSync(descriptor, block, written);
    } catch (error) {
      // A part of the block may be on the disk: it is cut off, so that the next block starts where this one did.
      ftruncateSync(descriptor, segment.endBytes);
      throw new SlipwayError(
        'prediction_log_failed',
        { endpoint, problem: (error as NodeJS.ErrnoException).code ?? 'unknown' },
        { cause: error },
      );
    }
    segment.endBytes += block.length;
    for (const record of records) note(segment, record);
    isDirty = true;
    scheduleSync();
  };

  const readSegment = async (segment: Segment, keep: (record: LogRecord) => boolean): Promise<LoggedPrediction[]> => {
    const file = await readFile(segment.file);
    const found: LoggedPrediction[] = [];
    for (const record of readRecords(file, segment.head.features.length, {
      start: segment.headBytes,
      end: Math.min(segment.endBytes, file.length),
    })) {
      if (keep(record)) found.push({ ...record, featureNames: segment.head.features });
    }
    return found;
  };

  return {
    useFeatures: (features) => {
      if (current === undefined || features.join('\n') !== current.head.features.join('\n')) roll(features);
    },
    append,
    synced: () =>
      new Promise((resolve) => {
        if (!isDirty) return resolve();
        waiting.push(resolve);
        scheduleSync();
      }),
    readEventTime: async function* (fromMs, toMs) {
      for (const segment of segments.filter((s) => s.toAt >= fromMs && s.fromAt < toMs)) {
        yield* await readSegment(segment, (r) => r.at >= fromMs && r.at < toMs);
      }
    },
    readServedSince: async function* (servedMs) {
      for (const segment of segments.filter((s) => s.toServedAt >= servedMs))
        yield* await readSegment(segment, (r) => r.servedAt >= servedMs);
    },
    find: async (id) => {
      const madeAt = Number.parseInt(idToHex('prediction', id).slice(0, 12), 16);
      for (const segment of segments.filter(
        (s) => s.toServedAt >= madeAt - idSlackMs && s.fromServedAt <= madeAt + idSlackMs,
      )) {
        const [found] = await readSegment(segment, (r) => r.id === id);
        if (found) return found;
      }
      return undefined;
    },
    count: () => segments.reduce((n, s) => n + s.count, 0),
    close: closeCurrent,
  };
}

function note(segment: Segment, record: LogRecord): void {
  segment.fromServedAt = Math.min(segment.fromServedAt, record.servedAt);
  segment.toServedAt = Math.max(segment.toServedAt, record.servedAt);
  segment.fromAt = Math.min(segment.fromAt, record.at);
  segment.toAt = Math.max(segment.toAt, record.at);
  segment.count++;
}

function openSegment(path: string, isLast: boolean, log: Log): Segment {
  const file = readFileSync(path);
  const line = file.indexOf(10);
  // Our own first line; a file without one was cut off before its first record.
  const head = (
    line < 0 ? { endpoint: '', features: [], startedAt: 0 } : JSON.parse(file.toString('utf8', 0, line))
  ) as SegmentHead;
  const headBytes = line + 1;
  const endBytes = intactBytes(file, headBytes);
  if (endBytes < file.length) {
    if (!isLast) throw new SlipwayError('log_segment_corrupt', { file: path, offset: endBytes });
    log.warn('the prediction log ended in an unfinished block, which was never answered', {
      file: path,
      bytes: file.length - endBytes,
    });
    const descriptor = openSync(path, 'r+');
    ftruncateSync(descriptor, endBytes);
    closeSync(descriptor);
  }
  const segment: Segment = {
    file: path,
    head,
    headBytes,
    endBytes,
    fromServedAt: Infinity,
    toServedAt: -Infinity,
    fromAt: Infinity,
    toAt: -Infinity,
    count: 0,
  };
  for (const record of readRecords(file, head.features.length, { start: headBytes, end: endBytes }))
    note(segment, record);
  return segment;
}
