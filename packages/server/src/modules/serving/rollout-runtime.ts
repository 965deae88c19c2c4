/**
 * One running rollout in memory: feeds the judge with every request and label, and says what must happen next. It decides
 * and remembers; the service writes. A restart rebuilds it from the prediction log and the labels.
 */
import type { Rollout, RolloutDecision } from '@slipway/contract';
import { createCalendar } from '../../lib/calendar.ts';
import type { CanaryJudge, GuardFiring } from '../../lib/canary-judge.ts';
import { createCanaryJudge } from '../../lib/canary-judge.ts';

/** Labelled pairs between two judgements that found too few rows. */
const judgeAgainAfterPairs = 500;

export type NextMove =
  | { readonly move: 'roll-back'; readonly firing: GuardFiring; readonly decision: RolloutDecision }
  | { readonly move: 'advance'; readonly decision: RolloutDecision }
  | { readonly move: 'promote' | 'reject' | 'hold'; readonly decision: RolloutDecision };

export interface ScoredRequest {
  readonly id: string;
  readonly at: number;
  readonly isCanary: boolean;
  readonly candidateScore: number | undefined;
  readonly incumbentScore: number | undefined;
}

export interface RolloutRuntime {
  readonly rollout: () => Rollout;
  /** After each write that changed the rollout. */
  update(rollout: Rollout): void;
  request(request: ScoredRequest): NextMove | undefined;
  label(predictionId: string, value: number): NextMove | undefined;
  error(isCanary: boolean): NextMove | undefined;
  /** A decision that ends the rollout from outside, with its counts. */
  describe(verdict: RolloutDecision['verdict'], sentence: string): RolloutDecision;
  harm(): number;
}

interface Waiting {
  readonly day: number;
  readonly isCanary: boolean;
  readonly candidateScore: number;
  readonly incumbentScore: number;
}

export function createRolloutRuntime(start: Rollout, now: () => number): RolloutRuntime {
  let rollout = start;
  let judge: CanaryJudge = createCanaryJudge({ rule: start.plan.rule, seed: 1 });
  const calendar = createCalendar('day', start.plan.zone);
  const waiting = new Map<string, Waiting>();
  let stageRequests = 0;
  let judgedAtPairs = 0;
  let isMoving = false;

  const share = (): number => (rollout.plan.stages[rollout.stage]?.percent ?? 0) / 100;
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
  const firing = (fired: GuardFiring): NextMove => {
    isMoving = true;
    return { move: 'roll-back', firing: fired, decision: describe('rolled-back', fired.sentence, fired.evidence) };
  };

  /** Stage and final decision, from counts that only grow. */
  const consider = (): NextMove | undefined => {
    const stage = rollout.plan.stages[rollout.stage];
    if (isMoving || stage === undefined) return undefined;
    const { labelledPairs } = judge.counts();
    if (stageRequests < stage.minRequests || labelledPairs < stage.minLabels) return undefined;
    const next = rollout.plan.stages[rollout.stage + 1];
    if (next !== undefined) {
      isMoving = true;
      return {
        move: 'advance',
        decision: describe(
          'advanced',
          `No guard fired in ${stageRequests} requests and ${labelledPairs} labelled pairs: on to ${next.name}.`,
        ),
      };
    }
    if (judgedAtPairs > 0 && labelledPairs < judgedAtPairs + judgeAgainAfterPairs) return undefined;
    const concluded = judge.conclude();
    if (concluded === undefined) return undefined;
    judgedAtPairs = labelledPairs;
    isMoving = true;
    const { compared, decision } = concluded;
    const evidence = {
      dAuc: compared.dAuc.estimate,
      dAucZ: compared.dAuc.z,
      dLogLoss: compared.dLogLoss.estimate,
      dLogLossZ: compared.dLogLoss.z,
      championEce: compared.champion.ece,
      challengerEce: compared.challenger.ece,
      championAuc: compared.champion.auc,
      challengerAuc: compared.challenger.auc,
    };
    const notes = decision.warnings.length === 0 ? '' : ` Note: ${decision.warnings.join('; ')}.`;
    const sentence = `${decision.sentence}${notes}`;
    if (decision.promote) return { move: 'promote', decision: describe('promoted', sentence, evidence) };
    if (decision.verdict === 'undecided') return { move: 'hold', decision: describe('held', sentence, evidence) };
    return { move: 'reject', decision: describe('rejected', sentence, evidence) };
  };

  return {
    rollout: () => rollout,
    update: (changed) => {
      if (changed.stage !== rollout.stage) stageRequests = 0;
      rollout = changed;
      isMoving = false;
    },
    request: (request) => {
      if (isMoving) return undefined;
      stageRequests++;
      const { candidateScore, incumbentScore } = request;
      if (candidateScore !== undefined && incumbentScore !== undefined) {
        waiting.set(request.id, {
          day: calendar.dayOf(request.at),
          isCanary: request.isCanary,
          candidateScore,
          incumbentScore,
        });
      }
      const fired = judge.request({
        share: share(),
        isCanary: request.isCanary,
        isError: false,
        candidateScore,
        incumbentScore,
      });
      return fired === undefined ? consider() : firing(fired);
    },
    error: (isCanary) => {
      if (isMoving) return undefined;
      const fired = judge.request({ share: share(), isCanary, isError: true });
      return fired === undefined ? undefined : firing(fired);
    },
    label: (predictionId, value) => {
      const pair = waiting.get(predictionId);
      if (pair === undefined) return undefined;
      waiting.delete(predictionId);
      const fired = judge.label({
        label: value,
        candidateScore: pair.candidateScore,
        incumbentScore: pair.incumbentScore,
        cluster: pair.day,
        isCanary: pair.isCanary,
      });
      if (isMoving) return undefined;
      return fired === undefined ? consider() : firing(fired);
    },
    describe,
    harm: () => judge.harm(),
  };
}
