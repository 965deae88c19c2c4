/** Rows of dataset versions, fed to an engine in the order in which the platform learnt of them. Forward only. */
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Engine } from './online.ts';
import type { TableSource } from './online-state.ts';
import type { Feed } from './replay.ts';
import { chunksOf, createFeed, replayRowsSql } from './replay.ts';
import { retentionOf } from './terms.ts';

export interface HistoryInput {
  readonly connect: () => Promise<DuckDBConnection>;
  readonly tables: ReadonlyMap<string, TableSource>;
  /** Rows that matter to nobody after this instant are left out. */
  readonly aliveUs: number;
  /** Rows known later are left out, and what they end is not ended. */
  readonly untilUs?: number;
}

export interface History extends AsyncDisposable {
  /** Known_at of the first row, at most `aliveUs`. */
  readonly firstUs: number;
  /** Pushes every row with known_at <= t. The next call waits for the one before. */
  upTo(tUs: number): Promise<void>;
}

/** Steps of a long way between which the event loop runs. */
const slices = 400;

/** Each source is one open query until the history is disposed of. */
export async function openHistory(engine: Engine, input: HistoryInput): Promise<History> {
  const { aliveUs, untilUs, tables } = input;
  const connections: DuckDBConnection[] = [];
  const close = (): void => {
    for (const connection of connections.splice(0)) connection.closeSync();
  };
  const relations = ({ table }: { readonly table: string }) => ({ sql: tables.get(table)?.sql ?? '', isLog: false });
  try {
    let firstUs = aliveUs;
    const feeds: Feed[] = [];
    for (const source of engine.plan.sources) {
      const connection = await input.connect();
      connections.push(connection);
      const retentionUs = Math.max(0, ...source.groups.map(retentionOf));
      const sql = replayRowsSql(engine.plan, source, {
        relations,
        aliveUs,
        retentionUs,
        ...(untilUs === undefined ? {} : { untilUs }),
      });
      const [first] =
        (await connection.runAndReadAll(`SELECT CAST(min(k) AS DOUBLE) FROM (${sql}) AS q(e, k)`)).getRows()[0] ?? [];
      if (typeof first === 'number') firstUs = Math.min(firstUs, first);
      feeds.push(createFeed(engine, source.index, chunksOf(connection, sql)));
    }
    let last: Promise<void> = Promise.resolve();
    const feed = async (tUs: number): Promise<void> => {
      for (const one of feeds) await one.upTo(tUs);
    };
    return {
      firstUs,
      upTo: (tUs) => {
        last = last.then(() => feed(tUs));
        return last;
      },
      // A query that is being read is not closed under the reader.
      [Symbol.asyncDispose]: async () => {
        await last.catch(() => undefined);
        close();
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** Brings the engine to an instant with every row known by then, in steps between which the event loop runs. */
export async function advanceWith(engine: Engine, history: History, untilUs: number): Promise<void> {
  const sliceUs = Math.max(1, Math.ceil((untilUs - history.firstUs) / slices));
  for (let t = history.firstUs; ; t = Math.min(t + sliceUs, untilUs)) {
    await history.upTo(t);
    engine.advance(t);
    if (t >= untilUs) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
