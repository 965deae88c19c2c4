/** What the judge of a rollout measured and decided, in plain words. */
import type { Rollout, RolloutDecision } from '@slipway/contract';
import { count, decimals, duration, figure, instant, percent, plural, signed, signedFigure } from '../../words.ts';

export interface Fact {
  readonly name: string;
  readonly value: string;
}

const raised = (digits: string): string => digits.replaceAll(/\d/g, (d) => '⁰¹²³⁴⁵⁶⁷⁸⁹'.charAt(Number(d)));

/** `0.017`, or `5 × 10⁻³⁰`. */
function p(value: number): string {
  if (value >= 0.001) return value.toFixed(3);
  const [digit = '', power = ''] = value.toExponential(0).split('e-');
  return value === 0 ? '0' : `${digit} × 10⁻${raised(power)}`;
}
const whole = (value: number): string => count(value);
const share = (value: number): string => percent(value, 1);
const points = (value: number): string => `${signed(100 * value, 1)} points`;
const ofIncumbent = (value: number): string => `${signed(100 * value, 1)} %`;

/** Key of a decision's evidence -> what it is called and how it is written. */
const facts: Readonly<Record<string, readonly [name: string, write: (value: number) => string]>> = {
  championAuc: ['AUC of the incumbent', (v) => decimals(v, 4)],
  challengerAuc: ['AUC of the candidate', (v) => decimals(v, 4)],
  dAuc: ['AUC, candidate less incumbent', (v) => signed(v, 4)],
  dAucZ: ['its distance from no difference', (v) => `${signed(v, 2)} standard errors`],
  aucZAsked: ['asked for at this look', (v) => `${decimals(v, 2)} standard errors`],
  dLogLoss: ['Log loss, candidate less incumbent', (v) => signed(v, 4)],
  dLogLossZ: ['its distance from no difference, rows independent', (v) => `${signed(v, 2)} standard errors`],
  championEce: ['Calibration error of the incumbent', (v) => decimals(v, 3)],
  challengerEce: ['Calibration error of the candidate', (v) => decimals(v, 3)],
  statistic: ['Distance between the scores of both (0 alike, 1 apart)', (v) => decimals(v, 2)],
  p: ['Chance of such a distance if they were alike', p],
  shift: ['Odds moved by a factor of', (v) => decimals(Math.exp(v), 2)],
  look: ['Looked at after answers of the candidate', whole],
  canary: ['From the candidate', whole],
  stable: ['From the incumbent', whole],
  ratio: ['Error rate, times that of the incumbent', (v) => decimals(v, 1)],
  share: ['Share of the traffic asked for', (v) => `${decimals(v * 100, 0)} %`],
  logEvidence: ['Evidence, natural logarithm', (v) => signed(v, 2)],
  dLossZ: ['its distance from no difference', (v) => `${signed(v, 2)} standard errors`],
  zAsked: ['asked for at this look', (v) => `${decimals(v, 2)} standard errors below`],
  championLogLoss: ['Log loss of the incumbent', (v) => decimals(v, 4)],
  challengerLogLoss: ['Log loss of the candidate', (v) => decimals(v, 4)],
  dLogLossLow: ['its 95 % interval, from', (v) => signed(v, 4)],
  dLogLossHigh: ['to', (v) => signed(v, 4)],
  championAccuracy: ['Accuracy of the incumbent', share],
  challengerAccuracy: ['Accuracy of the candidate', share],
  dAccuracy: ['Accuracy, candidate less incumbent', points],
  dAccuracyLow: ['its 95 % interval, from', points],
  dAccuracyHigh: ['to', points],
  championRmse: ['Root mean squared error of the incumbent', figure],
  challengerRmse: ['Root mean squared error of the candidate', figure],
  dSquared: ['Squared error, candidate less incumbent', ofIncumbent],
  dSquaredLow: ['its 95 % interval, from', ofIncumbent],
  dSquaredHigh: ['to', ofIncumbent],
  championMae: ['Mean absolute error of the incumbent', figure],
  challengerMae: ['Mean absolute error of the candidate', figure],
  dMae: ['Mean absolute error, candidate less incumbent', signedFigure],
  dMaeLow: ['its 95 % interval, from', signedFigure],
  dMaeHigh: ['to', signedFigure],
  championPinball: ['Pinball loss of the incumbent', figure],
  challengerPinball: ['Pinball loss of the candidate', figure],
  dPinball: ['Pinball loss, candidate less incumbent', signedFigure],
  dPinballLow: ['its 95 % interval, from', signedFigure],
  dPinballHigh: ['to', signedFigure],
  nominalCoverage: ['Share of outcomes that intervals promise', share],
  championCoverage: ['Share inside the incumbent’s', share],
  challengerCoverage: ['Share inside the candidate’s', share],
  dCoverage: ['Coverage, candidate less incumbent', points],
  dCoverageLow: ['its 95 % interval, from', points],
  dCoverageHigh: ['to', points],
  moved: ['Moved, in standard deviations of the answers', (v) => decimals(v, 2)],
  mixDistance: ['Requests that would have to be of another class', share],
  mixShift: ['the same on requests that both answered', share],
  agreed: ['Requests on which both name the same class', share],
  agreementFall: ['Right less often, by the incumbent’s probabilities', points],
  accuracyFall: ['Accuracy, below the incumbent by', points],
  squaredRise: ['Mean squared error, above the incumbent by', ofIncumbent],
  absoluteRise: ['Mean absolute error, above by a share of the usual error', ofIncumbent],
  pinballRise: ['Pinball loss, above the incumbent by', ofIncumbent],
  coverageFall: ['Outcomes missed, more than by the incumbent', points],
  pairs: ['Labelled pairs', whole],
  z: ['Distance from no difference', (v) => `${signed(v, 2)} standard errors`],
};

