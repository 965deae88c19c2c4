/** Every operation of Slipway's own API: the server must bind each, the client offers each, OpenAPI lists each. */
import { governanceRoutes } from './governance.ts';
import { projectsRoutes } from './projects.ts';
import { systemRoutes } from './system.ts';

export const allRoutes = {
  ...systemRoutes,
  ...projectsRoutes,
  ...governanceRoutes,
} as const;

export type AllRoutes = typeof allRoutes;
