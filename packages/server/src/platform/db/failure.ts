/**
 * Errors on their way between threads, and what a store may ask of them. A SlipwayError keeps its code and details; any
 * other error keeps name, message, stack and its database code.
 */
import { SlipwayError } from '@slipway/contract';
import type { ErrorCode, ErrorDetails } from '@slipway/contract';

export interface Failure {
  readonly slipwayCode: ErrorCode | undefined;
  readonly details: ErrorDetails;
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Node's or PostgreSQL's code, and SQLite's extended result code. */
  readonly code: string | undefined;
  readonly errcode: number | undefined;
  readonly cause: string | undefined;
}

export function toFailure(error: unknown): Failure {
  if (!(error instanceof Error)) {
    return { ...empty, name: 'Error', message: String(error) };
  }
  const own = error as Error & { code?: unknown; errcode?: unknown };
  return {
    slipwayCode: error instanceof SlipwayError ? error.code : undefined,
    details: error instanceof SlipwayError ? cloneable(error.details) : {},
    name: error.name,
    message: error.message,
    stack: error.stack,
    code: typeof own.code === 'string' ? own.code : undefined,
    errcode: typeof own.errcode === 'number' ? own.errcode : undefined,
    cause: error.cause instanceof Error ? error.cause.message : undefined,
  };
}

export function fromFailure(failure: Failure): Error {
  const cause = failure.cause === undefined ? {} : { cause: new Error(failure.cause) };
  if (failure.slipwayCode !== undefined) {
    const error = new SlipwayError(failure.slipwayCode, failure.details, { message: failure.message, ...cause });
    if (failure.stack !== undefined) error.stack = failure.stack;
    return error;
  }
  const error = new Error(failure.message, cause);
  error.name = failure.name;
  if (failure.stack !== undefined) error.stack = failure.stack;
  return Object.assign(
    error,
    failure.code === undefined ? {} : { code: failure.code },
    failure.errcode === undefined ? {} : { errcode: failure.errcode },
  );
}

const empty: Failure = {
  slipwayCode: undefined,
  details: {},
  name: 'Error',
  message: '',
  stack: undefined,
  code: undefined,
  errcode: undefined,
  cause: undefined,
};

function cloneable(details: ErrorDetails): ErrorDetails {
  try {
    return structuredClone(details);
  } catch {
    return JSON.parse(JSON.stringify(details)) as ErrorDetails;
  }
}

export type Constraint = 'unique' | 'foreign-key' | 'not-null' | 'check';

const sqliteConstraints: Readonly<Record<number, Constraint>> = {
  275: 'check',
  787: 'foreign-key',
  1299: 'not-null',
  1555: 'unique',
  2067: 'unique',
  2579: 'unique',
};
const postgresConstraints: Readonly<Record<string, Constraint>> = {
  '23502': 'not-null',
  '23503': 'foreign-key',
  '23505': 'unique',
  '23514': 'check',
};

/**
 * Which constraint an error of `Db.write` came from, on either database. Do not catch it inside an operation and go on:
 * PostgreSQL refuses every later statement of that transaction. Use ON CONFLICT there, and this outside.
 */
export function constraintOf(error: unknown): Constraint | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('errcode' in error && typeof error.errcode === 'number') return sqliteConstraints[error.errcode];
  if ('code' in error && typeof error.code === 'string') return postgresConstraints[error.code];
  return undefined;
}

/** More losses in a row than this are no race. */
const uniqueAttempts = 5;

/**
 * PostgreSQL lets two creations of one thing run side by side, and one of them breaks a unique constraint. The loser tries
 * again, sees what the winner made, and gives its proper answer.
 */
export async function retryUnique<T>(write: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await write();
    } catch (error) {
      if (constraintOf(error) !== 'unique' || attempt === uniqueAttempts) throw error;
    }
  }
}
