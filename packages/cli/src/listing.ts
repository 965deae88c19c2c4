/** Lists: the flags of a page, the table, the word about the next page, and what to do when there is nothing. */
import type { Command } from 'commander';
import { wholeNumber } from './arguments.ts';
import type { Session } from './command.ts';
import { table } from './output.ts';

export interface PageFlags {
  readonly limit: number;
  readonly pageToken?: string;
}

const limitMax = 1000;

/** Adds `--limit` and `--page-token`. */
export function paged(command: Command, limit = 100): Command {
  return command
    .option('--limit <n>', 'at most this many', wholeNumber('--limit', { min: 1, max: limitMax }), limit)
    .option('--page-token <token>', 'go on where the last page ended');
}

export function pageQuery(flags: PageFlags): { limit: number; pageToken?: string } {
  return { limit: flags.limit, ...(flags.pageToken === undefined ? {} : { pageToken: flags.pageToken }) };
}

interface Listing<T> {
  readonly head: readonly string[];
  readonly row: (item: T) => readonly string[];
  /** What to do when there is nothing yet. */
  readonly empty: string;
}

/** The page as it came for `--json`; a table for people, with a note when there is more. */
export function showPage<T>(
  session: Pick<Session, 'output'>,
  page: { readonly items: readonly T[]; readonly nextPageToken?: string | undefined },
  listing: Listing<T>,
): void {
  const { output } = session;
  if (output.json) return output.result(page, () => '');
  if (page.items.length === 0) return output.note(listing.empty);
  output.result(page, () => table(listing.head, page.items.map(listing.row)));
  if (page.nextPageToken !== undefined) output.note(`There is more: --page-token ${page.nextPageToken}`);
}
