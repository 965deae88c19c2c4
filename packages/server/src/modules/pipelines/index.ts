/** Pipelines: declared graphs of steps, their durable runs, and the results that later runs take instead of working again. */
import { join } from 'node:path';
import type { StepOutput, StepState } from '@slipway/contract';
import { StepOutput as OutputSchema } from '@slipway/contract';
import { z } from 'zod';
import type { Clock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Jobs } from '../../platform/jobs/jobs.ts';
import type { Log } from '../../platform/log.ts';
import type { Objects } from '../../platform/objects/objects.ts';
import { createBundles } from './bundles.ts';
import type { Processes } from './child-process.ts';
import { createProcesses } from './child-process.ts';
import type { BundlePort, DatasetPort, TokenPort, TrackingPort } from './ports.ts';
import type { PipelinesTables } from './rows.ts';
import { isLiveStep } from './rows.ts';
import type { PipelineService } from './service.ts';
import { createPipelineService } from './service.ts';
import { createStepJob } from './step-job.ts';
import { expireStep } from './step-writes.ts';
import type { Sweeper } from './sweeper.ts';
import { createSweeper } from './sweeper.ts';
import { stepJobKind } from './transitions.ts';

export type { BundlePort, DatasetPort, ResolvedDataset, TokenPort, TrackingPort } from './ports.ts';
export type { PipelineService, StartOptions } from './service.ts';
export { pipelineResource } from './resource.ts';
export { pipelinesBinding } from './routes.ts';
export { pipelinesStore } from './store.ts';

/** From SIGTERM to SIGKILL, milliseconds; below the time that a cancelled job may take. */
const graceMs = 5_000;
const defaultSlots = 2;
const defaultPython = 'python3';

export interface PipelinesDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly jobs: Jobs;
  readonly objects: Objects;
  readonly datasets: DatasetPort;
  readonly bundles: BundlePort;
  readonly tokens: TokenPort;
  readonly tracking: TrackingPort;
  /** This module's folder in the workspace. */
  readonly folder: string;
  /** Where steps reach this server. */
  readonly url: () => string;
  /** Version of the program: part of every cache key, since it decides what a step's context does. */
  readonly runnerVersion: string;
  /** Steps that run at once; 2 unless said. */
  readonly slots?: number;
  /** The interpreter of Python steps that name none; `python3` unless said. */
  readonly python?: string;
  /** Those of this machine unless said. */
  readonly processes?: Processes;
}

export interface Pipelines extends PipelineService {
  readonly deps: Pick<PipelinesDeps, 'clock' | 'objects'>;
  readonly sweeper: Sweeper;
  attemptFolder(run: string, step: string, attempt: number): string;
  findStep(
    run: string,
    step: string,
  ): Promise<
    | {
        readonly state: StepState;
        readonly isOver: boolean;
        readonly attempt: number;
        readonly outputs: Readonly<Record<string, StepOutput>>;
      }
    | undefined
  >;
  /** Kills what still runs, without an outcome: the steps run again, or are found finished, after the next start. */
  stop(): void;
  /** Live objects: what garbage collection must keep. */
  isReferenced(digest: string): Promise<boolean>;
}

const outputsSchema = z.record(z.string(), OutputSchema);

/** Registers the job that runs steps; `jobs.start()` afterwards takes up what an earlier server left. */
export function createPipelines(deps: PipelinesDeps): Pipelines {
  const { db, clock, log, objects, jobs } = deps;
  const manifest = (digest: string): ReturnType<BundlePort['manifest']> => deps.bundles.manifest(digest);
  const bundles = createBundles({ folder: join(deps.folder, 'bundles'), objects, manifest });
  const live = { groups: new Set<number>(), isStopping: false };
  const processes = deps.processes ?? createProcesses(clock);
  const stepJob = createStepJob({ ...deps, python: deps.python ?? defaultPython, processes, bundles, graceMs, live });
  const { attemptFolder } = stepJob;
  const tables = db.read<PipelinesTables>();
  jobs.register(stepJobKind, {
    slots: deps.slots ?? defaultSlots,
    run: (context) => stepJob.run(context),
    onFailed: async ({ jobId, subject }, reason) => {
      const steps = await tables
        .selectFrom('pipelines_step')
        .select('step')
        .where('run', '=', subject)
        .where('job_id', '=', jobId)
        .where('deadline_at', 'is not', null)
        .execute();
      for (const { step } of steps) {
        await db.write(expireStep, { run: subject, step, jobId, problem: reason.message, isOverdue: false });
      }
    },
  });
  const sweeper = createSweeper({ db, clock, log, jobs, processes });
  return {
    ...createPipelineService({ ...deps, attemptFolder }),
    deps: { clock, objects },
    sweeper,
    attemptFolder,
    stop: () => {
      sweeper.stop();
      live.isStopping = true;
      for (const pid of live.groups) processes.killGroup(pid);
    },
    findStep: async (run, step) => {
      const row = await tables
        .selectFrom('pipelines_step')
        .select(['state', 'attempt', 'outputs'])
        .where('run', '=', run)
        .where('step', '=', step)
        .executeTakeFirst();
      if (!row) return undefined;
      const outputs = row.outputs === null ? {} : outputsSchema.parse(JSON.parse(row.outputs));
      return { state: row.state, isOver: !isLiveStep(row.state), attempt: row.attempt, outputs };
    },
    isReferenced: async (digest) => {
      const like = `%${digest}%`;
      const found = await db.scan(
        tables.selectFrom('pipelines_step').select('run').where('outputs', 'like', like).limit(1),
      );
      if (found.length > 0) return true;
      const cached = await db.scan(
        tables.selectFrom('pipelines_cache').select('run').where('outputs', 'like', like).limit(1),
      );
      return cached.length > 0;
    },
  };
}
