/** Databases of runs: each run has one of its own, copied from one that was migrated once; each server opens it anew. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../packages/server/src/platform/clock.ts';
import { createSystemClock } from '../../packages/server/src/platform/clock.ts';
import type { AnyOperation, Db, Dialect } from '../../packages/server/src/platform/db/db.ts';
import type { CommitFault } from '../../packages/server/src/platform/db/group-commit.ts';
import { createPostgresDb } from '../../packages/server/src/platform/db/postgres.ts';
import { createSqliteDb } from '../../packages/server/src/platform/db/sqlite.ts';
import { startTestPostgres } from '../../packages/server/src/platform/db/testing/postgres-server.ts';
import type { Log } from '../../packages/server/src/platform/log.ts';
import { createLog } from '../../packages/server/src/platform/log.ts';
import { stores } from '../../packages/server/src/stores.ts';
import { simStore } from './sim-store.ts';

const modules = [...stores, simStore];

export interface OpenOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly fault?: CommitFault;
  readonly operations?: readonly AnyOperation[];
}

/** The database of one run. */
export interface RunDatabase {
  readonly dialect: Dialect;
  /** A folder for the run's files. */
  readonly folder: string;
  open(options: OpenOptions): Promise<Db>;
  /** Gives pending events their places, as any server would sooner or later. */
  seal(db: Db): Promise<void>;
  remove(): Promise<void>;
}

export interface Databases {
  create(): Promise<RunDatabase>;
  stop(): Promise<void>;
}

const quiet = createLog({ level: 'error', now: () => 0, write: () => undefined });
const migrating = { modules, clock: createSystemClock(), log: quiet };

export async function createSqliteDatabases(): Promise<Databases> {
  const root = mkdtempSync(join(tmpdir(), 'slipway-sim-'));
  const template = join(root, 'template.db');
  const first = await createSqliteDb({ ...migrating, file: template, inline: {}, durability: 'none' });
  await first[Symbol.asyncDispose]();
  let count = 0;
  return {
    create: async () => {
      const folder = mkdtempSync(join(root, `run-${++count}-`));
      const file = join(folder, 'slipway.db');
      copyFileSync(template, file);
      const opened: Db[] = [];
      return {
        dialect: 'sqlite',
        folder,
        open: async ({ clock, log, fault, operations = [] }) => {
          const inline = { operations, ...(fault === undefined ? {} : { fault }) };
          const db = await createSqliteDb({ modules, file, clock, log, inline, durability: 'none' });
          opened.push(db);
          return db;
        },
        seal: () => Promise.resolve(),
        remove: async () => {
          for (const db of opened) await db[Symbol.asyncDispose]();
          rmSync(folder, { recursive: true, force: true });
        },
      };
    },
    stop: async () => rmSync(root, { recursive: true, force: true }),
  };
}

export async function createPostgresDatabases(): Promise<Databases> {
  const root = mkdtempSync(join(tmpdir(), 'slipway-sim-'));
  const server = await startTestPostgres();
  const template = await server.createDatabase();
  const first = await createPostgresDb({ ...migrating, url: template.url, poolSize: 1, listens: false });
  await first[Symbol.asyncDispose]();
  let count = 0;
  return {
    create: async () => {
      const database = await server.createDatabase(template.name);
      const folder = mkdtempSync(join(root, `run-${++count}-`));
      const seals = new Map<Db, () => Promise<void>>();
      return {
        dialect: 'postgres',
        folder,
        open: async (options) => {
          // One connection each for writing and reading: what a server asks is answered in the order of asking.
          const db = await createPostgresDb({ ...options, modules, url: database.url, poolSize: 1, listens: false });
          seals.set(db, db.seal);
          return db;
        },
        seal: async (db) => seals.get(db)?.(),
        remove: async () => {
          // Dead servers never close their connections: dropping the database does.
          await database.drop();
          rmSync(folder, { recursive: true, force: true });
        },
      };
    },
    stop: async () => {
      await server.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
