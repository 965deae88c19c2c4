/** The first page: the loop, what needs somebody, who answers, how good the answers are, what happened last. */
import type { Alert, Approval, Endpoint, Loop, MonitorWindow, Rollout } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { useMemo } from 'react';
import { Link } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { DataTable } from '../../components/data-table.tsx';
import { EventList } from '../../components/event-list.tsx';
import type { IconName } from '../../components/icon.tsx';
import { Icon } from '../../components/icon.tsx';
import { Grid, PageHead, Panel } from '../../components/layout.tsx';
import { LineChart } from '../../components/line-chart.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { StatusBadge, statusOf } from '../../components/status.tsx';
import { Traffic } from '../../components/traffic.tsx';
import { to } from '../../frame/places.ts';
import { boundsOf, isWithin, useBounds, useTimeRange } from '../../frame/time-range.ts';
import { useView } from '../../frame/view.tsx';
import { count, fullInstant, instant, plural } from '../../words.ts';
import { mainFigure } from '../monitors/quality.ts';
import type { Stage } from './loop.ts';
import { stagesOf } from './loop.ts';
import { LoopMap } from './loop-map.tsx';

const eventsShown = 12;

export function Page(): ReactElement {
  const loop = useAsk('loop.get', {}, { keep: true });
  useView('slipway status', 'loop.get', {});
  return (
    <Loaded query={loop} lines={12}>
      {(data) => <Opened loop={data} />}
    </Loaded>
  );
}

function Opened({ loop }: { loop: Loop }): ReactElement {
  const stages = useMemo(() => stagesOf(loop), [loop]);
  const done = stages.filter((s) => s.fact !== undefined).length;
  if (done === 0) return <FirstRun stages={stages} />;
  return (
    <>
      <PageHead title="Overview" sentence={sentenceOf(loop, stages)} />
      <section className="panel" style={{ marginBottom: 'var(--gap)' }}>
        <header>
          <h2>The loop</h2>
          <span className="cap">{done === 10 ? 'every stage has run' : `${done} of 10 stages have run`}</span>
        </header>
        <LoopMap stages={stages} middle={middleOf(loop.serve, loop.rollout)} />
      </section>
      <Grid>
        <Attention {...loop.attention} />
        <Endpoints windows={loop.monitor?.windows ?? []} monitor={loop.monitor?.monitor} />
        <Recent />
      </Grid>
    </>
  );
}

const verdictWords: Readonly<Record<string, string>> = {
  ok: 'its last judged window is healthy',
  warning: 'its last judged window needs watching',
  alert: 'its last judged window is off',
};

function sentenceOf({ serve, monitor, attention }: Loop, stages: readonly Stage[]): ReactNode {
  const traffic = serve?.deployment?.traffic.length ?? 0;
  const last = monitor?.windows[0];
  const empty = stages.find((s) => s.fact === undefined);
  const waiting = attention.alerts.length + attention.approvals.length;
  const parts = [
    serve?.deployment === undefined
      ? 'Nothing is deployed yet'
      : `${serve.name} answers with ${plural(traffic, 'version')}`,
    ...(last === undefined ? [] : [verdictWords[last.verdict] ?? `its last judged window is ${last.verdict}`]),
    ...(waiting === 0 ? [] : [`${plural(waiting, 'thing')} ${waiting === 1 ? 'waits' : 'wait'} for somebody`]),
    ...(empty === undefined ? [] : [`next: ${empty.hint.toLowerCase()}`]),
  ];
  return `${parts.join('; ')}.`;
}

function middleOf(endpoint: Endpoint | undefined, rollout: Rollout | undefined): ReactNode {
  if (endpoint?.deployment === undefined) return 'No version answers yet';
  const lead = endpoint.deployment.traffic[0]?.version;
  if (rollout?.state === 'running') {
    return (
      <>
        <b>Champion v{rollout.incumbent}</b> answers; <b>challenger v{rollout.candidate}</b> is in stage{' '}
        {rollout.plan.stages[rollout.stage]?.name}.
      </>
    );
  }
  return (
    <>
      <b>v{lead}</b> has answered since {instant(endpoint.deployment.createdAt)}.
      {rollout !== undefined &&
        ` The last rollout, of v${rollout.candidate}, was ${statusOf(rollout.state).word.toLowerCase()}.`}
    </>
  );
}

