/** What follows when steps end, inside the transaction that ends them: successors become free, dependents are skipped, the run ends. */
import { sql } from 'kysely';
import { SlipwayError } from '@slipway/contract';
import type { Trx } from '../../platform/db/db.ts';
import { enqueue } from '../../platform/jobs/enqueue.ts';
import type { PipelinesTables, RunRow, StepRow } from './rows.ts';

export const stepJobKind = 'pipelines.step';

/** Runs of one job at most: each beyond the first means that a server died or froze with it. */
export const jobAttemptsMax = 5;
/** How long a cancelled step may take beyond its process's grace before the sweeper calls it cancelled, milliseconds. */
export const cancelDeadlineMs = 60_000;

/** Queues the job that runs a step, in the transaction that makes the step free to run. */
export function queueStep(
  trx: Trx,
  run: string,
  step: string,
  when: { readonly runAt: number; readonly deadlineAt: number },
): Promise<number> {
  return enqueue(trx, {
    kind: stepJobKind,
    subject: run,
    payload: { run, step },
    runAt: when.runAt,
    // One minute more than the step itself has, so that the step's own limits speak first.
    deadlineMs: Math.max(1, when.deadlineAt - when.runAt) + cancelDeadlineMs,
    maxAttempts: jobAttemptsMax,
  });
}

/** The run's row, held until the end of the transaction: all outcomes of one run happen one after the other. */
export async function lockRun(trx: Trx, id: string): Promise<RunRow> {
  const query = trx.tables<PipelinesTables>().selectFrom('pipelines_run').selectAll().where('id', '=', id);
  // SQLite has one writer, so the row is held already.
  const row = await (trx.dialect === 'postgres' ? query.forUpdate() : query).executeTakeFirst();
  if (!row) {
    throw new SlipwayError('not_found', {
      noun: 'pipeline run',
      name: id,
      remedy: '`slipway pipeline runs` shows them.',
    });
  }
  return row;
}

export interface Unblock {
  readonly run: RunRow;
  readonly step: string;
  readonly jobId: number;
  readonly fence: number;
}

/**
 * Frees the successors of a step that succeeded. The first one that runs inside the server goes to the caller's own job run,
 * which saves a commit per step; the others get jobs.
 */
export async function unblock(trx: Trx, input: Unblock): Promise<string | undefined> {
  const { run } = input;
  const tables = trx.tables<PipelinesTables>();
  const rows = await tables
    .updateTable('pipelines_step')
    .set((eb) => ({ blockers: eb('blockers', '-', 1) }))
    .where('run', '=', run.id)
    .where('state', '=', 'waiting')
    .where('step', 'in', (eb) =>
      eb
        .selectFrom('pipelines_edge')
        .select('to_step')
        .where('pipelines_edge.run', '=', run.id)
        .where('from_step', '=', input.step),
    )
    .returning(['step', 'blockers', 'is_inline', 'position'])
    .execute();
  const free = rows.filter((row) => row.blockers === 0).sort((a, b) => a.position - b.position);
  let next: string | undefined;
  for (const row of free) {
    const isTaken = next === undefined && row.is_inline === 1;
    if (isTaken) next = row.step;
    const jobId = isTaken
      ? input.jobId
      : await queueStep(trx, run.id, row.step, { runAt: trx.now, deadlineAt: run.deadline_at });
    await tables
      .updateTable('pipelines_step')
      .set({ state: 'queued', job_id: jobId, fence: isTaken ? input.fence : null, queued_at: trx.now })
      .where('run', '=', run.id)
      .where('step', '=', row.step)
      .execute();
  }
  return next;
}

/** Everything that waits, directly or not, for a step that did not succeed. Answers how many steps that ended. */
export async function skipDependents(trx: Trx, step: Pick<StepRow, 'run' | 'step'>): Promise<number> {
  const skipped = await sql<{ step: string }>`
    with recursive dependents(step) as (
      select to_step from pipelines_edge where run = ${step.run} and from_step = ${step.step}
      union
      select e.to_step from pipelines_edge e join dependents d on e.from_step = d.step where e.run = ${step.run}
    )
    update pipelines_step
    set state = 'skipped', problem = ${`step "${step.step}" did not succeed`}, finished_at = ${trx.now}, deadline_at = null
    where run = ${step.run} and state = 'waiting' and step in (select step from dependents)
    returning step`.execute(trx.tables<PipelinesTables>());
  return skipped.rows.length;
}

/** Counts ended steps; with the last one the run ends. `problem` is kept when the run has none yet. */
export async function endSteps(trx: Trx, before: RunRow, count: number, problem?: string): Promise<RunRow> {
  const tables = trx.tables<PipelinesTables>();
  const run = await lockRun(trx, before.id);
  const open = run.open_steps - count;
  const told = run.problem ?? problem ?? null;
  if (open > 0) {
    if (count === 0 && told === run.problem) return run;
    const set = { open_steps: open, problem: told };
    await tables.updateTable('pipelines_run').set(set).where('id', '=', run.id).execute();
    return { ...run, ...set };
  }
  const ended = await tables
    .selectFrom('pipelines_step')
    .select('state')
    .distinct()
    .where('run', '=', run.id)
    .where('state', 'in', ['failed', 'cancelled'])
    .execute();
  const states = ended.map((row) => row.state);
  const state = states.includes('failed') ? 'failed' : states.includes('cancelled') ? 'cancelled' : 'succeeded';
  const set = { open_steps: 0, state, finished_at: trx.now, problem: state === 'succeeded' ? null : told } as const;
  await tables.updateTable('pipelines_run').set(set).where('id', '=', run.id).execute();
  await trx.emit({
    kind: 'pipeline-run.finished',
    actor: run.started_by,
    subject: run.id,
    body: {
      pipeline: run.pipeline,
      state,
      params: JSON.parse(run.params),
      problem: told?.slice(0, 4000),
      durationMs: trx.now - run.started_at,
    },
  });
  return { ...run, ...set };
}
