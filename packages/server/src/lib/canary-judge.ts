/**
 * The judge of a rollout: fed with every request and every label, it says when a guard has seen harm, and what the labelled
 * pairs show about the candidate. It decides nothing about time or traffic: stages, deadlines and weights are the
 * caller's.
 *
 * Guards, each with a false-alarm bound of its own for a healthy candidate:
 *   scores        distance, p and shift of the scores at 30, 50, 75, 100, 150 canary requests of each stage (5e-4)
 *   errors        mixture likelihood ratio on which arm the errors come from (1 %, at any time)
 *   sample-ratio  split of the traffic against what was asked (0.1 %, at any time, per share)
 *   labels        paired log loss of candidate and incumbent at 300 to 10,000 labelled pairs: z > 3.3 *and* a
 *                 rise of the mean loss that matters, since the labels of a few hours share their weather (0.5 % for
 *                 independent rows)
 * Measured on the flights of May and June 2013, on which the bounds were also chosen: of 2,400 rollouts of healthy retrains,
 * started at random, 2 were stopped; of 600 with rates served in percent all were, after 75 canary requests at most.
 * Promotion is never the absence of an alarm: it takes `conclude()`, the paired rule of `paired.ts`.
 * In a shadow stage (share 0) the candidate answers nobody; its scores are compared all the same, on every tenth request
 * in the place of the incumbent's, so that a broken candidate is stopped before it has harmed anyone.
 */
import { logLossOf } from './classification.ts';
import { clustersOf } from './intervals.ts';
import { comparePaired, decidePaired } from './paired.ts';
import type { PairedComparison, PairedDecision, PairedRule } from './paired.ts';
import { normalCdf, normalQuantile } from './special-functions.ts';
import {
  createErrorGuard,
  createLookGuard,
  createSampleRatioGuard,
  createScoreGuard,
  evidenceBar,
  lookZBound,
  scoreDistanceMin,
  scoreShiftMin,
} from './sequential.ts';
import type { SampleRatioGuard, ScoreGuard, ScoreLook } from './sequential.ts';

export type GuardName = 'scores' | 'errors' | 'sample-ratio' | 'labels';

export interface GuardFiring {
  readonly guard: GuardName;
  /** Requests that the candidate had answered when the guard fired. */
  readonly canaryRequests: number;
  readonly labelledPairs: number;
  readonly sentence: string;
  readonly evidence: Readonly<Record<string, number>>;
}

export interface JudgedRequest {
  /** Share of the traffic that the candidate had: 0 in the shadow, else below 1. */
  readonly share: number;
  /** True when the candidate answered. */
  readonly isCanary: boolean;
  readonly isError: boolean;
  /** Score of each model, where it was asked and answered. */
  readonly candidateScore?: number | undefined;
  readonly incumbentScore?: number | undefined;
}

export interface JudgedLabel {
  readonly label: number;
  readonly candidateScore: number;
  readonly incumbentScore: number;
  /** Rows with one key are not independent: the local date. */
  readonly cluster: number | string;
  /** True when the candidate's answer was the one given out: only then did its error do harm. */
  readonly isCanary: boolean;
}

/** Where a guard stands between its looks: for people to see, decides nothing. */
export interface GuardStanding {
  readonly guard: GuardName;
  /** Natural logarithm of an e-value, z, or the distance of the last look; NaN before the first one. */
  readonly scale: 'log-evidence' | 'z' | 'distance';
  readonly value: number;
  readonly bar: number;
  /** How large the harm is, where it has to be large too: shift of the scores in logits, rise of the mean log loss. */
  readonly effect: { readonly value: number; readonly bar: number } | undefined;
  readonly count: number;
  readonly nextLookAt: number | undefined;
}

