/** What a view shows (filter, tab, open row) lives in the address, so that sharing it shares the view. */
import { useCallback } from 'react';
import { useSearchParams } from 'react-router';

/** Undefined takes a part away; what is not named stays. */
type Changes = Readonly<Record<string, string | undefined>>;

export interface ViewState {
  readonly get: (key: string) => string | undefined;
  readonly list: (key: string) => readonly string[] | undefined;
  /** `?open=prd_...` with the rest as it is: where a link leads. */
  readonly href: (changes: Changes) => string;
  /** A step of its own for the back button, unless it only moves something within the view. */
  readonly set: (changes: Changes, how?: { readonly isStep: boolean }) => void;
  /** Puts one into a list, or takes it out. */
  readonly toggle: (key: string, one: string) => void;
}

// Keys and ids hold no comma: the server refuses them.
const parts = (text: string | null): readonly string[] | undefined => text?.split(',').filter((part) => part !== '');

/** The address itself, which may be ahead of what is drawn when keys follow each other quickly. */
const addressed = (): URLSearchParams => new URLSearchParams(globalThis.location.search);

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
    (changes: Changes, { isStep } = { isStep: true }) =>
      setParams(changed(addressed(), changes), { preventScrollReset: true, replace: !isStep }),
    [setParams],
  );
  return {
    get: (key) => params.get(key) ?? undefined,
    list: (key) => parts(params.get(key)),
    href: (changes) => `?${changed(params, changes).toString()}`,
    set,
    toggle: (key, one) => {
      const now = parts(addressed().get(key)) ?? [];
      const next = now.includes(one) ? now.filter((other) => other !== one) : [...now, one];
      set({ [key]: next.length === 0 ? undefined : next.join(',') });
    },
  };
}
