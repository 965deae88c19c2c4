/** Ctrl K: pages at once, things by name, id or digest from the server; the arrow keys choose, Enter goes. */
import type { Found } from '@slipway/contract';
import type { KeyboardEvent, ReactElement } from 'react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useNavigate } from 'react-router';
import { useAsk } from '../api/queries.ts';
import type { IconName } from '../components/icon.tsx';
import { Icon } from '../components/icon.tsx';
import { placeOfFound } from './found.ts';
import { placeOfId, places, to } from './places.ts';

interface Choice {
  readonly icon: IconName;
  readonly word: string;
  readonly detail: string;
  readonly path: string;
}

const shownMax = 14;
/** Typing goes on: asked when it rests this long. */
const restMs = 90;

const icons: Readonly<Record<Found['kind'], IconName>> = {
  dataset: 'data',
  'dataset-version': 'data',
  validation: 'eval',
  'feature-set': 'features',
  pipeline: 'pipeline',
  'pipeline-run': 'pipeline',
  experiment: 'exp',
  run: 'exp',
  model: 'model',
  version: 'model',
  endpoint: 'endpoint',
  deployment: 'endpoint',
  rollout: 'branch',
  prediction: 'endpoint',
  monitor: 'monitor',
  alert: 'bell',
  policy: 'policy',
  object: 'doc',
  event: 'ledger',
};

function useRested(text: string): string {
  const [rested, setRested] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setRested(text), restMs);
    return () => clearTimeout(timer);
  }, [text]);
  return rested;
}

function useChoices(typed: string): { readonly choices: readonly Choice[]; readonly isAsking: boolean } {
  const text = typed.trim();
  const rested = useRested(text);
  const found = useAsk('palette.search', { query: { q: rested } }, { enabled: rested !== '', keep: true });
  const isAsking = text !== '' && (found.isFetching || rested !== text);
  const choices = useMemo(() => {
    const wanted = text.toLowerCase();
    const pages = places
      .filter(({ word }) => word.toLowerCase().includes(wanted))
      .map(({ icon, word, path }): Choice => ({ icon, word, detail: 'page', path }));
    if (text === '') return pages;
    const idPath = placeOfId(text);
    // Until the answer is here, of the last one only what fits: Enter never opens what was found for other words.
    const items = (found.data?.items ?? []).filter((item) => !isAsking || item.name.toLowerCase().includes(wanted));
    const things = items.map((item): Choice => ({
      icon: icons[item.kind],
      word: item.name,
      detail: item.detail,
      path: placeOfFound(item),
    }));
    const all = [
      ...(idPath === undefined ? [] : [{ icon: 'link' as const, word: text, detail: 'open', path: idPath }]),
      ...things,
      ...pages,
      { icon: 'ledger' as const, word: `Search the ledger for "${text}"`, detail: '', path: to.ledgerSearch(text) },
    ];
    // Of two that lead to the same place the better one stays.
    const byPath = new Map(all.toReversed().map((choice) => [choice.path, choice]));
    return all.filter((choice) => byPath.get(choice.path) === choice).slice(0, shownMax);
  }, [text, found.data, isAsking]);
  return { choices, isAsking };
}

export function Palette({ close }: { close: () => void }): ReactElement {
  const navigate = useNavigate();
  const input = useRef<HTMLInputElement>(null);
  const [query, setQuery] = useState('');
  const [chosen, setChosen] = useState(0);
  const { choices, isAsking } = useChoices(query);
  useEffect(() => {
    const before = document.activeElement;
    input.current?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);

  const go = (choice: Choice | undefined): void => {
    if (choice === undefined) return;
    close();
    // Bytes are no page of the console.
    if (choice.path.startsWith('/api/')) location.assign(choice.path);
    else void navigate(choice.path);
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') close();
    else if (event.key === 'ArrowDown') setChosen((n) => Math.min(n + 1, choices.length - 1));
    else if (event.key === 'ArrowUp') setChosen((n) => Math.max(n - 1, 0));
    else if (event.key === 'Enter') go(choices[chosen]);
    // The dialog has one field: the focus stays in it.
    else if (event.key !== 'Tab') return;
    event.preventDefault();
  };

  return (
    <div className="ov" onClick={(event) => event.target === event.currentTarget && close()}>
      <div className="pal" role="dialog" aria-modal="true" aria-label="Search" onKeyDown={onKey}>
        <div className="q">
          <Icon name="search" />
          <input
            ref={input}
            role="combobox"
            aria-expanded="true"
            aria-controls="palette-list"
            aria-activedescendant={`palette-${chosen}`}
            aria-label="Search"
            aria-busy={isAsking}
            placeholder="A name, an id, a digest, a page"
            value={query}
            onChange={(event) => {
              setQuery(event.target.value);
              setChosen(0);
            }}
          />
          <kbd>Esc</kbd>
        </div>
        <ul role="listbox" id="palette-list" aria-label="Found">
          {choices.map((choice, i) => (
            <li
              role="option"
              id={`palette-${i}`}
              key={choice.path}
              aria-selected={i === chosen}
              onMouseMove={() => setChosen(i)}
              onClick={() => go(choice)}
            >
              <Icon name={choice.icon} />
              <span className="el">
                <bdi>{choice.word}</bdi>
              </span>
              <span className="d el">{choice.detail}</span>
            </li>
          ))}
        </ul>
        <div className="ft">
          <span>
            <kbd>Up</kbd> <kbd>Down</kbd> move
          </span>
          <span>
            <kbd>Enter</kbd> open
          </span>
        </div>
      </div>
    </div>
  );
}
