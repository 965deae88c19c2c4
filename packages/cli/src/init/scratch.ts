/** DuckDB over files of this machine, with a bound on its memory and a folder to spill into; nothing is kept. */
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAnalytics } from '@slipway/server/analytics';

/** DuckDB spills above this; the process has about 150 MB of its own beside it. */
const memoryLimit = '512MB';
const threads = 2;

export type Row = Readonly<Record<string, unknown>>;

export interface Scratch extends AsyncDisposable {
  /** Empty at the start, removed with everything in it at the end. */
  readonly folder: string;
  readonly connection: Awaited<ReturnType<ReturnType<typeof createAnalytics>['connect']>>;
  run(sql: string): Promise<void>;
  rows(sql: string): Promise<readonly Row[]>;
  /** The first row. */
  one(sql: string): Promise<Row>;
}

export async function openScratch(): Promise<Scratch> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-init-'));
  // An interrupted command exits at once, and gigabytes would stay.
  const removeNow = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeNow);
  const analytics = createAnalytics({ memoryLimit, threads, tempFolder: join(folder, 'spill') });
  const connection = await analytics.connect();
  const rows = async (sql: string): Promise<readonly Row[]> => (await connection.runAndReadAll(sql)).getRowObjectsJS();
  return {
    folder,
    connection,
    run: async (sql) => void (await connection.run(sql)),
    rows,
    one: async (sql) => (await rows(sql))[0] ?? {},
    [Symbol.asyncDispose]: async () => {
      connection.closeSync();
      await analytics[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
      process.off('exit', removeNow);
    },
  };
}
