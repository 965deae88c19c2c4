/**
 * The runtime of jobs: one loop that keeps leases alive, ends what is overdue, queues scheduled work, and fills free slots;
 * beside it one promise per running handler. All truth is in the table: a process that dies loses nothing but time.
 */
import assert from 'node:assert/strict';
import { sql } from 'kysely';
import { SlipwayError } from '@slipway/contract';
import type { Clock } from '../clock.ts';
import type { Db } from '../db/db.ts';
import { createWakeup } from '../db/wakeup.ts';
import type { Log } from '../log.ts';
import { nextTick } from './cron.ts';
import type { JobContext, JobKind, JobRecord, Jobs } from './jobs.ts';
import {
  cancelSubject,
  claimJobs,
  failAttempt,
  finish,
  heartbeat,
  releaseJobs,
  sweepJobs,
  takeOverJobs,
} from './leases.ts';
import type { Claimed } from './leases.ts';
import { clearNotices, kindOf, takeNotices } from './notices.ts';
import type { Notice } from './notices.ts';
import { removeSchedule, runSchedules, setSchedule } from './schedules.ts';
import { forgetJobs } from './store.ts';
import { jobState, jobsTopic } from './tables.ts';
import type { JobRow, JobsTables } from './tables.ts';

/** A lease that is not prolonged for so long is taken away, milliseconds. */
export const leaseMs = 15_000;
/** How often leases are prolonged: two beats may fail before a lease is lost. */
export const heartbeatMs = 5000;
/** Longest pause of the loop, milliseconds: the backstop for a missed wake-up. */
const pollMs = 1000;
/** Least time between two looks at what is due, milliseconds. */
const attendEveryMs = 20;
/** Pause before onFailed is called again after it threw, or after its process died, milliseconds. */
const noticeRetryMs = 30_000;
/** How long handlers may take to end after the server aborted them, milliseconds. */
const stopSettleMs = 1000;
/** Ended jobs are forgotten after 30 days, milliseconds, looked for once an hour. */
const retentionMs = 30 * 24 * 3600 * 1000;
const forgetEveryMs = 3600 * 1000;
const defaultBackoff = { baseMs: 1000, maxMs: 60_000 };
/** Pause between tries to record an outcome while the database is away, milliseconds. */
const recordRetryMs = 250;

export interface JobsDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  /** Unique per start of a process: host, pid and start time. */
  readonly owner: string;
  /** Uniform in [0, 1), for backoff jitter. */
  readonly random?: () => number;
}

type AbortCause = 'cancelled' | 'lease lost' | 'deadline' | 'server stops';

interface Running {
  readonly job: Claimed;
  readonly controller: AbortController;
  abortedBy: AbortCause | undefined;
  settled: Promise<void>;
}

/** What the parts of the runtime share. */
interface Runtime extends Required<JobsDeps> {
  readonly handlers: Map<string, JobKind>;
  readonly running: Map<number, Running>;
  readonly bell: ReturnType<typeof createWakeup>;
  state: 'new' | 'running' | 'stopping' | 'stopped';
  /** When leases were last known to be ours, monotonic milliseconds. */
  lastBeatAt: number;
  nextForgetAt: number;
  /** When the next deadline, tick, notice or waiting job comes, wall clock milliseconds. */
  dueAt: number;
  /** When what is due was last attended to, monotonic milliseconds. */
  attendedAt: number;
  isNotifying: boolean;
}

