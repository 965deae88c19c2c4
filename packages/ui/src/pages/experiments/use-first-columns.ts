/** The columns of a list that nobody chose yet: seen in the newest runs, among the first keys of the catalogue. */
import { useMemo, useRef } from 'react';
import { useAsk } from '../../api/queries.ts';
import type { ColumnKey } from './columns.ts';
import { axesAtFirst, columnKey, columnsAtFirst } from './columns.ts';

export interface FirstColumns {
  readonly columns: readonly ColumnKey[];
  /** Of settings against outcome, which has room for more. */
  readonly axes: readonly ColumnKey[];
}

const none: FirstColumns = { columns: [], axes: [] };

/** Together no more than one page of runs takes. */
const looked = { metric: 60, param: 40, runs: 20 } as const;

/** Undefined while they are looked for. */
export function useFirstColumns(experiment: string | undefined, isWanted: boolean): FirstColumns | undefined {
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
  const kept = useRef<FirstColumns & { readonly experiment: string | undefined }>(undefined);
  return useMemo(() => {
    if (metrics.error !== null || params.error !== null || newest.error !== null) return none;
    const before = kept.current;
    if (before !== undefined && before.experiment === experiment && before.columns.length > 0) return before;
    if (newest.data === undefined || newest.isPlaceholderData) return undefined;
    const { items } = newest.data;
    kept.current = { experiment, columns: columnsAtFirst(items), axes: axesAtFirst(items) };
    return kept.current;
  }, [experiment, newest.data, newest.isPlaceholderData, newest.error, metrics.error, params.error]);
}
