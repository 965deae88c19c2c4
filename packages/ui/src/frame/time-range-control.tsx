/** The stretch of time of this page, in the top bar: a few common ones, or from one instant to another. */
import type { FormEvent, ReactElement } from 'react';
import { useRef, useState } from 'react';
import { useLocation } from 'react-router';
import { Icon } from '../components/icon.tsx';
import { useViewState } from '../components/use-view-state.ts';
import type { TimeRange } from './time-range.ts';
import { endpointRange, hasRange, presets, rangeKeys, toField, useTimeRange } from './time-range.ts';

const panelId = 'time-range';
const cleared = Object.fromEntries(rangeKeys.map((key) => [key, undefined]));
/** Pages that page by number begin anew in another range, and a window of a page's own gives way to it. */
const anew = { ...cleared, before: undefined, window: undefined };

const fieldOf = (form: FormData, name: string): string | undefined => {
  const value = form.get(name);
  return typeof value === 'string' && value !== '' ? value : undefined;
};

export function TimeRangeControl(): ReactElement | null {
  const { pathname, search } = useLocation();
  const ofEndpoint = endpointRange(pathname, new URLSearchParams(search));
  const chosen = useTimeRange();
  const range = ofEndpoint ?? chosen;
  const { word } = range;
  const view = useViewState();
  const panel = useRef<HTMLDivElement>(null);
  const [isOpen, setOpen] = useState(false);
  if (!hasRange(pathname)) return null;
  const choose = (changes: Readonly<Record<string, string | undefined>>): void => {
    panel.current?.hidePopover();
    view.set({ ...anew, ...changes });
  };
  return (
    <>
      <button
        type="button"
        className="btn time-range"
        data-key="t"
        popoverTarget={panelId}
        aria-haspopup="dialog"
        aria-expanded={isOpen}
        aria-label={`Time range: ${word}`}
      >
        <Icon name="cal" />
        <span className="word">{word}</span>
        <Icon name="down" small />
      </button>
      <div
        id={panelId}
        ref={panel}
        popover="auto"
        className="time-panel"
        // Keys of the page are off while a dialog is there: it is one only while it is open.
        role={isOpen ? 'dialog' : undefined}
        aria-label={isOpen ? 'Time range' : undefined}
        onToggle={({ newState, currentTarget }) => {
          setOpen(newState === 'open');
          const [first, now] = ['button', '[aria-pressed="true"]'].map((css) =>
            currentTarget.querySelector<HTMLElement>(css),
          );
          if (newState === 'open') (now ?? first)?.focus();
        }}
      >
        <Ranges range={range} hasAll={ofEndpoint === undefined} choose={choose} />
      </div>
    </>
  );
}

interface RangesProps {
  readonly range: TimeRange;
  readonly hasAll: boolean;
  readonly choose: (changes: Readonly<Record<string, string | undefined>>) => void;
}

function Ranges({ range: { lastMs, from, to }, hasAll, choose }: RangesProps): ReactElement {
  const isAll = lastMs === undefined && from === undefined && to === undefined;
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    choose({ from: fieldOf(form, 'from'), to: fieldOf(form, 'to') });
  };
  return (
    <>
      <div className="col" role="group" aria-label="Up to now">
        {presets.map((preset) => (
          <button
            key={preset.key}
            type="button"
            className="pick"
            aria-pressed={preset.ms === lastMs}
            onClick={() => choose({ range: preset.key })}
          >
            {preset.word}
          </button>
        ))}
        {hasAll && (
          <button type="button" className="pick" aria-pressed={isAll} onClick={() => choose({})}>
            All time
          </button>
        )}
      </div>
      <form key={`${from} ${to}`} className="stack" onSubmit={submit}>
        <label className="sm t2">
          From
          <input
            className="input"
            type="datetime-local"
            name="from"
            defaultValue={from === undefined ? '' : toField(from)}
          />
        </label>
        <label className="sm t2">
          To
          <input className="input" type="datetime-local" name="to" defaultValue={to === undefined ? '' : toField(to)} />
        </label>
        <p className="row between">
          <span className="xs t3">UTC, or empty</span>
          <button type="submit" className="btn sm">
            Show
          </button>
        </p>
      </form>
    </>
  );
}
