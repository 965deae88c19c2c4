/** Beside the list: a metric of the selected runs over steps, and settings against outcome. */
import type { Run } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Grid, Panel } from '../../components/layout.tsx';
import { EmptyState } from '../../components/states.tsx';
import type { ViewState } from '../../components/use-view-state.ts';
import type { ColumnKey } from './columns.ts';
import { keyOf, kindOf } from './columns.ts';
import type { DrawnRun } from './metric-chart.tsx';
import { colourOf, greyLook, MetricChart, zoomOf } from './metric-chart.tsx';
import { ParallelPanel } from './parallel-panel.tsx';
import { keysOf, metricOf } from './values.ts';

interface ChartsProps {
  readonly view: ViewState;
  readonly selected: readonly string[];
  readonly shown: readonly ColumnKey[];
  /** Of settings against outcome, where nobody chose columns and there is room for more than those of the table. */
  readonly axes: readonly ColumnKey[] | undefined;
  readonly runs: readonly Run[];
  /** Changes when the list is asked for anew. */
  readonly seq: number;
}

export function Charts({ view, selected, shown, axes, runs, seq }: ChartsProps): ReactElement {
  return (
    <div className="charts-box">
      <Grid>
        <ParallelPanel view={view} axesAtFirst={axes ?? axesAmong(shown)} selected={selected} seq={seq} />
        <SelectedChart view={view} selected={selected} shown={shown} runs={runs} />
      </Grid>
    </div>
  );
}

/** Params that are in the table and then its metrics: causes to the left, outcomes to the right. */
function axesAmong(shown: readonly ColumnKey[]): readonly ColumnKey[] {
  const of = (kind: string, most: number): readonly ColumnKey[] =>
    shown.filter((c) => kindOf(c) === kind).slice(0, most);
  return [...of('param', 4), ...of('metric', 3)];
}

/** Lines of one chart beyond those that were selected. */
const aroundMax = 12;
const colouredAtFirst = 4;
const chartPx = 190;

function SelectedChart({ view, selected, shown, runs }: Omit<ChartsProps, 'seq' | 'axes'>): ReactElement {
  const byId = new Map(runs.map((run) => [run.id, run]));
  const stepped = keysOf(runs.slice(0, 200), (run) => run.metrics.filter((m) => m.step > 0).map((m) => m.key));
  const keys = [...new Set([...stepped, ...shown.flatMap((c) => (kindOf(c) === 'metric' ? [keyOf(c)] : []))])];
  const metric = view.get('metric') ?? keys[0];
  const drawnOf = (id: string, look: ReturnType<typeof colourOf>): DrawnRun => {
    const run = byId.get(id);
    return { id, name: run?.name ?? id, isRunning: run?.status === 'running', ...look };
  };
  const hasNone = selected.length === 0;
  // Selected ones have their colours, and what is around them is grey; with none selected the first ones have them.
  const around = runs
    .filter((run) => metric !== undefined && metricOf(run, metric) !== undefined && !selected.includes(run.id))
    .slice(0, Math.max(0, aroundMax - selected.length));
  const drawn = [
    ...selected.map((id, i) => drawnOf(id, colourOf(i))),
    ...around.map(({ id }, i) => drawnOf(id, hasNone && i < colouredAtFirst ? colourOf(i) : greyLook)),
  ];
  return (
    <Panel
      title={metric ?? 'Metric'}
      caption={hasNone ? 'first of the list, by step' : 'selected, by step'}
      span={5}
      actions={keys.length > 1 && <MetricChoice view={view} keys={keys} metric={metric} />}
    >
      {metric === undefined || drawn.length === 0 ? (
        <EmptyState title="No metric to draw">
          Runs that log a metric by step become lines here. Tick some in the list, or press x on a row.
        </EmptyState>
      ) : (
        <MetricChart metric={metric} runs={drawn} height={chartPx} {...chartState(view)} />
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
