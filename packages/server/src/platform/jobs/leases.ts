/**
 * The life of a job under leases. Every write that belongs to a lease carries its fence: with an old one it changes nothing.
 *
 *   ready --claim--> leased --finish--> done
 *   leased --throw--> ready (attempts left) | failed
 *   ready --cancel--> cancelled;  leased --cancel--> cancelling --handler ends, or grace over--> cancelled
 *   ready, leased --deadline--> failed;  leased --lease expires--> ready | failed
 */
import { sql } from 'kysely';
import { SlipwayError } from '@slipway/contract';
import { operation } from '../db/db.ts';
import type { Trx } from '../db/db.ts';
import type { JobRow } from './tables.ts';
import { cancelGraceMs, free, held, jobsTopic, jobState, lit, open, sweepLimit, table } from './tables.ts';

/** Longest error text that is kept, characters. */
const errorLimit = 4000;

const { ready, leased, done, failed, cancelling, cancelled } = jobState;

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

/** Those whose instant has passed, the earliest first, as many as one sweep takes. */
const overdue = (trx: Trx, column: 'deadline_at' | 'lease_until', states: typeof open): Promise<JobRow[]> =>
  table(trx)
    .selectFrom('jobs_job')
    .selectAll()
    .where('state', 'in', states)
    .where(column, '<=', trx.now)
    .orderBy(column)
    .limit(sweepLimit)
    .execute();

/** Expired leases, passed deadlines, overdue cancellations. */
export const sweepJobs = operation('jobs.sweep', async (trx): Promise<SweepResult> => {
  const late = await overdue(trx, 'deadline_at', open);
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
  const expired = await overdue(trx, 'lease_until', held);
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

export const leaseOperations = [
  claimJobs,
  heartbeat,
  finish,
  failAttempt,
  releaseJobs,
  takeOverJobs,
  sweepJobs,
  cancelSubject,
] as const;
