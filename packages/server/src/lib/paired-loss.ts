/**
 * Champion against challenger on the same labelled rows, for several classes, numbers and quantiles (`judged-task.ts`): is the
 * main loss lower, and is the side loss no higher?
 *
 * Both are means of differences on one row, so that what both models share drops out, with a normal interval. The verdict
 * follows one rule, fixed before the data are seen: main loss lower (one-sided z) *and* side loss not higher by more than a
 * margin (one-sided upper bound). What looks better and is not shown yet is `undecided` while four times as many rows would
 * show it. Differences are challenger - champion: a good challenger has negative ones.
 * Quantiles may also keep what they promise: where the challenger's own intervals cover as often as they should, it does not
 * matter that the champion's cover more.
 * Source: Schuirmann (1987) for non-inferiority by a one-sided bound.
 */
import { meanEstimate } from './classification.ts';
import { judge } from './intervals.ts';
import type { Clusters, Judged } from './intervals.ts';
import { nominalCoverage, scaleOf } from './judged-task.ts';
import type { JudgedTask } from './judged-task.ts';
import { pText } from './paired.ts';
import type { PairedDecision } from './paired.ts';
import { normalQuantile } from './special-functions.ts';

export type LossTask = Exclude<JudgedTask, { readonly kind: 'binary' }>;

/** Losses of one model. [rows] each. */
export interface ModelLosses {
  readonly main: ArrayLike<number>;
  readonly side: ArrayLike<number>;
}

export interface LossRule {
  /** One-sided z that the fall of the main loss must pass; 1.96 unless said. */
  readonly lossZ?: number | undefined;
  /** Largest acceptable rise of the side loss: share of answers for classes and quantiles, of the champion's spread for numbers. */
  readonly sideMargin?: number | undefined;
  /** Confidence of the one-sided bound on the side loss; 0.95 unless said. */
  readonly level?: number;
  /** Fewest labelled pairs that are judged at all; 100 unless said. */
  readonly rowsMin?: number;
}

/** One loss of both models, and the paired difference. */
export interface PairedLoss {
  readonly champion: number;
  readonly challenger: number;
  readonly difference: Judged;
  readonly byCluster: Judged | undefined;
}

export interface LossComparison {
  readonly task: LossTask;
  readonly count: number;
  readonly main: PairedLoss;
  readonly side: PairedLoss;
  /** What bounds on the side loss are shares of. */
  readonly sideScale: number;
  /** Rows that would show a difference of the main loss as large as this one, with 80 % power; Infinity for none. */
  readonly rowsToShow: number;
}

/** In the unit of the side loss's scale. */
export const sideMargins: Readonly<Record<LossTask['kind'], number>> = { classes: 0.02, number: 0.02, quantiles: 0.05 };
export const lossZOnce = 1.96;
const rowsMinDefault = 100;
/** More rows than so many times those that are there are not waited for. */
const waitFactor = 4;
const power80 = normalQuantile(0.8);
const clustersFew = 10;

export interface LossPairs {
  readonly champion: ModelLosses;
  readonly challenger: ModelLosses;
  readonly clusters?: Clusters | undefined;
}

export function comparePairedLosses(task: LossTask, pairs: LossPairs, rule: LossRule = {}): LossComparison {
  const main = compareOne(pairs, 'main', rule);
  const side = compareOne(pairs, 'side', rule);
  const count = pairs.champion.main.length;
  const { z } = main.difference;
  const wanted = (rule.lossZ ?? lossZOnce) + power80;
  return {
    task,
    count,
    main,
    side,
    sideScale: scaleOf(task, main.champion).side,
    rowsToShow: z === 0 || Number.isNaN(z) ? Infinity : Math.ceil(count * (wanted / z) ** 2),
  };
}

function compareOne(
  { champion, challenger, clusters }: LossPairs,
  loss: keyof ModelLosses,
  { level = 0.95 }: LossRule,
): PairedLoss {
  const [theirs, ours] = [champion[loss], challenger[loss]];
  const difference = meanEstimate(
    Float64Array.from({ length: ours.length }, (_, i) => (ours[i] ?? Number.NaN) - (theirs[i] ?? Number.NaN)),
  );
  return {
    champion: meanEstimate(theirs).estimate,
    challenger: meanEstimate(ours).estimate,
    difference: judge(difference, { level }),
    byCluster: clusters === undefined ? undefined : judge(difference, { level, clusters }),
  };
}

/** Applies the rule to a comparison. */
export function decidePairedLosses(compared: LossComparison, rule: LossRule = {}): PairedDecision {
  const { task, count, main, side, sideScale, rowsToShow } = compared;
  const { lossZ = lossZOnce, rowsMin = rowsMinDefault } = rule;
  const margin = (rule.sideMargin ?? sideMargins[task.kind]) * sideScale;
  const warnings = warningsOf(compared);
  const decided = (verdict: PairedDecision['verdict'], sentence: string): PairedDecision => ({
    verdict,
    promote: verdict === 'better',
    sentence,
    warnings,
  });
  if (count < rowsMin) {
    return decided('undecided', `Too few labelled pairs to decide: ${count}, at least ${rowsMin} are needed.`);
  }
  const known = describeLosses(compared, lossZ);
  const isBetter = main.difference.estimate < 0 && main.difference.z < -lossZ;
  const isHarmExcluded = side.difference.upperBound < margin || keepsPromise(compared, margin);
  if (isBetter && isHarmExcluded) return decided('better', `${known}.`);
  if (main.difference.lowerBound > 0) return decided('worse', `${known}: worse than the champion.`);
  if (isBetter && side.difference.estimate < margin) {
    const worst = `at worst ${sideText(compared, side.difference.upperBound)}, allowed is ${sideText(compared, margin)}`;
    return decided('undecided', `${known}; that it is no worse in ${sideName(task)} is not shown yet (${worst}).`);
  }
  if (!isBetter && main.difference.estimate < 0 && rowsToShow <= waitFactor * count) {
    return decided('undecided', `${known}; about ${rowsToShow} labelled pairs would show it, there are ${count}.`);
  }
  return decided('not-better', `${known}: not shown to be better.`);
}

