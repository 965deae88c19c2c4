/**
 * The ledger: every mutation appends an event in its own transaction; events are sealed into a gap-free, hash-chained
 * sequence. It is the outbox too: consumers read by cursor, so nothing is missed and there is no second source of truth.
 */
export interface LedgerEvent {
  /** Gap-free from 1, final. */
  readonly seq: number;
  /** Milliseconds since 1970 UTC. */
  readonly at: number;
  readonly actor: string;
  readonly kind: string;
  readonly subject: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** sha256 of the canonical event without seq, hex. */
  readonly digest: string;
  /** sha256(previous chain || seq || digest), hex. */
  readonly chain: string;
}

export interface LedgerQuery {
  readonly afterSeq?: number | undefined;
  readonly beforeSeq?: number | undefined;
  readonly kinds?: readonly string[] | undefined;
  readonly subject?: string | undefined;
  /** A noun stands for all of its kinds: `alias` for `alias.moved` and the others. */
  readonly noun?: string | undefined;
  readonly actor?: string | undefined;
  /** Instants, both inclusive. */
  readonly fromAt?: number | undefined;
  readonly toAt?: number | undefined;
  /** A part of the subject, in any case of ASCII letters. */
  readonly text?: string | undefined;
  readonly limit: number;
  readonly order?: 'asc' | 'desc' | undefined;
}

export type LedgerVerdict =
  | {
      readonly ok: true;
      readonly events: number;
      readonly headSeq: number;
      readonly headChain: string;
      /** All of it up to here was looked at. */
      readonly verifiedSeq: number;
    }
  | { readonly ok: false; readonly events: number; readonly firstBadSeq: number; readonly problem: string };

export interface Ledger {
  list(query: LedgerQuery): Promise<LedgerEvent[]>;
  head(): Promise<{ readonly seq: number; readonly chain: string }>;
  /**
   * Recomputes every digest and the chain: of all events, or of at most `limit` after `afterSeq`, whose own chain is taken
   * as it is stored. Ranges that follow one another verify the whole.
   */
  verify(range?: {
    readonly afterSeq?: number | undefined;
    readonly limit?: number | undefined;
  }): Promise<LedgerVerdict>;
  /**
   * A durable consumer: `handle` gets each event of these kinds at least once, in order, and the cursor moves after it
   * resolves. A handler that throws is called again with backoff; it never blocks other consumers.
   */
  consume(name: string, kinds: readonly string[], handle: (event: LedgerEvent) => Promise<void>): void;
  /** Live events from now on (or after `afterSeq`), until the signal aborts. For server-sent events. */
  follow(afterSeq: number | undefined, signal: AbortSignal): AsyncIterable<LedgerEvent>;
  start(): void;
  stop(): Promise<void>;
}
