import type { ReactElement } from 'react';
import { lazy, Suspense } from 'react';
import { Skeleton } from '../../components/states.tsx';
import type { Graph } from './graph.tsx';

// Asked for with the page that shows it, not after its first answer.
const loading = import('./graph.tsx');
const Loaded = lazy(async () => ({ default: (await loading).Graph }));

/** The graph, in the chunk that carries its layout; the page stands before it is there. */
export function LazyGraph(props: Parameters<typeof Graph>[0]): ReactElement {
  return (
    <Suspense fallback={<Skeleton lines={5} />}>
      <Loaded {...props} />
    </Suspense>
  );
}
