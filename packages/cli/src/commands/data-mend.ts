/** `slipway data mend`: the next file of an awkward shape, by the recipe of the project. */
import { access, copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FileName } from '@slipway/contract';
import type { Command } from 'commander';
import type { Session } from '../command.ts';
import { action, CommandFailure } from '../command.ts';
import { readRecipe, recipeFile } from '../init/mend-recipe.ts';
import { mendTable } from '../init/mend-table.ts';
import { plainName } from '../init/names.ts';
import { openScratch, removeAtExit } from '../init/scratch.ts';
import { count } from '../output.ts';

interface Flags {
  readonly recipe: string;
  readonly out?: string;
  readonly add?: boolean;
  readonly force?: boolean;
}

interface MendedFile {
  readonly file: string;
  readonly path: string;
  readonly rowCount: number;
  /** What was changed or left out, one sentence each. */
  readonly notes: readonly string[];
}

export interface AddFile {
  (session: Session, dataset: string, part: { readonly path: string; readonly lead: string }): Promise<object>;
}

export function registerMend(data: Command, addFile: AddFile): void {
  data
    .command('mend')
    .description(`Make data of text tables of an awkward shape, by the ${recipeFile} that \`slipway init\` wrote`)
    .argument('<files...>', 'CSV of any sort, also .tsv, .txt and .gz: one table each')
    .option('--recipe <path>', 'how a file of this shape is read', recipeFile)
    .option('--out <folder>', 'where the Parquet files go (the folder data beside the recipe)')
    .option('--add', 'add them to the dataset of the recipe')
    .option('--force', 'overwrite Parquet files that are there')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway data mend kunden-februar.csv --add\n  slipway data mend exports/*.csv --out data\n\nExits 1 when a file has another shape than the recipe says; then nothing of it is written.\n',
    )
    .action(
      action(async (session, paths: string[], flags: Flags) => {
        const { output } = session;
        session.leaves('the file was not written; what was mended before it stays');
        const recipe = await readRecipe(dirname(flags.recipe), basename(flags.recipe));
        const folder = flags.out ?? join(dirname(flags.recipe), 'data');
        const items: MendedFile[] = [];
        for (const path of paths) {
          const to = join(folder, `${stemOf(path)}.parquet`);
          await mustExist(path);
          if (flags.force !== true) await mustBeFree(to);
          await using scratch = await openScratch(output);
          session.undo(() => scratch.stop());
          const made = join(scratch.folder, 'table.parquet');
          const { rowCount, notes } = await scratch.during(`mending ${basename(path)}`, () =>
            mendTable(scratch, recipe, path, made),
          );
          await moveTo(made, to);
          if (!output.json)
            output.note(
              [`${basename(path)}: ${count(rowCount, 'row')} in ${to}`, ...notes.map((note) => `  ${note}`)].join('\n'),
            );
          if (flags.add === true) await addFile(session, recipe.dataset, { path: to, lead: '' });
          items.push({ file: path, path: to, rowCount, notes });
        }
        output.result({ dataset: recipe.dataset, items }, () =>
          flags.add === true
            ? ''
            : `Next:\n${items.map((item) => `  slipway data add ${recipe.dataset} ${item.path}`).join('\n')}`,
        );
      }),
    );
}

/** A file's own name where datasets take it. */
function stemOf(path: string): string {
  const stem = basename(path)
    .replace(/\.gz$/i, '')
    .replace(/\.(csv|tsv|txt)$/i, '');
  return FileName.safeParse(`${stem}.parquet`).success ? stem : plainName(stem, 'rows');
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function mustExist(path: string): Promise<void> {
  if (!(await exists(path))) throw new CommandFailure('notFound', `there is no file ${path}`);
}

async function mustBeFree(path: string): Promise<void> {
  if (await exists(path))
    throw new CommandFailure(
      'failed',
      `${path} is there already: overwrite it with --force, or choose another folder with --out`,
    );
}

/** Under its name stands a whole file, or nothing. */
async function moveTo(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const part = `${to}.part`;
  const removing = removeAtExit(part);
  try {
    await copyFile(from, part);
    await rename(part, to);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  } finally {
    removing.off();
  }
}
