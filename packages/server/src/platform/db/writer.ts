/**
 * The writer thread: the only connection of a SQLite workspace that writes. The composition root has an entry file that
 * imports every module's operations and calls `runWriter`; `createSqliteDb` starts it as a worker.
 */
import { parentPort } from 'node:worker_threads';
import { createSystemClock } from '../clock.ts';
import type { AnyOperation } from './db.ts';
import { ledgerStore } from '../ledger/store.ts';
import { fromFailure, toFailure } from './failure.ts';
import type { Failure } from './failure.ts';
import { createGroupCommit } from './group-commit.ts';
import type { Committed, Outcome } from './group-commit.ts';
import { openSqlite } from './sqlite-connection.ts';

export interface WriterRequest {
  readonly id: number;
  readonly operation: string;
  readonly input: unknown;
  readonly now: number;
}

export type ToWriter =
  | { readonly type: 'open'; readonly file: string; readonly durability: 'full' | 'none' }
  | { readonly type: 'write'; readonly requests: readonly WriterRequest[] }
  | { readonly type: 'close' };

export type WriterAnswer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly failure: Failure };

export type FromWriter =
  | { readonly type: 'opened' }
  | { readonly type: 'refused'; readonly failure: Failure }
  | { readonly type: 'answers'; readonly answers: readonly WriterAnswer[] }
  | { readonly type: 'committed'; readonly commit: Committed }
  | { readonly type: 'closed' };

/** Quiet time after which the log is copied into the database file and emptied, milliseconds. */
const idleCheckpointMs = 2000;

/** Serves writes until the main thread closes the database. Call once, from the entry file of the worker. */
export function runWriter(options: { readonly operations: readonly AnyOperation[] }): void {
  const port = parentPort;
  if (port === null) throw new Error('runWriter is called in a worker thread that createSqliteDb started');
  const send = (message: FromWriter): void => port.postMessage(message);
  let session: ReturnType<typeof openSession> | undefined;
  port.on('message', (message: ToWriter) => {
    switch (message.type) {
      case 'open':
        try {
          session = openSession(message, options.operations, send);
          send({ type: 'opened' });
        } catch (error) {
          send({ type: 'refused', failure: toFailure(error) });
        }
        break;
      case 'write':
        for (const request of message.requests) session?.write(request);
        break;
      case 'close':
        void (session?.close() ?? Promise.resolve()).then(() => {
          send({ type: 'closed' });
          port.close();
        });
        break;
    }
  });
}

function openSession(
  open: Extract<ToWriter, { type: 'open' }>,
  operations: readonly AnyOperation[],
  send: (message: FromWriter) => void,
): { write(request: WriterRequest): void; close(): Promise<void> } {
  const clock = createSystemClock();
  const connection = openSqlite({ file: open.file, readOnly: false, durability: open.durability });
  let answers: WriterAnswer[] = [];
  let cancelCheckpoint = (): void => {};

  const flush = (): void => {
    const ready = answers;
    answers = [];
    try {
      send({ type: 'answers', answers: ready });
    } catch {
      // A result that cannot be cloned spoils the whole message: send them one by one to find it.
      for (const answer of ready) sendOne(answer, send);
    }
    cancelCheckpoint();
    cancelCheckpoint = clock.after(idleCheckpointMs, checkpoint);
  };
  const checkpoint = (): void => {
    try {
      connection.exec('pragma busy_timeout = 0');
      connection.exec('pragma wal_checkpoint(truncate)');
    } catch {
      // A reader is in the way: the next quiet moment, or closing, does it.
    } finally {
      connection.exec('pragma busy_timeout = 5000');
    }
  };
  const group = createGroupCommit({
    connection,
    operations: [...ledgerStore.operations, ...operations],
    monotonic: () => clock.monotonic(),
    onCommitted: ({ seq, topics }) => send({ type: 'committed', commit: { seq, topics } }),
  });
  return {
    write: (request) =>
      group.add({
        ...request,
        answer: (outcome) => {
          if (answers.length === 0) queueMicrotask(flush);
          answers.push(toAnswer(request.id, outcome));
        },
      }),
    close: async () => {
      await group.idle();
      cancelCheckpoint();
      checkpoint();
      connection.close();
    },
  };
}

function toAnswer(id: number, outcome: Outcome): WriterAnswer {
  return outcome.ok ? { id, ok: true, value: outcome.value } : { id, ok: false, failure: toFailure(outcome.error) };
}

function sendOne(answer: WriterAnswer, send: (message: FromWriter) => void): void {
  try {
    send({ type: 'answers', answers: [answer] });
  } catch (error) {
    send({ type: 'answers', answers: [{ id: answer.id, ok: false, failure: toFailure(error) }] });
  }
}

/** The outcome of an answer as the main thread sees it. */
export function toOutcome(answer: WriterAnswer): Outcome {
  return answer.ok ? { ok: true, value: answer.value } : { ok: false, error: fromFailure(answer.failure) };
}
