/**
 * PostgreSQL through pg and kysely: values bound by the same rule as on SQLite, integers within 2^53 read as numbers, and
 * failures of the connection turned into errors of the catalogue.
 */
import { Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely';
import type { DatabaseConnection, Dialect, Driver, QueryResult } from 'kysely';
import pg from 'pg';
import { SlipwayError } from '@slipway/contract';
import { bind } from './sqlite-connection.ts';

const int8 = 20;
const numeric = 1700;

function readInteger(text: string): number | bigint {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text);
}

/** Result types: bigint columns give numbers within 2^53 and bigints beyond, sums of them numbers. */
export const resultTypes: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') => {
    if (format !== 'binary' && oid === int8) return readInteger;
    if (format !== 'binary' && oid === numeric) return Number;
    return pg.types.getTypeParser(oid, format as 'text') as (value: string) => unknown;
  },
};

export interface Queryable {
  query(config: { text: string; values: unknown[] }): Promise<pg.QueryResult>;
}

export async function executePostgres<R>(
  client: Queryable,
  query: { readonly sql: string; readonly parameters: readonly unknown[] },
): Promise<QueryResult<R>> {
  let result: pg.QueryResult;
  try {
    result = await client.query({ text: query.sql, values: query.parameters.map(bind) });
  } catch (error) {
    throw translatePostgres(error);
  }
  const isChange = result.command === 'INSERT' || result.command === 'UPDATE' || result.command === 'DELETE';
  return {
    // The builder vouches for the row type, as in every kysely driver.
    rows: result.rows as R[],
    ...(isChange ? { numAffectedRows: BigInt(result.rowCount ?? 0) } : {}),
  };
}

const noTransactions = (): Promise<void> =>
  Promise.reject(new Error('Transactions are made by Db.write: put these statements into one registered operation'));

/** Kysely over connections that `acquire` lends; each is given back with `release`. */
export function postgresKysely<C extends Queryable>(lender: {
  acquire(): Promise<C>;
  release(client: C): void;
}): Kysely<unknown> {
  const clients = new WeakMap<DatabaseConnection, C>();
  const driver: Driver = {
    init: () => Promise.resolve(),
    acquireConnection: async () => {
      const client = await lender.acquire();
      const handle: DatabaseConnection = {
        executeQuery: (query) => executePostgres(client, query),
        streamQuery: () => {
          throw new Error('Streaming would hold a connection: read pages by key instead');
        },
      };
      clients.set(handle, client);
      return handle;
    },
    releaseConnection: async (handle) => {
      const client = clients.get(handle);
      if (client !== undefined) lender.release(client);
    },
    beginTransaction: noTransactions,
    commitTransaction: noTransactions,
    rollbackTransaction: noTransactions,
    destroy: () => Promise.resolve(),
  };
  const dialect: Dialect = {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => driver,
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: (database) => new PostgresIntrospector(database),
  };
  return new Kysely<unknown>({ dialect });
}

const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
  'EAI_AGAIN',
]);
/** Wait of a statement for a lock, and for a free connection of the pool, milliseconds. */
export const waitLimitMs = 5000;

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

export function isUnavailable(error: unknown): boolean {
  if (error instanceof SlipwayError) return error.code === 'database_unavailable';
  const code = codeOf(error);
  // 08: connection, 57P: shutdown and start-up, 53300: too many connections. pg's own errors have no code.
  if (networkCodes.has(code) || code.startsWith('08') || code.startsWith('57P') || code === '53300') return true;
  return (
    code === '' &&
    error instanceof Error &&
    /Connection terminated|Client has encountered a connection error|connect/.test(error.message)
  );
}

/** Serialization failure and deadlock: the same transaction may succeed when it is run again. */
export function isConflict(error: unknown): boolean {
  const code = codeOf(error);
  return code === '40001' || code === '40P01';
}

/** Causes outside the query become catalogue errors; constraint violations and mistakes in SQL stay as they are. */
export function translatePostgres(error: unknown): unknown {
  if (error instanceof SlipwayError || !(error instanceof Error)) return error;
  const code = codeOf(error);
  if (/timeout exceeded when trying to connect/.test(error.message) || code === '55P03') {
    return new SlipwayError('database_busy', { limitMs: waitLimitMs }, { cause: error });
  }
  if (code === '53100') return new SlipwayError('disk_full', { location: 'the database server' }, { cause: error });
  if (isUnavailable(error)) {
    const problem = error.message === '' ? code : error.message;
    return new SlipwayError('database_unavailable', { problem }, { cause: error });
  }
  return error;
}
