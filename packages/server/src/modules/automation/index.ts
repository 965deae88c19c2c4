/** The door of the automation module: policies that act on what happens, and the record of what they did. */
import { automationRoutes } from '@slipway/contract';
import type { Binding } from '../../platform/http/binding.ts';
import { bind } from '../../platform/http/binding.ts';
import { deciderOf } from '../../lib/approval-rule.ts';
import type { Approvals } from './approvals.ts';
import type { Automation } from './service.ts';

export type { ActionOrder, Automation, AutomationDeps, AutomationPorts } from './service.ts';
export { createAutomation } from './service.ts';
export { createWebhook } from './webhook.ts';
export { automationStore, policyKind } from './store.ts';

export { createApprovals } from './approvals.ts';
export type { Approvals } from './approvals.ts';

export function automationBinding(automation: Automation, approvals: Approvals): Binding {
  return bind(automationRoutes, {
    'policies.list': ({ query }) => automation.list(query),
    'policies.get': ({ params }) => automation.get(params.policy),
    'policies.firings': ({ params, query }) => automation.firings(params.policy, query),
    'policies.decisions': async ({ query }) => ({ items: await automation.decisions(query.subject) }),
    'policies.dryRun': async ({ params, query }) => {
      const { events, firings } = await automation.dryRun(params.policy, query);
      return { events, firings: [...firings] };
    },
    'policies.approve': ({ params }, caller) =>
      automation.decide({ ...firing(params), decider: deciderOf(caller), decision: 'approve' }),
    'policies.reject': ({ params, body }, caller) =>
      automation.decide({ ...firing(params), decider: deciderOf(caller), decision: 'reject', reason: body.reason }),
    'approvals.list': ({ query }) => approvals.list(query),
    'approvals.get': ({ params }) => approvals.get(params.approval),
    'approvals.approve': ({ params, body }, caller) =>
      approvals.decide({ id: params.approval, verdict: 'approve', reason: body.reason, decider: deciderOf(caller) }),
    'approvals.reject': ({ params, body }, caller) =>
      approvals.decide({ id: params.approval, verdict: 'reject', reason: body.reason, decider: deciderOf(caller) }),
  });
}

const firing = (params: { readonly policy: string; readonly firing: number }) => ({
  policy: params.policy,
  id: params.firing,
});
