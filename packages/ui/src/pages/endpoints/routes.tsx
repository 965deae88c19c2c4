import type { RouteObject } from 'react-router';
import { page } from '../../components/page.tsx';

export const routes: readonly RouteObject[] = [
  { path: 'endpoints', element: page(() => import('./list.tsx')) },
  { path: 'endpoints/:endpoint', element: page(() => import('./endpoint.tsx')) },
];
