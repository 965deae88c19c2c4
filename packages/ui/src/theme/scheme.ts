/** Light or dark: the reader's choice, else the system's. One attribute carries it for our tokens, Mantine's follows. */
import { useMantineColorScheme } from '@mantine/core';
import { useEffect } from 'react';

export type Scheme = 'light' | 'dark';

export function useScheme(): { scheme: Scheme; toggle: () => void } {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const system: Scheme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  const scheme: Scheme = colorScheme === 'auto' ? system : colorScheme;
  useEffect(() => {
    document.documentElement.dataset['theme'] = scheme;
  }, [scheme]);
  return { scheme, toggle: () => setColorScheme(scheme === 'dark' ? 'light' : 'dark') };
}
