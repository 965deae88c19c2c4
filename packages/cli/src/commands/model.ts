import { createWriteStream } from 'node:fs';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline as pipe } from 'node:stream/promises';
import { Alias, ModelName, modelStages } from '@slipway/contract';
import type { ModelVersion, VersionInput } from '@slipway/contract';
import type { Command } from 'commander';
import { Argument } from 'commander';
import { usage, versionOf } from '../arguments.ts';
import { CommandFailure } from '../failure.ts';
import { action, oneOf } from '../command.ts';
import type { PageFlags } from '../listing.ts';
import { paged, pageQuery, showPage } from '../listing.ts';
import { bytes, instant, paint, shortDigest, table } from '../output.ts';

export function modelName(typed: string): string {
  if (ModelName.safeParse(typed).success) return typed;
  throw usage(`"${typed.slice(0, 80)}" cannot be the name of a model: 1 to 250 characters, no slash, colon or at-sign`);
}

function aliasName(typed: string): string {
  if (Alias.safeParse(typed).success) return typed;
  throw usage(
    `"${typed.slice(0, 80)}" cannot be an alias: letters, digits, underscore and dash; "latest" and "v1" are reserved`,
  );
}

const versionHelp = 'number, alias or latest';

export function register(program: Command): void {
  const model = program.command('model').description('Registered models: versions, aliases, gates');
  lists(model);
  show(model);
  card(model);
  inputs(model);
  lineage(model);
  aliases(model);
  stage(model);
}

function lists(model: Command): void {
  paged(model.command('list').description('Registered models'))
    .addHelpText('after', '\nExample:\n  slipway model list\n')
    .action(
      action(async (session, flags: PageFlags) => {
        showPage(session, await session.client.models.list({ query: pageQuery(flags) }), {
          head: ['MODEL', 'LATEST', 'ALIASES', 'GATE PROTECTS', 'CHANGED'],
          empty: 'No models yet. A pipeline registers them, or an MLflow client.',
          row: (m) => [
            m.name,
            m.latestNumber === 0 ? '-' : String(m.latestNumber),
            Object.entries(m.aliases)
              .map(([alias, version]) => `${alias}=${version}`)
              .join(' ') || '-',
            m.gate === undefined ? 'no gate' : m.gate.protected.join(', '),
            instant(m.updatedAt),
          ],
        });
      }),
    );
  paged(
    model.command('versions').description('The versions of a model, newest first').argument('<model>', '', modelName),
    30,
  )
    .addHelpText('after', '\nExample:\n  slipway model versions flight-delay\n')
    .action(
      action(async (session, name: string, flags: PageFlags) => {
        showPage(session, await session.client.models.versions({ params: { model: name }, query: pageQuery(flags) }), {
          head: ['VERSION', 'ALIASES', 'GATE', 'FLAVOR', 'DIGEST', 'MADE', 'BY'],
          empty: `Model ${name} has no versions yet.`,
          row: (v) => [
            String(v.number),
            v.aliases.join(' ') || '-',
            v.gate === undefined ? '-' : verdict(v.gate.passed),
            v.flavor,
            v.artifactDigest === undefined ? '-' : shortDigest(v.artifactDigest),
            instant(v.createdAt),
            v.createdBy,
          ],
        });
      }),
    );
  paged(
    model
      .command('gates')
      .description('The gates that were judged for a model, newest first')
      .argument('<model>', '', modelName),
    30,
  )
    .addHelpText('after', '\nExample:\n  slipway model gates flight-delay\n')
    .action(
      action(async (session, name: string, flags: PageFlags) => {
        showPage(session, await session.client.models.gates({ params: { model: name }, query: pageQuery(flags) }), {
          head: ['GATE', 'RESULT', 'VERSION', 'AT', 'FAILED CHECKS'],
          empty: `No gate was judged for ${name} yet. The \`gate\` step of a pipeline judges one.`,
          row: (g) => [
            g.id,
            verdict(g.passed),
            g.version === undefined ? '-' : String(g.version),
            instant(g.createdAt),
            g.checks
              .filter((c) => !c.passed)
              .map((c) => c.sentence)
              .join(' ') || '-',
          ],
        });
      }),
    );
}

const verdict = (passed: boolean): string => (passed ? paint('green', 'passed') : paint('red', 'failed'));

