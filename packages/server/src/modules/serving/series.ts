/**
 * What an endpoint did over time, from its prediction log: buckets of equal length, one series for each arm or version.
 *
 * A bucket that was computed is kept until records that may belong to it are appended (the counts of its spans change), or
 * a label comes for one that may lie in it: watching a running endpoint computes its last bucket again, and no other. One
 * request looks at `scanMax` records at most, newest buckets first; what is left over is null, and the next request goes on.
 * Memory: one span, its batch of labels, and one sketch for each series of the buckets that are computed together.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EndpointSeries } from '@slipway/contract';
import { idToHex, isId, seriesBucketsMax, SlipwayError } from '@slipway/contract';
import type { JudgedTask } from '../../lib/judged-task.ts';
import type { EndpointRuntime } from './endpoint-runtime.ts';
import type { Labels } from './labels.ts';
import { atOf, headOf, idMsOf, idOf, servedAtOf } from './log-record.ts';
import type { RecordPlace, Segment, Span } from './log-segment.ts';
import { readSpans } from './log-segment.ts';
import type { PredictionClock } from './prediction-search.ts';
import { timesOf } from './prediction-search.ts';
import { decodeLogged } from './prediction-log.ts';
import type { Cell, OpenCell } from './series-cells.ts';
import { addAnswer, addLabel, addRecord, cellOf, seriesOf } from './series-cells.ts';
import type { VersionAnswers } from './version-answers.ts';
import { taskOf } from './version-pairs.ts';

/** Records of one request. */
export const seriesScanMax = 300_000;
/** Records of buckets that are computed together. */
const groupRecords = 50_000;
const labelBatch = 5000;
/** Labelled records of buckets computed together that are answered again, where the log's score does not say it all. */
const answeredMax = 5000;
/** Between two turns of the event loop: about 2 ms. */
const answeredPerTurn = 100;
/** Buckets kept, of all endpoints: about 1 KB each. */
const keptMax = 5000;
const bucketsWanted = 60;
const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const steps: readonly number[] = [
  ...[1, 5, 10, 30].map((n) => n * second),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * minute),
  ...[1, 2, 3, 6, 12, 24, 48, 168].map((n) => n * hour),
];

export interface SeriesQuery {
  readonly by: 'arm' | 'version';
  readonly clock: PredictionClock;
  readonly window: number;
  readonly step?: number | undefined;
  readonly to?: number | undefined;
}

/** What the log alone says. */
export type CountedSeries = Omit<EndpointSeries, 'marks'>;

export interface SeriesReader {
  read(endpoint: EndpointRuntime, query: SeriesQuery): Promise<CountedSeries>;
  /** Labels came or changed: what may hold their predictions is computed again. */
  forget(endpoint: string, predictionIds: readonly string[]): void;
}

interface Bucket {
  readonly endpoint: string;
  /** Records of the spans that may hold some of it, when it was computed. */
  readonly records: number;
  readonly fromIdMs: number;
  readonly toIdMs: number;
  readonly cells: readonly Cell[];
}

