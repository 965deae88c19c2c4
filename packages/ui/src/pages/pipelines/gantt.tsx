/** When each step waited and ran, attempt by attempt, on one clock. The list form of the graph. */
import type { PipelineRunDetail, StepRun } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { Icon } from '../../components/icon.tsx';
import { duration } from '../../words.ts';
import { isRunOver, stepStatus } from './facts.ts';

interface GanttProps {
  readonly run: PipelineRunDetail;
  readonly now: number;
  readonly selected: string | undefined;
  readonly linkTo: (step: string) => string;
}

interface Bar {
  readonly key: string;
  readonly from: number;
  readonly until: number;
  readonly look: 'wait' | 'ok' | 'run' | 'bad' | 'idle' | 'cached';
  readonly words: string;
}

const ticksMax = 6;
const tickSteps = [1, 2, 5, 10, 20, 50, 100, 200, 500]
  .concat([1, 2, 5, 10, 15, 30].map((s) => s * 1000))
  .concat([1, 2, 5, 10, 15, 30].map((m) => m * 60_000))
  .concat([1, 2, 4, 8, 24].map((h) => h * 3_600_000));

export function Gantt({ run, now, selected, linkTo }: GanttProps): ReactElement {
  const end = run.finishedAt ?? now;
  const span = Math.max(1, end - run.startedAt) * 1.02;
  const at = (time: number): string => `${(Math.max(0, time - run.startedAt) / span) * 100}%`;
  const tickMs = tickSteps.find((step) => span / step <= ticksMax) ?? 86_400_000;
  const ticks = Array.from({ length: Math.floor(span / tickMs) + 1 }, (_, i) => i * tickMs);
  return (
    <div className="pl-gantt" role="table" aria-label="Times of the steps">
      <div className="pl-ticks" aria-hidden="true">
        {ticks.map((tick) => (
          <span key={tick} style={{ left: at(run.startedAt + tick) }}>
            {tick === 0 ? '0' : duration(tick)}
          </span>
        ))}
      </div>
      {run.steps.map((step) => {
        const bars = barsOf(step, run, now);
        return (
          <div role="row" key={step.step} className={step.step === selected ? 'sel' : ''}>
            <span role="rowheader" className="el">
              <Link to={linkTo(step.step)} preventScrollReset title={step.step}>
                {step.step}
              </Link>
            </span>
            <div role="cell" className="track">
              {ticks.map((tick) => (
                <i key={tick} className="grid-line" style={{ left: at(run.startedAt + tick) }} />
              ))}
              {bars.map(({ key, from, until, look, words }) => (
                <i
                  key={key}
                  className={`bar ${look}`}
                  style={{ left: at(from), width: `max(3px, ${((until - from) / span) * 100}%)` }}
                  title={words}
                />
              ))}
              {!isRunOver(run) && <i className="now" style={{ left: at(now) }} />}
            </div>
            <Outcome step={step} />
          </div>
        );
      })}
    </div>
  );
}

/** How it ended and how long it took, at the end of the row. */
function Outcome({ step }: { step: StepRun }): ReactElement {
  const { word } = stepStatus(step.state);
  const took =
    step.startedAt === undefined || step.finishedAt === undefined ? undefined : step.finishedAt - step.startedAt;
  const waited = step.queuedAt === undefined || step.startedAt === undefined ? 0 : step.startedAt - step.queuedAt;
  const text = [
    ...(step.state === 'succeeded' && took !== undefined ? [] : [word]),
    ...(step.state !== 'reused' && took !== undefined ? [duration(took)] : []),
    ...(step.attempts.length > 1 ? [`${step.attempts.length} attempts`] : []),
  ].join(', ');
  return (
    <span
      role="cell"
      className={`words el ${step.state === 'failed' ? 'bad' : ''}`}
      title={waited > 0 ? `${text}; ${duration(waited)} in the queue before` : text}
    >
      {step.state === 'reused' && <Icon name="cache" small />} {text}
    </span>
  );
}

function lookOf({ state }: StepRun, isLast: boolean, hasProblem: boolean): Bar['look'] {
  if (isLast && state === 'cancelled') return 'idle';
  if (hasProblem || (isLast && state === 'failed')) return 'bad';
  if (!isLast) return 'idle';
  return state === 'succeeded' ? 'ok' : 'run';
}

function barsOf(step: StepRun, run: PipelineRunDetail, now: number): readonly Bar[] {
  const end = run.finishedAt ?? now;
  const bars: Bar[] = [];
  if (step.state === 'reused') {
    const time = step.finishedAt ?? step.queuedAt ?? run.startedAt;
    return [{ key: 'cached', from: time, until: time, look: 'cached', words: step.reason ?? 'reused' }];
  }
  const first = step.attempts[0]?.startedAt ?? step.startedAt;
  if (step.queuedAt !== undefined && (first !== undefined || !isRunOver(run))) {
    const until = first ?? end;
    const words = `in the queue for ${duration(until - step.queuedAt)}`;
    bars.push({ key: 'wait', from: step.queuedAt, until, look: 'wait', words });
  }
  for (const attempt of step.attempts) {
    const isLast = attempt.number === step.attempt;
    const until = attempt.finishedAt ?? (isLast ? (step.finishedAt ?? end) : attempt.startedAt);
    const look = lookOf(step, isLast, attempt.problem !== undefined);
    const words = `attempt ${attempt.number}: ${duration(until - attempt.startedAt)}${attempt.problem === undefined ? '' : `, ${attempt.problem}`}`;
    bars.push({ key: `a${attempt.number}`, from: attempt.startedAt, until, look, words });
  }
  return bars;
}

export function GanttLegend(): ReactElement {
  const looks = [
    ['ok', 'done'],
    ['run', 'running'],
    ['wait', 'in the queue'],
    ['bad', 'failed'],
    ['cached', 'cached'],
  ] as const;
  return (
    <span className="lg hide-s pl-legend">
      {looks.map(([look, word]) => (
        <span key={look}>
          <i className={`bx bar ${look}`} />
          {word}
        </span>
      ))}
    </span>
  );
}
