/** One step opened: why it ran, was reused or waits, its attempts, what went in and came out, its limits. */
import type { GraphNode, PipelineRunDetail, StepRun } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { Link } from 'react-router';
import { Icon } from '../../components/icon.tsx';
import type { Pair } from '../../components/layout.tsx';
import { Pairs } from '../../components/layout.tsx';
import type { Tone } from '../../components/status.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { duration, fullInstant, instant, plural, short } from '../../words.ts';
import { isRunOver, isStepOver, needsOf, stepStatus } from './facts.ts';
import { Output, Source } from './values.tsx';

interface InspectorProps {
  readonly node: GraphNode;
  readonly step?: StepRun | undefined;
  readonly run?: PipelineRunDetail | undefined;
  readonly now: number;
  readonly linkTo: (step: string) => string;
  readonly close: () => void;
  readonly actions?: ReactNode;
}

export function Inspector({ node, step, run, now, linkTo, close, actions }: InspectorProps): ReactElement {
  return (
    <aside className="panel pl-side" aria-label={`Step ${node.id}`}>
      <section>
        <div className="row">
          <h2 className="el">{node.id}</h2>
          <span className="grow" />
          <button
            type="button"
            className="btn sm ghost icon"
            aria-label="Close the step"
            data-key="Escape"
            onClick={close}
          >
            <Icon name="x" small />
          </button>
        </div>
        {step !== undefined && (
          <div className="row wrap">
            <StatusBadge state={stepStatus(step.state)} />
            <span className="t3 sm">{timesOf(step, now)}</span>
          </div>
        )}
        {actions !== undefined && <div className="row wrap pl-acts">{actions}</div>}
      </section>
      {step !== undefined && run !== undefined && <WhySection node={node} step={step} run={run} linkTo={linkTo} />}
      {step !== undefined && step.attempts.length > 0 && <Attempts step={step} now={now} />}
      <Values node={node} step={step} run={run} linkTo={linkTo} />
      <Limits node={node} run={run} />
    </aside>
  );
}

function timesOf(step: StepRun, now: number): string {
  if (step.startedAt === undefined)
    return step.queuedAt === undefined ? 'not queued yet' : `queued ${instant(step.queuedAt)}`;
  const took = duration((step.finishedAt ?? now) - step.startedAt);
  return isStepOver(step.state)
    ? `took ${took}, from ${instant(step.startedAt)}`
    : `${took} since ${instant(step.startedAt)}`;
}

const questions: Readonly<Partial<Record<StepRun['state'], string>>> = {
  waiting: 'Why is it waiting?',
  queued: 'Why is it waiting?',
  retrying: 'Why is it tried again?',
  reused: 'Why was it reused?',
  failed: 'Why did it fail?',
  skipped: 'Why was it skipped?',
  cancelled: 'Why was it cancelled?',
};

interface WhyProps {
  readonly node: GraphNode;
  readonly step: StepRun;
  readonly run: PipelineRunDetail;
  readonly linkTo: (step: string) => string;
}

function WhySection({ node, step, run, linkTo }: WhyProps): ReactElement {
  const { tone } = stepStatus(step.state);
  const noteTone: Tone | '' = isStepOver(step.state) ? '' : tone;
  const open = needsOf(node).filter((need) => {
    const state = run.steps.find((s) => s.step === need)?.state;
    return state !== 'succeeded' && state !== 'reused';
  });
  return (
    <section>
      <h3>{questions[step.state] ?? 'Why did it run?'}</h3>
      {step.problem !== undefined && (
        <div className="note bad">
          <Icon name="bad" />
          <pre className="pl-problem">{step.problem}</pre>
        </div>
      )}
      {step.reason !== undefined && (
        <div className={`note ${noteTone}`}>
          <Icon name={step.state === 'reused' ? 'cache' : 'info'} />
          <span>{sentence(step.reason)}</span>
        </div>
      )}
      {step.problem === undefined && step.reason === undefined && (
        <div className={`note ${noteTone}`}>
          <Icon name="info" />
          <span>{waitWords(step, run, open)}</span>
        </div>
      )}
      {open.length > 0 && !isRunOver(run) && (
        <p className="sm t2">
          Needs{' '}
          {open.map((need, i) => (
            <span key={need}>
              {i > 0 && ', '}
              <Link to={linkTo(need)} preventScrollReset>
                {need}
              </Link>
            </span>
          ))}{' '}
          first.
        </p>
      )}
      {step.progress !== undefined && step.state === 'running' && (
        <p className="sm t2">
          {Math.round(step.progress.fraction * 100)} %{step.progress.message !== '' && `, ${step.progress.message}`}
        </p>
      )}
    </section>
  );
}

