/**
 * Tests that may be looked at after every observation and still keep their error rate: what judges a canary.
 *
 * The tool is the e-process: a running evidence E_t >= 0 that starts at 1 and, while the null hypothesis holds, has
 * expectation at most 1 at every stopping time. By Ville's inequality P(E_t ever reaches 1 / alpha) <= alpha. The average
 * of e-processes is an e-process, so that several guards share one alpha without a correction; logarithms are kept, for
 * E grows exponentially when the null is false.
 * Nulls are one-sided where only harm matters: "the canary is not worse". No data means E = 1: hold, neither promote nor
 * roll back. Nothing here promotes: that a guard has not fired is no proof of health.
 * Sources: Robbins (1970) and Howard et al. (2021) for mixtures; Waudby-Smith and Ramdas (2023) for betting on bounded
 * means; Waudby-Smith et al. (2021) for asymptotic confidence sequences; Lindon and Malek (2020) for the sample ratio;
 * Vovk and Wang (2021) for averages of e-values.
 */
import assert from 'node:assert';
import { ksTest, standardDeviation } from './drift.ts';
import { createReservoir } from './reservoir.ts';
import { lnGamma, logAddExp, normalCdf, normalLogSf } from './special-functions.ts';

/** ln of the level that the evidence must reach: 1 / alpha. */
export function evidenceBar(alpha: number): number {
  return -Math.log(alpha);
}

/** ln of the average of e-values given by their logarithms; 0 (no evidence) for none. */
export function averageEvidence(logEvidence: readonly number[]): number {
  if (logEvidence.length === 0) return 0;
  return logEvidence.reduce(logAddExp, -Infinity) - Math.log(logEvidence.length);
}

/**
 * Does the canary make more errors than the stable version? Under equal rates each error comes from the canary with
 * the canary's share of traffic; the evidence is a mixture of likelihood ratios over how many times worse it may be.
 * The share may change between errors. Needs only the errors, so that the base rate and its swings cancel out.
 */
export interface ErrorGuard {
  /** One error, made while the canary had this share of the traffic (0 < share < 1). */
  error(isCanary: boolean, share: number): void;
  logEvidence(): number;
  errors(): { readonly canary: number; readonly stable: number };
  /** The risk ratio that explains the errors best, among those mixed over; 1 without errors. */
  likeliestRatio(): number;
}

/** How many times worse: 1.25 to 40, evenly on the log scale. */
const riskRatios = Array.from({ length: 20 }, (_, g) => 1.25 * 32 ** (g / 19));

export function createErrorGuard(): ErrorGuard {
  const logTerms = new Float64Array(riskRatios.length);
  let canary = 0;
  let stable = 0;
  return {
    error: (isCanary, share) => {
      assert.ok(share > 0 && share < 1);
      if (isCanary) canary++;
      else stable++;
      riskRatios.forEach((ratio, g) => {
        const mixed = share * ratio + (1 - share);
        logTerms[g] = (logTerms[g] ?? 0) + (isCanary ? Math.log(ratio / mixed) : -Math.log(mixed));
      });
    },
    logEvidence: () => averageEvidence([...logTerms]),
    errors: () => ({ canary, stable }),
    likeliestRatio: () => {
      let best = 0;
      logTerms.forEach((term, g) => {
        if (term > (logTerms[best] ?? 0)) best = g;
      });
      return (logTerms[best] ?? 0) > 0 ? (riskRatios[best] ?? 1) : 1;
    },
  };
}

/**
 * Is the traffic split what was asked for? A broken split (a bot on one arm, a router bug) invalidates every comparison,
 * so it is checked before them. Two-sided multinomial test with a Dirichlet mixture, exact at every moment.
 */
export interface SampleRatioGuard {
  add(arm: number): void;
  logEvidence(): number;
  counts(): readonly number[];
}

