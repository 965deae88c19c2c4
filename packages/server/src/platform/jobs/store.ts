/**
 * The tables and writes of jobs. Every write that belongs to a lease carries its fence: with an old one it changes nothing.
 *
 *   ready --claim--> leased --finish--> done
 *   leased --throw--> ready (attempts left) | failed
 *   ready --cancel--> cancelled;  leased --cancel--> cancelling --handler ends, or grace over--> cancelled
 *   ready, leased --deadline--> failed;  leased --lease expires--> ready | failed
 */
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import type { Generated, Kysely, RawBuilder, Selectable } from 'kysely';
import { SlipwayError } from '@slipway/contract';
import { operation } from '../db/db.ts';
import type { StoreModule, Trx } from '../db/db.ts';
import { nextTick, ticksBetween } from './cron.ts';
import type { Enqueue, NewJob, Schedule } from './jobs.ts';

export const jobState = { ready: 0, leased: 1, done: 2, failed: 3, cancelling: 4, cancelled: 5 } as const;

export interface JobsTables {
  jobs_job: {
    id: Generated<number>;
    kind: string;
    subject: string;
    state: number;
    priority: number;
    run_at: number;
    attempt: number;
    max_attempts: number;
    fence: number;
    lease_owner: string | null;
    lease_until: number | null;
    deadline_at: number;
    deadline_ms: number;
    dedupe_key: string | null;
    payload: string;
    result: string | null;
    error: string | null;
    end_reason: string | null;
    notice_at: number | null;
    created_at: number;
    ended_at: number | null;
  };
  jobs_schedule: {
    name: string;
    cron: string;
    time_zone: string;
    kind: string;
    subject: string;
    payload: string;
    deadline_ms: number;
    missed: 'each' | 'latest';
    next_at: number;
  };
}

export type JobRow = Selectable<JobsTables['jobs_job']>;

/** The topic that wakes the loops of all processes that run jobs. */
export const jobsTopic = 'jobs';
/** How long a cancelled handler may take to end before the job counts as cancelled without it, milliseconds. */
export const cancelGraceMs = 10_000;
/** Attempts when the job does not say. */
const defaultMaxAttempts = 3;
/** Most ticks of one schedule that are made up for after a standstill; older ones are left out and logged. */
const missedTickLimit = 100;
/** Rows that one sweep changes at most. */
const sweepLimit = 500;
/** Longest error text that is kept, characters. */
const errorLimit = 4000;

const table = (trx: Trx): Kysely<JobsTables> => trx.tables<JobsTables>();

/** States go into the text of a query, not into its parameters: a partial index fits only what the planner can read. */
const lit = (state: number): RawBuilder<number> => sql.lit(state);
const { ready, leased, done, failed, cancelling, cancelled } = jobState;
const held = [lit(leased), lit(cancelling)];
const open = [lit(ready), lit(leased), lit(cancelling)];
/** A job without a lease. */
const free = { lease_owner: null, lease_until: null } as const;

