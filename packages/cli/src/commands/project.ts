import { openAsBlob } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Project, ProjectPlan, SourceCommit } from '@slipway/contract';
import type { Command } from 'commander';
import { nameOf, usage, wholeNumber } from '../arguments.ts';
import type { Session } from '../command.ts';
import { action, CommandFailure } from '../command.ts';
import type { GitSource } from '../git-folder.ts';
import { gitSourceOf, withGitFolder } from '../git-folder.ts';
import { showPage } from '../listing.ts';
import { bytes, count, instant, paint, shortDigest, table } from '../output.ts';
import { drawPlan } from '../plan-drawing.ts';
import type { ProjectFolder } from '../project-folder.ts';
import { locateRefusal, readProjectFolder } from '../project-folder.ts';

const projectName = nameOf('project');

interface FolderOptions {
  readonly project: string;
  readonly fromGit?: GitSource;
}

const fromGit = [
  '--from-git <repository[#ref]>',
  'take the folder from a branch, tag or commit of a git repository; its pipeline files are run to read their graphs',
  gitSourceOf,
] as const;

export function register(program: Command): void {
  plan(program);
  apply(program);
  destroy(program);
  looks(program);
}

function plan(program: Command): void {
  program
    .command('plan')
    .description('What applying the project folder would change; changes nothing')
    .option('--project <folder>', 'the folder with slipway.yaml', '.')
    .option(...fromGit)
    .option('--check', 'exit 6 when there is anything to change')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway plan --project examples/flights\n  slipway plan --check      # in CI: is what runs what is committed?\n',
    )
    .action(
      action(async (session, options: FolderOptions & { check?: boolean }) => {
        const { client, output } = session;
        const { folder, found } = await inFolder(session, options, async (path) => {
          const folder = await readProjectFolder(path);
          const params = { project: folder.project };
          return {
            folder,
            found: await located(folder, () => client.projects.plan({ params, body: folder.manifest })),
          };
        });
        output.result(found, () => drawPlan(found, 'would'));
        if (folder.manifest.source?.dirty === true && !output.json)
          output.note(
            'The folder has changes that no commit has: what is applied from it cannot be found again in git.',
          );
        if (options.check === true && (found.diffs.some((d) => d.action !== 'none') || found.codeChanged))
          throw new CommandFailure('gate', `the server differs from ${options.project}`);
      }),
    );
}

function apply(program: Command): void {
  program
    .command('apply')
    .description('Make the server agree with the project folder, in one transaction')
    .option('--project <folder>', 'the folder with slipway.yaml', '.')
    .option(...fromGit)
    .option(
      '--expect <apply>',
      'only when the server still stands at this apply, as `slipway plan` printed it; 0: never applied',
      wholeNumber('--expect', { min: 0, max: Number.MAX_SAFE_INTEGER }),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  slipway apply\n  slipway apply --project examples/flights\n  slipway apply --expect 4        # refuses when somebody else applied since\n  slipway apply --from-git https://git.example/ml.git#v1.4 --project churn\nRollback: check the older commit out and apply it, or name it after --from-git.\n',
    )
    .action(
      action(async (session, options: FolderOptions & { expect?: number }) => {
        session.leaves('nothing was applied: an apply is one transaction, and it is not answered yet');
        const applied = await inFolder(session, options, async (path) =>
          applyFolder(session, await readProjectFolder(path), options.expect),
        );
        session.output.result(applied, () => drawPlan(applied, 'did'));
      }),
    );
}

/** The folder of the command line, or the one in the repository that it names. */
const inFolder = <T>(
  session: Session,
  { project, fromGit: source }: FolderOptions,
  use: (folder: string) => Promise<T>,
): Promise<T> => (source === undefined ? use(project) : withGitFolder(session, { ...source, folder: project }, use));

function destroy(program: Command): void {
  program
    .command('destroy')
    .description('Take everything that a project declares out of use; its history stays readable')
    .argument('<project>', 'name of the project', projectName)
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway export flights ./flights-export\n  slipway destroy flights\n  slipway destroy flights --yes\nPipelines, feature sets and suites are gone afterwards; endpoints, monitors and policies are retired; models lose their gate. Dataset versions, model versions with their aliases, runs, predictions and the ledger stay.\n',
    )
    .action(
      action(async ({ client, output }, project: string, options: { yes?: boolean }) => {
        const found = await client.projects.get({ params: { project } });
        if (options.yes !== true) await confirm(found);
        const done = await client.projects.destroy({ params: { project } });
        output.result(done, () => drawPlan(done, 'did'));
      }),
    );
}

