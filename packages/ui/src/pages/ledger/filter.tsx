/** What is searched for in the ledger; every part is in the address. */
import type { ReactElement } from 'react';
import type { ViewState } from '../../components/use-view-state.ts';
import type { Bounds } from '../../frame/time-range.ts';

export interface LedgerFilter {
  readonly kind?: string;
  readonly q?: string;
  readonly subject?: string;
  readonly actor?: string;
  readonly from?: number;
  readonly to?: number;
}

/** First words of kinds; the server knows the rest. */
const nouns = ['alias', 'alert', 'approval', 'dataset', 'deployment', 'endpoint', 'experiment', 'feature-set', 'gate']
  .concat(['labels', 'model', 'monitor', 'pipeline', 'pipeline-run', 'policy', 'project', 'rollout', 'run', 'step'])
  .concat(['token', 'validation']);

const textKeys = ['kind', 'q', 'subject', 'actor'] as const;

export function filterOf(view: ViewState, bounds: Bounds): LedgerFilter {
  const texts = textKeys.flatMap((key) => {
    const value = view.get(key);
    return value === undefined || value === '' ? [] : [[key, value] as const];
  });
  return { ...Object.fromEntries(texts), ...bounds };
}

export function commandOf({ kind, q, subject, actor, from, to }: LedgerFilter, before: number | undefined): string {
  const iso = (at: number | undefined): string | undefined => (at === undefined ? at : new Date(at).toISOString());
  const flags = { kind, subject, actor, match: q, from: iso(from), to: iso(to), before };
  const given = Object.entries(flags).flatMap(([name, value]) =>
    value === undefined ? [] : [` --${name} ${/^[\w.:/-]+$/.test(String(value)) ? value : `'${value}'`}`],
  );
  return `slipway ledger list${given.join('')}`;
}

export function Filter({ filter, view }: { filter: LedgerFilter; view: ViewState }): ReactElement {
  const key = JSON.stringify(textKeys.map((name) => filter[name]));
  const isFiltered = textKeys.some((name) => filter[name] !== undefined);
  const field = (name: (typeof textKeys)[number], label: string, placeholder: string): ReactElement => (
    <label>
      <span className="sr">{label}</span>
      <input
        className="input"
        name={name}
        defaultValue={view.get(name)}
        placeholder={placeholder}
        data-filter={name === 'q' ? true : undefined}
        list={name === 'kind' ? 'ledger-kinds' : undefined}
      />
    </label>
  );
  return (
    <form
      key={key}
      className="lg-filter"
      role="search"
      aria-label="Search the ledger"
      onSubmit={(event) => {
        event.preventDefault();
        const data = new FormData(event.currentTarget);
        const changes = textKeys.map((name) => {
          const value = data.get(name);
          return [name, typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined] as const;
        });
        view.set({ ...Object.fromEntries(changes), before: undefined });
      }}
    >
      {field('q', 'A part of the subject', 'Part of a subject')}
      {field('kind', 'Kind', 'Kind: alias.moved, or alias')}
      {field('actor', 'Actor', 'By: token:ci')}
      <button type="submit" className="btn">
        Search
      </button>
      {isFiltered && (
        <button
          type="button"
          className="btn ghost"
          onClick={() =>
            view.set({
              ...Object.fromEntries(textKeys.map((k) => [k, undefined])),
              before: undefined,
            })
          }
        >
          Clear
        </button>
      )}
      {filter.subject !== undefined && <input type="hidden" name="subject" value={filter.subject} />}
      <datalist id="ledger-kinds">
        {nouns.map((noun) => (
          <option key={noun} value={noun} />
        ))}
      </datalist>
    </form>
  );
}
