/**
 * CSV as RFC 4180 has it: comma, double quotes, a header line; the empty field is null. Nothing is guessed: no other delimiter,
 * no skipped lines. Only the types of the columns are found out, by one scan over all rows.
 */
import { open } from 'node:fs/promises';
import type { ColumnSchema } from '@slipway/contract';
import type { DuckDBConnection } from '@duckdb/node-api';
import { sqlName, sqlText } from '../../platform/analytics/analytics.ts';

/** A header line longer than this is not one. */
const headerLimitBytes = 1024 * 1024;

/** A problem of the file, in words that end a sentence. */
export class CsvProblem extends Error {}

const list = (paths: readonly string[]): string => `[${paths.map(sqlText).join(', ')}]`;

/** All files have these columns, in this order. */
export function readCsvSql(paths: readonly string[], schema: readonly Pick<ColumnSchema, 'name' | 'type'>[]): string {
  const columns = schema.map((c) => `${sqlText(c.name)}: ${sqlText(c.type)}`).join(', ');
  return `read_csv(${list(paths)}, auto_detect = false, header = true, delim = ',', quote = '"', escape = '"', nullstr = '', columns = {${columns}}, filename = true)`;
}

/** The names of the header line. Throws `CsvProblem`. */
export async function readHeader(path: string): Promise<string[]> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(headerLimitBytes);
    const { bytesRead } = await file.read(buffer, 0, headerLimitBytes, 0);
    const text = buffer.toString('utf8', 0, bytesRead).replace(/^\uFEFF/, '');
    return parseHeader(text, bytesRead < headerLimitBytes);
  } finally {
    await file.close();
  }
}