export function createSeriesReader(deps: {
  readonly labels: Labels;
  readonly answers: VersionAnswers;
  readonly now: () => number;
  readonly scanMax?: number;
}): SeriesReader {
  const { labels, answers, now, scanMax = seriesScanMax } = deps;
  const kept = new Map<string, Bucket>();
  // Labels that come while a bucket is computed may be missing in it.
  let forgotten = 0;

  const keep = (key: string, bucket: Bucket): void => {
    kept.delete(key);
    kept.set(key, bucket);
    for (const oldest of kept.keys()) {
      if (kept.size <= keptMax) break;
      kept.delete(oldest);
    }
  };
  return {
    read: async (endpoint, query) => {
      const grid = gridOf(endpoint, query, now());
      const { at, stepMs } = grid;
      const task = taskOf(endpoint);
      const spans = spansOf(endpoint.log.segments(), query.clock, grid);
      const records = at.map(() => 0);
      for (const { span, first, last } of spans) {
        for (let i = first; i <= last; i++) records[i] = (records[i] ?? 0) + span.range.count;
      }
      const keyOf = (i: number): string => [endpoint.name, query.by, query.clock, task.kind, stepMs, at[i]].join('|');
      const buckets = at.map((_, i): Bucket | undefined => {
        const bucket = kept.get(keyOf(i));
        return bucket?.records === records[i] ? bucket : undefined;
      });
      let scanned = 0;
      for (;;) {
        const group = nextGroup(buckets, records, Math.min(groupRecords, scanMax - scanned));
        if (group === undefined || scanned >= scanMax) break;
        const before = forgotten;
        const computed = await computeGroup({ endpoint, query, grid, labels, answers, task }, group, spans);
        scanned += computed.scanned;
        for (let i = group.first; i <= group.last; i++) {
          const bucket = {
            ...(computed.buckets[i - group.first] ?? emptyBucket),
            endpoint: endpoint.name,
            records: records[i] ?? 0,
          };
          buckets[i] = bucket;
          if (before === forgotten) keep(keyOf(i), bucket);
        }
      }
      return {
        endpoint: endpoint.name,
        by: query.by,
        clock: query.clock,
        from: grid.from,
        to: grid.to,
        stepMs,
        at: [...at],
        isComplete: buckets.every((bucket) => bucket !== undefined),
        task: task.kind,
        series: seriesOf(
          { by: query.by, task },
          buckets.map((bucket) => bucket?.cells),
        ),
      };
    },
    forget: (endpoint, predictionIds) => {
      let [from, to] = [Infinity, -Infinity];
      for (const id of predictionIds) {
        if (!isId('prediction', id)) continue;
        const ms = idMs(id);
        if (ms === undefined) continue;
        from = Math.min(from, ms);
        to = Math.max(to, ms);
      }
      if (to < from) return;
      forgotten++;
      for (const [key, bucket] of kept) {
        if (bucket.endpoint === endpoint && bucket.fromIdMs <= to && bucket.toIdMs >= from) kept.delete(key);
      }
    },
  };
}

/** The instant in an id; undefined for what only looks like one. */
function idMs(id: string): number | undefined {
  try {
    return Number.parseInt(idToHex('prediction', id).slice(0, 12), 16);
  } catch (error) {
    if (error instanceof SlipwayError) return undefined;
    throw error;
  }
}

interface Grid {
  readonly from: number;
  readonly to: number;
  readonly stepMs: number;
  readonly at: readonly number[];
}

function gridOf(endpoint: EndpointRuntime, { window, step, to, clock }: SeriesQuery, now: number): Grid {
  const newest = endpoint.log.segments().reduce((n, s) => Math.max(n, timesOf(s.range, clock).to), -Infinity);
  const stepMs = step ?? steps.find((ms) => window / ms <= bucketsWanted) ?? steps.at(-1) ?? hour;
  const count = Math.max(1, Math.ceil(window / stepMs));
  if (count > seriesBucketsMax) {
    throw new SlipwayError('request_invalid', {
      operation: 'endpoints.series',
      problem: `window ${window} ms in steps of ${stepMs} ms makes ${count} buckets, at most ${seriesBucketsMax} are allowed. Ask for a longer step or a shorter window.`,
    });
  }
  const wantedEnd = to ?? (Number.isFinite(newest) ? newest + 1 : now);
  const end = Math.ceil(wantedEnd / stepMs) * stepMs;
  const from = Math.max(0, end - count * stepMs);
  return { from, to: end, stepMs, at: Array.from({ length: (end - from) / stepMs }, (_, i) => from + i * stepMs) };
}

interface PlacedSpan {
  readonly segment: Segment;
  readonly span: Span;
  /** Buckets that it may hold records of. */
  readonly first: number;
  readonly last: number;
}

function spansOf(segments: readonly Segment[], clock: PredictionClock, grid: Grid): PlacedSpan[] {
  const placed: PlacedSpan[] = [];
  const bucketOf = (time: number): number => Math.floor((time - grid.from) / grid.stepMs);
  for (const segment of segments) {
    for (const span of segment.spans) {
      const { from, to } = timesOf(span.range, clock);
      if (to < grid.from || from >= grid.to) continue;
      const first = Math.max(0, bucketOf(from));
      const last = Math.min(grid.at.length - 1, bucketOf(to));
      placed.push({ segment, span, first, last });
    }
  }
  return placed;
}

interface Group {
  readonly first: number;
  readonly last: number;
}

