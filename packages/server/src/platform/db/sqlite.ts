/**
 * The store on SQLite: one writer (a worker thread with group commit, or the calling thread in inline mode), key look-ups
 * on the main thread's own read-only connection, and everything else in reader threads. Write-ahead log, synced in every
 * commit, so that an answered write survives a power cut.
 */
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import type { Compilable, Kysely } from 'kysely';
import { SlipwayError } from '@slipway/contract';
import type { Clock } from '../clock.ts';
import { entryFile } from '../entry.ts';
import { ledgerStore } from '../ledger/store.ts';
import type { Log } from '../log.ts';
import type { AnyOperation, Db, Operation, StoreModule } from './db.ts';
import { createBells } from './bells.ts';
import type { Bells } from './bells.ts';
import { createGroupCommit } from './group-commit.ts';
import type { CommitFault } from './group-commit.ts';
import { migrateSqlite } from './migrate.ts';
import { createReaderPool } from './reader-pool.ts';
import type { ReaderPool } from './reader-pool.ts';
import { openSqlite, toObjects } from './sqlite-connection.ts';
import type { SqliteConnection } from './sqlite-connection.ts';
import { sqliteKysely } from './sqlite-dialect.ts';
import { startWriterThread } from './writer-thread.ts';

export interface SqliteDbOptions {
  readonly file: string;
  /** The ledger's own tables are added when they are not listed. */
  readonly modules: readonly StoreModule[];
  readonly clock: Clock;
  readonly log: Log;
  /** The file that calls `runWriter` with every operation. */
  readonly writerEntry?: URL | string;
  /** Runs the same group commit, and all reads, on the calling thread instead: for tests and simulation. */
  readonly inline?: {
    /** Operations beside those of the modules. */
    readonly operations?: readonly AnyOperation[];
    /** Injects crashes around commits. */
    readonly fault?: CommitFault;
  };
  /** Reader threads at most (2 to 4 by the machine's cores unless said); they start when first needed, 25 MB each. */
  readonly readers?: number;
  /** The reader's entry file, where the sources are bundled. */
  readonly readerEntry?: URL | string;
  /** `none` does not wait for the disk: only where losing the last writes in a power cut does not matter. */
  readonly durability?: 'full' | 'none';
}

export interface SqliteDb extends Db {
  /** Writes a consistent, compact copy of the database to a file that does not exist yet, while writes go on. */
  backup(target: string): Promise<void>;
}

interface Writer {
  write(operation: string, input: unknown): Promise<unknown>;
  close(): Promise<void>;
}

/** A second one even on a single core: a search that takes its time must not hold up the look-ups of other pages. */
const readersMax = (): number => Math.min(4, Math.max(2, availableParallelism() - 1));

/** The modules with the ledger's tables first. */
export function withLedger(modules: readonly StoreModule[]): StoreModule[] {
  return [ledgerStore, ...modules.filter((module) => module !== ledgerStore)];
}

export async function createSqliteDb(options: SqliteDbOptions): Promise<SqliteDb> {
  const { file, clock, log } = options;
  const durability = options.durability ?? 'full';
  const bells = createBells(log);
  mkdirSync(dirname(file), { recursive: true });

  let writer: Writer;
  if (options.inline !== undefined) {
    const connection = openSqlite({ file, readOnly: false, durability });
    migrate(connection, options);
    writer = inlineWriter(connection, options, bells);
  } else {
    if (options.writerEntry === undefined) throw new Error('createSqliteDb needs writerEntry or inline');
    // The thread loads its entry while this one migrates.
    const thread = startWriterThread({
      entry: options.writerEntry,
      file,
      durability,
      clock,
      log,
      onCommitted: bells.ring,
    });
    try {
      const connection = openSqlite({ file, readOnly: false, durability });
      try {
        migrate(connection, options);
      } finally {
        connection.close();
      }
      thread.open();
      await thread.opened();
    } catch (error) {
      await thread.close();
      throw error;
    }
    writer = thread;
  }
  const reading = openSqlite({ file, readOnly: true, durability });
  const pool =
    options.inline !== undefined
      ? undefined
      : createReaderPool({
          file,
          size: options.readers ?? readersMax(),
          entry: options.readerEntry ?? entryFile(import.meta.url, './reader'),
          log,
        });
  return assemble({ writer, reading, pool, bells });
}

function migrate(connection: SqliteConnection, options: SqliteDbOptions): void {
  const count = migrateSqlite(connection, withLedger(options.modules), options.clock.now());
  if (count > 0) options.log.debug('database migrated', { file: options.file, count });
}

function inlineWriter(connection: SqliteConnection, options: SqliteDbOptions, bells: Bells): Writer {
  const modules = withLedger(options.modules);
  const group = createGroupCommit({
    connection,
    operations: [...modules.flatMap((module) => module.operations), ...(options.inline?.operations ?? [])],
    monotonic: () => options.clock.monotonic(),
    onCommitted: bells.ring,
    fault: options.inline?.fault,
  });
  let isClosed = false;
  return {
    write: async (operation, input) => {
      if (isClosed) throw new SlipwayError('shutting_down');
      // The same copies as between threads, so that nothing works here that would fail there.
      const copy: unknown = structuredClone(input);
      const value = await new Promise<unknown>((resolve, reject) =>
        group.add({
          operation,
          input: copy,
          now: options.clock.now(),
          answer: (outcome) => (outcome.ok ? resolve(outcome.value) : reject(outcome.error as Error)),
        }),
      );
      return structuredClone(value);
    },
    close: async () => {
      isClosed = true;
      await group.idle();
      connection.close();
    },
  };
}

function assemble(parts: {
  readonly writer: Writer;
  readonly reading: SqliteConnection;
  readonly pool: ReaderPool | undefined;
  readonly bells: Bells;
}): SqliteDb {
  const { writer, reading, pool, bells } = parts;
  const kysely = sqliteKysely(reading);
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    bells.clear();
    await writer.close();
    await pool?.close();
    reading.close();
  };
  return {
    dialect: 'sqlite',
    // The operation's own type says what its run resolves to.
    write: <I, O>(op: Operation<I, O>, input: I): Promise<O> => writer.write(op.name, input) as Promise<O>,
    read: <T>(): Kysely<T> => kysely as unknown as Kysely<T>,
    scan: async <R>(query: Compilable<R>): Promise<R[]> => {
      const { sql, parameters } = query.compile();
      const rows = pool === undefined ? toObjects(reading.execute(sql, parameters)) : await pool.query(sql, parameters);
      return rows as R[];
    },
    onCommit: bells.onCommit,
    onWake: bells.onWake,
    backup: async (target) => {
      if (pool === undefined) reading.execute('vacuum into ?', [target]);
      else await pool.backup(target);
    },
    [Symbol.asyncDispose]: () => (closed ??= close()),
  };
}
