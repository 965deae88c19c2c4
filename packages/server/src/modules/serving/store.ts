/** Tables and writes of serving. Every state change of a deployment or rollout is one operation with its event. */
import { join } from 'node:path';
import type {
  Deployment,
  Endpoint,
  EndpointSpec,
  Rollout,
  RolloutDecision,
  RolloutPlan,
  TrafficShare,
} from '@slipway/contract';
import { EndpointSpec as EndpointSpecSchema, SlipwayError } from '@slipway/contract';
import { z } from 'zod';
import type { Operation, StoreModule, Trx } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import type { ResourceKind } from '../projects/index.ts';

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
}
export interface ServingTables {
  serving_endpoint: EndpointRow;
  serving_deployment: DeploymentRow;
  serving_rollout: RolloutRow;
  serving_label: { prediction_id: string; endpoint: string; value: number; at: number; joined_at: number };
}

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
    // Written by this module after its schema checked it.
    spec: JSON.parse(row.spec) as EndpointSpec,
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
    ...(row.finished_at === null ? {} : { finishedAt: row.finished_at }),
    decisions: JSON.parse(row.decisions) as RolloutDecision[],
    ...(row.guard === null ? {} : { guard: row.guard }),
    ...(row.harm === null ? {} : { harm: row.harm }),
  };
}

export interface NewDeployment {
  readonly id: string;
  readonly endpoint: string;
  readonly traffic: readonly TrafficShare[];
  readonly shadow: number | undefined;
  readonly rollout: string | undefined;
  readonly reason: string;
  readonly actor: string;
}

async function mustEndpoint(trx: Trx, name: string): Promise<EndpointRow> {
  const row = await trx
    .tables<ServingTables>()
    .selectFrom('serving_endpoint')
    .selectAll()
    .where('name', '=', name)
    .executeTakeFirst();
  if (!row)
    throw new SlipwayError('not_found', {
      noun: 'endpoint',
      name,
      remedy: '`slipway endpoint list` shows them; slipway.yaml declares them.',
    });
  if (row.retired_at !== null) throw new SlipwayError('endpoint_retired', { endpoint: name });
  return row;
}

/** Makes the next deployment of an endpoint and its event. Used by every write that changes traffic. */
async function addDeployment(trx: Trx, wanted: NewDeployment): Promise<Deployment> {
  const tables = trx.tables<ServingTables>();
  const endpoint = await mustEndpoint(trx, wanted.endpoint);
  const row: DeploymentRow = {
    endpoint: wanted.endpoint,
    number: (endpoint.deployment ?? 0) + 1,
    id: wanted.id,
    traffic: JSON.stringify(wanted.traffic),
    shadow: wanted.shadow ?? null,
    rollout: wanted.rollout ?? null,
    reason: wanted.reason,
    created_at: trx.now,
    created_by: wanted.actor,
  };
  await tables.insertInto('serving_deployment').values(row).execute();
  await tables
    .updateTable('serving_endpoint')
    .set({ deployment: row.number })
    .where('name', '=', wanted.endpoint)
    .execute();
  await trx.emit({
    kind: 'deployment.created',
    actor: wanted.actor,
    subject: wanted.id,
    body: {
      endpoint: wanted.endpoint,
      number: row.number,
      traffic: wanted.traffic,
      shadow: row.shadow,
      rollout: row.rollout,
      reason: wanted.reason,
    },
  });
  return deploymentOf(row);
}

async function mustRunning(trx: Trx, id: string): Promise<RolloutRow> {
  const row = await trx
    .tables<ServingTables>()
    .selectFrom('serving_rollout')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  if (!row)
    throw new SlipwayError('not_found', {
      noun: 'rollout',
      name: id,
      remedy: '`slipway endpoint rollouts` shows them.',
    });
  if (row.state !== 'running') throw new SlipwayError('rollout_ended', { rollout: id, state: row.state });
  return row;
}

