import type { PipelineRunDetail, StepRun } from '@slipway/contract';
import type { Command } from 'commander';
import { z } from 'zod';
import type { Session } from '../command.ts';
import { action, CommandFailure, wholeNumber } from '../command.ts';
import { instant, paint, seconds, table } from '../output.ts';

export function register(program: Command): void {
  const pipeline = program.command('pipeline').description('Pipelines: start, watch, cancel, rerun');
  pipeline
    .command('list')
    .description('The pipelines that projects declare')
    .action(
      action(async ({ client, output }) => {
        const answer = await client.pipelines.list({ query: { limit: 1000 } });
        output.result(answer, () => {
          if (answer.items.length === 0)
            return 'No pipelines yet. A project folder declares them; `slipway apply` brings them here.';
          return table(
            ['PIPELINE', 'PROJECT', 'LAST RUN', 'STATE'],
            answer.items.map((p) => [p.name, p.project, p.lastRun?.id ?? '-', p.lastRun?.state ?? '-']),
          );
        });
      }),
    );
  pipeline
    .command('run')
    .description('Start a run and watch it; exits 1 when it does not succeed')
    .argument('<pipeline>')
    .option('--param <name=value...>', 'a parameter; values are JSON, or text')
    .option('--reason <text>', 'why, for the record')
    .option('--no-cache', 'run every step again')
    .option('--detach', 'do not wait for the end')
    .addHelpText(
      'after',
      '\nExample:\n  slipway pipeline run train --param until=2013-04-01T04:00:00Z --param holdoutDays=14\n',
    )
    .action(
      action(
        async (
          session,
          name: string,
          options: { param?: string[]; reason?: string; cache: boolean; detach?: boolean },
        ) => {
          const { client, output } = session;
          const run = await client.pipelines.run({
            params: { pipeline: name },
            body: {
              params: paramsOf(options.param ?? []),
              cache: options.cache,
              ...(options.reason === undefined ? {} : { reason: options.reason }),
            },
          });
          if (options.detach === true) return output.result(run, () => run.id);
          const done = await watchRun(session, run.id);
          output.result(done, () => drawRun(done));
          if (done.state !== 'succeeded')
            throw new CommandFailure(
              'failed',
              `run ${done.id} ${done.state}: ${done.problem ?? 'see the steps above'}`,
            );
        },
      ),
    );
  pipeline
    .command('runs')
    .description('Runs, newest first')
    .option('--pipeline <name>')
    .option('--limit <n>', 'how many', wholeNumber('--limit', { min: 1, max: 1000 }), 30)
    .action(
      action(async ({ client, output }, query: { pipeline?: string; limit: number }) => {
        const answer = await client.pipelineRuns.list({ query });
        output.result(answer, () => {
          if (answer.items.length === 0) return 'No runs yet.';
          return table(
            ['RUN', 'PIPELINE', 'STATE', 'STARTED', 'BY'],
            answer.items.map((r) => [r.id, r.pipeline, r.state, instant(r.startedAt), r.startedBy]),
          );
        });
      }),
    );
  pipeline
    .command('show')
    .description('One run: its steps, why each ran or was reused, times')
    .argument('<run>')
    .action(
      action(async ({ client, output }, run: string) => {
        const found = await client.pipelineRuns.get({ params: { run } });
        output.result(found, () => drawRun(found));
      }),
    );
  pipeline
    .command('log')
    .description('What a step printed')
    .argument('<run>')
    .argument('<step>')
    .action(
      action(async ({ client, output }, run: string, step: string) => {
        const log = await client.pipelineRuns.log({ params: { run, step } });
        output.result({ log }, () => log);
      }),
    );
  pipeline
    .command('cancel')
    .description('Stop a run')
    .argument('<run>')
    .action(
      action(async ({ client, output }, run: string) => {
        const found = await client.pipelineRuns.cancel({ params: { run } });
        output.result(found, () => `${found.id} is ${found.state}`);
      }),
    );
  pipeline
    .command('rerun')
    .description('Run again what did not succeed, or everything from one step on')
    .argument('<run>')
    .option('--from <step>')
    .action(
      action(async (session, run: string, { from }: { from?: string }) => {
        const again = await session.client.pipelineRuns.rerun({
          params: { run },
          body: from === undefined ? {} : { from },
        });
        const done = await watchRun(session, again.id);
        session.output.result(done, () => drawRun(done));
        if (done.state !== 'succeeded') throw new CommandFailure('failed', `run ${done.id} ${done.state}`);
      }),
    );
}

type Json = z.core.util.JSONType;

function paramsOf(pairs: readonly string[]): Record<string, Json> {
  return Object.fromEntries(
    pairs.map((pair): [string, Json] => {
      const at = pair.indexOf('=');
      if (at < 1) throw new CommandFailure('usage', `"${pair}" is not name=value`);
      const text = pair.slice(at + 1);
      try {
        return [pair.slice(0, at), z.json().parse(JSON.parse(text))];
      } catch {
        return [pair.slice(0, at), text];
      }
    }),
  );
}

const pollMs = 250;
const ended = new Set(['succeeded', 'failed', 'cancelled']);

/** Follows a run until it ends, with a live line that says which steps are at work. */
export async function watchRun(session: Pick<Session, 'client' | 'output'>, run: string): Promise<PipelineRunDetail> {
  const { client, output } = session;
  for (;;) {
    const found = await client.pipelineRuns.get({ params: { run } });
    if (ended.has(found.state)) {
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

const colours = { succeeded: 'green', reused: 'green', failed: 'red', cancelled: 'yellow', running: 'cyan' } as const;

function drawRun(run: PipelineRunDetail): string {
  const rows = run.steps.map((s) => [s.step, paintState(s), took(s), s.reason ?? '', s.problem ?? '']);
  return `${paint('bold', run.id)} ${run.pipeline} ${run.state}\n${table(['STEP', 'STATE', 'TOOK', 'WHY', 'PROBLEM'], rows)}`;
}

function paintState(step: StepRun): string {
  const colour = Object.entries(colours).find(([state]) => state === step.state)?.[1] ?? 'dim';
  return paint(colour, step.state);
}

const took = (step: StepRun): string =>
  step.startedAt === undefined || step.finishedAt === undefined ? '' : seconds(step.finishedAt - step.startedAt);
