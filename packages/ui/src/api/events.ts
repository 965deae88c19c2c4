/**
 * One stream of ledger events for the whole console. An event makes the answers about its noun stale; those on the page are
 * asked for again, at most twice a second. A stream that was cut, by a restart or by a machine that slept, goes on from the
 * last event that it saw; after a long absence everything is asked for again instead.
 */
import type { LedgerRow } from '@slipway/contract';
import type { QueryClient } from '@tanstack/react-query';
import { useQueryClient } from '@tanstack/react-query';
import { ask } from './client.ts';
import { followEvents } from './server-events.ts';
import { createContext, createElement, useContext, useEffect, useState, useSyncExternalStore } from 'react';
import type { ReactNode } from 'react';

export type StreamState = 'connecting' | 'live' | 'lost';

/** First word of an event's kind -> nouns of the operations whose answers it changes. */
const touches: Readonly<Record<string, readonly string[]>> = {
  dataset: ['datasets'],
  suite: ['suites'],
  validation: ['validations'],
  'feature-set': ['featureSets'],
  experiment: ['experiments', 'runs'],
  run: ['runs', 'experiments'],
  view: ['views'],
  model: ['models'],
  alias: ['models'],
  gate: ['models'],
  pipeline: ['pipelines'],
  'pipeline-run': ['pipelineRuns', 'pipelines'],
  step: ['pipelineRuns'],
  endpoint: ['endpoints', 'rollouts'],
  deployment: ['endpoints', 'rollouts'],
  rollout: ['rollouts', 'endpoints'],
  labels: ['endpoints', 'monitors', 'rollouts'],
  monitor: ['monitors', 'alerts'],
  alert: ['alerts', 'monitors'],
  policy: ['policies', 'approvals'],
  approval: ['approvals', 'policies', 'models'],
  token: ['tokens'],
};
const everything = ['project'];
const flushEveryMs = 500;
/** Pause before a cut stream is opened again: doubles from the first to the second. */
const reopenMs = 500;
const reopenMaxMs = 10_000;
/** Missed events up to so many come one by one. */
const caughtUpMax = 2000;
/** Events kept for the pages that list them. */
const recentMax = 200;

export class EventStream {
  readonly #client: QueryClient;
  readonly #listeners = new Set<() => void>();
  readonly #stale = new Set<string>();
  #stop = new AbortController();
  #flushing: ReturnType<typeof setTimeout> | undefined;
  #again: (() => void) | undefined;
  #state: StreamState = 'connecting';
  #headSeq = 0;
  recent: readonly LedgerRow[] = [];

  constructor(client: QueryClient) {
    this.#client = client;
  }

  get state(): StreamState {
    return this.#state;
  }

  get headSeq(): number {
    return this.#headSeq;
  }

  /** Follows from here on: what was before is asked for by the pages themselves. */
  open(afterSeq: number): void {
    this.close();
    this.#headSeq = afterSeq;
    this.#stop = new AbortController();
    void this.#follow(this.#stop.signal);
  }

  close(): void {
    this.#stop.abort();
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
  }

  /** Opens a cut stream now instead of after its pause: the machine woke, or the network is back. */
  hurry = (): void => this.#again?.();

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  async #follow(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      try {
        await followEvents({
          path: `/api/events?after=${this.#headSeq}`,
          signal,
          opened: () => {
            failures = 0;
            const wasLost = this.#state === 'lost';
            this.#become('live');
            // The stream itself misses nothing; answers that failed meanwhile are asked for again.
            if (wasLost) void this.#client.invalidateQueries();
          },
          // The server sends ledger rows and nothing else on this stream.
          message: (data) => this.#take(JSON.parse(data) as LedgerRow),
        });
      } catch {
        // Said by the state; a refused token asks for another one by itself.
      }
      if (signal.aborted) return;
      this.#become('lost');
      await this.#pause(Math.min(reopenMs * 2 ** failures, reopenMaxMs), signal);
      failures++;
      await this.#skipAbsence(signal);
    }
  }

  #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      this.#again = resolve;
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** A night's events would come one by one to no use: the pages ask anew when the stream is open. */
  async #skipAbsence(signal: AbortSignal): Promise<void> {
    try {
      const { headSeq } = await ask('ledger.list', { query: { limit: 1 } }, signal);
      // A head that is lower belongs to another ledger: a workspace was put back, or another one is served here.
      if (headSeq - this.#headSeq > caughtUpMax || headSeq < this.#headSeq) this.#headSeq = headSeq;
    } catch {
      // The stream's own attempt says so.
    }
  }

  #become(state: StreamState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#tell();
  }

  #take(row: LedgerRow): void {
    this.#headSeq = Math.max(this.#headSeq, row.seq);
    this.recent = [row, ...this.recent].slice(0, recentMax);
    const noun = row.kind.split('.', 1)[0] ?? '';
    if (everything.includes(noun)) this.#stale.add('*');
    for (const touched of touches[noun] ?? []) this.#stale.add(touched);
    this.#stale.add('ledger').add('loop').add('palette');
    this.#flushing ??= setTimeout(() => this.#flush(), flushEveryMs);
  }

  #flush(): void {
    this.#flushing = undefined;
    const stale = new Set(this.#stale);
    this.#stale.clear();
    void this.#client.invalidateQueries({
      predicate: ({ queryKey: [operation] }) => stale.has('*') || stale.has(String(operation).split('.', 1)[0] ?? ''),
    });
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

const StreamContext = createContext<EventStream | undefined>(undefined);

export function EventStreamProvider({ children, afterSeq }: { children: ReactNode; afterSeq: number }): ReactNode {
  const client = useQueryClient();
  const [stream] = useState(() => new EventStream(client));
  useEffect(() => {
    stream.open(afterSeq);
    const wake = (): void => {
      if (document.visibilityState === 'visible') stream.hurry();
    };
    document.addEventListener('visibilitychange', wake);
    addEventListener('online', wake);
    return () => {
      document.removeEventListener('visibilitychange', wake);
      removeEventListener('online', wake);
      stream.close();
    };
    // The stream remembers where it is; a newer head must not open it again.
  }, [stream]);
  return createElement(StreamContext.Provider, { value: stream }, children);
}

export function useStream(): { state: StreamState; headSeq: number } {
  const stream = useContext(StreamContext);
  if (stream === undefined) throw new Error('useStream outside of EventStreamProvider');
  const state = useSyncExternalStore(stream.subscribe, () => stream.state);
  const headSeq = useSyncExternalStore(stream.subscribe, () => stream.headSeq);
  return { state, headSeq };
}

/** What the stream brought since the console was opened, newest first, at most `recentMax`. */
export function useRecentEvents(): readonly LedgerRow[] {
  const stream = useContext(StreamContext);
  if (stream === undefined) throw new Error('useRecentEvents outside of EventStreamProvider');
  return useSyncExternalStore(stream.subscribe, () => stream.recent);
}
