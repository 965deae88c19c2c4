/**
 * Keys of the whole console. `g` and a letter goes somewhere; a single letter does what the control marked `data-key` with
 * that letter does, so that a page has its keys by marking its buttons. Off while typing, and off altogether when the
 * reader says so. Nothing dangerous is marked: those controls ask first and are pressed by hand.
 */
import { useEffect, useRef } from 'react';
import { places } from './places.ts';

const goWithinMs = 1200;

export interface KeyActions {
  readonly go: (path: string) => void;
  readonly openPalette: () => void;
  readonly openHelp: () => void;
  readonly toggleScheme: () => void;
  readonly copyCommand: () => void;
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

const isDialogOpen = (): boolean => document.querySelector('[role="dialog"]') !== null;

/** Presses, or focuses where it is a field, the first control of the page that is marked with this key. */
function pressMarked(key: string): boolean {
  const marked = [...document.querySelectorAll<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)];
  const control = marked.find((e) => !e.hasAttribute('disabled') && e.checkVisibility());
  if (control === undefined) return false;
  if (isTyping(control)) control.focus();
  else control.click();
  return true;
}

function pressTab(number: number): boolean {
  const tabs = document.querySelector('main [role="tablist"]')?.querySelectorAll<HTMLElement>('[role="tab"]');
  const tab = tabs?.[number - 1];
  tab?.click();
  tab?.focus();
  return tab !== undefined;
}

/** The chart that has the focus, else the first one, as its table and back. */
function toggleChartTable(): boolean {
  const chart = document.activeElement?.closest('figure') ?? document.querySelector('main figure');
  const button = chart?.querySelector<HTMLElement>('button[aria-pressed]');
  button?.click();
  return button !== null && button !== undefined;
}

function focusFilter(): boolean {
  const filter = document.querySelector<HTMLElement>('[data-filter]');
  filter?.focus();
  return filter !== null;
}

/** Whether the key did something. */
function pressed(event: KeyboardEvent, actions: KeyActions): boolean {
  const { key } = event;
  if (key === '/') return focusFilter();
  const known: Readonly<Record<string, () => void>> = {
    '?': actions.openHelp,
    '.': actions.toggleScheme,
    y: actions.copyCommand,
  };
  const action = known[key];
  if (action === undefined) return key.length === 1 && pressMarked(key);
  action();
  return true;
}

export function useKeys(actions: KeyActions): void {
  // Outlives the effect: a page that arrives between the two keys changes the actions.
  const goUntil = useRef(0);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        actions.openPalette();
        return;
      }
      if (event.ctrlKey || event.metaKey || isDialogOpen()) return;
      if (event.altKey) {
        const isDone = /^[1-9]$/.test(event.key)
          ? pressTab(Number(event.key))
          : event.key.toLowerCase() === 't' && toggleChartTable();
        if (isDone) event.preventDefault();
        return;
      }
      if (event.key === 'Escape' && !isTyping(event.target)) {
        pressMarked('Escape');
        return;
      }
      if (isTyping(event.target) || document.documentElement.dataset['keys'] === 'off') return;
      if (event.timeStamp < goUntil.current) {
        goUntil.current = 0;
        const place = places.find((p) => p.key === event.key);
        if (place !== undefined) actions.go(place.path);
        return;
      }
      if (event.key === 'g') goUntil.current = event.timeStamp + goWithinMs;
      else if (pressed(event, actions)) event.preventDefault();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [actions]);
}

type Help = readonly (readonly [keys: string, what: string])[];

/** In the order in which they are learnt. */
export const keyHelp: readonly { readonly title: string; readonly keys: Help }[] = [
  {
    title: 'Anywhere',
    keys: [
      ['Ctrl K', 'search'],
      ['/', 'filter'],
      ['y', 'copy this view as a command'],
      ['.', 'light or dark'],
      ['?', 'this list'],
      ['z', 'undo, while it is offered'],
      ['Esc', 'close'],
    ],
  },
  {
    title: 'On a page, where it has them',
    keys: [
      ['j k', 'next, previous row'],
      ['Enter', 'open the row'],
      ['Shift Enter', 'open the page of the run'],
      ['x', 'select the row; Shift x up to here'],
      ['v', 'compare'],
      ['c', 'new'],
      ['n', 'show new rows'],
      ['r', 'rerun from here'],
      ['h', 'hold the rollout'],
      ['[ ]', 'previous, next one'],
      ['t', 'time range'],
      ['Alt 1…9', 'tabs'],
      ['Alt T', 'chart as table'],
    ],
  },
  {
    title: 'Go to',
    keys: places.flatMap((p): [string, string][] => (p.key === undefined ? [] : [[`g ${p.key}`, p.word]])),
  },
];