export interface CanaryJudgeOptions {
  readonly rule?: PairedRule;
  /** Smallest rise of the mean log loss that the label guard acts on; 0.08 unless said. */
  readonly harmMin?: number;
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
  /** Extra log loss that the canary's answers cost so far, summed over its labelled requests; negative when it helped. */
  harm(): number;
  /** Upper end of the one-sided 95 % interval of that sum, labelled requests taken as independent; NaN below two. */
  harmUpper(): number;
  standings(): readonly GuardStanding[];
  /** Calls of `conclude` so far, with those of an earlier judge. */
  looks(): number;
  /** What the labelled pairs show, and whether the rule lets the candidate take over. Undefined without pairs. Each call is a look. */
  conclude():
    | {
        readonly compared: PairedComparison;
        readonly decision: PairedDecision;
        /** The z of the AUC difference that this look asked for. */
        readonly aucZAsked: number;
      }
    | undefined;
}

/** z of the difference in AUC that decides when there is one look only. */
const aucZOnce = 1.96;
const errorAlpha = 0.01;
const ratioAlpha = 0.001;
const harmZ = normalQuantile(0.95);
const labelLooks: readonly number[] = [300, 500, 750, 1000, 1500, 2500, 4000, 6000, 10_000];
/** In the shadow, every tenth request stands for the canary. */
const shadowStride = 10;

