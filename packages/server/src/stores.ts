/**
 * Every table and every write of the server. The writer worker loads this file, so it imports stores only: nothing here may
 * pull in the web framework, the analytics engine or a model runtime.
 */
import { automationStore, policyKind } from './modules/automation/store.ts';
import { dataStore, datasetKind } from './modules/data/store.ts';
import { featureSetKind, featuresStore } from './modules/features/store.ts';
import { monitorKind, monitoringStore } from './modules/monitoring/store.ts';
import { pipelineResource } from './modules/pipelines/resource.ts';
import { pipelinesStore } from './modules/pipelines/store.ts';
import type { AnyResourceKind } from './modules/projects/resource.ts';
import { createProjectOperations, projectsStore } from './modules/projects/store.ts';
import { qualityStore, suiteKind } from './modules/quality/store.ts';
import { modelKind, moveAliasIn, registryStore, withdrawApprovalIn } from './modules/registry/store.ts';
import { createServingOperations, endpointKind, servingStore } from './modules/serving/store.ts';
import { trackingStore } from './modules/tracking/store.ts';
import { authStore } from './platform/auth/store.ts';
import type { StoreModule } from './platform/db/db.ts';
import { jobsStore } from './platform/jobs/store.ts';

/** In the order in which a project's declarations are applied. */
export const resourceKinds: readonly AnyResourceKind[] = [
  datasetKind,
  suiteKind,
  featureSetKind,
  modelKind,
  pipelineResource,
  endpointKind,
  monitorKind,
  policyKind,
];

export const projectOperations = createProjectOperations(resourceKinds);
export const servingOperations = createServingOperations({
  setAlias: (trx, { version, ...move }) => moveAliasIn(trx, { ...move, number: version }),
  withdrawApproval: withdrawApprovalIn,
});

export const stores: readonly StoreModule[] = [
  authStore,
  jobsStore,
  projectsStore(projectOperations),
  dataStore,
  qualityStore,
  featuresStore,
  trackingStore,
  registryStore,
  pipelinesStore,
  servingStore(servingOperations),
  monitoringStore,
  automationStore,
];
