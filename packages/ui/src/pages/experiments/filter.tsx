/** The filter of runs: completed as it is typed, and the place that the server could not read is underlined in it. */
import type { ChangeEvent, FormEvent, KeyboardEvent, ReactElement } from 'react';
import { useId, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import type { ApiError } from '../../api/client.ts';
import { Icon } from '../../components/icon.tsx';
import type { Completion } from './completion.ts';
import { completionAt } from './completion.ts';
import type { Suggestion } from './use-suggestions.ts';
import { useSuggestions } from './use-suggestions.ts';

interface FilterProps {
  readonly value: string;
  readonly apply: (text: string | undefined) => void;
  readonly error: ApiError | null;
  /** A field that exists here, for the example. */
  readonly example: string;
  readonly experiment: string | undefined;
}

export function Filter(props: FilterProps): ReactElement {
  // Another view (back, a link) brings another filter: the box starts anew from it.
  return <FilterBox key={props.value} {...props} />;
}

function FilterBox({ value, apply, error, example, experiment }: FilterProps): ReactElement {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [draft, setDraft] = useState(value);
  const [caret, setCaret] = useState<number | undefined>(undefined);
  const [active, setActive] = useState(-1);
  const [scrolled, setScrolled] = useState(0);
  const fault = draft === value ? faultOf(error, value) : undefined;
  const completion = caret === undefined ? undefined : completionAt(draft, caret);
  const suggestions = useSuggestions(completion, experiment);
  const isOpen = completion !== undefined && suggestions.length > 0;

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setCaret(undefined);
    const text = draft.trim();
    apply(text === '' ? undefined : text);
  };
  const take = (suggestion: Suggestion | undefined, at: Completion): void => {
    if (suggestion === undefined || caret === undefined) return;
    const head = draft.slice(0, at.from) + suggestion.insert;
    // Drawn at once, so that what is typed next goes behind it.
    flushSync(() => {
      setDraft(head + draft.slice(caret));
      setCaret(head.length);
      setActive(-1);
    });
    input.current?.setSelectionRange(head.length, head.length);
  };
  const onKey = (event: KeyboardEvent<HTMLInputElement>): void => {
    if (event.key === 'Escape') {
      if (isOpen) setCaret(undefined);
      else setDraft(value);
      return;
    }
    if (completion === undefined || !isOpen) return;
    const { length } = suggestions;
    if (event.key === 'ArrowDown') setActive((active + 1) % length);
    else if (event.key === 'ArrowUp') setActive((active - 1 + length) % length);
    else if (event.key === 'Enter' && active >= 0) take(suggestions[active], completion);
    else if (event.key === 'Tab' && completion.typed !== '' && !event.shiftKey)
      take(suggestions[Math.max(0, active)], completion);
    else return;
    event.preventDefault();
  };
  const onChange = (event: ChangeEvent<HTMLInputElement>): void => {
    setDraft(event.target.value);
    setCaret(event.target.selectionStart ?? event.target.value.length);
    setActive(-1);
  };
  return (
    <form className="filter-form" onSubmit={submit} role="search">
      <div className={fault === undefined ? 'filter' : 'filter bad-in'}>
        <Icon name="filter" />
        <span className="typed">
          {fault !== undefined && <Underline fault={fault} scrolled={scrolled} />}
          <input
            ref={input}
            data-filter
            role="combobox"
            aria-label="Filter runs"
            aria-autocomplete="list"
            aria-expanded={isOpen}
            aria-controls={`${id}-list`}
            aria-activedescendant={isOpen && active >= 0 ? `${id}-${active}` : undefined}
            aria-invalid={fault !== undefined}
            aria-describedby={fault === undefined ? undefined : `${id}-fault`}
            placeholder={example}
            spellCheck={false}
            autoComplete="off"
            value={draft}
            onChange={onChange}
            onScroll={(event) => setScrolled(event.currentTarget.scrollLeft)}
            onClick={(event) => setCaret(event.currentTarget.selectionStart ?? undefined)}
            onBlur={() => setCaret(undefined)}
            onKeyDown={onKey}
          />
        </span>
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
      <ul className="complete" role="listbox" id={`${id}-list`} aria-label="What may stand here" hidden={!isOpen}>
        {isOpen &&
          suggestions.map((suggestion, i) => (
            <li
              key={suggestion.insert}
              id={`${id}-${i}`}
              role="option"
              aria-selected={i === active}
              // Before the field loses the focus.
              onPointerDown={(event) => {
                event.preventDefault();
                take(suggestion, completion);
              }}
            >
              <code className="el" dir="auto">
                {suggestion.label}
              </code>
              <span className="t3 xs">{suggestion.what}</span>
            </li>
          ))}
      </ul>
      {fault !== undefined && (
        <p className="bad sm fault" id={`${id}-fault`} role="alert">
          {fault.problem}
        </p>
      )}
    </form>
  );
}

/** Lies under the text of the field, letter by letter, and scrolls with it. */
function Underline({ fault, scrolled }: { fault: Fault; scrolled: number }): ReactElement {
  const { filter, position, word } = fault;
  return (
    <pre aria-hidden="true" className="under" style={{ transform: `translateX(${-scrolled}px)` }}>
      {filter.slice(0, position)}
      <u data-fault>{word}</u>
    </pre>
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

export const isFilterFault = (error: ApiError | null): boolean => error?.code === 'filter_invalid';

/** What was sent may hold more than what was typed, around it: the place is counted from the typed part on. */
function faultOf(error: ApiError | null, typed: string): Fault | undefined {
  if (error?.code !== 'filter_invalid') return undefined;
  const { filter, position, problem } = error.details;
  if (typeof filter !== 'string' || typeof position !== 'number' || typeof problem !== 'string') return undefined;
  const from = Math.min(typed.length, Math.max(0, position - 1 - Math.max(0, filter.indexOf(typed))));
  const word = /^\S+/.exec(typed.slice(from))?.[0] ?? '  ';
  return { filter: typed, position: from, word, problem: `${problem} (character ${from + 1}).` };
}
