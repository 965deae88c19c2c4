/** The judge's evidence: charts with the lines at which it decides, each guard with its next look, and the rest in words. */
import type { GuardState, Rollout, RolloutProgress } from '@slipway/contract';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import type { ApiError } from '../../api/client.ts';
import { useAsk } from '../../api/queries.ts';
import { DataTable } from '../../components/data-table.tsx';
import { LineChart } from '../../components/line-chart.tsx';
import { count, decimals, instant, plural } from '../../words.ts';
import { guardWords } from './judge-words.ts';
import { countedWord, effectWords, guardName, taskWords } from './task-words.ts';

/** While requests come no event says so: the counts are asked for. */
const askEveryMs = 2000;

export type ProgressQuery = UseQueryResult<RolloutProgress, ApiError>;

export const useProgress = (rollout: Rollout): ProgressQuery =>
  useAsk(
    'rollouts.progress',
    { params: { rollout: rollout.id } },
    { keep: true, everyMs: rollout.state === 'running' ? askEveryMs : undefined },
  );

/** How near a guard is to what it acts on, 1 is there: where the effect has to be large too, the smaller of the two. */
function nearness({ value, bar, effect }: GuardState): number {
  const near = Math.max(0, value ?? 0) / bar;
  return effect === undefined ? near : Math.min(near, Math.max(0, effect.value ?? 0) / effect.bar);
}

interface EvidenceProps {
  readonly rollout: Rollout;
  readonly progress: RolloutProgress;
}

/** What the evidence says now, in plain words. */
export function EvidenceSentence({ rollout, progress }: EvidenceProps): ReactElement | null {
  const { candidate } = rollout;
  if (!progress.isJudging) {
    // What became of one that has ended is the sentence of its page.
    if (rollout.state !== 'running') return null;
    return <p className="judged">The endpoint could not be loaded: nothing is judged until it is deployed again.</p>;
  }
  const strongest = progress.guards.toSorted((a, b) => nearness(b) - nearness(a))[0];
  const near = strongest === undefined ? 0 : nearness(strongest);
  return (
    <p className="judged">
      <b>{near < 0.8 ? 'No sign of harm.' : near < 1 ? 'Something points to harm.' : 'A guard has fired.'}</b>{' '}
      {strongest !== undefined && near > 0
        ? `The strongest evidence against v${candidate} is that of ${guardWords(strongest.guard)}, at ${decimals(near * 100, 0)} % of what it acts on.`
        : `Nothing speaks against v${candidate} so far.`}{' '}
      {forecastOf(rollout, progress)}
    </p>
  );
}

/** When promotion can be decided, and what it waits for. */
export function forecastOf(rollout: Rollout, progress: RolloutProgress): string {
  const { nextLookAtPairs, labelledPairs, earliestDecisionAt } = progress;
  if (rollout.hold !== undefined) return 'While it is on hold nothing is decided but a roll-back.';
  if (nextLookAtPairs === undefined) return '';
  const isLast = rollout.stage === rollout.plan.stages.length - 1;
  const what = `Whether it is better is judged ${isLast ? '' : 'in the last stage, '}at ${plural(nextLookAtPairs, 'labelled pair')}; ${count(labelledPairs)} are there.`;
  if (earliestDecisionAt === undefined) return `${what} None come at the moment, so that cannot be foretold.`;
  if (isLast && earliestDecisionAt > rollout.deadlineAt)
    return `${what} At this pace that is after the deadline of ${instant(rollout.deadlineAt)}: it would end unpromoted.`;
  return `${what} At this pace that is not before ${instant(earliestDecisionAt)}.`;
}

const ln10 = Math.LN10;
/** A power of ten as people write it: 100, 0.1; between whole powers nothing. */
function powerOfTen(power: number): string {
  const whole = Math.round(power);
  if (Math.abs(whole - power) > 1e-6) return '';
  return whole >= 0 ? count(10 ** whole) : String(Number((10 ** whole).toPrecision(1)));
}

const marksOf = (rollout: Rollout): { readonly x: number; readonly name: string }[] => {
  const { stages } = rollout.plan;
  const advanced = rollout.decisions.filter((d) => d.verdict === 'advanced');
  return advanced.map((d, i) => ({ x: d.requests, name: `${stages[i + 1]?.percent ?? ''} %` }));
};

