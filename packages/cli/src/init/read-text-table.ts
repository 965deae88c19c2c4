/** CSV files as one Parquet file with the types that their values have; what had to be mended on the way is told. */
import { basename, join } from 'node:path';
import { sqlName, sqlText } from '@slipway/server/analytics';
import { inferColumnTypes, isReservedColumn } from '@slipway/server/tables';
import { CommandFailure } from '../failure.ts';
import { count } from '../output.ts';
import type { Delimiter, Encoding, TextShape } from './csv-text.ts';
import { tellEncoding, tellShape, toUtf8, unzip, usableNames } from './csv-text.ts';
import type { ColumnRecipe } from './mend-recipe.ts';
import { isNumberSql, valueSql } from './mend-recipe.ts';
import type { Scratch } from './scratch.ts';
import type { TextDate } from './text-dates.ts';
import { findTextDates } from './text-dates.ts';

/** What people write where nothing is known. */
const missingMarkers = ['NA', 'N/A', 'n/a', 'NULL', 'null', 'None', 'NaN', 'nan', '?', '-', '.'] as const;
/** A column is numeric where at least this share of its values are; the others are then missing. */
export const numericShareMin = 0.95;

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

/** `columns` whose type is known to be text are not guessed. */
export async function readTextTable(scratch: Scratch, paths: readonly string[], to: string): Promise<MendedTable> {
  const files: TextFile[] = [];
  for (const [i, path] of paths.entries()) files.push(await readable(scratch, path, i));
  const [first] = files;
  if (first === undefined) throw new CommandFailure('failed', 'there is no file to read');
  for (const file of files) mustAgree(first, file);
  const { names, changed } = usableNames(first.shape.header, isReservedColumn);
  // Read once: whatever is asked next is asked of columns, not of lines.
  const texts = join(scratch.folder, 'texts.parquet');
  await copyRegular(scratch, { files, names, to: texts });
  const read = `read_parquet(${sqlText(texts)})`;
  const columns = await columnsOf(scratch, read, names);
  const picked = columns.map(({ recipe }) => `${valueSql(recipe)} AS ${sqlName(recipe.name)}`);
  await scratch.run(
    `copy (select ${picked.join(', ')} from ${read}) to ${sqlText(to)} (format parquet, compression zstd)`,
  );
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
  if (path.toLowerCase().endsWith('.gz')) {
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
  return `read_csv([${list}], auto_detect = false, header = true, delim = ${sqlText(delimiter)}, quote = '"', escape = '"', nullstr = '', columns = {${columns}}, store_rejects = true, rejects_table = 'odd_lines', rejects_scan = 'odd_scans', rejects_limit = 1000)`;
}

interface RegularCopy {
  readonly files: readonly TextFile[];
  readonly names: readonly string[];
  readonly to: string;
}

/** Every line must have as many values as the header has names. */
export async function copyRegular(scratch: Scratch, { files, names, to }: RegularCopy): Promise<void> {
  const relation = relationOf(files, names);
  await scratch.run(`copy (select * from ${relation}) to ${sqlText(to)} (format parquet)`);
  const odd = await scratch.rows(
    'select line, error_type, error_message, left(csv_line, 120) AS "text", file_path AS "file" from odd_lines o join odd_scans s using (scan_id, file_id) order by line limit 1',
  );
  const [first] = odd;
  const total = Number((await scratch.one('select count(*) AS n from odd_lines'))['n']);
  await scratch.run('drop table if exists odd_lines; drop table if exists odd_scans');
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

interface TextColumn {
  readonly recipe: ColumnRecipe;
  readonly note: readonly string[];
}

async function columnsOf(scratch: Scratch, relation: string, names: readonly string[]): Promise<TextColumn[]> {
  const inferred = await inferColumnTypes(scratch.connection, relation, names);
  const texts = inferred.filter(({ type }) => type === 'VARCHAR').map(({ name }) => name);
  const facts = await numberFacts(scratch, relation, texts);
  // A marker that stands among numbers means "missing" in the whole table.
  const markers = new Set([...facts.values()].flatMap((fact) => (isNumeric(fact) ? fact.markers : [])));
  const words = texts.filter((name) => {
    const fact = facts.get(name);
    return fact === undefined || !isNumeric(fact);
  });
  const dates = await findTextDates(scratch, relation, { columns: words, missing: missingMarkers });
  return inferred.map(({ name, type }) => {
    const fact = facts.get(name);
    const date = dates.get(name);
    if (date !== undefined) return dateColumn(date, fact?.markers ?? []);
    if (fact === undefined) return { recipe: { name, type }, note: [] };
    if (isNumeric(fact)) return numericColumn(name, fact);
    const own = [...markers].filter((marker) => fact.markers.includes(marker));
    if (own.length === 0) return { recipe: { name, type }, note: [] };
    return {
      recipe: { name, type, missing: own },
      note: [`"${name}": ${own.join(', ')} means missing, which is what it means among numbers`],
    };
  });
}

interface NumberFact {
  /** Values that are neither empty nor a marker. */
  readonly values: number;
  readonly markers: readonly string[];
  readonly plain: number;
  readonly comma: number;
  /** Of those with a comma: ones that cannot be thousands. */
  readonly fraction: number;
  readonly odd: string | undefined;
  readonly leadingZero: number;
}

const isNumeric = ({ values, plain, comma, fraction, leadingZero }: NumberFact): boolean =>
  values > 0 && leadingZero === 0 && (fraction > 0 ? comma : plain) >= values * numericShareMin;

async function numberFacts(
  scratch: Scratch,
  relation: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, NumberFact>> {
  if (names.length === 0) return new Map();
  const list = missingMarkers.map(sqlText).join(', ');
  const parts = names.flatMap((name, i) => {
    const v = sqlName(name);
    const known = `trim(${v}) not in (${list})`;
    const isPlain = isNumberSql(`trim(${v})`, 'point');
    const isComma = isNumberSql(`trim(${v})`, 'comma');
    return [
      `count(${v}) filter (where ${known}) AS n${i}`,
      `count(*) filter (where ${isPlain}) AS p${i}`,
      `count(*) filter (where ${isComma}) AS c${i}`,
      `count(*) filter (where ${isComma} and contains(${v}, ',') and not regexp_full_match(trim(${v}), '[-+]?[0-9]{1,3}(,[0-9]{3})')) AS f${i}`,
      `count(*) filter (where regexp_full_match(trim(${v}), '[-+]?0[0-9]+')) AS z${i}`,
      `min(${v}) filter (where ${known} and not ${isPlain} and not ${isComma}) AS o${i}`,
      `list_sort(list(distinct trim(${v})) filter (where not (${known}))) AS m${i}`,
    ];
  });
  const row = await scratch.one(`select ${parts.join(',\n')} from ${relation}`);
  return new Map(
    names.map((name, i) => [
      name,
      {
        values: Number(row[`n${i}`]),
        plain: Number(row[`p${i}`]),
        comma: Number(row[`c${i}`]),
        fraction: Number(row[`f${i}`]),
        leadingZero: Number(row[`z${i}`]),
        odd: row[`o${i}`] === null ? undefined : String(row[`o${i}`]),
        markers: markersOf(row[`m${i}`]),
      },
    ]),
  );
}

/** DuckDB's lists come as such, or as an object with items. */
function markersOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  return typeof value === 'object' && value !== null && 'items' in value ? markersOf(value.items) : [];
}

function dateColumn({ name, type, format, note }: TextDate, missing: readonly string[]): TextColumn {
  return { recipe: { name, type, format, ...(missing.length > 0 ? { missing } : {}) }, note: [note] };
}

function numericColumn(name: string, fact: NumberFact): TextColumn {
  const isComma = fact.fraction > 0;
  const odd = fact.values - (isComma ? fact.comma : fact.plain);
  const missing = fact.markers.length > 0 ? { missing: fact.markers } : {};
  return {
    recipe: { name, type: 'DOUBLE', decimal: isComma ? 'comma' : 'point', ...missing },
    note: [
      ...(isComma ? [`"${name}" is written with decimal commas`] : []),
      ...(fact.markers.length > 0 ? [`"${name}": ${fact.markers.join(', ')} means missing`] : []),
      ...(odd > 0 && fact.odd !== undefined
        ? [
            `"${name}": of ${fact.values.toLocaleString('en-US')} values ${odd.toLocaleString('en-US')} ${odd === 1 ? 'is no number' : 'are no numbers'}, such as "${fact.odd.slice(0, 40)}": now missing`,
          ]
        : []),
    ],
  };
}
