/** Who wants to hear of commits. A listener that throws is logged and disturbs nobody. */
import type { Log } from '../log.ts';
import type { Committed } from './group-commit.ts';

export interface Bells {
  readonly onCommit: (listener: (seq: number) => void) => () => void;
  readonly onWake: (topic: string, listener: () => void) => () => void;
  readonly ring: (commit: Committed) => void;
  readonly clear: () => void;
}

export function createBells(log: Log): Bells {
  const commitListeners = new Set<(seq: number) => void>();
  const wakeListeners = new Map<string, Set<() => void>>();
  const call = (listener: () => void): void => {
    try {
      listener();
    } catch (error) {
      log.error('a commit listener failed', { error });
    }
  };
  return {
    onCommit: (listener) => {
      commitListeners.add(listener);
      return () => void commitListeners.delete(listener);
    },
    onWake: (topic, listener) => {
      const listeners = wakeListeners.get(topic) ?? new Set();
      wakeListeners.set(topic, listeners);
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    ring: ({ seq, topics }) => {
      if (seq !== undefined) for (const listener of commitListeners) call(() => listener(seq));
      for (const topic of topics) for (const listener of wakeListeners.get(topic) ?? []) call(listener);
    },
    clear: () => {
      commitListeners.clear();
      wakeListeners.clear();
    },
  };
}
