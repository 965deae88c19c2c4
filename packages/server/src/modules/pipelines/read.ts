/** Rows as the contract's nouns. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pipeline, PipelineRun, StepRun } from '@slipway/contract';
import { PinnedDataset, StepOutput } from '@slipway/contract';
import { z } from 'zod';
import type { Kysely } from 'kysely';
import type { AttemptRow, PipelineRow, PipelinesTables, RunRow, StepRow } from './rows.ts';
import { progressFile } from './step-task.ts';

const progressSchema = z.object({ fraction: z.number(), message: z.string() });
const outputsSchema = z.record(z.string(), StepOutput);
const paramsSchema = z.record(z.string(), z.json());

/** Leaves out what is null in the row. */
function present<K extends string, V>(name: K, value: V | null | undefined): { [N in K]?: V } {
  return (value === null || value === undefined ? {} : { [name]: value }) as { [N in K]?: V };
}

export function pipelineOf(
  row: PipelineRow,
  last: Pick<RunRow, 'id' | 'state' | 'started_at'> | undefined,
): Omit<Pipeline, 'graph'> {
  return {
    name: row.name,
    project: row.project,
    graphDigest: row.graph_digest,
    bundle: row.bundle,
    file: row.file,
    appliedAt: row.applied_at,
    ...(last === undefined ? {} : { lastRun: { id: last.id, state: last.state, startedAt: last.started_at } }),
  };
}

export function runOf(row: RunRow): PipelineRun {
  return {
    id: row.id,
    pipeline: row.pipeline,
    state: row.state,
    params: paramsSchema.parse(JSON.parse(row.params)),
    startedBy: row.started_by,
    startedAt: row.started_at,
    deadlineAt: row.deadline_at,
    bundle: row.bundle,
    graphDigest: row.graph_digest,
    datasets: z.array(PinnedDataset).parse(JSON.parse(row.datasets)),
    ...present('reason', row.reason),
    ...present('finishedAt', row.finished_at),
    ...present('problem', row.problem),
    ...present('commit', row.commit_id),
    ...present('rerunOf', row.rerun_of),
  };
}

export function stepOf(
  row: StepRow,
  attempts: readonly AttemptRow[],
  progress: { readonly fraction: number; readonly message: string } | undefined,
): StepRun {
  return {
    step: row.step,
    state: row.state,
    attempt: row.attempt,
    attempts: attempts.map((a) => ({
      number: a.number,
      startedAt: a.started_at,
      ...present('finishedAt', a.finished_at),
      ...present('problem', a.problem),
    })),
    outputs: row.outputs === null ? {} : outputsSchema.parse(JSON.parse(row.outputs)),
    ...present('reason', row.reason),
    ...present('problem', row.problem),
    ...present('problemCode', row.problem_code),
    ...present('runId', row.tracking_run),
    ...present('progress', progress),
    ...present('queuedAt', row.queued_at),
    ...present('startedAt', row.started_at),
    ...present('finishedAt', row.finished_at),
  };
}

/** What a running step said last about how far it is. */
export function findProgress(folder: string): { readonly fraction: number; readonly message: string } | undefined {
  try {
    return progressSchema.parse(JSON.parse(readFileSync(join(folder, progressFile), 'utf8')));
  } catch {
    // None yet: the step has not said anything, or is just starting.
    return undefined;
  }
}

/** The newest run of each of these pipelines; ids are ordered by time. */
export async function lastRuns(
  tables: Kysely<PipelinesTables>,
  pipelines: readonly string[],
): Promise<Map<string, Pick<RunRow, 'id' | 'pipeline' | 'state' | 'started_at'>>> {
  if (pipelines.length === 0) return new Map();
  const newest = tables
    .selectFrom('pipelines_run')
    .select((eb) => eb.fn.max('id').as('id'))
    .where('pipeline', 'in', pipelines)
    .groupBy('pipeline');
  const rows = await tables
    .selectFrom('pipelines_run')
    .select(['id', 'pipeline', 'state', 'started_at'])
    .where('id', 'in', newest)
    .execute();
  return new Map(rows.map((row) => [row.pipeline, row]));
}
