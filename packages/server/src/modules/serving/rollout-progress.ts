/** Where a rollout stands, for people: counts, guards between their looks, and when a decision can fall at the earliest. */
import type { Rollout, RolloutProgress } from '@slipway/contract';
import type { CanaryJudge } from '../../lib/canary-judge.ts';
import type { JudgedTask } from '../../lib/judged-task.ts';
import type { TrailPoint } from './evidence-trail.ts';
import { emptyTrail, trailOf } from './evidence-trail.ts';

/** Labelled pairs between two judgements of two classes that found too few rows. */
const judgeAgainAfterPairs = 500;
/** Of other tasks, whose rules take fewer pairs: half as many again as there were, and so many more at least. */
const judgeAgainGrowth = 1.5;
const judgeAgainPairsMin = 100;

/** Labelled pairs at which the rule of promotion is applied again. */
export function nextLookAfter(judgedAtPairs: number, { kind }: JudgedTask): number {
  if (kind === 'binary') return judgedAtPairs + judgeAgainAfterPairs;
  return Math.max(judgedAtPairs + judgeAgainPairsMin, Math.ceil(judgedAtPairs * judgeAgainGrowth));
}

const minuteMs = 60_000;

export interface Standing {
  readonly rollout: Rollout;
  readonly task: JudgedTask;
  readonly judge: CanaryJudge;
  readonly stageRequests: number;
  /** Labelled pairs at the last look of the rule of promotion; 0 before the first one. */
  readonly judgedAtPairs: number;
  readonly trail: readonly TrailPoint[];
  readonly now: number;
}

/** Per millisecond, as they came so far. */
interface Pace {
  readonly requests: number;
  readonly pairs: number;
}

export function progressOf({
  rollout,
  task,
  judge,
  stageRequests,
  judgedAtPairs,
  trail,
  now,
}: Standing): RolloutProgress {
  const { requests, canaryRequests, labelledPairs } = judge.counts();
  const stageStartedAt = rollout.decisions.findLast((d) => d.verdict === 'advanced')?.at ?? rollout.startedAt;
  const pace: Pace = {
    requests: stageRequests / Math.max(1, now - stageStartedAt),
    pairs: labelledPairs / Math.max(1, now - rollout.startedAt),
  };
  const nextLookAtPairs = nextLookOf(rollout, judgedAtPairs, task);
  const waitMs =
    rollout.hold === undefined ? waitOf({ rollout, stageRequests, labelledPairs, nextLookAtPairs }, pace) : Infinity;
  return {
    rollout: rollout.id,
    at: now,
    state: rollout.state,
    stage: rollout.stage,
    isOnHold: rollout.hold !== undefined,
    isJudging: true,
    requests,
    canaryRequests,
    labelledPairs,
    stageRequests,
    looks: judge.looks(),
    nextLookAtPairs,
    task: task.kind,
    harm: judge.harm(),
    harmUpper: orNull(judge.harmUpper()),
    guards: judge.standings().map(({ nextLookAt, value, effect, ...standing }) => ({
      ...standing,
      value: orNull(value),
      ...(effect === undefined ? {} : { effect: { value: orNull(effect.value), bar: effect.bar } }),
      ...(nextLookAt === undefined ? {} : { nextLookAt }),
    })),
    requestsPerMinute: pace.requests * minuteMs,
    pairsPerMinute: pace.pairs * minuteMs,
    ...(Number.isFinite(waitMs) ? { earliestDecisionAt: Math.round(now + waitMs) } : {}),
    trail: trailOf(trail),
  };
}

/** Of a rollout that nobody judges now: its last decision has the counts. */
export function progressWithoutJudge(
  rollout: Rollout,
  trail: RolloutProgress['trail'] | undefined,
  now: number,
): RolloutProgress {
  const last = rollout.decisions.at(-1);
  return {
    rollout: rollout.id,
    at: now,
    state: rollout.state,
    stage: rollout.stage,
    isOnHold: rollout.hold !== undefined,
    isJudging: false,
    requests: last?.requests ?? 0,
    canaryRequests: last?.canaryRequests ?? 0,
    labelledPairs: last?.labelledPairs ?? 0,
    stageRequests: 0,
    looks: rollout.decisions.filter(({ evidence }) => typeof (evidence?.['dAucZ'] ?? evidence?.['dLossZ']) === 'number')
      .length,
    task: rollout.task ?? 'binary',
    harm: rollout.harm ?? 0,
    harmUpper: null,
    guards: [],
    requestsPerMinute: 0,
    pairsPerMinute: 0,
    trail: trail ?? emptyTrail,
  };
}

/** The rule of promotion is applied in the last stage, once its labels are there, and then after so many more. */
function nextLookOf(rollout: Rollout, judgedAtPairs: number, task: JudgedTask): number {
  const wanted = rollout.plan.stages.at(-1)?.minLabels ?? 0;
  return judgedAtPairs === 0 ? Math.max(1, wanted) : nextLookAfter(judgedAtPairs, task);
}

interface Left {
  readonly rollout: Rollout;
  readonly stageRequests: number;
  readonly labelledPairs: number;
  readonly nextLookAtPairs: number;
}

/** The stages that are left, one after the other, each as long as what it waits for last. Infinity where that never comes. */
function waitOf({ rollout, stageRequests, labelledPairs, nextLookAtPairs }: Left, pace: Pace): number {
  const timeFor = (count: number, rate: number): number => (count <= 0 ? 0 : rate > 0 ? count / rate : Infinity);
  const { stages } = rollout.plan;
  let waitMs = 0;
  for (let i = rollout.stage; i < stages.length; i++) {
    const stage = stages[i];
    if (stage === undefined) break;
    const pairs = labelledPairs + waitMs * pace.pairs;
    const wantedPairs = i === stages.length - 1 ? Math.max(stage.minLabels, nextLookAtPairs) : stage.minLabels;
    const requests = i === rollout.stage ? stage.minRequests - stageRequests : stage.minRequests;
    waitMs += Math.max(timeFor(requests, pace.requests), timeFor(wantedPairs - pairs, pace.pairs));
  }
  return waitMs;
}

const orNull = (value: number): number | null => (Number.isFinite(value) ? value : null);