/** Neighbouring buckets that are not there yet, newest first: one at least, and as many as have so many records. */
function nextGroup(
  buckets: readonly (Bucket | undefined)[],
  records: readonly number[],
  recordsMax: number,
): Group | undefined {
  const last = buckets.findLastIndex((bucket) => bucket === undefined);
  if (last < 0) return undefined;
  let first = last;
  let sum = records[last] ?? 0;
  while (first > 0 && buckets[first - 1] === undefined && sum + (records[first - 1] ?? 0) <= recordsMax) {
    first--;
    sum += records[first] ?? 0;
  }
  return { first, last };
}

interface Asked {
  readonly endpoint: EndpointRuntime;
  readonly query: SeriesQuery;
  readonly grid: Grid;
  readonly labels: Labels;
  readonly answers: VersionAnswers;
  readonly task: JudgedTask;
}

interface Counting {
  fromIdMs: number;
  toIdMs: number;
  readonly cells: Map<string, OpenCell>;
}

const emptyBucket = { fromIdMs: Infinity, toIdMs: -Infinity, cells: [] };

/** A record whose label is looked up. */
interface WaitingRecord {
  readonly cell: OpenCell;
  readonly score: number;
  readonly version: number;
  readonly place: RecordPlace;
  readonly features: readonly string[];
}

async function computeGroup(
  asked: Asked,
  group: Group,
  spans: readonly PlacedSpan[],
): Promise<{ readonly scanned: number; readonly buckets: readonly Omit<Bucket, 'endpoint' | 'records'>[] }> {
  const { query, grid } = asked;
  const own = spans.filter(({ first, last }) => last >= group.first && first <= group.last);
  const stride = Math.ceil(own.reduce((sum, { span }) => sum + span.range.count, 0) / answeredMax);
  const countings = Array.from({ length: group.last - group.first + 1 }, (): Counting => ({
    fromIdMs: Infinity,
    toIdMs: -Infinity,
    cells: new Map(),
  }));
  const waiting = new Map<string, WaitingRecord>();
  let scanned = 0;
  for (const { segment, span } of own) {
    scanned += span.range.count;
    for await (const places of readSpans(segment, [span])) {
      for (const place of places) {
        const { bytes, offset } = place;
        const time = query.clock === 'event' ? atOf(bytes, offset) : servedAtOf(bytes, offset);
        const bucket = Math.floor((time - grid.from) / grid.stepMs);
        const counting = countings[bucket - group.first];
        if (counting === undefined) continue;
        const ms = idMsOf(bytes, offset);
        counting.fromIdMs = Math.min(counting.fromIdMs, ms);
        counting.toIdMs = Math.max(counting.toIdMs, ms);
        const head = headOf(bytes, offset);
        const cell = addRecord(counting.cells, head, query.by);
        const { score, version } = head;
        waiting.set(idOf(bytes, offset), { cell, score, version, place, features: segment.head.features });
      }
      if (waiting.size >= labelBatch) await joinLabels({ ...asked, stride }, waiting);
    }
  }
  await joinLabels({ ...asked, stride }, waiting);
  const buckets = countings.map(({ cells, ...ids }) => ({ ...ids, cells: [...cells].map(cellOf) }));
  return { scanned, buckets };
}

/** Counts the labels that have come. Where the score does not say it all, an even sample of their records is answered again. */
async function joinLabels(
  { endpoint, labels, answers, task, stride }: Asked & { readonly stride: number },
  waiting: Map<string, WaitingRecord>,
): Promise<void> {
  const known = await labels.of(endpoint, [...waiting.keys()]);
  const isScore = task.kind === 'binary' || task.kind === 'number';
  let answered = 0;
  for (const [id, { value }] of known) {
    const record = waiting.get(id);
    if (record === undefined) continue;
    const { cell, score, version, place, features } = record;
    addLabel(cell, value);
    if (isScore) {
      addAnswer(cell, { task, answer: { score } }, value);
      continue;
    }
    if ((cell.labelled - 1) % stride !== 0) continue;
    const again = await answers.of(endpoint, version, features);
    if (again === undefined) continue;
    addAnswer(cell, { task, answer: again.judged(decodeLogged(place, features), score) }, value);
    if (++answered % answeredPerTurn === 0) await nextTurn();
  }
  waiting.clear();
}