export const deploy = operation('serving.deploy', async (trx, wanted: NewDeployment): Promise<Deployment> => {
  const running = await trx
    .tables<ServingTables>()
    .selectFrom('serving_rollout')
    .select('id')
    .where('endpoint', '=', wanted.endpoint)
    .where('state', '=', 'running')
    .executeTakeFirst();
  if (running) throw new SlipwayError('rollout_running', { endpoint: wanted.endpoint, rollout: running.id });
  return addDeployment(trx, wanted);
});

export interface StartRollout {
  readonly id: string;
  readonly deploymentId: string;
  readonly endpoint: string;
  readonly candidate: number;
  readonly incumbent: number;
  readonly plan: RolloutPlan;
  readonly decision: RolloutDecision;
  readonly actor: string;
}

export interface RolloutChange {
  readonly rollout: Rollout;
  readonly deployment: Deployment;
}

const stageTraffic = (rollout: { candidate: number; incumbent: number }, percent: number): TrafficShare[] => [
  { version: rollout.incumbent, percent: 100 - percent },
  { version: rollout.candidate, percent },
];

export const startRollout = operation(
  'serving.start-rollout',
  async (trx, input: StartRollout): Promise<RolloutChange> => {
    const tables = trx.tables<ServingTables>();
    const running = await tables
      .selectFrom('serving_rollout')
      .select('id')
      .where('endpoint', '=', input.endpoint)
      .where('state', '=', 'running')
      .executeTakeFirst();
    if (running) throw new SlipwayError('rollout_running', { endpoint: input.endpoint, rollout: running.id });
    const [first] = input.plan.stages;
    if (first === undefined) throw new SlipwayError('conflict', { problem: 'A rollout needs at least one stage.' });
    const row: RolloutRow = {
      id: input.id,
      endpoint: input.endpoint,
      candidate: input.candidate,
      incumbent: input.incumbent,
      plan: JSON.stringify(input.plan),
      state: 'running',
      stage: 0,
      started_at: trx.now,
      started_by: input.actor,
      deadline_at: trx.now + first.deadline,
      finished_at: null,
      decisions: JSON.stringify([input.decision]),
      guard: null,
      harm: null,
    };
    await tables.insertInto('serving_rollout').values(row).execute();
    const deployment = await addDeployment(trx, {
      id: input.deploymentId,
      endpoint: input.endpoint,
      traffic: stageTraffic(input, first.percent),
      shadow: first.percent === 0 ? input.candidate : input.incumbent,
      rollout: input.id,
      reason: `rollout of version ${input.candidate}: ${first.name}`,
      actor: input.actor,
    });
    await trx.emit({
      kind: 'rollout.started',
      actor: input.actor,
      subject: input.id,
      body: { endpoint: input.endpoint, candidate: input.candidate, incumbent: input.incumbent, stage: first.name },
    });
    return { rollout: rolloutOf(row), deployment };
  },
);

export const advanceRollout = operation(
  'serving.advance-rollout',
  async (
    trx,
    input: { id: string; fromStage: number; deploymentId: string; decision: RolloutDecision; actor: string },
  ): Promise<RolloutChange> => {
    const row = await mustRunning(trx, input.id);
    if (row.stage !== input.fromStage)
      throw new SlipwayError('conflict', {
        problem: `Rollout ${input.id} is at stage ${row.stage}, not ${input.fromStage}.`,
      });
    const { plan, decisions } = rolloutOf(row);
    const stage = plan.stages[row.stage + 1];
    if (stage === undefined)
      throw new SlipwayError('conflict', { problem: `Rollout ${input.id} has no stage after ${row.stage}.` });
    const next = {
      stage: row.stage + 1,
      deadline_at: trx.now + stage.deadline,
      decisions: JSON.stringify([...decisions, input.decision]),
    };
    await trx.tables<ServingTables>().updateTable('serving_rollout').set(next).where('id', '=', row.id).execute();
    const deployment = await addDeployment(trx, {
      id: input.deploymentId,
      endpoint: row.endpoint,
      traffic: stageTraffic(row, stage.percent),
      shadow: stage.percent === 0 ? row.candidate : row.incumbent,
      rollout: row.id,
      reason: `rollout of version ${row.candidate}: ${stage.name}`,
      actor: input.actor,
    });
    await trx.emit({
      kind: 'rollout.advanced',
      actor: input.actor,
      subject: row.id,
      body: {
        endpoint: row.endpoint,
        candidate: row.candidate,
        stage: stage.name,
        percent: stage.percent,
        sentence: input.decision.sentence,
      },
    });
    return { rollout: rolloutOf({ ...row, ...next }), deployment };
  },
);

