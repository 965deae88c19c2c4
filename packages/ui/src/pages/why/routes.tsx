import type { RouteObject } from 'react-router';
import { page } from '../../components/page.tsx';

export const routes: readonly RouteObject[] = [
  { path: 'why', element: page(() => import('./find.tsx')) },
  { path: 'why/:kind/*', element: page(() => import('./page.tsx')) },
];
