/**
 * What a reader chose for this browser: kept in its storage, carried by attributes of the root element, where styles and
 * words.ts read them. Nothing here goes to the server.
 */
import { useSyncExternalStore } from 'react';

export interface Preferences {
  /** Times in UTC, or as on the reader's own clock. */
  readonly zone: 'utc' | 'local';
  readonly density: 'compact' | 'cozy';
  /** Keys of one letter. */
  readonly keys: 'on' | 'off';
}

const storageKey = 'slipway.preferences';
const initial: Preferences = { zone: 'utc', density: 'compact', keys: 'on' };

const current = (): Preferences => {
  const { zone, density, keys } = document.documentElement.dataset;
  return {
    zone: zone === 'local' ? 'local' : initial.zone,
    density: density === 'cozy' ? 'cozy' : initial.density,
    keys: keys === 'off' ? 'off' : initial.keys,
  };
};

export function setPreferences(changes: Partial<Preferences>): void {
  const next = { ...current(), ...changes };
  Object.assign(document.documentElement.dataset, next);
  try {
    localStorage.setItem(storageKey, JSON.stringify(next));
  } catch {
    // A browser that keeps nothing: the choice holds for this page.
  }
}

/** Call before anything is drawn. */
export function restorePreferences(): void {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(storageKey) ?? '{}');
    if (typeof kept === 'object' && kept !== null)
      Object.assign(document.documentElement.dataset, { ...initial, ...kept });
  } catch {
    // Unreadable: as for a new reader.
  }
}

function subscribe(listener: () => void): () => void {
  const observer = new MutationObserver(listener);
  const attributeFilter = ['data-zone', 'data-density', 'data-keys'];
  observer.observe(document.documentElement, { attributes: true, attributeFilter });
  return () => observer.disconnect();
}

export function usePreferences(): Preferences {
  const zone = useSyncExternalStore(subscribe, () => current().zone);
  const density = useSyncExternalStore(subscribe, () => current().density);
  const keys = useSyncExternalStore(subscribe, () => current().keys);
  return { zone, density, keys };
}
