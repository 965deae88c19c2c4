/** Writes of rollouts: each state change is one operation with its deployment and its event. */
import type { Deployment, ModelTask, Rollout, RolloutDecision, RolloutPlan, RolloutProgress } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Operation, Trx } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import { addDeployment, currentDeployment, mustEndpoint } from './deployment-store.ts';
import type { RolloutRow, ServingTables } from './rows.ts';
import { endpointOf, rolloutOf } from './rows.ts';

/** Decisions kept of one rollout: holding can go on for long. */
export const decisionsMax = 200;

export async function mustRunning(trx: Trx, id: string): Promise<RolloutRow> {
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

export interface StartRollout {
  readonly id: string;
  readonly deploymentId: string;
  readonly endpoint: string;
  readonly candidate: number;
  readonly incumbent: number;
  readonly plan: RolloutPlan;
  readonly task: ModelTask;
  readonly decision: RolloutDecision;
  readonly actor: string;
}

export interface RolloutChange {
  readonly rollout: Rollout;
  readonly deployment: Deployment;
}

export const noHold = { held_at: null, held_by: null, held_reason: null, stage_left_ms: null } as const;

/** Gives the candidate the traffic of one stage. */
function deployStage(
  trx: Trx,
  { id, endpoint, candidate, incumbent }: Pick<RolloutRow, 'id' | 'endpoint' | 'candidate' | 'incumbent'>,
  { name, percent }: RolloutPlan['stages'][number],
  by: { readonly deploymentId: string; readonly actor: string },
): Promise<Deployment> {
  return addDeployment(trx, {
    id: by.deploymentId,
    endpoint,
    traffic: [
      { version: incumbent, percent: 100 - percent },
      { version: candidate, percent },
    ],
    shadow: percent === 0 ? candidate : incumbent,
    rollout: id,
    reason: `rollout of version ${candidate}: ${name}`,
    actor: by.actor,
  });
}

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
      ...noHold,
      trail: null,
      task: input.task,
    };
    await tables.insertInto('serving_rollout').values(row).execute();
    const deployment = await deployStage(trx, input, first, input);
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
    const deployment = await deployStage(trx, row, stage, input);
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
  readonly trail: RolloutProgress['trail'] | undefined;
  readonly deploymentId: string;
  readonly actor: string;
}

/** What serving needs of the registry inside its own transaction: promotion moves traffic and alias together. */
export interface ServingStorePorts {
  readonly setAlias: (
    trx: Trx,
    input: { model: string; alias: string; version: number; actor: string; reason: string },
  ) => Promise<AliasSet>;
  /** Takes back a request for approval; one that was decided stays as it is. */
  readonly withdrawApproval: (
    trx: Trx,
    input: { readonly approval: string; readonly why: string; readonly actor: string },
  ) => Promise<void>;
}

/** The alias names the version, or somebody has to approve that first. */
export type AliasSet =
  | { readonly state: 'moved' }
  | { readonly state: 'waiting'; readonly approval: string; readonly lapsesAt: number };

/** The sweep of approvals says first that one has lapsed, before the deadline of the rollout that waited for it. */
const lapseGraceMs = 120_000;

export interface ServingOperations {
  readonly endRollout: Operation<EndRollout, RolloutChange>;
}

