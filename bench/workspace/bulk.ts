/**
 * Writes a workspace's database at the speed of SQLite itself: the stores' own operations, thousands in one transaction, each at
 * its own instant of the story, with their events sealed as every group commit seals them. Nothing waits for the disk: a
 * generation that did not come to its end is thrown away.
 */
import type { Kysely } from 'kysely';
import { sqliteKysely } from '../../packages/server/src/platform/db/sqlite-dialect.ts';
import type { SqliteConnection } from '../../packages/server/src/platform/db/sqlite-connection.ts';
import { openSqlite } from '../../packages/server/src/platform/db/sqlite-connection.ts';
import type { Operation, Trx } from '../../packages/server/src/platform/db/db.ts';
import { sealSqlite } from '../../packages/server/src/platform/db/group-commit.ts';
import { migrateSqlite } from '../../packages/server/src/platform/db/migrate.ts';
import { withLedger } from '../../packages/server/src/platform/db/sqlite.ts';
import { prepareEvent } from '../../packages/server/src/platform/ledger/chain.ts';
import type { UnsealedEvent } from '../../packages/server/src/platform/ledger/chain.ts';
import { stores } from '../../packages/server/src/stores.ts';

/** Events after which a transaction is committed: some hundred MB of log at most. */
const eventsPerCommit = 20_000;

export interface BulkWriter {
  /** Runs a write of a store as if it came at this instant. */
  write<I, O>(at: number, operation: Operation<I, O>, input: I): Promise<O>;
  /** The same for a write that has no name. */
  inside<O>(at: number, run: (trx: Trx) => Promise<O>): Promise<O>;
  /** Rows for which no operation is fast enough; the caller keeps the invariants of their table. */
  insert(table: string, row: Readonly<Record<string, unknown>>): void;
  /** Events written so far. */
  readonly events: () => number;
  close(): void;
}

export function openBulkWriter(file: string, nowMs: number): BulkWriter {
  const connection = openSqlite({ file, readOnly: false, durability: 'none' });
  migrateSqlite(connection, withLedger(stores), nowMs);
  connection.exec('pragma cache_size = -200000');
  connection.exec('begin');
  const kysely = sqliteKysely(connection);
  const statements = new Map<string, string>();
  let waiting: UnsealedEvent[] = [];
  let sealed = 0;

  const seal = (): void => {
    sealed = sealSqlite(connection, waiting) ?? sealed;
    waiting = [];
  };
  const inside = async <O>(at: number, run: (trx: Trx) => Promise<O>): Promise<O> => {
    const answer = await run({
      dialect: 'sqlite',
      now: at,
      // As in the group commit: the store names its own tables.
      tables: <T>() => kysely as unknown as Kysely<T>,
      emit: async (event) => void waiting.push(prepareEvent(event, at)),
      wake: () => {},
    });
    if (waiting.length >= eventsPerCommit) {
      seal();
      connection.exec('commit');
      connection.exec('begin');
    }
    return answer;
  };
  return {
    inside,
    write: (at, operation, input) => inside(at, (trx) => operation.run(trx, input)),
    insert: (table, row) => {
      const names = Object.keys(row);
      const known = statements.get(table);
      const statement =
        known ?? `insert into ${table}(${names.join(', ')}) values (${names.map(() => '?').join(', ')})`;
      if (known === undefined) statements.set(table, statement);
      connection.execute(statement, Object.values(row));
    },
    events: () => sealed + waiting.length,
    close: () => finish(connection, seal),
  };
}

function finish(connection: SqliteConnection, seal: () => void): void {
  seal();
  connection.exec('commit');
  connection.exec('pragma wal_checkpoint(truncate)');
  connection.close();
}