export function createCanaryJudge(options: CanaryJudgeOptions = {}): CanaryJudge {
  const newScoreGuard = (): ScoreGuard => createScoreGuard({ seed: options.seed ?? 1 });
  let scores = newScoreGuard();
  let scoresShare: number | undefined;
  const errors = createErrorGuard();
  const labels = createLookGuard(labelLooks);
  const harmMin = options.harmMin ?? 0.08;
  const pairs = {
    label: [] as number[],
    candidate: [] as number[],
    incumbent: [] as number[],
    cluster: [] as (number | string)[],
  };
  let ratio: { readonly share: number; readonly guard: SampleRatioGuard } | undefined;
  let ratioBefore = 0;
  let requests = 0;
  let canaryRequests = 0;
  let harm = 0;
  let harmSquares = 0;
  let harmCount = 0;
  let lastScores: ScoreLook | undefined;
  let looks = options.looksBefore ?? 0;
  let fired: GuardFiring | undefined;

  const fire = (guard: GuardName, sentence: string, evidence: Record<string, number>): GuardFiring => {
    fired ??= { guard, canaryRequests, labelledPairs: pairs.label.length, sentence, evidence };
    return fired;
  };

  const judgeScores = (request: JudgedRequest, stands: boolean): void => {
    // Each stage is looked at anew: a fault may begin with the traffic, and a shadow uses up its looks.
    if (scoresShare !== request.share) {
      scores = newScoreGuard();
      lastScores = undefined;
    }
    scoresShare = request.share;
    const own = stands ? request.candidateScore : request.incumbentScore;
    const other = stands ? request.incumbentScore : request.candidateScore;
    if (own === undefined) return;
    const look = scores.add(stands, own, other);
    lastScores = look ?? lastScores;
    if (look?.fired !== true) return;
    const shift =
      look.shift === undefined ? '' : `, the odds moved by a factor ${Math.exp(Math.abs(look.shift)).toFixed(1)}`;
    fire(
      'scores',
      `The candidate's scores are not the incumbent's: distance ${look.statistic.toFixed(2)} after ${look.at} requests (p ${look.p.toExponential(0)}${shift}).`,
      { statistic: look.statistic, p: look.p, shift: look.shift ?? Number.NaN, look: look.at },
    );
  };

  const judgeErrors = (request: JudgedRequest): void => {
    if (!request.isError || request.share <= 0 || request.share >= 1) return;
    errors.error(request.isCanary, request.share);
    if (errors.logEvidence() <= evidenceBar(errorAlpha)) return;
    const { canary, stable } = errors.errors();
    fire(
      'errors',
      `${canary} of ${canary + stable} errors came from the candidate at ${percent(request.share)} of the traffic: about ${errors.likeliestRatio().toFixed(1)} times the incumbent's error rate.`,
      { canary, stable, ratio: errors.likeliestRatio(), logEvidence: errors.logEvidence() },
    );
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
    fire(
      'sample-ratio',
      `The candidate got ${canary} of ${canary + stable} requests where ${percent(request.share)} was asked: the split is broken, so nothing can be compared.`,
      { canary, stable, share: request.share, logEvidence },
    );
  };

  return {
    request: (request) => {
      if (fired !== undefined) return fired;
      requests++;
      if (request.isCanary) canaryRequests++;
      judgeRatio(request);
      judgeErrors(request);
      if (!request.isError) judgeScores(request, request.share > 0 ? request.isCanary : requests % shadowStride === 0);
      return fired;
    },
    label: (pair) => {
      pairs.label.push(pair.label);
      pairs.candidate.push(pair.candidateScore);
      pairs.incumbent.push(pair.incumbentScore);
      pairs.cluster.push(pair.cluster);
      const difference = logLossOf(pair.candidateScore, pair.label) - logLossOf(pair.incumbentScore, pair.label);
      if (pair.isCanary) {
        harm += difference;
        harmSquares += difference * difference;
        harmCount++;
      }
      if (fired !== undefined) return fired;
      const look = labels.add(difference);
      if (look?.fired === true && look.mean > harmMin) {
        fire(
          'labels',
          `After ${look.at} labelled pairs the candidate's log loss is ${look.mean.toFixed(3)} above the incumbent's (z ${look.z.toFixed(1)}).`,
          { pairs: look.at, dLogLoss: look.mean, z: look.z },
        );
      }
      return fired;
    },
    firing: () => fired,
    counts: () => ({ requests, canaryRequests, labelledPairs: pairs.label.length }),
    harm: () => harm,
    harmUpper: () => {
      if (harmCount < 2) return Number.NaN;
      const variance = Math.max(0, harmSquares - (harm * harm) / harmCount) / (harmCount - 1);
      return harm + harmZ * Math.sqrt(harmCount * variance);
    },
    looks: () => looks,
    standings: () => {
      const { canary, stable } = errors.errors();
      const always = { scale: 'log-evidence', nextLookAt: undefined, effect: undefined } as const;
      return [
        {
          guard: 'scores',
          scale: 'distance',
          value: lastScores?.statistic ?? Number.NaN,
          bar: scoreDistanceMin,
          effect: { value: Math.abs(lastScores?.shift ?? Number.NaN), bar: scoreShiftMin },
          count: scores.canaryCount(),
          nextLookAt: scores.nextLookAt(),
        },
        {
          ...always,
          guard: 'errors',
          value: errors.logEvidence(),
          bar: evidenceBar(errorAlpha),
          count: canary + stable,
        },
        { ...always, guard: 'sample-ratio', value: ratioEvidence(), bar: evidenceBar(ratioAlpha), count: requests },
        {
          guard: 'labels',
          scale: 'z',
          value: labels.z(),
          bar: lookZBound,
          effect: { value: labels.mean(), bar: harmMin },
          count: labels.count(),
          nextLookAt: labels.nextLookAt(),
        },
      ];
    },
    conclude: () => {
      if (pairs.label.length === 0) return undefined;
      looks++;
      const aucZ = zOfLook(looks, options.rule?.aucZ ?? aucZOnce);
      const rule: PairedRule = { ...options.rule, aucZ };
      const compared = comparePaired(
        {
          champion: pairs.incumbent,
          challenger: pairs.candidate,
          labels: pairs.label,
          clusters: clustersOf(pairs.cluster),
        },
        rule,
      );
      const decision = decidePaired(compared, rule);
      const sentence = `${decision.sentence} Look ${looks}, which asks for z above ${aucZ.toFixed(2)}.`;
      return { compared, decision: { ...decision, sentence }, aucZAsked: aucZ };
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
