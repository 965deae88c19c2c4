/** CSV files as one Parquet file with the types that their values have; what had to be mended on the way is told. */
import { open, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { sqlName, sqlText } from '@slipway/server/analytics';
import { isReservedColumn } from '@slipway/server/tables';
import { CommandFailure } from '../failure.ts';
import { count } from '../output.ts';
import type { Delimiter, Encoding, TextShape } from './csv-text.ts';
import { tellEncoding, tellShape, toUtf8, unzip, usableNames } from './csv-text.ts';
import { isGzip } from './first-lines.ts';
import type { ColumnRecipe } from './mend-recipe.ts';
import { valueSql } from './mend-recipe.ts';
import { readAtOnce } from './read-at-once.ts';
import type { Scratch } from './scratch.ts';
import { isWide, parquetOptions } from './scratch.ts';
import type { TextColumn } from './text-columns.ts';
import { columnsOf } from './text-columns.ts';

export interface MendedTable {
  /** What differs from the files, one sentence each; none where the server reads them as they are. */
  readonly mended: readonly string[];
  readonly delimiter: Delimiter;
  /** How its columns were read, so that the next file can be read so too. */
  readonly columns: readonly ColumnRecipe[];
}

export interface TextFile {
  readonly path: string;
  readonly shown: string;
  readonly shape: TextShape;
  readonly notes: readonly string[];
}

/** From this size on a second pass is spared where the first rows tell how the others are read. */
const largeFromBytes = 16 * 1024 * 1024;
/** Rows that tell it, and values, where a table is wide. Ways to write dates are told from the first two thousand. */
const headRowsMax = 20_000;
const headRowsMin = 2000;
const headValuesMax = 2_000_000;

export interface TextTable {
  readonly paths: readonly string[];
  /** The Parquet file that is written. */
  readonly to: string;
  readonly largeFromBytes?: number;
  readonly headRows?: number;
}

export async function readTextTable(scratch: Scratch, table: TextTable): Promise<MendedTable> {
  const { paths, to } = table;
  const files: TextFile[] = [];
  for (const [i, path] of paths.entries()) files.push(await readable(scratch, path, i));
  const [first] = files;
  if (first === undefined) throw new CommandFailure('failed', 'there is no file to read');
  for (const file of files) mustAgree(first, file);
  const { names, changed } = usableNames(first.shape.header, isReservedColumn);
  await scratch.makeRoom(names.length);
  const columns =
    (await inOnePass(scratch, { files, names, table })) ?? (await inTwoPasses(scratch, { files, names, to }));
  const delimiter =
    first.shape.delimiter === ',' ? [] : [`values are separated by ${nameOfDelimiter(first.shape.delimiter)}`];
  return {
    mended: [
      ...new Set(files.flatMap(({ notes }) => notes)),
      ...delimiter,
      ...changed,
      ...columns.flatMap(({ note }) => note),
    ],
    delimiter: first.shape.delimiter,
    columns: columns.map(({ recipe }) => recipe),
  };
}

interface OnePass {
  readonly files: readonly TextFile[];
  readonly names: readonly string[];
  readonly table: TextTable;
}

async function inOnePass(
  scratch: Scratch,
  { files, names, table }: OnePass,
): Promise<readonly TextColumn[] | undefined> {
  const sizes = await Promise.all(files.map(async ({ path }) => (await stat(path)).size));
  const sizeBytes = sizes.reduce((sum, size) => sum + size, 0);
  if (sizeBytes < (table.largeFromBytes ?? largeFromBytes)) return undefined;
  const rows = Math.floor(headValuesMax / names.length);
  const headRows = table.headRows ?? Math.max(headRowsMin, Math.min(headRowsMax, rows));
  const copy = async (select: string): Promise<void> => {
    // What the first rows were asked for counts its odd lines too.
    await forgetOddLines(scratch);
    await copyRegular(scratch, { files, names, to: table.to, select });
  };
  try {
    return await readAtOnce(scratch, { relation: relationOf(files, names), names, headRows, copy, parquet: table.to });
  } finally {
    await forgetOddLines(scratch);
  }
}

async function inTwoPasses(scratch: Scratch, { files, names, to }: RegularCopy): Promise<readonly TextColumn[]> {
  // Whatever is asked is asked of columns, not of lines.
  const texts = join(scratch.folder, 'texts.parquet');
  await copyRegular(scratch, { files, names, to: texts });
  const read = `read_parquet(${sqlText(texts)})`;
  const columns = await columnsOf(scratch, read, names);
  const picked = columns.map(({ recipe }) => `${valueSql(recipe)} AS ${sqlName(recipe.name)}`);
  await scratch.run(
    `copy (select ${picked.join(', ')} from ${read}) to ${sqlText(to)} (${parquetOptions(names.length)})`,
  );
  return columns;
}

export const nameOfDelimiter = (delimiter: string): string =>
  ({ ',': 'commas', ';': 'semicolons', '\t': 'tabs', '|': 'bars' })[delimiter] ?? delimiter;

const encodingNames: Readonly<Record<Encoding, string>> = {
  'utf-8': 'UTF-8',
  'windows-1252': 'Latin-1 (Windows-1252)',
  'utf-16le': 'UTF-16',
  'utf-16be': 'UTF-16',
};

/** As UTF-8 text, copied where it is something else. */
export async function readable(scratch: Scratch, path: string, index: number): Promise<TextFile> {
  const shown = basename(path);
  const notes: string[] = [];
  let at = path;
  if (await beginsAsGzip(path)) {
    at = join(scratch.folder, `unpacked-${index}.csv`);
    await unzip(path, at, shown);
    notes.push(`${shown} is packed with gzip`);
  }
  const encoding = await tellEncoding(at, shown);
  if (encoding !== 'utf-8') {
    const text = join(scratch.folder, `text-${index}.csv`);
    await toUtf8(at, text, encoding);
    at = text;
    notes.push(`${shown} is ${encodingNames[encoding]}`);
  }
  return { path: at, shown, shape: await tellShape(at, shown), notes };
}

async function beginsAsGzip(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(2);
    await file.read(head, 0, head.length, 0);
    return isGzip(head);
  } finally {
    await file.close();
  }
}

