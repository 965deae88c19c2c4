/**
 * What a rollout's judge compares two versions by, for each kind of model: a main loss, which a better version lowers, and a
 * side loss, which it must not raise. Lower is better for all of them.
 *
 *   task        main                                   side
 *   binary      log loss of the outcome, nats          (`paired.ts` judges ranking beside it)
 *   classes     log loss of the true class, nats       1 where the most probable class is not the true one
 *   number      squared error                          absolute error, in units of the label
 *   quantiles   pinball loss, mean over the levels     1 where the outcome lies outside the outermost levels
 *
 * Losses of numbers mean nothing by themselves: bounds on them are shares of the incumbent's spread, which is the root of its
 * mean squared error on the same pairs, and for quantiles shares of its mean pinball loss.
 * Source of the pinball loss: Koenker and Bassett (1978).
 */
import { logLossOf, probabilityFloor } from './classification.ts';

export type JudgedTask =
  | { readonly kind: 'binary' }
  | { readonly kind: 'classes'; readonly count: number }
  | { readonly kind: 'number' }
  /** Ascending, two at least. */
  | { readonly kind: 'quantiles'; readonly levels: readonly number[] };

/** What a version said of one row. */
export interface JudgedAnswer {
  readonly score: number;
  /** Of classes the probability of each [count], of quantiles the value at each level [levels]; else not there. */
  readonly values?: ArrayLike<number> | undefined;
}

export interface Losses {
  readonly main: number;
  readonly side: number;
}

/** Undefined where the label is none of this task, or the answer lacks what the task judges. */
export function lossesOf(task: JudgedTask, { score, values }: JudgedAnswer, label: number): Losses | undefined {
  switch (task.kind) {
    case 'binary':
      return label === 0 || label === 1 ? { main: logLossOf(score, label), side: 0 } : undefined;
    case 'classes': {
      const p = values?.[label];
      if (values === undefined || p === undefined || !Number.isInteger(label)) return undefined;
      const main = -Math.log(Math.min(1 - probabilityFloor, Math.max(probabilityFloor, p)));
      return { main, side: topOf(values) === label ? 0 : 1 };
    }
    case 'number': {
      const error = score - label;
      return Number.isFinite(error) ? { main: error * error, side: Math.abs(error) } : undefined;
    }
    case 'quantiles':
      return values === undefined || !Number.isFinite(label) ? undefined : quantileLosses(task.levels, values, label);
  }
}

function quantileLosses(levels: readonly number[], values: ArrayLike<number>, label: number): Losses {
  let main = 0;
  levels.forEach((level, i) => {
    const miss = label - (values[i] ?? Number.NaN);
    main += Math.max(level * miss, (level - 1) * miss) / levels.length;
  });
  const isInside = label >= (values[0] ?? Number.NaN) && label <= (values[levels.length - 1] ?? Number.NaN);
  return { main, side: isInside ? 0 : 1 };
}

/** Share of outcomes that should lie between the outermost levels. */
export const nominalCoverage = (levels: readonly number[]): number => (levels.at(-1) ?? 0) - (levels[0] ?? 0);

/** The first of the highest. */
export function topOf(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] ?? 0) > (values[best] ?? 0)) best = i;
  return best;
}

/** What one unit of each loss is measured in: 1, or what the incumbent's own losses are like. */
export function scaleOf(task: JudgedTask, incumbentMain: number): Losses {
  switch (task.kind) {
    case 'binary':
    case 'classes':
      return { main: 1, side: 1 };
    case 'number':
      return { main: incumbentMain, side: Math.sqrt(incumbentMain) };
    case 'quantiles':
      return { main: incumbentMain, side: 1 };
  }
}

/** Which of the losses adds up to the harm that people are told of: what they know of the task. */
export const harmOf = (task: JudgedTask, { main, side }: Losses): number => (task.kind === 'number' ? side : main);
