import { createReadStream, createWriteStream } from 'node:fs';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline as pipe } from 'node:stream/promises';
import type { DataRows, DatasetProfile, ValidationResult } from '@slipway/contract';
import { FileName } from '@slipway/contract';
import type { Command } from 'commander';
import { idOf, nameOf, textsOf, usage } from '../arguments.ts';
import type { Session } from '../command.ts';
import { action, CommandFailure } from '../command.ts';
import type { PageFlags } from '../listing.ts';
import { paged, pageQuery, showPage } from '../listing.ts';
import type { Output } from '../output.ts';
import { bytes, count, instant, paint, shortDigest, table } from '../output.ts';
import { registerMend } from './data-mend.ts';
import { registerPull } from './data-pull.ts';

const dataset = nameOf('dataset');
/** A scan of a large table, and the upload of a large file, take their time. */
const longTimeoutMs = 3_600_000;

export function register(program: Command): void {
  const data = program.command('data').description('Datasets: versioned, content-addressed, profiled, validated');
  lists(data);
  changes(data);
  registerMend(data, addFile);
  registerPull(data, addFile);
  versions(data);
  reading(data);
  validation(data);
}

function lists(data: Command): void {
  paged(data.command('list').description('The datasets with their latest version'))
    .addHelpText('after', '\nExamples:\n  slipway data list\n  slipway data list --json | jq ".items[].name"\n')
    .action(
      action(async (session, flags: PageFlags) => {
        const page = await session.client.datasets.list({ query: pageQuery(flags) });
        showPage(session, page, {
          head: ['DATASET', 'VERSION', 'ROWS', 'SIZE', 'DIGEST', 'MADE'],
          empty: 'No datasets yet. `slipway data add NAME FILE…` makes one.',
          row: (d) =>
            d.latest === undefined
              ? [d.name, '-', '-', '-', '-', '-']
              : [
                  d.name,
                  String(d.latest.number),
                  d.latest.rowCount.toLocaleString('en-US'),
                  bytes(d.latest.sizeBytes),
                  shortDigest(d.latest.digest),
                  instant(d.latest.createdAt),
                ],
        });
      }),
    );
  paged(
    data.command('versions').description('The versions of a dataset, newest first').argument('<dataset>', '', dataset),
  )
    .addHelpText('after', '\nExample:\n  slipway data versions flights --limit 5\n')
    .action(
      action(async (session, name: string, flags: PageFlags) => {
        const page = await session.client.datasets.versions({ params: { dataset: name }, query: pageQuery(flags) });
        showPage(session, page, {
          head: ['VERSION', 'FILES', 'ROWS', 'SIZE', 'DIGEST', 'MADE', 'BY'],
          empty: `Dataset ${name} has no files yet. \`slipway data add ${name} FILE…\` adds some.`,
          row: (v) => [
            String(v.number),
            String(v.fileCount),
            v.rowCount.toLocaleString('en-US'),
            bytes(v.sizeBytes),
            shortDigest(v.digest),
            instant(v.createdAt),
            v.createdBy,
          ],
        });
      }),
    );
}

