/**
 * What each endpoint answered over one window that ends with the newest prediction of them all, by the server's clock.
 *
 * The rate is the sum of counts that memory has for each span of the log, so that a busy hour costs no more than a quiet one.
 * Latencies and faults are of the newest `summaryReadMax` predictions of the window, which are read. What lies in spans
 * that were read is placed in its bucket exactly; a span that was not is spread evenly over its own time, which is short
 * where there are many.
 */
import type { EndpointSummary } from '@slipway/contract';
import type { EndpointRuntime } from './endpoint-runtime.ts';
import { headOf, servedAtOf } from './log-record.ts';
import type { Segment, Span } from './log-segment.ts';
import { readSpans } from './log-segment.ts';

/** Predictions of one endpoint that are read: about 3 ms. */
export const summaryReadMax = 5000;
const bucketCount = 30;

export interface SummaryWindow {
  readonly from: number;
  /** Not included. */
  readonly to: number;
  readonly stepMs: number;
}

/** The window of this length that ends with the newest prediction of any of them. */
export function summaryWindow(
  endpoints: readonly (EndpointRuntime | undefined)[],
  windowMs: number,
  now: number,
): SummaryWindow {
  const newest = endpoints
    .flatMap((endpoint) => endpoint?.log.segments() ?? [])
    .reduce((at, { range }) => Math.max(at, range.toServedAt), -Infinity);
  const stepMs = Math.ceil(windowMs / bucketCount);
  const to = Math.floor(Number.isFinite(newest) ? newest : now) + 1;
  return { from: to - stepMs * bucketCount, to, stepMs };
}

/** Undefined stands for an endpoint that is not deployed: it answered nothing. */
export async function summaryOf(
  name: string,
  endpoint: EndpointRuntime | undefined,
  window: SummaryWindow,
): Promise<EndpointSummary> {
  const counts = new Float64Array(bucketCount);
  const latencies: number[] = [];
  let faults = 0;
  const bucketOf = (at: number): number => Math.floor((at - window.from) / window.stepMs);
  for (const { segment, span } of newestFirst(endpoint?.log.segments() ?? [], window)) {
    if (latencies.length >= summaryReadMax) {
      spread(counts, span, window);
      continue;
    }
    for await (const places of readSpans(segment, [span])) {
      for (const { bytes, offset } of places) {
        const bucket = bucketOf(servedAtOf(bytes, offset));
        if (bucket < 0 || bucket >= bucketCount) continue;
        counts[bucket] = (counts[bucket] ?? 0) + 1;
        const head = headOf(bytes, offset);
        latencies.push(head.latencyUs);
        if (head.fault !== 'none') faults++;
      }
    }
  }
  const sorted = Float64Array.from(latencies).sort();
  const quantile = (q: number): number | null => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? null;
  return {
    endpoint: name,
    requests: [...counts].map(Math.round),
    latencyUsP50: quantile(0.5),
    latencyUsP99: quantile(0.99),
    faults,
    sampled: latencies.length,
  };
}

interface PlacedSpan {
  readonly segment: Segment;
  readonly span: Span;
}

function newestFirst(segments: readonly Segment[], { from, to }: SummaryWindow): readonly PlacedSpan[] {
  const isWithin = ({ range }: Segment | Span): boolean => range.toServedAt >= from && range.fromServedAt < to;
  return segments
    .filter(isWithin)
    .flatMap((segment) => segment.spans.filter(isWithin).map((span) => ({ segment, span })))
    .sort((a, b) => b.span.range.toServedAt - a.span.range.toServedAt);
}

/** As much of a span to each bucket as of its time lies there. */
function spread(counts: Float64Array, { range }: Span, { from, to, stepMs }: SummaryWindow): void {
  const { fromServedAt, toServedAt, count } = range;
  const lengthMs = Math.max(1, toServedAt - fromServedAt);
  const first = Math.max(0, Math.floor((fromServedAt - from) / stepMs));
  const last = Math.min(bucketCount - 1, Math.floor((toServedAt - from) / stepMs));
  for (let bucket = first; bucket <= last; bucket++) {
    const begin = Math.max(fromServedAt, from + bucket * stepMs);
    const end = Math.min(fromServedAt + lengthMs, from + (bucket + 1) * stepMs, to);
    counts[bucket] = (counts[bucket] ?? 0) + (count * Math.max(0, end - begin)) / lengthMs;
  }
}
