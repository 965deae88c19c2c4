/** Light or dark: the reader's choice, else the system's. One attribute carries it for our tokens, Mantine's follows. */
import { useMantineColorScheme } from '@mantine/core';
import { useEffect, useSyncExternalStore } from 'react';

export type Scheme = 'light' | 'dark';

function subscribePrint(listener: () => void): () => void {
  const print = matchMedia('print');
  print.addEventListener('change', listener);
  return () => print.removeEventListener('change', listener);
}

export const usePrinting = (): boolean => useSyncExternalStore(subscribePrint, () => matchMedia('print').matches);

/** Paper is light. */
export function useScheme(): { scheme: Scheme; toggle: () => void } {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const system: Scheme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  const isPrinting = usePrinting();
  const scheme: Scheme = isPrinting ? 'light' : colorScheme === 'auto' ? system : colorScheme;
  useEffect(() => {
    document.documentElement.dataset['theme'] = scheme;
  }, [scheme]);
  return { scheme, toggle: () => setColorScheme(scheme === 'dark' ? 'light' : 'dark') };
}
