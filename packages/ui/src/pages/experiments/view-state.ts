/** What the view shows (filter, order, columns, selected runs) lives in the address, so that sharing it shares the view. */
import { useCallback } from 'react';
import { useSearchParams } from 'react-router';

type Changes = Readonly<Record<string, string | undefined>>;

export interface ViewState {
  readonly get: (key: string) => string | undefined;
  readonly list: (key: string) => readonly string[] | undefined;
  readonly set: (changes: Changes) => void;
  /** Puts one into a list, or takes it out. */
  readonly toggle: (key: string, one: string) => void;
}

// Keys and ids hold no comma: the server refuses them.
const parts = (text: string | null): readonly string[] | undefined => text?.split(',').filter((part) => part !== '');

/** The address itself, which may be ahead of what is drawn when keys follow each other quickly. */
const addressed = (): URLSearchParams => new URLSearchParams(globalThis.location.search);

export function useViewState(): ViewState {
  const [params, setParams] = useSearchParams();
  const set = useCallback(
    (changes: Changes) => {
      const next = addressed();
      for (const [key, value] of Object.entries(changes)) {
        if (value === undefined) next.delete(key);
        else next.set(key, value);
      }
      setParams(next, { preventScrollReset: true });
    },
    [setParams],
  );
  return {
    get: (key) => params.get(key) ?? undefined,
    list: (key) => parts(params.get(key)),
    set,
    toggle: (key, one) => {
      const now = parts(addressed().get(key)) ?? [];
      const next = now.includes(one) ? now.filter((other) => other !== one) : [...now, one];
      set({ [key]: next.length === 0 ? undefined : next.join(',') });
    },
  };
}
