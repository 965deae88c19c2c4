import type { Clock } from './clock.ts';
import type { Log } from './log.ts';

export interface SweepLoop {
  start(): void;
  /** No further pass begins; one that is under way goes to its end. */
  stop(): void;
}

export interface Sweep {
  /** What is swept, for the log. */
  readonly of: string;
  /** From the end of a pass to the next. */
  readonly everyMs: number;
  readonly pass: () => Promise<unknown>;
}

/** Sweeps again and again, the first time after the pause. A pass that fails is logged, and the next one comes all the same. */
export function createSweepLoop({ clock, log }: { readonly clock: Clock; readonly log: Log }, sweep: Sweep): SweepLoop {
  let cancelNext: (() => void) | undefined;
  const next = (): void => {
    cancelNext = clock.after(sweep.everyMs, () => {
      sweep
        .pass()
        .catch((error: unknown) => log.error(`the sweep of ${sweep.of} failed`, { error }))
        .finally(() => {
          if (cancelNext !== undefined) next();
        });
    });
  };
  return {
    start: () => {
      if (cancelNext === undefined) next();
    },
    stop: () => {
      cancelNext?.();
      cancelNext = undefined;
    },
  };
}
