/** Reading and changing things: queries are keyed by operation, so that the event stream can say which are stale. */
import type { InfiniteData, UseInfiniteQueryResult, UseMutationResult, UseQueryResult } from '@tanstack/react-query';
import {
  keepPreviousData,
  QueryClient,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query';
import { useState } from 'react';
import type { Ask, Operation, Reply } from './client.ts';
import { ApiError, ask, askText } from './client.ts';

const retriesMax = 3;
/** Before the first retry; each further one waits twice as long. */
const retryMs = 300;

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      // The server may run on this very machine: whether the browser believes to be online says nothing about it.
      mutations: { networkMode: 'always' },
      queries: {
        networkMode: 'always',
        // The event stream says when something changed; until then an answer stays good.
        staleTime: Infinity,
        refetchOnWindowFocus: false,
        retryDelay: (count) => retryMs * 2 ** count,
        retry: (count, error) => count < retriesMax && error instanceof ApiError && error.isRetryable,
      },
    },
  });
}

interface Options {
  readonly enabled?: boolean;
  /** Keeps the last answer on the page while the next one (another filter, another page) is on its way. */
  readonly keep?: boolean;
  /** Asked again at this pace while the page is in view: for figures that no event announces. */
  readonly everyMs?: number | undefined;
}

/**
 * @example
 * const { data, error } = useAsk('datasets.list', { query: { limit: 50 } });
 */
export function useAsk<K extends Operation>(
  operation: K,
  request: Ask<K>,
  options: Options = {},
): UseQueryResult<Reply<K>, ApiError> {
  return useQuery<Reply<K>, ApiError>({
    queryKey: [operation, request],
    queryFn: ({ signal }) => ask(operation, request, signal),
    enabled: options.enabled ?? true,
    ...(options.keep === true ? { placeholderData: keepPreviousData } : {}),
    ...(options.everyMs === undefined ? {} : { refetchInterval: options.everyMs }),
  });
}

export function useAskText<K extends Operation>(
  operation: K,
  request: Ask<K>,
  options: Options = {},
): UseQueryResult<string, ApiError> {
  return useQuery<string, ApiError>({
    queryKey: [operation, request],
    queryFn: ({ signal }) => askText(operation, request, signal),
    enabled: options.enabled ?? true,
  });
}

interface Paged {
  readonly items: readonly unknown[];
  readonly nextPageToken?: string | undefined;
}

/** A list in pages; `items` of all pages so far are `data.pages.flatMap((p) => p.items)`. */
export function useAskPages<K extends Operation>(
  operation: K,
  request: Ask<K>,
): UseInfiniteQueryResult<InfiniteData<Reply<K>>, ApiError> {
  return useInfiniteQuery<Reply<K>, ApiError, InfiniteData<Reply<K>>, readonly unknown[], string | undefined>({
    queryKey: [operation, 'pages', request],
    initialPageParam: undefined,
    queryFn: ({ signal, pageParam }) => {
      const query = {
        ...(request as { query?: object }).query,
        ...(pageParam === undefined ? {} : { pageToken: pageParam }),
      };
      return ask(operation, { ...request, query } as Ask<K>, signal);
    },
    getNextPageParam: (last) => (last as Paged).nextPageToken,
    placeholderData: keepPreviousData,
  });
}

/** Afterwards everything of the same noun is asked for again; the event stream does the same in other windows. */
export function useChange<K extends Operation>(operation: K): UseMutationResult<Reply<K>, ApiError, Ask<K>> {
  const client = useQueryClient();
  const [inFlight] = useState(() => new Map<string, Promise<Reply<K>>>());
  const noun = operation.split('.', 1)[0] ?? '';
  return useMutation<Reply<K>, ApiError, Ask<K>>({
    mutationFn: (request) => {
      // Pressed twice before the button is grey, it is still one request.
      const key = JSON.stringify(request);
      const sent = inFlight.get(key) ?? ask(operation, request).finally(() => inFlight.delete(key));
      inFlight.set(key, sent);
      return sent;
    },
    onSuccess: () =>
      client.invalidateQueries({ predicate: ({ queryKey: [key] }) => String(key).startsWith(`${noun}.`) }),
  });
}
