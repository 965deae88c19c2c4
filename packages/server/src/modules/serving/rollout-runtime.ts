/**
 * One running rollout in memory: feeds the judge with every request and label, and says what must happen next. It decides
 * and remembers; the service writes. A restart rebuilds it from the prediction log and the labels.
 */
import type { Rollout, RolloutDecision, RolloutProgress } from '@slipway/contract';
import { ruleDefaults } from '@slipway/contract';
import { createCalendar } from '../../lib/calendar.ts';
import type { CanaryJudge, GuardFiring } from '../../lib/canary-judge.ts';
import { createCanaryJudge } from '../../lib/canary-judge.ts';
import type { JudgedAnswer, JudgedTask } from '../../lib/judged-task.ts';
import { createEvidenceTrail } from './evidence-trail.ts';
import type { TrailPoint } from './evidence-trail.ts';
import { nextLookAfter, progressOf } from './rollout-progress.ts';

export type NextMove =
  | { readonly move: 'roll-back'; readonly firing: GuardFiring; readonly decision: RolloutDecision }
  | { readonly move: 'advance'; readonly decision: RolloutDecision }
  | { readonly move: 'promote' | 'reject' | 'hold'; readonly decision: RolloutDecision };

export interface ScoredRequest {
  readonly id: string;
  readonly at: number;
  /** It was the candidate's to answer. */
  readonly isCanary: boolean;
  /** The candidate could not, and the incumbent answered in its place. */
  readonly isError: boolean;
  readonly candidate: JudgedAnswer | undefined;
  readonly incumbent: JudgedAnswer | undefined;
}

export interface RolloutRuntime {
  /** Scores do not say it all: answers come with the numbers behind them. */
  readonly needsValues: boolean;
  readonly rollout: () => Rollout;
  /** After each write that carried a move out. */
  update(rollout: Rollout): void;
  /** After a write that only stopped the clock or let it go on. On hold nothing but a roll-back is due. */
  changeHold(rollout: Rollout): void;
  /** A request of the current stage, and what follows from it. */
  request(request: ScoredRequest): NextMove | undefined;
  label(predictionId: string, value: number): NextMove | undefined;
  /** What was seen before a restart, in its order; nothing follows until `decide`. */
  replayRequest(request: ScoredRequest, stage: number): void;
  replayLabel(predictionId: string, value: number): void;
  /** The move that is due, once: until `update` or `retry` it is not told again. A firing guard goes before everything. */
  decide(): NextMove | undefined;
  /** The move could not be carried out: it is due again. */
  retry(): void;
  firing(): GuardFiring | undefined;
  /** A decision that ends the rollout from outside, with its counts. */
  describe(verdict: RolloutDecision['verdict'], sentence: string): RolloutDecision;
  harm(): number;
  progress(): RolloutProgress;
  trail(): readonly TrailPoint[];
}

interface Waiting {
  readonly day: number;
  readonly isCanary: boolean;
  readonly candidate: JudgedAnswer;
  readonly incumbent: JudgedAnswer;
}

export interface RolloutRuntimeOptions {
  /** Of both versions. */
  readonly task: JudgedTask;
  readonly now: () => number;
}

