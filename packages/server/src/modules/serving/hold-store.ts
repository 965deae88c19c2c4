/** Writes that stop the clock of a rollout and let it go on: traffic stays as it is, so no deployment is made. */
import type { Rollout, RolloutDecision } from '@slipway/contract';
import type { Trx } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import { decisionsMax, mustRunning, noHold } from './rollout-store.ts';
import type { RolloutRow, ServingTables } from './rows.ts';
import { rolloutOf } from './rows.ts';

export interface HoldRollout {
  readonly id: string;
  readonly reason: string;
  /** Not resumed within this time, the sweep ends the rollout without promotion. */
  readonly forMs: number;
  readonly decision: RolloutDecision;
  readonly actor: string;
}

/** The same order twice changes nothing. */
export const holdRollout = operation('serving.hold-rollout', async (trx, input: HoldRollout): Promise<Rollout> => {
  const row = await mustRunning(trx, input.id);
  if (row.held_at !== null) return rolloutOf(row);
  const until = trx.now + input.forMs;
  const changed = await change(trx, row, input.decision, {
    held_at: trx.now,
    held_by: input.actor,
    held_reason: input.reason,
    stage_left_ms: Math.max(0, row.deadline_at - trx.now),
    deadline_at: until,
  });
  await trx.emit({
    kind: 'rollout.put-on-hold',
    actor: input.actor,
    subject: row.id,
    body: { ...aboutOf(row, changed), reason: input.reason, until },
  });
  return changed;
});

export interface ResumeRollout {
  readonly id: string;
  readonly reason: string;
  readonly decision: RolloutDecision;
  readonly actor: string;
}

export const resumeRollout = operation(
  'serving.resume-rollout',
  async (trx, input: ResumeRollout): Promise<Rollout> => {
    const row = await mustRunning(trx, input.id);
    if (row.held_at === null) return rolloutOf(row);
    const deadline_at = trx.now + (row.stage_left_ms ?? 0);
    const changed = await change(trx, row, input.decision, { ...noHold, deadline_at });
    await trx.emit({
      kind: 'rollout.resumed',
      actor: input.actor,
      subject: row.id,
      body: { ...aboutOf(row, changed), reason: input.reason, heldMs: trx.now - row.held_at },
    });
    return changed;
  },
);

async function change(trx: Trx, row: RolloutRow, decision: RolloutDecision, to: Partial<RolloutRow>): Promise<Rollout> {
  const decisions = JSON.stringify([...rolloutOf(row).decisions, decision].slice(-decisionsMax));
  const next = { ...to, decisions };
  await trx.tables<ServingTables>().updateTable('serving_rollout').set(next).where('id', '=', row.id).execute();
  return rolloutOf({ ...row, ...next });
}

const aboutOf = (row: RolloutRow, { plan, stage }: Rollout) => ({
  endpoint: row.endpoint,
  candidate: row.candidate,
  incumbent: row.incumbent,
  stage: plan.stages[stage]?.name ?? '',
});
