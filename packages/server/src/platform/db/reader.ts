/**
 * A reader thread: runs one query after another on its own read-only connection. Columns of numbers travel as Float64Array,
 * the others as plain arrays: the main thread pays a tenth of what row objects cost it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { toFailure } from './failure.ts';
import type { Failure } from './failure.ts';
import { openSqlite } from './sqlite-connection.ts';
import type { SqliteRows, SqliteValue } from './sqlite-connection.ts';

export type Column = Float64Array | SqliteValue[];

export type ToReader =
  | { readonly type: 'query'; readonly id: number; readonly sql: string; readonly parameters: readonly unknown[] }
  | { readonly type: 'backup'; readonly id: number; readonly target: string }
  | { readonly type: 'close' };

export type FromReader =
  | {
      readonly id: number;
      readonly ok: true;
      readonly count: number;
      readonly names: readonly string[];
      readonly columns: readonly Column[];
    }
  | { readonly id: number; readonly ok: false; readonly failure: Failure };

/** Turns rows into columns. */
export function toColumns(result: SqliteRows): { columns: Column[]; transfer: ArrayBuffer[] } {
  const transfer: ArrayBuffer[] = [];
  const columns = result.columns.map((_, index): Column => {
    const numbers = new Float64Array(result.rows.length);
    for (let row = 0; row < result.rows.length; row++) {
      const value = result.rows[row]?.[index];
      if (typeof value !== 'number') return result.rows.map((values) => values[index] as SqliteValue);
      numbers[row] = value;
    }
    transfer.push(numbers.buffer);
    return numbers;
  });
  return { columns, transfer };
}

/** Turns columns back into row objects. */
export function toRows(names: readonly string[], columns: readonly Column[], count: number): unknown[] {
  const rows: unknown[] = [];
  for (let row = 0; row < count; row++) {
    const object: Record<string, SqliteValue> = {};
    for (let i = 0; i < names.length; i++) object[names[i] as string] = columns[i]?.[row] as SqliteValue;
    rows.push(object);
  }
  return rows;
}

function serve(port: NonNullable<typeof parentPort>, file: string): void {
  const connection = openSqlite({ file, readOnly: true, durability: 'full' });
  // Says that it is ready.
  port.postMessage({ id: 0, ok: true, count: 0, names: [], columns: [] } satisfies FromReader);
  port.on('message', (message: ToReader) => {
    if (message.type === 'close') {
      connection.close();
      port.close();
      return;
    }
    const { id } = message;
    try {
      if (message.type === 'backup') {
        connection.execute('vacuum into ?', [message.target]);
        port.postMessage({ id, ok: true, count: 0, names: [], columns: [] } satisfies FromReader);
        return;
      }
      const result = connection.execute(message.sql, message.parameters);
      const { columns, transfer } = toColumns(result);
      const answer: FromReader = { id, ok: true, count: result.rows.length, names: result.columns, columns };
      port.postMessage(answer, transfer);
    } catch (error) {
      port.postMessage({ id, ok: false, failure: toFailure(error) } satisfies FromReader);
    }
  });
}

// The main thread imports the column functions of this file; only the worker that was given a file serves.
const given = workerData as { readonly readerFile?: unknown } | null;
if (parentPort !== null && typeof given?.readerFile === 'string') serve(parentPort, given.readerFile);
