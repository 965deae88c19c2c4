/** A job is queued inside the write of whoever wants it. */
import type { Trx } from '../db/db.ts';
import type { Enqueue, NewJob } from './jobs.ts';
import { jobState, jobsTopic, open, table } from './tables.ts';

/** Attempts when the job does not say. */
const defaultMaxAttempts = 3;

export const enqueue: Enqueue = async (trx: Trx, job: NewJob): Promise<number> => {
  const runAt = job.runAt ?? trx.now;
  const made = await table(trx)
    .insertInto('jobs_job')
    .values({
      kind: job.kind,
      subject: job.subject,
      state: jobState.ready,
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
