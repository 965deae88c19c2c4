import type { RouteObject } from 'react-router';
import { page } from '../../components/page.tsx';

export const routes: readonly RouteObject[] = [
  { path: 'alerts', element: page(() => import('./list.tsx')) },
  { path: 'alerts/:alert', element: page(() => import('./alert.tsx')) },
];
