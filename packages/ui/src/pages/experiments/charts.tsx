/** Beside the list: a metric of the selected runs over steps, and settings against outcome. */
import type { Run } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Grid, Panel } from '../../components/layout.tsx';
import { EmptyState } from '../../components/states.tsx';
import type { ViewState } from '../../components/use-view-state.ts';
import type { ColumnKey } from './columns.ts';
import { keyOf, kindOf } from './columns.ts';
import { colourOf, MetricChart, zoomOf } from './metric-chart.tsx';
import { ParallelPanel } from './parallel-panel.tsx';
import { keysOf } from './values.ts';

interface ChartsProps {
  readonly view: ViewState;
  readonly selected: readonly string[];
  readonly shown: readonly ColumnKey[];
  readonly runs: readonly Run[];
  /** Changes when the list is asked for anew. */
  readonly seq: number;
}

export function Charts({ view, selected, shown, runs, seq }: ChartsProps): ReactElement {
  return (
    <Grid>
      <ParallelPanel view={view} shown={shown} selected={selected} seq={seq} />
      <SelectedChart view={view} selected={selected} shown={shown} runs={runs} />
    </Grid>
  );
}

function SelectedChart({ view, selected, shown, runs }: Omit<ChartsProps, 'seq'>): ReactElement {
  const byId = new Map(runs.map((run) => [run.id, run]));
  const stepped = keysOf(runs.slice(0, 200), (run) => run.metrics.filter((m) => m.step > 0).map((m) => m.key));
  const keys = [...new Set([...stepped, ...shown.flatMap((c) => (kindOf(c) === 'metric' ? [keyOf(c)] : []))])];
  const metric = view.get('metric') ?? keys[0];
  const drawn = selected.map((id, i) => {
    const run = byId.get(id);
    return { id, name: run?.name ?? id, isRunning: run?.status === 'running', ...colourOf(i) };
  });
  return (
    <Panel
      title={metric ?? 'Metric'}
      caption="of the selected runs, by step"
      span={5}
      actions={keys.length > 1 && <MetricChoice view={view} keys={keys} metric={metric} />}
    >
      {metric === undefined || drawn.length === 0 ? (
        <EmptyState title="Select runs to see their curves">
          Tick runs in the list, or press x on a row; each becomes a line here.
        </EmptyState>
      ) : (
        <MetricChart metric={metric} runs={drawn} {...chartState(view)} />
      )}
    </Panel>
  );
}

/** Zoom and axis of a chart live in the address. */
export const chartState = (
  view: ViewState,
): Pick<Parameters<typeof MetricChart>[0], 'zoom' | 'isLog' | 'setZoom' | 'setLog'> => ({
  zoom: zoomOf(view.get('zoom')),
  isLog: view.get('log') !== undefined,
  setZoom: (zoom) => view.set({ zoom: zoom === undefined ? undefined : `${zoom.from}..${zoom.to}` }),
  setLog: (isLog) => view.set({ log: isLog ? '1' : undefined }),
});

interface MetricChoiceProps {
  readonly view: ViewState;
  readonly keys: readonly string[];
  readonly metric: string | undefined;
}

/** A list of thousands is nothing to choose from: the rest is reached by its address, from the table of the run. */
const choicesMax = 300;

export const MetricChoice = ({ view, keys, metric }: MetricChoiceProps): ReactElement => (
  <select
    className="input metric-choice"
    aria-label="Metric of the chart"
    value={metric}
    onChange={(event) => view.set({ metric: event.target.value, zoom: undefined })}
  >
    {[...new Set([...(metric === undefined ? [] : [metric]), ...keys.slice(0, choicesMax)])].map((key) => (
      <option key={key}>{key}</option>
    ))}
  </select>
);