function changes(data: Command): void {
  data
    .command('add')
    .description(
      'Add files (or folders of them) to a dataset; each new file makes a version, equal bytes store nothing',
    )
    .argument('<dataset>', '', dataset)
    .argument('<files...>', 'Parquet, CSV or newline-delimited JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway data add flights data/flights/2013-01.parquet\n  slipway data add weather data/weather      # every data file of the folder\n',
    )
    .action(
      action(async (session, name: string, paths: string[]) => {
        const files = await expand(paths);
        const items = [];
        for (const [i, path] of files.entries())
          items.push(await addFile(session, name, { path, lead: `${i + 1} of ${files.length} ` }));
        session.output.result({ items }, () => '');
      }),
    );
  data
    .command('remove')
    .description('Make a version without one file; older versions keep it')
    .argument('<dataset>', '', dataset)
    .argument('<name>', 'the file, as `slipway data show` names it')
    .addHelpText('after', '\nExample:\n  slipway data remove flights 2013-01.parquet\n')
    .action(
      action(async ({ client, output }, name: string, file: string) => {
        const made = await client.datasets.removeFile({ params: { dataset: name, file: fileName(file) } });
        output.result(made, () => `${name} version ${made.number}: ${count(made.rowCount, 'row')} without ${file}`);
      }),
    );
  data
    .command('get')
    .description('Write one file of a version to disk')
    .argument('<dataset>', '', dataset)
    .argument('<name>', 'the file, as `slipway data show` names it')
    .option('--version <version>', 'number, digest or latest', 'latest')
    .option('--out <path>', 'where to; the name of the file, here, unless said')
    .addHelpText('after', '\nExample:\n  slipway data get flights 2013-01.parquet --out /tmp/january.parquet\n')
    .action(
      action(async ({ client, output }, name: string, file: string, o: { version: string; out?: string }) => {
        const params = { dataset: name, version: versionWord(o.version), file: fileName(file) };
        const out = o.out ?? file;
        const stream = await client.datasets.file({ params }, { timeoutMs: longTimeoutMs });
        // Under its name stands a whole file, or nothing.
        const part = `${out}.part`;
        try {
          await pipe(Readable.from(stream), createWriteStream(part));
          await rename(part, out);
        } catch (error) {
          await rm(part, { force: true });
          throw error;
        }
        const sizeBytes = (await stat(out)).size;
        output.result({ path: out, sizeBytes }, () => `${out}: ${bytes(sizeBytes)}`);
      }),
    );
}

async function addFile(session: Session, name: string, part: { readonly path: string; readonly lead: string }) {
  const { client, output } = session;
  const { path } = part;
  const file = basename(path);
  session.leaves(`${file} was not added; what was added before it stays`);
  // Opened first: a missing or unreadable file is this file's error, not the connection's.
  const handle = await open(path);
  const sizeBytes = (await handle.stat()).size;
  const body = counted(createReadStream('', { fd: handle }), (sent) =>
    output.progress(
      sent < sizeBytes
        ? `adding ${part.lead}${file}: ${bytes(sent)} of ${bytes(sizeBytes)}`
        : `adding ${part.lead}${file}: sent, the server reads it`,
    ),
  );
  const answer = await client.datasets.putFile({ params: { dataset: name, file }, body }, { timeoutMs: longTimeoutMs });
  const { version, stored, unchanged } = answer;
  const done = unchanged
    ? 'unchanged, nothing stored'
    : `version ${version.number}, ${count(version.rowCount, 'row')} in all`;
  if (!output.json) output.note(`${file}: ${done}`);
  return { file, version: version.number, digest: version.digest, rowCount: version.rowCount, stored, unchanged };
}

async function* counted(stream: AsyncIterable<Uint8Array>, tell: (sent: number) => void): AsyncGenerator<Uint8Array> {
  let sent = 0;
  for await (const chunk of stream) {
    yield chunk;
    sent += chunk.length;
    tell(sent);
  }
}

interface VersionFlags {
  readonly version: string;
}

