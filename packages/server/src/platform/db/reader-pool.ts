/**
 * Reader threads, started when first needed. Queries wait in one line and go to whichever reader is free, one at a time (a round
 * trip is 30 µs), so that a slow one holds up a thread and not those behind it. While some wait, one more reader is started.
 */
import { Worker } from 'node:worker_threads';
import { SlipwayError } from '@slipway/contract';
import type { Log } from '../log.ts';
import { fromFailure } from './failure.ts';
import { toRows } from './reader.ts';
import { threadLimits } from './thread-limits.ts';
import type { FromReader, ToReader } from './reader.ts';

export interface ReaderPool {
  query(sql: string, parameters: readonly unknown[]): Promise<unknown[]>;
  /** Copies the database as it is now, compact and consistent, into a new file. */
  backup(target: string): Promise<void>;
  close(): Promise<void>;
}

interface Job {
  readonly message: ToReader;
  resolve(rows: unknown[]): void;
  reject(error: Error): void;
}

interface Reader {
  readonly worker: Worker;
  /** `loading` its code, `free`, or the job that it runs. */
  state: 'loading' | 'free' | Job;
  readonly exited: Promise<void>;
}

export function createReaderPool(options: {
  readonly file: string;
  readonly size: number;
  readonly entry: URL | string;
  readonly log: Log;
}): ReaderPool {
  const readers: Reader[] = [];
  const waiting: Job[] = [];
  let nextId = 1;
  let isClosed = false;
  let drained = (): void => {};

  const hand = (reader: Reader, job: Job): void => {
    reader.state = job;
    reader.worker.ref();
    try {
      reader.worker.postMessage(job.message);
    } catch (error) {
      // A parameter that no thread can take.
      free(reader);
      job.reject(error as Error);
    }
  };
  /** Gives a reader the next job, or lets the process end without it. */
  const free = (reader: Reader): void => {
    reader.state = 'free';
    const next = waiting.shift();
    if (next === undefined) reader.worker.unref();
    else hand(reader, next);
    if (waiting.length === 0) drained();
  };
  const ended = (reader: Reader): void => {
    readers.splice(readers.indexOf(reader), 1);
    const failure = new SlipwayError('database_unavailable', { problem: 'the reader thread ended' });
    if (typeof reader.state === 'object') reader.state.reject(failure);
    // One that ended before it was ready would end again: nobody waits for ever.
    if (readers.length > 0) return;
    for (const job of waiting.splice(0)) job.reject(failure);
    drained();
  };
  const launch = (): void => {
    const worker = new Worker(options.entry, {
      name: 'slipway-reader',
      workerData: { readerFile: options.file },
      resourceLimits: threadLimits,
    });
    const exited = Promise.withResolvers<void>();
    const reader: Reader = { worker, state: 'loading', exited: exited.promise };
    worker.on('message', (message: FromReader) => {
      const job = reader.state;
      free(reader);
      if (typeof job !== 'object') return;
      if (message.ok) job.resolve(toRows(message.names, message.columns, message.count));
      else job.reject(fromFailure(message.failure));
    });
    worker.on('error', (error) => options.log.error('a reader thread failed', { error }));
    worker.on('exit', () => {
      ended(reader);
      exited.resolve();
    });
    readers.push(reader);
  };

  const send = (message: (id: number) => ToReader): Promise<unknown[]> =>
    new Promise((resolve, reject) => {
      if (isClosed) return reject(new SlipwayError('shutting_down'));
      const job = { message: message(nextId++), resolve, reject };
      const reader = readers.find(({ state }) => state === 'free');
      if (reader !== undefined) return hand(reader, job);
      waiting.push(job);
      const isLoading = readers.some(({ state }) => state === 'loading');
      if (!isLoading && readers.length < options.size) launch();
    });

  return {
    query: (sql, parameters) => send((id) => ({ type: 'query', id, sql, parameters })),
    backup: async (target) => {
      await send((id) => ({ type: 'backup', id, target }));
    },
    close: async () => {
      isClosed = true;
      // What was asked before is answered; what a reader runs is answered before it sees the word to close.
      if (waiting.length > 0) await new Promise<void>((resolve) => (drained = resolve));
      const all = [...readers];
      for (const reader of all) reader.worker.postMessage({ type: 'close' } satisfies ToReader);
      await Promise.all(all.map((reader) => reader.exited));
    },
  };
}
