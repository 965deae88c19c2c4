/** One run: its graph, when each step ran, and the step that is open, with what it printed. */
import type { PipelineRunDetail } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { Link, useParams } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { EventList } from '../../components/event-list.tsx';
import { Icon } from '../../components/icon.tsx';
import { PageHead, Pairs } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { duration, fullInstant, instant, plural, short } from '../../words.ts';
import { RerunFromHere, RunActions } from './actions.tsx';
import { elapsedOf, firstLine, isRunOver, runSentence, stepInFocus, usualDuration } from './facts.ts';
import { Gantt, GanttLegend } from './gantt.tsx';
import { Inspector } from './inspector.tsx';
import { LazyGraph } from './lazy-graph.tsx';
import { LogPanel } from './log.tsx';
import './pipelines.css';
import { useNow, useProgress } from './use-now.ts';
import { useViewState } from '../../components/use-view-state.ts';
import type { ViewState } from '../../components/use-view-state.ts';
import { Output, Value } from './values.tsx';

const comparedRuns = 20;

export function Page(): ReactElement {
  const { run: id = '' } = useParams();
  const run = useAsk('pipelineRuns.get', { params: { run: id } });
  const now = useNow(run.data !== undefined && !isRunOver(run.data));
  useProgress(id, run.data?.steps.some((s) => s.state === 'running') ?? false);
  useView(`slipway pipeline show ${id}`, 'pipelineRuns.get', { params: { run: id } });
  return (
    <Loaded query={run} lines={10}>
      {(data) => <Run run={data} now={now} />}
    </Loaded>
  );
}

function Run({ run, now }: { run: PipelineRunDetail; now: number }): ReactElement {
  const view = useViewState();
  const asked = view.get('step');
  const node = run.graph.nodes.find((n) => n.id === asked);
  const focus = stepInFocus(run, asked);
  const linkTo = (step: string): string => view.href({ step, attempt: undefined, q: undefined });
  return (
    <>
      <PageHead
        title={`${run.pipeline}, run ${short(run.id)}`}
        badges={<StatusBadge state={run.state} />}
        sentence={runSentence(run, now)}
        actions={<RunActions run={run} />}
      />
      <Facts run={run} now={now} />
      <div className={`pl-split${node === undefined ? '' : ' open'}`}>
        <div className="pl-main">
          {run.problem !== undefined && <Problem run={run} linkTo={linkTo} />}
          <section className="panel" aria-label="Graph of the run">
            <LazyGraph
              graph={run.graph}
              steps={run.steps}
              selected={node?.id}
              focus={isRunOver(run) && run.state !== 'failed' ? undefined : focus?.step}
              linkTo={linkTo}
            />
          </section>
          <Tabs run={run} now={now} view={view} selected={node?.id} linkTo={linkTo} />
          {focus !== undefined && <LogPanel run={run.id} step={focus} view={view} />}
        </div>
        {node !== undefined && (
          <Inspector
            node={node}
            step={run.steps.find((s) => s.step === node.id)}
            run={run}
            now={now}
            linkTo={linkTo}
            close={() => view.set({ step: undefined, attempt: undefined, q: undefined })}
            actions={<RerunFromHere run={run} step={node.id} />}
          />
        )}
      </div>
    </>
  );
}

/** The facts of the whole run in one line; what is usual comes from earlier runs of the same pipeline. */
function Facts({ run, now }: { run: PipelineRunDetail; now: number }): ReactElement {
  const earlier = useAsk('pipelineRuns.list', { query: { pipeline: run.pipeline, limit: comparedRuns } });
  const usual = usualDuration(earlier.data?.items.filter((r) => r.id !== run.id) ?? []);
  const facts: (readonly [string, ReactNode])[] = [
    [
      'Started',
      <time key="t" title={fullInstant(run.startedAt)}>{`${instant(run.startedAt)} by ${run.startedBy}`}</time>,
    ],
    [isRunOver(run) ? 'Took' : 'Elapsed', duration(elapsedOf(run, now))],
    ...(usual === undefined
      ? []
      : [['Usually', `${duration(usual.ms)}, the middle of ${plural(usual.of, 'other run')}`] as const]),
    [
      'Data',
      <span key="d">
        {run.datasets.map((d, i) => (
          <span key={d.ref}>
            {i > 0 && ', '}
            <Link to={to.dataset(d.dataset, d.number)}>
              {d.dataset}@{d.number}
            </Link>
          </span>
        ))}
        {run.datasets.length === 0 && 'none'}
      </span>,
    ],
    ...(run.reason === undefined ? [] : [['Why', run.reason] as const]),
    ...(run.rerunOf === undefined
      ? []
      : [
          [
            'Repeats',
            <Link key="r" to={to.pipelineRun(run.rerunOf)}>
              {short(run.rerunOf)}
            </Link>,
          ] as const,
        ]),
  ];
  return (
    <div className="pl-facts">
      {facts.map(([name, value]) => (
        <span key={name}>
          <span className="t3">{name}</span> <span className="m">{value}</span>
        </span>
      ))}
    </div>
  );
}