/** Of a command about one version, the latest unless said. */
const ofVersion = (command: Command): Command =>
  command.argument('<model>', '', modelName).argument('[version]', versionHelp, 'latest');

function show(model: Command): void {
  ofVersion(model.command('show'))
    .description('One version: its gate, where it comes from, its files')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway model show flight-delay champion\n  slipway model show flight-delay 3\n',
    )
    .action(
      action(async ({ client, output }, name: string, version: string) => {
        const params = { model: name, version: String(versionOf(version)) };
        const found = await client.models.getVersion({ params });
        output.result(found, () => drawVersion(found));
      }),
    );
  model
    .command('get')
    .description('Write one file of a version to disk')
    .argument('<model>', '', modelName)
    .argument('<version>', versionHelp)
    .option('--name <name>', 'which file; the ONNX file unless said')
    .option('--out <path>', 'where to; the name of the file, here, unless said')
    .addHelpText('after', '\nExample:\n  slipway model get flight-delay champion --out /tmp/model.onnx\n')
    .action(
      action(async ({ client, output }, name: string, version: string, o: { name?: string; out?: string }) => {
        const params = { model: name, version: String(versionOf(version)) };
        const found = await client.models.getVersion({ params });
        const path = o.name ?? found.onnx?.path;
        if (path === undefined)
          throw usage(
            `${name}/${version} has no single ONNX file: name one with --name (${found.files.map((f) => f.path).join(', ')})`,
          );
        const out = o.out ?? basename(path);
        await pipe(Readable.from(await client.models.getFile({ params: { ...params, path } })), createWriteStream(out));
        output.result({ path: out }, () => out);
      }),
    );
}

function card(model: Command): void {
  ofVersion(model.command('card'))
    .description('The model card of a version: its facts as Markdown, or with --json as data')
    .addHelpText('after', '\nExample:\n  slipway model card flight-delay champion > MODEL_CARD.md\n')
    .action(
      action(async ({ client, output }, name: string, version: string) => {
        const params = { model: name, version: String(versionOf(version)) };
        if (output.json) return output.result(await client.models.card({ params }), () => '');
        const text = await client.models.cardText({ params });
        output.result(text, () => text);
      }),
    );
}

function lineage(model: Command): void {
  ofVersion(model.command('lineage'))
    .description('What a version was made from, and where it serves')
    .addHelpText('after', '\nExample:\n  slipway model lineage flight-delay champion\n')
    .action(
      action(async ({ client, output }, name: string, version: string) => {
        const params = { model: name, version: String(versionOf(version)) };
        const found = await client.models.lineage({ params });
        output.result(found, () =>
          table(
            ['KIND', 'NAME', 'FACT', 'DIGEST', 'FROM'],
            found.nodes.map((node) => [
              node.kind,
              node.name,
              node.fact ?? '-',
              node.digest === undefined ? '-' : shortDigest(node.digest),
              found.edges
                .flatMap(({ from, to }) => (to === node.id ? (found.nodes.find((n) => n.id === from)?.name ?? []) : []))
                .join(', ') || '-',
            ]),
          ),
        );
      }),
    );
}

function inputs(model: Command): void {
  ofVersion(model.command('inputs'))
    .description('What a version takes, and what its training set had of each input')
    .addHelpText('after', '\nExample:\n  slipway model inputs flight-delay champion\n')
    .action(
      action(async ({ client, output }, name: string, version: string) => {
        const found = await client.models.inputs({ params: { model: name, version: String(versionOf(version)) } });
        if (found.inputs.length === 0 && !output.json)
          return output.note(`${name}/${found.version} has no signature, and no step named its features.`);
        output.result(found, () =>
          table(
            ['INPUT', 'TYPE', 'SEEN IN TRAINING', 'MISSING', 'MADE BY'],
            found.inputs.map((input) => [
              input.name,
              input.type ?? '-',
              seenWords(input),
              input.seen === undefined ? '-' : String(input.seen.missing),
              input.expression ?? '-',
            ]),
          ),
        );
      }),
    );
}

function seenWords({ seen }: VersionInput): string {
  if (seen === undefined) return '-';
  const { min, max, distinct, values = [] } = seen;
  if (min !== undefined && max !== undefined) return `${Number(min.toPrecision(6))} to ${Number(max.toPrecision(6))}`;
  return distinct === undefined ? 'never set' : `${distinct} values: ${values.join(', ')}`;
}

