/** Mantine in the console's tokens: names only, the raw values live in tokens.css. */
import type { CSSVariablesResolver, MantineColorsTuple } from '@mantine/core';
import { createTheme } from '@mantine/core';

const accent = Array.from({ length: 10 }, () => 'var(--accent)') as unknown as MantineColorsTuple;

export const theme = createTheme({
  fontFamily: 'var(--font-sans)',
  fontFamilyMonospace: 'var(--font-mono)',
  fontSizes: { xs: 'var(--fs-xs)', sm: 'var(--fs-sm)', md: 'var(--fs-md)', lg: 'var(--fs-lg)', xl: 'var(--fs-xl)' },
  spacing: { xs: 'var(--s-2)', sm: 'var(--s-4)', md: 'var(--s-5)', lg: 'var(--s-6)', xl: 'var(--s-8)' },
  radius: { sm: 'var(--r-sm)', md: 'var(--r-md)', lg: 'var(--r-lg)' },
  defaultRadius: 'md',
  colors: { accent },
  primaryColor: 'accent',
  cursorType: 'pointer',
  respectReducedMotion: true,
  // The page itself never scrolls, and the lock would need an inline style that the security policy forbids.
  components: {
    Modal: { defaultProps: { lockScroll: false, closeButtonProps: { 'aria-label': 'Close' } } },
    // The head of a dialog is no landmark: the page has its banner.
    ModalHeader: { defaultProps: { role: 'none' } },
  },
});

const variables = {
  '--mantine-color-body': 'var(--surface)',
  '--mantine-color-text': 'var(--text)',
  '--mantine-color-dimmed': 'var(--text-3)',
  '--mantine-color-default': 'var(--surface)',
  '--mantine-color-default-hover': 'var(--surface-2)',
  '--mantine-color-default-border': 'var(--line-2)',
  '--mantine-color-default-color': 'var(--text)',
  '--mantine-color-placeholder': 'var(--text-3)',
  '--mantine-color-error': 'var(--bad-fg)',
  '--mantine-primary-color-filled': 'var(--accent)',
  '--mantine-primary-color-contrast': 'var(--on-accent)',
};

export const resolveVariables: CSSVariablesResolver = () => ({ variables: {}, light: variables, dark: variables });
