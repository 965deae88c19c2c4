import type { PipelineRunDetail, PipelineRunState } from '@slipway/contract';
import { pipelineRunStates } from '@slipway/contract';
import type { Command } from 'commander';
import { idOf, nameOf, valuesOf, wholeNumber } from '../arguments.ts';
import type { Session } from '../command.ts';
import { action, CommandFailure, oneOf } from '../command.ts';
import { drawRun, followRun, logEvents, paintState } from '../follow-run.ts';
import type { PageFlags } from '../listing.ts';
import { paged, pageQuery, showPage } from '../listing.ts';
import { instant, seconds, table } from '../output.ts';
import { drawReport, findReport, pageOf } from '../training-report.ts';

const pipelineName = nameOf('pipeline');
const runId = idOf('pipeline run');
const stepName = nameOf('step');

export function register(program: Command): void {
  const pipeline = program.command('pipeline').description('Pipelines: start, follow, cancel, rerun');
  lists(pipeline);
  starts(pipeline);
  looks(pipeline);
}

function lists(pipeline: Command): void {
  paged(pipeline.command('list').description('The pipelines that projects declare'))
    .addHelpText('after', '\nExample:\n  slipway pipeline list\n')
    .action(
      action(async (session, flags: PageFlags) => {
        const { client, output } = session;
        const page = await client.pipelines.list({ query: pageQuery(flags) });
        // The newest run of each, from as many newest runs as one page has.
        const runs = output.json ? [] : (await client.pipelineRuns.list({ query: { limit: 1000 } })).items;
        showPage(session, page, {
          head: ['PIPELINE', 'PROJECT', 'LAST RUN', 'STATE', 'STARTED'],
          empty: 'No pipelines yet. A project folder declares them; `slipway apply` brings them here.',
          row: (p) => {
            const last = runs.find((r) => r.pipeline === p.name);
            return last === undefined
              ? [p.name, p.project, '-', 'never run', '-']
              : [p.name, p.project, last.id, paintState(last.state), instant(last.startedAt)];
          },
        });
      }),
    );
  paged(pipeline.command('runs').description('Runs, newest first'), 30)
    .option('--pipeline <name>', 'only of this pipeline', pipelineName)
    .option('--state <state>', `only in this state: ${pipelineRunStates.join(', ')}`, (word: string) =>
      oneOf('state', pipelineRunStates, word),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  slipway pipeline runs --pipeline train --limit 5\n  slipway pipeline runs --state failed\n',
    )
    .action(
      action(async (session, flags: PageFlags & { pipeline?: string; state?: PipelineRunState }) => {
        const { pipeline: name, state } = flags;
        const query = { ...pageQuery(flags), pipeline: name, state };
        showPage(session, await session.client.pipelineRuns.list({ query }), {
          head: ['RUN', 'PIPELINE', 'STATE', 'STARTED', 'TOOK', 'BY', 'REASON'],
          empty: `No runs${name === undefined ? '' : ` of ${name}`} yet. \`slipway pipeline run PIPELINE\` starts one.`,
          row: (r) => [
            r.id,
            r.pipeline,
            paintState(r.state),
            instant(r.startedAt),
            r.finishedAt === undefined ? '-' : seconds(r.finishedAt - r.startedAt),
            r.startedBy,
            r.reason ?? '',
          ],
        });
      }),
    );
}

export interface RunFlags {
  readonly param?: string[];
  readonly reason?: string;
  readonly cache: boolean;
  readonly detach?: boolean;
  readonly logs: boolean;
}

function starts(pipeline: Command): void {
  startable(
    pipeline
      .command('run')
      .description('Start a run and follow it with its logs; exits 1 when it does not succeed')
      .argument('<pipeline>', '', pipelineName),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  slipway pipeline run train --param until=2013-04-01T04:00:00Z --param holdoutDays=14\n  slipway pipeline run train --param until=2013-04-01T04:00:00Z --detach\n',
    )
    .action(action((session, name: string, flags: RunFlags) => startRun(session, name, flags)));
  pipeline
    .command('rerun')
    .description('Run again what did not succeed, or everything from one step on')
    .argument('<pipeline-run>', '', runId)
    .option('--from <step>', 'this step and all that need it', stepName)
    .option('--no-logs', 'do not show what the steps print')
    .option('--detach', 'print the id of the run and do not wait')
    .addHelpText('after', '\nExample:\n  slipway pipeline rerun plr_01m7z8… --from evaluate\n')
    .action(
      action(async (session, id: string, flags: { from?: string; detach?: boolean; logs: boolean }) => {
        const body = flags.from === undefined ? {} : { from: flags.from };
        const again = await session.client.pipelineRuns.rerun({ params: { run: id }, body });
        if (flags.detach === true) return session.output.result(again, () => again.id);
        await followToEnd(session, again.id, flags);
      }),
    );
  pipeline
    .command('cancel')
    .description('Stop a run: its steps are asked to end, then ended')
    .argument('<pipeline-run>', '', runId)
    .addHelpText('after', '\nExample:\n  slipway pipeline cancel plr_01m7z8…\n')
    .action(
      action(async ({ client, output }, id: string) => {
        const found = await client.pipelineRuns.cancel({ params: { run: id } });
        output.result(found, () => `${found.id} is ${found.state}`);
      }),
    );
}

export const startable = (command: Command): Command =>
  command
    .option('--param <name=value...>', 'a parameter; values are JSON, or text')
    .option('--reason <text>', 'why, for the record')
    .option('--no-cache', 'run every step again')
    .option('--no-logs', 'do not show what the steps print')
    .option('--detach', 'print the id of the run and do not wait');

