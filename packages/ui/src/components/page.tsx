/** A page as a chunk of its own, asked for when it is opened. */
import type { ComponentType, ReactElement } from 'react';
import { lazy } from 'react';

/**
 * @example
 * { path: 'data', element: page(() => import('./list.tsx')) }
 */
export function page(load: () => Promise<{ readonly Page: ComponentType }>): ReactElement {
  const Lazy = lazy(async () => ({ default: (await load()).Page }));
  return <Lazy />;
}
