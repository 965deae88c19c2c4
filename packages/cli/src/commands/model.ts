import type { Command } from 'commander';
import { action, CommandFailure } from '../command.ts';
import { instant, paint, shortDigest, table } from '../output.ts';

type AliasArguments = [name: string, alias: string, version: string, options: { reason?: string }];

export function register(program: Command): void {
  const model = program.command('model').description('Registered models: versions, aliases, gates');
  model
    .command('list')
    .description('Registered models')
    .action(
      action(async ({ client, output }) => {
        const answer = await client.models.list({ query: { limit: 1000 } });
        output.result(answer, () => {
          if (answer.items.length === 0) return 'No models yet. A pipeline or an MLflow client registers them.';
          const rows = answer.items.map((m) => [
            m.name,
            String(m.latestNumber),
            Object.entries(m.aliases)
              .map(([a, v]) => `${a}=${v}`)
              .join(' '),
            m.gate === undefined ? 'none' : m.gate.protected.join(', '),
          ]);
          return table(['MODEL', 'LATEST', 'ALIASES', 'GATE PROTECTS'], rows);
        });
      }),
    );
  model
    .command('versions')
    .description('The versions of a model, newest first')
    .argument('<model>')
    .action(
      action(async ({ client, output }, name: string) => {
        const answer = await client.models.versions({ params: { model: name }, query: { limit: 100 } });
        output.result(answer, () =>
          table(
            ['VERSION', 'ALIASES', 'GATE', 'FLAVOR', 'DIGEST', 'MADE'],
            answer.items.map((v) => [
              String(v.number),
              v.aliases.join(' '),
              v.gate === undefined ? '-' : v.gate.passed ? paint('green', 'passed') : paint('red', 'failed'),
              v.flavor,
              v.artifactDigest === undefined ? '-' : shortDigest(v.artifactDigest),
              instant(v.createdAt),
            ]),
          ),
        );
      }),
    );
  model
    .command('show')
    .description('One version: its gate, its lineage, its files')
    .argument('<model>')
    .argument('<version>', 'number, alias or latest')
    .action(
      action(async ({ client, output }, name: string, version: string) => {
        const found = await client.models.getVersion({ params: { model: name, version } });
        output.result(found, () => {
          const gate = found.gate?.checks.map(
            (c) => `  ${c.passed ? paint('green', 'passed') : paint('red', 'failed')} ${c.sentence}`,
          ) ?? ['  none'];
          const lineage = Object.entries(found.lineage).map(
            ([key, value]) => `  ${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`,
          );
          const files = found.files.map((f) => `  ${f.path} ${f.digest}`);
          return [
            paint('bold', `${found.model}/${found.number}`) + ` ${found.aliases.join(' ')}`,
            'gate',
            ...gate,
            'lineage',
            ...lineage,
            'files',
            ...files,
          ].join('\n');
        });
      }),
    );
  model
    .command('alias')
    .description('Point an alias at a version; a protected alias takes only a version whose gate passed')
    .argument('<model>')
    .argument('<alias>')
    .argument('<version>')
    .option('--reason <text>')
    .action(
      action(async ({ client, output }, ...[name, alias, version, { reason }]: AliasArguments) => {
        const number = Number(version);
        if (!Number.isInteger(number) || number < 1)
          throw new CommandFailure('usage', `"${version}" is not a version number`);
        const moved = await client.models.setAlias({
          params: { model: name, alias },
          body: { version: number, ...(reason === undefined ? {} : { reason }) },
        });
        output.result(moved, () => `${moved.model}@${moved.alias}: ${moved.previous ?? 'nothing'} -> ${moved.version}`);
      }),
    );
}
