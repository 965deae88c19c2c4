import type { RouteObject } from 'react-router';
import { page } from '../../components/page.tsx';

export const routes: readonly RouteObject[] = [
  { path: 'policies', element: page(() => import('./list.tsx')) },
  { path: 'policies/:policy', element: page(() => import('./policy.tsx')) },
];
