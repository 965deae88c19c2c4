/** Databases for tests. A test opens a fresh one and closes it; nothing is shared between tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSystemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { createLog } from '../log.ts';
import type { Log } from '../log.ts';
import type { AnyOperation, Db, StoreModule } from './db.ts';
import { createSqliteDb } from './sqlite.ts';

export interface TestDbOptions {
  readonly modules: readonly StoreModule[];
  /** Operations beside those of the modules. */
  readonly operations?: readonly AnyOperation[];
  readonly clock?: Clock;
  readonly log?: Log;
}

export interface TestDb {
  readonly db: Db;
  close(): Promise<void>;
}

/** A log that keeps quiet below errors. */
export function testLog(): Log {
  return createLog({ level: 'error', now: () => Date.now() });
}

/** A fresh SQLite database in a temporary folder, written on the calling thread; `close` removes it. */
export async function openTestDb(options: TestDbOptions): Promise<TestDb> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-db-'));
  const db = await createSqliteDb({
    file: join(folder, 'slipway.db'),
    modules: options.modules,
    inline: { operations: options.operations ?? [] },
    durability: 'none',
    clock: options.clock ?? createSystemClock(),
    log: options.log ?? testLog(),
  });
  return {
    db,
    close: async () => {
      await db[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
