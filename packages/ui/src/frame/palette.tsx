/** Ctrl K: every thing by name, every page, every id; the arrow keys choose, Enter goes. */
import type { KeyboardEvent, ReactElement } from 'react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useNavigate } from 'react-router';
import { useAsk } from '../api/queries.ts';
import type { IconName } from '../components/icon.tsx';
import { Icon } from '../components/icon.tsx';
import { placeOfId, places, to } from './places.ts';

interface Choice {
  readonly group: string;
  readonly icon: IconName;
  readonly word: string;
  readonly detail: string;
  readonly path: string;
}

const shownMax = 12;
const thingsMax = 200;

function useThings(): readonly Choice[] {
  const query = { limit: thingsMax };
  const datasets = useAsk('datasets.list', { query });
  const pipelines = useAsk('pipelines.list', { query });
  const models = useAsk('models.list', { query });
  const endpoints = useAsk('endpoints.list', { query });
  const monitors = useAsk('monitors.list', { query });
  const policies = useAsk('policies.list', { query });
  return useMemo(
    () => [
      ...places.map(({ icon, word, path }) => ({ group: 'Pages', icon, word, detail: '', path })),
      ...choices('Datasets', 'data', datasets.data?.items, (d) => [d.name, 'dataset', to.dataset(d.name)]),
      ...choices('Pipelines', 'pipeline', pipelines.data?.items, (p) => [p.name, 'pipeline', to.pipeline(p.name)]),
      ...choices('Models', 'model', models.data?.items, (m) => [m.name, 'model', to.model(m.name)]),
      ...choices('Endpoints', 'endpoint', endpoints.data?.items, (e) => [e.name, 'endpoint', to.endpoint(e.name)]),
      ...choices('Monitors', 'monitor', monitors.data?.items, (m) => [
        m.name,
        `monitor of ${m.endpoint}`,
        to.monitor(m.name),
      ]),
      ...choices('Policies', 'policy', policies.data?.items, (p) => [p.name, 'policy', to.policy(p.name)]),
    ],
    [datasets.data, pipelines.data, models.data, endpoints.data, monitors.data, policies.data],
  );
}

function choices<T>(
  group: string,
  icon: IconName,
  items: readonly T[] | undefined,
  of: (item: T) => readonly [word: string, detail: string, path: string],
): Choice[] {
  return (items ?? []).map((item) => {
    const [word, detail, path] = of(item);
    return { group, icon, word, detail, path };
  });
}

/** Every letter in order, whole words first. */
function rank(choice: Choice, query: string): number | undefined {
  const text = choice.word.toLowerCase();
  const at = text.indexOf(query);
  if (at >= 0) return at === 0 ? 0 : 1;
  let from = 0;
  for (const letter of query) {
    from = text.indexOf(letter, from) + 1;
    if (from === 0) return undefined;
  }
  return 2;
}

export function Palette({ close }: { close: () => void }): ReactElement {
  const navigate = useNavigate();
  const things = useThings();
  const input = useRef<HTMLInputElement>(null);
  const [query, setQuery] = useState('');
  const [chosen, setChosen] = useState(0);
  useEffect(() => {
    const before = document.activeElement;
    input.current?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const wanted = query.trim().toLowerCase();
  const idPath = placeOfId(wanted);
  const found = useMemo(() => {
    const byId: Choice[] =
      idPath === undefined ? [] : [{ group: 'Id', icon: 'link', word: wanted, detail: 'open', path: idPath }];
    const ranked = things
      .map((choice) => ({ choice, score: rank(choice, wanted) }))
      .filter((r) => r.score !== undefined)
      .sort((a, b) => (a.score ?? 0) - (b.score ?? 0));
    return [...byId, ...ranked.map((r) => r.choice)].slice(0, shownMax);
  }, [things, wanted, idPath]);

  const go = (choice: Choice | undefined): void => {
    if (choice === undefined) return;
    close();
    void navigate(choice.path);
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') close();
    else if (event.key === 'ArrowDown') setChosen((n) => Math.min(n + 1, found.length - 1));
    else if (event.key === 'ArrowUp') setChosen((n) => Math.max(n - 1, 0));
    else if (event.key === 'Enter') go(found[chosen]);
    else return;
    event.preventDefault();
  };

  return (
    <div className="ov" onClick={(event) => event.target === event.currentTarget && close()}>
      <div className="pal" role="dialog" aria-modal="true" aria-label="Search or run" onKeyDown={onKey}>
        <div className="q">
          <Icon name="search" />
          <input
            ref={input}
            role="combobox"
            aria-expanded="true"
            aria-controls="palette-list"
            aria-activedescendant={`palette-${chosen}`}
            aria-label="Search"
            placeholder="A name, a page, an id"
            value={query}
            onChange={(event) => {
              setQuery(event.target.value);
              setChosen(0);
            }}
          />
          <kbd>Esc</kbd>
        </div>
        <ul role="listbox" id="palette-list" aria-label="Found">
          {found.map((choice, i) => (
            <li
              role="option"
              id={`palette-${i}`}
              key={choice.path}
              aria-selected={i === chosen}
              onMouseMove={() => setChosen(i)}
              onClick={() => go(choice)}
            >
              <Icon name={choice.icon} />
              <span>{choice.word}</span>
              <span className="d">{choice.detail}</span>
            </li>
          ))}
        </ul>
        {found.length === 0 && (
          <p className="padded t2">Nothing has this name. Ids open their page when typed whole.</p>
        )}
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
