/**
 * The rows of the list of runs. They stay where they are while somebody reads: new runs are counted and come when asked for,
 * runs that change are changed in place.
 */
import type { LedgerRow, Run } from '@slipway/contract';
import type { InfiniteData } from '@tanstack/react-query';
import { keepPreviousData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useRef } from 'react';
import type { ApiError } from '../../api/client.ts';
import { ask } from '../../api/client.ts';
import { useRecentEvents, useStream } from '../../api/events.ts';

const pageSize = 200;
/** What a running run logs is no event: it is asked for again. */
const runningAgainMs = 5000;
/** More running runs than this are asked for in turn. */
const refreshedMax = 50;

export interface RunRequest {
  readonly experiment?: string | undefined;
  readonly filter?: string | undefined;
  readonly orderBy?: string | undefined;
  readonly columns: string;
}

interface RunPage {
  readonly items: readonly Run[];
  readonly nextPageToken?: string | undefined;
  /** The newest event when the page was asked for. */
  readonly seq: number;
}

export interface RunRows {
  readonly runs: readonly Run[];
  readonly isPending: boolean;
  readonly isLoadingMore: boolean;
  readonly error: ApiError | null;
  readonly hasMore: boolean;
  readonly loadMore: () => void;
  readonly again: () => void;
  /** Runs that started since the first page was asked for. */
  readonly newCount: number;
  readonly showNew: () => void;
  /** The newest event when the first page was asked for. */
  readonly seq: number;
}

const none: readonly Run[] = [];

export function useRuns(request: RunRequest, isEnabled: boolean): RunRows {
  const client = useQueryClient();
  const { headSeq } = useStream();
  const head = useRef(headSeq);
  head.current = headSeq;
  // Not an operation's name: an event must not ask for every page again and move what is read.
  const key = useMemo(() => ['run-table', request] as const, [JSON.stringify(request)]);
  const query = useInfiniteQuery<RunPage, ApiError, InfiniteData<RunPage>, typeof key, string | undefined>({
    queryKey: key,
    enabled: isEnabled,
    initialPageParam: undefined,
    queryFn: async ({ signal, pageParam }) => {
      const seq = head.current;
      const page = await ask(
        'runs.list',
        { query: queryOf(request, { limit: pageSize, pageToken: pageParam }) },
        signal,
      );
      return { ...page, seq };
    },
    getNextPageParam: (last) => last.nextPageToken,
    placeholderData: keepPreviousData,
  });
  const pages = query.data?.pages;
  const runs = useMemo(() => pages?.flatMap((page) => page.items) ?? none, [pages]);
  const patch = useCallback(
    async (ids: readonly string[]): Promise<void> => {
      const filter = `id in (${ids.map((id) => `'${id}'`).join(', ')})`;
      const fresh = await ask('runs.list', { query: { filter, columns: request.columns, limit: ids.length } });
      const byId = new Map(fresh.items.map((run) => [run.id, run]));
      client.setQueryData<InfiniteData<RunPage>>(key, (now) =>
        now === undefined ? now : { ...now, pages: now.pages.map((page) => patched(page, byId)) },
      );
    },
    [client, key, request.columns],
  );
  const started = useChanges(runs, { since: pages?.[0]?.seq, experiment: request.experiment, patch });
  useRunning(runs, patch);
  const { fetchNextPage, hasNextPage, isFetchingNextPage } = query;
  return {
    runs,
    isPending: query.isPending,
    isLoadingMore: isFetchingNextPage,
    error: query.error,
    hasMore: hasNextPage,
    loadMore: useCallback(() => {
      if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
    }, [hasNextPage, isFetchingNextPage, fetchNextPage]),
    again: () => void query.refetch(),
    newCount: started,
    seq: pages?.[0]?.seq ?? 0,
    showNew: useCallback(() => {
      client.setQueryData<InfiniteData<RunPage>>(key, (now) =>
        now === undefined ? now : { pages: now.pages.slice(0, 1), pageParams: now.pageParams.slice(0, 1) },
      );
      void client.invalidateQueries({ queryKey: key });
    }, [client, key]),
  };
}

type Query = Readonly<Record<string, string | number>>;

/** What is undefined is left out. */
function queryOf(request: RunRequest, page: { readonly limit: number; readonly pageToken: string | undefined }): Query {
  return Object.fromEntries(
    Object.entries({ ...request, ...page }).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function patched(page: RunPage, fresh: ReadonlyMap<string, Run>): RunPage {
  if (!page.items.some((run) => fresh.has(run.id))) return page;
  return { ...page, items: page.items.map((run) => fresh.get(run.id) ?? run) };
}

interface Following {
  readonly since: number | undefined;
  readonly experiment: string | undefined;
  readonly patch: (ids: readonly string[]) => Promise<void>;
}

/** Follows the stream: changes the rows that it speaks of, and counts the runs that it started. */
function useChanges(runs: readonly Run[], { since, experiment, patch }: Following): number {
  const recent = useRecentEvents();
  const handled = useRef(0);
  useEffect(() => {
    if (since === undefined) return;
    const from = Math.max(since, handled.current);
    handled.current = Math.max(from, recent[0]?.seq ?? 0);
    const shown = new Set(runs.map((run) => run.id));
    const ids = recent
      .filter((event) => event.seq > from && event.kind.startsWith('run.') && shown.has(event.subject))
      .map((event) => event.subject);
    if (ids.length > 0) void patch([...new Set(ids)].slice(0, refreshedMax));
  }, [recent, since, runs, patch]);
  const isStart = (event: LedgerRow): boolean =>
    event.kind === 'run.started' && (experiment === undefined || event.body['experiment'] === experiment);
  return since === undefined ? 0 : recent.filter((event) => event.seq > since && isStart(event)).length;
}

function useRunning(runs: readonly Run[], patch: (ids: readonly string[]) => Promise<void>): void {
  const running = runs.flatMap((run) => (run.status === 'running' ? [run.id] : [])).slice(0, refreshedMax);
  const text = running.join(',');
  useEffect(() => {
    if (text === '') return undefined;
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') void patch(text.split(','));
    }, runningAgainMs);
    return () => clearInterval(timer);
  }, [text, patch]);
}
