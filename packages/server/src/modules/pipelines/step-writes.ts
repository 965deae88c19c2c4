/**
 * The outcomes of a step. Each is one transaction: the step's row, its outputs, the cache, the steps that it unblocks with
 * their jobs, the end of the run, and the events.
 *
 * Outcomes are fenced: only the job run (job id, fence) that began an attempt may end it, and only while the step is live.
 * A second, late writer changes nothing and is told so with `job_lease_lost`.
 */
import type { StepOutput } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Trx } from '../../platform/db/db.ts';
import { finishJob } from '../../platform/jobs/leases.ts';
import { operation } from '../../platform/db/db.ts';
import type { PipelinesTables, RunRow, StepRow } from './rows.ts';
import { isLiveStep } from './rows.ts';
import { cancelDeadlineMs, endSteps, lockRun, queueStep, skipDependents, unblock } from './transitions.ts';

export interface Claim {
  readonly run: string;
  readonly step: string;
  readonly jobId: number;
  readonly fence: number;
}

/** Ends with `job_lease_lost` unless this job run may still decide about the step. */
async function claimed(trx: Trx, claim: Claim): Promise<{ run: RunRow; step: StepRow }> {
  const run = await lockRun(trx, claim.run);
  const step = await trx
    .tables<PipelinesTables>()
    .selectFrom('pipelines_step')
    .selectAll()
    .where('run', '=', claim.run)
    .where('step', '=', claim.step)
    .executeTakeFirst();
  const isOlder = step?.job_id === claim.jobId && (step.fence ?? 0) <= claim.fence;
  if (!step || !isLiveStep(step.state) || !isOlder) {
    throw new SlipwayError('job_lease_lost', { job: claim.jobId, fence: claim.fence });
  }
  return { run, step };
}

export interface BeginStep extends Claim {
  readonly pid: number;
  readonly pidStarted: string;
  readonly timeoutMs: number;
  readonly reason: string;
  readonly parts: unknown;
}

/** An attempt starts: the process exists but waits for this commit. Answers the attempt's number, or that the step was cancelled meanwhile. */
export const beginStep = operation(
  'pipelines.begin-step',
  async (trx, input: BeginStep): Promise<{ readonly attempt: number } | 'cancelled'> => {
    const { run, step } = await claimed(trx, input);
    if (step.state === 'cancelling') return 'cancelled';
    const attempt = step.attempt + 1;
    const tables = trx.tables<PipelinesTables>();
    await tables
      .updateTable('pipelines_step')
      .set({
        state: 'running',
        attempt,
        job_id: input.jobId,
        fence: input.fence,
        pid: input.pid,
        pid_started: input.pidStarted,
        reason: input.reason,
        problem: null,
        problem_code: null,
        cache_parts: JSON.stringify(input.parts),
        started_at: step.started_at ?? trx.now,
        deadline_at: trx.now + input.timeoutMs + cancelDeadlineMs,
      })
      .where('run', '=', input.run)
      .where('step', '=', input.step)
      .execute();
    if (step.state === 'running') {
      await closeAttempt(trx, step, 'The server that ran this attempt stopped.');
    }
    await tables
      .insertInto('pipelines_attempt')
      .values({
        run: input.run,
        step: input.step,
        number: attempt,
        started_at: trx.now,
        finished_at: null,
        problem: null,
      })
      .execute();
    await trx.emit({
      kind: 'step.started',
      actor: `step:${input.run}/${input.step}`,
      subject: input.run,
      body: { pipeline: run.pipeline, step: input.step, attempt },
    });
    return { attempt };
  },
);

async function closeAttempt(
  trx: Trx,
  step: Pick<StepRow, 'run' | 'step' | 'attempt'>,
  problem: string | null,
): Promise<void> {
  await trx
    .tables<PipelinesTables>()
    .updateTable('pipelines_attempt')
    .set({ finished_at: trx.now, problem })
    .where('run', '=', step.run)
    .where('step', '=', step.step)
    .where('number', '=', step.attempt)
    .where('finished_at', 'is', null)
    .execute();
}

export interface FinishStep extends Claim {
  readonly state: 'succeeded' | 'reused';
  readonly outputs: Readonly<Record<string, StepOutput>>;
  readonly reason: string;
  readonly trackingRun: string | undefined;
  /** Stores the result for later runs. */
  readonly cache: { readonly key: string; readonly parts: unknown } | undefined;
}

/** Success: outputs, cache, successors and events in one commit. Answers an inline successor that this job run now holds. */
export const finishStep = operation(
  'pipelines.finish-step',
  async (trx, input: FinishStep): Promise<{ readonly next: string | undefined }> => {
    const { run, step } = await claimed(trx, input);
    const tables = trx.tables<PipelinesTables>();
    const outputs = JSON.stringify(input.outputs);
    await tables
      .updateTable('pipelines_step')
      .set({
        state: input.state,
        outputs,
        reason: input.reason,
        problem: null,
        problem_code: null,
        cache_parts: input.cache === undefined ? step.cache_parts : JSON.stringify(input.cache.parts),
        tracking_run: input.trackingRun ?? null,
        pid: null,
        fence: input.fence,
        started_at: step.started_at ?? trx.now,
        finished_at: trx.now,
        deadline_at: null,
      })
      .where('run', '=', input.run)
      .where('step', '=', input.step)
      .execute();
    if (step.attempt > 0) await closeAttempt(trx, step, null);
    if (input.cache !== undefined && input.state === 'succeeded') {
      const row = { parts: JSON.stringify(input.cache.parts), outputs, run: input.run, created_at: trx.now };
      await tables
        .insertInto('pipelines_cache')
        .values({ cache_key: input.cache.key, pipeline: run.pipeline, step: input.step, ...row })
        .onConflict((conflict) => conflict.column('cache_key').doUpdateSet(row))
        .execute();
    }
    await trx.emit({
      kind: 'step.finished',
      actor: `step:${input.run}/${input.step}`,
      subject: input.run,
      body: {
        pipeline: run.pipeline,
        step: input.step,
        state: input.state,
        attempt: step.attempt,
        outputs: digestsOf(input.outputs),
      },
    });
    const next = await unblock(trx, { run, step: input.step, jobId: input.jobId, fence: input.fence });
    await endSteps(trx, run, 1);
    // With no step left for this job run, its own end is part of the same commit.
    if (next === undefined) await finishJob(trx, { id: input.jobId, fence: input.fence });
    return { next };
  },
);

