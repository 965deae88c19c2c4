/**
 * Real work that is under way: files and database connections. Virtual time may move only when there is none, or a run would
 * depend on how fast the machine is.
 *
 * Requests to the file system are listed by Node; with one thread in its pool (see main.ts) they end in the order in which
 * they began. Queries to PostgreSQL are counted where pg begins and ends them.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import pg from 'pg';

/** Turns of the event loop without anything under way, after which nothing will come any more by itself. */
const calmTurns = 3;

export interface UnderWay {
  /** Counts a piece of work of the simulator itself. */
  track<T>(work: Promise<T>): Promise<T>;
  /** Resolves when nothing is under way. */
  settled(): Promise<void>;
}

type Callback = (error: Error | null, ...rest: unknown[]) => unknown;
type AnyMethod = (this: unknown, ...args: unknown[]) => unknown;

export function watchWork(): UnderWay {
  let count = 0;
  let waiting: (() => void)[] = [];
  const begin = (): void => void count++;
  const end = (): void => {
    count--;
    if (count > 0) return;
    const resolvers = waiting;
    waiting = [];
    for (const resolve of resolvers) resolve();
  };

  /** pg takes a callback as the last argument, or gives a promise. */
  const counted = (method: AnyMethod): AnyMethod =>
    function (this: unknown, ...args) {
      begin();
      const last = args.at(-1);
      if (typeof last === 'function') {
        // A function in the last place is what pg calls back.
        const callback = last as Callback;
        const wrapped: Callback = (...answer) => {
          try {
            return callback(...answer);
          } finally {
            end();
          }
        };
        return method.call(this, ...args.slice(0, -1), wrapped);
      }
      const answer = method.call(this, ...args);
      void Promise.resolve(answer).then(end, end);
      return answer;
    };
  // The prototype's own methods, replaced for the life of this process.
  const client = pg.Client.prototype as unknown as Record<'query' | 'connect', AnyMethod>;
  client.query = counted(client.query);
  client.connect = counted(client.connect);

  const hasFileRequests = (): boolean =>
    process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq') || name === 'CloseReq');

  return {
    track: (work) => {
      begin();
      void work.then(end, end);
      return work;
    },
    settled: async () => {
      for (let calm = 0; calm < calmTurns;) {
        if (count > 0) {
          await new Promise<void>((resolve) => waiting.push(resolve));
          calm = 0;
        }
        await nextTurn();
        calm = count > 0 || hasFileRequests() ? 0 : calm + 1;
      }
    },
  };
}
