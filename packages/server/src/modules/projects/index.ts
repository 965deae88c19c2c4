import { projectsRoutes } from '@slipway/contract';
import type { Binding } from '../../platform/http/binding.ts';
import { bind } from '../../platform/http/binding.ts';
import type { Projects } from './service.ts';

export { isInBundle } from './bundle-references.ts';
export type { AnyResourceKind, ResourceChange, ResourceKind } from './resource.ts';
export type { Projects } from './service.ts';
export { createProjects } from './service.ts';
export type { SimulationSweep } from './simulation-sweep.ts';
export { createSimulationSweep } from './simulation-sweep.ts';
export type { ProjectOperations } from './store.ts';

export function projectsBinding(projects: Projects): Binding {
  return bind(projectsRoutes, {
    'projects.list': async () => ({ items: await projects.list() }),
    'projects.get': ({ params }) => projects.get(params.project),
    'projects.manifest': ({ params }) => projects.manifest(params.project),
    'projects.plan': ({ params, body }) => projects.plan(params.project, body),
    'projects.apply': ({ params, body }, caller) => projects.apply(params.project, body, caller.actor),
    'projects.destroy': ({ params }, caller) => projects.destroy(params.project, caller.actor),
  });
}
