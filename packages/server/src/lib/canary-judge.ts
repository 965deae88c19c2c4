/**
 * The judge of a rollout: fed with every request and every label, it says when a guard has seen harm, and what the labelled
 * pairs show about the candidate. It decides nothing about time or traffic: stages, deadlines and weights are the
 * caller's. What it compares by depends on the task (`judged-task.ts`).
 *
 * Guards, each with a false-alarm bound of its own for a healthy candidate:
 *   scores        distance, p and shift of the scores at 30, 50, 75, 100, 150 canary requests of each stage (5e-4); of several
 *                 classes instead `class-mix` and `agreement` (`class-guards.ts`, 5e-4 and none)
 *   errors        mixture likelihood ratio on which arm the errors come from (1 %, at any time)
 *   sample-ratio  split of the traffic against what was asked (0.1 %, at any time, per share)
 *   labels        of two classes paired log loss of candidate and incumbent at 300 to 10,000 labelled pairs: z > 3.3 *and* a
 *                 rise of the mean loss that matters, since the labels of a few hours share their weather (0.5 % for
 *                 independent rows); of other tasks both losses, `labels` and `mistakes` (`outcome-guard.ts`, 0.5 % together)
 * Two classes were measured on the flights of May and June 2013, on which the bounds were also chosen: of 2,400 rollouts of
 * healthy retrains, started at random, 2 were stopped; of 600 with rates served in percent all were, after 75 canary requests at
 * most. The other tasks on simulated rollouts (`judge-rates.test.ts`).
 * Promotion is never the absence of an alarm: it takes `conclude()`, the paired rule of `paired.ts` or `paired-loss.ts`.
 * In a shadow stage (share 0) the candidate answers nobody; its answers are compared all the same, on every tenth request
 * in the place of the incumbent's, so that a broken candidate is stopped before it has harmed anyone.
 */
import type { AnswerGuards } from './answer-guards.ts';
import { createAnswerGuards } from './answer-guards.ts';
import type { GuardAlarm, GuardFiring, GuardStanding, JudgedLabel, JudgedRequest } from './judged.ts';
import type { JudgedTask } from './judged-task.ts';
import type { Conclusion, JudgedRule } from './outcome-judge.ts';
import { createOutcomeJudge } from './outcome-judge.ts';
import { normalCdf, normalQuantile } from './special-functions.ts';
import { createErrorGuard, createSampleRatioGuard, evidenceBar } from './sequential.ts';
import type { SampleRatioGuard } from './sequential.ts';

export type { GuardFiring } from './judged.ts';

export interface CanaryJudgeOptions {
  /** Two classes unless said. */
  readonly task?: JudgedTask;
  readonly rule?: JudgedRule;
  readonly seed?: number;
  /** Calls of `conclude` on these pairs before, by a judge that is taken up again. */
  readonly looksBefore?: number;
}

export interface CanaryJudge {
  /** The first guard that fired; it stays. */
  request(request: JudgedRequest): GuardFiring | undefined;
  label(label: JudgedLabel): GuardFiring | undefined;
  firing(): GuardFiring | undefined;
  counts(): { readonly requests: number; readonly canaryRequests: number; readonly labelledPairs: number };
  /** Extra loss that the canary's answers cost so far (`harmOf`), summed over its labelled requests; negative when it helped. */
  harm(): number;
  /** Upper end of the one-sided 95 % interval of that sum, labelled requests taken as independent; NaN below two. */
  harmUpper(): number;
  standings(): readonly GuardStanding[];
  /** Of the paired difference of the main loss: above 0 the candidate is worse. */
  outcomeZ(): number;
  /** Calls of `conclude` so far, with those of an earlier judge. */
  looks(): number;
  /** What the labelled pairs show, and whether the rule lets the candidate take over. Undefined without pairs. Each call is a look. */
  conclude(): Conclusion | undefined;
}

const errorAlpha = 0.01;
const ratioAlpha = 0.001;
const harmZ = normalQuantile(0.95);
/** In the shadow, every tenth request stands for the canary. */
const shadowStride = 10;

