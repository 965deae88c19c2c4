/** Selected runs side by side: what was set differently, what came of it, and how it got there. */
import type { Run } from '@slipway/contract';
import { useQueries } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { ask } from '../../api/client.ts';
import { Grid, Panel } from '../../components/layout.tsx';
import { LineChart } from '../../components/line-chart.tsx';
import { EmptyState, Skeleton } from '../../components/states.tsx';
import { to } from '../../frame/places.ts';
import { instant, plural } from '../../words.ts';
import { chartOf, countWords, isCurve, useHistories } from './histories.ts';
import { keysOf, metricKeys, metricOf, metricText, paramKeys } from './values.ts';
import { useViewState } from '../../components/use-view-state.ts';

/** One per run, in the order of selection; after four the colours come again dashed. */
const colours = ['--c1', '--c2', '--c3', '--c4'] as const;
const colourOf = (i: number): string => colours[i % colours.length] ?? '--c1';

export function Compare({ ids }: { ids: readonly string[] }): ReactElement {
  const queries = useQueries({
    queries: ids.map((run) => ({
      queryKey: ['runs.get', { params: { run } }],
      queryFn: ({ signal }: { signal: AbortSignal }) => ask('runs.get', { params: { run } }, signal),
    })),
  });
  const runs = queries.flatMap(({ data }) => (data === undefined ? [] : [data]));
  if (runs.length < 2) {
    return queries.some((q) => q.isPending) ? (
      <Skeleton lines={8} />
    ) : (
      <EmptyState title="The selected runs could not be read">Clear the selection and choose again.</EmptyState>
    );
  }
  return (
    <div className="compare">
      <Grid>
        <Overlay runs={runs} />
        <Params runs={runs} />
        <Metrics runs={runs} />
      </Grid>
    </div>
  );
}

function Overlay({ runs }: { runs: readonly Run[] }): ReactElement {
  const view = useViewState();
  // Metrics whose latest step is not their first are likely to have a curve.
  const stepped = keysOf(runs, (run) => run.metrics.filter((m) => m.step > 0).map((m) => m.key));
  const keys = stepped.length > 0 ? stepped : keysOf(runs, metricKeys);
  const key = view.get('chart') ?? keys[0];
  const having = runs.filter((run) => key !== undefined && metricOf(run, key) !== undefined);
  const { found, isPending } = useHistories(having.map((run) => ({ run: run.id, key: key ?? '' })));
  const named = having.flatMap((run, i) => {
    const history = found[i];
    if (!isCurve(history)) return [];
    const at = runs.indexOf(run);
    return [{ name: nameIn(runs, run), color: colourOf(at), isDashed: at >= colours.length, history }];
  });
  const { x, series } = chartOf(named);
  return (
    <Panel
      title={key ?? 'Curves'}
      caption={named.length === 0 ? 'by step' : `by step, ${countWords(named.map((n) => n.history))}`}
      span={5}
      actions={
        keys.length > 1 && (
          <select
            className="input"
            aria-label="Metric of the chart"
            value={key}
            onChange={(event) => view.set({ chart: event.target.value })}
          >
            {keys.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        )
      }
    >
      {isPending ? (
        <Skeleton />
      ) : series.length === 0 ? (
        <EmptyState title="No curve to draw">
          These runs logged {key ?? 'their metrics'} once each; a curve needs values at several steps.
        </EmptyState>
      ) : (
        <LineChart
          label={`${key ?? ''} by step of the selected runs`}
          x={x}
          isTime={false}
          series={series}
          height={220}
          digits={4}
        />
      )}
    </Panel>
  );
}

/** Two runs of one name are told apart by when they started. */
function nameIn(runs: readonly Run[], run: Run): string {
  const isUnique = runs.filter((r) => r.name === run.name).length === 1;
  return isUnique ? run.name : `${run.name}, ${instant(run.startedAt)}`;
}

function Heads({ runs, first }: { runs: readonly Run[]; first: string }): ReactElement {
  return (
    <thead>
      <tr>
        <th scope="col">{first}</th>
        {runs.map((run, i) => (
          <th scope="col" className="num" key={run.id}>
            <span className="row" style={{ justifyContent: 'flex-end' }}>
              <i className="dot" style={{ background: `var(${colourOf(i)})` }} />
              <Link to={to.run(run.id)}>{nameIn(runs, run)}</Link>
            </span>
          </th>
        ))}
      </tr>
    </thead>
  );
}

function Params({ runs }: { runs: readonly Run[] }): ReactElement {
  const view = useViewState();
  const keys = keysOf(runs, paramKeys).toSorted((a, b) => a.localeCompare(b));
  const different = keys.filter((key) => new Set(runs.map((run) => run.params[key])).size > 1);
  const isAll = view.get('params') === 'all';
  const shown = isAll ? keys : different;
  return (
    <Panel
      title="Params that differ"
      caption={`${different.length} of ${keys.length}`}
      span={7}
      flush
      actions={
        <button
          type="button"
          className="btn sm"
          aria-pressed={isAll}
          onClick={() => view.set({ params: isAll ? undefined : 'all' })}
        >
          {isAll ? 'Only what differs' : 'Show all'}
        </button>
      }
    >
      {shown.length === 0 ? (
        <EmptyState title={keys.length === 0 ? 'No params' : 'Every param is the same'}>
          {keys.length === 0 ? 'None of these runs logged a param.' : `All ${plural(keys.length, 'param')} agree.`}
        </EmptyState>
      ) : (
        <div className="scroll" tabIndex={0}>
          <table className="tbl top0" aria-label="Params of the selected runs">
            <Heads runs={runs} first="Param" />
            <tbody>
              {shown.map((key) => (
                <tr key={key} className={isAll && different.includes(key) ? 'sel' : ''}>
                  <th scope="row" className="rowhead mono">
                    {key}
                  </th>
                  {runs.map((run) => (
                    <td key={run.id} className="num mono">
                      {run.params[key] ?? <span className="t3">not set</span>}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function Metrics({ runs }: { runs: readonly Run[] }): ReactElement {
  const keys = keysOf(runs, metricKeys);
  return (
    <Panel title="Metrics" caption="latest value of each; which end is better is not recorded" flush>
      <div className="scroll" tabIndex={0}>
        <table className="tbl top0" aria-label="Metrics of the selected runs">
          <Heads runs={runs} first="Metric" />
          <tbody>
            {keys.map((key) => {
              const values = runs.map((run) => metricOf(run, key)?.value);
              const numbers = values.filter((v) => typeof v === 'number');
              const ends = numbers.length > 1 ? [Math.min(...numbers), Math.max(...numbers)] : [];
              return (
                <tr key={key}>
                  <th scope="row" className="rowhead mono">
                    {key}
                  </th>
                  {values.map((value, i) => (
                    <td key={runs[i]?.id} className={value === undefined ? 'num t3' : 'num'}>
                      {metricText(value)}
                      {ends[0] !== ends[1] && value === ends[0] && <span className="t3 xs"> least</span>}
                      {ends[0] !== ends[1] && value === ends[1] && <span className="t3 xs"> most</span>}
                    </td>
                  ))}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
