/**
 * Nothing stays in a live state for ever. Every live state of a step and of a run carries a deadline; whatever passes it is
 * ended here, also when the job that should have done so is gone.
 *
 *   step waiting, queued, retrying   the run's deadline          -> failed
 *   step running                     its time limit and a grace  -> failed
 *   step cancelling                  the cancel deadline         -> cancelled
 *   run running                      the run's deadline          -> cancelling, with all its steps
 *   run cancelling                   its steps' deadlines        -> cancelled with the last step
 */
import type { Clock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Jobs } from '../../platform/jobs/jobs.ts';
import type { Log } from '../../platform/log.ts';
import type { SweepLoop } from '../../platform/sweep-loop.ts';
import { createSweepLoop } from '../../platform/sweep-loop.ts';
import type { Processes } from './child-process.ts';
import type { PipelinesTables } from './rows.ts';
import { cancelRun } from './run-writes.ts';
import { expireStep } from './step-writes.ts';

const sweepEveryMs = 5_000;
const rowsPerSweep = 200;
/** A live step whose job is over is given up after this time, milliseconds: the job's own end normally comes first. */
const orphanGraceMs = 15_000;

export interface Sweeper extends SweepLoop {
  /** One pass; resolves to how many steps and runs it ended. */
  sweep(): Promise<number>;
}

export interface SweeperDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly jobs: Jobs;
  readonly processes: Pick<Processes, 'killStranger'>;
}

export function createSweeper(deps: SweeperDeps): Sweeper {
  const sweep = async (): Promise<number> =>
    (await endOverdueRuns(deps)) + (await endOverdueSteps(deps)) + (await endOrphans(deps));
  return { sweep, ...createSweepLoop(deps, { of: 'pipelines', everyMs: sweepEveryMs, pass: sweep }) };
}

async function endOverdueRuns({ db, clock, jobs }: SweeperDeps): Promise<number> {
  const tables = db.read<PipelinesTables>();
  const runs = await tables
    .selectFrom('pipelines_run')
    .select('id')
    .where('state', '=', 'running')
    .where('deadline_at', '<=', clock.now())
    .limit(rowsPerSweep)
    .execute();
  for (const { id } of runs) {
    await db.write(cancelRun, { run: id, actor: 'system', problem: 'the run did not end by its deadline' });
    await jobs.cancel(id);
  }
  return runs.length;
}

async function endOverdueSteps({ db, clock, processes }: SweeperDeps): Promise<number> {
  const steps = await db
    .read<PipelinesTables>()
    .selectFrom('pipelines_step')
    .select(['run', 'step', 'pid', 'pid_started'])
    .where('deadline_at', '<=', clock.now())
    .limit(rowsPerSweep)
    .execute();
  let ended = 0;
  for (const { run, step, pid, pid_started } of steps) {
    if (pid !== null) processes.killStranger({ pid, started: pid_started ?? '' });
    const problem = 'it did not end by its deadline';
    if (await db.write(expireStep, { run, step, problem, isOverdue: true })) ended++;
  }
  return ended;
}

async function endOrphans({ db, clock, jobs, processes }: SweeperDeps): Promise<number> {
  const steps = await db
    .read<PipelinesTables>()
    .selectFrom('pipelines_step')
    .select(['run', 'step', 'job_id', 'queued_at', 'pid', 'pid_started'])
    .where('deadline_at', 'is not', null)
    .where('state', 'in', ['queued', 'running', 'retrying', 'cancelling'])
    .where('queued_at', '<=', clock.now() - orphanGraceMs)
    .limit(rowsPerSweep)
    .execute();
  let ended = 0;
  for (const { run, step, job_id, pid, pid_started } of steps) {
    const job = job_id === null ? undefined : await jobs.find(job_id);
    if (job !== undefined && ['ready', 'leased', 'cancelling'].includes(job.state)) continue;
    if (pid !== null) processes.killStranger({ pid, started: pid_started ?? '' });
    const problem = `its job ended without an outcome (${job?.error ?? job?.state ?? 'the job is gone'})`;
    if (await db.write(expireStep, { run, step, jobId: job_id ?? undefined, problem, isOverdue: false })) ended++;
  }
  return ended;
}