function digestsOf(outputs: Readonly<Record<string, StepOutput>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(outputs).flatMap(([name, output]) => ('artifact' in output ? [[name, output.artifact.digest]] : [])),
  );
}

export interface FailStep extends Claim {
  readonly problem: string;
  readonly code?: string | undefined;
  /** Set when another attempt shall start after this delay, milliseconds. */
  readonly retryInMs: number | undefined;
  readonly trackingRun: string | undefined;
}

/** An attempt failed: another one is queued, or the step has failed and what depends on it is skipped. */
export const failStep = operation('pipelines.fail-step', async (trx, input: FailStep): Promise<void> => {
  const { run, step } = await claimed(trx, input);
  await closeAttempt(trx, step, input.problem);
  await finishJob(trx, { id: input.jobId, fence: input.fence });
  const isRetried = input.retryInMs !== undefined && step.state !== 'cancelling' && run.state === 'running';
  if (isRetried) {
    const when = { runAt: trx.now + (input.retryInMs ?? 0), deadlineAt: run.deadline_at };
    const jobId = await queueStep(trx, input.run, input.step, when);
    await trx
      .tables<PipelinesTables>()
      .updateTable('pipelines_step')
      .set({
        state: 'retrying',
        failures: step.failures + 1,
        job_id: jobId,
        fence: null,
        pid: null,
        problem: input.problem,
        tracking_run: input.trackingRun ?? null,
        deadline_at: run.deadline_at,
      })
      .where('run', '=', input.run)
      .where('step', '=', input.step)
      .execute();
    await trx.emit({
      kind: 'step.retrying',
      actor: `step:${input.run}/${input.step}`,
      subject: input.run,
      body: {
        pipeline: run.pipeline,
        step: input.step,
        attempt: step.attempt,
        retryAt: when.runAt,
        problem: input.problem.slice(0, 4000),
      },
    });
    return;
  }
  const state = step.state === 'cancelling' ? 'cancelled' : 'failed';
  const { problem, code, trackingRun } = input;
  await endStep(trx, run, step, { state, problem, code, trackingRun });
});

interface StepEnd {
  readonly state: 'failed' | 'cancelled';
  readonly problem: string;
  readonly code?: string | undefined;
  readonly trackingRun?: string | undefined;
}

async function endStep(trx: Trx, run: RunRow, step: StepRow, end: StepEnd): Promise<void> {
  await trx
    .tables<PipelinesTables>()
    .updateTable('pipelines_step')
    .set({
      state: end.state,
      failures: step.failures + (end.state === 'failed' ? 1 : 0),
      problem: end.problem,
      problem_code: end.code ?? null,
      tracking_run: end.trackingRun ?? step.tracking_run,
      pid: null,
      finished_at: trx.now,
      deadline_at: null,
    })
    .where('run', '=', step.run)
    .where('step', '=', step.step)
    .execute();
  await trx.emit({
    kind: 'step.finished',
    actor: `step:${step.run}/${step.step}`,
    subject: step.run,
    body: {
      pipeline: run.pipeline,
      step: step.step,
      state: end.state,
      attempt: step.attempt,
      problem: end.problem.slice(0, 4000),
    },
  });
  const skipped = await skipDependents(trx, step);
  await endSteps(
    trx,
    run,
    1 + skipped,
    end.state === 'failed' ? `Step "${step.step}" failed: ${end.problem}` : undefined,
  );
}

/**
 * Ends a step from outside its job run: its deadline passed, or its job ended without recording an outcome.
 * Does nothing when the step has ended or moved on meanwhile.
 */
export const expireStep = operation(
  'pipelines.expire-step',
  async (
    trx,
    input: {
      readonly run: string;
      readonly step: string;
      readonly jobId?: number | undefined;
      readonly problem: string;
      readonly isOverdue: boolean;
    },
  ): Promise<boolean> => {
    const run = await lockRun(trx, input.run);
    const step = await trx
      .tables<PipelinesTables>()
      .selectFrom('pipelines_step')
      .selectAll()
      .where('run', '=', input.run)
      .where('step', '=', input.step)
      .executeTakeFirst();
    if (!step || !isLiveStep(step.state)) return false;
    if (input.jobId !== undefined && step.job_id !== input.jobId) return false;
    if (input.isOverdue && (step.deadline_at ?? Infinity) > trx.now) return false;
    await closeAttempt(trx, step, input.problem);
    const state = step.state === 'cancelling' ? 'cancelled' : 'failed';
    await endStep(trx, run, step, { state, problem: input.problem });
    return true;
  },
);