const sentence = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;

function waitWords(step: StepRun, run: PipelineRunDetail, open: readonly string[]): string {
  if (step.state === 'waiting') return `It waits for ${plural(open.length, 'step')} to succeed.`;
  if (step.state === 'queued') return 'Everything it needs is there; it waits for a free slot.';
  if (step.state === 'skipped')
    return open.length > 0 ? `${open.join(', ')} did not succeed.` : 'The run ended before it.';
  if (step.state === 'cancelled') return run.problem ?? 'The run was cancelled.';
  return 'The server gave no reason.';
}

function Attempts({ step, now }: { step: StepRun; now: number }): ReactElement {
  return (
    <section>
      <h3>{plural(step.attempts.length, 'attempt')}</h3>
      <ol className="pl-attempts">
        {step.attempts.map((a) => (
          <li key={a.number}>
            <span className="row">
              <Icon name={a.problem !== undefined ? 'bad' : a.finishedAt === undefined ? 'run' : 'ok'} small />
              <b className="m">{a.number}</b>
              <time title={fullInstant(a.startedAt)}>{instant(a.startedAt)}</time>
              <span className="t3">{duration((a.finishedAt ?? now) - a.startedAt)}</span>
            </span>
            {a.problem !== undefined && a.problem !== step.problem && (
              <p className="bad">{a.problem.split('\n', 1)[0]}</p>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}

type ValuesProps = Pick<InspectorProps, 'node' | 'step' | 'run' | 'linkTo'>;

function Values({ node, step, run, linkTo }: ValuesProps): ReactElement {
  const outputs = Object.entries(node.outputs).map(([name, port]): Pair => {
    const made = step?.outputs[name];
    const kind = port.port === 'parameter' ? 'a value' : port.kind;
    if (made !== undefined && step !== undefined && run !== undefined)
      return { name, value: <Output run={run.id} step={step} name={name} output={made} /> };
    return { name, value: <span className="t3">{step === undefined ? kind : `${kind}, not made`}</span> };
  });
  const inputs = Object.entries(node.inputs).map(([name, source]): Pair => ({
    name,
    value: <Source source={source} run={run} linkTo={linkTo} />,
  }));
  return (
    <>
      {inputs.length > 0 && (
        <section>
          <h3>Inputs</h3>
          <Pairs pairs={inputs} />
        </section>
      )}
      {(outputs.length > 0 || step?.runId !== undefined) && (
        <section>
          <h3>Outputs</h3>
          <Pairs
            pairs={[
              ...outputs,
              ...(step?.runId === undefined
                ? []
                : [
                    {
                      name: 'tracked run',
                      value: (
                        <Link className="mono" to={to.run(step.runId)}>
                          {short(step.runId)}
                        </Link>
                      ),
                    },
                  ]),
            ]}
          />
        </section>
      )}
    </>
  );
}

function Limits({ node, run }: { node: GraphNode; run: PipelineRunDetail | undefined }): ReactElement {
  const { retry } = node;
  const delays = retry.attempts > 1 ? `, ${duration(retry.delayMs)} to ${duration(retry.delayMaxMs)} apart` : '';
  return (
    <section>
      <h3>Definition</h3>
      <Pairs
        pairs={[
          { name: 'kind', value: node.kind },
          { name: 'code', value: <code className="pl-wrap">{node.code}</code> },
          ...(node.argv === undefined
            ? []
            : [{ name: 'command', value: <code className="pl-wrap">{node.argv.join(' ')}</code> }]),
          ...(node.after.length === 0 ? [] : [{ name: 'after', value: node.after.join(', ') }]),
          {
            name: 'reuse',
            value: node.cache === 'never' ? 'never, it runs each time' : 'when code and inputs are the same',
          },
          { name: 'attempts', value: `at most ${retry.attempts}${delays}` },
          { name: 'time limit', value: duration(node.timeoutMs) },
          ...(run === undefined ? [] : [{ name: 'run deadline', value: instant(run.deadlineAt) }]),
        ]}
      />
    </section>
  );
}
