/** Builds the platform parts: clock, log, database, objects, ledger, jobs, analytics, authorisation. */
import { mkdirSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { SlipwayError } from '@slipway/contract';
import type { Config } from '../config.ts';
import { isLoopback } from '../config.ts';
import type { Analytics } from '../platform/analytics/analytics.ts';
import { createAnalytics } from '../platform/analytics/analytics.ts';
import type { Auth } from '../platform/auth/auth.ts';
import { createAuth } from '../platform/auth/auth.ts';
import type { Clock } from '../platform/clock.ts';
import { createSystemClock } from '../platform/clock.ts';
import type { Db } from '../platform/db/db.ts';
import { createSqliteDb } from '../platform/db/sqlite.ts';
import { lockWorkspace } from '../platform/db/workspace-lock.ts';
import { entryFile } from '../platform/entry.ts';
import type { Ids } from '../platform/ids.ts';
import { createIds } from '../platform/ids.ts';
import { createJobs } from '../platform/jobs/create-jobs.ts';
import type { Jobs } from '../platform/jobs/jobs.ts';
import { createLedger } from '../platform/ledger/create-ledger.ts';
import type { Ledger } from '../platform/ledger/ledger.ts';
import type { Log } from '../platform/log.ts';
import { createLog } from '../platform/log.ts';
import { createFileObjects } from '../platform/objects/file-objects.ts';
import type { Objects } from '../platform/objects/objects.ts';
import type { Metrics } from '../platform/telemetry/metrics.ts';
import { createMetrics } from '../platform/telemetry/metrics.ts';
import type { Traces } from '../platform/telemetry/traces.ts';
import { createTraces } from '../platform/telemetry/traces.ts';
import { stores } from '../stores.ts';

/** What was opened and must be closed, newest first. */
export interface Closers {
  add(name: string, close: () => PromiseLike<void> | void): void;
  closeAll(): Promise<void>;
}

export interface Platform {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly traces: Traces;
  readonly db: Db;
  readonly objects: Objects;
  readonly ledger: Ledger;
  readonly jobs: Jobs;
  readonly analytics: Analytics;
  readonly auth: Auth;
}

export interface Basics {
  readonly clock: Clock;
  readonly log: Log;
  readonly closers: Closers;
}

export function createBasics(config: Config): Basics {
  const clock = createSystemClock();
  const log = createLog({ level: config.logLevel, now: clock.now });
  const closers: { readonly name: string; readonly close: () => PromiseLike<void> | void }[] = [];
  return {
    clock,
    log,
    closers: {
      add: (name, close) => void closers.push({ name, close }),
      closeAll: async () => {
        for (const closer of closers.splice(0).reverse()) {
          try {
            await closer.close();
          } catch (error) {
            log.error('could not close', { part: closer.name, error });
          }
        }
      },
    },
  };
}

export async function createPlatform(config: Config, { clock, log, closers }: Basics): Promise<Platform> {
  makeFolder(config.folder);
  const lock = lockWorkspace(config.folder);
  closers.add('workspace lock', () => lock.release());
  const metrics = createMetrics();
  const traces = createTraces({ endpoint: config.otlpEndpoint, clock, log });
  closers.add('traces', traces.stop);
  mkdirSync(join(config.folder, 'tmp'), { recursive: true });
  const db = await openDb(config, { clock, log });
  closers.add('database', () => db[Symbol.asyncDispose]());
  const objects = await createFileObjects({ folder: join(config.folder, 'objects'), clock, log });
  const ledger = createLedger({ db, clock, log });
  const jobs = createJobs({ db, clock, log, owner: `${hostname()}:${process.pid}:${clock.now()}` });
  const analytics = createAnalytics({
    memoryLimit: config.analyticsMemory,
    threads: config.analyticsThreads,
    tempFolder: join(config.folder, 'tmp'),
  });
  closers.add('analytics', () => analytics[Symbol.asyncDispose]());
  const auth = createAuth({ db, clock, trustLoopback: isLoopback(config.host), allowedHosts: config.allowedHosts });
  return { clock, ids: createIds(clock), log, metrics, traces, db, objects, ledger, jobs, analytics, auth };
}

/** One level at a time: below some mount points the recursive call of Node does not return. */
function makeFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return;
  const parent = dirname(folder);
  if (parent !== folder) makeFolder(parent);
  try {
    mkdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Another server that starts may have been faster; the lock says which of them stays.
    if (code === 'EEXIST' && statSync(folder).isDirectory()) return;
    const rule = `that must be a folder which this user may make and write (${code})`;
    throw new SlipwayError('config_invalid', { setting: 'dir', value: folder, rule }, { cause: error });
  }
}

async function openDb(config: Config, basics: { clock: Clock; log: Log }): Promise<Db> {
  if (config.databaseUrl !== undefined) {
    // The driver takes time and memory that the embedded database does not need.
    const { createPostgresDb } = await import('../platform/db/postgres.ts');
    return createPostgresDb({ url: config.databaseUrl, modules: stores, ...basics });
  }
  const writerEntry = entryFile(import.meta.url, '../writer');
  return createSqliteDb({ file: join(config.folder, 'slipway.db'), modules: stores, writerEntry, ...basics });
}
