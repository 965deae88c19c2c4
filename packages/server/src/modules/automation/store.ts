/** Policies and their firings in the database. Loaded by the writer: nothing heavy here. */
import { join } from 'node:path';
import type { Policy, PolicyFiring } from '@slipway/contract';
import { ApprovalRule, canonicalJson, PolicySpec, SlipwayError } from '@slipway/contract';
import type { Generated, Kysely } from 'kysely';
import type { Decider } from '../../lib/approval-rule.ts';
import { checkMay } from '../../lib/approval-rule.ts';
import { declaredId } from '../../lib/declared-id.ts';
import type { Db, StoreModule, Trx } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import type { ResourceKind } from '../projects/index.ts';
import { decideFiring, eventTime, fillAction, heldBySilence, matchesEvent } from './decide.ts';
import type { CauseEvent, PastFiring } from './decide.ts';

export interface PolicyRow {
  name: string;
  id: string;
  when_kind: string;
  spec: string;
  project: string;
  created_at: number;
  applied_at: number;
  retired_at: number | null;
}

export interface FiringRow {
  id: number;
  policy: string;
  cause_seq: number;
  at: number;
  state: PolicyFiring['state'];
  action: string;
  reason: string;
  result: string | null;
  problem: string | null;
  lapses_at: number | null;
  decided_by: string | null;
  decided_at: number | null;
  decision: string | null;
  created_at: number;
  finished_at: number | null;
}

export interface AutomationTables {
  automation_policy: PolicyRow;
  automation_firing: Omit<FiringRow, 'id'> & { id: Generated<number> };
}

type Tables = Kysely<AutomationTables>;

/** Written by this store from a parsed spec; parsed again so that a field added later gets its default. */
export const specOf = (row: Pick<PolicyRow, 'spec'>): PolicySpec => PolicySpec.parse(JSON.parse(row.spec));

export function policyOf(row: PolicyRow): Policy {
  return {
    id: row.id,
    name: row.name,
    spec: specOf(row),
    project: row.project,
    createdAt: row.created_at,
    ...(row.retired_at === null ? {} : { retiredAt: row.retired_at }),
  };
}

export function firingOf(row: FiringRow): PolicyFiring {
  return {
    id: row.id,
    policy: row.policy,
    causeSeq: row.cause_seq,
    at: row.at,
    state: row.state,
    action: JSON.parse(row.action) as PolicyFiring['action'], // as recordFiring wrote it
    reason: row.reason,
    ...(row.result === null ? {} : { result: JSON.parse(row.result) as PolicyFiring['result'] }), // as finishFiring wrote it
    ...(row.problem === null ? {} : { problem: row.problem }),
    ...(row.lapses_at === null ? {} : { lapsesAt: row.lapses_at }),
    ...(row.decided_by === null ? {} : { decidedBy: row.decided_by }),
    ...(row.decided_at === null ? {} : { decidedAt: row.decided_at }),
    ...(row.decision === null ? {} : { decision: row.decision }),
    createdAt: row.created_at,
    ...(row.finished_at === null ? {} : { finishedAt: row.finished_at }),
  };
}

export async function findPolicy(tables: Tables, name: string): Promise<PolicyRow | undefined> {
  return tables.selectFrom('automation_policy').selectAll().where('name', '=', name).executeTakeFirst();
}

export async function listPoliciesFor(tables: Tables, event: Pick<CauseEvent, 'kind' | 'at'>): Promise<PolicyRow[]> {
  return tables
    .selectFrom('automation_policy')
    .selectAll()
    .where('when_kind', '=', event.kind)
    .where('created_at', '<=', event.at)
    .where('retired_at', 'is', null)
    .orderBy('name')
    .execute();
}

