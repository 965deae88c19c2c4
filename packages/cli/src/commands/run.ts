import { createWriteStream } from 'node:fs';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline as pipe } from 'node:stream/promises';
import { runKeyKinds } from '@slipway/contract';
import type { RunKeyKind } from '@slipway/contract';
import type { Command } from 'commander';
import { idOf, nameOf, usage, wholeNumber } from '../arguments.ts';
import type { Session } from '../command.ts';
import { action, oneOf } from '../command.ts';
import type { PageFlags } from '../listing.ts';
import { paged, pageQuery, showPage } from '../listing.ts';
import { bytes, instant, paint, seconds, table } from '../output.ts';
import { readProjectFolder } from '../project-folder.ts';
import type { RunFlags } from './pipeline.ts';
import { startable, startRun } from './pipeline.ts';

const runId = idOf('run');

interface ListFlags extends PageFlags {
  readonly experiment?: string;
  readonly filter?: string;
  readonly orderBy?: string;
}

export function register(program: Command): void {
  const run = startable(
    program
      .command('run')
      .description("Run the project's pipeline; with a verb: tracked runs, their parameters, metrics, artifacts")
      .argument('[pipeline]', 'where the project has several', nameOf('pipeline')),
  )
    .option('--project <folder>', 'the folder with slipway.yaml', '.')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway run                  # in a project folder: trains, judges, reports\n  slipway run train --param until=2013-04-01T04:00:00Z\n  slipway run list --limit 5   # what steps and scripts logged\n',
    )
    .action(
      action(async (session, name: string | undefined, flags: RunFlags & { project: string }) =>
        startRun(session, name ?? (await onlyPipeline(session, flags.project)), flags),
      ),
    );
  list(run);
  count(run);
  keys(run);
  show(run);
  metrics(run);
  sample(run);
  views(run);
  artifacts(run);
}

/** The pipeline of a folder that has one. What is not applied does not run, and that is said. */
async function onlyPipeline({ client, output }: Session, path: string): Promise<string> {
  const { project, manifest } = await readProjectFolder(path);
  const names = manifest.resources.filter(({ kind }) => kind === 'pipeline').map(({ name }) => name);
  const [only, ...more] = names;
  if (only === undefined) throw usage(`project ${project} declares no pipeline: there is nothing to run`);
  if (more.length > 0)
    throw usage(`project ${project} has ${names.length} pipelines: say which, of ${names.join(', ')}`);
  const plan = await client.projects.plan({ params: { project }, body: manifest });
  if (plan.diffs.some(({ action: change }) => change !== 'none') || plan.codeChanged)
    output.note(
      'The folder differs from what is applied: `slipway apply` brings it to the server, and runs use it then.',
    );
  return only;
}

function list(run: Command): void {
  paged(run.command('list').description('Runs, newest first'), 30)
    .option('--experiment <experiment>', 'only of this experiment')
    .option('--filter <text>', `such as "metrics.auc > 0.7 and params.rounds = '150'"`)
    .option('--order-by <text>', 'such as "metrics.auc desc"')
    .addHelpText(
      'after',
      `\nExamples:\n  slipway run list --experiment train --limit 5\n  slipway run list --filter "metrics.auc > 0.75" --order-by "metrics.auc desc"\n`,
    )
    .action(
      action(async (session, flags: ListFlags) => {
        const { experiment, filter, orderBy } = flags;
        const query = { ...pageQuery(flags), experiment, filter, orderBy };
        const isNarrow = experiment !== undefined || filter !== undefined;
        showPage(session, await session.client.runs.list({ query }), {
          head: ['RUN', 'NAME', 'EXPERIMENT', 'STATUS', 'STARTED', 'TOOK'],
          empty: isNarrow
            ? 'No runs match.'
            : `No runs yet. Pipeline steps log them; so does an MLflow client with MLFLOW_TRACKING_URI=${session.url}.`,
          row: (r) => [
            r.id,
            r.name,
            r.experiment,
            r.status,
            instant(r.startedAt),
            r.endedAt === undefined ? '-' : seconds(r.endedAt - r.startedAt),
          ],
        });
      }),
    );
}