function versions(data: Command): void {
  data
    .command('show')
    .description('One version: files, schema, digest')
    .argument('<dataset>', '', dataset)
    .option('--version <version>', 'number, digest or latest', 'latest')
    .addHelpText('after', '\nExamples:\n  slipway data show flights\n  slipway data show flights --version 3\n')
    .action(
      action(async ({ client, output }, name: string, { version }: VersionFlags) => {
        const found = await client.datasets.version({ params: { dataset: name, version: versionWord(version) } });
        output.result(found, () => {
          const head = `${paint('bold', `${found.dataset}@${found.number}`)}  ${count(found.rowCount, 'row')}, ${bytes(found.sizeBytes)}, ${found.digest}\nmade ${instant(found.createdAt)} by ${found.createdBy}`;
          const files = found.files.map((f) => [
            f.name,
            f.rowCount.toLocaleString('en-US'),
            bytes(f.sizeBytes),
            shortDigest(f.digest),
          ]);
          const schema = found.schema.map((c) => [c.name, c.type, c.nullable ? 'yes' : 'no']);
          return `${head}\n\n${table(['FILE', 'ROWS', 'SIZE', 'DIGEST'], files)}\n\n${table(['COLUMN', 'TYPE', 'NULLS'], schema)}`;
        });
      }),
    );
  data
    .command('profile')
    .description('Counts, range, mean and distinct values of every column')
    .argument('<dataset>', '', dataset)
    .option('--version <version>', 'number, digest or latest', 'latest')
    .option('--against <version>', 'count another version in the same bins, and say how far each column moved')
    .addHelpText('after', '\nExamples:\n  slipway data profile weather\n  slipway data profile flights --against 3\n')
    .action(
      action(async ({ client, output }, name: string, { version, against }: VersionFlags & { against?: string }) => {
        output.progress(`profiling ${name}`);
        const params = { dataset: name, version: versionWord(version) };
        const query = against === undefined ? {} : { against: versionWord(against) };
        const profile = await client.datasets.profile({ params, query }, { timeoutMs: longTimeoutMs });
        if (profile.against !== undefined) return output.result(profile, () => movedTable(profile));
        const rows = profile.columns.map((c) => [
          c.name,
          c.type,
          c.nullCount.toLocaleString('en-US'),
          c.distinctApprox.toLocaleString('en-US'),
          cell(c.min),
          c.mean === null ? '' : c.mean.toPrecision(6),
          cell(c.max),
        ]);
        output.result(profile, () => table(['COLUMN', 'TYPE', 'NULLS', 'DISTINCT', 'MIN', 'MEAN', 'MAX'], rows));
      }),
    );
  data
    .command('diff')
    .description('What differs between two versions')
    .argument('<dataset>', '', dataset)
    .requiredOption('--from <version>', 'the older version')
    .option('--to <version>', 'the newer version', 'latest')
    .addHelpText('after', '\nExample:\n  slipway data diff flights --from 1 --to 3\n')
    .action(
      action(async ({ client, output }, name: string, o: { from: string; to: string }) => {
        const query = { from: versionWord(o.from), to: versionWord(o.to) };
        const diff = await client.datasets.diff({ params: { dataset: name }, query });
        output.result(diff, () => {
          const n = (rows: number | null): string => (rows === null ? '-' : rows.toLocaleString('en-US'));
          const files = diff.files.map((f) => [f.change, `file ${f.name}`, n(f.rowCountFrom), n(f.rowCountTo)]);
          const columns = diff.columns.map((c) => [c.change, `column ${c.name}`, c.from ?? '-', c.to ?? '-']);
          const total = ['', 'rows', n(diff.rowCountFrom), n(diff.rowCountTo)];
          return table(['CHANGE', 'WHAT', `@${diff.from}`, `@${diff.to}`], [total, ...files, ...columns]);
        });
      }),
    );
}

function movedTable({ version, against }: DatasetProfile): string {
  const moved = (against?.columns ?? []).toSorted((a, b) => (b.psi ?? -1) - (a.psi ?? -1));
  const rows = moved.map((c) => [c.name, c.before.type, c.psi === null ? '-' : c.psi.toFixed(3)]);
  return table(['COLUMN', 'TYPE', `PSI, @${against?.version ?? ''} TO @${version}`], rows);
}

