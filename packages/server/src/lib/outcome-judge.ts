/**
 * What labelled pairs say of a candidate: the guards that see harm, the sum of the harm, and the rule of promotion. One judge for
 * two classes (ranking and log loss, `paired.ts`), one for everything else (main and side loss, `paired-loss.ts`).
 */
import type { GuardAlarm, GuardStanding, JudgedLabel } from './judged.ts';
import { harmOf, lossesOf } from './judged-task.ts';
import type { JudgedTask, Losses } from './judged-task.ts';
import { clustersOf } from './intervals.ts';
import { createOutcomeGuard, outcomeZBound } from './outcome-guard.ts';
import type { OutcomeFiring } from './outcome-guard.ts';
import { comparePaired, decidePaired } from './paired.ts';
import type { PairedDecision, PairedRule } from './paired.ts';
import { comparePairedLosses, decidePairedLosses, lossEvidence, lossZOnce } from './paired-loss.ts';
import type { LossTask } from './paired-loss.ts';
import { createLookGuard, lookZBound } from './sequential.ts';

/** Thresholds of a plan; each task takes its own. */
export interface JudgedRule extends Pick<PairedRule, 'aucZ' | 'logLossMargin'> {
  readonly lossZ?: number | undefined;
  /** Of the side loss, by the name that its task gives it. */
  readonly accuracyMargin?: number | undefined;
  readonly errorMargin?: number | undefined;
  readonly coverageMargin?: number | undefined;
  /** Smallest rise that the guards of the outcomes act on. */
  readonly logLossHarm?: number | undefined;
  readonly errorHarm?: number | undefined;
}

export interface Conclusion {
  readonly decision: PairedDecision;
  /** The z that this look asked for. */
  readonly zAsked: number;
  readonly evidence: Readonly<Record<string, number>>;
}

/** The losses of one pair that was read, and what a guard says of it. */
export interface ReadPair {
  /** Of the candidate's answer, less that of the incumbent's. */
  readonly harm: number;
  readonly alarm: GuardAlarm | undefined;
}

export interface OutcomeJudge {
  /** Undefined where the label is none of this task: it counts for nothing. */
  add(pair: JudgedLabel): ReadPair | undefined;
  count(): number;
  /** Of the main loss: above 0 the candidate is worse. */
  z(): number;
  standings(): readonly GuardStanding[];
  /** Applies the rule of promotion with the z that `zOfLook` makes of the z of a single look. */
  conclude(zOfLook: (zOnce: number) => number): Conclusion;
}

export function createOutcomeJudge(task: JudgedTask, rule: JudgedRule = {}): OutcomeJudge {
  return task.kind === 'binary' ? judgeTwoClasses(rule) : judgeLosses(task, rule);
}

/** z of the difference in AUC that decides when there is one look only. */
const aucZOnce = 1.96;
const twoClassHarmMin = 0.08;
const twoClassLooks: readonly number[] = [300, 500, 750, 1000, 1500, 2500, 4000, 6000, 10_000];

function judgeTwoClasses(rule: JudgedRule): OutcomeJudge {
  const labels = createLookGuard(twoClassLooks);
  const harmMin = rule.logLossHarm ?? twoClassHarmMin;
  const task = { kind: 'binary' } as const;
  const pairs: Record<'labels' | 'challenger' | 'champion', number[]> = { labels: [], challenger: [], champion: [] };
  const cluster: (number | string)[] = [];
  return {
    add: ({ label, candidate, incumbent, cluster: day }) => {
      const [ours, theirs] = [lossesOf(task, candidate, label), lossesOf(task, incumbent, label)];
      if (ours === undefined || theirs === undefined) return undefined;
      pairs.labels.push(label);
      pairs.challenger.push(candidate.score);
      pairs.champion.push(incumbent.score);
      cluster.push(day);
      const harm = ours.main - theirs.main;
      const look = labels.add(harm);
      if (look?.fired !== true || look.mean <= harmMin) return { harm, alarm: undefined };
      const sentence = `After ${look.at} labelled pairs the candidate's log loss is ${look.mean.toFixed(3)} above the incumbent's (z ${look.z.toFixed(1)}).`;
      return {
        harm,
        alarm: { guard: 'labels', sentence, evidence: { pairs: look.at, dLogLoss: look.mean, z: look.z } },
      };
    },
    count: () => pairs.labels.length,
    z: () => labels.z(),
    standings: () => [
      {
        guard: 'labels',
        scale: 'z',
        value: labels.z(),
        bar: lookZBound,
        effect: { value: labels.mean(), bar: harmMin },
        count: labels.count(),
        nextLookAt: labels.nextLookAt(),
      },
    ],
    conclude: (zOfLook) => {
      const zAsked = zOfLook(rule.aucZ ?? aucZOnce);
      const asked: PairedRule = { ...rule, aucZ: zAsked };
      const compared = comparePaired({ ...pairs, clusters: clustersOf(cluster) }, asked);
      return {
        decision: decidePaired(compared, asked),
        zAsked,
        evidence: {
          dAuc: compared.dAuc.estimate,
          dAucZ: compared.dAuc.z,
          aucZAsked: zAsked,
          dLogLoss: compared.dLogLoss.estimate,
          dLogLossZ: compared.dLogLoss.z,
          championEce: compared.champion.ece,
          challengerEce: compared.challenger.ece,
          championAuc: compared.champion.auc,
          challengerAuc: compared.challenger.auc,
        },
      };
    },
  };
}

