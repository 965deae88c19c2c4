/** Rows of serving's tables, and the nouns that they hold. */
import type {
  Deployment,
  Endpoint,
  EndpointSpec,
  Rollout,
  RolloutDecision,
  RolloutPlan,
  TrafficShare,
} from '@slipway/contract';
import { modelTasks } from '@slipway/contract';

export interface EndpointRow {
  name: string;
  id: string;
  project: string;
  spec: string;
  created_at: number;
  retired_at: number | null;
  deployment: number | null;
  label_watermark_at: number | null;
  label_count: number;
}
export interface DeploymentRow {
  endpoint: string;
  number: number;
  id: string;
  traffic: string;
  shadow: number | null;
  rollout: string | null;
  reason: string;
  created_at: number;
  created_by: string;
}
export interface RolloutRow {
  id: string;
  endpoint: string;
  candidate: number;
  incumbent: number;
  plan: string;
  state: string;
  stage: number;
  started_at: number;
  started_by: string;
  deadline_at: number;
  finished_at: number | null;
  decisions: string;
  guard: string | null;
  harm: number | null;
  held_at: number | null;
  held_by: string | null;
  held_reason: string | null;
  /** What the stage had left of its deadline when the hold began. */
  stage_left_ms: number | null;
  /** How the evidence went, kept when it ended. */
  trail: string | null;
  /** A `ModelTask`. */
  task: string | null;
}
/** One outcome of a prediction. */
export interface LabelRow {
  endpoint: string;
  prediction_id: string;
  /** From 1 in the order in which labels first came to this endpoint. */
  joined_number: number;
  value: number;
  /** Before corrections. */
  first_value: number;
  at: number;
  joined_at: number;
}
export interface ServingTables {
  serving_endpoint: EndpointRow;
  serving_deployment: DeploymentRow;
  serving_rollout: RolloutRow;
  serving_label: LabelRow;
}

/** For events: of which endpoint it is a simulation, where it is one. */
export function simulationFacts(row: Pick<EndpointRow, 'spec'>): { readonly simulationOf?: string } {
  const { simulationOf } = specOf(row);
  return simulationOf === undefined ? {} : { simulationOf };
}

// Written by this module after its schema checked it.
const specOf = (row: Pick<EndpointRow, 'spec'>): EndpointSpec => JSON.parse(row.spec) as EndpointSpec;

export function deploymentOf(row: DeploymentRow): Deployment {
  return {
    id: row.id,
    endpoint: row.endpoint,
    number: row.number,
    traffic: JSON.parse(row.traffic) as TrafficShare[],
    ...(row.shadow === null ? {} : { shadow: row.shadow }),
    ...(row.rollout === null ? {} : { rollout: row.rollout }),
    reason: row.reason,
    createdAt: row.created_at,
    createdBy: row.created_by,
  };
}

export function endpointOf(row: EndpointRow): Omit<Endpoint, 'deployment' | 'runningRollout'> {
  return {
    id: row.id,
    name: row.name,
    spec: specOf(row),
    project: row.project,
    createdAt: row.created_at,
    ...(row.retired_at === null ? {} : { retiredAt: row.retired_at }),
    ...(row.label_watermark_at === null ? {} : { labelWatermarkAt: row.label_watermark_at }),
    labelCount: row.label_count,
  };
}

export function rolloutOf(row: RolloutRow): Rollout {
  return {
    id: row.id,
    endpoint: row.endpoint,
    candidate: row.candidate,
    incumbent: row.incumbent,
    plan: JSON.parse(row.plan) as RolloutPlan,
    state: row.state as Rollout['state'],
    stage: row.stage,
    startedAt: row.started_at,
    startedBy: row.started_by,
    deadlineAt: row.deadline_at,
    ...holdOf(row),
    ...(row.finished_at === null ? {} : { finishedAt: row.finished_at }),
    decisions: JSON.parse(row.decisions) as RolloutDecision[],
    ...taskOf(row),
    ...(row.guard === null ? {} : { guard: row.guard }),
    ...(row.harm === null ? {} : { harm: row.harm }),
  };
}

function taskOf(row: RolloutRow): Pick<Rollout, 'task'> {
  const task = modelTasks.find((one) => one === row.task);
  return task === undefined ? {} : { task };
}

function holdOf(row: RolloutRow): Pick<Rollout, 'hold'> {
  if (row.held_at === null) return {};
  const { held_at: at, held_by: by, held_reason: reason, stage_left_ms: stageLeftMs } = row;
  return { hold: { at, by: by ?? '', reason: reason ?? '', stageLeftMs: stageLeftMs ?? 0 } };
}
