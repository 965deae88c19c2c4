/** The only sources of time. Injected everywhere, so that the simulator can own it. */
export interface Clock {
  /** Milliseconds since 1970 UTC. May step when the machine's clock is set. */
  readonly now: () => number;
  /** Milliseconds from an arbitrary origin; never steps back. */
  readonly monotonic: () => number;
  /** Resolves after the delay, or rejects with the signal's reason. */
  readonly sleep: (delayMs: number, signal?: AbortSignal) => Promise<void>;
  /** Calls back once after the delay; the returned function cancels it. */
  readonly after: (delayMs: number, callback: () => void) => () => void;
}

export function createSystemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sleep: (delayMs, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error);
        const abort = (): void => {
          clearTimeout(timer);
          reject(signal?.reason as Error);
        };
        const timer = setTimeout(() => {
          signal?.removeEventListener('abort', abort);
          resolve();
        }, delayMs);
        signal?.addEventListener('abort', abort, { once: true });
      }),
    after: (delayMs, callback) => {
      const timer = setTimeout(callback, delayMs);
      timer.unref();
      return () => clearTimeout(timer);
    },
  };
}
