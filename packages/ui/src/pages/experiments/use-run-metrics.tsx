/** The metrics of a run that its page lists: found here where all came with the run, by the server where they are more. */
import type { Run, RunMetric } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useDeferredValue, useState } from 'react';
import { useAsk } from '../../api/queries.ts';
import { count } from '../../words.ts';
import { useNeedle } from './use-needle.tsx';

const rowsMax = 200;

export function useRunMetrics(run: Run): { shown: readonly RunMetric[]; field: ReactElement | false } {
  const own = useNeedle(run.metrics, (metric) => metric.key, 'metric');
  const [needle, setNeedle] = useState('');
  const contains = useDeferredValue(needle);
  const { metricCount } = run;
  const query = { limit: rowsMax, ...(contains === '' ? {} : { contains }) };
  const found = useAsk(
    'runs.metrics',
    { params: { run: run.id }, query },
    { enabled: metricCount !== undefined, keep: true },
  );
  if (metricCount === undefined) return own;
  const shown = found.data?.items ?? run.metrics.slice(0, rowsMax);
  const field = (
    <span className="row">
      <span className="t3 xs nw">{found.data?.nextPageToken === undefined ? '' : `the first ${count(rowsMax)}`}</span>
      <input
        className="input needle"
        aria-label="Find a metric"
        placeholder={`Find among ${count(metricCount)}`}
        value={needle}
        onChange={(event) => setNeedle(event.target.value)}
      />
    </span>
  );
  return { shown, field };
}