export async function findFiring(tables: Tables, id: number): Promise<FiringRow | undefined> {
  return tables.selectFrom('automation_firing').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Firings of any policy that these events caused, newest first. */
export async function listFiringsCausedBy(db: Db, seqs: readonly number[]): Promise<FiringRow[]> {
  if (seqs.length === 0) return [];
  return db.scan(
    db
      .read<AutomationTables>()
      .selectFrom('automation_firing')
      .selectAll()
      .where('cause_seq', 'in', [...seqs])
      .orderBy('id', 'desc'),
  );
}

/** Firings that were decided and not finished: what a restart takes up again. */
export async function listActing(tables: Tables): Promise<FiringRow[]> {
  return tables.selectFrom('automation_firing').selectAll().where('state', '=', 'acting').orderBy('id').execute();
}

/** How many firings the limits look back over: far more than any daily limit leaves in a cooldown. */
const pastFiringsMax = 1000;

/** What the limits look back on. Failures before the last apply are forgiven: applying again says that the cause is mended. */
async function listPast(tables: Tables, policy: PolicyRow): Promise<PastFiring[]> {
  const rows = await tables
    .selectFrom('automation_firing')
    .select(['at', 'state', 'created_at'])
    .where('policy', '=', policy.name)
    .where('state', 'not in', ['skipped', 'rejected', 'lapsed'])
    .orderBy('at', 'desc')
    .limit(pastFiringsMax)
    .execute();
  return rows.filter((f) => f.state !== 'failed' || f.created_at >= policy.applied_at);
}

/**
 * Decides and records what a policy does about an event, once: a second call for the same event answers with the first
 * decision. Undefined when the event does not fit.
 */
export const recordFiring = operation(
  'automation.record-firing',
  async (trx, input: { readonly policy: string; readonly event: CauseEvent }): Promise<PolicyFiring | undefined> => {
    const { event } = input;
    const tables = trx.tables<AutomationTables>();
    const known = await tables
      .selectFrom('automation_firing')
      .selectAll()
      .where('policy', '=', input.policy)
      .where('cause_seq', '=', event.seq)
      .executeTakeFirst();
    if (known !== undefined) return firingOf(known);
    const row = await findPolicy(tables, input.policy);
    if (row === undefined || row.retired_at !== null) return undefined;
    const { spec } = policyOf(row);
    if (!matchesEvent(spec, event)) return undefined;
    const at = eventTime(event);
    const decided = heldBySilence(event) ?? decideFiring(spec, at, await listPast(tables, row));
    const filled = tryFill(row.name, spec, event);
    const state = decided.state !== 'skipped' && filled.problem !== undefined ? 'failed' : decided.state;
    const inserted = await tables
      .insertInto('automation_firing')
      .values({
        policy: row.name,
        cause_seq: event.seq,
        at,
        state,
        action: JSON.stringify(filled.action),
        reason: decided.reason,
        result: null,
        problem: filled.problem ?? null,
        lapses_at: state === 'waiting' ? trx.now + ruleOf(spec).lapsesAfter : null,
        decided_by: null,
        decided_at: null,
        decision: null,
        created_at: trx.now,
        finished_at: state === 'acting' || state === 'waiting' ? null : trx.now,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    await emitFiring(
      trx,
      inserted,
      state === 'waiting' ? 'approval.requested' : 'policy.triggered',
      `policy:${row.name}`,
    );
    return firingOf(inserted);
  },
);

function tryFill(
  policy: string,
  spec: PolicySpec,
  event: CauseEvent,
): { readonly action: PolicyFiring['action']; readonly problem?: string } {
  try {
    return { action: fillAction(policy, spec.do, event) };
  } catch (error) {
    if (error instanceof SlipwayError) return { action: spec.do, problem: error.message };
    throw error;
  }
}

async function emitFiring(trx: Trx, row: FiringRow, kind: string, actor: string): Promise<void> {
  await trx.emit({
    kind,
    actor,
    subject: `policy:${row.policy}`,
    body: {
      policy: row.policy,
      firing: row.id,
      causeSeq: row.cause_seq,
      at: row.at,
      state: row.state,
      reason: row.reason,
      action: JSON.parse(row.action) as unknown,
      result: row.result === null ? null : (JSON.parse(row.result) as unknown),
      problem: row.problem,
      ...(row.lapses_at === null ? {} : askedFacts(row, row.lapses_at)),
    },
  });
}

const askedFacts = (row: FiringRow, lapsesAt: number): Readonly<Record<string, unknown>> => ({
  approval: approvalIdOf(row.id),
  lapsesAt,
  decidedBy: row.decided_by,
  decision: row.decision,
});

/** How the one list of approvals spells a firing. */
export const approvalIdOf = (firing: number): string => `firing-${firing}`;

/** Who may consent to what this policy does. */
export const ruleOf = ({ approval }: PolicySpec): ApprovalRule =>
  typeof approval === 'boolean' ? ApprovalRule.parse({}) : approval;

/** Records what came of an action. A firing that is finished already stays as it is. */
export const finishFiring = operation(
  'automation.finish-firing',
  async (
    trx,
    input: {
      readonly id: number;
      readonly outcome: { readonly result: PolicyFiring['result'] } | { readonly problem: string };
    },
  ): Promise<PolicyFiring> => {
    const row = await mustFiring(trx, input.id);
    if (row.state !== 'acting') return firingOf(row);
    const { outcome } = input;
    const facts =
      'problem' in outcome
        ? { state: 'failed' as const, problem: outcome.problem, finished_at: trx.now }
        : { state: 'done' as const, result: JSON.stringify(outcome.result ?? {}), finished_at: trx.now };
    const finished = { ...row, ...facts };
    await trx.tables<AutomationTables>().updateTable('automation_firing').set(facts).where('id', '=', row.id).execute();
    await emitFiring(trx, finished, 'policy.acted', `policy:${row.policy}`);
    return firingOf(finished);
  },
);

export interface DecideInput {
  /** Undefined: whichever policy the firing belongs to. */
  readonly policy: string | undefined;
  readonly id: number;
  readonly decider: Decider;
  readonly decision: 'approve' | 'reject';
  readonly reason?: string | undefined;
}

/** Somebody's yes or no to a firing that waits for it. */
export const decideWaiting = operation(
  'automation.decide-firing',
  async (trx, input: DecideInput): Promise<PolicyFiring> => {
    const tables = trx.tables<AutomationTables>();
    const row = await mustFiring(trx, input.id, input.policy);
    const policy = await findPolicy(tables, row.policy);
    const isLapsed = row.state === 'waiting' && row.lapses_at !== null && row.lapses_at <= trx.now;
    if (row.state !== 'waiting' || isLapsed) {
      const verb = input.decision === 'approve' ? 'approved' : 'rejected';
      const state = isLapsed ? 'lapsed' : row.state;
      throw new SlipwayError('firing_decided', { firing: row.id, policy: row.policy, state, verb });
    }
    const rule = policy === undefined ? ApprovalRule.parse({}) : ruleOf(policyOf(policy).spec);
    checkMay(approvalIdOf(row.id), rule, input.decider);
    const { actor } = input.decider;
    const decided = {
      ...row,
      decided_by: actor,
      decided_at: trx.now,
      decision: input.reason ?? null,
      ...(input.decision === 'approve'
        ? { state: 'acting' as const }
        : { state: 'rejected' as const, reason: input.reason ?? row.reason, finished_at: trx.now }),
    };
    const { id: _id, ...facts } = decided;
    await tables.updateTable('automation_firing').set(facts).where('id', '=', row.id).execute();
    await emitFiring(trx, decided, input.decision === 'approve' ? 'approval.given' : 'approval.refused', actor);
    return firingOf(decided);
  },
);

/** Firings that are ended in one transaction of the sweep. */
const lapsedPerSweep = 100;

/** Ends what nobody decided in time; answers with how many. */
export const lapseFirings = operation(
  'automation.lapse-firings',
  async (trx, _: Record<string, never>): Promise<number> => {
    const tables = trx.tables<AutomationTables>();
    const rows = await tables
      .selectFrom('automation_firing')
      .selectAll()
      .where('state', '=', 'waiting')
      .where('lapses_at', '<=', trx.now)
      .orderBy('lapses_at')
      .limit(lapsedPerSweep)
      .execute();
    for (const row of rows) {
      const end = { state: 'lapsed' as const, decided_at: trx.now, finished_at: trx.now };
      await tables.updateTable('automation_firing').set(end).where('id', '=', row.id).execute();
      await emitFiring(trx, { ...row, ...end }, 'approval.lapsed', 'system:approvals');
    }
    return rows.length;
  },
);

async function mustFiring(trx: Trx, id: number, policy?: string): Promise<FiringRow> {
  const row = await findFiring(trx.tables<AutomationTables>(), id);
  if (row === undefined || (policy !== undefined && row.policy !== policy)) {
    const remedy =
      policy === undefined
        ? '`slipway approval list` shows what waits.'
        : `\`slipway policy firings ${policy}\` lists them.`;
    throw new SlipwayError('not_found', { noun: 'firing', name: String(id), remedy });
  }
  return row;
}

/** `policies:` of slipway.yaml. Removing one stops it; what it did stays readable. */
export const policyKind: ResourceKind<PolicySpec> = {
  kind: 'policy',
  parse: (name, spec) => {
    const parsed = PolicySpec.safeParse(spec ?? {});
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    const known =
      issue?.path[0] === 'do'
        ? 'do takes one of run {pipeline, params}, rollout {endpoint, candidate}, alias {model, alias, version}, webhook {url}'
        : issue?.message;
    throw new SlipwayError('resource_invalid', {
      kind: 'policy',
      name,
      problem: `${issue?.path.join('.')} ${known}`.trim(),
    });
  },
  apply: async (trx, { name, spec, project }) => {
    const tables = trx.tables<AutomationTables>();
    const before = await findPolicy(tables, name);
    const facts = {
      when_kind: spec.when,
      spec: canonicalJson(spec),
      project,
      applied_at: trx.now,
      retired_at: null,
      // Declared again after its removal, it does not act on what happened in between.
      created_at: before === undefined || before.retired_at !== null ? trx.now : before.created_at,
    };
    await tables
      .insertInto('automation_policy')
      .values({ name, id: declaredId('policy', trx.now, name), ...facts })
      .onConflict((c) => c.column('name').doUpdateSet(facts))
      .execute();
  },
  remove: async (trx, { name }) => {
    await trx
      .tables<AutomationTables>()
      .updateTable('automation_policy')
      .set({ retired_at: trx.now })
      .where('name', '=', name)
      .execute();
  },
};

export const automationStore: StoreModule = {
  name: 'automation',
  migrations: join(import.meta.dirname, 'migrations'),
  operations: [recordFiring, finishFiring, decideWaiting, lapseFirings],
};