function reading(data: Command): void {
  paged(
    data
      .command('rows')
      .description('Rows of a version, in the order of its files')
      .argument('<dataset>', '', dataset)
      .option('--version <version>', 'number, digest or latest', 'latest')
      .option('--column <name...>', 'only these columns'),
    20,
  )
    .addHelpText('after', '\nExample:\n  slipway data rows flights --column carrier dest dep_delay --limit 5\n')
    .action(
      action(async (session, name: string, flags: PageFlags & VersionFlags & { column?: string[] }) => {
        const params = { dataset: name, version: versionWord(flags.version) };
        const query = { ...pageQuery(flags), ...columnsQuery(flags.column) };
        showRows(session, await session.client.datasets.rows({ params, query }, { timeoutMs: longTimeoutMs }));
      }),
    );
  paged(
    data
      .command('failing-rows')
      .description('The rows that failed an expectation, read again from the version that was checked')
      .argument('<validation>', '', idOf('validation'))
      .argument('<expectation>', 'its id, as `slipway data validation` names it')
      .option('--column <name...>', 'only these columns'),
    20,
  )
    .addHelpText('after', '\nExample:\n  slipway data failing-rows val_01m7z8… dep_delay_range --limit 5\n')
    .action(
      action(async (session, id: string, expectation: string, flags: PageFlags & { column?: string[] }) => {
        const query = { ...pageQuery(flags), ...columnsQuery(flags.column), expectation };
        const params = { validation: id };
        showRows(session, await session.client.validations.rows({ params, query }, { timeoutMs: longTimeoutMs }));
      }),
    );
  data
    .command('used-by')
    .description('Which pipeline runs, training runs, model versions and validations read a version')
    .argument('<dataset>', '', dataset)
    .option('--version <version>', 'number, digest or latest', 'latest')
    .addHelpText('after', '\nExample:\n  slipway data used-by flights --version 5\n')
    .action(
      action(async ({ client, output }, name: string, { version }: VersionFlags) => {
        const found = await client.datasets.usedBy({ params: { dataset: name, version: versionWord(version) } });
        const rows = [
          ...found.modelVersions.map((v) => [
            'model',
            `${v.model}@${v.number}`,
            instant(v.createdAt),
            v.aliases.join(' '),
          ]),
          ...found.pipelineRuns.map((r) => ['pipeline run', r.id, instant(r.startedAt), `${r.pipeline}, ${r.state}`]),
          ...found.trainingRuns.map((r) => ['run', r.id, '', `step ${r.step} of ${r.pipelineRun}`]),
          ...found.validations.map((v) => [
            'validation',
            v.id,
            instant(v.createdAt),
            `suite ${v.suite}, ${v.success ? 'passed' : `${v.failed} failed`}`,
          ]),
        ];
        output.result(found, () =>
          rows.length === 0
            ? `Nothing has read ${name}@${found.version} yet.`
            : table(['READER', 'NAME', 'AT', 'WHAT'], rows),
        );
      }),
    );
}

/** Names as the API takes them. */
const columnsQuery = (names: readonly string[] | undefined): { columns?: string } =>
  names === undefined ? {} : { columns: JSON.stringify(names) };

const cellShown = 40;

function showRows(session: Session, page: DataRows): void {
  showPage(session, page, {
    head: ['FILE', 'ROW', ...page.columns.map((c) => c.name)],
    empty: 'No rows.',
    row: (r) => [r.file, String(r.row), ...r.values.map((v) => cell(v).slice(0, cellShown))],
  });
}

