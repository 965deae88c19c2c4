import type { RouteObject } from 'react-router';
import { page } from '../../components/page.tsx';

export const routes: readonly RouteObject[] = [
  { path: 'monitors', element: page(() => import('./list.tsx')) },
  { path: 'monitors/:monitor', element: page(() => import('./monitor.tsx')) },
];