function count(run: Command): void {
  run
    .command('count')
    .description('How many runs match, exact to 10 000')
    .option('--experiment <experiment>', 'only of this experiment')
    .option('--filter <text>', 'as for `slipway run list`')
    .addHelpText('after', '\nExample:\n  slipway run count --experiment train --filter "metrics.auc > 0.75"\n')
    .action(
      action(async ({ client, output }, query: { experiment?: string; filter?: string }) => {
        const found = await client.runs.count({ query });
        output.result(found, () => `${found.isExact ? '' : 'over '}${found.count}`);
      }),
    );
}

interface KeyFlags extends PageFlags {
  readonly experiment?: string;
  readonly kind?: RunKeyKind;
  readonly contains?: string;
}

function keys(run: Command): void {
  paged(run.command('keys').description('The metric, param and tag keys that runs logged'))
    .option('--experiment <experiment>', 'only of this experiment')
    .option('--kind <kind>', `one of ${runKeyKinds.join(', ')}`, (word: string) => oneOf('kind', runKeyKinds, word))
    .option('--contains <text>', 'only keys with this in them')
    .addHelpText('after', '\nExample:\n  slipway run keys --experiment train --kind metric --contains loss\n')
    .action(
      action(async (session, flags: KeyFlags) => {
        const { experiment, kind, contains } = flags;
        showPage(
          session,
          await session.client.runs.keys({ query: { ...pageQuery(flags), experiment, kind, contains } }),
          {
            head: ['KIND', 'KEY', 'LAST SEEN'],
            empty: 'No keys. They appear when a run logs a metric, a param or a tag.',
            row: (k) => [k.kind, k.key, instant(k.seenAt)],
          },
        );
      }),
    );
}

const sampledPointsDefault = 20;

function sample(run: Command): void {
  run
    .command('sample')
    .description(
      'One metric of several runs: every point of short ones, the least and greatest value per stretch of long ones',
    )
    .argument('<key>', 'the metric, as `slipway run show` names it')
    .argument('<run...>', 'ids of runs')
    .option(
      '--points <n>',
      'at most so many rows per run',
      wholeNumber('--points', { min: 2, max: 2000 }),
      sampledPointsDefault,
    )
    .addHelpText('after', '\nExample:\n  slipway run sample validation.logLoss run_01m7z8… run_01m7z9…\n')
    .action(
      action(async (session, key: string, runs: readonly string[], { points }: { points: number }) => {
        const found = await session.client.runs.sample({ query: { key, runs: runs.map(runId).join(','), points } });
        if (session.output.json) return session.output.result(found, () => '');
        const items = found.items.flatMap((series) => series.counts.map((n, i) => ({ series, n, i })));
        showPage(
          session,
          { items },
          {
            head: ['RUN', 'FROM STEP', 'TO STEP', 'LEAST', 'GREATEST', 'POINTS'],
            empty: `None of these runs logged "${key}".`,
            row: ({ series, n, i }) => [
              series.run,
              String(series.firstSteps[i]),
              String(series.lastSteps[i]),
              String(series.low[i] ?? 'NaN'),
              String(series.high[i] ?? 'NaN'),
              String(n),
            ],
          },
        );
      }),
    );
}

function views(run: Command): void {
  paged(run.command('views').description('Saved views of the list of runs'))
    .addHelpText('after', '\nExample:\n  slipway run views\n')
    .action(
      action(async (session, flags: PageFlags) => {
        showPage(session, await session.client.views.list({ query: pageQuery(flags) }), {
          head: ['VIEW', 'NAME', 'BY', 'SAVED', 'ADDRESS'],
          empty: 'No saved views. The console saves one from the list of runs.',
          row: (v) => [v.id, v.name, v.author, instant(v.createdAt), `${session.url}/w/default/experiments?${v.query}`],
        });
      }),
    );
}

