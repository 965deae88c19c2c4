import type { RouteObject } from 'react-router';
import { page } from '../../components/page.tsx';

export const routes: readonly RouteObject[] = [
  { path: 'rollouts/:rollout', element: page(() => import('./page.tsx')) },
];
