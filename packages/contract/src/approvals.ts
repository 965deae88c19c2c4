/**
 * Approvals: what waits for a person's consent. An alias whose model asks for it, and a firing of a policy that does, stand
 * in one list and are decided in one way.
 */
import { z } from 'zod';
import { Duration } from './duration.ts';
import { Instant, PageQuery } from './names.ts';

const dayMs = 86_400_000;
const lapsesAfterMinMs = 60_000;
const lapsesAfterMaxMs = 365 * dayMs;

/** Who may consent, and until when a request waits. */
export const ApprovalRule = z.strictObject({
  /** The least role that may decide. Steps of pipelines never may. */
  role: z.enum(['deployer', 'owner']).default('deployer'),
  /** Only these may: names of API tokens, or `owner` for the person at the server's machine. */
  by: z.array(z.string().min(1).max(128)).min(1).max(50).optional(),
  lapsesAfter: Duration.default(7 * dayMs).refine(
    (ms) => ms >= lapsesAfterMinMs && ms <= lapsesAfterMaxMs,
    'between 1m and 365d',
  ),
});
export type ApprovalRule = z.output<typeof ApprovalRule>;

/**
 * waiting: for a decision · approved · rejected: somebody said no · lapsed: nobody decided in time · withdrawn: who asked took
 * it back, or what was asked for cannot happen any more.
 */
export const approvalStates = ['waiting', 'approved', 'rejected', 'lapsed', 'withdrawn'] as const;

/** Of a decision: kept in the ledger with the name of who decided. */
export const DecisionReason = z.string().trim().min(1).max(1000);

export const ApprovalQuery = PageQuery.extend({
  state: z.enum(approvalStates).optional(),
  /** Only moves of this model's aliases. */
  model: z.string().max(250).optional(),
});

/** What every request says of itself, whatever it asks for. */
export const ApprovalFacts = z.object({
  /** `apr_…` for an alias, `firing-12` for a firing. */
  id: z.string(),
  state: z.enum(approvalStates),
  /** `owner`, `token:<name>`, `policy:<name>`, `step:<run>/<step>`, `system:rollout-judge`. */
  askedBy: z.string(),
  askedAt: Instant,
  /** Why it is asked for. */
  reason: z.string().optional(),
  /** Nobody may decide after this instant. */
  lapsesAt: Instant,
  /** Who may decide, as declared now. */
  role: z.enum(['deployer', 'owner']),
  by: z.array(z.string()).optional(),
  decidedBy: z.string().optional(),
  decidedAt: Instant.optional(),
  decision: z.string().optional(),
  /** The person at the server's machine decided what they had asked for themselves. */
  isOwn: z.boolean().optional(),
});
