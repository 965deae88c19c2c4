import { join } from 'node:path';
import { openAsBlob } from 'node:fs';
import type { ProjectPlan } from '@slipway/contract';
import type { Command } from 'commander';
import type { Session } from '../command.ts';
import { action, CommandFailure } from '../command.ts';
import { count, paint, shortDigest } from '../output.ts';
import type { ProjectFolder } from '../project-folder.ts';
import { readProjectFolder } from '../project-folder.ts';

interface FolderOptions {
  readonly project: string;
}

export function register(program: Command): void {
  program
    .command('plan')
    .description('What applying the project folder would change')
    .option('--project <folder>', 'the folder with slipway.yaml', '.')
    .addHelpText('after', '\nExample:\n  slipway plan --project examples/flights\n')
    .action(
      action(async ({ client, output }, options: FolderOptions) => {
        const folder = await readProjectFolder(options.project);
        const plan = await client.projects.plan({ params: { project: folder.project }, body: folder.manifest });
        output.result(plan, () => drawPlan(plan, 'would'));
      }),
    );
  program
    .command('apply')
    .description('Make the server agree with the project folder, in one transaction')
    .option('--project <folder>', 'the folder with slipway.yaml', '.')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway apply\n  slipway apply --project examples/flights\nRollback: check the older commit out and apply it.\n',
    )
    .action(
      action(async (session, options: FolderOptions) => {
        const applied = await applyFolder(session, await readProjectFolder(options.project));
        session.output.result(applied, () => drawPlan(applied, 'did'));
      }),
    );
  program
    .command('destroy')
    .description('Take everything that a project declares out of use; its history stays readable')
    .argument('<project>', 'name of the project')
    .option('--yes', 'do not ask')
    .action(
      action(async ({ client, output }, project: string, options: { yes?: boolean }) => {
        if (options.yes !== true)
          throw new CommandFailure(
            'usage',
            `this takes every resource of project "${project}" out of use; add --yes to do it`,
          );
        const done = await client.projects.destroy({ params: { project } });
        output.result(done, () => drawPlan({ ...done, missingObjects: [] }, 'did'));
      }),
    );
}

/** Uploads what the server does not have yet, then applies. */
export async function applyFolder(
  session: Pick<Session, 'client' | 'output'>,
  folder: ProjectFolder,
): Promise<ProjectPlan & { applyNumber: number }> {
  const { client, output } = session;
  const params = { project: folder.project };
  const plan = await client.projects.plan({ params, body: folder.manifest });
  const missing = new Set(plan.missingObjects);
  let sent = 0;
  for (const file of folder.bundle) {
    if (!missing.delete(file.digest)) continue;
    output.progress(`uploading ${file.path} (${++sent})`);
    const blob = await openAsBlob(join(folder.folder, file.path));
    await client.objects.put({ params: { digest: file.digest }, body: new Uint8Array(await blob.arrayBuffer()) });
  }
  output.endProgress();
  return client.projects.apply({ params, body: folder.manifest });
}

const marks = { create: ['green', '+'], update: ['yellow', '~'], delete: ['red', '-'], none: ['dim', ' '] } as const;

function drawPlan(plan: Pick<ProjectPlan, 'project' | 'diffs'> & Partial<ProjectPlan>, tense: 'would' | 'did'): string {
  const changed = plan.diffs.filter((d) => d.action !== 'none');
  if (changed.length === 0) return `Project ${plan.project}: nothing to do, the server agrees with the folder.`;
  const lines = changed.flatMap((diff) => {
    const [colour, mark] = marks[diff.action];
    const head = `${paint(colour, mark)} ${diff.kind} ${paint('bold', diff.name)}`;
    return [head, ...diff.changes.map((c) => `    ${c.path}: ${show(c.before)} -> ${show(c.after)}`)];
  });
  const verb = tense === 'would' ? 'to change' : 'changed';
  const code = plan.bundleDigest === undefined ? '' : `, code ${shortDigest(plan.bundleDigest)}`;
  return `Project ${plan.project}: ${count(changed.length, 'resource')} ${verb}${code}\n${lines.join('\n')}`;
}

const show = (value: unknown): string => {
  const text = value === undefined ? '(nothing)' : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
};
