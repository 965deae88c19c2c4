import type { RouteObject } from 'react-router';
import { page } from '../../components/page.tsx';

export const routes: readonly RouteObject[] = [
  { path: 'models', element: page(() => import('./list.tsx')) },
  { path: 'models/:model', element: page(() => import('./model.tsx')) },
  { path: 'models/:model/versions/:version', element: page(() => import('./version.tsx')) },
];