/** Asks on a terminal; elsewhere nobody can answer. */
async function confirm(project: Project): Promise<void> {
  const what = `${count(project.resources.length, 'resource')} of project "${project.name}" (${listed(project)})`;
  if (process.stdin.isTTY !== true) throw usage(`this takes ${what} out of use; add --yes to do it`);
  const ask = createInterface({ input: process.stdin, output: process.stderr });
  // Ctrl-C and Ctrl-D close the question without an answer.
  const closed = new Promise<never>((_, reject) =>
    ask.once('close', () => reject(new CommandFailure('interrupted', 'interrupted: nothing was changed'))),
  );
  try {
    const question = `This takes ${what} out of use.\nType the name of the project to go on: `;
    const answer = await Promise.race([ask.question(question), closed]);
    if (answer.trim() !== project.name) throw new CommandFailure('failed', 'the name differs: nothing was changed');
  } finally {
    ask.close();
  }
}

function listed({ resources }: Project): string {
  const kinds = new Map<string, number>();
  for (const { kind } of resources) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  return [...kinds].map(([kind, n]) => count(n, kind).replace(/ys$/, 'ies')).join(', ');
}

function looks(program: Command): void {
  const project = program.command('project').description('Applied projects: what each owns, and from which commit');
  project
    .command('list')
    .description('The applied projects')
    .addHelpText('after', '\nExample:\n  slipway project list\n')
    .action(
      action(async (session) => {
        showPage(session, await session.client.projects.list(), {
          head: ['PROJECT', 'APPLY', 'RESOURCES', 'COMMIT', 'APPLIED', 'BY'],
          empty: 'No projects yet. `slipway apply` in a folder with slipway.yaml brings one here.',
          row: (p) => [
            p.name,
            String(p.applyNumber),
            String(p.resources.length),
            commitOf(p.source),
            instant(p.appliedAt),
            p.appliedBy,
          ],
        });
      }),
    );
  project
    .command('show')
    .description('One project: its resources and the commit they came from')
    .argument('<project>', '', projectName)
    .addHelpText('after', '\nExample:\n  slipway project show flights\n')
    .action(
      action(async ({ client, output }, name: string) => {
        const found = await client.projects.get({ params: { project: name } });
        output.result(found, () => {
          const head = `${paint('bold', found.name)} apply ${found.applyNumber}, ${instant(found.appliedAt)} by ${found.appliedBy}, commit ${commitOf(found.source)}, code ${shortDigest(found.bundleDigest)}`;
          return `${head}\n${table(
            ['KIND', 'NAME', 'DIGEST'],
            found.resources.map((r) => [r.kind, r.name, shortDigest(r.digest)]),
          )}`;
        });
      }),
    );
}

const commitOf = (source: SourceCommit | undefined): string =>
  source === undefined ? '-' : `${source.commit.slice(0, 12)}${source.dirty ? ' with changes' : ''}`;

/** A refusal of a declaration is told with its place in the files. */
async function located<T>(folder: ProjectFolder, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw locateRefusal(folder, error);
  }
}

/** Uploads what the server does not have yet, then applies. */
export async function applyFolder(
  session: Pick<Session, 'client' | 'output'>,
  folder: ProjectFolder,
  expect?: number,
): Promise<ProjectPlan & { applyNumber: number }> {
  const { client, output } = session;
  const params = { project: folder.project };
  const found = await located(folder, () => client.projects.plan({ params, body: folder.manifest }));
  const missing = new Set(found.missingObjects);
  const totalBytes = folder.bundle.filter((f) => missing.has(f.digest)).reduce((n, f) => n + f.sizeBytes, 0);
  let sentBytes = 0;
  for (const file of folder.bundle) {
    if (!missing.delete(file.digest)) continue;
    output.progress(`uploading ${file.path}: ${bytes(sentBytes)} of ${bytes(totalBytes)}`);
    const blob = await openAsBlob(join(folder.folder, file.path));
    await client.objects.put({ params: { digest: file.digest }, body: new Uint8Array(await blob.arrayBuffer()) });
    sentBytes += file.sizeBytes;
  }
  output.endProgress();
  // What was planned is what is applied: an apply by somebody else in between is refused.
  const body = { ...folder.manifest, expectedApply: expect ?? found.serverApply };
  return located(folder, () => client.projects.apply({ params, body }));
}
