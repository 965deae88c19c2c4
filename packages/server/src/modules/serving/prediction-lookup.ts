/** Which predictions of a log are meant by ids: their own, or those that callers gave them. */
import { idToHex, isId } from '@slipway/contract';
import type { Log } from '../../platform/log.ts';
import { createInstanceIndex, loggedInstanceId } from './instance-index.ts';
import { atOf, findInstanceId, idHexOf, idOf } from './log-record.ts';
import type { RecordPlace, Segment, Span } from './log-segment.ts';
import { readSpans } from './log-segment.ts';

export interface NamedPrediction {
  readonly id: string;
  /** Event time. */
  readonly at: number;
}

export interface PredictionLookup {
  /** Those of these prediction ids that are in the log. */
  known(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** Tells every prediction that has one of these ids of the callers', in the order of the log. */
  eachOf(instanceIds: readonly string[], see: (instanceId: string, prediction: NamedPrediction) => void): Promise<void>;
  /** Spans that may hold predictions with this id of a caller's. */
  spansOf(instanceId: string): Promise<ReadonlySet<Span>>;
  /** A segment was rolled: makes what lookups need of it. */
  readonly keep: (segment: Segment) => Promise<void>;
}

/** Only the last segment grows, and only where `isOpen`. */
export function createLookup(deps: {
  readonly segments: () => readonly Segment[];
  readonly isOpen: boolean;
  readonly log: Log;
}): PredictionLookup {
  const { segments, isOpen, log } = deps;
  const index = createInstanceIndex({ isGrowing: (segment) => isOpen && segment === segments().at(-1), log });
  return {
    known: (ids) => known(segments(), ids),
    eachOf: async (instanceIds, see) => {
      const asked = new Map<string, string[]>();
      for (const id of instanceIds) {
        const logged = loggedInstanceId(id);
        const same = asked.get(logged);
        if (same === undefined) asked.set(logged, [id]);
        else if (!same.includes(id)) same.push(id);
      }
      for (const segment of segments()) {
        const spans = await index.findSpans(segment, asked.keys());
        for await (const places of readSpans(segment, spans)) {
          for (const place of places) {
            const own = instanceIdOf(segment, place);
            const same = own === undefined ? undefined : asked.get(own);
            if (same === undefined) continue;
            const prediction = { id: idOf(place.bytes, place.offset), at: atOf(place.bytes, place.offset) };
            for (const id of same) see(id, prediction);
          }
        }
      }
    },
    spansOf: async (instanceId) => {
      const found = new Set<Span>();
      const wanted = [loggedInstanceId(instanceId)];
      for (const segment of segments()) for (const span of await index.findSpans(segment, wanted)) found.add(span);
      return found;
    },
    keep: index.keep,
  };
}

export const instanceIdOf = ({ head }: Segment, { bytes, offset }: RecordPlace): string | undefined =>
  findInstanceId(bytes, offset, head.features.length);

/** Ids are in the order of their making, and so is the log: only the spans of their instants are read. */
async function known(segments: readonly Segment[], ids: readonly string[]): Promise<ReadonlySet<string>> {
  const wanted = new Map<string, string>();
  for (const id of ids) if (isId('prediction', id)) wanted.set(idToHex('prediction', id), id);
  const instants = Float64Array.from(wanted.keys(), (hex) => Number.parseInt(hex.slice(0, 12), 16)).sort();
  const found = new Set<string>();
  for (const segment of segments) {
    if (found.size === wanted.size) break;
    const spans = segment.spans.filter(({ range }) => hasBetween(instants, range.fromIdMs, range.toIdMs));
    for await (const places of readSpans(segment, spans)) {
      for (const { bytes, offset } of places) {
        const id = wanted.get(idHexOf(bytes, offset));
        if (id !== undefined) found.add(id);
      }
    }
  }
  return found;
}

/** Whether one of these sorted numbers lies between the two, both included. */
function hasBetween(sorted: Float64Array, from: number, to: number): boolean {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < from) low = middle + 1;
    else high = middle;
  }
  return low < sorted.length && (sorted[low] ?? Infinity) <= to;
}