export function createCanaryJudge(options: CanaryJudgeOptions = {}): CanaryJudge {
  const { task = { kind: 'binary' }, rule, seed = 1 } = options;
  let answers: { readonly share: number; readonly guards: AnswerGuards } | undefined;
  const errors = createErrorGuard();
  const outcomes = createOutcomeJudge(task, rule);
  let ratio: { readonly share: number; readonly guard: SampleRatioGuard } | undefined;
  let ratioBefore = 0;
  let requests = 0;
  let canaryRequests = 0;
  let harm = 0;
  let harmSquares = 0;
  let harmCount = 0;
  let looks = options.looksBefore ?? 0;
  let fired: GuardFiring | undefined;

  const fire = (alarm: GuardAlarm | undefined): void => {
    if (alarm !== undefined) fired ??= { ...alarm, canaryRequests, labelledPairs: outcomes.count() };
  };

  const judgeAnswers = (request: JudgedRequest, stands: boolean): void => {
    // Each stage is looked at anew: a fault may begin with the traffic, and a shadow uses up its looks.
    if (answers?.share !== request.share) {
      answers = { share: request.share, guards: createAnswerGuards(task, seed) };
    }
    fire(answers.guards.add(request, stands));
  };

  const judgeErrors = (request: JudgedRequest): void => {
    if (!request.isError || request.share <= 0 || request.share >= 1) return;
    errors.error(request.isCanary, request.share);
    if (errors.logEvidence() <= evidenceBar(errorAlpha)) return;
    const { canary, stable } = errors.errors();
    fire({
      guard: 'errors',
      sentence: `${canary} of ${canary + stable} errors came from the candidate at ${percent(request.share)} of the traffic: about ${errors.likeliestRatio().toFixed(1)} times the incumbent's error rate.`,
      evidence: { canary, stable, ratio: errors.likeliestRatio(), logEvidence: errors.logEvidence() },
    });
  };

  const ratioEvidence = (): number => ratioBefore + (ratio?.guard.logEvidence() ?? 0);
  const judgeRatio = (request: JudgedRequest): void => {
    if (request.share <= 0 || request.share >= 1) return;
    if (ratio?.share !== request.share) {
      ratioBefore += ratio?.guard.logEvidence() ?? 0;
      ratio = { share: request.share, guard: createSampleRatioGuard([1 - request.share, request.share]) };
    }
    ratio.guard.add(request.isCanary ? 1 : 0);
    const logEvidence = ratioEvidence();
    if (logEvidence <= evidenceBar(ratioAlpha)) return;
    const [stable = 0, canary = 0] = ratio.guard.counts();
    fire({
      guard: 'sample-ratio',
      sentence: `The candidate got ${canary} of ${canary + stable} requests where ${percent(request.share)} was asked: the split is broken, so nothing can be compared.`,
      evidence: { canary, stable, share: request.share, logEvidence },
    });
  };

  return {
    request: (request) => {
      if (fired !== undefined) return fired;
      requests++;
      if (request.isCanary) canaryRequests++;
      judgeRatio(request);
      judgeErrors(request);
      if (!request.isError) judgeAnswers(request, request.share > 0 ? request.isCanary : requests % shadowStride === 0);
      return fired;
    },
    label: (pair) => {
      const read = outcomes.add(pair);
      if (read === undefined) return fired;
      if (pair.isCanary) {
        harm += read.harm;
        harmSquares += read.harm * read.harm;
        harmCount++;
      }
      fire(read.alarm);
      return fired;
    },
    firing: () => fired,
    counts: () => ({ requests, canaryRequests, labelledPairs: outcomes.count() }),
    harm: () => harm,
    harmUpper: () => {
      if (harmCount < 2) return Number.NaN;
      const variance = Math.max(0, harmSquares - (harm * harm) / harmCount) / (harmCount - 1);
      return harm + harmZ * Math.sqrt(harmCount * variance);
    },
    looks: () => looks,
    outcomeZ: () => outcomes.z(),
    standings: () => {
      const { canary, stable } = errors.errors();
      const always = { scale: 'log-evidence', nextLookAt: undefined, effect: undefined } as const;
      return [
        ...(answers?.guards ?? createAnswerGuards(task, seed)).standings(),
        {
          ...always,
          guard: 'errors',
          value: errors.logEvidence(),
          bar: evidenceBar(errorAlpha),
          count: canary + stable,
        },
        { ...always, guard: 'sample-ratio', value: ratioEvidence(), bar: evidenceBar(ratioAlpha), count: requests },
        ...outcomes.standings(),
      ];
    },
    conclude: () => {
      if (outcomes.count() === 0) return undefined;
      looks++;
      const concluded = outcomes.conclude((zOnce) => zOfLook(looks, zOnce));
      const { decision, zAsked } = concluded;
      const sentence = `${decision.sentence} Look ${looks}, which asks for z above ${zAsked.toFixed(2)}.`;
      return { ...concluded, decision: { ...decision, sentence } };
    },
  };
}

/**
 * Looking again and again promotes chance: the k-th look may spend 1/(k(k+1)) of the error that a single look would have,
 * which sums to that error over any number of looks (spending function; the looks' dependence only makes it safer).
 */
function zOfLook(look: number, zOnce: number): number {
  return -normalQuantile((1 - normalCdf(zOnce)) / (look * (look + 1)));
}

const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;