export function createJobs(deps: JobsDeps): Jobs {
  const { db, clock } = deps;
  const runtime: Runtime = {
    ...deps,
    random: deps.random ?? Math.random,
    handlers: new Map(),
    running: new Map(),
    bell: createWakeup(clock),
    state: 'new',
    lastBeatAt: clock.monotonic(),
    nextForgetAt: clock.monotonic() + forgetEveryMs,
    dueAt: 0,
    attendedAt: Number.NEGATIVE_INFINITY,
    isNotifying: false,
  };
  let loop: Promise<void> = Promise.resolve();
  let unsubscribe = (): void => {};

  return {
    register: (kind, handler) => {
      assert(!runtime.handlers.has(kind), `Two handlers are registered for jobs of kind ${kind}`);
      runtime.handlers.set(kind, handler);
      runtime.bell.ring();
    },
    cancel: async (subject) => {
      const count = await db.write(cancelSubject, { subject });
      await abortCancelled(runtime);
      return count;
    },
    find: async (id) => {
      const row = await jobs(db).where('id', '=', id).executeTakeFirst();
      return row === undefined ? undefined : toRecord(row);
    },
    list: (filter) => listJobs(db, filter),
    setSchedule: async (schedule) => {
      nextTick(schedule, clock.now());
      await db.write(setSchedule, schedule);
    },
    removeSchedule: async (name) => {
      await db.write(removeSchedule, { name });
    },
    start: () => {
      if (runtime.state !== 'new') return;
      runtime.state = 'running';
      unsubscribe = db.onWake(jobsTopic, () => runtime.bell.ring());
      loop = runLoop(runtime);
    },
    stop: async (graceMs) => {
      if (runtime.state !== 'running') return;
      runtime.state = 'stopping';
      await settle(runtime, graceMs);
      for (const entry of runtime.running.values()) abort(entry, 'server stops');
      await settle(runtime, stopSettleMs);
      runtime.state = 'stopped';
      runtime.bell.ring();
      unsubscribe();
      await loop;
      await db.write(releaseJobs, { owner: deps.owner });
    },
  };
}

const jobs = (db: Db) => db.read<JobsTables>().selectFrom('jobs_job').selectAll();

const stateNames: Readonly<Record<number, JobRecord['state']>> = {
  [jobState.ready]: 'ready',
  [jobState.leased]: 'leased',
  [jobState.done]: 'done',
  [jobState.failed]: 'failed',
  [jobState.cancelling]: 'cancelling',
  [jobState.cancelled]: 'cancelled',
};

function toRecord(row: JobRow): JobRecord {
  const state = stateNames[row.state];
  assert(state !== undefined, `job ${row.id} has the unknown state ${row.state}`);
  return {
    id: row.id,
    kind: row.kind,
    subject: row.subject,
    state,
    attempt: row.attempt,
    maxAttempts: row.max_attempts,
    runAt: row.run_at,
    deadlineAt: row.deadline_at,
    error: row.error ?? undefined,
  };
}

/** The newest first. */
async function listJobs(db: Db, filter: Parameters<Jobs['list']>[0]): Promise<JobRecord[]> {
  let query = jobs(db).orderBy('id', 'desc').limit(filter.limit);
  if (filter.subject !== undefined) query = query.where('subject', '=', filter.subject);
  if (filter.kind !== undefined) query = query.where('kind', '=', filter.kind);
  const rows = await db.scan(query);
  return rows.map(toRecord);
}

function abort(entry: Running, cause: AbortCause): void {
  if (entry.abortedBy !== undefined) return;
  entry.abortedBy = cause;
  entry.controller.abort(new DOMException(`job ${entry.job.id} was aborted: ${cause}`, 'AbortError'));
}

/** Waits until no handler runs, at most so long. */
async function settle(runtime: Runtime, limitMs: number): Promise<void> {
  if (runtime.running.size === 0 || limitMs <= 0) return;
  const all = Promise.all([...runtime.running.values()].map((entry) => entry.settled));
  const timeout = new AbortController();
  await Promise.race([all, runtime.clock.sleep(limitMs, timeout.signal).catch(() => {})]);
  timeout.abort();
}

async function runLoop(runtime: Runtime): Promise<void> {
  const { db, log, bell, owner } = runtime;
  let hasTakenOver = db.dialect !== 'sqlite';
  while (runtime.state !== 'stopped') {
    let delayMs = pollMs;
    try {
      if (!hasTakenOver) {
        // A SQLite workspace has one server, which is this one: other owners are dead processes.
        const count = await db.write(takeOverJobs, { owner });
        if (count > 0) log.info('jobs of a stopped server were taken over', { count });
        hasTakenOver = true;
      }
      delayMs = await turn(runtime);
    } catch (error) {
      log.error('the jobs loop failed and goes on', { error });
      loseUnkept(runtime);
    }
    await bell.wait(delayMs);
  }
}