function Attention({ alerts, refused, approvals }: Loop['attention']): ReactElement {
  return (
    <Panel title="Needs attention" span={5} flush actions={<Link to={to.alerts}>All alerts</Link>}>
      {alerts.length + refused.length + approvals.length === 0 ? (
        <EmptyState title="Nothing waits for you">Approvals, alerts and refused data appear here.</EmptyState>
      ) : (
        <ul>
          {approvals.map((approval) => (
            <ApprovalRow key={approval.id} approval={approval} />
          ))}
          {alerts.map((alert) => (
            <AlertRow key={alert.id} alert={alert} />
          ))}
          {refused.map((v) => (
            <Todo
              key={v.id}
              icon="bad"
              tone="bad"
              title={`${v.datasetVersions.map((d) => `${d.dataset}@${d.version}`).join(', ')} refused`}
              at={v.createdAt}
              action={<Link to={to.validation(v.id)}>See rows</Link>}
            >
              {v.failed} of {v.evaluated} expectations failed.
            </Todo>
          ))}
        </ul>
      )}
    </Panel>
  );
}

interface TodoProps {
  readonly icon: IconName;
  readonly tone: 'bad' | 'warn' | 'wait';
  readonly title: string;
  readonly at: number;
  readonly action: ReactElement;
  readonly children: ReactNode;
}

function Todo({ icon, tone, title, at, action, children }: TodoProps): ReactElement {
  return (
    <li className="todo">
      <span className={tone}>
        <Icon name={icon} />
      </span>
      <div>
        <p className="m">
          {title}{' '}
          <time className="t3 sm" title={fullInstant(at)}>
            {instant(at)}
          </time>
        </p>
        <p>{children}</p>
      </div>
      {action}
    </li>
  );
}

function ApprovalRow({ approval }: { approval: Approval }): ReactElement {
  const isAlias = approval.kind === 'alias';
  return (
    <Todo
      icon="hold"
      tone="wait"
      title={isAlias ? `${approval.model}@${approval.alias} to v${approval.version}` : `Policy ${approval.policy}`}
      at={approval.askedAt}
      action={<Link to={isAlias ? to.model(approval.model) : to.policy(approval.policy)}>Decide</Link>}
    >
      Asked by {approval.askedBy}; a {approval.role} decides before {instant(approval.lapsesAt)}.
    </Todo>
  );
}

function AlertRow({ alert }: { alert: Alert }): ReactElement {
  return (
    <Todo
      icon="warn"
      tone={alert.severity === 'alert' ? 'bad' : 'warn'}
      title={`${alert.severity === 'alert' ? 'Alert' : 'Warning'} of ${alert.monitor}`}
      at={alert.at}
      action={<Link to={to.monitor(alert.monitor)}>Open</Link>}
    >
      {alert.sentence}
    </Todo>
  );
}

interface EndpointsProps {
  readonly windows: readonly MonitorWindow[];
  readonly monitor: string | undefined;
}

function Endpoints({ windows, monitor }: EndpointsProps): ReactElement {
  const endpoints = useAsk('endpoints.list', { query: { limit: 20 } });
  return (
    <Panel title="Endpoints" span={7} flush actions={<Link to={to.endpoints}>All endpoints</Link>}>
      <Loaded query={endpoints}>
        {({ items }) => (
          <DataTable
            label="Endpoints"
            rows={items}
            rowKey={(e) => e.name}
            href={(e) => to.endpoint(e.name)}
            columns={[
              { key: 'name', head: 'Endpoint', cell: (e) => <Link to={to.endpoint(e.name)}>{e.name}</Link> },
              {
                key: 'state',
                head: 'State',
                cell: (e) => (
                  <StatusBadge
                    plain
                    state={
                      e.deployment === undefined
                        ? { tone: 'idle', word: 'Empty' }
                        : e.runningRollout === undefined
                          ? { tone: 'ok', word: 'Deployed' }
                          : { tone: 'run', word: 'Rolling out' }
                    }
                  />
                ),
              },
              { key: 'traffic', head: 'Traffic', cell: (e) => <Traffic endpoint={e} /> },
              {
                key: 'labels',
                head: 'Labels',
                isNumber: true,
                cell: (e) => count(e.labelCount),
                value: (e) => e.labelCount,
              },
            ]}
          />
        )}
      </Loaded>
      <Quality windows={windows} monitor={monitor} />
    </Panel>
  );
}

