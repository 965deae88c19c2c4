/** What is searched for in the ledger; every part is in the address. */
import type { ReactElement } from 'react';
import type { ViewState } from '../../components/use-view-state.ts';

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
const timeKeys = ['from', 'to'] as const;

/** `2026-11-21T18:04` of the field is UTC, whatever the zone of the page: the field says so. */
const ofField = (text: string): number | undefined => {
  const at = Date.parse(`${text}Z`);
  return Number.isNaN(at) ? undefined : at;
};

export function filterOf(view: ViewState): LedgerFilter {
  const texts = textKeys.flatMap((key) => {
    const value = view.get(key);
    return value === undefined || value === '' ? [] : [[key, value] as const];
  });
  const times = timeKeys.flatMap((key) => {
    const at = ofField(view.get(key) ?? '');
    return at === undefined ? [] : [[key, at] as const];
  });
  return Object.fromEntries<string | number>([...texts, ...times]);
}

/** The command has no times: it pages by number. */
export function commandOf({ kind, q, subject, actor }: LedgerFilter, before: number | undefined): string {
  const flags = { kind, subject, actor, match: q, before };
  const given = Object.entries(flags).flatMap(([name, value]) =>
    value === undefined ? [] : [` --${name} ${/^[\w.:/-]+$/.test(String(value)) ? value : `'${value}'`}`],
  );
  return `slipway ledger list${given.join('')}`;
}

export function Filter({ filter, view }: { filter: LedgerFilter; view: ViewState }): ReactElement {
  const key = JSON.stringify(filter);
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
  const time = (name: (typeof timeKeys)[number], label: string): ReactElement => (
    <label className="row sm t2">
      {label}
      <input
        className="input"
        type="datetime-local"
        name={name}
        defaultValue={view.get(name)}
        aria-label={`${label}, UTC`}
        data-key={name === 'from' ? 't' : undefined}
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
        const changes = [...textKeys, ...timeKeys].map((name) => {
          const value = data.get(name);
          return [name, typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined] as const;
        });
        view.set({ ...Object.fromEntries(changes), before: undefined });
      }}
    >
      {field('q', 'A part of the subject', 'Part of a subject')}
      {field('kind', 'Kind', 'Kind: alias.moved, or alias')}
      {field('actor', 'Actor', 'By: token:ci')}
      {time('from', 'From')}
      {time('to', 'to')}
      <span className="xs t3">UTC</span>
      <button type="submit" className="btn">
        Search
      </button>
      {key !== '{}' && (
        <button
          type="button"
          className="btn ghost"
          onClick={() =>
            view.set({
              ...Object.fromEntries([...textKeys, ...timeKeys].map((k) => [k, undefined])),
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
