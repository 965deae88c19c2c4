/** The door of the automation module: policies that act on what happens, and the record of what they did. */
import { automationRoutes } from '@slipway/contract';
import type { Binding } from '../../platform/http/binding.ts';
import { bind } from '../../platform/http/binding.ts';
import type { Automation } from './service.ts';

export type { ActionOrder, Automation, AutomationDeps, AutomationPorts } from './service.ts';
export { createAutomation } from './service.ts';
export { createWebhook } from './webhook.ts';
export { automationStore, policyKind } from './store.ts';

export function automationBinding(automation: Automation): Binding {
  return bind(automationRoutes, {
    'policies.list': ({ query }) => automation.list(query),
    'policies.get': ({ params }) => automation.get(params.policy),
    'policies.firings': ({ params, query }) => automation.firings(params.policy, query),
    'policies.dryRun': async ({ params, query }) => {
      const { events, firings } = await automation.dryRun(params.policy, query);
      return { events, firings: [...firings] };
    },
    'policies.approve': ({ params }, { actor }) =>
      automation.decide({ policy: params.policy, id: params.firing, actor, decision: 'approve' }),
    'policies.reject': ({ params, body }, { actor }) =>
      automation.decide({ policy: params.policy, id: params.firing, actor, decision: 'reject', reason: body.reason }),
  });
}
