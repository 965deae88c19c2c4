/**
 * Finding predictions in the log: filters, either clock, newest or oldest first, in keyset pages.
 *
 * Spans are taken in the order of the best record that they may hold, and the `limit` best that fit are kept: a span that
 * cannot hold a better one ends the search. Where the log is nearly in order that is a few spans whatever its length; where
 * filters find little it would be the whole log, so one request stops at `scanMax` records, keeps what nothing unseen can
 * precede, and the next page goes on from there.
 * Cost: about 1 us a record that is looked at; memory: one span and `limit` records.
 */
import { idToHex } from '@slipway/contract';
import { loggedInstanceId } from './instance-index.ts';
import type { LoggedPrediction, PredictionLog } from './prediction-log.ts';
import { decodeLogged } from './prediction-log.ts';
import type { RecordHead, RecordRange } from './log-record.ts';
import { atOf, headOf, idHexOf, servedAtOf } from './log-record.ts';
import type { RecordPlace, Segment, Span } from './log-segment.ts';
import { readSpans } from './log-segment.ts';
import { instanceIdOf } from './prediction-lookup.ts';

/** Records of one request: a few tenths of a second. */
export const scanMaxDefault = 200_000;

export type PredictionClock = 'event' | 'received';

/** The place of a record in the order: by time, then by id. */
export interface SearchKey {
  readonly time: number;
  /** 32 hex digits. */
  readonly id: string;
}

export interface PredictionFilter {
  readonly version?: number | undefined;
  readonly arm?: 'incumbent' | 'candidate' | undefined;
  readonly fault?: boolean | undefined;
  readonly scoreMin?: number | undefined;
  readonly scoreMax?: number | undefined;
  readonly latencyMinUs?: number | undefined;
  readonly latencyMaxUs?: number | undefined;
  /** The beginning of ids, with or without `prd_`. */
  readonly id?: string | undefined;
  /** Contained in the JSON text of the inputs. */
  readonly text?: string | undefined;
  /** The caller's own id, whole. */
  readonly instanceId?: string | undefined;
}

export interface PredictionSearch {
  readonly clock: PredictionClock;
  readonly order: 'oldest' | 'newest';
  /** Of the clock; `to` is not included. */
  readonly from: number;
  readonly to: number;
  readonly filter: PredictionFilter;
  /** Only what comes after it in the order. */
  readonly after: SearchKey | undefined;
  readonly limit: number;
  readonly scanMax: number;
}

export interface FoundPrediction {
  readonly key: SearchKey;
  readonly record: LoggedPrediction;
}

export interface SearchResult {
  readonly found: readonly FoundPrediction[];
  readonly scanned: number;
  /** Where to go on when the bound ended the search. */
  readonly cut: SearchKey | undefined;
}

/** A time and the instant in an id: where a span begins or ends. A key is made of it where one is needed; there are thousands. */
interface Edge {
  readonly time: number;
  readonly idMs: number;
}

interface Candidate {
  readonly segment: Segment;
  readonly span: Span;
  /** No record of the span comes before it. */
  readonly best: Edge;
}

export async function searchLog(
  log: Pick<PredictionLog, 'segments' | 'lookup'>,
  search: PredictionSearch,
): Promise<SearchResult> {
  const sign = search.order === 'newest' ? -1 : 1;
  const compare = (a: SearchKey, b: SearchKey): number =>
    a.time !== b.time ? sign * (a.time - b.time) : a.id === b.id ? 0 : a.id < b.id ? -sign : sign;
  const ids = idRangeOf(search.filter.id);
  const found: FoundPrediction[] = [];
  if (ids === undefined) return { found, scanned: 0, cut: undefined };
  const fits = fitsOf(search, ids);
  const { instanceId } = search.filter;
  const named = instanceId === undefined ? undefined : await log.lookup.spansOf(instanceId);
  const logged = instanceId === undefined ? undefined : loggedInstanceId(instanceId);
  const edges = edgesOf(search);
  const { after } = search;
  const isBehind = (worst: Edge, key: SearchKey): boolean =>
    (worst.time === key.time ? compare(edges.behind(worst), key) : sign * (worst.time - key.time)) > 0;
  const candidates = candidatesOf(log.segments(), search, ids, edges.best).filter(
    ({ span }) =>
      (named === undefined || named.has(span)) && (after === undefined || isBehind(edges.worst(span.range), after)),
  );
  candidates.sort(({ best: a }, { best: b }) => sign * (a.time - b.time || a.idMs - b.idMs));
  // A page ends at the bound only where the next one begins further on.
  const start = after ?? (candidates[0] && edges.before(candidates[0].best));
  let scanned = 0;
  for (const { segment, span, best: edge } of candidates) {
    const best = edges.before(edge);
    const last = found.length < search.limit ? undefined : found.at(-1)?.key;
    if (last !== undefined && compare(best, last) > 0) break;
    if (scanned >= search.scanMax && start !== undefined && compare(best, start) > 0) {
      return { found: found.filter(({ key }) => compare(key, best) < 0), scanned, cut: best };
    }
    scanned += span.range.count;
    for await (const places of readSpans(segment, [span])) {
      for (const place of sign < 0 ? places.toReversed() : places) {
        const key = { time: timeOf(place, search.clock), id: idHexOf(place.bytes, place.offset) };
        if (search.after !== undefined && compare(key, search.after) <= 0) continue;
        const last = found.length < search.limit ? undefined : found.at(-1)?.key;
        if ((last !== undefined && compare(key, last) > 0) || !fits(key, place)) continue;
        if (logged !== undefined && instanceIdOf(segment, place) !== logged) continue;
        const record = decodeLogged(place, segment.head.features);
        if (search.filter.text !== undefined && !record.inputs.includes(search.filter.text)) continue;
        insert(found, { key, record }, compare);
        if (found.length > search.limit) found.pop();
      }
    }
  }
  return { found, scanned, cut: undefined };
}

