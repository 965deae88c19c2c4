/** The metrics of the focused run: what it reached, what the best run of its experiment reached, and how it came about. */
import type { Run, RunMetric } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useAsk } from '../../api/queries.ts';
import { Sparkline } from '../../components/sparkline.tsx';
import { isLowerBetter } from '../models/bounds.ts';
import { fieldOf, metricOf, metricText, plotted } from './values.ts';
import { lineOf } from './sample-lines.ts';

/** Each asks for its best run and its course. */
const comparedMax = 6;
const points = 24;

export function InspectorMetrics({ run, metrics }: { run: Run; metrics: readonly RunMetric[] }): ReactElement {
  return (
    <table className="tbl top0" aria-label="Latest metrics">
      <thead>
        <tr>
          <th scope="col">Key</th>
          <th scope="col" className="num">
            Value
          </th>
          <th
            scope="col"
            className="num"
            title="The best value of the experiment: the least of losses, errors and costs"
          >
            Best
          </th>
          <th scope="col">Curve</th>
        </tr>
      </thead>
      <tbody>
        {metrics.map((metric, i) => (
          <tr key={metric.key}>
            <td className="el" dir="auto" title={metric.key}>
              {metric.key}
            </td>
            <td className="num m">{metricText(metric.value)}</td>
            <td className="num">{i < comparedMax && <Best run={run} metric={metric} />}</td>
            <td>
              {metric.step === 0 ? (
                <span className="t3">final only</span>
              ) : i < comparedMax ? (
                <Curve run={run} metric={metric} />
              ) : (
                <span className="t3">step {metric.step}</span>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Of the runs of the experiment, by their latest values. */
function Best({ run, metric: { key, value } }: { run: Run; metric: RunMetric }): ReactElement | null {
  const order = isLowerBetter(key) ? 'asc' : 'desc';
  const { data } = useAsk('runs.list', {
    query: {
      experiment: run.experiment,
      orderBy: `${fieldOf('metrics', key)} ${order}`,
      columns: `m:${key}`,
      limit: 1,
    },
  });
  const first = data?.items[0];
  const best = first && metricOf(first, key)?.value;
  const number = best === undefined ? null : plotted(best);
  if (first === undefined || number === null) return null;
  return (
    <span className={number === value ? 'ok' : 't2'} title={number === value ? 'This run is the best' : first.name}>
      {metricText(number)}
    </span>
  );
}

function Curve({ run, metric: { key, value, step } }: { run: Run; metric: RunMetric }): ReactElement | null {
  const { data } = useAsk('runs.sample', { query: { runs: run.id, key, points } });
  const series = data?.items[0];
  const values = series && lineOf(series).values.filter((one) => one !== null);
  if (values === undefined || values.length < 2) return null;
  return (
    <Sparkline label={`${key} by step, ${metricText(value)} at step ${step}`} values={values} color="--arm-champion" />
  );
}
