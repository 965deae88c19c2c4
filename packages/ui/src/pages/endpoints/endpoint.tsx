/** One endpoint: who answers, what the judge decided, how its predictions came out, and a form to ask it something. */
import type { Endpoint, Rollout } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link, useParams } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { DataTable } from '../../components/data-table.tsx';
import { Grid, PageHead, Panel, Stats } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { ArmMark, StatusBadge } from '../../components/status.tsx';
import { Traffic } from '../../components/traffic.tsx';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { count, instant } from '../../words.ts';
import { HoldNote, RolloutControls } from '../rollouts/controls.tsx';
import { Decisions, Stages } from '../rollouts/decisions.tsx';
import { EvidenceCharts, EvidenceSentence, useProgress } from '../rollouts/evidence.tsx';
import { verdictOf } from '../rollouts/judge-words.ts';
import { ArmSeries } from './arm-series.tsx';
import { Compared } from './compared.tsx';
import { Deploy } from './deploy.tsx';
import { Deployments } from './deployments.tsx';
import { eventTime } from './event-time.ts';
import { Inspector } from './inspector.tsx';
import { endpointState } from './list.tsx';
import { flagsOf, isFiltered, predictionQuery } from './prediction-filter.tsx';
import { Predictions } from './predictions.tsx';
import { Snippets } from './snippets.tsx';
import { TryIt } from './try-it.tsx';
import type { ViewState } from '../../components/use-view-state.ts';
import { useViewState } from '../../components/use-view-state.ts';
import './endpoint.css';

const rolloutsShown = 20;

export function Page(): ReactElement {
  const { endpoint: name = '' } = useParams();
  const endpoint = useAsk('endpoints.get', { params: { endpoint: name } });
  return (
    <Loaded query={endpoint} lines={12}>
      {(data) => <Shown endpoint={data} />}
    </Loaded>
  );
}

function Shown({ endpoint }: { endpoint: Endpoint }): ReactElement {
  const { name } = endpoint;
  const rollouts = useAsk('rollouts.list', { params: { endpoint: name }, query: { limit: rolloutsShown } });
  const view = useViewState();
  const last = rollouts.data?.items[0];
  const running = last?.state === 'running' ? last : undefined;
  return (
    <>
      <PageHead
        title={name}
        badges={<StatusBadge state={running?.hold === undefined ? endpointState(endpoint) : 'on-hold'} />}
        sentence={<Sentence endpoint={endpoint} rollout={last} />}
        actions={
          <>
            {running !== undefined && <RolloutControls rollout={running} />}
            {running === undefined && <Deploy endpoint={endpoint} />}
          </>
        }
      />
      {isFiltered(view) ? <FilteredCommand name={name} view={view} /> : <PlainCommand name={name} />}
      <Grid>
        {last !== undefined && <HoldNote rollout={last} />}
        {last !== undefined && <Standing endpoint={endpoint} rollout={last} />}
        <ArmSeries endpoint={endpoint} view={view} />
        <div className="col wide">
          <Judge rollouts={rollouts} endpoint={name} />
          <Predictions endpoint={endpoint} view={view} versions={versionsOf(endpoint, rollouts.data?.items ?? [])} />
          <Deployments endpoint={name} />
        </div>
        <Side endpoint={endpoint} view={view} />
      </Grid>
    </>
  );
}

function PlainCommand({ name }: { name: string }): null {
  useView(`slipway endpoint show ${name}`, 'endpoints.get', { params: { endpoint: name } });
  return null;
}

function FilteredCommand({ name, view }: { name: string; view: ViewState }): null {
  const query = predictionQuery(view);
  const cli = `slipway endpoint predictions ${name}${flagsOf(query)}`;
  useView(cli, 'endpoints.predictions', { params: { endpoint: name }, query });
  return null;
}

/** What is opened, a form to ask it something, and how a program asks. */
function Side({ endpoint, view }: { endpoint: Endpoint; view: ViewState }): ReactElement {
  const open = view.get('open');
  const opened = useAsk('predictions.get', { params: { prediction: open ?? '' } }, { enabled: open !== undefined });
  const newest = useAsk(
    'endpoints.predictions',
    { params: { endpoint: endpoint.name }, query: { order: 'newest', clock: 'received', limit: 1 } },
    { enabled: endpoint.deployment !== undefined },
  );
  const sample = (open === undefined ? undefined : opened.data) ?? newest.data?.items[0];
  return (
    <div className="col side">
      {open !== undefined && <Inspector id={open} view={view} />}
      <TryIt key={endpoint.name} endpoint={endpoint} view={view} sample={sample} />
      {endpoint.deployment !== undefined && <Snippets endpoint={endpoint} view={view} sample={sample} />}
      <Compared endpoint={endpoint} />
    </div>
  );
}