const timeOf = ({ bytes, offset }: RecordPlace, clock: PredictionClock): number =>
  clock === 'event' ? atOf(bytes, offset) : servedAtOf(bytes, offset);

export const timesOf = (range: RecordRange, clock: PredictionClock): { readonly from: number; readonly to: number } =>
  clock === 'event' ? { from: range.fromAt, to: range.toAt } : { from: range.fromServedAt, to: range.toServedAt };

interface IdRange {
  readonly first: string;
  readonly last: string;
}

const idDigits = 26;

/** The hex range of ids that begin so; undefined where none can. */
function idRangeOf(prefix: string | undefined): IdRange | undefined {
  const digits = (prefix ?? '').replace(/^prd_/, '');
  // The first digit has three places only.
  if (digits !== '' && !/^[0-7]/.test(digits)) return undefined;
  const spell = (fill: string): string =>
    idToHex('prediction', `prd_${(digits === '' && fill === 'z' ? '7' : digits).padEnd(idDigits, fill)}`);
  return { first: spell('0'), last: spell('z') };
}

const hexOfMs = (ms: number): string => ms.toString(16).padStart(12, '0');
const restDigits = 20;

/** Before or after every record of this time and millisecond: no version 7 id is all zeros or ones behind its instant. */
const keyOf = ({ time, idMs }: Edge, digit: '0' | 'f'): SearchKey => ({
  time,
  id: hexOfMs(idMs) + digit.repeat(restDigits),
});

interface Edges {
  readonly best: (range: RecordRange) => Edge;
  readonly worst: (range: RecordRange) => Edge;
  /** A key that comes before every record at a best edge, and one that comes after every record at a worst one. */
  readonly before: (best: Edge) => SearchKey;
  readonly behind: (worst: Edge) => SearchKey;
}

/** In the order of the search. */
function edgesOf({ clock, order }: PredictionSearch): Edges {
  const low = (range: RecordRange): Edge => ({ time: timesOf(range, clock).from, idMs: range.fromIdMs });
  const high = (range: RecordRange): Edge => ({ time: timesOf(range, clock).to, idMs: range.toIdMs });
  const [first, last] = order === 'newest' ? (['f', '0'] as const) : (['0', 'f'] as const);
  const [best, worst] = order === 'newest' ? [high, low] : [low, high];
  return { best, worst, before: (edge) => keyOf(edge, first), behind: (edge) => keyOf(edge, last) };
}

function candidatesOf(
  segments: readonly Segment[],
  search: PredictionSearch,
  ids: IdRange,
  bestOf: Edges['best'],
): Candidate[] {
  const { clock } = search;
  const [fromIdMs, toIdMs] = [ids.first, ids.last].map((id) => Number.parseInt(id.slice(0, 12), 16));
  const candidates: Candidate[] = [];
  for (const segment of segments) {
    for (const span of segment.spans) {
      const { range } = span;
      const times = timesOf(range, clock);
      if (times.to < search.from || times.from >= search.to) continue;
      if (range.toIdMs < (fromIdMs ?? 0) || range.fromIdMs > (toIdMs ?? 0)) continue;
      candidates.push({ segment, span, best: bestOf(range) });
    }
  }
  return candidates;
}

function fitsOf({ from, to, filter }: PredictionSearch, ids: IdRange): (key: SearchKey, place: RecordPlace) => boolean {
  const { version, arm, fault, scoreMin = -Infinity, scoreMax = Infinity } = filter;
  const { latencyMinUs = 0, latencyMaxUs = Infinity } = filter;
  const hasScore = filter.scoreMin !== undefined || filter.scoreMax !== undefined;
  const fitsHead = (head: RecordHead): boolean =>
    (version === undefined || head.version === version) &&
    (arm === undefined || head.isCanary === (arm === 'candidate')) &&
    (fault === undefined || (head.fault !== 'none') === fault) &&
    // A score that is no number lies in no range.
    (!hasScore || (head.score >= scoreMin && head.score <= scoreMax)) &&
    head.latencyUs >= latencyMinUs &&
    head.latencyUs <= latencyMaxUs;
  return (key, { bytes, offset }) =>
    key.time >= from && key.time < to && key.id >= ids.first && key.id <= ids.last && fitsHead(headOf(bytes, offset));
}

function insert(found: FoundPrediction[], one: FoundPrediction, compare: (a: SearchKey, b: SearchKey) => number): void {
  let [low, high] = [0, found.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = found[middle];
    if (other !== undefined && compare(other.key, one.key) < 0) low = middle + 1;
    else high = middle;
  }
  found.splice(low, 0, one);
}
