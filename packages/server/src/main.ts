/**
 * The composition root: the only file that builds things. Platform parts first, then the modules in the order of the graph
 * in layers.mjs, then the HTTP server over all their routes. Stopping runs the other way.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SlipwayError } from '@slipway/contract';
import type { Config } from './config.ts';
import { isLoopback } from './config.ts';
import { createAnalytics } from './platform/analytics/analytics.ts';
import { createAuth } from './platform/auth/auth.ts';
import type { Clock } from './platform/clock.ts';
import { createSystemClock } from './platform/clock.ts';
import type { Db } from './platform/db/db.ts';
import { createSqliteDb } from './platform/db/sqlite.ts';
import type { Binding } from './platform/http/binding.ts';
import { createHttpServer } from './platform/http/server.ts';
import { createIds } from './platform/ids.ts';
import { createLedger } from './platform/ledger/create-ledger.ts';
import type { Log } from './platform/log.ts';
import { createLog } from './platform/log.ts';
import { createFileObjects } from './platform/objects/file-objects.ts';
import { createMetrics } from './platform/telemetry/metrics.ts';
import { createTraces } from './platform/telemetry/traces.ts';
import { governanceBinding } from './modules/governance/index.ts';
import { createData, dataBinding } from './modules/data/index.ts';
import { createProjects, projectsBinding } from './modules/projects/index.ts';
import { createQuality, qualityBinding } from './modules/quality/index.ts';
import { createTracking, trackingBinding } from './modules/tracking/index.ts';
import { systemBinding } from './modules/system/index.ts';
import { projectOperations, resourceKinds, stores } from './stores.ts';
import { version } from './version.ts';

export interface SlipwayServer {
  /** `http://127.0.0.1:7700` */
  readonly url: string;
  readonly port: number;
  /** Lets running requests and steps end within the grace, gives leases back, closes everything. */
  stop(graceMs: number): Promise<void>;
}

/** What was opened and must be closed, newest first. */
function createClosers(log: Log) {
  const closers: { readonly name: string; readonly close: () => Promise<void> }[] = [];
  return {
    add: (name: string, close: () => Promise<void>): void => void closers.push({ name, close }),
    closeAll: async (): Promise<void> => {
      for (const closer of closers.reverse()) {
        try {
          await closer.close();
        } catch (error) {
          log.error('could not close', { part: closer.name, error });
        }
      }
    },
  };
}

export async function startServer(config: Config): Promise<SlipwayServer> {
  const clock = createSystemClock();
  const log = createLog({ level: config.logLevel, now: clock.now });
  const closers = createClosers(log);
  try {
    return await build(config, { clock, log, closers });
  } catch (error) {
    await closers.closeAll();
    throw error;
  }
}

interface Basics {
  readonly clock: Clock;
  readonly log: Log;
  readonly closers: ReturnType<typeof createClosers>;
}

async function build(config: Config, { clock, log, closers }: Basics): Promise<SlipwayServer> {
  const startedAt = clock.now();
  const ids = createIds(clock);
  const metrics = createMetrics();
  const traces = createTraces({ endpoint: config.otlpEndpoint, clock, log });
  closers.add('traces', traces.stop);
  mkdirSync(config.folder, { recursive: true });

  const db = await openDb(config, { clock, log });
  closers.add('database', async () => db[Symbol.asyncDispose]());
  const objects = await createFileObjects({ folder: join(config.folder, 'objects'), clock });
  const ledger = createLedger({ db, clock, log });
  closers.add('ledger', ledger.stop);
  const analytics = createAnalytics({
    memoryLimit: config.analyticsMemory,
    threads: config.analyticsThreads,
    tempFolder: join(config.folder, 'tmp'),
  });
  closers.add('analytics', async () => analytics[Symbol.asyncDispose]());
  const auth = createAuth({ db, clock, trustLoopback: isLoopback(config.host), allowedHosts: config.allowedHosts });
  if (!isLoopback(config.host) && !(await auth.hasTokens()))
    throw new SlipwayError('bind_refused', { host: config.host });

  const projects = createProjects({ db, objects, kinds: resourceKinds, operations: projectOperations });

  const data = createData({ db, ids, objects, analytics, uploadFolder: join(config.folder, 'objects', 'uploads') });
  const quality = createQuality({ db, ids, clock, analytics, datasets: data });
  const tracking = createTracking({ db, clock, ids, objects });

  const bindings: Binding[] = [
    systemBinding({ auth, objects, metrics, clock, version, dialect: db.dialect, startedAt, sections: async () => [] }),
    projectsBinding(projects),
    dataBinding(data),
    qualityBinding(quality),
    trackingBinding({ tracking, objects, clock }),
    governanceBinding({ ledger, explainers: {} }),
  ];
  const http = await createHttpServer({
    bindings,
    protocols: [],
    hot: { find: () => undefined },
    auth,
    clock,
    log,
    metrics,
    traces,
  });
  ledger.start();
  const port = await http.listen(config.host, config.port);
  return {
    url: `http://${config.host}:${port}`,
    port,
    stop: async (graceMs) => {
      await http.close(graceMs);
      await closers.closeAll();
    },
  };
}

async function openDb(config: Config, basics: { clock: Clock; log: Log }): Promise<Db> {
  return createSqliteDb({
    file: join(config.folder, 'slipway.db'),
    modules: stores,
    writerEntry: new URL('./writer.ts', import.meta.url),
    ...basics,
  });
}
