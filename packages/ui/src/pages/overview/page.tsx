/** The first page: the loop, what needs somebody, who answers, how good the answers are, what happened last. */
import type { Alert, Endpoint, MonitorWindow, Rollout } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { Link } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { DataTable } from '../../components/data-table.tsx';
import { EventList } from '../../components/event-list.tsx';
import { Icon } from '../../components/icon.tsx';
import { Grid, PageHead, Panel } from '../../components/layout.tsx';
import { LineChart } from '../../components/line-chart.tsx';
import { EmptyState, Loaded, Skeleton } from '../../components/states.tsx';
import { StatusBadge, statusOf } from '../../components/status.tsx';
import { Traffic } from '../../components/traffic.tsx';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { instant, plural } from '../../words.ts';
import type { Loop } from './loop.ts';
import { useLoop } from './loop.ts';
import { LoopMap } from './loop-map.tsx';

const eventsShown = 12;

export function Page(): ReactElement {
  const loop = useLoop();
  useView('slipway ledger list --limit 12', 'ledger.list', { query: { limit: eventsShown } });
  if (loop.isLoading) return <Skeleton lines={12} />;
  const done = loop.stages.filter((s) => s.fact !== undefined).length;
  if (done === 0) return <FirstRun loop={loop} />;
  return (
    <>
      <PageHead title="Overview" sentence={sentenceOf(loop)} />
      <section className="panel" style={{ marginBottom: 'var(--gap)' }}>
        <header>
          <h2>The loop</h2>
          <span className="cap">{done === 10 ? 'every stage has run' : `${done} of 10 stages have run`}</span>
        </header>
        <LoopMap stages={loop.stages} middle={middleOf(loop.endpoint, loop.rollout)} />
      </section>
      <Grid>
        <Attention />
        <Endpoints windows={loop.windows} />
        <Recent />
      </Grid>
    </>
  );
}

function sentenceOf({ endpoint, windows, stages }: Loop): ReactNode {
  const traffic = endpoint?.deployment?.traffic.length ?? 0;
  const last = windows[0];
  const empty = stages.find((s) => s.fact === undefined);
  const parts = [
    endpoint === undefined ? 'Nothing is deployed yet' : `${endpoint.name} answers with ${plural(traffic, 'version')}`,
    ...(last === undefined ? [] : [`the last judged window is ${statusOf(last.verdict).word.toLowerCase()}`]),
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

function Attention(): ReactElement {
  const alerts = useAsk('alerts.list', { query: { state: 'open', limit: 20 } });
  const failed = useAsk('validations.list', { query: { limit: 10 } });
  const refused = failed.data?.items.filter((v) => !v.success).slice(0, 2) ?? [];
  return (
    <Panel title="Needs attention" span={5} flush actions={<Link to={to.alerts}>All alerts</Link>}>
      <Loaded query={alerts}>
        {({ items }) =>
          items.length + refused.length === 0 ? (
            <EmptyState title="Nothing waits for you">Alerts and refused data appear here.</EmptyState>
          ) : (
            <ul>
              {items.map((alert) => (
                <AlertRow key={alert.id} alert={alert} />
              ))}
              {refused.map((v) => (
                <li className="todo" key={v.id}>
                  <span className="bad">
                    <Icon name="bad" />
                  </span>
                  <div>
                    <p className="m">
                      {v.datasetVersions.map((d) => `${d.dataset}@${d.version}`).join(', ')} refused{' '}
                      <span className="t3 sm">{instant(v.createdAt)}</span>
                    </p>
                    <p>
                      {v.failed} of {v.evaluated} expectations failed.
                    </p>
                  </div>
                  <Link className="btn sm" to={to.validation(v.id)}>
                    See rows
                  </Link>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Panel>
  );
}

function AlertRow({ alert }: { alert: Alert }): ReactElement {
  const tone = alert.severity === 'alert' ? 'bad' : 'warn';
  return (
    <li className="todo">
      <span className={tone}>
        <Icon name="warn" />
      </span>
      <div>
        <p className="m">
          {alert.severity === 'alert' ? 'Alert' : 'Warning'} of {alert.monitor}{' '}
          <span className="t3 sm">{instant(alert.at)}</span>
        </p>
        <p>{alert.sentence}</p>
      </div>
      <Link className="btn sm" to={to.monitor(alert.monitor)}>
        Open
      </Link>
    </li>
  );
}

function Endpoints({ windows }: { windows: readonly MonitorWindow[] }): ReactElement {
  const endpoints = useAsk('endpoints.list', { query: { limit: 20 } });
  const ordered = windows.toReversed().filter((w) => w.auc !== undefined);
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
              { key: 'labels', head: 'Labels', isNumber: true, cell: (e) => e.labelCount },
            ]}
          />
        )}
      </Loaded>
      {ordered.length > 1 && (
        <div className="padded">
          <LineChart
            label="AUC of the serving version by window, with 95 % intervals"
            x={ordered.map((w) => w.from)}
            height={150}
            series={[
              {
                name: 'AUC by window, 95 % interval',
                color: '--arm-champion',
                values: ordered.map((w) => w.auc?.value ?? null),
                low: ordered.map((w) => w.auc?.low ?? null),
                high: ordered.map((w) => w.auc?.high ?? null),
              },
            ]}
          />
        </div>
      )}
    </Panel>
  );
}

function Recent(): ReactElement {
  const ledger = useAsk('ledger.list', { query: { limit: eventsShown } }, { keep: true });
  return (
    <Panel
      title="Ledger"
      caption={ledger.data === undefined ? '' : `latest of ${plural(ledger.data.headSeq, 'event')}`}
      flush
      actions={<Link to={to.ledger}>Open ledger</Link>}
    >
      <Loaded query={ledger}>{({ items }) => <EventList rows={items} />}</Loaded>
    </Panel>
  );
}

/** Nothing has run: three ways to a first success, and the loop that will fill in. */
function FirstRun({ loop }: { loop: Loop }): ReactElement {
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
        <LoopMap stages={loop.stages} middle="0 of 10 stages have run" />
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
