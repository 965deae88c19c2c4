/**
 * Every table and every write of the server. The writer worker loads this file, so it imports stores only: nothing here may
 * pull in the web framework, the analytics engine or a model runtime.
 */
import { dataStore, datasetKind } from './modules/data/store.ts';
import type { AnyResourceKind } from './modules/projects/resource.ts';
import { createProjectOperations, projectsStore } from './modules/projects/store.ts';
import { qualityStore, suiteKind } from './modules/quality/store.ts';
import { trackingStore } from './modules/tracking/store.ts';
import { authStore } from './platform/auth/store.ts';
import type { StoreModule } from './platform/db/db.ts';

/** In the order in which a project's declarations are applied. */
export const resourceKinds: readonly AnyResourceKind[] = [datasetKind, suiteKind];

export const projectOperations = createProjectOperations(resourceKinds);

export const stores: readonly StoreModule[] = [
  authStore,
  projectsStore(projectOperations),
  dataStore,
  qualityStore,
  trackingStore,
];