/** Intervals that cover as often as they should, whatever the champion's do: within the margin, with one-sided 95 %. */
function keepsPromise({ task, side, count }: LossComparison, margin: number): boolean {
  if (task.kind !== 'quantiles') return false;
  const missed = side.challenger;
  const bound = missed + normalQuantile(0.95) * Math.sqrt((missed * (1 - missed)) / count);
  return bound <= 1 - nominalCoverage(task.levels) + margin;
}

const sideName = (task: LossTask): string =>
  ({ classes: 'accuracy', number: 'mean absolute error', quantiles: 'coverage' })[task.kind];

/** A change of the side loss as people say it: of accuracy and coverage, where more is better, with its sign turned. */
function sideText({ task }: LossComparison, change: number): string {
  return task.kind === 'number' ? signed(change) : `${signed(-100 * change, 1)} points`;
}

function describeLosses(compared: LossComparison, lossZ: number): string {
  const { task, main, side } = compared;
  const { difference } = main;
  const by = main.byCluster ?? difference;
  const clustered = by.by === 'clusters' ? `, clustered over ${by.clusters} days p ${pText(by.p)}` : '';
  const word = difference.z < -lossZ ? 'lower' : difference.z > lossZ ? 'higher' : 'not shown to differ';
  const sides = `${sideText(compared, side.difference.lowerBound)} to ${sideText(compared, side.difference.upperBound)}`;
  switch (task.kind) {
    case 'classes':
      return `log loss ${word} (${shown(main.challenger)} against ${shown(main.champion)}, z ${difference.z.toFixed(1)}${clustered}); accuracy ${percent(1 - side.challenger)} against ${percent(1 - side.champion)} (${sides})`;
    case 'number':
      return `squared error ${word} (root mean squared error ${shown(Math.sqrt(main.challenger))} against ${shown(Math.sqrt(main.champion))}, z ${difference.z.toFixed(1)}${clustered}); mean absolute error ${shown(side.challenger)} against ${shown(side.champion)} (${sides})`;
    case 'quantiles':
      return `pinball loss ${word} (${shown(main.challenger)} against ${shown(main.champion)}, z ${difference.z.toFixed(1)}${clustered}); intervals cover ${percent(1 - side.challenger)} against ${percent(1 - side.champion)}, ${percent(nominalCoverage(task.levels))} is what they promise`;
  }
}

function warningsOf({ main }: LossComparison): string[] {
  const warnings: string[] = [];
  const clusters = main.byCluster?.clusters;
  if (clusters !== undefined && clusters < clustersFew) {
    warnings.push(`only ${clusters} ${clusters === 1 ? 'day' : 'days'}: the clustered p-values are optimistic`);
  }
  const isOnlyNaive = main.difference.p < 0.05 && (main.byCluster?.p ?? 0) >= 0.05;
  if (isOnlyNaive) warnings.push('the difference is significant only if rows of one day were independent');
  return warnings;
}

/** Figures of a look by name, for the record. */
export function lossEvidence(compared: LossComparison, zAsked: number): Record<string, number> {
  const { task, main, side } = compared;
  const common = { dLossZ: main.difference.z, zAsked };
  const turned = (name: string): Record<string, number> => ({
    [`champion${name}`]: 1 - side.champion,
    [`challenger${name}`]: 1 - side.challenger,
    [`d${name}`]: -side.difference.estimate,
    [`d${name}Low`]: -side.difference.upper,
    [`d${name}High`]: -side.difference.lower,
  });
  const straight = (name: string, { champion, challenger, difference }: PairedLoss): Record<string, number> => ({
    [`champion${name}`]: champion,
    [`challenger${name}`]: challenger,
    [`d${name}`]: difference.estimate,
    [`d${name}Low`]: difference.lower,
    [`d${name}High`]: difference.upper,
  });
  switch (task.kind) {
    case 'classes':
      return { ...straight('LogLoss', main), ...common, ...turned('Accuracy') };
    case 'number':
      return {
        championRmse: Math.sqrt(main.champion),
        challengerRmse: Math.sqrt(main.challenger),
        dSquared: main.difference.estimate / main.champion,
        dSquaredLow: main.difference.lower / main.champion,
        dSquaredHigh: main.difference.upper / main.champion,
        ...common,
        ...straight('Mae', side),
      };
    case 'quantiles':
      return {
        ...straight('Pinball', main),
        ...common,
        ...turned('Coverage'),
        nominalCoverage: nominalCoverage(task.levels),
      };
  }
}

const shown = (value: number): string => String(Number(value.toPrecision(4)));
const signed = (value: number, digits?: number): string =>
  `${value < 0 ? '-' : '+'}${digits === undefined ? shown(Math.abs(value)) : Math.abs(value).toFixed(digits)}`;
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
