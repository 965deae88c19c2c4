/** Which keys stand in the table: found in the experiment's catalogue, put in order, pinned beside the name. */
import { Popover } from '@mantine/core';
import '@mantine/core/styles/Popover.css';
import type { RunKey } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useState } from 'react';
import { useAskPages } from '../../api/queries.ts';
import { Icon } from '../../components/icon.tsx';
import { rowsOf } from '../../components/loaded-pages.tsx';
import { ErrorNote } from '../../components/states.tsx';
import { count, instant } from '../../words.ts';
import type { ColumnKey } from './columns.ts';
import { columnKey, keyOf, kindOf, moved } from './columns.ts';

const foundMax = 50;

export interface ColumnChoice {
  readonly shown: readonly ColumnKey[];
  readonly pins: readonly string[];
  /** Undefined gives the choice back to the console. */
  readonly change: (shown: readonly ColumnKey[] | undefined, pins: readonly string[]) => void;
}

interface ColumnPickerProps {
  readonly experiment: string | undefined;
  readonly choice: ColumnChoice;
  /** What is chosen: columns of the table unless said; only those can be pinned. */
  readonly word?: 'Columns' | 'Axes';
}

export function ColumnPicker({ experiment, choice, word = 'Columns' }: ColumnPickerProps): ReactElement {
  const { shown, pins, change } = choice;
  return (
    <Popover position="bottom-end" width={320} trapFocus withinPortal={false} shadow="md">
      <Popover.Target>
        <button type="button" className="btn">
          <Icon name="cols" />
          {word} <span className="t3">{shown.length}</span>
        </button>
      </Popover.Target>
      <Popover.Dropdown className="colpick" aria-label={word}>
        <Found experiment={experiment} choice={choice} />
        {shown.length > 0 && (
          <fieldset>
            <legend>Shown, in this order</legend>
            <ol aria-label={word === 'Columns' ? 'Shown columns' : 'Shown axes'}>
              {shown.map((column, i) => (
                <Shown key={column} column={column} place={i} choice={choice} canPin={word === 'Columns'} />
              ))}
            </ol>
          </fieldset>
        )}
        <button type="button" className="btn sm ghost" onClick={() => change(undefined, [])}>
          As it comes
        </button>
        {pins.length > 0 && <span className="t3 xs">{pins.length} pinned beside the name</span>}
      </Popover.Dropdown>
    </Popover>
  );
}

interface ShownProps {
  readonly column: ColumnKey;
  readonly place: number;
  readonly choice: ColumnChoice;
  readonly canPin: boolean;
}

function Shown({ column, place, choice, canPin }: ShownProps): ReactElement {
  const { shown, pins, change } = choice;
  const key = keyOf(column);
  const isPinned = pins.includes(column);
  return (
    <li className="row shown-col">
      <span className="el grow" dir="auto" title={key}>
        {key} <span className="t3 xs">{kindOf(column)}</span>
      </span>
      {canPin && (
        <button
          type="button"
          className="btn sm ghost icon"
          aria-label={`Pin ${key}`}
          aria-pressed={isPinned}
          onClick={() => change(shown, isPinned ? pins.filter((p) => p !== column) : [...pins, column])}
        >
          <Icon name="pin" small />
        </button>
      )}
      <button
        type="button"
        className="btn sm ghost icon up"
        aria-label={`Move ${key} up`}
        disabled={place === 0}
        onClick={() => change(moved(shown, column, -1), pins)}
      >
        <Icon name="down" small />
      </button>
      <button
        type="button"
        className="btn sm ghost icon"
        aria-label={`Move ${key} down`}
        disabled={place === shown.length - 1}
        onClick={() => change(moved(shown, column, 1), pins)}
      >
        <Icon name="down" small />
      </button>
      <button
        type="button"
        className="btn sm ghost icon"
        aria-label={`Remove ${key}`}
        onClick={() =>
          change(
            shown.filter((c) => c !== column),
            pins.filter((p) => p !== column),
          )
        }
      >
        <Icon name="x" small />
      </button>
    </li>
  );
}

function Found({ experiment, choice }: { experiment: string | undefined; choice: ColumnChoice }): ReactElement {
  const [needle, setNeedle] = useState('');
  const contains = needle.trim();
  const keys = useAskPages('runs.keys', {
    query: {
      limit: foundMax,
      ...(experiment === undefined ? {} : { experiment }),
      ...(contains === '' ? {} : { contains }),
    },
  });
  const found = rowsOf(keys);
  return (
    <>
      <input
        className="input"
        aria-label="Find a key"
        placeholder="Find a metric, param or tag"
        maxLength={250}
        value={needle}
        onChange={(event) => setNeedle(event.target.value)}
      />
      {keys.error !== null && <ErrorNote error={keys.error} />}
      <div className="found" role="group" aria-label="Keys found" aria-busy={keys.isFetching}>
        {found?.map((key) => (
          <Key key={`${key.kind} ${key.key}`} found={key} choice={choice} />
        ))}
        {found?.length === 0 && (
          <p className="t3 sm">
            {contains === '' ? 'No run has logged a key yet.' : `No key has "${contains}" in it.`}
          </p>
        )}
        {keys.hasNextPage && (
          <button type="button" className="btn sm ghost" onClick={() => void keys.fetchNextPage()}>
            More than {count(found?.length ?? 0)} keys: show more
          </button>
        )}
      </div>
    </>
  );
}

function Key({ found, choice }: { found: RunKey; choice: ColumnChoice }): ReactElement {
  const { shown, pins, change } = choice;
  const column = columnKey(found.kind, found.key);
  const isShown = shown.includes(column);
  return (
    <label title={`${found.key}: last logged ${instant(found.seenAt)}`}>
      <input
        type="checkbox"
        checked={isShown}
        onChange={() =>
          isShown
            ? change(
                shown.filter((c) => c !== column),
                pins.filter((p) => p !== column),
              )
            : change([...shown, column], pins)
        }
      />
      <span className="el grow" dir="auto">
        {found.key}
      </span>
      <span className="t3 xs">{found.kind}</span>
    </label>
  );
}