/** One round of the loop. Returns how long it may rest. */
async function turn(runtime: Runtime): Promise<number> {
  const { clock } = runtime;
  await beat(runtime);
  const isPolling = clock.monotonic() - runtime.attendedAt >= pollMs;
  if (isPolling || clock.now() >= runtime.dueAt) await attend(runtime);
  if (runtime.state === 'running') {
    await abortCancelled(runtime);
    await fillSlots(runtime);
  }
  // Something may stay due that cannot be helped now, such as news that a handler has not taken yet.
  const earliest = clock.now() + Math.max(1, runtime.attendedAt + attendEveryMs - clock.monotonic());
  runtime.dueAt = Math.max(earliest, await readNextDue(runtime));
  return Math.min(pollMs, runtime.dueAt - clock.now());
}

/** Deadlines, leases, ticks, news for handlers, old jobs. */
async function attend(runtime: Runtime): Promise<void> {
  runtime.attendedAt = runtime.clock.monotonic();
  const due = await readDue(runtime);
  if (due.isOverdue) await sweep(runtime);
  if (runtime.state !== 'running') return;
  if (due.hasTick) await tick(runtime);
  if (due.hasNotice) notify(runtime);
  await forget(runtime);
}

/** Prolongs our leases when it is time, and stops what turns out to be ours no more. */
async function beat(runtime: Runtime): Promise<void> {
  const { clock, db, owner, running } = runtime;
  if (running.size === 0) {
    runtime.lastBeatAt = clock.monotonic();
    return;
  }
  if (clock.monotonic() - runtime.lastBeatAt < heartbeatMs) return;
  const before = [...running.values()];
  const startedAt = clock.monotonic();
  const held = new Map(
    (await db.write(heartbeat, { owner, leaseMs, ids: [...running.keys()] })).map((entry) => [entry.id, entry]),
  );
  runtime.lastBeatAt = startedAt;
  for (const entry of before) {
    const now = held.get(entry.job.id);
    if (now === undefined || now.fence !== entry.job.fence) abort(entry, 'lease lost');
    else if (now.isCancelling) abort(entry, 'cancelled');
  }
}

/** The database did not answer for a whole lease: others may have our jobs by now. */
function loseUnkept(runtime: Runtime): void {
  if (runtime.clock.monotonic() - runtime.lastBeatAt < leaseMs) return;
  for (const entry of runtime.running.values()) abort(entry, 'lease lost');
}

async function readDue(runtime: Runtime): Promise<{ isOverdue: boolean; hasTick: boolean; hasNotice: boolean }> {
  const now = runtime.clock.now();
  const result = await sql<{ overdue: number | null; tick: number | null }>`
    select coalesce((select 1 from jobs_job where state in (0, 1, 4) and deadline_at <= ${now} limit 1),
        (select 1 from jobs_job where state in (1, 4) and lease_until <= ${now} limit 1)) as overdue,
      (select 1 from jobs_schedule where next_at <= ${now} limit 1) as tick`.execute(runtime.db.read<JobsTables>());
  const row = result.rows[0];
  const notice = await jobs(runtime.db)
    .where('notice_at', '<=', now)
    .where(kindOf, 'in', ['', ...runtime.handlers.keys()])
    .limit(1)
    .execute();
  return { isOverdue: row?.overdue === 1, hasTick: row?.tick === 1, hasNotice: notice.length > 0 };
}