export interface EndRollout {
  readonly id: string;
  readonly state: Exclude<Rollout['state'], 'running'>;
  readonly decision: RolloutDecision;
  readonly guard: string | undefined;
  readonly harm: number | undefined;
  readonly deploymentId: string;
  readonly actor: string;
}

/** What serving needs of the registry inside its own transaction: promotion moves traffic and alias together. */
export interface ServingStorePorts {
  readonly setAlias: (
    trx: Trx,
    input: { model: string; alias: string; version: number; actor: string; reason: string },
  ) => Promise<unknown>;
}

export interface ServingOperations {
  readonly endRollout: Operation<EndRollout, RolloutChange>;
}

export function createServingOperations(ports: ServingStorePorts): ServingOperations {
  const endRollout = operation('serving.end-rollout', async (trx, input: EndRollout): Promise<RolloutChange> => {
    const row = await mustRunning(trx, input.id);
    const { plan, decisions } = rolloutOf(row);
    const isPromoted = input.state === 'promoted';
    const end = {
      state: input.state,
      finished_at: trx.now,
      decisions: JSON.stringify([...decisions, input.decision]),
      guard: input.guard ?? null,
      harm: input.harm ?? null,
    };
    await trx.tables<ServingTables>().updateTable('serving_rollout').set(end).where('id', '=', row.id).execute();
    const deployment = await addDeployment(trx, {
      id: input.deploymentId,
      endpoint: row.endpoint,
      traffic: [{ version: isPromoted ? row.candidate : row.incumbent, percent: 100 }],
      // After a promotion the old version stays in the shadow: the gain can be confirmed, and going back is warm.
      shadow: isPromoted ? row.incumbent : undefined,
      rollout: row.id,
      reason: input.decision.sentence,
      actor: input.actor,
    });
    if (isPromoted) {
      const endpoint = endpointOf(await mustEndpoint(trx, row.endpoint));
      const reason = `rollout ${row.id} on endpoint ${row.endpoint}`;
      await ports.setAlias(trx, {
        model: endpoint.spec.model,
        alias: plan.alias,
        version: row.candidate,
        actor: input.actor,
        reason,
      });
    }
    await trx.emit({
      kind: `rollout.${input.state}`,
      actor: input.actor,
      subject: row.id,
      body: {
        endpoint: row.endpoint,
        candidate: row.candidate,
        incumbent: row.incumbent,
        guard: end.guard,
        harm: end.harm,
        requests: input.decision.requests,
        canaryRequests: input.decision.canaryRequests,
        labelledPairs: input.decision.labelledPairs,
        sentence: input.decision.sentence,
      },
    });
    return { rollout: rolloutOf({ ...row, ...end }), deployment };
  });
  return { endRollout };
}

/** Keeps a decision that changed nothing, such as a judgement that found too few rows. */
export const noteDecision = operation(
  'serving.note-decision',
  async (trx, input: { id: string; decision: RolloutDecision }): Promise<Rollout> => {
    const row = await mustRunning(trx, input.id);
    const decisions = JSON.stringify([...rolloutOf(row).decisions, input.decision].slice(-200));
    await trx
      .tables<ServingTables>()
      .updateTable('serving_rollout')
      .set({ decisions })
      .where('id', '=', row.id)
      .execute();
    return rolloutOf({ ...row, decisions });
  },
);

export interface NewLabels {
  readonly endpoint: string;
  readonly labels: readonly { readonly predictionId: string; readonly value: number; readonly at: number }[];
  readonly watermark: number | undefined;
  readonly actor: string;
}