function judgeLosses(task: LossTask, rule: JudgedRule): OutcomeJudge {
  const guard = createOutcomeGuard(task, { harmMin: task.kind === 'classes' ? rule.logLossHarm : rule.errorHarm });
  const champion: Record<keyof Losses, number[]> = { main: [], side: [] };
  const challenger: Record<keyof Losses, number[]> = { main: [], side: [] };
  const cluster: (number | string)[] = [];
  const sideMargin = { classes: rule.accuracyMargin, number: rule.errorMargin, quantiles: rule.coverageMargin }[
    task.kind
  ];
  const keep = (into: typeof champion, losses: Losses): void => {
    into.main.push(losses.main);
    into.side.push(losses.side);
  };
  return {
    add: (pair) => {
      const ours = lossesOf(task, pair.candidate, pair.label);
      const theirs = lossesOf(task, pair.incumbent, pair.label);
      if (ours === undefined || theirs === undefined) return undefined;
      keep(challenger, ours);
      keep(champion, theirs);
      cluster.push(pair.cluster);
      const firing = guard.add(ours, theirs);
      return {
        harm: harmOf(task, ours) - harmOf(task, theirs),
        alarm: firing === undefined ? undefined : alarmOf(task, firing),
      };
    },
    count: () => cluster.length,
    z: () => guard.standing('main').z,
    standings: () =>
      (['main', 'side'] as const).map((loss): GuardStanding => {
        const { z, rise, riseMin, count, nextLookAt } = guard.standing(loss);
        return {
          guard: loss === 'main' ? 'labels' : 'mistakes',
          scale: 'z',
          value: z,
          bar: outcomeZBound,
          effect: { value: rise, bar: riseMin },
          count,
          nextLookAt,
        };
      }),
    conclude: (zOfLook) => {
      const zAsked = zOfLook(rule.lossZ ?? lossZOnce);
      const asked = { lossZ: zAsked, sideMargin };
      const compared = comparePairedLosses(task, { champion, challenger, clusters: clustersOf(cluster) }, asked);
      return { decision: decidePairedLosses(compared, asked), zAsked, evidence: lossEvidence(compared, zAsked) };
    },
  };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
/** How far above: `12.3 %`, or where that is much in how many times it is. */
const above = (rise: number): string => (rise < 9 ? `${percent(rise)} above` : `${Math.round(rise + 1)} times`);

function alarmOf(task: LossTask, { loss, at, z, rise }: OutcomeFiring): GuardAlarm {
  const sure = `(z ${z.toFixed(1)}).`;
  const guard = loss === 'main' ? 'labels' : 'mistakes';
  const after = `After ${at} labelled pairs the candidate's`;
  const said = (what: string, evidence: Record<string, number>): GuardAlarm => ({
    guard,
    sentence: `${after} ${what} ${sure}`,
    evidence: { pairs: at, ...evidence, z },
  });
  switch (task.kind) {
    case 'classes':
      return loss === 'main'
        ? said(`log loss is ${rise.toFixed(3)} above the incumbent's`, { dLogLoss: rise })
        : said(`class is the wrong one in ${percent(rise)} more of them than the incumbent's`, { accuracyFall: rise });
    case 'number':
      return loss === 'main'
        ? said(`mean squared error is ${above(rise)} the incumbent's`, { squaredRise: rise })
        : said(`mean absolute error is above the incumbent's by ${percent(rise)} of the incumbent's usual error`, {
            absoluteRise: rise,
          });
    case 'quantiles':
      return loss === 'main'
        ? said(`pinball loss is ${above(rise)} the incumbent's`, { pinballRise: rise })
        : said(`intervals miss ${percent(rise)} more of the outcomes than the incumbent's`, { coverageFall: rise });
  }
}
