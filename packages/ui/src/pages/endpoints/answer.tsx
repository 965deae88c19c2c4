/** What a version answered: a probability, a class with the probability of each, a number, or a number with its interval. */
import type { PredictionRecord } from '@slipway/contract';
import type { ReactElement } from 'react';
import { decimals, figure, percent } from '../../words.ts';
import './answer.css';

/** Of an answer, or of the one in the shadow. */
export type Said = Pick<PredictionRecord, 'score' | 'class' | 'probabilities' | 'quantiles'>;

/** Classes shown with their bars; the rest adds up. */
const classesShown = 6;

/** In one line: `Gentoo 97 %`, `4 812 (4 310 to 5 290)`, `0.731`. */
export function Answer({ said }: { said: Said }): ReactElement {
  const interval = intervalOf(said);
  if (said.class !== undefined) {
    return (
      <>
        <b>{said.class}</b> <span className="t3">{percent(said.score)}</span>
      </>
    );
  }
  if (interval === undefined) return <b>{isShare(said.score) ? decimals(said.score) : figure(said.score)}</b>;
  return (
    <>
      <b>{figure(said.score)}</b>{' '}
      <span className="t3">
        ({figure(interval.low)} to {figure(interval.high)})
      </span>
    </>
  );
}

/** The same as text, for tables that are taken along. */
export const answerText = (said: Said): string | number => said.class ?? said.score;

const isShare = (score: number): boolean => score >= 0 && score <= 1;

interface Interval {
  readonly low: number;
  readonly high: number;
  readonly covers: number;
}

export function intervalOf({ quantiles }: Said): Interval | undefined {
  const levels = Object.entries(quantiles ?? {})
    .map(([level, value]) => ({ level: Number(level), value }))
    .toSorted((a, b) => a.level - b.level);
  const [first, last] = [levels[0], levels.at(-1)];
  if (first === undefined || last === undefined || first === last) return undefined;
  return { low: first.value, high: last.value, covers: last.level - first.level };
}

interface AnswerBarsProps {
  readonly said: Said;
  /** The class or number that came. */
  readonly outcome?: string | number | undefined;
}

/** All there is to see of it: bars for the classes, a line for the interval with the outcome on it. */
export function AnswerBars({ said, outcome }: AnswerBarsProps): ReactElement | null {
  if (said.probabilities !== undefined) return <Probabilities values={said.probabilities} outcome={outcome} />;
  const interval = intervalOf(said);
  return interval === undefined ? null : <IntervalLine said={said} interval={interval} outcome={outcome} />;
}

function Probabilities({
  values,
  outcome,
}: {
  values: Readonly<Record<string, number>>;
  outcome: string | number | undefined;
}): ReactElement {
  const sorted = Object.entries(values).toSorted(([, a], [, b]) => b - a);
  const rest = sorted.slice(classesShown).reduce((sum, [, p]) => sum + p, 0);
  const shown: readonly (readonly [string, number])[] =
    sorted.length > classesShown
      ? [...sorted.slice(0, classesShown), [`${sorted.length - classesShown} others`, rest]]
      : sorted;
  return (
    <ul className="probabilities" aria-label="Probability of each class">
      {shown.map(([name, p]) => (
        <li key={name}>
          <span className="el" title={name}>
            {name}
            {String(outcome) === name && <span className="t3"> came</span>}
          </span>
          <span className="track">
            <span className="fill" style={{ inlineSize: percent(p, 1).replace(' ', '') }} />
          </span>
          <span className="num">{percent(p, 1)}</span>
        </li>
      ))}
    </ul>
  );
}

function IntervalLine({
  said,
  interval: { low, high, covers },
  outcome,
}: {
  said: Said;
  interval: Interval;
  outcome: string | number | undefined;
}): ReactElement {
  const came = typeof outcome === 'number' ? outcome : undefined;
  const points = [low, high, said.score, ...(came === undefined ? [] : [came])];
  const [least, most] = [Math.min(...points), Math.max(...points)];
  const pad = (most - least) * 0.08 || 1;
  const placeOf = (value: number): string => `${(100 * (value - least + pad)) / (most - least + 2 * pad)}%`;
  const where =
    came === undefined ? '' : came < low ? ', which is below it' : came > high ? ', which is above it' : ', inside it';
  const words = `${percent(covers)} interval from ${figure(low)} to ${figure(high)}${came === undefined ? '' : `; ${figure(came)} came${where}`}`;
  return (
    <div className="interval">
      <div className="line" role="img" aria-label={words}>
        <span
          className="band"
          style={{ insetInlineStart: placeOf(low), insetInlineEnd: `calc(100% - ${placeOf(high)})` }}
        />
        <span className="middle" style={{ insetInlineStart: placeOf(said.score) }} />
        {came !== undefined && (
          <span
            className={came < low || came > high ? 'came out' : 'came'}
            style={{ insetInlineStart: placeOf(came) }}
          />
        )}
      </div>
      <p className="xs t3">{words}.</p>
    </div>
  );
}
