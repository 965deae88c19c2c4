/** Rows of a list that comes in pages, or why there are none yet. */
import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query';
import type { ReactElement, ReactNode } from 'react';
import type { ApiError } from '../api/client.ts';
import { ErrorNote, Skeleton } from './states.tsx';

interface PageOf<T> {
  readonly items: readonly T[];
}

/** What a table asks for its next page with. */
export interface More {
  readonly isLoading: boolean;
  readonly load: () => void;
}

export type PagedQuery<T> = UseInfiniteQueryResult<InfiniteData<PageOf<T>>, ApiError>;

/** Undefined until the first page is here. */
export const rowsOf = <T,>(query: PagedQuery<T>): readonly T[] | undefined =>
  query.data?.pages.flatMap((page) => page.items);

interface LoadedPagesProps<T> {
  readonly query: PagedQuery<T>;
  readonly lines?: number;
  readonly children: (rows: readonly T[], more: More | undefined) => ReactNode;
}

export function LoadedPages<T>({ query, lines = 4, children }: LoadedPagesProps<T>): ReactElement {
  const rows = rowsOf(query);
  if (rows !== undefined) {
    const more = query.hasNextPage
      ? { isLoading: query.isFetchingNextPage, load: () => void query.fetchNextPage({ cancelRefetch: false }) }
      : undefined;
    return <>{children(rows, more)}</>;
  }
  if (query.error === null) return <Skeleton lines={lines} />;
  return (
    <div className="padded">
      <ErrorNote error={query.error} retry={() => void query.refetch()} />
    </div>
  );
}