/** The next instant at which something falls due: a job's time or deadline, a tick, news that a handler here can take. */
async function readNextDue(runtime: Runtime): Promise<number> {
  const now = runtime.clock.now();
  const kinds = sql.join(['', ...runtime.handlers.keys()]);
  const result = await sql<{ at: number | null }>`
    select min(at) as at from (
      select min(run_at) as at from jobs_job where state = 0 and run_at > ${now}
      union all select min(deadline_at) from jobs_job where state in (0, 1, 4)
      union all select min(notice_at) from jobs_job where notice_at is not null and ${kindOf} in (${kinds})
      union all select min(next_at) from jobs_schedule) as instants`.execute(runtime.db.read<JobsTables>());
  return result.rows[0]?.at ?? Number.POSITIVE_INFINITY;
}

async function sweep(runtime: Runtime): Promise<void> {
  const { db, log, running } = runtime;
  const result = await db.write(sweepJobs, {});
  if (result.expired > 0) log.warn('leases of silent workers were taken away', { count: result.expired });
  for (const id of result.ended) {
    const entry = running.get(id);
    if (entry !== undefined) abort(entry, 'deadline');
  }
}

async function tick(runtime: Runtime): Promise<void> {
  const result = await runtime.db.write(runSchedules, {});
  if (result.skipped > 0)
    runtime.log.warn('ticks that came during a long standstill were left out', { count: result.skipped });
}

async function abortCancelled(runtime: Runtime): Promise<void> {
  const { db, owner, running } = runtime;
  if (running.size === 0) return;
  const rows = await sql<{ id: number; fence: number }>`
    select id, fence from jobs_job where lease_owner = ${owner} and state in (1, 4) and state = 4`.execute(
    db.read<JobsTables>(),
  );
  for (const row of rows.rows) {
    const entry = running.get(row.id);
    if (entry?.job.fence === row.fence) abort(entry, 'cancelled');
  }
}

async function fillSlots(runtime: Runtime): Promise<void> {
  const { db, clock, handlers, running, owner } = runtime;
  const used = new Map<string, number>();
  for (const entry of running.values()) used.set(entry.job.kind, (used.get(entry.job.kind) ?? 0) + 1);
  const wants: { kind: string; count: number }[] = [];
  for (const [kind, handler] of handlers) {
    const count = handler.slots - (used.get(kind) ?? 0);
    if (count <= 0) continue;
    const waiting = await sql`
      select 1 from jobs_job where state = 0 and kind = ${kind} and run_at <= ${clock.now()} limit 1`.execute(
      db.read<JobsTables>(),
    );
    if (waiting.rows.length > 0) wants.push({ kind, count });
  }
  if (wants.length === 0) return;
  const claimed = await db.write(claimJobs, { owner, leaseMs, wants });
  for (const job of claimed) launch(runtime, job);
}

function launch(runtime: Runtime, job: Claimed): void {
  const handler = runtime.handlers.get(job.kind);
  assert(handler !== undefined, `a job of the unregistered kind ${job.kind} was claimed`);
  const older = runtime.running.get(job.id);
  if (older !== undefined) abort(older, 'lease lost');
  const entry: Running = { job, controller: new AbortController(), abortedBy: undefined, settled: Promise.resolve() };
  runtime.running.set(job.id, entry);
  entry.settled = runHandler(runtime, handler, entry).finally(() => {
    if (runtime.running.get(job.id) === entry) runtime.running.delete(job.id);
    runtime.bell.ring();
  });
}

