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
import { count, duration, fullInstant, instant, short, signedFigure } from '../../words.ts';
import { HoldNote, RolloutControls } from './controls.tsx';
import { Decisions, Stages } from './decisions.tsx';
import type { ProgressQuery } from './evidence.tsx';
import { EvidenceCharts, EvidenceSentence, Guards, useProgress } from './evidence.tsx';
import { guardWords, looksOf, stagesOf, verdictOf } from './judge-words.ts';
import { ruleWords, taskOf, taskWords } from './task-words.ts';

export function Page(): ReactElement {
  const { rollout: id = '' } = useParams();
  const rollout = useAsk('rollouts.get', { params: { rollout: id } });
  const endpoint = rollout.data?.endpoint;
  useView(
    rollout.data?.state === 'running'
      ? `slipway endpoint progress ${id}`
      : endpoint === undefined
        ? `slipway why rollout ${id}`
        : `slipway endpoint rollouts ${endpoint}`,
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
  const progress = useProgress(rollout);
  return (
    <>
      <PageHead
        title={`v${incumbent} to v${candidate} on ${endpoint}`}
        badges={<StatusBadge state={rollout.hold === undefined ? state : 'on-hold'} />}
        sentence={verdictOf(rollout)}
        actions={
          <>
            <Link className="btn" to={to.why('rollout', rollout.id)}>
              Why
            </Link>
            <RolloutControls rollout={rollout} />
          </>
        }
      />
      <Grid>
        <HoldNote rollout={rollout} />
        <section className="panel strip" style={{ gridColumn: 'span 12' }} aria-label="Where it stands">
          <Stages rollout={rollout} />
          <Counts rollout={rollout} progress={progress} />
        </section>
        <Panel
          title="Evidence"
          caption={state === 'running' ? 'looks at every request and label' : 'as it went, until it ended'}
          flush
        >
          <Loaded query={progress} lines={6}>
            {(data) => (
              <>
                <EvidenceSentence rollout={rollout} progress={data} />
                <EvidenceCharts rollout={rollout} progress={data} />
                <Guards guards={data.guards} task={data.task} />
              </>
            )}
          </Loaded>
        </Panel>
        <Panel title="Decisions" caption="newest first" span={8} flush>
          <Decisions rollout={rollout} isOpen />
        </Panel>
        <div className="col" style={{ gridColumn: 'span 4', gap: 'var(--gap)' }}>
          <Panel title="Outcome">
            <Outcome rollout={rollout} progress={progress} />
          </Panel>
          <Looks rollout={rollout} />
        </div>
        <Plan rollout={rollout} />
      </Grid>
    </>
  );
}

/** While it runs the figures tick in place: as wide as they get, whatever they are. */
function Counts({ rollout, progress }: { rollout: Rollout; progress: ProgressQuery }): ReactElement {
  const last = rollout.decisions.at(-1);
  const { harm } = taskWords[taskOf(rollout)];
  const { data } = progress;
  const now = data?.isJudging === true ? data : last;
  return (
    <Stats
      stats={[
        { name: 'Requests', value: count(now?.requests ?? 0) },
        { name: 'By the candidate', value: count(now?.canaryRequests ?? 0) },
        { name: 'Labelled pairs', value: count(now?.labelledPairs ?? 0) },
        ...(data?.isJudging === true ? [{ name: 'Looks', value: count(data.looks) }] : []),
        ...(rollout.harm === undefined || last?.labelledPairs === 0
          ? []
          : [{ name: `Extra ${harm}`, value: signedFigure(rollout.harm), unit: harmWords(rollout.harm) }]),
      ]}
    />
  );
}

const harmWords = (harm: number): string => (harm <= 0 ? 'less than the incumbent' : 'more than the incumbent');

function Outcome({ rollout, progress }: { rollout: Rollout; progress: ProgressQuery }): ReactElement {
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
        { name: 'Harm', value: harmOf(rollout, progress) },
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
          value: ruleWords(rollout),
        },
        { name: 'Days told apart in', value: plan.zone },
        { name: 'Rollout', value: <code title={rollout.id}>{short(rollout.id)}</code> },
      ]}
    />
  );
}

/** While it runs what is measured so far, with its bound; afterwards what it came to. */
function harmOf(rollout: Rollout, { data }: ProgressQuery): string {
  const { harm } = taskWords[taskOf(rollout)];
  if (data?.isJudging === true) {
    if (data.harmUpper === null) return 'not measured yet: too few outcomes of its answers are known';
    return `${signedFigure(data.harm)} ${harm} over its labelled answers so far; with 95 % at most ${signedFigure(data.harmUpper)}`;
  }
  return rollout.harm === undefined || rollout.decisions.at(-1)?.labelledPairs === 0
    ? 'not measured: no outcome of its answers is known'
    : `${signedFigure(rollout.harm)} ${harm}, summed over its labelled answers`;
}

/** How much better it was at each look, beside what that look asked for. */
function Looks({ rollout }: { rollout: Rollout }): ReactElement | null {
  const looks = looksOf(rollout);
  if (looks.length === 0) return null;
  const task = taskOf(rollout);
  const by = task === 'binary' ? 'AUC' : taskWords[task].main;
  return (
    <Panel title="Is it better?" caption={`by ${by} at each look, in standard errors`}>
      <LineChart
        label={`How much better by ${by} at each look of the judge in standard errors, by labelled pairs`}
        x={looks.map((look) => look.pairs)}
        isTime={false}
        xName="labelled pairs"
        height={140}
        digits={2}
        unit="standard errors"
        series={[
          {
            name:
              task === 'binary' ? `v${rollout.candidate} less v${rollout.incumbent}` : `v${rollout.candidate} better`,
            color: '--arm-challenger',
            values: looks.map((look) => look.z),
          },
          {
            name: 'asked for',
            color: '--ref',
            isDashed: true,
            values: looks.map((look) => look.asked),
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
