import type { RouteObject } from 'react-router';
import { page } from '../../components/page.tsx';

export const routes: readonly RouteObject[] = [
  { path: 'pipelines', element: page(() => import('./list.tsx')) },
  { path: 'pipelines/:pipeline', element: page(() => import('./pipeline.tsx')) },
  { path: 'pipeline-runs/:run', element: page(() => import('./run.tsx')) },
];
