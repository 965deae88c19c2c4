/**
 * Every table and every write of the server. The writer worker loads this file, so it imports stores only: nothing here may
 * pull in the web framework, the analytics engine or a model runtime.
 */
import { authStore } from './platform/auth/store.ts';
import type { StoreModule } from './platform/db/db.ts';
import type { AnyResourceKind } from './modules/projects/resource.ts';
import { createProjectOperations, projectsStore } from './modules/projects/store.ts';

/** In the order in which a project's declarations are applied. */
export const resourceKinds: readonly AnyResourceKind[] = [];

export const projectOperations = createProjectOperations(resourceKinds);

export const stores: readonly StoreModule[] = [authStore, projectsStore(projectOperations)];
