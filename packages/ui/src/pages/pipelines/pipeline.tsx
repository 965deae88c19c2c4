/** One pipeline: what its steps are and wait for, its runs, and a form that starts one. */
import type { Pipeline, PipelineRun } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useParams } from 'react-router';
import { useAsk, useAskPages } from '../../api/queries.ts';
import { Icon } from '../../components/icon.tsx';
import { PageHead, Pairs, Panel } from '../../components/layout.tsx';
import { LoadedPages, rowsOf } from '../../components/loaded-pages.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { StatusBadge, statusOf } from '../../components/status.tsx';
import { useView } from '../../frame/view.tsx';
import { duration, instant, plural, short } from '../../words.ts';
import { isRunOver, usualDuration } from './facts.ts';
import { Inspector } from './inspector.tsx';
import { LazyGraph } from './lazy-graph.tsx';
import './pipelines.css';
import { RunForm } from './run-form.tsx';
import { RunTable } from './run-table.tsx';
import { fieldsOf } from './schema.ts';
import { useNow } from './use-now.ts';
import { useViewState } from '../../components/use-view-state.ts';

const runsPage = 30;

export function Page(): ReactElement {
  const { pipeline: name = '' } = useParams();
  const pipeline = useAsk('pipelines.get', { params: { pipeline: name } });
  const runs = useAskPages('pipelineRuns.list', { query: { pipeline: name, limit: runsPage } });
  const shown = rowsOf(runs) ?? [];
  const now = useNow(shown.some((r) => !isRunOver(r)));
  useView(`slipway pipeline graph ${name}`, 'pipelines.get', { params: { pipeline: name } });
  return (
    <Loaded query={pipeline} lines={10}>
      {(data) => (
        <Opened pipeline={data} runs={shown}>
          <Panel title="Runs" caption="newest first" flush>
            <LoadedPages query={runs}>
              {(rows, more) =>
                rows.length === 0 ? (
                  <EmptyState title="It has not run yet" command={commandOf(data)}>
                    Start it here, from the command line, or by a policy.
                  </EmptyState>
                ) : (
                  <RunTable runs={rows} now={now} isOfOne more={more} />
                )
              }
            </LoadedPages>
          </Panel>
        </Opened>
      )}
    </Loaded>
  );
}

/** The command with the parameters that must be given. */
function commandOf({ name, graph }: Pipeline): string {
  const needed = fieldsOf(graph.params).filter((f) => f.isRequired);
  return `slipway pipeline run ${name}${needed.map((f) => ` --param ${f.name}=VALUE`).join('')}`;
}

interface OpenedProps {
  readonly pipeline: Pipeline;
  readonly runs: readonly PipelineRun[];
  readonly children: ReactElement;
}

function Opened({ pipeline, runs, children }: OpenedProps): ReactElement {
  const view = useViewState();
  const { graph } = pipeline;
  const node = graph.nodes.find((n) => n.id === view.get('step'));
  const linkTo = (step: string): string => view.href({ step });
  const [last] = runs;
  return (
    <>
      <PageHead
        title={pipeline.name}
        badges={
          last !== undefined && (
            <StatusBadge
              state={{ ...statusOf(last.state), word: `last run ${statusOf(last.state).word.toLowerCase()}` }}
            />
          )
        }
        sentence={sentenceOf(pipeline, runs)}
        actions={
          <button type="button" className="btn pri" onClick={() => view.set({ form: 'run' })}>
            <Icon name="play" small />
            Run
          </button>
        }
      />
      <div className={`pl-split${node === undefined ? '' : ' open'}`}>
        <div className="pl-main">
          <Panel title="Graph" caption="as applied; each arrow is something to wait for" flush>
            <LazyGraph graph={graph} selected={node?.id} linkTo={linkTo} />
          </Panel>
          {children}
          <Panel title="Declared" caption="by its project">
            <Pairs pairs={declared(pipeline)} />
          </Panel>
        </div>
        {node !== undefined && (
          <Inspector node={node} now={0} linkTo={linkTo} close={() => view.set({ step: undefined })} />
        )}
      </div>
      {view.get('form') === 'run' && (
        <RunForm pipeline={pipeline} last={last?.params} close={() => view.set({ form: undefined })} />
      )}
    </>
  );
}

function sentenceOf({ graph, description }: Pipeline, runs: readonly PipelineRun[]): string {
  const usual = usualDuration(runs);
  const failed = runs.filter((r) => r.state === 'failed').length;
  const steps = `${plural(graph.nodes.length, 'step')}, ${graph.nodes.filter((n) => n.cache === 'content').length} of which are reused when nothing changed`;
  const time = usual === undefined ? '' : `; a run usually takes ${duration(usual.ms)}`;
  const record = runs.length === 0 ? '; it has not run yet' : `; ${failed} of the last ${runs.length} failed`;
  return `${description === undefined ? '' : `${description}. `}${steps}${time}${record}.`;
}

function declared({
  project,
  file,
  graphDigest,
  bundle,
  appliedAt,
  graph,
}: Pipeline): { name: string; value: ReactElement }[] {
  return [
    { name: 'project', value: <>{project}</> },
    { name: 'file', value: <code>{file}</code> },
    { name: 'applied', value: <>{instant(appliedAt)}</> },
    { name: 'graph', value: <code title={graphDigest}>{short(graphDigest)}</code> },
    { name: 'code bundle', value: <code title={bundle}>{short(bundle)}</code> },
    ...fieldsOf(graph.params).map((f) => ({
      name: `parameter ${f.name}`,
      value: (
        <>
          {f.isRequired ? 'required' : 'optional'}
          {f.hint !== '' && <span className="t3">, {f.hint}</span>}
        </>
      ),
    })),
  ];
}