async function runHandler(runtime: Runtime, handler: JobKind, entry: Running): Promise<void> {
  const { job, controller } = entry;
  const context: JobContext = { ...contextOf(job), signal: controller.signal };
  let outcome: { readonly ok: true; readonly result: unknown } | { readonly ok: false; readonly error: unknown };
  try {
    const result = await handler.run(context);
    outcome = { ok: true, result: result === undefined ? undefined : (JSON.parse(JSON.stringify(result)) as unknown) };
  } catch (error) {
    outcome = { ok: false, error };
  }
  // Someone else has the job now, or the sweeper has ended it: our outcome counts for nothing.
  if (entry.abortedBy === 'lease lost' || entry.abortedBy === 'deadline') return;
  // stop() gives the job back; the interruption is no failure of the job.
  if (!outcome.ok && entry.abortedBy === 'server stops') return;
  if (outcome.ok) {
    const { result } = outcome;
    await record(runtime, entry, async () => {
      const isRecorded = await runtime.db.write(finish, { id: job.id, fence: job.fence, result });
      if (!isRecorded) runtime.log.warn('a job finished after its lease was lost', { job: job.id, kind: job.kind });
    });
    return;
  }
  const { error } = outcome;
  const isRetryable = !(error instanceof SlipwayError) || error.retryable;
  const failing = {
    id: job.id,
    fence: job.fence,
    message: describe(error),
    isRetryable,
    delayMs: backoff(runtime, handler, job),
  };
  await record(runtime, entry, async () => {
    const became = await runtime.db.write(failAttempt, failing);
    const fields = { job: job.id, kind: job.kind, subject: job.subject, attempt: job.attempt, error };
    if (became === 'failed') runtime.log.error('a job failed', fields);
    else if (became === 'retried') runtime.log.warn('a job failed and is tried again', fields);
  });
}

/** Writes an outcome, again and again while the database is away, until it is written or the lease must be lost. */
async function record(runtime: Runtime, entry: Running, write: () => Promise<void>): Promise<void> {
  const { clock, log } = runtime;
  const startedAt = clock.monotonic();
  for (;;) {
    try {
      await write();
      return;
    } catch (error) {
      const isHopeless =
        !(error instanceof SlipwayError) || (!error.retryable && error.code !== 'write_outcome_unknown');
      const isOver = clock.monotonic() - startedAt > leaseMs || entry.abortedBy === 'lease lost';
      if (isHopeless || isOver || runtime.state === 'stopped') {
        log.error('the outcome of a job could not be recorded; it will run again', { job: entry.job.id, error });
        return;
      }
      await clock.sleep(recordRetryMs);
    }
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Full jitter: uniform between nothing and base * 2^(attempt - 1). */
function backoff(runtime: Runtime, handler: JobKind, job: Claimed): number {
  const { baseMs, maxMs } = handler.backoff ?? defaultBackoff;
  return Math.floor(runtime.random() * Math.min(maxMs, baseMs * 2 ** (job.attempt - 1)));
}

function contextOf(job: Claimed | Notice): Omit<JobContext, 'signal'> {
  return {
    jobId: job.id,
    attempt: job.attempt,
    fence: job.fence,
    subject: job.subject,
    // Written by enqueue from an object.
    payload: JSON.parse(job.payload) as Record<string, unknown>,
  };
}

/** Tells handlers of jobs that ended without success. Runs beside the loop, so that a slow one costs no heartbeat. */
function notify(runtime: Runtime): void {
  if (runtime.isNotifying) return;
  runtime.isNotifying = true;
  const run = async (): Promise<void> => {
    const kinds = [...runtime.handlers.keys()];
    if (kinds.length === 0) return;
    const notices = await runtime.db.write(takeNotices, { kinds, retryMs: noticeRetryMs });
    for (const notice of notices) {
      try {
        await runtime.handlers.get(notice.kind)?.onFailed?.(contextOf(notice), {
          state: notice.reason,
          message: notice.message,
        });
        await runtime.db.write(clearNotices, { ids: [notice.id] });
      } catch (error) {
        runtime.log.error('onFailed of a job failed and is called again', { job: notice.id, kind: notice.kind, error });
      }
    }
  };
  void run()
    .catch((error: unknown) => runtime.log.error('job endings could not be told', { error }))
    .finally(() => {
      runtime.isNotifying = false;
    });
}

async function forget(runtime: Runtime): Promise<void> {
  const { clock, db } = runtime;
  if (clock.monotonic() < runtime.nextForgetAt) return;
  const count = await db.write(forgetJobs, { endedBefore: clock.now() - retentionMs });
  // A full batch means that there is more.
  runtime.nextForgetAt = clock.monotonic() + (count > 0 ? pollMs : forgetEveryMs);
}
