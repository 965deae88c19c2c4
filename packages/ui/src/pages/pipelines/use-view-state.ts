/** State of a view in the address: what is open, which tab, which version it is compared with. */
import { useSearchParams } from 'react-router';

export interface ViewState {
  readonly get: (name: string) => string | undefined;
  /** Sets these, leaves the others; undefined takes one away. */
  readonly set: (changes: Readonly<Record<string, string | undefined>>) => void;
  /** The address of the same view with these changes, for links. */
  readonly link: (changes: Readonly<Record<string, string | undefined>>) => string;
}

export function useViewState(): ViewState {
  const [params, setParams] = useSearchParams();
  const changed = (changes: Readonly<Record<string, string | undefined>>): URLSearchParams => {
    const next = new URLSearchParams(params);
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined) next.delete(name);
      else next.set(name, value);
    }
    return next;
  };
  return {
    get: (name) => params.get(name) ?? undefined,
    set: (changes) => setParams(changed(changes), { preventScrollReset: true }),
    link: (changes) => `?${changed(changes).toString()}`,
  };
}
