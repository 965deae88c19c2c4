/** The shapes of this module's rows. They are born and die in the store. */
import type { PipelineRunState, StepState } from '@slipway/contract';

export interface PipelineRow {
  readonly name: string;
  readonly project: string;
  readonly graph_digest: string;
  readonly file: string;
  readonly bundle: string;
  readonly applied_at: number;
  readonly applied_by: string;
}

export interface RunRow {
  readonly id: string;
  readonly pipeline: string;
  readonly graph_digest: string;
  readonly bundle: string;
  readonly file: string;
  readonly state: PipelineRunState;
  readonly params: string;
  readonly datasets: string;
  readonly use_cache: number;
  readonly reason: string | null;
  readonly problem: string | null;
  readonly open_steps: number;
  readonly started_by: string;
  readonly started_at: number;
  readonly finished_at: number | null;
  readonly deadline_at: number;
  readonly commit_id: string | null;
  readonly rerun_of: string | null;
  readonly idempotency_key: string | null;
}

export interface StepRow {
  readonly run: string;
  readonly step: string;
  readonly position: number;
  readonly state: StepState;
  readonly blockers: number;
  readonly is_forced: number;
  readonly is_inline: number;
  readonly attempt: number;
  readonly failures: number;
  readonly job_id: number | null;
  readonly fence: number | null;
  readonly pid: number | null;
  readonly pid_started: string | null;
  readonly reason: string | null;
  readonly problem: string | null;
  readonly problem_code: string | null;
  readonly cache_parts: string | null;
  readonly outputs: string | null;
  readonly tracking_run: string | null;
  readonly queued_at: number | null;
  readonly started_at: number | null;
  readonly finished_at: number | null;
  readonly deadline_at: number | null;
}

export interface AttemptRow {
  readonly run: string;
  readonly step: string;
  readonly number: number;
  readonly started_at: number;
  readonly finished_at: number | null;
  readonly problem: string | null;
}

export interface CacheRow {
  readonly cache_key: string;
  readonly pipeline: string;
  readonly step: string;
  readonly parts: string;
  readonly outputs: string;
  readonly run: string;
  readonly created_at: number;
}

export interface PipelinesTables {
  pipelines_graph: { readonly digest: string; readonly body: string };
  pipelines_pipeline: PipelineRow;
  pipelines_run: RunRow;
  pipelines_run_dataset: { readonly version_id: string; readonly run: string };
  pipelines_step: StepRow;
  pipelines_edge: { readonly run: string; readonly from_step: string; readonly to_step: string };
  pipelines_attempt: AttemptRow;
  pipelines_cache: CacheRow;
}

/** States in which a step still has something to come. Each has a deadline, and the sweeper ends what passes it. */
export const liveStepStates = [
  'waiting',
  'queued',
  'running',
  'retrying',
  'cancelling',
] as const satisfies readonly StepState[];
export const liveRunStates = ['running', 'cancelling'] as const satisfies readonly PipelineRunState[];

export function isLiveStep(state: StepState): boolean {
  return (liveStepStates as readonly StepState[]).includes(state);
}
export function isLiveRun(state: PipelineRunState): boolean {
  return (liveRunStates as readonly PipelineRunState[]).includes(state);
}
