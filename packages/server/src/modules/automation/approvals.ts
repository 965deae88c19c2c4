/**
 * What waits for consent, in one list: moves of aliases, which the registry keeps, and firings of policies. Each is decided by
 * the module that owns it; here they are put in one order, found by one kind of id, and ended when nobody decided in time.
 */
import type { AliasApproval, Approval, PolicyApproval } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Decider } from '../../lib/approval-rule.ts';
import { decodePageToken, encodePageToken, fingerprintOf } from '../../lib/page-token.ts';
import type { Page, PageRequest } from '../../lib/page.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Log } from '../../platform/log.ts';
import type { SweepLoop } from '../../platform/sweep-loop.ts';
import { createSweepLoop } from '../../platform/sweep-loop.ts';
import type { Registry } from '../registry/index.ts';
import type { Automation } from './service.ts';
import type { AutomationTables, FiringRow, PolicyRow } from './store.ts';
import { approvalIdOf, firingOf, lapseFirings, ruleOf, specOf } from './store.ts';

export interface ApprovalsDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly aliases: Registry['approvals'];
  readonly automation: Pick<Automation, 'decide'>;
}

export interface ApprovalFilter extends PageRequest {
  readonly state?: Approval['state'] | undefined;
  readonly model?: string | undefined;
}

export interface Decision {
  readonly id: string;
  readonly verdict: 'approve' | 'reject';
  readonly reason: string;
  readonly decider: Decider;
}

export interface Approvals extends SweepLoop {
  list(filter: ApprovalFilter): Promise<Page<Approval>>;
  get(id: string): Promise<Approval>;
  decide(decision: Decision): Promise<Approval>;
  /** One pass over what nobody decided in time; resolves to how many it ended. */
  sweep(): Promise<number>;
}

/** How often what nobody decided in time is ended. */
const sweepEveryMs = 30_000;

export function createApprovals(deps: ApprovalsDeps): Approvals {
  const { db, aliases } = deps;
  const sweep = async (): Promise<number> => (await aliases.lapse()) + (await db.write(lapseFirings, {}));
  return {
    list: (filter) => list(deps, filter),
    get: async (id) => {
      const firing = firingIdOf(id);
      return firing === undefined ? aliases.get(id) : getFiring(db, firing);
    },
    decide: async ({ id, verdict, reason, decider }) => {
      const firing = firingIdOf(id);
      if (firing === undefined) return aliases.decide({ id, verdict, reason, decider });
      await deps.automation.decide({ policy: undefined, id: firing, decision: verdict, reason, decider });
      return getFiring(db, firing);
    },
    sweep,
    ...createSweepLoop(deps, { of: 'approvals', everyMs: sweepEveryMs, pass: sweep }),
  };
}