export const enqueue: Enqueue = async (trx: Trx, job: NewJob): Promise<number> => {
  const runAt = job.runAt ?? trx.now;
  const made = await table(trx)
    .insertInto('jobs_job')
    .values({
      kind: job.kind,
      subject: job.subject,
      state: ready,
      priority: job.priority ?? 0,
      run_at: runAt,
      attempt: 0,
      max_attempts: job.maxAttempts ?? defaultMaxAttempts,
      fence: 0,
      deadline_at: Math.max(runAt, trx.now) + job.deadlineMs,
      deadline_ms: job.deadlineMs,
      dedupe_key: job.dedupeKey ?? null,
      payload: JSON.stringify(job.payload),
      created_at: trx.now,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .executeTakeFirst();
  trx.wake(jobsTopic);
  if (made !== undefined) return made.id;
  const existing = await table(trx)
    .selectFrom('jobs_job')
    .select('id')
    .where('dedupe_key', '=', job.dedupeKey ?? null)
    .where('state', 'in', open)
    .executeTakeFirstOrThrow();
  return existing.id;
};

export interface Claim {
  readonly owner: string;
  readonly leaseMs: number;
  readonly wants: readonly { readonly kind: string; readonly count: number }[];
}

/** A job that this process now holds. */
export interface Claimed {
  readonly id: number;
  readonly kind: string;
  readonly subject: string;
  readonly payload: string;
  readonly attempt: number;
  readonly fence: number;
  readonly deadlineAt: number;
  readonly deadlineMs: number;
}

export const claimJobs = operation('jobs.claim', async (trx, input: Claim): Promise<Claimed[]> => {
  const claimed: Claimed[] = [];
  for (const want of input.wants) {
    let ids = table(trx)
      .selectFrom('jobs_job')
      .select('id')
      .where('state', '=', lit(ready))
      .where('kind', '=', want.kind)
      .where('run_at', '<=', trx.now)
      .where('deadline_at', '>', trx.now)
      .orderBy('priority', 'desc')
      .orderBy('run_at')
      .orderBy('id')
      .limit(want.count);
    if (trx.dialect === 'postgres') ids = ids.forUpdate().skipLocked();
    const rows = await table(trx)
      .updateTable('jobs_job')
      .set((eb) => ({
        state: leased,
        attempt: eb('attempt', '+', 1),
        fence: eb('fence', '+', 1),
        lease_owner: input.owner,
        lease_until: trx.now + input.leaseMs,
      }))
      .where('id', 'in', ids)
      .returning([
        'id',
        'kind',
        'subject',
        'payload',
        'attempt',
        'fence',
        'priority',
        'run_at',
        'deadline_at',
        'deadline_ms',
      ])
      .execute();
    rows.sort((a, b) => b.priority - a.priority || a.run_at - b.run_at || a.id - b.id);
    for (const row of rows) {
      const { id, kind, subject, payload, attempt, fence } = row;
      claimed.push({
        id,
        kind,
        subject,
        payload,
        attempt,
        fence,
        deadlineAt: row.deadline_at,
        deadlineMs: row.deadline_ms,
      });
    }
  }
  return claimed;
});

export interface Held {
  readonly id: number;
  readonly fence: number;
}

/**
 * Prolongs the leases of this owner on jobs that it really runs: one that it forgot must expire. Returns what it still holds,
 * and what of that is being cancelled.
 */
export const heartbeat = operation(
  'jobs.heartbeat',
  async (
    trx,
    input: { owner: string; leaseMs: number; ids: readonly number[] },
  ): Promise<(Held & { readonly isCancelling: boolean })[]> => {
    const rows = await table(trx)
      .updateTable('jobs_job')
      .set({ lease_until: trx.now + input.leaseMs })
      .where('lease_owner', '=', input.owner)
      .where('id', 'in', input.ids)
      .where('state', 'in', held)
      .returning(['id', 'fence', 'state'])
      .execute();
    return rows.map((row) => ({ id: row.id, fence: row.fence, isCancelling: row.state === cancelling }));
  },
);

/**
 * Records success inside the caller's own write, so that a job's outcome and what it achieved are one commit. A job that was
 * being cancelled ends as cancelled. Throws `job_lease_lost` when the fence is no longer current: the caller must stop.
 */
export async function finishJob(trx: Trx, input: Held & { readonly result?: unknown }): Promise<void> {
  const row = await table(trx)
    .updateTable('jobs_job')
    .set((eb) => ({
      ...free,
      state: eb.case().when('state', '=', lit(cancelling)).then(lit(cancelled)).else(lit(done)).end(),
      end_reason: eb.case().when('state', '=', lit(cancelling)).then(sql.lit('cancelled')).else(null).end(),
      notice_at: eb
        .case()
        .when('state', '=', lit(cancelling))
        .then(sql<number>`cast(${trx.now} as bigint)`)
        .else(null)
        .end(),
      result: input.result === undefined ? null : JSON.stringify(input.result),
      error: null,
      ended_at: trx.now,
    }))
    .where('id', '=', input.id)
    .where('fence', '=', input.fence)
    .where('state', 'in', held)
    .returning('id')
    .executeTakeFirst();
  if (row === undefined) throw new SlipwayError('job_lease_lost', { job: input.id, fence: input.fence });
}

/** Success of a handler. True when this was the one that recorded it, or finishJob had already done so. */
export const finish = operation(
  'jobs.finish',
  async (trx, input: Held & { readonly result: unknown }): Promise<boolean> => {
    const row = await find(trx, input.id);
    if (row === undefined || row.fence !== input.fence) return false;
    if (row.state === done) return true;
    if (row.state !== leased && row.state !== cancelling) return false;
    await finishJob(trx, input);
    return true;
  },
);

async function find(trx: Trx, id: number): Promise<JobRow | undefined> {
  return table(trx).selectFrom('jobs_job').selectAll().where('id', '=', id).executeTakeFirst();
}

export interface Failing extends Held {
  readonly message: string;
  readonly isRetryable: boolean;
  /** Pause before the next attempt. */
  readonly delayMs: number;
}

/** A handler threw. Returns what became of the job, or undefined when the lease was lost. */
export const failAttempt = operation(
  'jobs.fail-attempt',
  async (trx, input: Failing): Promise<'retried' | 'failed' | 'cancelled' | undefined> => {
    const row = await find(trx, input.id);
    if (row === undefined || row.fence !== input.fence) return undefined;
    if (row.state === cancelling) {
      await end(trx, row, { state: cancelled, reason: 'cancelled', message: 'cancelled while it ran' });
      return 'cancelled';
    }
    if (row.state !== leased) return undefined;
    const message = input.message.slice(0, errorLimit);
    if (!input.isRetryable || row.attempt >= row.max_attempts) {
      await end(trx, row, { state: failed, reason: 'failed', message });
      return 'failed';
    }
    await table(trx)
      .updateTable('jobs_job')
      .set({ ...free, state: ready, run_at: trx.now + input.delayMs, error: message })
      .where('id', '=', row.id)
      .execute();
    trx.wake(jobsTopic);
    return 'retried';
  },
);

/** Ends a job without success, and owes its handler the news. The fence rises, so that a late worker changes nothing. */
async function end(
  trx: Trx,
  row: JobRow,
  how: { readonly state: number; readonly reason: 'failed' | 'cancelled' | 'deadline'; readonly message: string },
): Promise<void> {
  await table(trx)
    .updateTable('jobs_job')
    .set((eb) => ({
      ...free,
      state: how.state,
      fence: eb('fence', '+', 1),
      end_reason: how.reason,
      error: how.message,
      notice_at: trx.now,
      ended_at: trx.now,
    }))
    .where('id', '=', row.id)
    .execute();
  trx.wake(jobsTopic);
}

/** Takes a lease away. The attempt counts when its worker died, not when it gave the job back. */
async function takeBack(
  trx: Trx,
  row: JobRow,
  why: { readonly isFault: boolean; readonly message: string },
): Promise<void> {
  if (row.state === cancelling) {
    await end(trx, row, { state: cancelled, reason: 'cancelled', message: 'cancelled while it ran' });
    return;
  }
  if (why.isFault && row.attempt >= row.max_attempts) {
    await end(trx, row, { state: failed, reason: 'failed', message: `${why.message}; no attempt is left` });
    return;
  }
  await table(trx)
    .updateTable('jobs_job')
    .set({
      ...free,
      state: ready,
      run_at: trx.now,
      attempt: why.isFault ? row.attempt : row.attempt - 1,
      fence: row.fence + 1,
      error: why.isFault ? why.message : row.error,
    })
    .where('id', '=', row.id)
    .execute();
  trx.wake(jobsTopic);
}

/** The server stops: its jobs may run elsewhere, or here after the restart, at once. */
export const releaseJobs = operation('jobs.release', async (trx, input: { owner: string }): Promise<number> => {
  const rows = await table(trx)
    .selectFrom('jobs_job')
    .selectAll()
    .where('lease_owner', '=', input.owner)
    .where('state', 'in', held)
    .execute();
  for (const row of rows) await takeBack(trx, row, { isFault: false, message: '' });
  return rows.length;
});

/** The only server of a workspace has started: whoever held leases is dead. */
export const takeOverJobs = operation('jobs.take-over', async (trx, input: { owner: string }): Promise<number> => {
  const rows = await table(trx)
    .selectFrom('jobs_job')
    .selectAll()
    .where('state', 'in', held)
    .where('lease_owner', '!=', input.owner)
    .execute();
  for (const row of rows) await takeBack(trx, row, { isFault: true, message: 'the server stopped while the job ran' });
  return rows.length;
});

export interface SweepResult {
  readonly expired: number;
  /** Jobs that passed their deadline or their cancel grace, leased or not. */
  readonly ended: readonly number[];
}

/** Expired leases, passed deadlines, overdue cancellations. */
export const sweepJobs = operation('jobs.sweep', async (trx): Promise<SweepResult> => {
  const late = await table(trx)
    .selectFrom('jobs_job')
    .selectAll()
    .where('state', 'in', open)
    .where('deadline_at', '<=', trx.now)
    .orderBy('deadline_at')
    .limit(sweepLimit)
    .execute();
  for (const row of late) {
    const error = new SlipwayError('job_deadline_passed', { job: row.id, limitMs: row.deadline_ms });
    await end(
      trx,
      row,
      row.state === cancelling
        ? { state: cancelled, reason: 'cancelled', message: `cancelled; it did not stop within ${cancelGraceMs} ms` }
        : { state: failed, reason: 'deadline', message: error.message },
    );
  }
  const expired = await table(trx)
    .selectFrom('jobs_job')
    .selectAll()
    .where('state', 'in', held)
    .where('lease_until', '<=', trx.now)
    .orderBy('lease_until')
    .limit(sweepLimit)
    .execute();
  for (const row of expired)
    await takeBack(trx, row, { isFault: true, message: 'its worker was not heard of any more' });
  return { expired: expired.length, ended: late.map((row) => row.id) };
});

/**
 * Cancels the unfinished jobs of a subject inside the caller's write. Waiting ones end at once; running ones are told, and
 * end when their handler does, or when the grace is over. Returns how many it met.
 */
export async function cancelJobs(trx: Trx, subject: string): Promise<number> {
  const rows = await table(trx)
    .selectFrom('jobs_job')
    .selectAll()
    .where('subject', '=', subject)
    .where('state', 'in', [lit(ready), lit(leased)])
    .execute();
  for (const row of rows) {
    if (row.state === ready) {
      await end(trx, row, { state: cancelled, reason: 'cancelled', message: 'cancelled before it ran' });
      continue;
    }
    await table(trx)
      .updateTable('jobs_job')
      .set({ state: cancelling, deadline_at: Math.min(row.deadline_at, trx.now + cancelGraceMs) })
      .where('id', '=', row.id)
      .execute();
  }
  if (rows.length > 0) trx.wake(jobsTopic);
  return rows.length;
}

export const cancelSubject = operation('jobs.cancel', async (trx, input: { subject: string }): Promise<number> => {
  return cancelJobs(trx, input.subject);
});

export interface Notice {
  readonly id: number;
  readonly kind: string;
  readonly subject: string;
  readonly payload: string;
  readonly attempt: number;
  readonly fence: number;
  readonly reason: 'failed' | 'cancelled' | 'deadline';
  readonly message: string;
}

/**
 * The kind as an expression, so that SQLite drives from the few rows with a notice and not from all rows of the kind (it has
 * no statistics that tell them apart).
 */
export const kindOf: RawBuilder<string> = sql<string>`kind || ''`;

/** Takes the news that are owed to handlers of these kinds, and puts them off so that no other process takes them too. */
export const takeNotices = operation(
  'jobs.take-notices',
  async (trx, input: { kinds: readonly string[]; retryMs: number }): Promise<Notice[]> => {
    const rows = await table(trx)
      .selectFrom('jobs_job')
      .selectAll()
      .where('notice_at', '<=', trx.now)
      .where(kindOf, 'in', input.kinds)
      .orderBy('notice_at')
      .limit(sweepLimit)
      .execute();
    for (const row of rows) {
      await table(trx)
        .updateTable('jobs_job')
        .set({ notice_at: trx.now + input.retryMs })
        .where('id', '=', row.id)
        .execute();
    }
    return rows.map((row) => ({
      id: row.id,
      kind: row.kind,
      subject: row.subject,
      payload: row.payload,
      attempt: row.attempt,
      fence: row.fence,
      // The store writes nothing else into this column.
      reason: (row.end_reason ?? 'failed') as Notice['reason'],
      message: row.error ?? '',
    }));
  },
);

export const clearNotices = operation(
  'jobs.clear-notices',
  async (trx, input: { ids: readonly number[] }): Promise<void> => {
    for (const id of input.ids) {
      await table(trx).updateTable('jobs_job').set({ notice_at: null }).where('id', '=', id).execute();
    }
  },
);

/** Forgets jobs that ended long ago. */
export const forgetJobs = operation('jobs.forget', async (trx, input: { endedBefore: number }): Promise<number> => {
  const old = table(trx)
    .selectFrom('jobs_job')
    .select('id')
    .where('ended_at', '<', input.endedBefore)
    .where('notice_at', 'is', null)
    .orderBy('ended_at')
    .limit(sweepLimit);
  const result = await table(trx).deleteFrom('jobs_job').where('id', 'in', old).executeTakeFirst();
  return Number(result.numDeletedRows);
});

/** Sets a schedule. One that only changes what it starts keeps its next tick. */
export async function putSchedule(trx: Trx, schedule: Schedule): Promise<void> {
  const existing = await table(trx)
    .selectFrom('jobs_schedule')
    .selectAll()
    .where('name', '=', schedule.name)
    .executeTakeFirst();
  const isSameTime = existing?.cron === schedule.cron && existing.time_zone === schedule.timeZone;
  const row = {
    cron: schedule.cron,
    time_zone: schedule.timeZone,
    kind: schedule.kind,
    subject: schedule.subject,
    payload: JSON.stringify(schedule.payload),
    deadline_ms: schedule.deadlineMs,
    missed: schedule.missed ?? 'each',
    next_at: isSameTime ? existing.next_at : nextTick(schedule, trx.now),
  } as const;
  await table(trx)
    .insertInto('jobs_schedule')
    .values({ name: schedule.name, ...row })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
    .execute();
  trx.wake(jobsTopic);
}

export async function dropSchedule(trx: Trx, name: string): Promise<void> {
  await table(trx).deleteFrom('jobs_schedule').where('name', '=', name).execute();
}

export const setSchedule = operation('jobs.set-schedule', async (trx, input: Schedule): Promise<void> => {
  await putSchedule(trx, input);
});

export const removeSchedule = operation('jobs.remove-schedule', async (trx, input: { name: string }): Promise<void> => {
  await dropSchedule(trx, input.name);
});

/** Queues a job for each tick that has come, and moves the schedules on in the same commit: no tick is lost or doubled. */
export const runSchedules = operation(
  'jobs.run-schedules',
  async (trx): Promise<{ readonly queued: number; readonly skipped: number }> => {
    let due = table(trx)
      .selectFrom('jobs_schedule')
      .selectAll()
      .where('next_at', '<=', trx.now)
      .orderBy('name')
      .limit(sweepLimit);
    if (trx.dialect === 'postgres') due = due.forUpdate().skipLocked();
    let queued = 0;
    let skipped = 0;
    for (const row of await due.execute()) {
      const spec = { cron: row.cron, timeZone: row.time_zone };
      const limit = row.missed === 'latest' ? 1 : missedTickLimit;
      const missed = ticksBetween(spec, { firstAt: row.next_at, untilMs: trx.now, limit });
      skipped += row.missed === 'latest' ? 0 : missed.skipped;
      for (const tick of missed.ticks) {
        await enqueue(trx, {
          kind: row.kind,
          subject: row.subject,
          // Written by putSchedule from an object.
          payload: { ...(JSON.parse(row.payload) as Record<string, unknown>), scheduledAt: tick },
          dedupeKey: `schedule:${row.name}:${tick}`,
          deadlineMs: row.deadline_ms,
        });
        queued += 1;
      }
      await table(trx)
        .updateTable('jobs_schedule')
        .set({ next_at: missed.nextAt })
        .where('name', '=', row.name)
        .execute();
    }
    return { queued, skipped };
  },
);

export const jobsStore: StoreModule = {
  name: 'jobs',
  migrations: fileURLToPath(new URL('./migrations/', import.meta.url)),
  operations: [
    claimJobs,
    heartbeat,
    finish,
    failAttempt,
    releaseJobs,
    takeOverJobs,
    sweepJobs,
    cancelSubject,
    takeNotices,
    clearNotices,
    forgetJobs,
    setSchedule,
    removeSchedule,
    runSchedules,
  ],
};
