/** DuckDB over files of this machine, with a bound on its memory and a folder to spill into; nothing is kept. */
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Analytics } from '@slipway/server/analytics';
import { createAnalytics } from '@slipway/server/analytics';
import type { Output } from '../output.ts';

/** DuckDB spills above this; the process has about 150 MB of its own beside it. */
const memoryMegabytes = 512;
/** Columns from which a table is wide: buffers of each column come to more than its values, whatever the rows. */
const wideColumns = 500;
const megabytesPerColumn = 0.2;
const threads = 2;
const progressEveryMs = 500;
/** How long an interrupted query may take to end before its files are removed under it. */
const stopLimitMs = 2000;
/** Without a handler these end the process at once, and gigabytes would stay. */
const deadly = ['SIGTERM', 'SIGHUP'] as const;

/** Values that each thread gathers before it writes a row group; rows below which groups are not worth having. */
const groupValues = 2_000_000;
const groupRows = { min: 2048, max: 122_880 } as const;

export const isWide = (columns: number): boolean => columns > wideColumns;

/** How a Parquet file of so many columns is written in bounded memory. */
export function parquetOptions(columns: number): string {
  const rows = Math.max(groupRows.min, Math.min(groupRows.max, Math.floor(groupValues / Math.max(1, columns))));
  const dictionary = isWide(columns) ? ', dictionary_size_limit 1' : '';
  return `format parquet, compression zstd, row_group_size ${rows}${dictionary}`;
}

export type Row = Readonly<Record<string, unknown>>;

export interface Scratch extends AsyncDisposable {
  /** Empty at the start, removed with everything in it at the end. */
  readonly folder: string;
  readonly analytics: Analytics;
  readonly connection: Awaited<ReturnType<ReturnType<typeof createAnalytics>['connect']>>;
  run(sql: string): Promise<void>;
  rows(sql: string): Promise<readonly Row[]>;
  /** The first row. */
  one(sql: string): Promise<Row>;
  /** Before a table of so many columns is read. One thread keeps the order of its rows. */
  makeRoom(columns: number): Promise<void>;
  /** Work that may take minutes; how far it is, is said meanwhile. */
  during<T>(what: string, work: () => Promise<T>): Promise<T>;
  /** Ends the running query. What works with the scratch fails. */
  stop(): Promise<void>;
}

/** `output` is where progress is said; nobody hears of it without one. */
export async function openScratch(output?: Pick<Output, 'progress' | 'endProgress'>): Promise<Scratch> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-init-'));
  const removing = removeAtExit(folder);
  const analytics = createAnalytics({
    memoryLimit: `${memoryMegabytes}MB`,
    threads,
    tempFolder: join(folder, 'spill'),
  });
  const connection = await analytics.connect();
  // DuckDB counts how far a query is only where a bar is wanted; it is not to draw it.
  await connection.run('SET enable_progress_bar = true');
  await connection.run('SET enable_progress_bar_print = false');
  const rows = async (sql: string): Promise<readonly Row[]> => (await connection.runAndReadAll(sql)).getRowObjectsJS();
  const ended = Promise.withResolvers<void>();
  return {
    folder,
    analytics,
    connection,
    run: async (sql) => void (await connection.run(sql)),
    rows,
    one: async (sql) => (await rows(sql))[0] ?? {},
    makeRoom: async (columns) => {
      if (!isWide(columns)) return;
      const megabytes = memoryMegabytes + Math.ceil(columns * megabytesPerColumn);
      await connection.run(
        `SET memory_limit = '${megabytes}MB'; SET threads = 1; SET preserve_insertion_order = false; SET parquet_metadata_cache = true`,
      );
    },
    during: async (what, work) => {
      const startedAt = performance.now();
      const tick = (): void => {
        const { percentage } = connection.progress;
        const pass = percentage > 0 && percentage < 100 ? `, this pass ${Math.floor(percentage)} %` : '';
        output?.progress(`${what}: ${Math.round((performance.now() - startedAt) / 1000)} s${pass}`);
      };
      const timer = setInterval(tick, progressEveryMs);
      try {
        return await work();
      } finally {
        clearInterval(timer);
        output?.endProgress();
      }
    },
    stop: async () => {
      const timer = setTimeout(ended.resolve, stopLimitMs);
      connection.interrupt();
      await ended.promise;
      clearTimeout(timer);
    },
    [Symbol.asyncDispose]: async () => {
      connection.closeSync();
      await analytics[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
      removing.off();
      ended.resolve();
    },
  };
}

/** Removes a file or folder when the process ends before anybody could. */
export function removeAtExit(path: string): { readonly off: () => void } {
  const remove = (): void => {
    try {
      rmSync(path, { recursive: true, force: true, maxRetries: 3 });
    } catch {
      // A thread of DuckDB wrote a file into it at the same moment; nothing more can be done in an ending process.
    }
  };
  const die = (signal: NodeJS.Signals): void => {
    off();
    remove();
    process.kill(process.pid, signal);
  };
  const off = (): void => {
    process.off('exit', remove);
    for (const signal of deadly) process.off(signal, die);
  };
  process.once('exit', remove);
  for (const signal of deadly) process.once(signal, die);
  return { off };
}
