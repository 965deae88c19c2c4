/** Keys of the whole console: `g` and a letter to go, single letters for what is safe. Off while typing. */
import { useEffect } from 'react';
import { useNavigate } from 'react-router';
import { places } from './places.ts';

const goWithinMs = 1200;

export interface KeyActions {
  readonly openPalette: () => void;
  readonly openHelp: () => void;
  readonly toggleScheme: () => void;
  readonly copyCommand: () => void;
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

export function useKeys(actions: KeyActions): void {
  const navigate = useNavigate();
  useEffect(() => {
    let goUntil = 0;
    const onKey = (event: KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        actions.openPalette();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (event.timeStamp < goUntil) {
        goUntil = 0;
        const place = places.find((p) => p.key === event.key);
        if (place !== undefined) void navigate(place.path);
        return;
      }
      if (event.key === 'g') goUntil = event.timeStamp + goWithinMs;
      else if (event.key === '?') actions.openHelp();
      else if (event.key === '.') actions.toggleScheme();
      else if (event.key === 'y') actions.copyCommand();
      else if (event.key === '/') {
        const filter = document.querySelector<HTMLElement>('[data-filter]');
        if (filter !== null) {
          event.preventDefault();
          filter.focus();
        }
      }
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [actions, navigate]);
}

export const keyHelp: readonly (readonly [keys: string, what: string])[] = [
  ['Ctrl K', 'search or run'],
  ...places.flatMap((p): [string, string][] => (p.key === undefined ? [] : [[`g ${p.key}`, p.word]])),
  ['j k', 'next, previous row'],
  ['Enter', 'open the row'],
  ['/', 'filter'],
  ['y', 'copy this view as a command'],
  ['.', 'light or dark'],
  ['?', 'this list'],
];
