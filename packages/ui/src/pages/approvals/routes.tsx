import type { RouteObject } from 'react-router';
import { page } from '../../components/page.tsx';

export const routes: readonly RouteObject[] = [
  { path: 'approvals', element: page(() => import('./list.tsx')) },
  { path: 'approvals/:approval', element: page(() => import('./approval.tsx')) },
];