export async function startRun(session: Session, name: string, flags: RunFlags): Promise<void> {
  const { client, output } = session;
  const body = {
    params: valuesOf('--param', flags.param ?? []),
    cache: flags.cache,
    ...(flags.reason === undefined ? {} : { reason: flags.reason }),
  };
  const run = await client.pipelines.run({ params: { pipeline: name }, body });
  if (flags.detach === true) return output.result(run, () => run.id);
  await followToEnd(session, run.id, flags);
}

async function followToEnd(session: Session, run: string, how: { readonly logs: boolean }): Promise<void> {
  session.leaves(
    `run ${run} goes on; \`slipway pipeline follow ${run}\` shows it again, \`slipway pipeline cancel ${run}\` stops it`,
  );
  if (!session.output.json) session.output.note(`run ${run}`);
  const done = await followRun(session, run, how);
  const report = session.output.json ? undefined : await findReport(session.client, done);
  const page = pageOf(session.url, done.id, report);
  session.output.result(done, () =>
    [drawRun(done), ...(report === undefined ? [] : ['', drawReport(report, page)])].join('\n'),
  );
  if (done.state === 'succeeded') return;
  const saidNo = done.steps.some((step) => step.state === 'failed' && step.problemCode === 'step_said_no');
  throw new CommandFailure(saidNo ? 'gate' : 'failed', `run ${done.id} ${done.state}${why(done)}`);
}

function why(run: PipelineRunDetail): string {
  const failed = run.steps.find((s) => s.state === 'failed');
  if (failed !== undefined)
    return `: step ${failed.step}; \`slipway pipeline log ${run.id} ${failed.step}\` has what it printed`;
  return run.problem === undefined ? '' : `: ${run.problem}`;
}

function looks(pipeline: Command): void {
  pipeline
    .command('graph')
    .description('The steps of a pipeline, what each waits for, and the parameters it takes')
    .argument('<pipeline>', '', pipelineName)
    .addHelpText('after', '\nExample:\n  slipway pipeline graph train\n')
    .action(
      action(async ({ client, output }, name: string) => {
        const found = await client.pipelines.get({ params: { pipeline: name } });
        output.result(found, () => {
          const rows = found.graph.nodes.map((n) => [n.id, n.kind, needs(n.inputs, n.after), n.cache]);
          return `${found.name} of project ${found.project}: ${found.graph.description ?? ''}\nparameters ${parametersOf(found.graph.params)}\n\n${table(['STEP', 'KIND', 'AFTER', 'CACHE'], rows)}`;
        });
      }),
    );
  pipeline
    .command('show')
    .description('One run: its steps, why each ran or was reused, times')
    .argument('<pipeline-run>', '', runId)
    .addHelpText('after', '\nExample:\n  slipway pipeline show plr_01m7z8…\n')
    .action(
      action(async ({ client, output }, id: string) => {
        const found = await client.pipelineRuns.get({ params: { run: id } });
        output.result(found, () => drawRun(found));
      }),
    );
  pipeline
    .command('follow')
    .description('Follow a run with its logs until it ends; exits 1 when it does not succeed')
    .argument('<pipeline-run>', '', runId)
    .option('--no-logs', 'do not show what the steps print')
    .addHelpText('after', '\nExample:\n  slipway pipeline follow plr_01m7z8…\n')
    .action(action((session, id: string, flags: { logs: boolean }) => followToEnd(session, id, flags)));
  log(pipeline);
}

interface LogFlags {
  readonly attempt?: number;
  readonly follow?: boolean;
}

function log(pipeline: Command): void {
  pipeline
    .command('log')
    .description('What a step printed')
    .argument('<pipeline-run>', '', runId)
    .argument('<step>', '', stepName)
    .option('--attempt <n>', 'the newest unless said', wholeNumber('--attempt', { min: 1, max: 1000 }))
    .option('--follow', 'go on until the step ends')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway pipeline log plr_01m7z8… refit\n  slipway pipeline log plr_01m7z8… refit --follow\n',
    )
    .action(
      action(async (session, id: string, step: string, flags: LogFlags) => {
        const { client, output } = session;
        if (flags.follow === true) {
          session.leaves('the step goes on');
          for await (const event of logEvents(session, id, step))
            if (output.json) process.stdout.write(`${JSON.stringify(event)}\n`);
            else if ('text' in event) process.stdout.write(event.text);
          return;
        }
        const query = flags.attempt === undefined ? {} : { attempt: flags.attempt };
        const text = await client.pipelineRuns.log({ params: { run: id, step }, query });
        if (text === '' && !output.json) return output.note(`Step ${step} has printed nothing.`);
        output.result({ log: text }, () => text);
      }),
    );
}

function needs(inputs: Readonly<Record<string, unknown>>, after: readonly string[]): string {
  const found = new Set(after);
  const walk = (source: unknown): void => {
    if (typeof source !== 'object' || source === null) return;
    if ('step' in source && typeof source.step === 'string') found.add(source.step);
    if ('dataset' in source && typeof source.dataset === 'string') found.add(`dataset ${source.dataset}`);
    if ('list' in source && Array.isArray(source.list)) source.list.forEach(walk);
  };
  Object.values(inputs).forEach(walk);
  return [...found].join(', ');
}

/** `until, holdoutDays = 14, maxMonths?` */
function parametersOf(schema: Readonly<Record<string, unknown>>): string {
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, { default?: unknown }>);
  const required = new Set(Array.isArray(schema['required']) ? schema['required'] : []);
  if (properties.length === 0) return 'none';
  return properties
    .map(([name, p]) =>
      p.default !== undefined ? `${name} = ${JSON.stringify(p.default)}` : required.has(name) ? name : `${name}?`,
    )
    .join(', ');
}