function firingIdOf(id: string): number | undefined {
  const digits = /^firing-([1-9]\d{0,14})$/.exec(id)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

interface Listed {
  readonly approval: Approval;
  /** The place in the list: newest first, an alias before a firing of the same millisecond. */
  readonly place: readonly [askedAt: number, rank: number, row: number];
}

const aliasRank = 1;
const firingRank = 0;

/** Where a source of this rank goes on after a place of the whole list. */
function goOn(rank: number, after: Listed['place'] | undefined): { askedAt: number; row: number } | undefined {
  if (after === undefined) return undefined;
  const [askedAt, atRank, row] = after;
  return { askedAt, row: rank === atRank ? row : rank < atRank ? Number.MAX_SAFE_INTEGER : 0 };
}

async function list({ db, aliases }: ApprovalsDeps, filter: ApprovalFilter): Promise<Page<Approval>> {
  const { state, model, limit, pageToken } = filter;
  const fingerprint = fingerprintOf(['approvals', state ?? '', model ?? '']);
  const after = pageToken === undefined ? undefined : placeOf(pageToken, fingerprint);
  const more = limit + 1;
  const [moves, firings] = await Promise.all([
    aliases.list({ state, model, limit: more, before: goOn(aliasRank, after) }),
    model === undefined ? listFirings(db, { state, limit: more, before: goOn(firingRank, after) }) : [],
  ]);
  const all = [
    ...moves.map(({ row, approval }): Listed => ({ approval, place: [approval.askedAt, aliasRank, row] })),
    ...firings,
  ].toSorted(({ place: a }, { place: b }) => b[0] - a[0] || b[1] - a[1] || b[2] - a[2]);
  const shown = all.slice(0, limit);
  const last = shown.at(-1);
  const items = shown.map(({ approval }) => approval);
  return all.length > limit && last !== undefined
    ? { items, nextPageToken: encodePageToken(fingerprint, last.place) }
    : { items };
}

function placeOf(token: string, fingerprint: string): Listed['place'] {
  const [askedAt, rank, row] = decodePageToken(token, fingerprint, 3);
  if (typeof askedAt === 'number' && typeof rank === 'number' && typeof row === 'number') return [askedAt, rank, row];
  throw new SlipwayError('page_token_invalid', { token: token.slice(0, 100) });
}

type Asked = FiringRow & Pick<PolicyRow, 'spec'>;

const asked = (db: Db) =>
  db
    .read<AutomationTables>()
    .selectFrom('automation_firing')
    .innerJoin('automation_policy', 'automation_policy.name', 'automation_firing.policy')
    .selectAll('automation_firing')
    .select('automation_policy.spec')
    .where('automation_firing.lapses_at', 'is not', null);

/** A firing that acted, was done or failed after somebody's yes was approved. */
const firingStates = {
  waiting: ['waiting'],
  approved: ['acting', 'done', 'failed'],
  rejected: ['rejected'],
  lapsed: ['lapsed'],
  withdrawn: [],
} as const satisfies Record<Approval['state'], readonly FiringRow['state'][]>;

async function listFirings(
  db: Db,
  range: {
    readonly state: Approval['state'] | undefined;
    readonly limit: number;
    readonly before: { readonly askedAt: number; readonly row: number } | undefined;
  },
): Promise<Listed[]> {
  const states = range.state === undefined ? undefined : firingStates[range.state];
  if (states?.length === 0) return [];
  let query = asked(db)
    .orderBy('automation_firing.created_at', 'desc')
    .orderBy('automation_firing.id', 'desc')
    .limit(range.limit);
  if (states !== undefined) query = query.where('automation_firing.state', 'in', states);
  const { before } = range;
  if (before !== undefined) {
    query = query.where((e) =>
      e.or([
        e('automation_firing.created_at', '<', before.askedAt),
        e.and([e('automation_firing.created_at', '=', before.askedAt), e('automation_firing.id', '<', before.row)]),
      ]),
    );
  }
  const rows = await db.scan(query);
  return rows.map((row) => ({ approval: approvalOf(row), place: [row.created_at, firingRank, row.id] }));
}

async function getFiring(db: Db, id: number): Promise<PolicyApproval> {
  const row = await asked(db).where('automation_firing.id', '=', id).executeTakeFirst();
  if (row) return approvalOf(row);
  throw new SlipwayError('not_found', {
    noun: 'approval',
    name: approvalIdOf(id),
    remedy: '`slipway approval list` shows what waits.',
  });
}

function stateOf(state: FiringRow['state']): AliasApproval['state'] {
  if (state === 'waiting' || state === 'rejected' || state === 'lapsed') return state;
  return 'approved';
}

function approvalOf(row: Asked): PolicyApproval {
  const firing = firingOf(row);
  const rule = ruleOf(specOf(row));
  return {
    kind: 'policy',
    id: approvalIdOf(firing.id),
    state: stateOf(firing.state),
    policy: firing.policy,
    firing: firing.id,
    causeSeq: firing.causeSeq,
    action: firing.action,
    askedBy: `policy:${firing.policy}`,
    askedAt: firing.createdAt,
    reason: firing.reason,
    lapsesAt: firing.lapsesAt ?? firing.createdAt,
    role: rule.role,
    ...(rule.by === undefined ? {} : { by: rule.by }),
    ...(firing.decidedBy === undefined ? {} : { decidedBy: firing.decidedBy }),
    ...(firing.decidedAt === undefined ? {} : { decidedAt: firing.decidedAt }),
    ...(firing.decision === undefined ? {} : { decision: firing.decision }),
  };
}
