/** The tables of jobs, and what all writes to them share. */
import { sql } from 'kysely';
import type { Generated, Kysely, RawBuilder, Selectable } from 'kysely';
import type { Trx } from '../db/db.ts';

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
/** Rows that one sweep changes at most. */
export const sweepLimit = 500;

export const table = (trx: Trx): Kysely<JobsTables> => trx.tables<JobsTables>();

/** States go into the text of a query, not into its parameters: a partial index fits only what the planner can read. */
export const lit = (state: number): RawBuilder<number> => sql.lit(state);
const { ready, leased, cancelling } = jobState;
export const held = [lit(leased), lit(cancelling)];
export const open = [lit(ready), lit(leased), lit(cancelling)];
/** A job without a lease. */
export const free = { lease_owner: null, lease_until: null } as const;