export interface JoinedLabels {
  /** Ids that had no label before. */
  readonly joined: readonly string[];
  readonly corrected: number;
  readonly repeated: number;
  readonly watermark: number | undefined;
}

export const joinLabels = operation('serving.join-labels', async (trx, input: NewLabels): Promise<JoinedLabels> => {
  const tables = trx.tables<ServingTables>();
  const endpoint = await mustEndpoint(trx, input.endpoint);
  const joined: string[] = [];
  let corrected = 0;
  for (const label of input.labels) {
    const row = {
      prediction_id: label.predictionId,
      endpoint: input.endpoint,
      value: label.value,
      at: label.at,
      joined_at: trx.now,
    };
    const added = await tables
      .insertInto('serving_label')
      .values(row)
      .onConflict((c) => c.column('prediction_id').doNothing())
      .returning('prediction_id')
      .executeTakeFirst();
    if (added) {
      joined.push(label.predictionId);
      continue;
    }
    const changed = await tables
      .updateTable('serving_label')
      .set({ value: label.value, at: label.at, joined_at: trx.now })
      .where('prediction_id', '=', label.predictionId)
      .where('endpoint', '=', input.endpoint)
      .where('value', '!=', label.value)
      .returning('prediction_id')
      .executeTakeFirst();
    if (changed) corrected++;
  }
  const watermark = Math.max(endpoint.label_watermark_at ?? -1, input.watermark ?? -1);
  const next = {
    label_count: endpoint.label_count + joined.length,
    ...(watermark < 0 ? {} : { label_watermark_at: watermark }),
  };
  await tables.updateTable('serving_endpoint').set(next).where('name', '=', input.endpoint).execute();
  const repeated = input.labels.length - joined.length - corrected;
  const isNews = joined.length > 0 || corrected > 0 || watermark > (endpoint.label_watermark_at ?? -1);
  if (isNews) {
    await trx.emit({
      kind: 'labels.joined',
      actor: input.actor,
      subject: `endpoint:${input.endpoint}`,
      body: { endpoint: input.endpoint, count: joined.length, corrected, watermark: watermark < 0 ? null : watermark },
    });
  }
  return { joined, corrected, repeated, watermark: watermark < 0 ? undefined : watermark };
});

export const endpointKind: ResourceKind<EndpointSpec> = {
  kind: 'endpoint',
  parse(name, spec) {
    const result = EndpointSpecSchema.safeParse(spec);
    if (!result.success)
      throw new SlipwayError('resource_invalid', { kind: 'endpoint', name, problem: z.prettifyError(result.error) });
    return result.data;
  },
  async apply(trx, change) {
    const tables = trx.tables<ServingTables>();
    const spec = JSON.stringify(change.spec);
    await tables
      .insertInto('serving_endpoint')
      .values({
        name: change.name,
        id: `edp_${change.name}`,
        project: change.project,
        spec,
        created_at: trx.now,
        retired_at: null,
        deployment: null,
        label_watermark_at: null,
        label_count: 0,
      })
      .onConflict((c) => c.column('name').doUpdateSet({ spec, project: change.project, retired_at: null }))
      .execute();
    await trx.emit({
      kind: 'endpoint.applied',
      actor: change.actor,
      subject: `endpoint:${change.name}`,
      body: { digest: change.digest, model: change.spec.model },
    });
  },
  async remove(trx, change) {
    await trx
      .tables<ServingTables>()
      .updateTable('serving_endpoint')
      .set({ retired_at: trx.now })
      .where('name', '=', change.name)
      .execute();
    await trx.emit({ kind: 'endpoint.retired', actor: change.actor, subject: `endpoint:${change.name}`, body: {} });
  },
};

export function servingStore(operations: ServingOperations): StoreModule {
  return {
    name: 'serving',
    migrations: join(import.meta.dirname, 'migrations'),
    operations: [deploy, startRollout, advanceRollout, noteDecision, joinLabels, operations.endRollout],
  };
}