/** @param expected share of each arm, summing to 1. A new split needs a new guard. */
export function createSampleRatioGuard(expected: readonly number[]): SampleRatioGuard {
  assert.ok(Math.abs(expected.reduce((a, b) => a + b, 0) - 1) < 1e-9);
  // A prior worth this many observations, centred on the expected split: sharp enough to see small deviations.
  const concentration = 100;
  const counts = expected.map(() => 0);
  return {
    add: (arm) => {
      counts[arm] = (counts[arm] ?? 0) + 1;
    },
    logEvidence: () => {
      const total = counts.reduce((a, b) => a + b, 0);
      let log = lnGamma(concentration) - lnGamma(concentration + total);
      counts.forEach((count, arm) => {
        const share = expected[arm] ?? 0;
        if (share === 0) {
          if (count > 0) log = Infinity;
          return;
        }
        const prior = concentration * share;
        log += lnGamma(prior + count) - lnGamma(prior) - count * Math.log(share);
      });
      return log;
    },
    counts: () => [...counts],
  };
}

/**
 * Is the mean of bounded values above `nullMean`? Betting: capital grows by 1 + stake * (value - nullMean), the stake set
 * from the past only. Exact for any distribution within [low, high] and any dependence that leaves the conditional mean
 * at most `nullMean`; no normality, no burn-in. Values outside are clipped, which must not matter for the question asked
 * (a clipped log-loss difference still has the sign of the harm).
 */
export interface BoundedMeanGuard {
  add(value: number): void;
  count(): number;
  mean(): number;
  logEvidence(): number;
}

export interface BoundedMeanOptions {
  readonly low: number;
  readonly high: number;
  readonly nullMean: number;
}

export function createBoundedMeanGuard(options: BoundedMeanOptions): BoundedMeanGuard {
  const { low, high, nullMean } = options;
  assert.ok(low < nullMean && nullMean < high);
  // The largest possible loss of one bet is half of the capital: never ruined by one value.
  const stakeMax = 0.5 / (nullMean - low);
  const range = high - low;
  let count = 0;
  let sum = 0;
  let squares = 0;
  let logEvidence = 0;
  return {
    add: (raw) => {
      const value = Math.min(high, Math.max(low, raw));
      // Shrunk towards the null with the weight of one observation of a quarter of the range's spread.
      const mean = (nullMean + sum) / (count + 1);
      const variance = (range * range * 0.0625 + squares) / (count + 1);
      const edge = mean - nullMean;
      const stake = Math.min(stakeMax, Math.max(0, edge / (variance + edge * edge)));
      logEvidence += Math.log1p(stake * (value - nullMean));
      const before = count === 0 ? nullMean : sum / count;
      count++;
      sum += value;
      squares += (value - before) * (value - sum / count);
    },
    count: () => count,
    mean: () => sum / count,
    logEvidence: () => logEvidence,
  };
}

/**
 * Confidence sequence for a mean, valid at every moment at once, for values with a variance: the normal mixture with the
 * variance estimated on the way. Asymptotic: not before `burnIn` values. Narrowest around `plannedCount` values.
 */
export interface MeanSequence {
  add(value: number): void;
  count(): number;
  mean(): number;
  /** The interval that holds the true mean at all times with probability 1 - alpha; infinite before the burn-in. */
  interval(): { readonly lower: number; readonly upper: number };
  /** ln of the one-sided evidence that the mean is above `value` (half-normal mixture); 0 before the burn-in. */
  logEvidenceAbove(value: number): number;
}

export interface MeanSequenceOptions {
  readonly alpha: number;
  readonly plannedCount: number;
  /** 50 unless said. */
  readonly burnIn?: number;
}

