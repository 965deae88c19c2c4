/**
 * The course of one metric in each run near sight, for small charts in the list: asked for fifty runs at a time, thinned by
 * the server, kept while the list is there.
 */
import type { Run } from '@slipway/contract';
import { useQueries } from '@tanstack/react-query';
import { createContext } from 'react';
import type { Reply } from '../../api/client.ts';
import { ask } from '../../api/client.ts';
import { lineOf } from './sample-lines.ts';
import { metricOf } from './values.ts';

export type Curves = ReadonlyMap<string, readonly number[]>;

/** By run. Cells read it, so that a curve that comes draws its cell and not its row. */
export const CurvesContext = createContext<Curves>(new Map());

/** As many as one sample of a metric takes. */
const sampledMax = 50;
/** Entries of a curve: about one for each three pixels. */
const points = 24;
/** What a running run logs is no event. */
const runningAgainMs = 5000;

/** Logged more than once, as far as its latest point says. */
export const hasSteps = (run: Run, metric: string): boolean => (metricOf(run, metric)?.step ?? 0) > 0;

interface Sight {
  readonly first: number;
  readonly end: number;
}

export function useCurves(runs: readonly Run[], metric: string | undefined, { first, end }: Sight): Curves {
  const blocks =
    metric === undefined
      ? []
      : Array.from({ length: Math.max(0, Math.ceil(end / sampledMax) - Math.floor(first / sampledMax)) }, (_, i) => {
          const from = (Math.floor(first / sampledMax) + i) * sampledMax;
          return runs.slice(from, from + sampledMax).filter((run) => hasSteps(run, metric));
        }).filter((block) => block.length > 0);
  return useQueries({
    queries: blocks.map((block) => {
      const query = { runs: block.map((run) => run.id).join(','), key: metric ?? '', points };
      const isLive = block.some((run) => run.status === 'running');
      return {
        // Not an operation's name: every event about any run would ask for it anew. Runs that end are asked for once more.
        queryKey: ['run-curves', query, isLive] as const,
        queryFn: ({ signal }: { readonly signal: AbortSignal }) => ask('runs.sample', { query }, signal),
        refetchInterval: isLive ? runningAgainMs : (false as const),
      };
    }),
    combine: curvesOf,
  });
}

const curvesOf = (answers: readonly { readonly data: Reply<'runs.sample'> | undefined }[]): Curves =>
  new Map(
    answers
      .flatMap(({ data }) => data?.items ?? [])
      .map((series) => [series.run, lineOf(series).values.filter((value) => value !== null)]),
  );
