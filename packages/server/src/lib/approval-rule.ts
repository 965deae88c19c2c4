/** Who may decide about something that waits for consent. */
import type { ApprovalRule, Permission } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';

/** Who decides: the actor of the ledger, and the strongest role that their permissions amount to. */
export interface Decider {
  readonly actor: string;
  readonly role: 'deployer' | 'owner';
}

/** Of somebody whom the route let through: it asks for what deployers may. */
export const deciderOf = (caller: {
  readonly actor: string;
  readonly permissions: ReadonlySet<Permission>;
}): Decider => ({ actor: caller.actor, role: caller.permissions.has('admin') ? 'owner' : 'deployer' });

/** `the role deployer or owner, and only alice`, for messages. */
export function whoMay(rule: ApprovalRule): string {
  const role = rule.role === 'owner' ? 'the role owner' : 'the role deployer or owner';
  return rule.by === undefined ? role : `${role}, and only ${rule.by.join(', ')}`;
}

/** Throws `approval_not_yours` unless the rule lets them decide. Names of `by` are those of tokens, or `owner`. */
export function checkMay(approval: string, rule: ApprovalRule, { actor, role }: Decider): void {
  const hasRole = rule.role === 'deployer' || role === 'owner';
  const isNamed = rule.by === undefined || rule.by.includes(actor.replace(/^token:/, ''));
  if (!hasRole || !isNamed) throw new SlipwayError('approval_not_yours', { approval, actor, who: whoMay(rule) });
}
