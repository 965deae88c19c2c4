/** The first page: the loop, what needs somebody, who answers, how good the answers are, what happened last. */
import type { Endpoint, Loop, Rollout } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { useMemo } from 'react';
import { Link } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { EventList } from '../../components/event-list.tsx';
import { Icon } from '../../components/icon.tsx';
import { Grid, PageHead, Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { statusOf } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { useBounds } from '../../frame/time-range.ts';
import { useView } from '../../frame/view.tsx';
import { instant, plural } from '../../words.ts';
import { Attention } from './attention.tsx';
import { Endpoints, usePace } from './endpoints.tsx';
import type { Stage } from './loop.ts';
import { stagesOf } from './loop.ts';
import { LoopMap } from './loop-map.tsx';
import { NewMenu } from './new-menu.tsx';
import './overview.css';

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
  const pace = usePace(loop.serve?.name);
  const stages = useMemo(() => stagesOf(loop, pace), [loop, pace?.to, pace?.perSecond]);
  const done = stages.filter((s) => s.fact !== undefined).length;
  if (done === 0) return <FirstRun stages={stages} />;
  return (
    <>
      <PageHead
        title={loop.question ?? 'Overview'}
        sentence={sentenceOf(loop, stages)}
        actions={<Actions loop={loop} />}
      />
      <section className="panel" style={{ marginBottom: 'var(--gap)' }}>
        <header>
          <h2>The loop</h2>
          <span className="cap">
            {[roundOf(loop), done === 10 ? 'every stage has run' : `${done} of 10 stages have run`]
              .filter((part) => part !== undefined)
              .join('; ')}
          </span>
        </header>
        <LoopMap stages={stages} middle={middleOf(loop.serve, loop.rollout)} />
      </section>
      <Grid>
        <Attention {...loop.attention} />
        <Endpoints loop={loop} />
        <Recent />
      </Grid>
    </>
  );
}

function Actions({ loop: { train, serve } }: { loop: Loop }): ReactElement {
  return (
    <>
      <Link className="btn" to={train === undefined ? to.pipelines : to.pipelineForm(train.pipeline)}>
        <Icon name="play" small />
        Run pipeline
      </Link>
      <NewMenu pipeline={train?.pipeline} endpoint={serve?.name} />
    </>
  );
}

const policyPrefix = 'policy:';

/**
 * A round ends with a version of the model that is served: while a pipeline runs that may register the next one, it is that
 * one's. Nothing is said where the newest version is another model's.
 */
function roundOf({ register, train, serve }: Loop): string | undefined {
  if (train === undefined || (serve !== undefined && register !== undefined && serve.spec.model !== register.model))
    return undefined;
  const isNext = train.state === 'running' && (register === undefined || train.startedAt > register.createdAt);
  const number = (register?.number ?? 0) + (isNext ? 1 : 0);
  if (number === 0) return undefined;
  const by = train.startedBy.startsWith(policyPrefix)
    ? `policy ${train.startedBy.slice(policyPrefix.length)}`
    : train.startedBy;
  return `round ${number}, started by ${by}`;
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
