/** What a model answers, in words: its losses, what the guards of the judge say of it, what promotes it. */
import type { GuardState, ModelTask, Rollout } from '@slipway/contract';
import { decimals, figure, percent, signed } from '../../words.ts';

export interface TaskWords {
  /** What a better version lowers. */
  readonly main: string;
  /** What the harm of a rollout adds up. */
  readonly harm: string;
}

export const taskWords: Readonly<Record<ModelTask, TaskWords>> = {
  binary: { main: 'log loss', harm: 'log loss' },
  classes: { main: 'log loss', harm: 'log loss' },
  number: { main: 'squared error', harm: 'absolute error' },
  quantiles: { main: 'pinball loss', harm: 'pinball loss' },
};

/** A rollout from before tasks were kept was of two classes. */
export const taskOf = ({ task }: Pick<Rollout, 'task'>): ModelTask => task ?? 'binary';

type Guard = GuardState['guard'];

const alike: Readonly<Record<Exclude<Guard, 'labels' | 'mistakes'>, string>> = {
  scores: 'Answers are like the incumbent’s',
  'class-mix': 'The mix of classes is the incumbent’s',
  agreement: 'It names the incumbent’s classes',
  errors: 'No more errors than the incumbent',
  'sample-ratio': 'The split is as asked',
};

const outcomes: Readonly<Record<ModelTask, Readonly<Record<'labels' | 'mistakes', string>>>> = {
  binary: { labels: 'Outcomes are no worse', mistakes: 'Outcomes are no worse' },
  classes: { labels: 'Log loss is no higher', mistakes: 'The class is wrong no more often' },
  number: { labels: 'Squared errors are no larger', mistakes: 'Absolute errors are no larger' },
  quantiles: { labels: 'Pinball loss is no higher', mistakes: 'Intervals cover no less' },
};

export const guardName = (guard: Guard, task: ModelTask): string =>
  guard === 'labels' || guard === 'mistakes' ? outcomes[task][guard] : alike[guard];

const counted: Readonly<Record<Guard, string>> = {
  scores: 'answers of the candidate',
  'class-mix': 'answers of the candidate',
  agreement: 'answers of the candidate',
  errors: 'errors',
  'sample-ratio': 'requests',
  labels: 'labelled pairs',
  mistakes: 'labelled pairs',
};

export const countedWord = (guard: Guard): string => counted[guard];

/** How large the harm that a guard looks for is: nats, odds and spreads as numbers, everything else as a share. */
export function effectWords(guard: Guard, task: ModelTask): (value: number | null) => string {
  const asShare = (value: number | null): string =>
    value === null ? 'not set' : `${signed(100 * value, Math.abs(value) < 0.1 ? 1 : 0)} %`;
  switch (guard) {
    case 'class-mix':
    case 'agreement':
    case 'mistakes':
      return asShare;
    case 'labels':
      return task === 'binary' || task === 'classes' ? (value) => signed(value, 3) : asShare;
    case 'scores':
    case 'errors':
    case 'sample-ratio':
      return (value) => signed(value, 2);
  }
}

/** What the rule of a plan asks of a candidate. */
export function ruleWords(rollout: Pick<Rollout, 'plan' | 'task'>): string {
  const { rule } = rollout.plan;
  const z = decimals(rule.lossZ, 2);
  switch (taskOf(rollout)) {
    case 'binary':
      return `ranks better by ${rule.aucZ} standard errors, log loss at most ${signed(rule.logLossMargin)} worse`;
    case 'classes':
      return `log loss lower by ${z} standard errors, accuracy at most ${points(rule.accuracyMargin)} worse`;
    case 'number':
      return `squared error lower by ${z} standard errors, mean absolute error at most ${percent(rule.errorMargin ?? 0)} of the usual error worse`;
    case 'quantiles':
      return `pinball loss lower by ${z} standard errors, intervals cover at most ${points(rule.coverageMargin)} less`;
  }
}

const points = (share = 0): string => `${figure(100 * share)} points`;
