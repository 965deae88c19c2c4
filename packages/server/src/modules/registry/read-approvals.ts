/** Reads of requests to move an alias, with the evidence that a decision rests on. */
import type { AliasApproval } from '@slipway/contract';
import { ApprovalRule, SlipwayError } from '@slipway/contract';
import { sql } from 'kysely';
import type { Db } from '../../platform/db/db.ts';
import { approvalRuleOf } from './operations/approval-rows.ts';
import type { ApprovalRow } from './operations/approval-rows.ts';
import { checksOf } from './read.ts';

interface Row extends ApprovalRow {
  readonly model: string;
  readonly alias_rules: string | null;
  readonly gate_uid: string | null;
  readonly passed: number | null;
  readonly checks: string | null;
}

const select = sql`
  select a.*, m.name model, m.alias_rules, g.uid gate_uid, g.passed, g.checks
  from registry_approval a
  join registry_model m on m.id = a.model_id
  left join registry_version v on v.model_id = a.model_id and v.number = a.number
  left join registry_gate g on g.uid = v.gate_uid`;

function approvalOf(row: Row): AliasApproval {
  // Where the alias asks for nothing any more the request has ended; who could have decided is then the usual rule.
  const rule = approvalRuleOf(row, row.alias) ?? ApprovalRule.parse({});
  return {
    kind: 'alias',
    id: row.uid,
    state: row.state,
    model: row.model,
    alias: row.alias,
    version: row.number,
    ...(row.previous === null ? {} : { previous: row.previous }),
    ...(row.gate_uid === null || row.checks === null
      ? {}
      : { gate: { id: row.gate_uid, passed: row.passed === 1, checks: checksOf(row.checks) } }),
    askedBy: row.asked_by,
    askedAt: row.asked_at,
    ...(row.reason === null ? {} : { reason: row.reason }),
    lapsesAt: row.lapses_at,
    role: rule.role,
    ...(rule.by === undefined ? {} : { by: rule.by }),
    ...(row.decided_by === null ? {} : { decidedBy: row.decided_by }),
    ...(row.decided_at === null ? {} : { decidedAt: row.decided_at }),
    ...(row.decision === null ? {} : { decision: row.decision }),
    ...(row.is_own === 1 ? { isOwn: true } : {}),
  };
}

export interface ApprovalRange {
  readonly state?: AliasApproval['state'] | undefined;
  readonly model?: string | undefined;
  /** Only what comes after this place in the list, newest first. */
  readonly before?: { readonly askedAt: number; readonly row: number } | undefined;
  readonly limit: number;
}

export interface ListedApproval {
  /** Of the table: the second part of its place in the list. */
  readonly row: number;
  readonly approval: AliasApproval;
}

export async function listApprovals(db: Db, range: ApprovalRange): Promise<ListedApproval[]> {
  const { state, model, before, limit } = range;
  const statement = sql<Row>`${select}
    where ${state === undefined ? sql`true` : sql`a.state = ${state}`}
      and ${model === undefined ? sql`true` : sql`m.name = ${model}`}
      and ${before === undefined ? sql`true` : sql`(a.asked_at, a.id) < (${before.askedAt}, ${before.row})`}
    order by a.asked_at desc, a.id desc limit ${limit}`;
  const rows = await db.scan({ compile: () => statement.compile(db.read()) });
  return rows.map((row) => ({ row: row.id, approval: approvalOf(row) }));
}

export async function getApproval(db: Db, id: string): Promise<AliasApproval> {
  const statement = sql<Row>`${select} where a.uid = ${id}`;
  const [row] = await db.scan({ compile: () => statement.compile(db.read()) });
  if (row) return approvalOf(row);
  throw new SlipwayError('not_found', {
    noun: 'approval',
    name: id,
    remedy: '`slipway approval list` shows what waits.',
  });
}
