/**
 * The guards of a stage that need no labels: are the candidate's answers like the incumbent's? For probabilities and numbers the
 * guard of scores (`sequential.ts`), for several classes those of the classes (`class-guards.ts`).
 */
import { agreementFallMin, agreementZMin, createClassGuards, mixDistanceMin, mixShiftMin } from './class-guards.ts';
import type { ClassLook } from './class-guards.ts';
import type { GuardAlarm, GuardStanding, JudgedRequest } from './judged.ts';
import type { JudgedTask } from './judged-task.ts';
import type { ScoreLook, ScoreShift } from './sequential.ts';
import { createScoreGuard, scoreDistanceMin, scoreShiftMins } from './sequential.ts';

export interface AnswerGuards {
  /** `stands`: the request counts as the canary's. */
  add(request: Pick<JudgedRequest, 'candidate' | 'incumbent'>, stands: boolean): GuardAlarm | undefined;
  standings(): readonly GuardStanding[];
}

/** One for each stage. */
export function createAnswerGuards(task: JudgedTask, seed: number): AnswerGuards {
  return task.kind === 'classes'
    ? guardClasses(task.count)
    : guardScores(task.kind === 'binary' ? 'logit' : 'spread', seed);
}

function guardScores(shift: ScoreShift, seed: number): AnswerGuards {
  const scores = createScoreGuard({ shift, seed });
  let last: ScoreLook | undefined;
  return {
    add: ({ candidate, incumbent }, stands) => {
      const [own, other] = stands ? [candidate, incumbent] : [incumbent, candidate];
      if (own === undefined) return undefined;
      const look = scores.add(stands, own.score, other?.score);
      last = look ?? last;
      if (look?.fired !== true) return undefined;
      return {
        guard: 'scores',
        sentence: `The candidate's ${shift === 'logit' ? 'scores' : 'answers'} are not the incumbent's: distance ${look.statistic.toFixed(2)} after ${look.at} requests (p ${look.p.toExponential(0)}${shiftText(look, shift)}).`,
        evidence: {
          statistic: look.statistic,
          p: look.p,
          [shift === 'logit' ? 'shift' : 'moved']: look.shift ?? Number.NaN,
          look: look.at,
        },
      };
    },
    standings: () => [
      {
        guard: 'scores',
        scale: 'distance',
        value: last?.statistic ?? Number.NaN,
        bar: scoreDistanceMin,
        effect: { value: Math.abs(last?.shift ?? Number.NaN), bar: scoreShiftMins[shift] },
        count: scores.canaryCount(),
        nextLookAt: scores.nextLookAt(),
      },
    ],
  };
}

function shiftText({ shift }: ScoreLook, kind: ScoreShift): string {
  if (shift === undefined) return '';
  return kind === 'logit'
    ? `, the odds moved by a factor ${Math.exp(Math.abs(shift)).toFixed(1)}`
    : `, on the same requests they moved by ${shift.toFixed(1)} times what answers vary`;
}

function guardClasses(count: number): AnswerGuards {
  const guards = createClassGuards(count);
  let last: ClassLook | undefined;
  return {
    add: ({ candidate, incumbent }, stands) => {
      const [own, other] = stands ? [candidate, incumbent] : [incumbent, candidate];
      if (own?.values === undefined) return undefined;
      const look = guards.add(stands, own.values, other?.values);
      last = look ?? last;
      return look === undefined ? undefined : alarmOf(look);
    },
    standings: () => {
      const common = { count: guards.canaryCount(), nextLookAt: guards.nextLookAt() };
      return [
        {
          ...common,
          guard: 'class-mix',
          scale: 'distance',
          value: last?.mix.distance ?? Number.NaN,
          bar: mixDistanceMin,
          effect: { value: last?.mix.shift ?? Number.NaN, bar: mixShiftMin },
        },
        {
          ...common,
          guard: 'agreement',
          scale: 'z',
          value: last?.agreement.z ?? Number.NaN,
          bar: agreementZMin,
          effect: { value: last?.agreement.fall ?? Number.NaN, bar: agreementFallMin },
        },
      ];
    },
  };
}

function alarmOf({ at, mix, agreement }: ClassLook): GuardAlarm | undefined {
  if (agreement.fired) {
    const { fall, z, agreed } = agreement;
    return {
      guard: 'agreement',
      sentence: `The candidate names other classes: it agrees with the incumbent on ${percent(agreed)} of ${at} requests, and by the incumbent's probabilities is right ${percent(fall)} less often.`,
      evidence: { agreed, agreementFall: fall, z, look: at },
    };
  }
  if (!mix.fired) return undefined;
  return {
    guard: 'class-mix',
    sentence: `The mix of the candidate's classes is not the incumbent's: ${percent(mix.distance)} of ${at} requests would have to be of another class (p ${mix.p.toExponential(0)}).`,
    evidence: { mixDistance: mix.distance, p: mix.p, mixShift: mix.shift, look: at },
  };
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;
