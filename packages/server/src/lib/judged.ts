/** What the judge of a rollout is fed with, and what its guards say: the words that its parts share. */
import type { JudgedAnswer } from './judged-task.ts';

/**
 * `scores`, of classes `class-mix` and `agreement`: without labels. `errors`, `sample-ratio`: of the requests. `labels`: the main loss of
 * the labelled pairs; `mistakes`: their side loss.
 */
export type GuardName = 'scores' | 'class-mix' | 'agreement' | 'errors' | 'sample-ratio' | 'labels' | 'mistakes';

export interface GuardAlarm {
  readonly guard: GuardName;
  readonly sentence: string;
  readonly evidence: Readonly<Record<string, number>>;
}

export interface GuardFiring extends GuardAlarm {
  /** Requests that the candidate had answered when the guard fired. */
  readonly canaryRequests: number;
  readonly labelledPairs: number;
}

export interface JudgedRequest {
  /** Share of the traffic that the candidate had: 0 in the shadow, else below 1. */
  readonly share: number;
  /** True when the candidate answered. */
  readonly isCanary: boolean;
  readonly isError: boolean;
  /** What each model said, where it was asked and answered. */
  readonly candidate?: JudgedAnswer | undefined;
  readonly incumbent?: JudgedAnswer | undefined;
}

export interface JudgedLabel {
  /** 0 or 1, the place of a class, or a number. */
  readonly label: number;
  readonly candidate: JudgedAnswer;
  readonly incumbent: JudgedAnswer;
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
  /** How large the harm is, where it has to be large too; the unit is the guard's own, and that of the task. */
  readonly effect: { readonly value: number; readonly bar: number } | undefined;
  readonly count: number;
  readonly nextLookAt: number | undefined;
}
