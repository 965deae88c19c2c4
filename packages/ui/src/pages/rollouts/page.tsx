/** One rollout: what became of it, the plan, every decision with its evidence, what stopped it and what it cost. */
import type { Rollout } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link, useParams } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { DataTable } from '../../components/data-table.tsx';
import { Grid, PageHead, Pairs, Panel, Stats } from '../../components/layout.tsx';
import { LineChart } from '../../components/line-chart.tsx';
import { Loaded } from '../../components/states.tsx';
import { ArmMark, StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { count, duration, fullInstant, instant, short, signed } from '../../words.ts';
import { CancelRollout } from './cancel.tsx';
import { Decisions, Stages } from './decisions.tsx';
import { guardWords, stagesOf, verdictOf } from './judge-words.ts';

export function Page(): ReactElement {
  const { rollout: id = '' } = useParams();
  const rollout = useAsk('rollouts.get', { params: { rollout: id } });
  const endpoint = rollout.data?.endpoint;
  useView(
    endpoint === undefined ? `slipway why rollout ${id}` : `slipway endpoint rollouts ${endpoint}`,
    'rollouts.get',
    { params: { rollout: id } },
  );
  return (
    <Loaded query={rollout} lines={10}>
      {(data) => <Shown rollout={data} />}
    </Loaded>
  );
}

function Shown({ rollout }: { rollout: Rollout }): ReactElement {
  const { candidate, incumbent, endpoint, state } = rollout;
  const last = rollout.decisions.at(-1);
  return (
    <>
      <PageHead
        title={`v${incumbent} to v${candidate} on ${endpoint}`}
        badges={<StatusBadge state={state} />}
        sentence={verdictOf(rollout)}
        actions={
          <>
            <Link className="btn" to={to.why('rollout', rollout.id)}>
              Why
            </Link>
            {state === 'running' && <CancelRollout rollout={rollout} />}
          </>
        }
      />
      <Grid>
        <section className="panel strip" style={{ gridColumn: 'span 12' }} aria-label="Where it stands">
          <Stages rollout={rollout} />
          <Stats
            stats={[
              { name: 'Requests', value: count(last?.requests ?? 0) },
              { name: 'By the candidate', value: count(last?.canaryRequests ?? 0) },
              { name: 'Labelled pairs', value: count(last?.labelledPairs ?? 0) },
              ...(rollout.harm === undefined
                ? []
                : [{ name: 'Extra log loss', value: signed(rollout.harm, 2), unit: harmWords(rollout.harm) }]),
            ]}
          />
        </section>
        <Panel
          title="Judge"
          caption={state === 'running' ? 'looks at every request and label' : 'newest decision first'}
          span={8}
          flush
        >
          <Decisions rollout={rollout} isOpen />
        </Panel>
        <div className="col" style={{ gridColumn: 'span 4', gap: 'var(--gap)' }}>
          <Panel title="Outcome">
            <Outcome rollout={rollout} />
          </Panel>
          <Ranking rollout={rollout} />
        </div>
        <Plan rollout={rollout} />
      </Grid>
    </>
  );
}

const harmWords = (harm: number): string => (harm <= 0 ? 'less than the incumbent' : 'more than the incumbent');

function Outcome({ rollout }: { rollout: Rollout }): ReactElement {
  const { candidate, incumbent, plan, startedAt, finishedAt, endpoint } = rollout;
  return (
    <Pairs
      pairs={[
        { name: 'Endpoint', value: <Link to={to.endpoint(endpoint)}>{endpoint}</Link> },
        {
          name: 'Incumbent',
          value: (
            <>
              <ArmMark arm="champion" /> v{incumbent}
            </>
          ),
        },
        {
          name: 'Candidate',
          value: (
            <>
              <ArmMark arm="challenger" /> v{candidate}
            </>
          ),
        },
        { name: 'Stopped by', value: rollout.guard === undefined ? 'no guard' : guardWords(rollout.guard) },
        {
          name: 'Harm',
          value:
            rollout.harm === undefined
              ? 'not measured: no outcome of its answers is known'
              : `${signed(rollout.harm, 2)} log loss, summed over its labelled answers`,
        },
        { name: 'Started', value: <time title={fullInstant(startedAt)}>{instant(startedAt)}</time> },
        { name: 'By', value: rollout.startedBy },
        {
          name: 'Took',
          value:
            finishedAt === undefined
              ? `not finished; until ${instant(rollout.deadlineAt)}`
              : duration(finishedAt - startedAt),
        },
        {
          name: 'To be promoted',
          value: `ranks better by ${plan.rule.aucZ} standard errors, log loss at most ${signed(plan.rule.logLossMargin)} worse`,
        },
        { name: 'Days told apart in', value: plan.zone },
        { name: 'Rollout', value: <code title={rollout.id}>{short(rollout.id)}</code> },
      ]}
    />
  );
}

/** How both ranked at each look of the judge, when it looked more than once. */
function Ranking({ rollout }: { rollout: Rollout }): ReactElement | null {
  const looks = rollout.decisions.filter((d) => typeof d.evidence?.['championAuc'] === 'number');
  if (looks.length < 2) return null;
  return (
    <Panel title="AUC at each look" caption="by labelled pairs">
      <LineChart
        label="AUC of incumbent and candidate at each look of the judge, by labelled pairs"
        x={looks.map((d) => d.labelledPairs)}
        isTime={false}
        xName="labelled pairs"
        height={140}
        series={[
          {
            name: `v${rollout.incumbent}`,
            color: '--arm-champion',
            values: looks.map((d) => d.evidence?.['championAuc'] ?? null),
          },
          {
            name: `v${rollout.candidate}`,
            color: '--arm-challenger',
            isDashed: true,
            values: looks.map((d) => d.evidence?.['challengerAuc'] ?? null),
          },
        ]}
      />
    </Panel>
  );
}

function Plan({ rollout }: { rollout: Rollout }): ReactElement {
  return (
    <Panel title="Plan" caption={`moves the alias ${rollout.plan.alias} when it is promoted`} flush>
      <DataTable
        label="Stages of the plan"
        rows={stagesOf(rollout)}
        rowKey={(s) => s.name}
        columns={[
          { key: 'name', head: 'Stage', cell: (s) => <b className="m">{s.name}</b> },
          {
            key: 'share',
            head: 'Candidate answers',
            cell: (s) => (s.percent === 0 ? 'nobody, it is scored' : `${s.percent} %`),
          },
          { key: 'needs', head: 'Waits for', cell: (s) => s.needs },
          { key: 'deadline', head: 'At most', isExtra: true, cell: (s) => s.deadline },
          {
            key: 'started',
            head: 'Began',
            cell: (s) => (s.startedAt === undefined ? <span className="t3">not reached</span> : instant(s.startedAt)),
          },
          { key: 'took', head: 'Took', isNumber: true, cell: (s) => s.took ?? <span className="t3">not set</span> },
        ]}
      />
    </Panel>
  );
}