function drawVersion(found: ModelVersion): string {
  const { lineage } = found;
  const gate = found.gate?.checks.map((c) => [verdict(c.passed), c.sentence]) ?? [['-', 'no gate was judged']];
  const origin: [string, string | undefined][] = [
    ['run', found.runId],
    ['pipeline run', lineage.pipelineRun],
    ['training set', lineage.trainingSetDigest],
    ...(lineage.datasetVersions ?? []).map((d): [string, string] => [
      'dataset',
      `${d.dataset}@${d.number} ${d.digest}`,
    ]),
    [
      'feature service',
      lineage.featureService &&
        `${lineage.featureService.set}/${lineage.featureService.service} ${lineage.featureService.digest}`,
    ],
    ['code', lineage.codeDigest],
    ['commit', lineage.commit],
  ];
  const known = origin.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]));
  const files = found.files.map((f) => [f.path, bytes(f.sizeBytes), f.digest]);
  return [
    `${paint('bold', `${found.model}/${found.number}`)} ${found.aliases.join(' ')}\nmade ${instant(found.createdAt)} by ${found.createdBy}`,
    table(['GATE', 'CHECK'], gate),
    table(['FROM', 'WHAT'], known.length === 0 ? [['-', 'it came without lineage']] : known),
    table(['FILE', 'SIZE', 'DIGEST'], files),
  ].join('\n\n');
}

type StageWords = readonly [model: string, version: string, stage: string, flags: { readonly archive?: boolean }];

function stage(model: Command): void {
  model
    .command('stage')
    .description('Set the stage of a version, for clients from before aliases; Production follows the champion')
    .argument('<model>', '', modelName)
    .argument('<version>', versionHelp)
    .addArgument(new Argument('<stage>', 'a label from before aliases').choices(modelStages))
    .option('--archive', 'move the versions that hold the stage now to Archived')
    .addHelpText('after', '\nExample:\n  slipway model stage flight-delay champion Production --archive\n')
    .action(
      action(async ({ client, output }, ...[name, version, typed, flags]: StageWords) => {
        const params = { model: name, version: String(versionOf(version)) };
        const body = { stage: oneOf('stage', modelStages, typed), archiveExisting: flags.archive === true };
        const changed = await client.models.setStage({ params, body });
        output.result(changed, () => `${changed.model}/${changed.number} is ${changed.stage}`);
      }),
    );
}

type AliasWords = readonly [model: string, alias: string, version: string, flags: { readonly reason?: string }];

function aliases(model: Command): void {
  model
    .command('alias')
    .description(
      'Point an alias at a version; a protected alias takes only a version whose gate passed, one that asks for approval waits for it',
    )
    .argument('<model>', '', modelName)
    .argument('<alias>', '', aliasName)
    .argument('<version>', 'number, another alias or latest')
    .option('--reason <text>', 'why, for the record')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway model alias flight-delay champion 3 --reason "better in May"\n  slipway model alias flight-delay champion challenger\n',
    )
    .action(
      action(async ({ client, output }, ...[name, alias, version, { reason }]: AliasWords) => {
        const typed = versionOf(version);
        const number =
          typeof typed === 'number'
            ? typed
            : (await client.models.getVersion({ params: { model: name, version: typed } })).number;
        const body = { version: number, ...(reason === undefined ? {} : { reason }) };
        const moved = await client.models.setAlias({ params: { model: name, alias }, body });
        const { approval, previous = 'nothing' } = moved;
        output.result(
          moved,
          () => `${name}@${alias}: ${previous}${approval === undefined ? ` -> ${moved.version}` : ''}`,
        );
        if (approval === undefined) return;
        throw new CommandFailure(
          'waiting',
          `version ${moved.version} becomes ${alias} when somebody approves, until ${instant(approval.lapsesAt)}: \`slipway approval approve ${approval.id} --reason …\``,
        );
      }),
    );
  model
    .command('unalias')
    .description('Remove an alias')
    .argument('<model>', '', modelName)
    .argument('<alias>', '', aliasName)
    .addHelpText('after', '\nExample:\n  slipway model unalias flight-delay challenger\n')
    .action(
      action(async ({ client, output }, name: string, alias: string) => {
        const done = await client.models.deleteAlias({ params: { model: name, alias } });
        output.result(done, () => (done.removed ? `${name}@${alias} is removed` : `${name} has no alias ${alias}`));
      }),
    );
}
