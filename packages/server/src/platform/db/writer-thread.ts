/**
 * The main thread's side of the writer: numbers the writes, sends what one turn brought in one message, and starts a new
 * writer when one dies. A write that the dead one held is rejected: it may or may not have been committed.
 */
import { Worker } from 'node:worker_threads';
import { SlipwayError } from '@slipway/contract';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { fromFailure } from './failure.ts';
import type { Committed, Outcome } from './group-commit.ts';
import { threadLimits } from './thread-limits.ts';
import { toOutcome } from './writer.ts';
import type { FromWriter, ToWriter, WriterRequest } from './writer.ts';

/** Most writes waiting for the writer. Beyond it a new one is refused, so that memory stays bounded. */
const pendingLimit = 20_000;
/** Pause before a dead writer is started again, milliseconds. */
const restartDelayMs = 100;

export interface WriterThreadDeps {
  readonly entry: URL | string;
  readonly file: string;
  readonly durability: 'full' | 'none';
  readonly clock: Clock;
  readonly log: Log;
  readonly onCommitted: (commit: Committed) => void;
}

export interface WriterThread {
  write(operation: string, input: unknown): Promise<unknown>;
  /** Resolves when the writer has opened the file; rejects when it cannot. */
  opened(): Promise<void>;
  close(): Promise<void>;
}

/** Starts loading the writer's entry at once; call `open` on it when the schema is current. */
export function startWriterThread(deps: WriterThreadDeps): WriterThread & { open(): void } {
  const { clock, log } = deps;
  const pending = new Map<number, (outcome: Outcome) => void>();
  const first = Promise.withResolvers<void>();
  first.promise.catch(() => {});
  const gone = Promise.withResolvers<void>();
  let unsent: WriterRequest[] = [];
  let nextId = 1;
  let state: 'loading' | 'open' | 'restarting' | 'closing' | 'closed' = 'loading';
  let worker = launch();
  let isOpened = false;

  function launch(): Worker {
    const started = new Worker(deps.entry, { name: 'slipway-writer', resourceLimits: threadLimits });
    started.on('message', (message: FromWriter) => receive(message));
    started.on('error', (error) => {
      log.error('the writer thread failed', { error });
      if (!isOpened) first.reject(error);
    });
    started.on('exit', (code) => {
      if (started === worker) ended(code);
    });
    return started;
  }

  function receive(message: FromWriter): void {
    switch (message.type) {
      case 'opened':
        isOpened = true;
        first.resolve();
        break;
      case 'refused':
        if (isOpened)
          log.error('the writer could not open the database again', { error: fromFailure(message.failure) });
        else first.reject(fromFailure(message.failure));
        void worker.terminate();
        break;
      case 'answers':
        for (const answer of message.answers) {
          const answerTo = pending.get(answer.id);
          pending.delete(answer.id);
          answerTo?.(toOutcome(answer));
        }
        break;
      case 'committed':
        deps.onCommitted(message.commit);
        break;
      case 'closed':
        state = 'closed';
        break;
    }
  }

  function ended(code: number): void {
    const lost = [...pending.values()];
    pending.clear();
    unsent = [];
    const error = new SlipwayError('write_outcome_unknown', { count: lost.length });
    for (const answerTo of lost) answerTo({ ok: false, error });
    if (state === 'closing' || state === 'closed') {
      state = 'closed';
      gone.resolve();
      return;
    }
    if (!isOpened) {
      first.reject(new SlipwayError('database_unavailable', { problem: `the writer ended with code ${code}` }));
      state = 'closed';
      gone.resolve();
      return;
    }
    log.error('the writer thread ended and is started again', { exitCode: code, lostWrites: lost.length });
    state = 'restarting';
    clock.after(restartDelayMs, () => {
      if (state !== 'restarting') return;
      worker = launch();
      state = 'open';
      send({ type: 'open', file: deps.file, durability: deps.durability });
    });
  }

  function send(message: ToWriter): void {
    worker.postMessage(message);
  }

  function flush(): void {
    if (unsent.length === 0) return;
    const requests = unsent;
    unsent = [];
    try {
      send({ type: 'write', requests });
    } catch {
      // An input that cannot be cloned spoils the whole message: send them one by one to find it.
      for (const request of requests) {
        try {
          send({ type: 'write', requests: [request] });
        } catch (error) {
          const answerTo = pending.get(request.id);
          pending.delete(request.id);
          answerTo?.({ ok: false, error });
        }
      }
    }
  }

  const write = (operation: string, input: unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (state === 'closing' || state === 'closed') return reject(new SlipwayError('shutting_down'));
      if (state === 'restarting') {
        return reject(new SlipwayError('database_unavailable', { problem: 'the writer is being started again' }));
      }
      if (pending.size >= pendingLimit) return reject(new SlipwayError('database_busy', { limitMs: 0 }));
      const id = nextId++;
      pending.set(id, (outcome) => (outcome.ok ? resolve(outcome.value) : reject(outcome.error as Error)));
      if (unsent.length === 0) queueMicrotask(flush);
      unsent.push({ id, operation, input, now: clock.now() });
    });

  return {
    write,
    open: () => {
      state = 'open';
      send({ type: 'open', file: deps.file, durability: deps.durability });
    },
    opened: () => first.promise,
    close: async () => {
      if (state === 'closed') return gone.promise;
      flush();
      const wasRunning = state === 'open';
      state = 'closing';
      if (wasRunning) send({ type: 'close' });
      else gone.resolve();
      await gone.promise;
      await worker.terminate();
    },
  };
}