/** `whole` says that the text ends where the file ends. */
export function parseHeader(text: string, whole: boolean): string[] {
  const names: string[] = [];
  let at = 0;
  for (;;) {
    const field = /^(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/.exec(text.slice(at));
    if (field === null) throw new CsvProblem('its header line has a stray quote.');
    const ended = field[3] === '';
    if (ended && !whole) throw new CsvProblem(`its first ${headerLimitBytes} bytes have no line end.`);
    names.push(field[1]?.replaceAll('""', '"') ?? field[2] ?? '');
    at += field[0].length;
    if (field[3] !== ',') break;
  }
  if (names.every((n) => n.trim() === '')) throw new CsvProblem('it has no header line.');
  const empty = names.findIndex((n) => n.trim() === '');
  if (empty >= 0) throw new CsvProblem(`column ${empty + 1} of its header line has no name.`);
  const lower = names.map((n) => n.toLowerCase());
  const twice = names.find((_, i) => lower.indexOf(lower[i] ?? '') !== i);
  if (twice !== undefined) throw new CsvProblem(`its header line has the name "${twice}" twice.`);
  return names;
}

/** Tried in this order. Numbers with leading zeros are codes and stay text. */
const guesses: readonly { readonly type: string; readonly fits: (v: string) => string }[] = [
  {
    type: 'BIGINT',
    fits: (v) => `regexp_full_match(${v}, '-?(0|[1-9][0-9]{0,18})') AND TRY_CAST(${v} AS BIGINT) IS NOT NULL`,
  },
  {
    type: 'DOUBLE',
    fits: (v) =>
      `regexp_full_match(${v}, '[-+]?(0|[1-9][0-9]*)?(\\.[0-9]*)?([eE][-+]?[0-9]+)?|NaN|-?[Ii]nf(inity)?') AND TRY_CAST(${v} AS DOUBLE) IS NOT NULL`,
  },
  { type: 'BOOLEAN', fits: (v) => `lower(${v}) IN ('true', 'false')` },
  {
    type: 'DATE',
    fits: (v) => `regexp_full_match(${v}, '[0-9]{4}-[0-9]{2}-[0-9]{2}') AND TRY_CAST(${v} AS DATE) IS NOT NULL`,
  },
  {
    type: 'TIMESTAMP',
    fits: (v) =>
      `regexp_full_match(${v}, '[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,9})?)?') AND TRY_CAST(${v} AS TIMESTAMP) IS NOT NULL`,
  },
  {
    type: 'TIMESTAMP WITH TIME ZONE',
    fits: (v) =>
      `regexp_full_match(${v}, '[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,9})?)?(Z|[-+][0-9]{2}(:?[0-9]{2})?)') AND TRY_CAST(${v} AS TIMESTAMP WITH TIME ZONE) IS NOT NULL`,
  },
];

/** Whether a text is written as values of a type are, as SQL; undefined where no type is inferred so, as for text. */
export const fitsTypeSql = (type: string, text: string): string | undefined =>
  guesses.find((guess) => guess.type === type)?.fits(text);

/** The narrowest type that every value of a column has; text when there is no value. */
export function inferTypes(
  connection: DuckDBConnection,
  path: string,
  names: readonly string[],
): Promise<ColumnSchema[]> {
  const text = names.map((name) => ({ name, type: 'VARCHAR' }));
  return inferColumnTypes(connection, readCsvSql([path], text), names);
}

/** Rows from which a type is guessed before it is asked of all rows. */
const guessedFromRows = 10_000;

/**
 * The same over any relation whose columns are text. A type that fails in the first rows fails in all, so the first one that
 * fits there is the answer if it fits everywhere; only where it does not is every other one asked of every row.
 */
export async function inferColumnTypes(
  connection: DuckDBConnection,
  relation: string,
  names: readonly string[],
): Promise<ColumnSchema[]> {
  const all = guesses.map((_, j) => j);
  const some = `(SELECT * FROM ${relation} LIMIT ${guessedFromRows})`;
  const first = await countFits(
    connection,
    some,
    names.map((name) => ({ name, asked: all })),
  );
  const likely = names.map((name, i) => ({ name, asked: askedNext(first[i], all) }));
  const second = await countFits(connection, relation, likely);
  const left = likely.map(({ name, asked }, i) => {
    const [only] = asked;
    const isDone = asked.length !== 1 || only === undefined || second[i]?.fitting.includes(only) === true;
    return { name, asked: isDone ? [] : all.filter((j) => j > only) };
  });
  const third = left.some(({ asked }) => asked.length > 0) ? await countFits(connection, relation, left) : [];
  return names.map((name, i) => {
    const found = second[i]?.fitting[0] ?? third[i]?.fitting[0];
    return { name, type: (found === undefined ? undefined : guesses[found]?.type) ?? 'VARCHAR', nullable: true };
  });
}

interface Fits {
  readonly values: number;
  /** Of the guesses that were asked: those that every value fits; none where there is no value. */
  readonly fitting: readonly number[];
}

interface Asked {
  readonly name: string;
  /** Indexes of guesses. */
  readonly asked: readonly number[];
}

/** All where nothing is known yet, none where the column is text. */
const askedNext = (fits: Fits | undefined, all: readonly number[]): readonly number[] =>
  fits === undefined || fits.values === 0 ? all : fits.fitting.slice(0, 1);

/** Columns of one query: planning takes the square of its counts. */
const columnsAtOnce = 100;

async function countFits(connection: DuckDBConnection, relation: string, columns: readonly Asked[]): Promise<Fits[]> {
  const found: Fits[] = [];
  for (let i = 0; i < columns.length; i += columnsAtOnce)
    found.push(...(await countFew(connection, relation, columns.slice(i, i + columnsAtOnce))));
  return found;
}

async function countFew(connection: DuckDBConnection, relation: string, columns: readonly Asked[]): Promise<Fits[]> {
  const parts = columns.flatMap(({ name, asked }, i) => {
    const v = sqlName(name);
    const fits = asked.map((j) => `count(*) FILTER (WHERE ${guesses[j]?.fits(v) ?? 'false'}) AS c${i}_${j}`);
    return fits.length === 0 ? [] : [`count(${v}) AS c${i}`, ...fits];
  });
  if (parts.length === 0) return columns.map(() => ({ values: 0, fitting: [] }));
  const reader = await connection.runAndReadAll(`SELECT ${parts.join(',\n')} FROM ${relation}`);
  const row = reader.getRowObjectsJS()[0] ?? {};
  return columns.map(({ asked }, i) => {
    const values = Number(row[`c${i}`] ?? 0);
    return { values, fitting: values === 0 ? [] : asked.filter((j) => Number(row[`c${i}_${j}`]) === values) };
  });
}