export function createRolloutRuntime(start: Rollout, { task, now }: RolloutRuntimeOptions): RolloutRuntime {
  let rollout = start;
  const held = start.decisions.filter((decision) => decision.verdict === 'held');
  const judge: CanaryJudge = createCanaryJudge({
    task,
    rule: { ...ruleDefaults, ...start.plan.rule },
    seed: 1,
    looksBefore: held.length,
  });
  const calendar = createCalendar('day', start.plan.zone);
  const waiting = new Map<string, Waiting>();
  let stageRequests = 0;
  let judgedAtPairs = held.at(-1)?.labelledPairs ?? 0;
  let isMoving = false;
  let isRollingBack = false;
  /** Decided and not carried out yet: a look is not made twice. */
  let due: NextMove | undefined;
  const trail = createEvidenceTrail();

  const shareOf = (stage: number): number => (rollout.plan.stages[stage]?.percent ?? 0) / 100;
  const describe = (
    verdict: RolloutDecision['verdict'],
    sentence: string,
    evidence?: Readonly<Record<string, number>>,
  ): RolloutDecision => {
    const { requests, canaryRequests, labelledPairs } = judge.counts();
    const stage = rollout.plan.stages[rollout.stage]?.name ?? 'stage';
    const finite = Object.entries(evidence ?? {}).map(([k, v]): [string, number | null] => [
      k,
      Number.isFinite(v) ? v : null,
    ]);
    return {
      at: now(),
      stage,
      verdict,
      sentence,
      requests,
      canaryRequests,
      labelledPairs,
      ...(finite.length === 0 ? {} : { evidence: Object.fromEntries(finite) }),
    };
  };
  /** Stage and final decision, from counts that only grow. */
  const consider = (): NextMove | undefined => {
    const stage = rollout.plan.stages[rollout.stage];
    if (isMoving || stage === undefined || rollout.hold !== undefined) return undefined;
    due ??= moveOf(stage);
    isMoving = due !== undefined;
    return due;
  };
  const moveOf = (stage: Rollout['plan']['stages'][number]): NextMove | undefined => {
    const { labelledPairs } = judge.counts();
    if (stageRequests < stage.minRequests || labelledPairs < stage.minLabels) return undefined;
    const next = rollout.plan.stages[rollout.stage + 1];
    if (next !== undefined) {
      return {
        move: 'advance',
        decision: describe(
          'advanced',
          `No guard fired in ${stageRequests} requests and ${labelledPairs} labelled pairs: on to ${next.name}.`,
        ),
      };
    }
    if (judgedAtPairs > 0 && labelledPairs < nextLookAfter(judgedAtPairs, task)) return undefined;
    const concluded = judge.conclude();
    if (concluded === undefined) return undefined;
    judgedAtPairs = labelledPairs;
    const { decision, evidence } = concluded;
    const notes = decision.warnings.length === 0 ? '' : ` Note: ${decision.warnings.join('; ')}.`;
    const sentence = `${decision.sentence}${notes}`;
    if (decision.promote) return { move: 'promote', decision: describe('promoted', sentence, evidence) };
    if (decision.verdict === 'undecided') return { move: 'hold', decision: describe('held', sentence, evidence) };
    return { move: 'reject', decision: describe('rejected', sentence, evidence) };
  };

  const decide = (): NextMove | undefined => {
    const fired = judge.firing();
    if (fired === undefined) return consider();
    if (isRollingBack) return undefined;
    isRollingBack = true;
    return { move: 'roll-back', firing: fired, decision: describe('rolled-back', fired.sentence, fired.evidence) };
  };
  const pointOf = (): TrailPoint => {
    const { requests, labelledPairs: pairs } = judge.counts();
    const value = Object.fromEntries(judge.standings().map((s) => [s.guard, s.value]));
    return {
      requests,
      pairs,
      errors: value['errors'] ?? 0,
      sampleRatio: value['sample-ratio'] ?? 0,
      labelsZ: judge.outcomeZ(),
    };
  };
  const addRequest = (request: ScoredRequest, stage: number): void => {
    const { candidate, incumbent, isCanary, isError } = request;
    if (stage === rollout.stage) stageRequests++;
    if (candidate !== undefined && incumbent !== undefined) {
      waiting.set(request.id, { day: calendar.dayOf(request.at), isCanary, candidate, incumbent });
    }
    judge.request({ share: shareOf(stage), isCanary, isError, candidate, incumbent });
    trail.step(pointOf);
  };
  const addLabel = (predictionId: string, value: number): boolean => {
    const pair = waiting.get(predictionId);
    if (pair === undefined) return false;
    waiting.delete(predictionId);
    const { candidate, incumbent, day, isCanary } = pair;
    judge.label({ label: value, candidate, incumbent, cluster: day, isCanary });
    trail.step(pointOf);
    return true;
  };

  return {
    needsValues: task.kind === 'classes' || task.kind === 'quantiles',
    rollout: () => rollout,
    update: (changed) => {
      if (changed.stage !== rollout.stage) stageRequests = 0;
      rollout = changed;
      isMoving = false;
      due = undefined;
    },
    changeHold: (changed) => {
      rollout = changed;
    },
    request: (request) => {
      addRequest(request, rollout.stage);
      return decide();
    },
    label: (predictionId, value) => (addLabel(predictionId, value) ? decide() : undefined),
    replayRequest: addRequest,
    replayLabel: (predictionId, value) => void addLabel(predictionId, value),
    decide,
    retry: () => {
      isMoving = false;
      isRollingBack = false;
    },
    firing: () => judge.firing(),
    describe,
    harm: () => judge.harm(),
    progress: () =>
      progressOf({ rollout, task, judge, stageRequests, judgedAtPairs, trail: trail.points(), now: now() }),
    trail: () => trail.points(),
  };
}
