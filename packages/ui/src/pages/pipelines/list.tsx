/** The pipelines that projects declare, and what ran last. */
import type { PipelineRun, PipelineRunState } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { useAsk, useAskPages } from '../../api/queries.ts';
import { DataTable } from '../../components/data-table.tsx';
import { Grid, PageHead, Panel } from '../../components/layout.tsx';
import { LoadedPages, rowsOf } from '../../components/loaded-pages.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { StatusBadge, statusOf } from '../../components/status.tsx';
import type { ViewState } from '../../components/use-view-state.ts';
import { useViewState } from '../../components/use-view-state.ts';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { fullInstant, instant, plural, short } from '../../words.ts';
import { isRunOver } from './facts.ts';
import './pipelines.css';
import { RunTable } from './run-table.tsx';
import { useNow } from './use-now.ts';

const runsPage = 100;
const states = [
  'running',
  'cancelling',
  'succeeded',
  'failed',
  'cancelled',
] as const satisfies readonly PipelineRunState[];

export function Page(): ReactElement {
  const pipelines = useAsk('pipelines.list', { query: { limit: 200 } });
  const view = useViewState();
  const pipeline = view.get('pipeline');
  const state = states.find((one) => one === view.get('state'));
  const filter = { ...(pipeline === undefined ? {} : { pipeline }), ...(state === undefined ? {} : { state }) };
  const runs = useAskPages('pipelineRuns.list', { query: { limit: runsPage, ...filter } });
  const shown = rowsOf(runs) ?? [];
  const now = useNow(shown.some((r) => !isRunOver(r)));
  const flags = Object.entries(filter).map(([name, value]) => ` --${name} ${value}`);
  useView(`slipway pipeline runs${flags.join('')}`, 'pipelineRuns.list', { query: filter });
  const isFiltered = flags.length > 0;
  return (
    <>
      <PageHead title="Pipelines" sentence={sentenceOf(pipelines.data?.items.length, shown, isFiltered)} />
      <Grid>
        <Panel title="Pipelines" caption="declared by projects; a run takes the graph and the code applied then" flush>
          <Loaded query={pipelines}>
            {({ items }) =>
              items.length === 0 ? (
                <EmptyState title="No pipelines yet" command="slipway apply">
                  A project declares them in TypeScript; applying it puts them here.
                </EmptyState>
              ) : (
                <PipelineTable rows={items} />
              )
            }
          </Loaded>
        </Panel>
        <Panel
          title="Runs"
          caption="newest first"
          flush
          actions={<Filter names={pipelines.data?.items.map((p) => p.name) ?? []} view={view} />}
        >
          <LoadedPages query={runs}>
            {(rows, more) =>
              rows.length === 0 && isFiltered ? (
                <EmptyState title="No run is like this">
                  <button
                    type="button"
                    className="link"
                    onClick={() => view.set({ pipeline: undefined, state: undefined })}
                  >
                    Show all runs
                  </button>
                </EmptyState>
              ) : rows.length === 0 ? (
                <EmptyState title="Nothing has run yet" command="slipway pipeline run PIPELINE --param name=value">
                  A run pins the dataset versions that are latest when it starts.
                </EmptyState>
              ) : (
                <RunTable runs={rows} now={now} more={more} />
              )
            }
          </LoadedPages>
        </Panel>
      </Grid>
    </>
  );
}

function sentenceOf(declared: number | undefined, runs: readonly PipelineRun[], isFiltered: boolean): string {
  if (declared === undefined) return '';
  if (isFiltered) return `${plural(declared, 'pipeline')}; ${plural(runs.length, 'run')} of those asked for so far.`;
  if (declared === 0) return 'No project declares a pipeline yet.';
  const active = runs.filter((r) => !isRunOver(r));
  const [last] = runs;
  if (active.length > 0)
    return `${plural(active.length, 'run')} in progress: ${active.map((r) => r.pipeline).join(', ')}.`;
  if (last === undefined) return `${plural(declared, 'pipeline')}, none of which has run.`;
  return `Nothing runs at this moment; the last run, of ${last.pipeline}, ${last.state} at ${instant(last.finishedAt ?? last.startedAt)}.`;
}

/** Each control is a part of the address. */
function Filter({ names, view }: { names: readonly string[]; view: ViewState }): ReactElement {
  return (
    <>
      <select
        className="input"
        aria-label="Pipeline"
        data-filter
        value={view.get('pipeline') ?? ''}
        onChange={(event) => view.set({ pipeline: event.target.value === '' ? undefined : event.target.value })}
      >
        <option value="">every pipeline</option>
        {names.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
      <select
        className="input"
        aria-label="State"
        value={view.get('state') ?? ''}
        onChange={(event) => view.set({ state: event.target.value === '' ? undefined : event.target.value })}
      >
        <option value="">any state</option>
        {states.map((state) => (
          <option key={state} value={state}>
            {statusOf(state).word}
          </option>
        ))}
      </select>
    </>
  );
}

interface PipelineRow {
  readonly name: string;
  readonly description?: string | undefined;
  readonly project: string;
  readonly graphDigest: string;
  readonly appliedAt: number;
  readonly lastRun?: { readonly id: string; readonly state: string; readonly startedAt: number } | undefined;
}

function PipelineTable({ rows }: { rows: readonly PipelineRow[] }): ReactElement {
  return (
    <DataTable
      label="Pipelines"
      rows={rows}
      rowKey={(p) => p.name}
      href={(p) => to.pipeline(p.name)}
      columns={[
        { key: 'name', head: 'Pipeline', cell: (p) => <Link to={to.pipeline(p.name)}>{p.name}</Link> },
        {
          key: 'last',
          head: 'Last run',
          cell: ({ lastRun: last }) => {
            return last === undefined ? (
              <span className="t3">never run</span>
            ) : (
              <span className="row">
                <StatusBadge plain state={last.state} />
                <Link to={to.pipelineRun(last.id)} title={fullInstant(last.startedAt)}>
                  {instant(last.startedAt)}
                </Link>
              </span>
            );
          },
        },
        { key: 'project', head: 'Project', isExtra: true, cell: (p) => p.project },
        {
          key: 'graph',
          head: 'Graph',
          isExtra: true,
          cell: (p) => (
            <span className="mono t3" title={p.graphDigest}>
              {short(p.graphDigest)}
            </span>
          ),
        },
        {
          key: 'applied',
          head: 'Applied',
          isNumber: true,
          cell: (p) => <time title={fullInstant(p.appliedAt)}>{instant(p.appliedAt)}</time>,
        },
      ]}
    />
  );
}
