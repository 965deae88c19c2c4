import { createWriteStream } from 'node:fs';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline as pipe } from 'node:stream/promises';
import type { Command } from 'commander';
import { idOf } from '../arguments.ts';
import { action } from '../command.ts';
import type { PageFlags } from '../listing.ts';
import { paged, pageQuery, showPage } from '../listing.ts';
import { bytes, instant, paint, seconds, table } from '../output.ts';

const runId = idOf('run');

interface ListFlags extends PageFlags {
  readonly experiment?: string;
  readonly filter?: string;
  readonly orderBy?: string;
}

export function register(program: Command): void {
  const run = program.command('run').description('Tracked runs: parameters, metrics, artifacts');
  list(run);
  show(run);
  artifacts(run);
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
