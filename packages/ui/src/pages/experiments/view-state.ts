/** What the view shows (filter, order, columns, selected runs) lives in the address, so that sharing it shares the view. */
import { useCallback } from 'react';
import { useSearchParams } from 'react-router';

type Changes = Readonly<Record<string, string | undefined>>;

export interface ViewState {
  readonly get: (key: string) => string | undefined;
  readonly list: (key: string) => readonly string[] | undefined;
  readonly set: (changes: Changes) => void;
}

export function useViewState(): ViewState {
  const [params, setParams] = useSearchParams();
  const set = useCallback(
    (changes: Changes) =>
      setParams(
        (now) => {
          const next = new URLSearchParams(now);
          for (const [key, value] of Object.entries(changes)) {
            if (value === undefined) next.delete(key);
            else next.set(key, value);
          }
          return next;
        },
        { preventScrollReset: true },
      ),
    [setParams],
  );
  return {
    get: (key) => params.get(key) ?? undefined,
    // Keys hold no comma: the server refuses them.
    list: (key) =>
      params
        .get(key)
        ?.split(',')
        .filter((part) => part !== ''),
    set,
  };
}
