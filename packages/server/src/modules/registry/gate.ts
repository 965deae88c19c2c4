/**
 * The gate's judge: evidence against declared bounds, one check per bound, each with a sentence that a person can act on.
 *
 * Every declared bound is judged; a bound whose evidence is missing fails, so that leaving a figure out is never a way
 * through. Metrics are "higher is better" unless a word of their name says that they measure loss, error or cost (`isLowerBetter`).
 *   min / max      the value, or the end of its interval that `interval` names, against the bound
 *   beats          how much better than a simpler model on the same rows, in the metric's own unit
 *   champion       candidate minus champion on the same rows: the worse end of the 95 % interval must lie inside the
 *                  margin. Without a champion there is nothing to be worse than, and the check passes.
 */
import type { Estimate, GateCheck, GateEvidence, GateSpec } from '@slipway/contract';

export interface GateVerdict {
  readonly passed: boolean;
  readonly checks: readonly GateCheck[];
}

/** Words of a metric's name that make it one to be low. */
const lowWords: ReadonlySet<string> = new Set(
  'loss losses brier ece error errors rmse mae mse mape smape deviance latency cost costs logloss'.split(' '),
);

/** By its words: `logLoss`, `val_rmse` and `cost` are better low, `auc` and `precedence` are not. */
export function isLowerBetter(metric: string): boolean {
  const words = metric.replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2').split(/[^A-Za-z0-9]+/);
  return words.some((word) => lowWords.has(word.toLowerCase()));
}

/** Four significant digits, without an exponent for everyday numbers. */
export function shown(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return String(Number(value.toPrecision(4)));
}

function described(estimate: Estimate): string {
  const interval =
    estimate.low === undefined || estimate.high === undefined
      ? ''
      : ` (95 % interval ${shown(estimate.low)} to ${shown(estimate.high)})`;
  return `${shown(estimate.value)}${interval}`;
}

const missing = (name: string, what: string): GateCheck => ({
  name,
  passed: false,
  sentence: `The evidence does not say ${what}, so the check fails.`,
});

type Bound = {
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly interval: 'low' | 'high' | 'value';
};

function boundChecks(metric: string, bound: Bound, evidence: GateEvidence): GateCheck[] {
  const checks: GateCheck[] = [];
  const estimate = evidence.metrics[metric];
  for (const kind of ['min', 'max'] as const) {
    const limit = bound[kind];
    if (limit === undefined) continue;
    const name = `${metric}.${kind}`;
    const observed = estimate?.[bound.interval];
    if (estimate === undefined || observed === undefined) {
      checks.push(
        missing(
          name,
          estimate === undefined ? `what ${metric} is` : `where the ${bound.interval} end of ${metric} lies`,
        ),
      );
      continue;
    }
    const passed = kind === 'min' ? observed >= limit : observed <= limit;
    const end = bound.interval === 'value' ? ',' : `; its ${bound.interval} end is`;
    const verdict = passed ? 'within' : 'outside';
    checks.push({
      name,
      observed,
      bound: limit,
      passed,
      sentence: `${metric} is ${described(estimate)}${end} ${verdict} the bound: ${kind === 'min' ? 'at least' : 'at most'} ${shown(limit)}.`,
    });
  }
  return checks;
}

function beatsCheck(baseline: string, metric: string, margin: number, evidence: GateEvidence): GateCheck {
  const name = `beats.${baseline}.${metric}`;
  const own = evidence.metrics[metric];
  const other = evidence.baselines[baseline]?.[metric];
  if (own === undefined) return missing(name, `what ${metric} is`);
  if (other === undefined) return missing(name, `what ${metric} the baseline "${baseline}" reaches`);
  const gain = isLowerBetter(metric) ? other.value - own.value : own.value - other.value;
  const passed = gain >= margin;
  return {
    name,
    observed: gain,
    bound: margin,
    passed,
    sentence: `${metric} is ${shown(own.value)} against ${shown(other.value)} of "${baseline}": better by ${shown(gain)}, ${passed ? 'which is' : 'not'} at least ${shown(margin)}.`,
  };
}

function championCheck(
  metric: string,
  margin: number,
  evidence: GateEvidence,
  champion: number | undefined,
): GateCheck {
  const name = `champion.${metric}`;
  if (champion === undefined)
    return {
      name,
      bound: margin,
      passed: true,
      sentence: 'There is no champion yet, so there is nothing to be worse than.',
    };
  const { paired } = evidence;
  if (paired === undefined) return missing(name, `how the candidate compares with the champion, version ${champion}`);
  if (paired.champion !== champion)
    return {
      name,
      passed: false,
      sentence: `The candidate was compared with version ${paired.champion}, but the champion is version ${champion} now. Compare again.`,
    };
  const difference = paired.differences[metric];
  if (difference === undefined) return missing(name, `the paired difference in ${metric} against version ${champion}`);
  // The worse end: the upper one of a loss, the lower one of a score.
  const observed = isLowerBetter(metric)
    ? (difference.high ?? difference.value)
    : -(difference.low ?? difference.value);
  const passed = observed < margin;
  const worst = observed < 0 ? `better by at least ${shown(-observed)}` : `at worst ${shown(observed)} worse`;
  return {
    name,
    observed,
    bound: margin,
    passed,
    sentence: `${metric} differs from champion version ${champion} by ${described(difference)}: ${worst}, ${passed ? 'inside' : 'outside'} the margin of ${shown(margin)}.`,
  };
}

/** `champion` is the number of the version that the first protected alias points at now. */
export function judgeGate(spec: GateSpec, evidence: GateEvidence, champion: number | undefined): GateVerdict {
  const { beats = {}, champion: against = {}, ...bounds } = spec.checks;
  const checks = [
    ...Object.entries(bounds).flatMap(([metric, bound]) => boundChecks(metric, bound, evidence)),
    ...Object.entries(beats).flatMap(([baseline, metrics]) =>
      Object.entries(metrics).map(([metric, margin]) => beatsCheck(baseline, metric, margin, evidence)),
    ),
    ...Object.entries(against).map(([metric, bound]) => championCheck(metric, bound.nonInferior, evidence, champion)),
  ];
  return { passed: checks.every((check) => check.passed), checks };
}
