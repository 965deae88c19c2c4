/**
 * Kysely over one node:sqlite connection. Calls are synchronous underneath, so there is neither a pool nor a mutex; and
 * kysely's own transactions are refused, because writes happen only inside registered operations.
 */
import { Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { DatabaseConnection, Dialect, Driver, QueryResult } from 'kysely';
import { toObjects } from './sqlite-connection.ts';
import type { SqliteConnection } from './sqlite-connection.ts';

class SynchronousAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

const noTransactions = (): Promise<void> =>
  Promise.reject(new Error('Transactions are made by Db.write: put these statements into one registered operation'));

export function sqliteKysely(connection: SqliteConnection): Kysely<unknown> {
  const handle: DatabaseConnection = {
    executeQuery: <R>(query: {
      readonly sql: string;
      readonly parameters: readonly unknown[];
    }): Promise<QueryResult<R>> => {
      try {
        const result = connection.execute(query.sql, query.parameters);
        return Promise.resolve({
          // The builder vouches for the row type, as in every kysely driver.
          rows: toObjects(result) as R[],
          numAffectedRows: BigInt(result.changes),
          ...(result.insertId === undefined ? {} : { insertId: BigInt(result.insertId) }),
        });
      } catch (error) {
        return Promise.reject(error as Error);
      }
    },
    streamQuery: () => {
      throw new Error('Streaming would hold a read snapshot open: read pages by key instead');
    },
  };
  const driver: Driver = {
    init: () => Promise.resolve(),
    acquireConnection: () => Promise.resolve(handle),
    releaseConnection: () => Promise.resolve(),
    beginTransaction: noTransactions,
    commitTransaction: noTransactions,
    rollbackTransaction: noTransactions,
    destroy: () => Promise.resolve(),
  };
  const dialect: Dialect = {
    createAdapter: () => new SynchronousAdapter(),
    createDriver: () => driver,
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (database) => new SqliteIntrospector(database),
  };
  return new Kysely<unknown>({ dialect });
}
