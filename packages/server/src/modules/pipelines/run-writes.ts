/** A run of a pipeline begins with all of its steps, and may be cancelled as a whole: each is one transaction. */
import type { PinnedDataset, StepOutput } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Trx } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import type { PipelinesTables, RunRow, StepRow } from './rows.ts';
import { isLiveRun } from './rows.ts';
import { cancelDeadlineMs, endSteps, lockRun, queueStep } from './transitions.ts';

const insertRows = 400;

export interface NewStep {
  readonly step: string;
  readonly position: number;
  readonly blockers: number;
  readonly isForced: boolean;
  readonly isInline: boolean;
  /** Outputs and origin of a step whose result is kept from the run that this one repeats. */
  readonly kept?: { readonly outputs: Readonly<Record<string, StepOutput>>; readonly reason: string } | undefined;
}

export interface StartRun {
  readonly id: string;
  readonly pipeline: string;
  readonly graphDigest: string;
  readonly bundle: string;
  readonly file: string;
  readonly commit: string | undefined;
  readonly params: Readonly<Record<string, unknown>>;
  readonly datasets: readonly PinnedDataset[];
  readonly useCache: boolean;
  readonly reason: string | undefined;
  readonly rerunOf: string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly timeLimitMs: number;
  readonly steps: readonly NewStep[];
  readonly edges: readonly (readonly [from: string, to: string])[];
  readonly actor: string;
}

export const startRun = operation('pipelines.start-run', async (trx, input: StartRun): Promise<RunRow> => {
  const tables = trx.tables<PipelinesTables>();
  if (input.idempotencyKey !== undefined) {
    const there = await tables
      .selectFrom('pipelines_run')
      .selectAll()
      .where('idempotency_key', '=', input.idempotencyKey)
      .executeTakeFirst();
    if (there) return there;
  }
  const open = input.steps.filter((s) => s.kept === undefined);
  if (open.length === 0)
    throw new SlipwayError('conflict', { problem: 'No step is left to run: every result is kept.' });
  const deadlineAt = trx.now + input.timeLimitMs;
  const run: RunRow = {
    id: input.id,
    pipeline: input.pipeline,
    graph_digest: input.graphDigest,
    bundle: input.bundle,
    file: input.file,
    state: 'running',
    params: JSON.stringify(input.params),
    datasets: JSON.stringify(input.datasets),
    use_cache: input.useCache ? 1 : 0,
    reason: input.reason ?? null,
    problem: null,
    open_steps: open.length,
    started_by: input.actor,
    started_at: trx.now,
    finished_at: null,
    deadline_at: deadlineAt,
    commit_id: input.commit ?? null,
    rerun_of: input.rerunOf ?? null,
    idempotency_key: input.idempotencyKey ?? null,
  };
  await tables.insertInto('pipelines_run').values(run).execute();
  const read = new Set(input.datasets.flatMap(({ id }) => (id === undefined ? [] : [id])));
  if (read.size > 0)
    await tables
      .insertInto('pipelines_run_dataset')
      .values([...read].map((version) => ({ version_id: version, run: input.id })))
      .execute();
  await insertSteps(trx, input, deadlineAt);
  await trx.emit({
    kind: 'pipeline-run.started',
    actor: input.actor,
    subject: input.id,
    body: {
      pipeline: input.pipeline,
      params: input.params,
      bundle: input.bundle,
      commit: input.commit,
      datasets: input.datasets,
      reason: input.reason,
      rerunOf: input.rerunOf,
    },
  });
  return run;
});

async function insertSteps(trx: Trx, input: StartRun, deadlineAt: number): Promise<void> {
  const tables = trx.tables<PipelinesTables>();
  const rows: StepRow[] = [];
  for (const step of input.steps) {
    const isReady = step.kept === undefined && step.blockers === 0;
    const jobId = isReady ? await queueStep(trx, input.id, step.step, { runAt: trx.now, deadlineAt }) : null;
    rows.push({
      run: input.id,
      step: step.step,
      position: step.position,
      state: step.kept !== undefined ? 'reused' : isReady ? 'queued' : 'waiting',
      blockers: step.blockers,
      is_forced: step.isForced ? 1 : 0,
      is_inline: step.isInline ? 1 : 0,
      attempt: 0,
      failures: 0,
      job_id: jobId,
      fence: null,
      pid: null,
      pid_started: null,
      reason: step.kept?.reason ?? null,
      problem: null,
      problem_code: null,
      cache_parts: null,
      outputs: step.kept === undefined ? null : JSON.stringify(step.kept.outputs),
      tracking_run: null,
      queued_at: isReady ? trx.now : null,
      started_at: null,
      finished_at: step.kept === undefined ? null : trx.now,
      deadline_at: step.kept === undefined ? deadlineAt : null,
    });
  }
  for (let i = 0; i < rows.length; i += insertRows) {
    await tables
      .insertInto('pipelines_step')
      .values(rows.slice(i, i + insertRows))
      .execute();
  }
  const edges = input.edges.map(([from, to]) => ({ run: input.id, from_step: from, to_step: to }));
  for (let i = 0; i < edges.length; i += insertRows) {
    await tables
      .insertInto('pipelines_edge')
      .values(edges.slice(i, i + insertRows))
      .execute();
  }
}

/** Stops a run: what has not begun is cancelled at once, what runs is asked to stop and has until its deadline. */
export const cancelRun = operation(
  'pipelines.cancel-run',
  async (
    trx,
    input: { readonly run: string; readonly actor: string; readonly problem?: string | undefined },
  ): Promise<RunRow> => {
    const run = await lockRun(trx, input.run);
    if (!isLiveRun(run.state)) {
      throw new SlipwayError('pipeline_run_over', { run: input.run, state: run.state, verb: 'cancelled' });
    }
    const tables = trx.tables<PipelinesTables>();
    const problem = input.problem ?? `cancelled by ${input.actor}`;
    const ended = await tables
      .updateTable('pipelines_step')
      .set({ state: 'cancelled', problem, finished_at: trx.now, deadline_at: null })
      .where('run', '=', input.run)
      .where('state', 'in', ['waiting', 'queued', 'retrying'])
      .returning('step')
      .execute();
    await tables
      .updateTable('pipelines_step')
      .set({ state: 'cancelling', problem, deadline_at: trx.now + cancelDeadlineMs })
      .where('run', '=', input.run)
      .where('state', '=', 'running')
      .execute();
    if (run.open_steps > ended.length) {
      await tables
        .updateTable('pipelines_run')
        .set({ state: 'cancelling', problem, deadline_at: trx.now + cancelDeadlineMs })
        .where('id', '=', input.run)
        .execute();
    }
    await trx.emit({
      kind: 'pipeline-run.cancel-requested',
      actor: input.actor,
      subject: input.run,
      body: { pipeline: run.pipeline, problem },
    });
    return endSteps(trx, run, ended.length, problem);
  },
);