function mustAgree(first: TextFile, file: TextFile): void {
  const [a, b] = [first.shape.header, file.shape.header];
  if (first.shape.delimiter === file.shape.delimiter && a.length === b.length && a.every((name, i) => name === b[i]))
    return;
  const missing = a.filter((name) => !b.includes(name));
  const more = b.filter((name) => !a.includes(name));
  const what = [
    missing.length > 0 ? `it lacks ${missing.slice(0, 5).join(', ')}` : '',
    more.length > 0 ? `it has ${more.slice(0, 5).join(', ')}, which ${first.shown} has not` : '',
  ].filter((part) => part !== '');
  const difference = what.length === 0 ? 'they come in another order, or with another delimiter' : what.join('; ');
  throw new CommandFailure(
    'failed',
    `${file.shown} has other columns than ${first.shown}: ${difference}. Files of one table have one header.`,
  );
}

function relationOf(files: readonly TextFile[], names: readonly string[]): string {
  const list = files.map(({ path }) => sqlText(path)).join(', ');
  const columns = names.map((name) => `${sqlText(name)}: 'VARCHAR'`).join(', ');
  const delimiter = files[0]?.shape.delimiter ?? ',';
  return `read_csv([${list}], auto_detect = false, header = true, delim = ${sqlText(delimiter)}, quote = '"', escape = '"', nullstr = '', columns = {${columns}}, parallel = ${!isWide(names.length)}, store_rejects = true, rejects_table = 'odd_lines', rejects_scan = 'odd_scans', rejects_limit = 1000)`;
}

interface RegularCopy {
  readonly files: readonly TextFile[];
  readonly names: readonly string[];
  readonly to: string;
  /** What is made of the columns, which are texts. */
  readonly select?: string;
}

/** Every line must have as many values as the header has names. */
export async function copyRegular(scratch: Scratch, { files, names, to, select = '*' }: RegularCopy): Promise<void> {
  const relation = relationOf(files, names);
  try {
    await scratch.run(`copy (select ${select} from ${relation}) to ${sqlText(to)} (${parquetOptions(names.length)})`);
    await mustBeRegular(scratch, files);
  } finally {
    await forgetOddLines(scratch);
  }
}

const forgetOddLines = (scratch: Scratch): Promise<void> =>
  scratch.run('drop table if exists odd_lines; drop table if exists odd_scans');

async function mustBeRegular(scratch: Scratch, files: readonly TextFile[]): Promise<void> {
  const odd = await scratch.rows(
    'select line, error_type, error_message, left(csv_line, 120) AS "text", file_path AS "file" from odd_lines o join odd_scans s using (scan_id, file_id) order by line limit 1',
  );
  const total = Number((await scratch.one('select count(*) AS n from odd_lines'))['n']);
  const [first] = odd;
  if (first === undefined) return;
  const shown = files.find(({ path }) => path === first['file'])?.shown ?? files[0]?.shown ?? '';
  const [, wanted, found] = /Expected Number of Columns: (\d+) Found: (\d+)/.exec(String(first['error_message'])) ?? [];
  const what =
    wanted === undefined
      ? String(first['error_message']).replace(/\.$/, '')
      : `${count(Number(found), 'value')} where the header has ${count(Number(wanted), 'name')}`;
  const more = total > 1 ? ` (and ${total >= 1000 ? 'at least ' : ''}${count(total - 1, 'more line')})` : '';
  throw new CommandFailure(
    'failed',
    `${shown}, line ${Number(first['line'])}: ${what}: ${JSON.stringify(String(first['text']).trimEnd())}${more}. Quote values that hold a delimiter or a quote, or remove the line.`,
  );
}
