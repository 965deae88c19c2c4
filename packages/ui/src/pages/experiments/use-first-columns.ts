/** The columns of a list that nobody chose yet: seen in the newest runs, among the first keys of the catalogue. */
import { useMemo, useRef } from 'react';
import { useAsk } from '../../api/queries.ts';
import type { ColumnKey } from './columns.ts';
import { columnKey, columnsAtFirst } from './columns.ts';

const none: readonly ColumnKey[] = [];

/** Together no more than one page of runs takes. */
const looked = { metric: 60, param: 40, runs: 20 } as const;

/** Undefined while they are looked for. */
export function useFirstColumns(experiment: string | undefined, isWanted: boolean): readonly ColumnKey[] | undefined {
  const of = experiment === undefined ? {} : { experiment };
  const enabled = isWanted;
  const metrics = useAsk('runs.keys', { query: { ...of, kind: 'metric', limit: looked.metric } }, { enabled });
  const params = useAsk('runs.keys', { query: { ...of, kind: 'param', limit: looked.param } }, { enabled });
  const asked = [...(metrics.data?.items ?? []), ...(params.data?.items ?? [])]
    .map(({ kind, key }) => columnKey(kind, key))
    .join(',');
  const hasKeys = metrics.data !== undefined && params.data !== undefined;
  const newest = useAsk(
    'runs.list',
    { query: { ...of, columns: asked, limit: looked.runs } },
    { enabled: enabled && hasKeys, keep: true },
  );
  // What was chosen stays while the same is asked for again: columns do not change under the reader.
  const kept = useRef<{ readonly experiment: string | undefined; readonly columns: readonly ColumnKey[] }>(undefined);
  return useMemo(() => {
    if (metrics.error !== null || params.error !== null || newest.error !== null) return none;
    const before = kept.current;
    if (before !== undefined && before.experiment === experiment && before.columns.length > 0) return before.columns;
    if (newest.data === undefined || newest.isPlaceholderData) return undefined;
    const columns = columnsAtFirst(newest.data.items);
    kept.current = { experiment, columns };
    return columns;
  }, [experiment, newest.data, newest.isPlaceholderData, newest.error, metrics.error, params.error]);
}
