/** Reading and changing things: queries are keyed by operation, so that the event stream can say which are stale. */
import type {
  InfiniteData,
  QueryKey,
  UseInfiniteQueryResult,
  UseMutationResult,
  UseQueryResult,
} from '@tanstack/react-query';
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

/** Writes into every answer of an operation that the page holds, less those that come in pages. */
export type Foretell = <Q extends Operation>(operation: Q, change: (answer: Reply<Q>) => Reply<Q>) => void;

interface ChangeOptions<K extends Operation> {
  /**
   * For safe changes: shows at once how answers of the same noun will be. Refused by the server, they are again as they were,
   * and the change has its error.
   */
  readonly foresee?: (request: Ask<K>, foretell: Foretell) => void;
}

/**
 * Afterwards everything of the same noun is asked for again; the event stream does the same in other windows.
 * @example
 * const remove = useChange('views.delete', {
 *   foresee: ({ params }, foretell) =>
 *     foretell('views.list', (list) => ({ ...list, items: list.items.filter(({ id }) => id !== params.view) })),
 * });
 */
export function useChange<K extends Operation>(
  operation: K,
  { foresee }: ChangeOptions<K> = {},
): UseMutationResult<Reply<K>, ApiError, Ask<K>, Held> {
  const client = useQueryClient();
  const [inFlight] = useState(() => new Map<string, Promise<Reply<K>>>());
  const noun = operation.split('.', 1)[0] ?? '';
  const ofNoun = { predicate: ({ queryKey: [key] }: { queryKey: QueryKey }) => String(key).startsWith(`${noun}.`) };
  return useMutation<Reply<K>, ApiError, Ask<K>, Held>({
    mutationFn: (request) => {
      // Pressed twice before the button is grey, it is still one request.
      const key = JSON.stringify(request);
      const sent = inFlight.get(key) ?? ask(operation, request).finally(() => inFlight.delete(key));
      inFlight.set(key, sent);
      return sent;
    },
    onMutate: async (request) => {
      if (foresee === undefined) return [];
      // An answer that is under way does not know of the change yet.
      await client.cancelQueries(ofNoun);
      const held = client.getQueriesData(ofNoun);
      foresee(request, (asked, change) => {
        const whole = {
          predicate: ({ queryKey: [key, form] }: { queryKey: QueryKey }) => key === asked && form !== 'pages',
        };
        client.setQueriesData<Reply<typeof asked>>(whole, (answer) => answer && change(answer));
      });
      return held;
    },
    onError: (_error, _request, held = []) => {
      for (const [key, answer] of held) client.setQueryData(key, answer);
    },
    onSettled: (_answer, error) =>
      error === null || foresee !== undefined ? client.invalidateQueries(ofNoun) : undefined,
  });
}

/** Answers as they were before a change that was foreseen. */
type Held = readonly (readonly [QueryKey, unknown])[];
