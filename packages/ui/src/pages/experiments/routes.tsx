import type { RouteObject } from 'react-router';
import { page } from '../../components/page.tsx';

export const routes: readonly RouteObject[] = [
  { path: 'experiments', element: page(() => import('./page.tsx')) },
  { path: 'experiments/compare', element: page(() => import('./compare.tsx')) },
  { path: 'runs/:run', element: page(() => import('./run.tsx')) },
];