export function createMeanSequence(options: MeanSequenceOptions): MeanSequence {
  const { alpha, plannedCount } = options;
  const burnIn = options.burnIn ?? 50;
  // The mixture variance that is (nearly) optimal at the planned count (Waudby-Smith et al. 2021, appendix B).
  const spread = Math.sqrt((-2 * Math.log(alpha) + Math.log(-2 * Math.log(alpha) + 1)) / plannedCount);
  let count = 0;
  let mean = 0;
  let squares = 0;
  return {
    add: (value) => {
      count++;
      const delta = value - mean;
      mean += delta / count;
      squares += delta * (value - mean);
    },
    count: () => count,
    mean: () => mean,
    interval: () => {
      if (count < burnIn) return { lower: -Infinity, upper: Infinity };
      const scaled = count * spread * spread;
      const half =
        Math.sqrt(squares / count) *
        Math.sqrt(((2 * (scaled + 1)) / (count * scaled)) * Math.log(Math.sqrt(scaled + 1) / alpha));
      return { lower: mean - half, upper: mean + half };
    },
    logEvidenceAbove: (value) => {
      if (count < burnIn || squares === 0) return 0;
      const sum = (count * (mean - value)) / Math.sqrt(squares / count);
      const scaled = spread * spread * count + 1;
      const tilt = (spread * sum) / Math.sqrt(scaled);
      const logCdf = tilt < -5 ? normalLogSf(-tilt) : Math.log(normalCdf(tilt));
      return Math.LN2 - 0.5 * Math.log(scaled) + (tilt * tilt) / 2 + logCdf;
    },
  };
}

/**
 * Do the canary's scores look like the control's? Looks at a few fixed canary counts; firing takes three things at once:
 * a large distance between the arms (Kolmogorov-Smirnov), a small p, and, where the other model scored the same requests
 * in the shadow, a large shift on them. A p-value alone stops every healthy retrain, for two good models do differ; and
 * the distance alone stops some, because the first requests of a canary may all come from one hour, in which two good
 * models can disagree as far as a broken one does. Measured on flights (June 2013, 10 % share, 300 starts at random):
 * distance and p stop a healthy retrain in 2 to 22 % of starts, with the shift in 0 to 0.7 %; rates served in percent
 * are stopped in all starts, 95 % of them at the first look. Under equal distributions false alarms are at most
 * looks * p: 5e-4 with the defaults.
 */
export interface ScoreGuard {
  /**
   * One request. `otherScore` is what the other arm's model said of the same request, if it was asked.
   * Returns a look when this score completed one, else undefined.
   */
  add(isCanary: boolean, score: number, otherScore?: number): ScoreLook | undefined;
  canaryCount(): number;
  /** The canary count of the next look; undefined after the last one. */
  nextLookAt(): number | undefined;
}

export interface ScoreLook {
  /** Canary requests seen at this look. */
  readonly at: number;
  readonly statistic: number;
  readonly p: number;
  /** How far both models are apart on the canary's requests, by `ScoreShift`; undefined without pairs. */
  readonly shift: number | undefined;
  readonly fired: boolean;
}

/**
 * `logit`: scores are probabilities; the mean difference of logits, canary model - other model. `spread`: scores are numbers of any
 * size; the root mean square of the differences, in standard deviations of the canary's or the control's scores, whichever vary
 * more. A good model that replaces a poor one moves by less than its own spread, however poor the other was.
 */
export type ScoreShift = 'logit' | 'spread';

export interface ScoreGuardOptions {
  /** `logit` unless said. */
  readonly shift?: ScoreShift | undefined;
  /** Canary counts at which to look; 30, 50, 75, 100, 150 unless said. */
  readonly looks?: readonly number[];
  /** Smallest distance that matters; `scoreDistanceMin` unless said. */
  readonly distanceMin?: number;
  /** 1e-4 unless said. */
  readonly pMax?: number;
  /** Smallest |shift| that matters; that of `scoreShiftMins` unless said. */
  readonly shiftMin?: number;
  /** Seeds the sample of control scores. */
  readonly seed?: number;
}

/** Control scores kept, uniformly sampled: beyond this the comparison gains nothing. */
const controlKept = 2000;
/** Fewest control scores for a look to be made; an earlier one waits for them. */
const controlMin = 30;
/** Scores of exactly 0 or 1 count as this far away from them when a logit is taken. */
const logitFloor = 1e-6;

