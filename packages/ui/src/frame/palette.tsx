/**
 * Ctrl K: pages and what can be done here at once, things by name, version, id or digest from the server; the arrow keys
 * choose, Enter goes.
 */
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
  /** No two choices have the same: an address, or what is done. */
  readonly key: string;
  readonly icon: IconName;
  readonly word: string;
  readonly detail: string;
  readonly go: { readonly path: string } | { readonly press: () => void };
}

export interface PaletteAction {
  readonly icon: IconName;
  readonly word: string;
  readonly press: () => void;
}

const toPath = (choice: Pick<Choice, 'icon' | 'word' | 'detail'>, path: string): Choice => ({
  ...choice,
  key: path,
  go: { path },
});

/** What the head of the page offers: its buttons and links, pressed as by hand, so that they ask what they ask. */
const actionsHere = (): readonly Choice[] =>
  [...document.querySelectorAll<HTMLElement>('main .hd .acts :is(button, a)')]
    .filter(
      (control) => control.checkVisibility() && control.closest('.seg') === null && !control.matches('[disabled]'),
    )
    .map((control): Choice => {
      const word = control.getAttribute('aria-label') ?? control.innerText.split('\n')[0]?.trim() ?? '';
      return { key: `here ${word}`, icon: 'play', word, detail: 'on this page', go: { press: () => control.click() } };
    })
    .filter(({ word }) => word.length > 1);

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

function useChoices(
  typed: string,
  actions: readonly PaletteAction[],
): { readonly choices: readonly Choice[]; readonly isAsking: boolean } {
  const text = typed.trim();
  const rested = useRested(text);
  const found = useAsk('palette.search', { query: { q: rested } }, { enabled: rested !== '', keep: true });
  const isAsking = text !== '' && (found.isFetching || rested !== text);
  // As the page is when the palette opens: it does not change below it.
  const [here] = useState(actionsHere);
  const choices = useMemo(() => {
    const wanted = text.toLowerCase();
    const fits = ({ word }: { readonly word: string }): boolean => word.toLowerCase().includes(wanted);
    const pages = places.filter(fits).map(({ path, icon, word }) => toPath({ icon, word, detail: 'page' }, path));
    const done = [
      ...here,
      ...actions.map(({ press, ...action }): Choice => ({
        ...action,
        key: `do ${action.word}`,
        detail: 'do',
        go: { press },
      })),
    ].filter(fits);
    if (text === '') return [...here, ...pages, ...done.slice(here.length)];
    const idPath = placeOfId(text);
    // Until the answer is here, of the last one only what fits: Enter never opens what was found for other words.
    const items = (found.data?.items ?? []).filter((item) => !isAsking || item.name.toLowerCase().includes(wanted));
    const things = items.map((item) =>
      toPath({ icon: icons[item.kind], word: item.name, detail: item.detail }, placeOfFound(item)),
    );
    const all = [
      ...(idPath === undefined ? [] : [toPath({ icon: 'link', word: text, detail: 'open' }, idPath)]),
      ...things,
      ...done,
      ...pages,
      ...onwardOf(items),
      ...runsOf(items),
      toPath({ icon: 'ledger', word: `Search the ledger for "${text}"`, detail: '' }, to.ledgerSearch(text)),
    ];
    // Of two that lead to the same place the better one stays.
    const byKey = new Map(all.toReversed().map((choice) => [choice.key, choice]));
    return all.filter((choice) => byKey.get(choice.key) === choice).slice(0, shownMax);
  }, [text, found.data, isAsking, here, actions]);
  return { choices, isAsking };
}

/** Bytes that a dataset has lead on to what was made of them. */
function onwardOf(items: readonly Found[]): readonly Choice[] {
  const object = items.find(({ kind }) => kind === 'object');
  if (object === undefined || !items.some(({ kind }) => kind === 'dataset-version')) return [];
  return [toPath({ icon: 'why', word: 'What came of these bytes', detail: 'lineage' }, to.why('file', object.id))];
}

const runsOf = (items: readonly Found[]): readonly Choice[] =>
  items
    .filter(({ kind }) => kind === 'pipeline')
    .map(({ id, name }) => toPath({ icon: 'play', word: `Run ${name}`, detail: 'do' }, to.pipelineForm(id)));

const intoSight = (option: HTMLLIElement | null): void => option?.scrollIntoView({ block: 'nearest' });

interface PaletteProps {
  readonly close: () => void;
  readonly actions: readonly PaletteAction[];
}

export function Palette({ close, actions }: PaletteProps): ReactElement {
  const navigate = useNavigate();
  const input = useRef<HTMLInputElement>(null);
  const [query, setQuery] = useState('');
  const [chosen, setChosen] = useState(0);
  const { choices, isAsking } = useChoices(query, actions);
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
    // After the palette gave the focus back.
    if ('press' in choice.go) setTimeout(choice.go.press);
    // Bytes are no page of the console.
    else if (choice.go.path.startsWith('/api/')) location.assign(choice.go.path);
    else void navigate(choice.go.path);
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
            placeholder="A name, an id, a digest, a page, something to do"
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
              key={choice.key}
              aria-selected={i === chosen}
              ref={i === chosen ? intoSight : undefined}
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
