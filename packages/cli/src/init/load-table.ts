/**
 * Any table that `slipway init --from` takes, as one Parquet file to ask questions of. Where the server reads the files as
 * they are, they are what goes to it; else it gets the Parquet file, and what was changed is told.
 */
import { open, readdir, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { sqlName, sqlText } from '@slipway/server/analytics';
import { isReservedColumn } from '@slipway/server/tables';
import { CommandFailure } from '../failure.ts';
import { knownKinds, usableNames } from './csv-text.ts';
import type { TableRequest } from './database-rows.ts';
import { selectOf, withoutPassword, writePostgresRows, writeSqliteRows } from './database-rows.ts';
import { isGzip, mustBeText } from './first-lines.ts';
import type { MendRecipe } from './mend-recipe.ts';
import { readTextTable } from './read-text-table.ts';
import type { Scratch } from './scratch.ts';
import { parquetOptions } from './scratch.ts';
import { findTextDates } from './text-dates.ts';

export interface LoadRequest extends TableRequest {
  readonly from: string;
}

export interface LoadedTable {
  /** As people would name it: `customers.csv`, `table users of shop.db`. */
  readonly shown: string;
  /** Where a dataset's name may be taken from. */
  readonly stem: string;
  readonly parquet: string;
  /** What differs from the source, one sentence each. */
  readonly mended: readonly string[];
  /** How the next file of this text table is mended. */
  readonly recipe?: Omit<MendRecipe, 'dataset'>;
  /** What the server reads as it is; the Parquet file goes there where this is undefined. */
  readonly asIs: string | undefined;
}

type Kind = 'csv' | 'parquet' | 'ndjson' | 'json' | 'sqlite' | 'duckdb';

const refused = (message: string): CommandFailure => new CommandFailure('failed', message);

export async function loadTable(scratch: Scratch, request: LoadRequest): Promise<LoadedTable> {
  const parquet = join(scratch.folder, 'table.parquet');
  const { from } = request;
  if (/^postgres(ql)?:\/\//.test(from)) return loadPostgres(scratch, request, parquet);
  const source = await filesOf(from);
  const { kind, paths } = source;
  const isDatabase = kind === 'sqlite' || kind === 'duckdb';
  if (!isDatabase && (request.table !== undefined || request.query !== undefined))
    throw new CommandFailure(
      'usage',
      `--table and --query are for databases, and ${from} is ${kind === 'csv' ? 'a text table' : `a ${kind} file`}`,
    );
  const shown = basename(from);
  const stem = basename(from, extname(from)).replace(/\.(csv|tsv|txt)$/i, '');
  switch (kind) {
    case 'csv': {
      const { mended, delimiter, columns } = await readTextTable(scratch, { paths, to: parquet });
      if (mended.length === 0 && paths.every((path) => path.endsWith('.csv')))
        return { shown, stem, parquet, mended, asIs: from };
      return { shown, stem, parquet, mended, asIs: undefined, recipe: { delimiter, columns } };
    }
    case 'sqlite': {
      const rows = join(scratch.folder, 'rows.csv');
      const what = await writeSqliteRows(from, request, rows);
      const { mended } = await readTextTable(scratch, { paths: [rows], to: parquet });
      return { shown: what, stem: request.table ?? stem, parquet, mended, asIs: undefined };
    }
    case 'duckdb':
      return loadDuckDb(scratch, request, parquet);
    case 'parquet':
    case 'ndjson':
    case 'json': {
      const mended = await loadTyped(scratch, { kind, paths, parquet, shown });
      const isPlain = mended.length === 0 && kind !== 'json' && paths.every(isServed);
      return { shown, stem, parquet, mended, asIs: isPlain ? from : undefined };
    }
  }
}

/** Extensions that datasets take. */
const isServed = (path: string): boolean => /\.(parquet|ndjson|jsonl)$/.test(path);

async function loadPostgres(scratch: Scratch, request: LoadRequest, parquet: string): Promise<LoadedTable> {
  const rows = join(scratch.folder, 'rows.csv');
  const shown = await writePostgresRows(request.from, request, rows);
  const { mended } = await readTextTable(scratch, { paths: [rows], to: parquet });
  const stem = request.table?.split('.').at(-1) ?? (withoutPassword(request.from).split('/').at(-1) || 'rows');
  return { shown, stem, parquet, mended, asIs: undefined };
}

async function loadDuckDb(scratch: Scratch, request: LoadRequest, parquet: string): Promise<LoadedTable> {
  const { from } = request;
  const shownFile = basename(from);
  try {
    await scratch.run(`attach ${sqlText(from)} AS source (read_only); use source`);
    const tables = await scratch.rows(
      "select table_name AS name from information_schema.tables where table_catalog = 'source' order by 1",
    );
    const { sql, shown } = selectOf(
      shownFile,
      request,
      tables.map((row) => String(row['name'])),
    );
    const mended = await copyTyped(scratch, `(${sql})`, { parquet, shown });
    return { shown, stem: request.table ?? basename(from, extname(from)), parquet, mended, asIs: undefined };
  } catch (error) {
    throw error instanceof CommandFailure ? error : refused(`${shownFile} cannot be read: ${firstLine(error)}`);
  } finally {
    await scratch.run('use memory').catch(() => undefined);
  }
}

interface TypedFiles {
  readonly kind: 'parquet' | 'ndjson' | 'json';
  readonly paths: readonly string[];
  readonly parquet: string;
  readonly shown: string;
}

async function loadTyped(scratch: Scratch, { kind, paths, parquet, shown }: TypedFiles): Promise<readonly string[]> {
  const list = `[${paths.map(sqlText).join(', ')}]`;
  const format = kind === 'json' ? 'array' : 'newline_delimited';
  const relation =
    kind === 'parquet'
      ? `read_parquet(${list})`
      : `read_json(${list}, format = '${format}', sample_size = -1, maximum_object_size = 16777216)`;
  return copyTyped(scratch, relation, { parquet, shown });
}

async function copyTyped(
  scratch: Scratch,
  relation: string,
  { parquet, shown }: { readonly parquet: string; readonly shown: string },
): Promise<readonly string[]> {
  try {
    const described = await scratch.rows(
      `select column_name AS name, column_type AS type from (describe select * from ${relation})`,
    );
    const written = described.map((row) => String(row['name']));
    await scratch.makeRoom(written.length);
    const texts = described.flatMap((row) => (row['type'] === 'VARCHAR' ? [String(row['name'])] : []));
    const dates = await findTextDates(scratch, relation, { columns: texts, missing: [] });
    const { names, changed } = usableNames(written, isReservedColumn);
    const picked = written.map((name, i) => `${dates.get(name)?.sql ?? sqlName(name)} as ${sqlName(names[i] ?? name)}`);
    await scratch.run(
      `copy (select ${picked.join(', ')} from ${relation}) to ${sqlText(parquet)} (${parquetOptions(names.length)})`,
    );
    return [...changed, ...[...dates.values()].map(({ note }) => note)];
  } catch (error) {
    throw refused(`${shown} cannot be read: ${firstLine(error)}`);
  }
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]?.slice(0, 300) ?? '';

interface Files {
  readonly kind: Kind;
  readonly paths: readonly string[];
}

async function filesOf(from: string): Promise<Files> {
  const found = await stat(from).catch(() => undefined);
  if (found === undefined) throw new CommandFailure('notFound', `there is no file or folder ${from}`);
  if (!found.isDirectory()) {
    if (found.size === 0)
      throw refused(`${from} is empty (0 bytes): a table has a line with the names of its columns, and rows below it.`);
    return { kind: await kindOfFile(from), paths: [from] };
  }
  const names = (await readdir(from)).filter((name) => !name.startsWith('.') && byExtension(name) !== undefined).sort();
  if (names.length === 0) throw refused(`folder ${from} has no table. ${knownKinds}`);
  const kinds = [...new Set(names.map(byExtension))];
  const [kind, other] = kinds;
  if (kind === undefined || other !== undefined)
    throw refused(
      `folder ${from} has files of several kinds (${names.slice(0, 5).join(', ')}): put the files of one table into a folder of their own.`,
    );
  const paths = names.map((name) => join(from, name));
  for (const path of paths) if ((await stat(path)).size === 0) throw refused(`${path} is empty (0 bytes): remove it.`);
  return { kind, paths };
}

const extensions: Readonly<Record<string, Kind>> = {
  '.csv': 'csv',
  '.tsv': 'csv',
  '.txt': 'csv',
  '.parquet': 'parquet',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
  '.json': 'json',
};

const byExtension = (name: string): Kind | undefined => extensions[extname(name.toLowerCase().replace(/\.gz$/, ''))];

/** By what the file begins with where it says what it is, else by its extension. */
async function kindOfFile(path: string): Promise<Kind> {
  const file = await open(path, 'r');
  const head = Buffer.alloc(64);
  let bytesRead = 0;
  try {
    ({ bytesRead } = await file.read(head, 0, head.length, 0));
  } finally {
    await file.close();
  }
  const text = head.toString('latin1');
  if (text.startsWith('SQLite format 3\0')) return 'sqlite';
  if (text.slice(8, 12) === 'DUCK') return 'duckdb';
  if (text.startsWith('PAR1')) return 'parquet';
  const kind = byExtension(path);
  if (kind === 'parquet') throw refused(`${path} is no Parquet file: it does not begin with PAR1.`);
  if (kind === 'json') return /^(?:\xef\xbb\xbf)?\s*\[/.test(text) ? 'json' : 'ndjson';
  if (kind !== undefined) return kind;
  if (isGzip(head)) return 'csv';
  mustBeText(head, path);
  if (head.subarray(0, bytesRead).some((byte) => byte < 9))
    throw refused(`${path} is no table that can be read: it begins with bytes that are no text. ${knownKinds}`);
  return 'csv';
}
