import type { RouteObject } from 'react-router';
import { page } from '../../components/page.tsx';

export const routes: readonly RouteObject[] = [
  { path: 'features', element: page(() => import('./list.tsx')) },
  { path: 'features/:set', element: page(() => import('./set.tsx')) },
];
