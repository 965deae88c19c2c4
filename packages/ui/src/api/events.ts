/**
 * One stream of ledger events for the whole console. An event makes the answers about its noun stale; those on the page are
 * asked for again, at most twice a second. The browser resumes the stream from the last event that it saw.
 */
import type { LedgerRow } from '@slipway/contract';
import type { QueryClient } from '@tanstack/react-query';
import { useQueryClient } from '@tanstack/react-query';
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
  model: ['models'],
  alias: ['models'],
  gate: ['models'],
  pipeline: ['pipelines'],
  'pipeline-run': ['pipelineRuns', 'pipelines'],
  step: ['pipelineRuns'],
  endpoint: ['endpoints', 'rollouts'],
  deployment: ['endpoints', 'rollouts'],
  rollout: ['rollouts', 'endpoints'],
  labels: ['endpoints', 'monitors'],
  monitor: ['monitors', 'alerts'],
  alert: ['alerts', 'monitors'],
  policy: ['policies'],
  token: ['tokens'],
};
const everything = ['project'];
const flushEveryMs = 500;
/** Events kept for the pages that list them. */
const recentMax = 200;

export class EventStream {
  readonly #client: QueryClient;
  readonly #listeners = new Set<() => void>();
  readonly #stale = new Set<string>();
  #source: EventSource | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
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
    const source = new EventSource(`/api/events?after=${afterSeq}`);
    this.#source = source;
    source.addEventListener('open', () => {
      const wasLost = this.#state === 'lost';
      this.#become('live');
      // The stream itself misses nothing; answers that failed meanwhile are asked for again.
      if (wasLost) void this.#client.invalidateQueries();
    });
    source.addEventListener('error', () => {
      this.#become('lost');
      if (source.readyState === EventSource.CLOSED) this.#timer ??= setTimeout(() => this.#reopen(), 5000);
    });
    source.addEventListener('message', (message: MessageEvent<string>) => {
      // The server sends ledger rows and nothing else on this stream.
      this.#take(JSON.parse(message.data) as LedgerRow);
    });
  }

  close(): void {
    this.#source?.close();
    this.#source = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #reopen(): void {
    this.#timer = undefined;
    this.open(this.#headSeq);
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
    this.#stale.add('ledger');
    this.#timer ??= setTimeout(() => this.#flush(), flushEveryMs);
  }

  #flush(): void {
    this.#timer = undefined;
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
    return () => stream.close();
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
