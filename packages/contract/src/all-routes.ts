/** Every operation of Slipway's own API: the server must bind each, the client offers each, OpenAPI lists each. */
import { consoleRoutes } from './console.ts';
import { dataRoutes } from './data.ts';
import { featuresRoutes } from './features.ts';
import { governanceRoutes } from './governance.ts';
import { versionFactsRoutes } from './model-card.ts';
import { pipelinesRoutes } from './pipelines.ts';
import { projectsRoutes } from './projects.ts';
import { qualityRoutes } from './quality.ts';
import { registryRoutes } from './registry.ts';
import { automationRoutes } from './automation.ts';
import { monitoringRoutes } from './monitoring.ts';
import { servingRoutes } from './serving.ts';
import { servingClientRoutes } from './serving-clients.ts';
import { servingViewRoutes } from './serving-views.ts';
import { systemRoutes } from './system.ts';
import { trackingRoutes } from './tracking.ts';

export const allRoutes = {
  ...systemRoutes,
  ...consoleRoutes,
  ...projectsRoutes,
  ...dataRoutes,
  ...qualityRoutes,
  ...featuresRoutes,
  ...trackingRoutes,
  ...registryRoutes,
  ...versionFactsRoutes,
  ...pipelinesRoutes,
  ...servingRoutes,
  ...servingViewRoutes,
  ...servingClientRoutes,
  ...monitoringRoutes,
  ...automationRoutes,
  ...governanceRoutes,
} as const;

export type AllRoutes = typeof allRoutes;