/** How good the answers were, window by window. */
function Quality({ windows, monitor }: EndpointsProps): ReactElement {
  const range = useTimeRange();
  const inRange = boundsOf(range, windows[0]?.to ?? 0);
  const ordered = windows.toReversed().filter((w) => mainFigure(w) !== undefined && isWithin(w.from, inRange));
  const figure = ordered.map(mainFigure).at(-1)?.name ?? 'AUC';
  const estimates = ordered.map((w) => mainFigure(w)?.value);
  return (
    <>
      {ordered.length > 1 && (
        <div className="padded quality">
          <LineChart
            label={`${figure} by window of ${monitor ?? 'the monitor'}, with 95 % intervals`}
            x={ordered.map((w) => w.from)}
            height={170}
            marks={marksOf(ordered)}
            series={[
              {
                name: `${figure} by window, 95 % interval`,
                color: '--arm-champion',
                values: estimates.map((e) => e?.value ?? null),
                low: estimates.map((e) => e?.low ?? null),
                high: estimates.map((e) => e?.high ?? null),
              },
            ]}
          />
        </div>
      )}
      {windows.length > 1 && ordered.length < 2 && (
        <p className="padded t3 sm">Fewer than two judged windows lie in {range.word.toLowerCase()}.</p>
      )}
    </>
  );
}

/** Where another version took over, and where the monitor raised its alert. */
const marksOf = (windows: readonly MonitorWindow[]): { readonly x: number; readonly name: string }[] =>
  windows.flatMap((w, i) => [
    ...(w.verdict === 'alert' ? [{ x: w.from, name: 'alert' }] : []),
    ...(i > 0 && windows[i - 1]?.version !== w.version ? [{ x: w.from, name: `v${w.version}` }] : []),
  ]);

function Recent(): ReactElement {
  const bounds = useBounds();
  const ledger = useAsk('ledger.list', { query: { limit: eventsShown, ...bounds } }, { keep: true });
  return (
    <Panel
      title="Ledger"
      caption={ledger.data === undefined ? '' : `latest of ${plural(ledger.data.headSeq, 'event')}`}
      flush
      actions={<Link to={to.ledger}>Open ledger</Link>}
    >
      <Loaded query={ledger} lines={12}>
        {({ items }) =>
          items.length === 0 ? (
            <EmptyState title="Nothing changed in this stretch of time">Choose a longer one above, with t.</EmptyState>
          ) : (
            <EventList rows={items} />
          )
        }
      </Loaded>
    </Panel>
  );
}

/** Nothing has run: three ways to a first success, and the loop that will fill in. */
function FirstRun({ stages }: { stages: readonly Stage[] }): ReactElement {
  return (
    <>
      <PageHead
        title="Nothing has run here yet"
        sentence="Slipway is up and listening. Send it something and the loop below fills in by itself, stage by stage."
      />
      <div className="start">
        <Start title="See it work first" command="slipway demo">
          Real flights from 2013 become a model that is served, decays, retrains and rolls out again. About a minute, in
          a workspace of its own.
        </Start>
        <Start
          title="Keep your MLflow scripts"
          command={`export MLFLOW_TRACKING_URI=${location.origin}\npython train.py`}
        >
          Point the client at this server. Runs, metrics and models appear under Experiments with no change to the code.
        </Start>
        <Start title="Start from a dataset" command="slipway data add flights ./2013-*.parquet">
          Store files. You get a version with a digest and a profile of every column.
        </Start>
      </div>
      <section className="panel">
        <header>
          <h2>The loop</h2>
          <span className="cap">each stage says what would make it start</span>
        </header>
        <LoopMap stages={stages} middle="0 of 10 stages have run" />
      </section>
    </>
  );
}

function Start({ title, command, children }: { title: string; command: string; children: ReactNode }): ReactElement {
  return (
    <section>
      <h3>{title}</h3>
      <p className="t2 sm grow">{children}</p>
      <pre className="code">{command}</pre>
    </section>
  );
}
