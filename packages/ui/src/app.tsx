/** Routes of the console. Each page is a chunk of its own, asked for when it is opened. */
import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useState } from 'react';
import type { RouteObject } from 'react-router';
import { createBrowserRouter, Navigate, RouterProvider, useRouteError } from 'react-router';
import { EventStreamProvider } from './api/events.ts';
import { createQueryClient, useAsk } from './api/queries.ts';
import { PageHead } from './components/layout.tsx';
import { EmptyState, ErrorNote, Skeleton } from './components/states.tsx';
import { ApiError } from './api/client.ts';
import { UndoProvider } from './components/undo.tsx';
import { AskToken } from './frame/ask-token.tsx';
import { Frame } from './frame/frame.tsx';
import { OpenId } from './frame/open-id.tsx';
import { base } from './frame/places.ts';
import { ViewProvider } from './frame/view.tsx';
import { resolveVariables, theme } from './theme/theme.ts';

/** Each folder of pages says its own routes; their addresses are made in frame/places.ts. */
const folders = import.meta.glob<{ readonly routes: readonly RouteObject[] }>('./pages/*/routes.tsx', { eager: true });

const router = createBrowserRouter([
  { path: '/', element: <Navigate to={base} replace /> },
  {
    path: base,
    element: <Frame />,
    errorElement: <Broken />,
    children: [
      ...Object.values(folders).flatMap(({ routes }) => routes),
      { path: 'x/*', element: <OpenId /> },
      { path: '*', element: <NotFound /> },
    ],
  },
  { path: '*', element: <Navigate to={base} replace /> },
]);

export function App({ nonce }: { nonce: string }): ReactElement {
  const [client] = useState(createQueryClient);
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={resolveVariables}
      defaultColorScheme="auto"
      getStyleNonce={() => nonce}
    >
      <QueryClientProvider client={client}>
        <Connected />
        <AskToken />
      </QueryClientProvider>
    </MantineProvider>
  );
}

/** The stream goes on from the ledger's head as it was when the console was opened. */
function Connected(): ReactElement {
  const head = useAsk('ledger.list', { query: { limit: 1 } });
  if (head.data === undefined && head.error !== null) {
    return (
      <div className="padded">
        <ErrorNote error={head.error} retry={() => void head.refetch()} />
      </div>
    );
  }
  if (head.data === undefined) return <Skeleton lines={10} />;
  return (
    <EventStreamProvider afterSeq={head.data.headSeq}>
      <ViewProvider>
        <UndoProvider>
          <RouterProvider router={router} />
        </UndoProvider>
      </ViewProvider>
    </EventStreamProvider>
  );
}

function NotFound(): ReactElement {
  return (
    <>
      <PageHead title="There is no page at this address" />
      <EmptyState title="The address may be cut, or of an older version">Use the menu, or Ctrl K to search.</EmptyState>
    </>
  );
}

function Broken(): ReactElement {
  const error = useRouteError();
  const known = error instanceof ApiError ? error : new ApiError(wordsOf(error), pageFailed);
  return (
    <div className="padded">
      <ErrorNote error={known} retry={() => location.reload()} />
    </div>
  );
}

const pageFailed = { code: 'page_failed', status: 0, isRetryable: false } as const;

/** Each page is a file of its own, and its name changes with the version of the server. */
function wordsOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /dynamically imported|importing a module/i.test(text)
    ? 'This page could not be loaded: the server does not answer, or it was updated meanwhile.'
    : text;
}
