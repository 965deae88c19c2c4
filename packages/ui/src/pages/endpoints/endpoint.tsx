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
import { CancelRollout } from '../rollouts/cancel.tsx';
import { Decisions, Stages } from '../rollouts/decisions.tsx';
import { verdictOf } from '../rollouts/judge-words.ts';
import { Compared } from './compared.tsx';
import { Deploy } from './deploy.tsx';
import { Deployments } from './deployments.tsx';
import { eventTime } from './event-time.ts';
import { Inspector } from './inspector.tsx';
import { endpointState } from './list.tsx';
import { Charts } from './prediction-charts.tsx';
import { Predictions } from './predictions.tsx';
import { usePredictionRange } from './prediction-range.ts';
import { TryIt } from './try-it.tsx';
import { useViewState } from '../../components/use-view-state.ts';
import './endpoint.css';

const rolloutsShown = 20;

export function Page(): ReactElement {
  const { endpoint: name = '' } = useParams();
  const params = { endpoint: name };
  const endpoint = useAsk('endpoints.get', { params });
  useView(`slipway endpoint show ${name}`, 'endpoints.get', { params });
  return (
    <Loaded query={endpoint} lines={12}>
      {(data) => <Shown endpoint={data} />}
    </Loaded>
  );
}

function Shown({ endpoint }: { endpoint: Endpoint }): ReactElement {
  const rollouts = useAsk('rollouts.list', { params: { endpoint: endpoint.name }, query: { limit: rolloutsShown } });
  const view = useViewState();
  const range = usePredictionRange(endpoint, view);
  const last = rollouts.data?.items[0];
  const running = last?.state === 'running' ? last : undefined;
  const open = view.get('open');
  const items = range.answer.data?.items ?? [];
  return (
    <>
      <PageHead
        title={endpoint.name}
        badges={<StatusBadge state={endpointState(endpoint)} />}
        sentence={<Sentence endpoint={endpoint} rollout={last} />}
        actions={
          <>
            {running !== undefined && <CancelRollout rollout={running} />}
            <Deploy endpoint={endpoint} />
          </>
        }
      />
      <Grid>
        {last !== undefined && <Standing endpoint={endpoint} rollout={last} />}
        <Charts range={range} />
        <div className="col wide">
          <Judge rollouts={rollouts} endpoint={endpoint.name} />
          <Predictions endpoint={endpoint} range={range} view={view} />
          <Deployments endpoint={endpoint.name} />
        </div>
        <div className="col side">
          {open !== undefined && <Inspector id={open} view={view} />}
          <TryIt
            key={endpoint.name}
            endpoint={endpoint}
            view={view}
            sample={items.find((p) => p.id === open) ?? items.at(-1)}
          />
          <Compared endpoint={endpoint.name} range={range} />
        </div>
      </Grid>
    </>
  );
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
  const last = rollout.decisions.at(-1);
  return (
    <section className="panel strip" style={{ gridColumn: 'span 12' }} aria-label="The latest rollout">
      <div className="row wrap">
        <Link to={to.rollout(rollout.id)} className="m">
          v{rollout.incumbent} to v{rollout.candidate}
        </Link>
        <StatusBadge state={rollout.state} />
        <Stages rollout={rollout} />
      </div>
      <Stats
        stats={[
          { name: 'Judged requests', value: count(last?.requests ?? 0) },
          { name: 'Labelled pairs', value: count(last?.labelledPairs ?? 0) },
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
              <Decisions rollout={last} />
              {items.length > 1 && <Earlier rollouts={items.slice(1)} />}
            </>
          )
        }
      </Loaded>
    </Panel>
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