export function createServingOperations(ports: ServingStorePorts): ServingOperations {
  const endRollout = operation('serving.end-rollout', async (trx, input: EndRollout): Promise<RolloutChange> => {
    const row = await mustRunning(trx, input.id);
    const { plan, decisions } = rolloutOf(row);
    const isPromoted = input.state === 'promoted';
    if (isPromoted) {
      const endpoint = endpointOf(await mustEndpoint(trx, row.endpoint));
      const reason = `rollout ${row.id} on endpoint ${row.endpoint}: ${input.decision.sentence}`;
      const { model } = endpoint.spec;
      const move = { model, alias: plan.alias, version: row.candidate, actor: input.actor, reason };
      const set = await ports.setAlias(trx, move);
      if (set.state === 'waiting') return waitForApproval(trx, row, { ...set, decision: input.decision });
    } else {
      const why = `Rollout ${row.id} ended: ${input.decision.sentence}`;
      for (const approval of new Set(decisions.flatMap((d) => d.approval ?? [])))
        await ports.withdrawApproval(trx, { approval, why, actor: input.actor });
    }
    const end = {
      state: input.state,
      finished_at: trx.now,
      decisions: JSON.stringify([...decisions, input.decision]),
      guard: input.guard ?? null,
      harm: input.harm ?? null,
      ...noHold,
      trail: input.trail === undefined ? null : JSON.stringify(input.trail),
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

/** Traffic stays as it is, and the stage as long as the request may wait: only an approved version takes all of it. */
async function waitForApproval(
  trx: Trx,
  row: RolloutRow,
  asked: { readonly approval: string; readonly lapsesAt: number; readonly decision: RolloutDecision },
): Promise<RolloutChange> {
  const { decisions, plan } = rolloutOf(row);
  const isTold = decisions.some((d) => d.approval === asked.approval);
  const decision: RolloutDecision = {
    ...asked.decision,
    verdict: 'held',
    sentence: `${asked.decision.sentence} It waits until somebody approves ${plan.alias} (${asked.approval}).`,
    approval: asked.approval,
  };
  const wait = {
    deadline_at: Math.max(row.deadline_at, asked.lapsesAt + lapseGraceMs),
    decisions: JSON.stringify([...decisions, decision].slice(-decisionsMax)),
  };
  await trx.tables<ServingTables>().updateTable('serving_rollout').set(wait).where('id', '=', row.id).execute();
  if (!isTold) {
    await trx.emit({
      kind: 'rollout.held',
      actor: 'system:rollout-judge',
      subject: row.id,
      body: { endpoint: row.endpoint, candidate: row.candidate, approval: asked.approval, sentence: decision.sentence },
    });
  }
  const deployment = await currentDeployment(trx, row.endpoint);
  return { rollout: rolloutOf({ ...row, ...wait }), deployment };
}

/** Keeps a decision that changed nothing, such as a judgement that found too few rows. */
export const noteDecision = operation(
  'serving.note-decision',
  async (trx, input: { id: string; decision: RolloutDecision }): Promise<Rollout> => {
    const row = await mustRunning(trx, input.id);
    const decisions = JSON.stringify([...rolloutOf(row).decisions, input.decision].slice(-decisionsMax));
    await trx
      .tables<ServingTables>()
      .updateTable('serving_rollout')
      .set({ decisions })
      .where('id', '=', row.id)
      .execute();
    return rolloutOf({ ...row, decisions });
  },
);

/** An endpoint that is taken out of use serves nobody: its rollout ends with it, without another deployment. */
export async function cancelOfRetired(trx: Trx, endpoint: string, actor: string): Promise<void> {
  const tables = trx.tables<ServingTables>();
  const query = tables.selectFrom('serving_rollout').selectAll();
  const row = await query.where('endpoint', '=', endpoint).where('state', '=', 'running').executeTakeFirst();
  if (row === undefined) return;
  const decision = endedUnseen(rolloutOf(row), {
    at: trx.now,
    verdict: 'cancelled',
    sentence: `Endpoint ${endpoint} was taken out of use.`,
  });
  const end = {
    state: 'cancelled',
    finished_at: trx.now,
    decisions: JSON.stringify([...rolloutOf(row).decisions, decision]),
    ...noHold,
  };
  await tables.updateTable('serving_rollout').set(end).where('id', '=', row.id).execute();
  const { candidate, incumbent } = row;
  await trx.emit({
    kind: 'rollout.cancelled',
    actor,
    subject: row.id,
    body: { endpoint, candidate, incumbent, sentence: decision.sentence },
  });
}

/** A decision without the judge at hand: its counts are those of the last one. */
export function endedUnseen(
  rollout: Rollout,
  end: Pick<RolloutDecision, 'at' | 'verdict' | 'sentence'>,
): RolloutDecision {
  const last = rollout.decisions.at(-1);
  return {
    ...end,
    stage: rollout.plan.stages[rollout.stage]?.name ?? '',
    requests: last?.requests ?? 0,
    canaryRequests: last?.canaryRequests ?? 0,
    labelledPairs: last?.labelledPairs ?? 0,
  };
}
