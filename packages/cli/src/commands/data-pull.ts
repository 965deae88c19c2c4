/** `slipway data pull`: rows of a database, as they are now, as a file of a dataset. */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FileName } from '@slipway/contract';
import type { Command } from 'commander';
import { nameOf } from '../arguments.ts';
import { action, CommandFailure } from '../command.ts';
import { loadTable } from '../init/load-table.ts';
import { plainName } from '../init/names.ts';
import { openScratch } from '../init/scratch.ts';
import type { AddFile } from './data-mend.ts';

interface Flags {
  readonly from: string;
  readonly table?: string;
  readonly query?: string;
  readonly as?: string;
}

export function registerPull(data: Command, addFile: AddFile): void {
  data
    .command('pull')
    .description('Read rows from a database and add them to a dataset as a Parquet file')
    .argument('<dataset>', '', nameOf('dataset'))
    .requiredOption(
      '--from <path>',
      'a DuckDB or SQLite file, or a postgres:// URL; also any file that `slipway init` takes',
    )
    .option('--table <name>', 'the table of a database')
    .option('--query <select>', 'the rows of a database, as a SELECT')
    .option('--as <name>', 'name of the file in the dataset; a file of that name is replaced (that of the source)')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway data pull customers --from shop.db --table customers\n  slipway data pull orders --from "$WAREHOUSE_URL" --query "select * from orders where month = \'2026-02\'" --as 2026-02\n',
    )
    .action(
      action(async (session, dataset: string, flags: Flags) => {
        const { output } = session;
        if (flags.table !== undefined && flags.query !== undefined)
          throw new CommandFailure('usage', 'give --table or --query, not both');
        session.leaves('nothing was added');
        await using scratch = await openScratch(output);
        session.undo(() => scratch.stop());
        const table = await scratch.during('reading', () => loadTable(scratch, flags));
        const file = fileNameOf(flags.as ?? plainName(table.stem, 'rows'));
        const path = join(scratch.folder, file);
        await copyFile(table.parquet, path);
        if (!output.json) for (const note of table.mended) output.note(`  ${note}`);
        const added = await addFile(session, dataset, { path, lead: '' });
        output.result({ source: table.shown, mended: table.mended, ...added }, () => '');
      }),
    );
}

function fileNameOf(name: string): string {
  const file = name.endsWith('.parquet') ? name : `${name}.parquet`;
  const parsed = FileName.safeParse(file);
  if (parsed.success) return parsed.data;
  throw new CommandFailure('usage', `"${name}" of --as: ${parsed.error.issues[0]?.message ?? 'no name of a file'}`);
}
