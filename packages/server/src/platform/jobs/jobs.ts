/**
 * Durable work: a row with a lease, a heartbeat, a fencing token, a deadline and an attempt limit. At-least-once execution,
 * exactly-once outcome (a finish with an old fence changes nothing). Slots are counted from live leases.
 */
import type { Trx } from '../db/db.ts';

export interface NewJob {
  readonly kind: string;
  /** What it works on: an id. */
  readonly subject: string;
  readonly payload: Readonly<Record<string, unknown>>;
  /** A second job with the same key is not queued while one is not finished. */
  readonly dedupeKey?: string | undefined;
  readonly runAt?: number | undefined;
  readonly priority?: number | undefined;
  readonly deadlineMs: number;
  readonly maxAttempts?: number | undefined;
}

export interface JobContext {
  readonly jobId: number;
  readonly attempt: number;
  readonly fence: number;
  readonly subject: string;
  readonly payload: Readonly<Record<string, unknown>>;
  /** Aborted by cancel, by a lost lease, by the deadline, and when the server stops. */
  readonly signal: AbortSignal;
}

export interface JobKind {
  /** How many run at once in this process. */
  readonly slots: number;
  /** Delay before attempt n + 1: base * 2^(n-1) with full jitter, at most maxMs. */
  readonly backoff?: { readonly baseMs: number; readonly maxMs: number };
  /** Throwing retries (unless a SlipwayError that is not retryable); returning records success. */
  readonly run: (context: JobContext) => Promise<unknown>;
  /** Called once when the job ends without success: attempts used up, deadline, cancelled. */
  readonly onFailed?: (
    context: Omit<JobContext, 'signal'>,
    reason: { readonly state: 'failed' | 'cancelled' | 'deadline'; readonly message: string },
  ) => Promise<void>;
}

export interface JobRecord {
  readonly id: number;
  readonly kind: string;
  readonly subject: string;
  readonly state: 'ready' | 'leased' | 'cancelling' | 'done' | 'failed' | 'cancelled';
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly runAt: number;
  readonly deadlineAt: number;
  readonly error: string | undefined;
}

export interface Schedule {
  readonly name: string;
  /** Five cron fields. */
  readonly cron: string;
  readonly timeZone: string;
  readonly kind: string;
  readonly subject: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly deadlineMs: number;
  /** Ticks that came while no server ran: a job for each (at most the last 100; the default), or one for the latest. */
  readonly missed?: 'each' | 'latest' | undefined;
}

export interface Jobs {
  register(kind: string, handler: JobKind): void;
  /** Cancels the unfinished jobs of a subject; returns how many. Running ones are told and have a grace to end. */
  cancel(subject: string): Promise<number>;
  find(id: number): Promise<JobRecord | undefined>;
  list(filter: {
    readonly subject?: string | undefined;
    readonly kind?: string | undefined;
    readonly limit: number;
  }): Promise<JobRecord[]>;
  /** Each tick queues one job; its payload has `scheduledAt` beside the schedule's own. Throws `schedule_invalid`. */
  setSchedule(schedule: Schedule): Promise<void>;
  removeSchedule(name: string): Promise<void>;
  start(): void;
  /** Stops taking work, waits `graceMs` for what runs, then aborts it and gives its leases back. */
  stop(graceMs: number): Promise<void>;
}

/** Queues a job inside a write operation: it exists exactly when the mutation does. Resolves to its id, or to the id of the unfinished job with the same dedupeKey. */
export type Enqueue = (trx: Trx, job: NewJob) => Promise<number>;
