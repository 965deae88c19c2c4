/**
 * The prediction log of one endpoint: append-only segment files (log-segment.ts), written before the answer leaves.
 *
 * `append` is one write per turn of the event loop: when it returns the bytes outlive the process; a sync in the
 * background makes them outlive a power cut (`durability: power` waits for it). A segment is closed at 64 MiB or when the
 * features change. On start the last segment is cut at its first damaged block, which is what a crash leaves; damage in an
 * older one is an error when it is read, because nothing innocent makes it.
 *
 * Windows, instants and ids find their few blocks by the ranges that each segment keeps in memory.
 */
import { existsSync, mkdirSync, readdirSync, unlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { idFromHex, idToHex, isId, SlipwayError, writeIdBytes } from '@slipway/contract';
import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import type { AppendFile } from './append-file.ts';
import { createAppendFile, openAppendFile } from './append-file.ts';
import type { LogRecord, NewRecord, RecordRange } from './log-record.ts';
import { atOf, BlockWriter, decodeRecord, hasId, servedAtOf } from './log-record.ts';
import type { RecordPlace, Segment, SegmentHead, Span } from './log-segment.ts';
import { keepIndex, newSegment, noteBlock, openSegment, readSpans } from './log-segment.ts';
import type { PredictionLookup } from './prediction-lookup.ts';
import { createLookup } from './prediction-lookup.ts';

const segmentLimitBytes = 64 * 1024 * 1024;

export interface LoggedPrediction extends LogRecord {
  readonly featureNames: readonly string[];
  /** JSON text of the request's inputs. */
  readonly inputs: string;
}

export interface PredictionLog {
  /** Opens a new segment when these are not the features of the current one. Throws `prediction_log_failed`. */
  useFeatures(names: readonly string[]): void;
  /** The list that was given last. */
  featureNames(): readonly string[];
  /** Durable against a kill when it returns. Throws `prediction_log_failed`; then none of the records is in the log. */
  append(records: readonly NewRecord[]): void;
  /** Resolves when everything appended so far would survive a power cut. Rejects with `prediction_log_failed`. */
  synced(): Promise<void>;
  /** Records with `fromMs <= at < toMs` (event time), in the order of the log. */
  readEventTime(fromMs: number, toMs: number): AsyncGenerator<LoggedPrediction>;
  /**
   * How many those are, and an even share of them: all, or every second, third, ... so that there are at most `rowsMax`.
   * Those are given to `take`, in the order of the log; what is left out is not decoded, and what lies wholly in the range
   * is counted from memory.
   */
  sampleEventTime(
    range: EventRange & { readonly rowsMax: number },
    take: (place: RecordPlace, featureNames: readonly string[]) => void,
  ): Promise<number>;
  /** What is known of a range of event time from memory: see `RangeOutline`. Undefined where it holds nothing. */
  outlineEventTime(range: EventRange): RangeOutline | undefined;
  /** The earliest event time at or after this instant; of several before `enoughMs` any one that is known from memory. */
  findNextAt(atMs: number, enoughMs?: number): Promise<number | undefined>;
  /** Records served at or after this instant of wall time. */
  readServedSince(servedMs: number): AsyncGenerator<LoggedPrediction>;
  find(predictionId: string): Promise<LoggedPrediction | undefined>;
  /** By many ids at once, and by the ids that callers gave. */
  readonly lookup: PredictionLookup;
  readonly count: () => number;
  /** For readers that choose their spans themselves: what is known of them grows with each append. */
  readonly segments: () => readonly Segment[];
  /** At least as many records as have ids between these two, from memory. */
  countBetween(firstId: string, lastId: string): number;
  close(): void;
  /** Closes it and removes its files. */
  erase(): Promise<void>;
}

/** Which records are wanted: ranges that may hold some, and then each record. */
interface Wanted {
  readonly mayHold: (range: RecordRange) => boolean;
  readonly isWanted: (place: RecordPlace) => boolean;
}

export function openPredictionLog(options: {
  readonly folder: string;
  readonly endpoint: string;
  readonly clock: Clock;
  readonly log: Log;
}): PredictionLog {
  const { folder, endpoint, clock, log } = options;
  mkdirSync(folder, { recursive: true });
  const segments = openSegments(folder, log);
  const fileOptions = (path: string) => ({
    path,
    clock,
    onError: (error: Error) => log.error('the prediction log could not be synced', { endpoint, error }),
  });
  const lookup = createLookup({ segments: () => segments, isOpen: true, log });
  let current = segments.at(-1);
  let names: readonly string[] = current?.head.features ?? [];
  let file: AppendFile | undefined =
    current && openAppendFile({ ...fileOptions(current.file), sizeBytes: current.endBytes });
  let writer = new BlockWriter(current?.head.features.length ?? 0);

  const failed = (error: unknown): SlipwayError => {
    const problem = (error as NodeJS.ErrnoException).code ?? 'unknown';
    return new SlipwayError('prediction_log_failed', { endpoint, problem }, { cause: error });
  };
  /** Closes the segment's file and, once its bytes are on the disk, keeps its index; a rolled one grows no more. */
  const end = (isRolled: boolean): void => {
    const segment = current;
    if (file === undefined || segment === undefined) return;
    const isOnDisk = file.synced();
    file.close();
    isOnDisk.then(
      () => {
        keepIndex(segment, log);
        if (!isRolled) return;
        lookup
          .keep(segment)
          .catch((error: unknown) => log.warn('the ids of a prediction log could not be indexed', { endpoint, error }));
      },
      // Told by the file itself: the next start reads the segment.
      () => undefined,
    );
  };
  const roll = (features: readonly string[]): void => {
    const path = join(folder, `${String(segments.length + 1).padStart(8, '0')}.log`);
    const head: SegmentHead = { endpoint, features, startedAt: clock.now() };
    const line = Buffer.from(`${JSON.stringify(head)}\n`);
    let next: AppendFile;
    try {
      next = createAppendFile(fileOptions(path), line);
    } catch (error) {
      throw failed(error);
    }
    end(true);
    file = next;
    current = newSegment(path, head, line.length);
    segments.push(current);
    writer = new BlockWriter(features.length);
  };

  return {
    useFeatures: (features) => {
      if (current === undefined || features.join('\n') !== current.head.features.join('\n')) roll(features);
      names = features;
    },
    featureNames: () => names,
    append: (records) => {
      if (current !== undefined && current.endBytes > segmentLimitBytes) roll(current.head.features);
      if (current === undefined || file === undefined) throw new Error(`the log of ${endpoint} has no features yet`);
      const { bytes, sizeBytes, range } = writer.block(records);
      try {
        file.append(bytes, sizeBytes);
      } catch (error) {
        throw failed(error);
      }
      noteBlock(current, sizeBytes, range);
    },
    synced: async () => {
      try {
        await file?.synced();
      } catch (error) {
        throw failed(error);
      }
    },
    sampleEventTime: async (range, take) => {
      // Where everything is taken, reading it counts it.
      const isWhole = countSpans(segments, inEventTime(range)) <= range.rowsMax;
      const stride = isWhole ? 1 : Math.max(1, Math.ceil((await countEventTime(segments, range)) / range.rowsMax));
      let seen = 0;
      // Every so manieth, beginning with the first.
      for await (const { places, features } of placesOf(segments, inEventTime(range))) {
        for (const place of places) if (seen++ % stride === 0) take(place, features);
      }
      return seen;
    },
    readEventTime: (from, to) => read(segments, inEventTime({ from, to })),
    outlineEventTime: (range) => outlineOf(segments, inEventTime(range)),
    findNextAt: (atMs, enoughMs) => findNextAt(segments, atMs, enoughMs),
    readServedSince: (servedMs) =>
      read(segments, {
        mayHold: (range) => range.toServedAt >= servedMs,
        isWanted: ({ bytes, offset }) => servedAtOf(bytes, offset) >= servedMs,
      }),
    find: async (id) => {
      if (!isId('prediction', id)) return undefined;
      const wanted = Buffer.alloc(16);
      writeIdBytes('prediction', id, wanted);
      const madeAt = wanted.readUIntBE(0, 6);
      const found = read(segments, {
        mayHold: (range) => range.fromIdMs <= madeAt && madeAt <= range.toIdMs,
        isWanted: ({ bytes, offset }) => hasId(bytes, offset, wanted),
      });
      for await (const record of found) return record;
      return undefined;
    },
    lookup,
    segments: () => segments,
    count: () => segments.reduce((n, s) => n + s.range.count, 0),
    countBetween: (firstId, lastId) => {
      const [fromMs, toMs] = [idMs(firstId), idMs(lastId)];
      const mayHold = (r: RecordRange): boolean => r.toIdMs >= fromMs && r.fromIdMs <= toMs;
      let count = 0;
      for (const segment of segments) {
        if (!mayHold(segment.range)) continue;
        for (const { range } of segment.spans) if (mayHold(range)) count += range.count;
      }
      return count;
    },
    close: () => end(false),
    erase: async () => {
      const isOnDisk = file?.synced();
      file?.close();
      file = undefined;
      await isOnDisk?.catch(() => undefined);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The instant at which an id was made. */
const idMs = (id: string): number => Number.parseInt(idToHex('prediction', id).slice(0, 12), 16);

/** Lookups in the log of an endpoint that nobody serves in this process, so nobody writes it. */
export function openLookup(folder: string, log: Log): PredictionLookup {
  const segments = existsSync(folder) ? openSegments(folder, log) : [];
  return createLookup({ segments: () => segments, isOpen: false, log });
}

function openSegments(folder: string, log: Log): Segment[] {
  const names = readdirSync(folder)
    .filter((n) => n.endsWith('.log'))
    .sort();
  const segments: Segment[] = [];
  names.forEach((name, i) => {
    const path = join(folder, name);
    const segment = openSegment(path, i === names.length - 1, log);
    if (segment === undefined) unlinkSync(path);
    else segments.push(segment);
  });
  return segments;
}

/** Records with `from <= at < to`. */
export interface EventRange {
  readonly from: number;
  readonly to: number;
}

export interface RangeOutline {
  /** Another text whenever a record of the range may have been appended. */
  readonly mark: string;
  /** The ids of its records lie between these. */
  readonly first: string;
  readonly last: string;
}

const inEventTime = ({ from, to }: EventRange): Wanted => ({
  mayHold: (range) => range.toAt >= from && range.fromAt < to,
  isWanted: ({ bytes, offset }) => atOf(bytes, offset) >= from && atOf(bytes, offset) < to,
});

function* spansOf(segments: readonly Segment[], { mayHold }: Wanted): Generator<Span> {
  for (const segment of segments) {
    if (!mayHold(segment.range)) continue;
    for (const span of segment.spans) if (mayHold(span.range)) yield span;
  }
}

/** At least as many records as are wanted, from memory. */
function countSpans(segments: readonly Segment[], wanted: Wanted): number {
  let count = 0;
  for (const { range } of spansOf(segments, wanted)) count += range.count;
  return count;
}

/** The log is appended to and erased as a whole: its begin and the records of the spans say what they are. */
function outlineOf(segments: readonly Segment[], wanted: Wanted): RangeOutline | undefined {
  let [count, firstMs, lastMs] = [0, Infinity, -Infinity];
  for (const { range } of spansOf(segments, wanted)) {
    count += range.count;
    firstMs = Math.min(firstMs, range.fromIdMs);
    lastMs = Math.max(lastMs, range.toIdMs);
  }
  if (count === 0) return undefined;
  const idOf = (ms: number, rest: string): string =>
    idFromHex('prediction', ms.toString(16).padStart(12, '0') + rest.repeat(20));
  return { mark: `${segments[0]?.head.startedAt} ${count}`, first: idOf(firstMs, '0'), last: idOf(lastMs, 'f') };
}

/** Spans that lie wholly in the range are counted from memory; those at its edges are read. */
async function countEventTime(segments: readonly Segment[], range: EventRange): Promise<number> {
  const wanted = inEventTime(range);
  const isInside = (r: RecordRange): boolean => r.fromAt >= range.from && r.toAt < range.to;
  let count = 0;
  for (const segment of segments.filter((s) => wanted.mayHold(s.range))) {
    for (const span of segment.spans) if (isInside(span.range)) count += span.range.count;
    const edges = segment.spans.filter((s) => wanted.mayHold(s.range) && !isInside(s.range));
    for await (const places of readSpans(segment, edges))
      for (const place of places) if (wanted.isWanted(place)) count++;
  }
  return count;
}

interface WantedPlaces {
  readonly places: readonly RecordPlace[];
  readonly features: readonly string[];
}

/** The wanted records, as many at a time as one read brings. */
async function* placesOf(segments: readonly Segment[], wanted: Wanted): AsyncGenerator<WantedPlaces> {
  for (const segment of segments.filter((s) => wanted.mayHold(s.range))) {
    const { features } = segment.head;
    const spans = segment.spans.filter((s) => wanted.mayHold(s.range));
    for await (const places of readSpans(segment, spans)) yield { places: places.filter(wanted.isWanted), features };
  }
}

async function* read(segments: readonly Segment[], wanted: Wanted): AsyncGenerator<LoggedPrediction> {
  for await (const { places, features } of placesOf(segments, wanted)) {
    for (const place of places) yield decodeLogged(place, features);
  }
}

export function decodeLogged({ bytes, offset }: RecordPlace, featureNames: readonly string[]): LoggedPrediction {
  const record = decodeRecord(bytes, offset, featureNames.length);
  return {
    ...record,
    featureNames,
    // Made when somebody looks: those who sum up tens of thousands of records do not.
    get inputs() {
      return record.inputs ?? inputsText(featureNames, record.features);
    },
  };
}

/** Inputs that were the features; NaN becomes null, as it was sent. */
function inputsText(names: readonly string[], features: Float64Array): string {
  return JSON.stringify(Object.fromEntries(names.map((name, i) => [name, features[i] ?? null])));
}

/** Ranges that begin at or after the instant answer from memory; only those around it are read, where there is need. */
async function findNextAt(segments: readonly Segment[], atMs: number, enoughMs = atMs): Promise<number | undefined> {
  let first = Infinity;
  const around: Segment[] = [];
  for (const segment of segments) {
    if (segment.range.toAt < atMs) continue;
    if (segment.range.fromAt >= atMs) first = Math.min(first, segment.range.fromAt);
    else around.push(segment);
  }
  for (const { spans } of around) {
    for (const { range } of spans) if (range.fromAt >= atMs) first = Math.min(first, range.fromAt);
  }
  if (first < enoughMs) return first;
  for (const segment of around) {
    const spans = segment.spans.filter(({ range }) => range.fromAt < atMs && atMs <= range.toAt);
    for await (const places of readSpans(segment, spans)) {
      for (const { bytes, offset } of places) {
        const at = atOf(bytes, offset);
        if (at >= atMs && at < first) first = at;
      }
      if (first === atMs) return first;
    }
  }
  return Number.isFinite(first) ? first : undefined;
}