export function factsOf(evidence: RolloutDecision['evidence']): readonly Fact[] {
  return Object.entries(evidence ?? {}).map(([key, value]) => {
    const known = facts[key];
    return { name: known?.[0] ?? key, value: value === null ? 'not set' : (known?.[1] ?? String)(value) };
  });
}

const guards: Readonly<Record<string, string>> = {
  scores: 'the guard of the scores',
  'class-mix': 'the guard of the class mix',
  agreement: 'the guard of the agreement',
  errors: 'the guard of the errors',
  'sample-ratio': 'the guard of the split',
  labels: 'the guard of the outcomes',
  mistakes: 'the guard of the mistakes',
};

export const guardWords = (guard: string): string => guards[guard] ?? `the guard ${guard}`;

/** A reason is typed with a full stop or without one. */
const ended = (sentence: string): string => (/[.!?]$/.test(sentence) ? sentence : `${sentence}.`);

/** One sentence: what became of it. */
export function verdictOf(rollout: Rollout): string {
  const { candidate, incumbent, plan } = rollout;
  const last = rollout.decisions.at(-1);
  const seen =
    last === undefined
      ? ''
      : ` after ${plural(last.requests, 'request')} and ${plural(last.labelledPairs, 'labelled pair')}`;
  switch (rollout.state) {
    case 'running': {
      if (rollout.hold !== undefined)
        return `v${candidate} is on hold since ${instant(rollout.hold.at)}: it keeps its share of the traffic, and nothing promotes it.`;
      const stage = plan.stages[rollout.stage];
      const share =
        stage === undefined || stage.percent === 0
          ? `scores in the shadow of v${incumbent} and answers nobody`
          : `answers ${stage.percent} % in stage ${stage.name}`;
      return `v${candidate} ${share}; without a decision by ${instant(rollout.deadlineAt)} it ends unpromoted.`;
    }
    case 'promoted':
      return `v${candidate} replaced v${incumbent}${seen}.`;
    case 'rejected':
      return `v${candidate} was not shown to be good enough${seen}; v${incumbent} stays.`;
    case 'rolled-back':
      if (rollout.guard === undefined)
        return `${ended(last?.sentence ?? 'Rolled back by hand')} All traffic went back to v${incumbent}${seen}.`;
      return `v${candidate} was stopped by ${guardWords(rollout.guard ?? 'of the judge')} after ${plural(last?.canaryRequests ?? 0, 'answer')} of its own; all traffic went back to v${incumbent}.`;
    case 'cancelled':
      return `Cancelled${seen}; all traffic went back to v${incumbent}.`;
  }
}

/** What a stage waits for before the next one. */
export function needsOf(stage: Rollout['plan']['stages'][number]): string {
  const needs = [
    ...(stage.minRequests > 0 ? [plural(stage.minRequests, 'request')] : []),
    ...(stage.minLabels > 0 ? [plural(stage.minLabels, 'labelled pair')] : []),
  ];
  return needs.length === 0 ? 'no wait' : needs.join(' and ');
}

export type StageState = 'done' | 'now' | 'stopped' | 'left' | 'ahead';

export interface StageFact {
  readonly name: string;
  readonly percent: number;
  readonly needs: string;
  readonly deadline: string;
  readonly state: StageState;
  readonly startedAt: number | undefined;
  readonly took: string | undefined;
}

/** The plan with where it stands: when each stage began and how long it took, from the decisions. */
export function stagesOf(rollout: Rollout): readonly StageFact[] {
  const begins = [rollout.startedAt, ...rollout.decisions.filter((d) => d.verdict === 'advanced').map((d) => d.at)];
  return rollout.plan.stages.map((stage, i) => {
    const startedAt = begins[i];
    const endedAt = begins[i + 1] ?? (startedAt === undefined ? undefined : rollout.finishedAt);
    const isLast = i === rollout.stage;
    const state: StageState =
      startedAt === undefined || i > rollout.stage
        ? 'ahead'
        : !isLast || rollout.state === 'promoted'
          ? 'done'
          : rollout.state === 'running'
            ? 'now'
            : rollout.state === 'rolled-back'
              ? 'stopped'
              : 'left';
    return {
      name: stage.name,
      percent: stage.percent,
      needs: needsOf(stage),
      deadline: duration(stage.deadline),
      state,
      startedAt,
      took: startedAt === undefined || endedAt === undefined ? undefined : duration(endedAt - startedAt),
    };
  });
}

export interface LookFact {
  readonly pairs: number;
  /** Standard errors by which the candidate is better, and those that the look asked for. */
  readonly z: number | null;
  readonly asked: number | null;
}

/** The looks of the rule of promotion, oldest first: of two classes at the ranking, of others at the main loss. */
export function looksOf(rollout: Rollout): readonly LookFact[] {
  return rollout.decisions.flatMap(({ evidence, labelledPairs: pairs }) => {
    if (typeof evidence?.['dAucZ'] === 'number')
      return [{ pairs, z: evidence['dAucZ'], asked: evidence['aucZAsked'] ?? null }];
    if (typeof evidence?.['dLossZ'] === 'number')
      return [{ pairs, z: -evidence['dLossZ'], asked: evidence['zAsked'] ?? null }];
    return [];
  });
}
