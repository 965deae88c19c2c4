import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { action, CommandFailure, wholeNumber } from '../command.ts';
import { bytes, count, instant, paint, shortDigest, table } from '../output.ts';

const listOptions = { min: 1, max: 1000 } as const;

export function register(program: Command): void {
  const data = program.command('data').description('Datasets: versioned, content-addressed, profiled');
  data
    .command('list')
    .description('The datasets with their latest version')
    .option('--limit <n>', 'how many', wholeNumber('--limit', listOptions), 100)
    .action(
      action(async ({ client, output }, { limit }: { limit: number }) => {
        const answer = await client.datasets.list({ query: { limit } });
        output.result(answer, () => {
          if (answer.items.length === 0) return 'No datasets yet. `slipway data add NAME FILE…` makes one.';
          const rows = answer.items.map((d) => [
            d.name,
            d.latest === undefined ? '-' : String(d.latest.number),
            d.latest?.rowCount.toLocaleString('en-US') ?? '-',
            d.latest === undefined ? '-' : bytes(d.latest.sizeBytes),
            d.latest === undefined ? '-' : shortDigest(d.latest.digest),
          ]);
          return table(['DATASET', 'VERSION', 'ROWS', 'SIZE', 'DIGEST'], rows);
        });
      }),
    );
  data
    .command('add')
    .description(
      'Add files (or folders of them) to a dataset; each new file makes a version, equal bytes store nothing',
    )
    .argument('<dataset>')
    .argument('<files...>', 'Parquet, CSV or newline-delimited JSON')
    .addHelpText('after', '\nExample:\n  slipway data add flights data/flights/2013-01.parquet\n')
    .action(
      action(async ({ client, output }, dataset: string, files: string[]) => {
        const answers = [];
        for (const path of await expand(files)) {
          output.progress(`adding ${path}`);
          const file = basename(path);
          const answer = await client.datasets.putFile(
            { params: { dataset, file }, body: createReadStream(path) },
            { timeoutMs: 600_000 },
          );
          answers.push({
            file,
            version: answer.version.number,
            digest: answer.version.digest,
            stored: answer.stored,
            unchanged: answer.unchanged,
          });
          const done = answer.unchanged
            ? 'unchanged, nothing stored'
            : `version ${answer.version.number}, ${count(answer.version.rowCount, 'row')} in all`;
          if (!output.json) output.note(`${file}: ${done}`);
        }
        output.result(answers, () => '');
      }),
    );
  data
    .command('show')
    .description('One version: files, schema, digest')
    .argument('<dataset>')
    .option('--version <version>', 'number, digest or latest', 'latest')
    .action(
      action(async ({ client, output }, dataset: string, { version }: { version: string }) => {
        const found = await client.datasets.version({ params: { dataset, version } });
        output.result(found, () => {
          const head = `${paint('bold', `${found.dataset}@${found.number}`)}  ${count(found.rowCount, 'row')}, ${bytes(found.sizeBytes)}, ${found.digest}\nmade ${instant(found.createdAt)} by ${found.createdBy}`;
          const files = table(
            ['FILE', 'ROWS', 'SIZE', 'DIGEST'],
            found.files.map((f) => [
              f.name,
              f.rowCount.toLocaleString('en-US'),
              bytes(f.sizeBytes),
              shortDigest(f.digest),
            ]),
          );
          const schema = table(
            ['COLUMN', 'TYPE', 'NULLS'],
            found.schema.map((c) => [c.name, c.type, c.nullable ? 'yes' : 'no']),
          );
          return `${head}\n\n${files}\n\n${schema}`;
        });
      }),
    );
  data
    .command('profile')
    .description('Counts, range, mean and frequent values of every column')
    .argument('<dataset>')
    .option('--version <version>', 'number, digest or latest', 'latest')
    .action(
      action(async ({ client, output }, dataset: string, { version }: { version: string }) => {
        const profile = await client.datasets.profile({ params: { dataset, version } }, { timeoutMs: 300_000 });
        output.result(profile, () =>
          table(
            ['COLUMN', 'TYPE', 'NULLS', 'DISTINCT', 'MIN', 'MEAN', 'MAX'],
            profile.columns.map((c) => [
              c.name,
              c.type,
              String(c.nullCount),
              String(c.distinctApprox),
              cell(c.min),
              c.mean === null ? '' : c.mean.toPrecision(6),
              cell(c.max),
            ]),
          ),
        );
      }),
    );
  data
    .command('diff')
    .description('What differs between two versions')
    .argument('<dataset>')
    .requiredOption('--from <version>')
    .option('--to <version>', 'latest unless said', 'latest')
    .action(
      action(async ({ client, output }, dataset: string, query: { from: string; to: string }) => {
        const diff = await client.datasets.diff({ params: { dataset }, query });
        output.result(diff, () => {
          const files = diff.files.map((f) => `${f.change.padEnd(8)} ${f.name}`);
          const columns = diff.columns.map(
            (c) => `${c.change.padEnd(8)} column ${c.name}: ${c.from ?? '-'} -> ${c.to ?? '-'}`,
          );
          return [`rows ${diff.rowCountFrom} -> ${diff.rowCountTo}`, ...files, ...columns].join('\n');
        });
      }),
    );
  validation(data);
}

function validation(data: Command): void {
  data
    .command('validate')
    .description(
      'Check dataset versions against an expectation suite; exits 6 when an expectation of severity error fails',
    )
    .argument('<suite>')
    .argument('<tables...>', 'table=dataset[@version][/file], for example flights=flights@latest')
    .option('--file <pattern...>', 'only these files of every table')
    .addHelpText(
      'after',
      '\nExample:\n  slipway data validate flights flights=flights weather=weather --file 2013-01.parquet\n',
    )
    .action(
      action(async ({ client, output }, suite: string, pairs: string[], { file }: { file?: string[] }) => {
        const tables = Object.fromEntries(
          pairs.map((pair) => {
            const at = pair.indexOf('=');
            if (at < 1) throw new CommandFailure('usage', `"${pair}" is not table=dataset`);
            return [pair.slice(0, at), pair.slice(at + 1)];
          }),
        );
        const found = await client.validations.create(
          { body: { suite, tables, ...(file === undefined ? {} : { files: file }) } },
          { timeoutMs: 600_000 },
        );
        output.result(found, () => {
          const failed = found.results
            .filter((r) => !r.success)
            .map((r) => `  ${paint(r.severity === 'error' ? 'red' : 'yellow', r.severity)} ${r.id}: ${r.sentence}`);
          return [
            `${found.evaluated} expectations, ${found.failed} failed, ${found.warnings} warnings`,
            ...failed,
          ].join('\n');
        });
        if (!found.success) throw new CommandFailure('gate', `validation ${found.id} failed`);
      }),
    );
}

const cell = (value: string | number | boolean | null): string => (value === null ? '' : String(value));

/** Files as named, folders as the data files in them, in name order. */
async function expand(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const info = await stat(path).catch(() => undefined);
    if (info === undefined) throw new CommandFailure('notFound', `there is no file or folder ${path}`);
    if (!info.isDirectory()) files.push(path);
    else
      for (const name of (await readdir(path)).sort())
        if (/\.(?:parquet|csv|ndjson|jsonl)$/.test(name)) files.push(join(path, name));
  }
  return files;
}