export function EvidenceCharts({ rollout, progress }: EvidenceProps): ReactElement {
  const { trail, task } = progress;
  const { main } = taskWords[task];
  const marks = marksOf(rollout);
  // Each over what it counts: after a restart labels come behind requests in the trail.
  const byRequests = lastOfEach(trail.requests);
  const byPairs = lastOfEach(trail.pairs);
  const at = (values: readonly (number | null)[], places: readonly number[]) => places.map((i) => values[i] ?? null);
  if (trail.requests.length < 2) {
    return (
      <p className="sm t2 padded">
        {rollout.state === 'running'
          ? 'The evidence is drawn from the second judged request on.'
          : 'How the evidence went was not kept of this rollout; its decisions are below.'}
      </p>
    );
  }
  const logTen = (values: readonly (number | null)[]): (number | null)[] =>
    at(values, byRequests).map((v) => (v === null ? null : v / ln10));
  const barOf = (guard: GuardState['guard'], otherwise: number): number =>
    progress.guards.find((g) => g.guard === guard)?.bar ?? otherwise;
  return (
    <div className="evidence">
      <div>
        <h3>Evidence that v{rollout.candidate} harms</h3>
        <LineChart
          label="Evidence of harm by judged requests, as powers of ten"
          x={byRequests.map((i) => trail.requests[i] ?? 0)}
          isTime={false}
          xName="judged requests"
          height={150}
          digits={2}
          yWords={powerOfTen}
          marks={marks}
          series={[
            { name: 'errors', color: '--c3', values: logTen(trail.errors) },
            { name: 'split of the traffic', color: '--c4', isDashed: true, values: logTen(trail.sampleRatio) },
          ]}
          lines={[
            {
              value: barOf('errors', Math.log(100)) / ln10,
              name: 'errors roll back at',
              color: '--bad-solid',
            },
            { value: barOf('sample-ratio', Math.log(1000)) / ln10, name: 'the split at', color: '--warn-solid' },
          ]}
        />
      </div>
      <div>
        <h3>Labelled pairs: is v{rollout.candidate} worse?</h3>
        <LineChart
          label={`Mean difference of ${main} in standard errors, by labelled pairs`}
          x={byPairs.map((i) => trail.pairs[i] ?? 0)}
          isTime={false}
          xName="labelled pairs"
          height={150}
          digits={2}
          series={[
            {
              name: `${main}, candidate less incumbent`,
              color: '--arm-challenger',
              values: at(trail.labelsZ, byPairs),
            },
          ]}
          lines={[
            { value: barOf('labels', task === 'binary' ? 3.3 : 3.6), name: 'rolls back at', color: '--bad-solid' },
          ]}
        />
        <p className="xs t3">{lookRule(progress)}</p>
      </div>
    </div>
  );
}

/** A line that crosses the bar between two looks decides nothing. */
function lookRule({ guards, task }: RolloutProgress): string {
  const labels = guards.find((g) => g.guard === 'labels');
  const effect =
    labels?.effect === undefined
      ? ''
      : `, and only where the rise is above ${effectWords('labels', task)(labels.effect.bar)}`;
  const next = labels?.nextLookAt === undefined ? '' : ` (the next at ${count(labels.nextLookAt)} pairs)`;
  return `Acts at a look only${next}${effect}.`;
}

/** Places of the last of equal neighbours. */
const lastOfEach = (values: readonly number[]): number[] =>
  values.flatMap((value, i) => (value === values[i + 1] ? [] : [i]));

const scaleWords: Readonly<Record<GuardState['scale'], (value: number) => string>> = {
  'log-evidence': (value) =>
    `${Number(Math.exp(value).toPrecision(2)).toLocaleString('en-US').replaceAll(',', '\u202f')} : 1`,
  z: (value) => `${decimals(value, 2)} standard errors`,
  distance: (value) => `distance ${decimals(value, 2)}`,
};

export function Guards({ guards, task }: Pick<RolloutProgress, 'guards' | 'task'>): ReactElement | null {
  if (guards.length === 0) return null;
  return (
    <DataTable
      label="Guards"
      rows={guards}
      rowKey={(g) => g.guard}
      columns={[
        { key: 'guard', head: 'Guard', cell: (g) => <b className="m">{guardName(g.guard, task)}</b> },
        {
          key: 'value',
          head: 'Against it',
          isNumber: true,
          cell: (g) => (g.value === null ? <span className="t3">not looked yet</span> : scaleWords[g.scale](g.value)),
        },
        { key: 'bar', head: 'Acts above', isNumber: true, cell: (g) => scaleWords[g.scale](g.bar) },
        {
          key: 'effect',
          head: 'Effect, needed',
          isNumber: true,
          isExtra: true,
          cell: ({ guard, effect }) => {
            const words = effectWords(guard, task);
            return effect === undefined ? '' : `${words(effect.value)}, ${words(effect.bar)}`;
          },
        },
        { key: 'count', head: 'Counted', isExtra: true, cell: (g) => `${count(g.count)} ${countedWord(g.guard)}` },
        {
          key: 'next',
          head: 'Next look',
          isExtra: true,
          cell: (g) => (g.nextLookAt === undefined ? lookWords(g) : `at ${count(g.nextLookAt)}`),
        },
      ]}
    />
  );
}

const lookWords = ({ scale }: GuardState): string => (scale === 'log-evidence' ? 'at every one' : 'no more');
