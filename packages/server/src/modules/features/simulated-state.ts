/**
 * The online state of the copy of a feature set that a simulation reads: in memory alone, so that whatever becomes of the
 * simulation or of the server, nothing of it stays.
 *
 * Its rows come from dataset versions, not by pushes: `feed` takes them up to an instant, in the order in which the platform
 * learnt of them, and reads follow. That is the replay of a training set in parts, so both give the same bits. A read beyond
 * what was fed would miss rows, and is refused.
 *
 * Memory: the engine's state, and one open query for each source until it is closed.
 */
import { SlipwayError } from '@slipway/contract';
import type { Definition } from './definition.ts';
import { advanceWith, openHistory } from './history.ts';
import type { Reader } from './online.ts';
import { createEngine } from './online.ts';
import type { OnlineState, OnlineStateDeps } from './online-state.ts';
import { planOf, refsOf } from './online-state.ts';

export interface SimulatedState extends OnlineState {
  /** Takes every row known by then; an instant that was fed already changes nothing. */
  feed(untilMs: number): Promise<void>;
}

/** Stands at `untilMs` with every row known by then that can still matter. */
export async function openSimulatedState(
  definition: Definition,
  request: { readonly refs: Readonly<Record<string, string>>; readonly untilMs: number },
  deps: Pick<OnlineStateDeps, 'connect' | 'resolve'>,
): Promise<SimulatedState> {
  const { plan, tables } = await planOf(definition, request.refs, deps.resolve);
  const { untilMs } = request;
  const engine = createEngine(plan);
  const history = await openHistory(engine, { connect: deps.connect, tables, aliveUs: untilMs * 1000 });
  try {
    await advanceWith(engine, history, untilMs * 1000);
  } catch (error) {
    await history[Symbol.asyncDispose]();
    throw error;
  }
  let fedUntilMs = untilMs;
  const set = definition.features;
  const readers = new Map<string, Reader>();
  const close = async (): Promise<void> => history[Symbol.asyncDispose]();
  return {
    engine: {
      ...engine,
      reader: (service) => {
        const reader =
          readers.get(service) ?? guarded(engine.reader(service), { set, fedUntilUs: () => fedUntilMs * 1000 });
        readers.set(service, reader);
        return reader;
      },
    },
    backfill: { untilMs, tables: refsOf(tables) },
    feed: async (until) => {
      if (until <= fedUntilMs) return;
      await history.upTo(until * 1000);
      fedUntilMs = Math.max(fedUntilMs, until);
    },
    push: () => Promise.reject(new SlipwayError('feature_set_simulated', { set })),
    close,
    discard: close,
  };
}

function guarded(
  reader: Reader,
  { set, fedUntilUs }: { readonly set: string; readonly fedUntilUs: () => number },
): Reader {
  const check = (tUs: number): void => {
    if (tUs <= fedUntilUs()) return;
    const [fedUntil, at] = [fedUntilUs(), tUs].map((us) => new Date(us / 1000).toISOString());
    throw new SlipwayError('feature_rows_not_fed', { set, fedUntil, at });
  };
  return {
    ...reader,
    read: (tUs, request, out, offset) => {
      check(tUs);
      reader.read(tUs, request, out, offset);
    },
    readValues: (tUs, values, out, offset) => {
      check(tUs);
      reader.readValues(tUs, values, out, offset);
    },
  };
}