/** Kolmogorov-Smirnov distance. */
export const scoreDistanceMin = 0.35;
/** Logits: the odds more than doubled, or halved. Spread: most of what the answers vary. */
export const scoreShiftMins: Readonly<Record<ScoreShift, number>> = { logit: 0.8, spread: 0.9 };
export const defaultLooks: readonly number[] = [30, 50, 75, 100, 150];

export function createScoreGuard(options: ScoreGuardOptions = {}): ScoreGuard {
  const looks = options.looks ?? defaultLooks;
  const { distanceMin = scoreDistanceMin, pMax = 1e-4, shift: kind = 'logit' } = options;
  const shiftMin = options.shiftMin ?? scoreShiftMins[kind];
  const control = createReservoir<number>(controlKept, options.seed ?? 1);
  const canary: number[] = [];
  const last = looks.at(-1) ?? 0;
  let shiftSum = 0;
  let pairs = 0;
  let next = 0;
  return {
    canaryCount: () => canary.length,
    nextLookAt: () => looks[next],
    add: (isCanary, score, otherScore) => {
      if (next >= looks.length) return undefined;
      if (!isCanary) control.add(score);
      else if (canary.length < last) {
        canary.push(score);
        if (otherScore !== undefined) {
          shiftSum += kind === 'logit' ? logit(score) - logit(otherScore) : (score - otherScore) ** 2;
          pairs++;
        }
      }
      const due = looks[next] ?? Infinity;
      if (canary.length < due || control.items().length < controlMin) return undefined;
      next++;
      const { statistic, p } = ksTest(canary, control.items());
      const mean = pairs === 0 ? undefined : shiftSum / pairs;
      const shift =
        kind === 'logit' || mean === undefined ? mean : inSpreads(Math.sqrt(mean), [canary, control.items()]);
      const isShifted = shift === undefined || Math.abs(shift) >= shiftMin;
      return { at: canary.length, statistic, p, shift, fired: statistic > distanceMin && p < pMax && isShifted };
    },
  };
}

/** Answers that never vary have no spread: any difference is beyond every bound. */
function inSpreads(distance: number, samples: readonly (readonly number[])[]): number {
  return distance === 0 ? 0 : distance / Math.max(...samples.map(standardDeviation));
}

function logit(score: number): number {
  const p = Math.min(1 - logitFloor, Math.max(logitFloor, score));
  return Math.log(p / (1 - p));
}

/**
 * Looks at a running paired mean at fixed counts, against a z bound that shares alpha over the looks: for harm seen
 * through late labels, where a few looks find more than a test that must hold at every moment.
 */
export interface LookGuard {
  /** Returns a look when this value completed one. */
  add(value: number): MeanLook | undefined;
  count(): number;
  mean(): number;
  /** Of the mean so far, between looks too, where it decides nothing; 0 without spread. */
  z(): number;
  /** The count of the next look; undefined after the last one. */
  nextLookAt(): number | undefined;
}

export interface MeanLook {
  readonly at: number;
  readonly mean: number;
  readonly z: number;
  readonly fired: boolean;
}

/** One-sided: keeps nine looks together below 0.5 %. */
export const lookZBound = 3.3;

export function createLookGuard(looks: readonly number[], zBound = lookZBound): LookGuard {
  let next = 0;
  let count = 0;
  let mean = 0;
  let squares = 0;
  const zOf = (): number => {
    if (count < 2) return 0;
    const standardError = Math.sqrt(squares / (count - 1) / count);
    return standardError > 0 ? mean / standardError : 0;
  };
  return {
    count: () => count,
    mean: () => mean,
    z: zOf,
    nextLookAt: () => looks[next],
    add: (value) => {
      count++;
      const delta = value - mean;
      mean += delta / count;
      squares += delta * (value - mean);
      const due = looks[next];
      if (due === undefined || count < due || count < 2) return undefined;
      next++;
      const z = zOf();
      return { at: count, mean, z, fired: z > zBound };
    },
  };
}
