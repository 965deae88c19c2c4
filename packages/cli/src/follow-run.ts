/**
 * Following a pipeline run: what its steps print arrives as they print it, each line under the name of its step; steps that
 * begin and end are told; a live line at the bottom says which are at work.
 */
import type { PipelineRunDetail, StepRun } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import { z } from 'zod';
import type { Session } from './command.ts';
import { paint, seconds, table } from './output.ts';

const pollMs = 250;
const ended: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled']);
/** States in which a step has an attempt whose log can be followed. */
const begun: ReadonlySet<string> = new Set(['running', 'retrying', 'cancelling', 'succeeded', 'failed', 'cancelled']);

export type Follower = Pick<Session, 'client' | 'output' | 'signal'>;

const LogEvent = z.union([
  z.object({ attempt: z.int(), text: z.string() }),
  z.object({ attempt: z.int(), end: z.string() }),
]);

/** Answers when the run has ended. Throws what the connection throws when it is lost for good. */
export async function followRun(
  session: Follower,
  run: string,
  how: { readonly logs: boolean },
): Promise<PipelineRunDetail> {
  const { output } = session;
  const told = new Map<string, string>();
  const logs: Promise<void>[] = [];
  for (;;) {
    const found = await lookAt(session, run, told.size > 0);
    for (const step of found.steps) {
      const before = told.get(step.step);
      if (before === step.state) continue;
      told.set(step.step, step.state);
      if (how.logs && begun.has(step.state) && !begun.has(before ?? 'waiting'))
        logs.push(tellLog(session, run, step.step));
      tellStep(session, step, before);
    }
    if (ended.has(found.state)) {
      // The last lines of the last steps may still be on their way.
      await Promise.allSettled(logs);
      output.endProgress();
      return found;
    }
    const done = found.steps.filter((s) => s.state === 'succeeded' || s.state === 'reused').length;
    const busy = found.steps
      .filter((s) => s.state === 'running')
      .map((s) => s.step + (s.progress === undefined ? '' : ` ${Math.round(s.progress.fraction * 100)} %`));
    output.progress(`${found.pipeline}: ${done} of ${found.steps.length} steps done; ${busy.join(', ') || 'waiting'}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** How long a server that is gone in mid-run is waited for: a restart takes seconds, and the run goes on behind it. */
const lostLimitMs = 60_000;
const lostPauseMs = 500;

async function lookAt(
  { client, output, signal }: Follower,
  run: string,
  wasThere: boolean,
): Promise<PipelineRunDetail> {
  const startedAt = performance.now();
  for (;;) {
    try {
      return await client.pipelineRuns.get({ params: { run } }, { signal });
    } catch (error) {
      const mayReturn = error instanceof SlipwayError && error.retryable && wasThere;
      if (!mayReturn || performance.now() - startedAt > lostLimitMs) throw error;
      output.progress(`the server does not answer; asking again about run ${run}`);
      await new Promise((resolve) => setTimeout(resolve, lostPauseMs));
    }
  }
}

function tellStep({ output }: Follower, step: StepRun, before: string | undefined): void {
  // What is waiting is not news, and `--json` asks for one value.
  if (output.json || ['waiting', 'queued', 'skipped'].includes(step.state)) return;
  if (before === undefined && step.state === 'succeeded') return;
  const reason = step.state === 'running' || step.state === 'reused' ? step.reason : step.problem;
  const time = step.state === 'reused' ? '' : took(step);
  const words = [paintState(step.state, process.stderr), time === '' ? '' : `in ${time}`].filter((w) => w !== '');
  output.note(
    `${label(step.step)} ${words.join(' ')}${reason === undefined ? '' : `  ${paint('dim', reason, process.stderr)}`}`,
  );
}

/** Prints the log of a step until it ends. A log that cannot be read is no reason to lose sight of the run. */
async function tellLog(session: Follower, run: string, step: string): Promise<void> {
  if (session.output.json) return;
  let line = '';
  const print = (text: string): void =>
    session.output.note(`${label(step)} ${paint('dim', '|', process.stderr)} ${text}`);
  try {
    for await (const event of logEvents(session, run, step)) {
      if ('end' in event) continue;
      const lines = (line + event.text).split('\n');
      line = lines.pop() ?? '';
      for (const whole of lines) print(whole);
    }
  } catch {
    if (!session.signal.aborted) print(paint('dim', '(the rest of the log: slipway pipeline log)', process.stderr));
  }
  if (line !== '') print(line);
}

/** What a step prints, as it prints it, until it ends. */
export async function* logEvents(
  session: Follower,
  run: string,
  step: string,
): AsyncGenerator<z.output<typeof LogEvent>> {
  const events = await session.client.pipelineRuns.followLog({ params: { run, step } }, { signal: session.signal });
  for await (const event of events) yield LogEvent.parse(event);
}

const label = (step: string): string => paint('bold', step.padEnd(20), process.stderr);

const colours = { succeeded: 'green', reused: 'green', failed: 'red', cancelled: 'yellow', running: 'cyan' } as const;

export function paintState(state: string, stream: NodeJS.WriteStream = process.stdout): string {
  const colour = Object.entries(colours).find(([name]) => name === state)?.[1] ?? 'dim';
  return paint(colour, state, stream);
}

export const took = (step: StepRun): string =>
  step.startedAt === undefined || step.finishedAt === undefined ? '' : seconds(step.finishedAt - step.startedAt);

export function drawRun(run: PipelineRunDetail): string {
  const rows = run.steps.map((s) => [s.step, paintState(s.state), took(s), s.problem ?? s.reason ?? '']);
  const time = run.finishedAt === undefined ? '' : ` in ${seconds(run.finishedAt - run.startedAt)}`;
  const problem = run.problem === undefined ? '' : `\n${paint('red', run.problem)}`;
  return `${paint('bold', run.id)} ${run.pipeline} ${paintState(run.state)}${time}${problem}\n${table(['STEP', 'STATE', 'TOOK', 'WHY'], rows)}`;
}
