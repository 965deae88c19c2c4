/** A doorbell for loops that wait for work: rung when something may have changed, with a delay as backstop. */
import type { Clock } from '../clock.ts';

export interface Wakeup {
  readonly ring: () => void;
  /** Resolves at the next ring, at once if it rang since the last wait, or after the delay. Never rejects. */
  readonly wait: (delayMs: number) => Promise<void>;
}

export function createWakeup(clock: Clock): Wakeup {
  let hasRung = false;
  let wake: (() => void) | undefined;
  return {
    ring: () => {
      hasRung = true;
      wake?.();
    },
    wait: async (delayMs) => {
      if (!hasRung) {
        await new Promise<void>((resolve) => {
          const cancel = clock.after(delayMs, resolve);
          wake = () => {
            cancel();
            resolve();
          };
        });
        wake = undefined;
      }
      hasRung = false;
    },
  };
}
