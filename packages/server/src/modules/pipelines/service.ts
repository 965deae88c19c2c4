/** Pipelines: starting, watching, cancelling and repeating runs. The work itself is in step-job.ts. */
import type {
  Pipeline,
  PipelineRun,
  PipelineRunDetail,
  PipelineRunState,
  PinnedDataset,
  StepOutput,
} from '@slipway/contract';
import { PipelineGraph, SlipwayError, StepOutput as OutputSchema } from '@slipway/contract';
import { z } from 'zod';
import { pageOf } from '../../lib/page.ts';
import type { Page } from '../../lib/page.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Jobs } from '../../platform/jobs/jobs.ts';
import { datasetRefs, parseParams, stepsBefore, withDependents } from './graph.ts';
import type { BundlePort, DatasetPort } from './ports.ts';
import { findProgress, lastRuns, pipelineOf, runOf, stepOf } from './read.ts';
import type { PipelinesTables, RunRow, StepRow } from './rows.ts';
import { isLiveRun } from './rows.ts';
import type { NewStep } from './run-writes.ts';
import { cancelRun, startRun } from './run-writes.ts';

/** A run that has not ended by then is cancelled, milliseconds. */
const runTimeLimitMs = 24 * 3_600_000;

export interface StartOptions {
  readonly params: Readonly<Record<string, unknown>>;
  readonly reason?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly cache?: boolean;
  readonly actor: string;
}

export interface PipelineService {
  list(page: {
    readonly limit: number;
    readonly pageToken?: string | undefined;
  }): Promise<Page<Omit<Pipeline, 'graph'>>>;
  get(name: string): Promise<Pipeline>;
  start(name: string, options: StartOptions): Promise<PipelineRun>;
  listRuns(page: {
    readonly limit: number;
    readonly pageToken?: string | undefined;
    readonly pipeline?: string | undefined;
    readonly state?: PipelineRunState | undefined;
  }): Promise<Page<PipelineRun>>;
  getRun(run: string): Promise<PipelineRunDetail>;
  /** Runs that pinned a dataset version, newest first, and the runs of experiments that their steps made. */
  readersOf(versionId: string, limit: number): Promise<DatasetVersionReaders>;
  cancel(run: string, actor: string): Promise<PipelineRun>;
  rerun(
    run: string,
    options: { readonly from?: string | undefined; readonly reason?: string | undefined; readonly actor: string },
  ): Promise<PipelineRun>;
}

export interface DatasetVersionReaders {
  readonly runs: readonly PipelineRun[];
  readonly trackingRuns: readonly { readonly id: string; readonly pipelineRun: string; readonly step: string }[];
}

export interface PipelineServiceDeps {
  readonly db: Db;
  readonly ids: Ids;
  readonly jobs: Jobs;
  readonly datasets: DatasetPort;
  readonly bundles: BundlePort;
  readonly attemptFolder: (run: string, step: string, attempt: number) => string;
}

const outputsSchema = z.record(z.string(), OutputSchema);