function Problem({ run, linkTo }: { run: PipelineRunDetail; linkTo: (step: string) => string }): ReactElement {
  const text = run.problem ?? '';
  const failed = run.steps.find((s) => s.state === 'failed');
  const validation = /val_[0-9a-z]{26}/.exec(text)?.[0];
  return (
    <div className={run.state === 'failed' ? 'note bad' : 'note'} role="alert">
      <Icon name={run.state === 'failed' ? 'bad' : 'info'} />
      <div className="grow">
        <p className="m">{`${text.slice(0, 1).toUpperCase()}${firstLine(text).slice(1)}`}</p>
        {text.includes('\n') && (
          <details>
            <summary>All of it</summary>
            <pre className="pl-problem">{text.slice(firstLine(text).length + 1)}</pre>
          </details>
        )}
      </div>
      {validation !== undefined && (
        <Link className="btn sm" to={to.validation(validation)}>
          See the rows
        </Link>
      )}
      {failed !== undefined && (
        <Link className="btn sm" to={linkTo(failed.step)} preventScrollReset>
          Open step
        </Link>
      )}
    </div>
  );
}

const tabs = [
  ['gantt', 'Times'],
  ['outputs', 'Outputs'],
  ['events', 'Events'],
  ['details', 'Details'],
] as const;

interface TabsProps {
  readonly run: PipelineRunDetail;
  readonly now: number;
  readonly view: ViewState;
  readonly selected: string | undefined;
  readonly linkTo: (step: string) => string;
}

function Tabs({ run, now, view, selected, linkTo }: TabsProps): ReactElement {
  const tab = view.get('tab') ?? 'gantt';
  const outputs = run.steps.reduce((n, s) => n + Object.keys(s.outputs).length, 0);
  return (
    <section className="panel">
      <div className="row pl-tabs">
        <div className="tabs" role="tablist" aria-label="Of the run">
          {tabs.map(([key, word]) => (
            <button
              type="button"
              role="tab"
              key={key}
              aria-selected={tab === key}
              onClick={() => view.set({ tab: key === 'gantt' ? undefined : key })}
            >
              {word}
              {key === 'outputs' && <span className="n">{outputs}</span>}
            </button>
          ))}
        </div>
        {tab === 'gantt' && <GanttLegend />}
      </div>
      {tab === 'gantt' && <Gantt run={run} now={now} selected={selected} linkTo={linkTo} />}
      {tab === 'outputs' && <Outputs run={run} linkTo={linkTo} />}
      {tab === 'events' && <Events run={run.id} />}
      {tab === 'details' && <Details run={run} />}
    </section>
  );
}

function Outputs({ run, linkTo }: { run: PipelineRunDetail; linkTo: (step: string) => string }): ReactElement {
  const rows = run.steps.flatMap((step) =>
    Object.entries(step.outputs).map(([name, output]) => ({ step, name, output })),
  );
  if (rows.length === 0) return <EmptyState title="No step has made anything yet" />;
  return (
    <div className="scroll" tabIndex={0}>
      <table className="tbl top0 pl-outputs" aria-label="Outputs">
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">Output</th>
            <th scope="col">What</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ step, name, output }) => (
            <tr key={`${step.step}/${name}`}>
              <td className="top">
                <Link to={linkTo(step.step)} preventScrollReset>
                  {step.step}
                </Link>
              </td>
              <td className="top">{name}</td>
              <td className="wrap">
                <Output run={run.id} step={step} name={name} output={output} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Events({ run }: { run: string }): ReactElement {
  const events = useAsk('ledger.list', { query: { subject: run, limit: 200 } });
  return <Loaded query={events}>{({ items }) => <EventList rows={items} />}</Loaded>;
}

function Details({ run }: { run: PipelineRunDetail }): ReactElement {
  return (
    <div className="padded">
      <Pairs
        pairs={[
          { name: 'run', value: <code>{run.id}</code> },
          { name: 'pipeline', value: <Link to={to.pipeline(run.pipeline)}>{run.pipeline}</Link> },
          ...Object.entries(run.params).map(([name, value]) => ({
            name: `parameter ${name}`,
            value: <Value value={value} />,
          })),
          { name: 'graph', value: <code title={run.graphDigest}>{short(run.graphDigest)}</code> },
          { name: 'code bundle', value: <code title={run.bundle}>{short(run.bundle)}</code> },
          { name: 'commit', value: run.commit === undefined ? 'not set' : <code>{run.commit}</code> },
          { name: 'deadline', value: instant(run.deadlineAt) },
          { name: 'where it came from', value: <Link to={to.why('pipeline-run', run.id)}>lineage of this run</Link> },
        ]}
      />
    </div>
  );
}
