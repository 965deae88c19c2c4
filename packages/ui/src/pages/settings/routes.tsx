import type { RouteObject } from 'react-router';
import { page } from '../../components/page.tsx';

export const routes: readonly RouteObject[] = [{ path: 'settings', element: page(() => import('./page.tsx')) }];
