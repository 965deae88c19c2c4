import type { RouteObject } from 'react-router';
import { page } from '../../components/page.tsx';

export const routes: readonly RouteObject[] = [
  { path: 'data', element: page(() => import('./list.tsx')) },
  { path: 'data/validations/:validation', element: page(() => import('./validation.tsx')) },
  { path: 'data/:dataset/versions/:version', element: page(() => import('./dataset.tsx')) },
];
