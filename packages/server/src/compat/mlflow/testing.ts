/** A server that speaks this protocol over a fresh workspace, for tests: the real HTTP layer, database and object store. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRegistry, registryBinding, registryStore } from '../../modules/registry/index.ts';
import type { Registry } from '../../modules/registry/index.ts';
import { createTracking, trackingBinding, trackingStore } from '../../modules/tracking/index.ts';
import type { Tracking } from '../../modules/tracking/index.ts';
import { createAuth } from '../../platform/auth/auth.ts';
import { authStore } from '../../platform/auth/store.ts';
import { createSystemClock } from '../../platform/clock.ts';
import { openTestDb, testLog } from '../../platform/db/testing.ts';
import { createHttpServer } from '../../platform/http/server.ts';
import { createIds } from '../../platform/ids.ts';
import { createFileObjects } from '../../platform/objects/file-objects.ts';
import { createMetrics } from '../../platform/telemetry/metrics.ts';
import { createTraces } from '../../platform/telemetry/traces.ts';
import { mlflowProtocol } from './routes.ts';

export interface MlflowServer extends AsyncDisposable {
  readonly url: string;
  readonly tracking: Tracking;
  readonly registry: Registry;
}

export async function startMlflowServer(): Promise<MlflowServer> {
  const clock = createSystemClock();
  const log = testLog();
  const folder = mkdtempSync(join(tmpdir(), 'slipway-mlflow-'));
  const { db, close } = await openTestDb({ modules: [authStore, trackingStore, registryStore], clock, log });
  const objects = await createFileObjects({ folder, clock, log });
  const ids = createIds(clock);
  const tracking = createTracking({ db, clock, ids, objects });
  const registry = createRegistry({ db, ids, objects, tracking });
  const traces = createTraces({ endpoint: undefined, clock, log });
  const http = await createHttpServer({
    bindings: [trackingBinding({ tracking, objects, clock }), registryBinding({ registry, objects })],
    protocols: [mlflowProtocol({ tracking, registry, objects })],
    hot: { find: () => undefined },
    auth: createAuth({ db, clock, trustLoopback: true, allowedHosts: [] }),
    clock,
    log,
    metrics: createMetrics(),
    traces,
  });
  const port = await http.listen('127.0.0.1', 0);
  return {
    url: `http://127.0.0.1:${port}`,
    tracking,
    registry,
    [Symbol.asyncDispose]: async () => {
      await http.close(1000);
      await traces.stop();
      await close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
