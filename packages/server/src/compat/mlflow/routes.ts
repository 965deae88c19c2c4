/** The MLflow protocol: tracking, registry and artifact proxy, as the unmodified Python client speaks it. */
import type { ForeignAnswer, ForeignProtocol, ForeignRoute } from '../../platform/http/foreign.ts';
import type { ArtifactRouteDeps } from './artifact-routes.ts';
import { artifactRoutes, downloadRoutes } from './artifact-routes.ts';
import { mlflowError, mlflowNotFound } from './errors.ts';
import { loggedModelEndpoints } from './model-routes.ts';
import { registryEndpoints } from './registry-routes.ts';
import type { Endpoint } from './route.ts';
import { clientPrefixes, jsonRoutes } from './route.ts';
import { trackingEndpoints } from './tracking-routes.ts';
import { protocolVersion } from './wire.ts';

export type MlflowDeps = ArtifactRouteDeps;

const serverInfo: Endpoint = {
  method: 'GET',
  path: '/mlflow/server-info',
  version: '3.0',
  permission: 'tracking.read',
  handle: () =>
    Promise.resolve({
      store_type: 'SqlStore',
      workspaces_enabled: false,
      presigned_uploads_enabled: false,
      presigned_downloads_enabled: false,
    }),
};

const text = (path: string, body: string): ForeignRoute => ({
  method: 'GET',
  path,
  permission: 'public',
  bodyMode: 'none',
  error: mlflowError,
  handle: (): Promise<ForeignAnswer> =>
    Promise.resolve({ status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body }),
});

export function mlflowRoutes(deps: MlflowDeps): ForeignRoute[] {
  return [
    text('/health', 'OK'),
    text('/version', protocolVersion),
    ...jsonRoutes([
      serverInfo,
      ...trackingEndpoints(deps.tracking),
      ...loggedModelEndpoints(deps.tracking),
      ...registryEndpoints(deps),
    ]),
    ...artifactRoutes(deps),
    ...downloadRoutes(deps),
  ];
}

/** Unknown paths below these answer in MLflow's form: its client falls back to older endpoints only then. */
export function mlflowProtocol(deps: MlflowDeps): ForeignProtocol {
  return {
    name: 'mlflow',
    routes: mlflowRoutes(deps),
    prefixes: clientPrefixes.flatMap((prefix) =>
      ['2.0/mlflow', '3.0/mlflow'].map((path) => ({ prefix: `${prefix}/${path}`, notFound: mlflowNotFound })),
    ),
  };
}
