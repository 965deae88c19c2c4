/** Reader threads, started when first needed. Each query goes to the one with the fewest waiting. */
import { Worker } from 'node:worker_threads';
import { SlipwayError } from '@slipway/contract';
import type { Log } from '../log.ts';
import { fromFailure } from './failure.ts';
import { toRows } from './reader.ts';
import type { FromReader, ToReader } from './reader.ts';

export interface ReaderPool {
  query(sql: string, parameters: readonly unknown[]): Promise<unknown[]>;
  /** Copies the database as it is now, compact and consistent, into a new file. */
  backup(target: string): Promise<void>;
  close(): Promise<void>;
}

interface Reader {
  readonly worker: Worker;
  readonly waiting: Map<number, { resolve(rows: unknown[]): void; reject(error: Error): void }>;
  readonly exited: Promise<void>;
}

export function createReaderPool(options: {
  readonly file: string;
  readonly size: number;
  readonly entry: URL | string;
  readonly log: Log;
}): ReaderPool {
  const readers: Reader[] = [];
  let nextId = 1;
  let isClosed = false;

  const launch = (): Reader => {
    const worker = new Worker(options.entry, { name: 'slipway-reader', workerData: { readerFile: options.file } });
    const exited = Promise.withResolvers<void>();
    const reader: Reader = { worker, waiting: new Map(), exited: exited.promise };
    worker.on('message', (message: FromReader) => {
      const caller = reader.waiting.get(message.id);
      reader.waiting.delete(message.id);
      if (reader.waiting.size === 0) worker.unref();
      if (message.ok) caller?.resolve(toRows(message.names, message.columns, message.count));
      else caller?.reject(fromFailure(message.failure));
    });
    worker.on('error', (error) => options.log.error('a reader thread failed', { error }));
    worker.on('exit', () => {
      readers.splice(readers.indexOf(reader), 1);
      for (const caller of reader.waiting.values()) {
        caller.reject(new SlipwayError('database_unavailable', { problem: 'the reader thread ended' }));
      }
      exited.resolve();
    });
    worker.unref();
    readers.push(reader);
    return reader;
  };

  const pick = (): Reader => {
    let best = readers[0];
    for (const reader of readers) if (best === undefined || reader.waiting.size < best.waiting.size) best = reader;
    if (best === undefined || (best.waiting.size > 0 && readers.length < options.size)) return launch();
    return best;
  };

  const send = (message: (id: number) => ToReader): Promise<unknown[]> =>
    new Promise((resolve, reject) => {
      if (isClosed) return reject(new SlipwayError('shutting_down'));
      const reader = pick();
      const id = nextId++;
      reader.waiting.set(id, { resolve, reject });
      reader.worker.ref();
      try {
        reader.worker.postMessage(message(id));
      } catch (error) {
        reader.waiting.delete(id);
        reject(error as Error);
      }
    });

  return {
    query: (sql, parameters) => send((id) => ({ type: 'query', id, sql, parameters })),
    backup: async (target) => {
      await send((id) => ({ type: 'backup', id, target }));
    },
    close: async () => {
      isClosed = true;
      const all = [...readers];
      for (const reader of all) reader.worker.postMessage({ type: 'close' } satisfies ToReader);
      await Promise.all(all.map((reader) => reader.exited));
    },
  };
}
