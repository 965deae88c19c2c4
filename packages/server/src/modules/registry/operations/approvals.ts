/** Deciding about a request to move an alias: the move, the decision and their events are one transaction. */
import { ApprovalRule, SlipwayError } from '@slipway/contract';
import type { Decider } from '../../../lib/approval-rule.ts';
import { checkMay, whoMay } from '../../../lib/approval-rule.ts';
import type { Trx } from '../../../platform/db/db.ts';
import { operation } from '../../../platform/db/db.ts';
import type { RegistryTables } from '../tables.ts';
import { approvalRuleOf, emitApproval, lapse, withdrawApprovals } from './approval-rows.ts';
import type { ApprovalRow } from './approval-rows.ts';
import { aliasNumber, checkProtected } from './gates.ts';
import { findModelRow } from './models.ts';
import { mustVersionRow, placeAlias } from './versions.ts';

export interface ApprovalDecision {
  readonly id: string;
  readonly verdict: 'approve' | 'reject';
  readonly reason: string;
  readonly decider: Decider;
}

async function waitingRow(trx: Trx, { id, verdict }: ApprovalDecision): Promise<ApprovalRow> {
  const row = await trx
    .tables<RegistryTables>()
    .selectFrom('registry_approval')
    .selectAll()
    .where('uid', '=', id)
    .executeTakeFirst();
  if (row === undefined) {
    const remedy = '`slipway approval list` shows what waits.';
    throw new SlipwayError('not_found', { noun: 'approval', name: id, remedy });
  }
  const state = row.state === 'waiting' && row.lapses_at <= trx.now ? 'lapsed' : row.state;
  if (state === 'waiting') return row;
  throw new SlipwayError('approval_decided', {
    approval: id,
    state,
    verb: verdict === 'approve' ? 'approved' : 'rejected',
  });
}

/**
 * Somebody's yes or no. A yes asks the gate again, with the bounds that are declared now, and moves the alias. Whoever asked
 * may take the request back but not approve it, except the person at the server's machine, and then the ledger says so.
 */
export const decideApproval = operation(
  'registry.decide-approval',
  async (trx, input: ApprovalDecision): Promise<void> => {
    const { decider, reason } = input;
    const modelOf = await waitingRow(trx, input);
    const model = await findModelRow(trx, { id: modelOf.model_id });
    // Read again under the lock of the model: on PostgreSQL somebody else may have decided in between.
    const row = await waitingRow(trx, input);
    if (model === undefined)
      throw new SlipwayError('not_found', { noun: 'approval', name: input.id, remedy: 'Its model is gone.' });
    const isOwn = row.asked_by === decider.actor;
    const rule = approvalRuleOf(model, row.alias) ?? ApprovalRule.parse({});
    const isWithdrawal = isOwn && input.verdict === 'reject';
    if (!isWithdrawal) checkMay(row.uid, rule, decider);
    if (input.verdict === 'approve' && isOwn && decider.actor !== 'owner')
      throw new SlipwayError('approval_own', { approval: row.uid, actor: decider.actor, who: whoMay(rule) });

    const tables = trx.tables<RegistryTables>();
    const state = input.verdict === 'approve' ? 'approved' : isWithdrawal ? 'withdrawn' : 'rejected';
    const end = {
      state,
      decided_by: decider.actor,
      decided_at: trx.now,
      decision: reason,
      is_own: isOwn ? 1 : 0,
    } as const;
    await tables.updateTable('registry_approval').set(end).where('id', '=', row.id).execute();
    const kinds = {
      approved: 'approval.given',
      rejected: 'approval.refused',
      withdrawn: 'approval.withdrawn',
    } as const;
    await emitApproval(trx, model, { kind: kinds[state], actor: decider.actor, row: { ...row, ...end } });
    if (state !== 'approved') return;
    const version = await mustVersionRow(trx, model, row.number);
    await checkProtected(trx, model, row.alias, { ...version, isJudgedAgain: true });
    const target = { alias: row.alias, number: row.number, reason, actor: decider.actor };
    await placeAlias(trx, model, {
      ...target,
      version,
      previous: await aliasNumber(trx, model.id, row.alias),
      approval: row.uid,
    });
  },
);

/** Requests that are ended in one transaction of the sweep. */
const lapsedPerSweep = 100;

/** Ends what nobody decided in time; answers with how many. */
export const lapseApprovals = operation(
  'registry.lapse-approvals',
  async (trx, _: Record<string, never>): Promise<number> => {
    const rows = await trx
      .tables<RegistryTables>()
      .selectFrom('registry_approval')
      .selectAll()
      .where('state', '=', 'waiting')
      .where('lapses_at', '<=', trx.now)
      .orderBy('lapses_at')
      .limit(lapsedPerSweep)
      .execute();
    for (const row of rows) {
      const model = await findModelRow(trx, { id: row.model_id });
      if (model !== undefined) await lapse(trx, model, row);
    }
    return rows.length;
  },
);

/** Takes a request back inside a caller's transaction: a rollout that ended asks for nothing any more. */
export async function withdrawApprovalIn(
  trx: Trx,
  input: { readonly approval: string; readonly why: string; readonly actor: string },
): Promise<void> {
  const row = await trx
    .tables<RegistryTables>()
    .selectFrom('registry_approval')
    .select('model_id')
    .where('uid', '=', input.approval)
    .executeTakeFirst();
  const model = row && (await findModelRow(trx, { id: row.model_id }));
  if (model === undefined) return;
  await withdrawApprovals(trx, model, { uid: input.approval, why: input.why, actor: input.actor });
}
