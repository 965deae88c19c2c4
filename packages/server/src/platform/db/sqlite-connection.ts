/**
 * One node:sqlite connection: statements cached by text, values bound by one rule, rows as plain objects, and SQLite's
 * result codes turned into errors of the catalogue where the cause lies outside the query.
 */
import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue, StatementSync } from 'node:sqlite';
import { SlipwayError } from '@slipway/contract';

/** Longest wait for another process's lock, milliseconds. */
export const busyTimeoutMs = 5000;
/** Statements kept prepared per connection; each is a few kB. Texts beyond it are prepared again on use. */
const statementLimit = 500;
/** WAL pages (4 kB) after which a commit checkpoints: 16 MB keeps the pause rare and recovery short. */
const checkpointPages = 4000;

/** What a column value can be: integers within 2^53 and reals are numbers, larger integers are bigints. */
export type SqliteValue = null | number | bigint | string | Uint8Array;

export interface SqliteRows {
  readonly columns: readonly string[];
  readonly rows: SqliteValue[][];
}

export interface SqliteResult extends SqliteRows {
  readonly changes: number | bigint;
  readonly insertId: number | bigint | undefined;
}

export interface SqliteConnection {
  execute(sql: string, parameters: readonly unknown[]): SqliteResult;
  /** Runs statements without parameters and without results. */
  exec(sql: string): void;
  isInTransaction(): boolean;
  close(): void;
}

export interface SqliteOptions {
  readonly file: string;
  readonly readOnly: boolean;
  /** `full` syncs the log in every commit; `none` leaves it to the operating system (tests and simulation only). */
  readonly durability: 'full' | 'none';
}

/**
 * The one rule by which JavaScript values become SQL parameters, on both databases. Whole numbers become integers, because
 * node:sqlite would bind every number as a real (`7 / ?` with 2 would give 3.5). What would be stored as something else
 * silently is refused.
 */
export function bind(value: unknown): null | number | bigint | string | Uint8Array {
  switch (typeof value) {
    case 'string':
    case 'bigint':
      return value;
    case 'number':
      if (Number.isNaN(value)) throw new TypeError('NaN cannot be bound: it would be stored as NULL');
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value;
    case 'boolean':
      return value ? 1n : 0n;
    case 'object':
      if (value === null) return null;
      if (value instanceof Uint8Array) return value;
      if (value instanceof Date) throw new TypeError('A Date cannot be bound: instants are integer milliseconds');
      break;
    case 'undefined':
    case 'function':
    case 'symbol':
  }
  throw new TypeError(`A value of type ${typeof value} cannot be bound: serialise it, or use null for nothing`);
}

interface Prepared {
  readonly statement: StatementSync;
  readonly columns: readonly string[];
}

// A select may be run again when it met an integer beyond 2^53; anything that writes must never be.
const isSelect = /^\s*select\b/i;

function narrow(rows: SqliteValue[][]): SqliteValue[][] {
  for (const row of rows) {
    for (let i = 0; i < row.length; i++) {
      const value = row[i];
      if (typeof value === 'bigint' && value >= -9007199254740991n && value <= 9007199254740991n)
        row[i] = Number(value);
    }
  }
  return rows;
}

export function openSqlite(options: SqliteOptions): SqliteConnection {
  const { file } = options;
  const database = attempt(file, () => {
    const opened = new DatabaseSync(file, { readOnly: options.readOnly, timeout: busyTimeoutMs });
    if (!options.readOnly) {
      opened.exec('pragma journal_mode = wal');
      opened.exec(`pragma synchronous = ${options.durability === 'full' ? 'full' : 'off'}`);
      opened.exec(`pragma wal_autocheckpoint = ${checkpointPages}`);
    }
    opened.exec('pragma temp_store = memory');
    return opened;
  });
  const statements = new Map<string, Prepared>();

  const prepare = (sql: string): Prepared => {
    const found = statements.get(sql);
    if (found !== undefined) {
      statements.delete(sql);
      statements.set(sql, found);
      return found;
    }
    const statement = database.prepare(sql);
    const columns = statement.columns().map((column) => column.name);
    statement.setReturnArrays(true);
    if (!isSelect.test(sql)) statement.setReadBigInts(true);
    const prepared = { statement, columns };
    statements.set(sql, prepared);
    for (const oldest of statements.keys()) {
      if (statements.size <= statementLimit) break;
      statements.delete(oldest);
    }
    return prepared;
  };

  // With setReturnArrays(true) `all` gives arrays; the declared type knows only objects.
  const all = (statement: StatementSync, values: SQLInputValue[]): SqliteValue[][] =>
    statement.all(...values) as unknown as SqliteValue[][];

  const execute = (sql: string, parameters: readonly unknown[]): SqliteResult => {
    const { statement, columns } = prepare(sql);
    const values = parameters.map(bind);
    if (columns.length === 0) {
      const { changes, lastInsertRowid } = statement.run(...values);
      return { columns, rows: [], changes, insertId: lastInsertRowid };
    }
    if (!isSelect.test(sql)) {
      const rows = narrow(all(statement, values));
      return { columns, rows, changes: rows.length, insertId: undefined };
    }
    try {
      return { columns, rows: all(statement, values), changes: 0, insertId: undefined };
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ERR_OUT_OF_RANGE') throw error;
      statement.setReadBigInts(true);
      try {
        return { columns, rows: narrow(all(statement, values)), changes: 0, insertId: undefined };
      } finally {
        statement.setReadBigInts(false);
      }
    }
  };

  return {
    execute: (sql, parameters) => attempt(file, () => execute(sql, parameters)),
    exec: (sql) => attempt(file, () => database.exec(sql)),
    isInTransaction: () => database.isTransaction,
    close: () => {
      statements.clear();
      database.close();
    },
  };
}

/** Rows as plain objects, the last of equally named columns winning. */
export function toObjects(result: SqliteRows): Record<string, SqliteValue>[] {
  const { columns } = result;
  return result.rows.map((row) => {
    const object: Record<string, SqliteValue> = {};
    for (let i = 0; i < columns.length; i++) object[columns[i] as string] = row[i] as SqliteValue;
    return object;
  });
}

const primary = { busy: 5, locked: 6, ioerr: 10, corrupt: 11, full: 13, cantopen: 14, notadb: 26 };

function attempt<T>(file: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw translate(file, error);
  }
}

/** Causes outside the query become catalogue errors; constraint violations and mistakes in SQL stay as they are. */
function translate(file: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return error;
  switch (error.errcode & 0xff) {
    case primary.full:
      return new SlipwayError('disk_full', { location: file }, { cause: error });
    case primary.busy:
    case primary.locked:
      return new SlipwayError('database_busy', { limitMs: busyTimeoutMs }, { cause: error });
    case primary.ioerr:
    case primary.corrupt:
    case primary.cantopen:
    case primary.notadb:
      return new SlipwayError('database_unavailable', { problem: `${error.message} (${file})` }, { cause: error });
    default:
      return error;
  }
}