/** Versions that may have answered, newest first, as far as the endpoint and its rollouts tell. */
function versionsOf({ deployment }: Endpoint, rollouts: readonly Rollout[]): readonly number[] {
  const traffic = deployment?.traffic.map((share) => share.version) ?? [];
  const all = [...traffic, ...rollouts.flatMap((r) => [r.candidate, r.incumbent])];
  return [...new Set(all)].toSorted((a, b) => b - a);
}

function Sentence({ endpoint, rollout }: { endpoint: Endpoint; rollout: Rollout | undefined }): ReactElement {
  const { deployment, labelWatermarkAt } = endpoint;
  if (deployment === undefined) return <>No version answers yet; deploy one of {endpoint.spec.model}.</>;
  return (
    <>
      Deployment {deployment.number} since {instant(deployment.createdAt)}: <Traffic endpoint={endpoint} />.{' '}
      {rollout?.state === 'running' && `${verdictOf(rollout)} `}
      {labelWatermarkAt !== undefined &&
        `Outcomes are known up to ${eventTime(labelWatermarkAt)} ${new Date(labelWatermarkAt).getUTCFullYear()}.`}
    </>
  );
}

function Standing({ endpoint, rollout }: { endpoint: Endpoint; rollout: Rollout }): ReactElement {
  const { data } = useProgress(rollout);
  const now = data?.isJudging === true ? data : rollout.decisions.at(-1);
  return (
    <section className="panel strip" style={{ gridColumn: 'span 12' }} aria-label="The latest rollout">
      <div className="row wrap">
        <Link to={to.rollout(rollout.id)} className="m">
          v{rollout.incumbent} to v{rollout.candidate}
        </Link>
        <StatusBadge state={rollout.hold === undefined ? rollout.state : 'on-hold'} />
        <Stages rollout={rollout} />
      </div>
      <Stats
        stats={[
          { name: 'Judged requests', value: count(now?.requests ?? 0) },
          { name: 'By the candidate', value: count(now?.canaryRequests ?? 0) },
          { name: 'Labelled pairs', value: count(now?.labelledPairs ?? 0) },
          { name: 'Labels in all', value: count(endpoint.labelCount) },
        ]}
      />
    </section>
  );
}

/** The latest rollout in full, earlier ones as rows. */
function Judge({
  rollouts,
  endpoint,
}: {
  rollouts: ReturnType<typeof useAsk<'rollouts.list'>>;
  endpoint: string;
}): ReactElement {
  const last = rollouts.data?.items[0];
  return (
    <Panel
      title="Judge"
      caption={last === undefined ? undefined : verdictOf(last)}
      actions={last === undefined ? undefined : <Link to={to.rollout(last.id)}>Open rollout</Link>}
      flush
    >
      <Loaded query={rollouts}>
        {({ items }) =>
          last === undefined ? (
            <EmptyState title="No rollout yet" command={`slipway endpoint rollout ${endpoint} VERSION`}>
              From the second version on, the judge watches a candidate stage by stage and stops it when it harms.
            </EmptyState>
          ) : (
            <>
              <Evidence rollout={last} />
              <Decisions rollout={last} />
              {items.length > 1 && <Earlier rollouts={items.slice(1)} />}
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}

function Evidence({ rollout }: { rollout: Rollout }): ReactElement {
  const progress = useProgress(rollout);
  return (
    <Loaded query={progress} lines={4}>
      {(data) => (
        <>
          <EvidenceSentence rollout={rollout} progress={data} />
          <EvidenceCharts rollout={rollout} progress={data} />
        </>
      )}
    </Loaded>
  );
}

function Earlier({ rollouts }: { rollouts: readonly Rollout[] }): ReactElement {
  return (
    <DataTable
      label="Earlier rollouts"
      rows={rollouts}
      rowKey={(r) => r.id}
      href={(r) => to.rollout(r.id)}
      columns={[
        {
          key: 'what',
          head: 'Earlier rollouts',
          cell: (r) => (
            <Link to={to.rollout(r.id)}>
              <ArmMark arm="champion" /> v{r.incumbent} to <ArmMark arm="challenger" /> v{r.candidate}
            </Link>
          ),
        },
        { key: 'state', head: 'State', cell: (r) => <StatusBadge plain state={r.state} /> },
        { key: 'started', head: 'Started', cell: (r) => instant(r.startedAt) },
        { key: 'by', head: 'By', isExtra: true, cell: (r) => r.startedBy },
        { key: 'requests', head: 'Requests', isNumber: true, cell: (r) => count(r.decisions.at(-1)?.requests ?? 0) },
        {
          key: 'pairs',
          head: 'Labelled pairs',
          isNumber: true,
          cell: (r) => count(r.decisions.at(-1)?.labelledPairs ?? 0),
        },
      ]}
    />
  );
}