export function createPipelineService(deps: PipelineServiceDeps): PipelineService {
  const tables = deps.db.read<PipelinesTables>();

  const get = async (name: string): Promise<Pipeline> => {
    const row = await tables
      .selectFrom('pipelines_pipeline')
      .innerJoin('pipelines_graph', 'pipelines_graph.digest', 'pipelines_pipeline.graph_digest')
      .selectAll()
      .where('name', '=', name)
      .executeTakeFirst();
    if (!row) {
      const remedy = '`slipway pipeline list` shows the pipelines; `slipway apply` declares those of a project.';
      throw new SlipwayError('not_found', { noun: 'pipeline', name, remedy });
    }
    const last = (await lastRuns(tables, [name])).get(name);
    return { ...pipelineOf(row, last), graph: PipelineGraph.parse(JSON.parse(row.body)) };
  };

  const findRun = async (id: string): Promise<RunRow> => {
    const row = await tables.selectFrom('pipelines_run').selectAll().where('id', '=', id).executeTakeFirst();
    if (!row)
      throw new SlipwayError('not_found', {
        noun: 'pipeline run',
        name: id,
        remedy: '`slipway pipeline runs` shows them.',
      });
    return row;
  };

  const stepsOf = (run: string): Promise<StepRow[]> =>
    deps.db.scan(tables.selectFrom('pipelines_step').selectAll().where('run', '=', run).orderBy('position'));

  return {
    get,
    list: async ({ limit, pageToken }) => {
      const query = tables
        .selectFrom('pipelines_pipeline')
        .selectAll()
        .where('name', '>', pageToken ?? '')
        .orderBy('name')
        .limit(limit + 1);
      const rows = await query.execute();
      const last = await lastRuns(
        tables,
        rows.map((row) => row.name),
      );
      return pageOf(
        rows,
        limit,
        (row) => row.name,
        (row) => pipelineOf(row, last.get(row.name)),
      );
    },
    start: async (name, options) => {
      const pipeline = await get(name);
      const params = parseParams(pipeline.graph, options.params);
      const datasets = await pin(deps.datasets, datasetRefs(pipeline.graph));
      const row = await deps.db.write(startRun, {
        id: deps.ids.next('pipelineRun'),
        pipeline: name,
        graphDigest: pipeline.graphDigest,
        bundle: pipeline.bundle,
        file: pipeline.file,
        commit: await deps.bundles.commit(pipeline.project),
        params,
        datasets,
        useCache: options.cache ?? true,
        reason: options.reason,
        rerunOf: undefined,
        idempotencyKey: options.idempotencyKey,
        timeLimitMs: runTimeLimitMs,
        ...planSteps(pipeline.graph, new Map(), new Set()),
        actor: options.actor,
      });
      return runOf(row);
    },
    listRuns: async ({ limit, pageToken, pipeline, state }) => {
      let query = tables
        .selectFrom('pipelines_run')
        .selectAll()
        .orderBy('id', 'desc')
        .limit(limit + 1);
      if (pageToken !== undefined) query = query.where('id', '<', pageToken);
      if (pipeline !== undefined) query = query.where('pipeline', '=', pipeline);
      if (state !== undefined) query = query.where('state', '=', state);
      const rows = await deps.db.scan(query);
      return pageOf(rows, limit, (row) => row.id, runOf);
    },
    getRun: async (id) => {
      const run = await findRun(id);
      const graph = await graphOf(deps.db, run.graph_digest);
      const attempts = await deps.db.scan(
        tables.selectFrom('pipelines_attempt').selectAll().where('run', '=', id).orderBy('step').orderBy('number'),
      );
      const steps = (await stepsOf(id)).map((step) => {
        const folder = deps.attemptFolder(id, step.step, step.attempt);
        const progress = step.state === 'running' ? findProgress(folder) : undefined;
        return stepOf(
          step,
          attempts.filter((a) => a.step === step.step),
          progress,
        );
      });
      return { ...runOf(run), graph, steps };
    },
    readersOf: async (versionId, limit) => {
      const reading = tables
        .selectFrom('pipelines_run_dataset')
        .select('run')
        .where('version_id', '=', versionId)
        .orderBy('run', 'desc')
        .limit(limit);
      const runs = await deps.db.scan(
        tables.selectFrom('pipelines_run').selectAll().where('id', 'in', reading).orderBy('id', 'desc'),
      );
      const steps = await deps.db.scan(
        tables
          .selectFrom('pipelines_step')
          .select(['run', 'step', 'tracking_run'])
          .where('tracking_run', 'is not', null)
          .where('run', 'in', reading)
          .orderBy('run', 'desc')
          .orderBy('position')
          .limit(limit),
      );
      return {
        runs: runs.map(runOf),
        trackingRuns: steps.map((s) => ({ id: s.tracking_run ?? '', pipelineRun: s.run, step: s.step })),
      };
    },
    cancel: async (id, actor) => {
      const row = await deps.db.write(cancelRun, { run: id, actor });
      await deps.jobs.cancel(id);
      return runOf(row);
    },
    rerun: async (id, { from, reason, actor }) => {
      const run = await findRun(id);
      if (isLiveRun(run.state)) throw new SlipwayError('pipeline_run_live', { run: id, state: run.state });
      const graph = await graphOf(deps.db, run.graph_digest);
      if (from !== undefined && !graph.nodes.some((node) => node.id === from)) {
        const remedy = `It has: ${graph.nodes.map((node) => node.id).join(', ')}.`;
        throw new SlipwayError('not_found', { noun: `step of pipeline run ${id}`, name: from, remedy });
      }
      const again = from === undefined ? new Set<string>() : withDependents(graph, [from]);
      const kept = new Map<string, Readonly<Record<string, StepOutput>>>();
      for (const step of await stepsOf(id)) {
        const isDone = step.state === 'succeeded' || step.state === 'reused';
        if (isDone && !again.has(step.step)) kept.set(step.step, outputsSchema.parse(JSON.parse(step.outputs ?? '{}')));
      }
      const row = await deps.db.write(startRun, {
        id: deps.ids.next('pipelineRun'),
        pipeline: run.pipeline,
        graphDigest: run.graph_digest,
        bundle: run.bundle,
        file: run.file,
        commit: run.commit_id ?? undefined,
        params: JSON.parse(run.params) as Record<string, unknown>,
        datasets: runOf(run).datasets,
        useCache: run.use_cache === 1,
        reason,
        rerunOf: id,
        idempotencyKey: undefined,
        timeLimitMs: runTimeLimitMs,
        ...planSteps(graph, kept, again, id),
        actor,
      });
      return runOf(row);
    },
  };
}

export async function graphOf(db: Db, digest: string): Promise<PipelineGraph> {
  const row = await db
    .read<PipelinesTables>()
    .selectFrom('pipelines_graph')
    .select('body')
    .where('digest', '=', digest)
    .executeTakeFirstOrThrow();
  return PipelineGraph.parse(JSON.parse(row.body));
}

async function pin(port: DatasetPort, refs: readonly string[]): Promise<PinnedDataset[]> {
  const pinned: PinnedDataset[] = [];
  for (const ref of refs) {
    const { id, dataset, number, digest } = await port.resolve(ref);
    pinned.push({ ref, dataset, number, digest, id });
  }
  return pinned;
}

function planSteps(
  graph: PipelineGraph,
  kept: ReadonlyMap<string, Readonly<Record<string, StepOutput>>>,
  forced: ReadonlySet<string>,
  rerunOf?: string,
): { readonly steps: NewStep[]; readonly edges: (readonly [string, string])[] } {
  const edges: (readonly [string, string])[] = [];
  const steps = graph.nodes.map((node, position): NewStep => {
    const before = [...stepsBefore(node)];
    for (const step of before) edges.push([step, node.id]);
    const outputs = kept.get(node.id);
    return {
      step: node.id,
      position,
      blockers: before.filter((step) => !kept.has(step)).length,
      isForced: forced.has(node.id),
      isInline: node.kind === 'noop',
      kept: outputs === undefined ? undefined : { outputs, reason: `kept from ${rerunOf ?? 'the earlier run'}` },
    };
  });
  return { steps, edges };
}