function show(run: Command): void {
  run
    .command('show')
    .description('One run with its parameters, latest metrics and tags')
    .argument('<run>', '', runId)
    .addHelpText('after', '\nExample:\n  slipway run show run_01m7z8…\n')
    .action(
      action(async ({ client, output }, id: string) => {
        const found = await client.runs.get({ params: { run: id } });
        output.result(found, () => {
          const metrics = found.metrics.map((m) => [m.key, String(m.value), String(m.step), instant(m.at)]);
          const parts = [
            `${paint('bold', found.id)} ${found.name} ${found.status}, experiment ${found.experiment}, started ${instant(found.startedAt)}`,
            ...(Object.keys(found.params).length === 0
              ? []
              : [table(['PARAMETER', 'VALUE'], Object.entries(found.params))]),
            ...(metrics.length === 0 ? [] : [table(['METRIC', 'VALUE', 'STEP', 'AT'], metrics)]),
            ...(found.metricCount === undefined
              ? []
              : [
                  `The first ${metrics.length} of ${found.metricCount} metrics: \`slipway run metrics ${id}\` has all.`,
                ]),
            ...(Object.keys(found.tags).length === 0 ? [] : [table(['TAG', 'VALUE'], Object.entries(found.tags))]),
          ];
          return parts.join('\n\n');
        });
      }),
    );
  run
    .command('metric')
    .description('Every point of one metric')
    .argument('<run>', '', runId)
    .argument('<key>', 'the metric, as `slipway run show` names it')
    .addHelpText('after', '\nExample:\n  slipway run metric run_01m7z8… validation.logLoss\n')
    .action(
      action(async (session, id: string, key: string) => {
        const page = await session.client.runs.history({ params: { run: id, key } });
        showPage(session, page, {
          head: ['STEP', 'VALUE', 'AT'],
          empty: `Run ${id} has no metric "${key}". \`slipway run show ${id}\` lists those it has.`,
          row: (point) => [String(point.step), String(point.value), instant(point.at)],
        });
      }),
    );
}

function metrics(run: Command): void {
  paged(run.command('metrics'))
    .description('The latest value of each metric of a run, by their keys')
    .argument('<run>', '', runId)
    .option('--contains <text>', 'only keys that have this in them')
    .addHelpText('after', '\nExample:\n  slipway run metrics run_01m7z8… --contains validation\n')
    .action(
      action(async (session, id: string, flags: PageFlags & { readonly contains?: string }) => {
        const query = { contains: flags.contains, ...pageQuery(flags) };
        showPage(session, await session.client.runs.metrics({ params: { run: id }, query }), {
          head: ['METRIC', 'VALUE', 'STEP', 'AT'],
          empty: `Run ${id} has no such metric.`,
          row: (m) => [m.key, String(m.value), String(m.step), instant(m.at)],
        });
      }),
    );
}

function artifacts(run: Command): void {
  run
    .command('artifacts')
    .description('The files of a run, folder by folder')
    .argument('<run>', '', runId)
    .option('--path <folder>', 'below this folder', '')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway run artifacts run_01m7z8…\n  slipway run artifacts run_01m7z8… --path model\n',
    )
    .action(
      action(async (session, id: string, { path }: { path: string }) => {
        showPage(session, await session.client.runs.artifacts({ params: { run: id }, query: { path } }), {
          head: ['PATH', 'SIZE', 'DIGEST'],
          empty: path === '' ? 'This run has no files.' : `There is nothing below ${path}.`,
          row: (a) => [
            a.isFolder ? `${a.path}/` : a.path,
            a.sizeBytes === undefined ? '' : bytes(a.sizeBytes),
            a.digest ?? '',
          ],
        });
      }),
    );
  run
    .command('get')
    .description('Write one file of a run to disk')
    .argument('<run>', '', runId)
    .argument('<artifact>', 'the path, as `slipway run artifacts` shows it')
    .option('--out <path>', 'where to; the name of the file, here, unless said')
    .addHelpText('after', '\nExample:\n  slipway run get run_01m7z8… report.json --out /tmp/report.json\n')
    .action(
      action(async ({ client, output }, id: string, artifact: string, { out }: { out?: string }) => {
        const stream = await client.runs.getArtifact({ params: { run: id, path: artifact } });
        const path = out ?? basename(artifact);
        await pipe(Readable.from(stream), createWriteStream(path));
        output.result({ path }, () => path);
      }),
    );
}
