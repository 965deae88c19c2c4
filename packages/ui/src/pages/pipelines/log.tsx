/** What a step printed, followed as it prints it. Lines that are not shown are counted, never dropped in silence. */
import type { StepRun } from '@slipway/contract';
import type { ReactElement, UIEvent } from 'react';
import { useEffect, useRef, useState } from 'react';
import { pathOf } from '../../api/client.ts';
import { followEvents } from '../../api/server-events.ts';
import { useAskText } from '../../api/queries.ts';
import { Icon } from '../../components/icon.tsx';
import { Panel } from '../../components/layout.tsx';
import { ErrorNote, Skeleton } from '../../components/states.tsx';
import { count, plural } from '../../words.ts';
import { isStepOver } from './facts.ts';
import type { ViewState } from '../../components/use-view-state.ts';

function captionOf({ step, attempts }: StepRun, attempt: number, isLive: boolean): string {
  if (attempts.length === 0) return step;
  return `${step}, attempt ${attempt}${isLive ? ', following' : ''}`;
}

/** More than this in the page makes it slow; the whole is one click away. */
const linesMax = 4000;

interface LogProps {
  readonly run: string;
  readonly step: StepRun;
  readonly view: ViewState;
}

export function LogPanel({ run, step, view }: LogProps): ReactElement {
  const asked = Number(view.get('attempt'));
  const attempt = step.attempts.some((a) => a.number === asked) ? asked : step.attempt;
  const isLive = !isStepOver(step.state) && attempt === step.attempt;
  const query = { attempt: Math.max(1, attempt) };
  const find = view.get('q') ?? '';
  const setFind = (text: string): void => view.set({ q: text === '' ? undefined : text });
  return (
    <Panel
      title="Log"
      caption={captionOf(step, attempt, isLive)}
      flush
      actions={
        <>
          {step.attempts.length > 1 && (
            <span className="seg" role="group" aria-label="Attempt">
              {step.attempts.map(({ number }) => (
                <button
                  type="button"
                  key={number}
                  aria-pressed={number === attempt}
                  onClick={() => view.set({ attempt: String(number) })}
                >
                  {number}
                </button>
              ))}
            </span>
          )}
          <input
            className="input pl-find"
            data-filter
            aria-label="Lines that have"
            placeholder="Lines that have"
            value={find}
            onChange={(event) => setFind(event.target.value)}
          />
          <a
            className="btn sm ghost"
            href={pathOf('pipelineRuns.log', { params: { run, step: step.step }, query })}
            download={`${step.step}-${query.attempt}.log`}
          >
            Download
          </a>
        </>
      }
    >
      {isLive ? (
        <Followed key={step.step} run={run} step={step.step} find={find} />
      ) : (
        <Printed run={run} step={step} attempt={query.attempt} find={find} />
      )}
    </Panel>
  );
}

interface PrintedProps {
  readonly run: string;
  readonly step: StepRun;
  readonly attempt: number;
  readonly find: string;
}

function Printed({ run, step, attempt, find }: PrintedProps): ReactElement {
  const text = useAskText(
    'pipelineRuns.log',
    { params: { run, step: step.step }, query: { attempt } },
    { enabled: step.attempts.length > 0 },
  );
  if (step.state === 'reused') return <Quiet>Nothing was printed: the result of an earlier run was reused.</Quiet>;
  if (step.attempts.length === 0) return <Quiet>Nothing was printed: the step did not start.</Quiet>;
  if (text.error !== null && text.data === undefined) {
    return (
      <div className="padded">
        <ErrorNote error={text.error} retry={() => void text.refetch()} />
      </div>
    );
  }
  if (text.data === undefined) return <Skeleton lines={4} />;
  if (text.data === '') return <Quiet>The step printed nothing.</Quiet>;
  return <Lines text={text.data} find={find} />;
}

/** Pause before a cut stream is opened again. */
const reopenMs = 2000;

interface LogEvent {
  readonly attempt: number;
  readonly text?: string;
  readonly end?: string;
}

function Followed({ run, step, find }: { run: string; step: string; find: string }): ReactElement {
  const [log, setLog] = useState({ attempt: 0, text: '', state: 'open' as 'open' | 'lost' | 'ended' });
  useEffect(() => {
    const stop = new AbortController();
    const take = (data: string): void => {
      // The server sends pieces of text and, last, the state that the step ended in.
      const event = JSON.parse(data) as LogEvent;
      const { end, text = '' } = event;
      if (end !== undefined) stop.abort();
      setLog((old) => ({
        attempt: event.attempt,
        text: old.attempt === event.attempt ? old.text + text : text,
        state: end === undefined ? 'open' : 'ended',
      }));
    };
    const follow = (): void => {
      followEvents({
        path: pathOf('pipelineRuns.followLog', { params: { run, step } }),
        signal: stop.signal,
        // A stream that is opened again starts from the first line.
        opened: () => setLog({ attempt: 0, text: '', state: 'open' }),
        message: take,
      })
        .catch(() => undefined)
        .finally(() => {
          if (stop.signal.aborted) return;
          setLog((old) => ({ ...old, state: 'lost' }));
          timer = setTimeout(follow, reopenMs);
        });
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    follow();
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [run, step]);
  return (
    <>
      {log.state === 'lost' && (
        <div className="note warn" role="status">
          <Icon name="warn" />
          The stream of the log was cut; it is opened again.
        </div>
      )}
      {log.text === '' ? (
        <Quiet>Nothing printed yet. Lines appear here as the step prints them.</Quiet>
      ) : (
        <Lines text={log.text} find={find} />
      )}
    </>
  );
}

const Quiet = ({ children }: { children: string }): ReactElement => <p className="padded t3 sm">{children}</p>;

function Lines({ text, find }: { text: string; find: string }): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const [isAtEnd, setAtEnd] = useState(true);
  const all = text.replace(/\n$/, '').split('\n');
  const found = all.map((line, i) => ({ line, number: i + 1 })).filter(({ line }) => line.includes(find));
  const shown = found.slice(-linesMax);
  useEffect(() => {
    if (isAtEnd) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [text, isAtEnd]);
  const onScroll = ({ currentTarget: e }: UIEvent<HTMLDivElement>): void =>
    setAtEnd(e.scrollHeight - e.scrollTop - e.clientHeight < 24);
  return (
    <>
      <div className="pl-log" ref={box} onScroll={onScroll} role="log" aria-label="Log" tabIndex={0}>
        {shown.map(({ line, number }) => (
          <div key={number}>
            <span className="t3">{number}</span>
            <span className={toneOf(line)}>{line}</span>
          </div>
        ))}
      </div>
      <div className="tf">
        {find === '' ? plural(all.length, 'line') : `${count(found.length)} of ${plural(all.length, 'line')}`}
        {found.length > shown.length && `, the last ${count(shown.length)} shown; Download has all`}
        {!isAtEnd && (
          <button type="button" className="btn sm ghost" onClick={() => setAtEnd(true)}>
            To the end
          </button>
        )}
      </div>
    </>
  );
}

const toneOf = (line: string): string => {
  if (/\b(?:error|fatal|failed|traceback)\b/i.test(line)) return 'bad';
  return /\bwarn(?:ing)?\b/i.test(line) ? 'warn' : '';
};