function validation(data: Command): void {
  data
    .command('validate')
    .description(
      'Check dataset versions against an expectation suite; exits 6 when an expectation of severity error fails',
    )
    .argument('<suite>', '', nameOf('suite'))
    .argument('<tables...>', 'table=dataset[@version][/file], for example flights=flights@latest')
    .option('--file <pattern...>', 'only these files of every table')
    .addHelpText(
      'after',
      '\nExample:\n  slipway data validate flights flights=flights weather=weather --file 2013-01.parquet\n',
    )
    .action(
      action(async ({ client, output }, suite: string, pairs: string[], { file }: { file?: string[] }) => {
        const tables = textsOf('table', pairs);
        output.progress(`checking ${Object.values(tables).join(', ')} against ${suite}`);
        const body = { suite, tables, ...(file === undefined ? {} : { files: file }) };
        const found = await client.validations.create({ body }, { timeoutMs: longTimeoutMs });
        showValidation(output, found);
        if (!found.success) throw new CommandFailure('gate', `validation ${found.id} failed`);
      }),
    );
  paged(
    data.command('validations').description('Validations, newest first').option('--suite <suite>', 'only this suite'),
    30,
  )
    .addHelpText('after', '\nExample:\n  slipway data validations --suite flights\n')
    .action(
      action(async (session, flags: PageFlags & { suite?: string }) => {
        const query = { ...pageQuery(flags), ...(flags.suite === undefined ? {} : { suite: flags.suite }) };
        showPage(session, await session.client.validations.list({ query }), {
          head: ['VALIDATION', 'SUITE', 'RESULT', 'FAILED', 'ON', 'AT'],
          empty: 'No validations yet. `slipway data validate SUITE TABLE=DATASET` makes one.',
          row: (v) => [
            v.id,
            v.suite,
            verdict(v.success),
            `${v.failed} of ${v.evaluated}`,
            v.datasetVersions.map((d) => `${d.dataset}@${d.version}`).join(' '),
            instant(v.createdAt),
          ],
        });
      }),
    );
  data
    .command('validation')
    .description('One validation: what failed, where, with sample rows')
    .argument('<validation>', '', idOf('validation'))
    .addHelpText('after', '\nExample:\n  slipway data validation val_01m7z8…\n')
    .action(
      action(async ({ client, output }, id: string) => {
        showValidation(output, await client.validations.get({ params: { validation: id } }));
      }),
    );
}

const verdict = (success: boolean): string => (success ? paint('green', 'passed') : paint('red', 'failed'));
const samplesShown = 3;

function showValidation(output: Output, found: ValidationResult): void {
  output.result(found, () => {
    const on = found.datasetVersions.map((d) => `${d.dataset}@${d.version}`).join(', ');
    const failed = found.results
      .filter((r) => !r.success)
      .flatMap((r) => [
        `  ${paint(r.severity === 'error' ? 'red' : 'yellow', r.severity)} ${paint('bold', r.id)} ${r.sentence}`,
        ...(r.notes === undefined ? [] : [`    ${paint('dim', r.notes)}`]),
        ...r.samples.slice(0, samplesShown).map((row) => `    ${paint('dim', JSON.stringify(row))}`),
      ]);
    const head = `${verdict(found.success)} ${found.id} of suite ${found.suite} on ${on}: ${count(found.evaluated, 'expectation')}, ${found.failed} failed, ${count(found.warnings, 'warning')}`;
    return [head, ...failed].join('\n');
  });
}

const cell = (value: string | number | boolean | null): string => (value === null ? '' : String(value));

function versionWord(typed: string): string {
  if (/^(latest|[1-9][0-9]{0,8}|sha256:[0-9a-f]{64})$/.test(typed)) return typed;
  throw usage(`"${typed.slice(0, 80)}" is no version of a dataset: write its number, latest, or its whole digest`);
}

function fileName(path: string): string {
  const name = basename(path);
  if (FileName.safeParse(name).success) return name;
  throw usage(
    `"${path.slice(0, 200)}" cannot be a data file: its name needs letters, digits, dot, dash, underscore or =, and ends in .parquet, .csv, .ndjson or .jsonl`,
  );
}

/** Files as named, folders as the data files in them, in name order. Checked before the first one is sent. */
async function expand(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') throw new CommandFailure('notFound', `there is no file or folder ${path}`);
      throw error;
    });
    if (!info.isDirectory()) {
      fileName(path);
      found.push(path);
      continue;
    }
    const inside = (await readdir(path)).sort().filter((name) => /\.(?:parquet|csv|ndjson|jsonl)$/.test(name));
    if (inside.length === 0)
      throw new CommandFailure('notFound', `folder ${path} has no .parquet, .csv, .ndjson or .jsonl file`);
    found.push(...inside.map((name) => join(path, fileName(name))));
  }
  return found;
}
