/** Points of metrics over steps, of one run or of several, ready for one chart. */
import { useQueries } from '@tanstack/react-query';
import { ask } from '../../api/client.ts';
import type { Reply } from '../../api/client.ts';
import type { Series } from '../../components/line-chart.tsx';
import { count } from '../../words.ts';
import { plotted } from './values.ts';

export const pointsMax = 10_000;
/** More points than this are thinned: each stretch of steps keeps its smallest and its greatest value. */
const drawnMax = 1000;

export type History = Reply<'runs.history'>;

export interface HistoryOf {
  readonly run: string;
  readonly key: string;
}

export interface Histories {
  /** In the order asked for; undefined while it is on its way or where it failed. */
  readonly found: readonly (History | undefined)[];
  readonly isPending: boolean;
}

export function useHistories(wanted: readonly HistoryOf[]): Histories {
  const queries = useQueries({
    queries: wanted.map(({ run, key }) => {
      const request = { params: { run, key }, query: { limit: pointsMax } };
      return {
        queryKey: ['runs.history', request],
        queryFn: ({ signal }: { signal: AbortSignal }) => ask('runs.history', request, signal),
      };
    }),
  });
  return { found: queries.map((q) => q.data), isPending: queries.some((q) => q.isPending) };
}

export interface NamedHistory {
  readonly name: string;
  readonly color: string;
  readonly isDashed?: boolean;
  readonly history: History;
}

/** The union of all steps; where two points share a step the later one counts. */
export function chartOf(named: readonly NamedHistory[]): { x: readonly number[]; series: readonly Series[] } {
  const bySeries = named.map(
    ({ history }) => new Map(thinned(history).map((point) => [point.step, plotted(point.value)])),
  );
  const x = [...new Set(bySeries.flatMap((points) => [...points.keys()]))].toSorted((a, b) => a - b);
  return {
    x,
    series: named.map(({ name, color, isDashed = false }, i) => ({
      name,
      color,
      isDashed,
      spansGaps: named.length > 1,
      values: x.map((step) => bySeries[i]?.get(step) ?? null),
    })),
  };
}

function thinned({ items }: History): History['items'] {
  const points = items.toSorted((a, b) => a.step - b.step);
  if (points.length <= drawnMax) return points;
  const width = Math.ceil(points.length / (drawnMax / 2));
  const kept: History['items'] = [];
  for (let from = 0; from < points.length; from += width) {
    const stretch = points
      .slice(from, from + width)
      .toSorted((a, b) => (plotted(a.value) ?? 0) - (plotted(b.value) ?? 0));
    const ends = [stretch[0], stretch.at(-1)].filter((p) => p !== undefined);
    kept.push(...ends.toSorted((a, b) => a.step - b.step));
  }
  return kept;
}

/** A value that changed over steps; a metric logged once has no curve. */
export const isCurve = (history: History | undefined): history is History =>
  history !== undefined && new Set(history.items.map((p) => p.step)).size > 1;

/** How many points, and how they are drawn when there are too many for a line each. */
export function countWords(histories: readonly History[]): string {
  const longest = count(Math.max(...histories.map((h) => h.items.length)));
  const isCut = histories.some((h) => h.nextPageToken !== undefined);
  const isThinned = histories.some((h) => h.items.length > drawnMax);
  return `${isCut ? `the first ${longest} points` : `${longest} points`}${isThinned ? ', drawn as smallest and greatest of each stretch' : ''}`;
}
