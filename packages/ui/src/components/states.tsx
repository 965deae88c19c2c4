/** What stands where data is not yet, not there, or could not be had. */
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactElement, ReactNode } from 'react';
import { useEffect, useState } from 'react';
import type { ApiError } from '../api/client.ts';
import { Icon } from './icon.tsx';

const skeletonAfterMs = 150;

/** Nothing for a moment (most answers are here by then), then grey bars in the place of lines. */
export function Skeleton({ lines = 4 }: { lines?: number }): ReactElement {
  const [isShown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), skeletonAfterMs);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className="skeleton" role="status" aria-label="Loading" data-shown={isShown}>
      {Array.from({ length: lines }, (_, i) => (
        <i key={i} style={{ width: `${90 - ((i * 23) % 50)}%` }} />
      ))}
    </div>
  );
}

export function EmptyState({
  title,
  children,
  command,
}: {
  title: string;
  children?: ReactNode;
  command?: string;
}): ReactElement {
  return (
    <div className="empty">
      <p className="b">{title}</p>
      {children !== undefined && <p className="t2 sm">{children}</p>}
      {command !== undefined && <pre className="code">{command}</pre>}
    </div>
  );
}

export function ErrorNote({ error, retry }: { error: ApiError; retry?: () => void }): ReactElement {
  return (
    <div className="note bad" role="alert">
      <Icon name="bad" />
      <div className="grow">
        <p>{error.message}</p>
        <p className="xs t3">
          {error.code}
          {error.requestId !== undefined && ` · request ${error.requestId}`}
        </p>
      </div>
      {retry !== undefined && (
        <button type="button" className="btn sm" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

interface LoadedProps<T> {
  readonly query: Pick<UseQueryResult<T, ApiError>, 'data' | 'error' | 'refetch'>;
  readonly lines?: number;
  readonly children: (data: T) => ReactNode;
}

/** Shows the data of a query, or why there is none. Data that was there stays when a later answer fails. */
export function Loaded<T>({ query, lines, children }: LoadedProps<T>): ReactElement {
  const { data, error } = query;
  if (data !== undefined) return <>{children(data)}</>;
  if (error !== null) {
    return (
      <div className="padded">
        <ErrorNote error={error} retry={() => void query.refetch()} />
      </div>
    );
  }
  return <Skeleton {...(lines === undefined ? {} : { lines })} />;
}
