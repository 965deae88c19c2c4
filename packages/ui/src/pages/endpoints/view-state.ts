/** What a view shows (filter, window, open row) lives in the address, so that sharing it shares the view. */
import { useCallback } from 'react';
import { useSearchParams } from 'react-router';

type Changes = Readonly<Record<string, string | undefined>>;

export interface ViewState {
  readonly get: (key: string) => string | undefined;
  /** `?open=prd_...` with the rest as it is: where a link leads. */
  readonly href: (changes: Changes) => string;
  readonly set: (changes: Changes) => void;
}

function changed(now: URLSearchParams, changes: Changes): URLSearchParams {
  const next = new URLSearchParams(now);
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) next.delete(key);
    else next.set(key, value);
  }
  return next;
}

export function useViewState(): ViewState {
  const [params, setParams] = useSearchParams();
  const set = useCallback(
    (changes: Changes) => setParams((now) => changed(now, changes), { preventScrollReset: true }),
    [setParams],
  );
  return {
    get: (key) => params.get(key) ?? undefined,
    href: (changes) => `?${changed(params, changes).toString()}`,
    set,
  };
}
