/** Rows of requests to move an alias: asked for, withdrawn. Deciding one is in `approvals.ts`, which also moves aliases. */
import type { ApprovalRule } from '@slipway/contract';
import { AliasRules } from '@slipway/contract';
import type { Selectable } from 'kysely';
import { declaredId } from '../../../lib/declared-id.ts';
import type { Trx } from '../../../platform/db/db.ts';
import type { RegistryTables } from '../tables.ts';

export type ApprovalRow = Selectable<RegistryTables['registry_approval']>;

interface ModelKey {
  readonly id: number;
  readonly uid: string;
  readonly name: string;
}

/** What `declareModel` stored. */
export const aliasRulesOf = (model: { readonly alias_rules: string | null }): AliasRules =>
  model.alias_rules === null ? {} : AliasRules.parse(JSON.parse(model.alias_rules));

export const approvalRuleOf = (
  model: { readonly alias_rules: string | null },
  alias: string,
): ApprovalRule | undefined => {
  const rules = aliasRulesOf(model);
  return Object.hasOwn(rules, alias) ? rules[alias]?.approval : undefined;
};

export interface AliasWish {
  readonly alias: string;
  readonly number: number;
  readonly reason: string | undefined;
  readonly actor: string;
}

/** The request for this move that waits already, or a new one. */
export async function askApproval(
  trx: Trx,
  model: ModelKey,
  wish: AliasWish & { readonly versionId: string; readonly previous: number | undefined; readonly rule: ApprovalRule },
): Promise<ApprovalRow> {
  const tables = trx.tables<RegistryTables>();
  const waiting = await tables
    .selectFrom('registry_approval')
    .selectAll()
    .where('model_id', '=', model.id)
    .where('alias', '=', wish.alias)
    .where('number', '=', wish.number)
    .where('state', '=', 'waiting')
    .executeTakeFirst();
  // One that has lapsed and was not swept up yet makes room for a new one.
  if (waiting !== undefined && waiting.lapses_at > trx.now) return waiting;
  if (waiting !== undefined) await lapse(trx, model, waiting);
  const last = await tables
    .selectFrom('registry_approval')
    .select((e) => e.fn.max('id').as('id'))
    .where('model_id', '=', model.id)
    .executeTakeFirst();
  const row = await tables
    .insertInto('registry_approval')
    .values({
      uid: declaredId('approval', trx.now, `${model.uid}/${wish.alias}/${wish.number}/${last?.id ?? 0}`),
      model_id: model.id,
      alias: wish.alias,
      number: wish.number,
      previous: wish.previous ?? null,
      state: 'waiting',
      asked_by: wish.actor,
      asked_at: trx.now,
      reason: wish.reason ?? null,
      lapses_at: trx.now + wish.rule.lapsesAfter,
      decided_by: null,
      decided_at: null,
      decision: null,
      is_own: 0,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  await emitApproval(trx, model, { kind: 'approval.requested', actor: wish.actor, row, versionId: wish.versionId });
  return row;
}

export async function emitApproval(
  trx: Trx,
  model: ModelKey,
  told: {
    readonly kind: string;
    readonly actor: string;
    readonly row: ApprovalRow;
    readonly versionId?: string;
  },
): Promise<void> {
  const { row } = told;
  await trx.emit({
    kind: told.kind,
    actor: told.actor,
    subject: row.uid,
    body: {
      approval: row.uid,
      model: model.name,
      alias: row.alias,
      version: row.number,
      previous: row.previous,
      versionId: told.versionId ?? null,
      state: row.state,
      askedBy: row.asked_by,
      reason: row.decision ?? row.reason,
      lapsesAt: row.lapses_at,
      own: row.is_own === 1,
    },
  });
}

const systemActor = 'system:approvals';

export async function lapse(trx: Trx, model: ModelKey, row: ApprovalRow): Promise<void> {
  const end = { state: 'lapsed' as const, decided_at: trx.now };
  await trx.tables<RegistryTables>().updateTable('registry_approval').set(end).where('id', '=', row.id).execute();
  await emitApproval(trx, model, { kind: 'approval.lapsed', actor: systemActor, row: { ...row, ...end } });
}

export async function waitingAliases(trx: Trx, modelId: number): Promise<string[]> {
  const rows = await trx
    .tables<RegistryTables>()
    .selectFrom('registry_approval')
    .select('alias')
    .distinct()
    .where('model_id', '=', modelId)
    .where('state', '=', 'waiting')
    .execute();
  return rows.map((row) => row.alias);
}

/** Ends what waits for this alias (for one version of it, or one request): it cannot or need not happen any more. */
export async function withdrawApprovals(
  trx: Trx,
  model: ModelKey,
  which: {
    readonly alias?: string;
    readonly number?: number;
    readonly uid?: string;
    readonly why: string;
    readonly actor: string;
  },
): Promise<void> {
  const tables = trx.tables<RegistryTables>();
  let query = tables
    .selectFrom('registry_approval')
    .selectAll()
    .where('model_id', '=', model.id)
    .where('state', '=', 'waiting')
    .orderBy('id');
  if (which.alias !== undefined) query = query.where('alias', '=', which.alias);
  if (which.number !== undefined) query = query.where('number', '=', which.number);
  if (which.uid !== undefined) query = query.where('uid', '=', which.uid);
  for (const row of await query.execute()) {
    const end = {
      state: 'withdrawn' as const,
      decided_by: which.actor,
      decided_at: trx.now,
      decision: which.why,
    };
    await tables.updateTable('registry_approval').set(end).where('id', '=', row.id).execute();
    await emitApproval(trx, model, { kind: 'approval.withdrawn', actor: which.actor, row: { ...row, ...end } });
  }
}
