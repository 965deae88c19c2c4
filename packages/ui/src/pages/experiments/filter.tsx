/** The filter of runs as text; a refusal of the server underlines the place that it could not read. */
import type { FormEvent, ReactElement } from 'react';
import { useState } from 'react';
import type { ApiError } from '../../api/client.ts';
import { Icon } from '../../components/icon.tsx';

interface FilterProps {
  readonly value: string;
  readonly apply: (text: string | undefined) => void;
  readonly error: ApiError | null;
  /** A field that exists here, for the example. */
  readonly example: string;
}

export function Filter(props: FilterProps): ReactElement {
  // Another view (back, a link) brings another filter: the box starts anew from it.
  return <FilterBox key={props.value} {...props} />;
}

function FilterBox({ value, apply, error, example }: FilterProps): ReactElement {
  const [draft, setDraft] = useState(value);
  const fault = draft === value ? faultOf(error) : undefined;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const text = draft.trim();
    apply(text === '' ? undefined : text);
  };
  return (
    <form className="filter-form" onSubmit={submit} role="search">
      <div className={fault === undefined ? 'filter' : 'filter bad-in'}>
        <Icon name="filter" />
        <input
          data-filter
          aria-label="Filter runs"
          aria-invalid={fault !== undefined}
          aria-describedby={fault === undefined ? undefined : 'filter-fault'}
          placeholder={example}
          spellCheck={false}
          autoComplete="off"
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Escape') setDraft(value);
          }}
        />
        {value !== '' && (
          <button
            type="button"
            className="btn sm ghost icon"
            aria-label="Clear the filter"
            onClick={() => apply(undefined)}
          >
            <Icon name="x" small />
          </button>
        )}
        {draft === value ? <kbd>/</kbd> : <kbd>Enter</kbd>}
      </div>
      {fault !== undefined && (
        <div className="fault" id="filter-fault" role="alert">
          <pre aria-hidden="true">
            {fault.filter.slice(0, fault.position)}
            <u>{fault.word}</u>
            {fault.filter.slice(fault.position + fault.word.length)}
          </pre>
          <p className="bad sm">{fault.problem}</p>
        </div>
      )}
    </form>
  );
}

interface Fault {
  readonly filter: string;
  /** From 0. */
  readonly position: number;
  /** What stands there; a blank at the end. */
  readonly word: string;
  readonly problem: string;
}

export const isFilterFault = (error: ApiError | null): boolean => faultOf(error) !== undefined;

function faultOf(error: ApiError | null): Fault | undefined {
  if (error?.code !== 'filter_invalid') return undefined;
  const { filter, position, problem } = error.details;
  if (typeof filter !== 'string' || typeof position !== 'number' || typeof problem !== 'string') return undefined;
  const from = Math.max(0, position - 1);
  const word = /^\S+/.exec(filter.slice(from))?.[0] ?? ' ';
  return { filter, position: from, word, problem: `${problem} (character ${position}).` };
}
