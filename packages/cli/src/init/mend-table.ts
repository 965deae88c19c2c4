/** A file of a known awkward shape as Parquet, by the recipe that was kept when the first one was read. */
import { join } from 'node:path';
import { sqlName, sqlText } from '@slipway/server/analytics';
import { isReservedColumn } from '@slipway/server/tables';
import { CommandFailure } from '../failure.ts';
import { count } from '../output.ts';
import { usableNames } from './csv-text.ts';
import type { ColumnRecipe, MendRecipe } from './mend-recipe.ts';
import { recipeFile, valueSql } from './mend-recipe.ts';
import type { TextFile } from './read-text-table.ts';
import { copyRegular, nameOfDelimiter, readable } from './read-text-table.ts';
import type { Scratch } from './scratch.ts';
import { parquetOptions } from './scratch.ts';
import { numericShareMin } from './text-columns.ts';

export interface Mended {
  readonly rowCount: number;
  /** What was changed or left out, one sentence each. */
  readonly notes: readonly string[];
}

const namesShown = 5;
const valueChars = 40;

/** Throws where the file has another shape, or values that are none of their column's type: nothing is written then. */
export async function mendTable(scratch: Scratch, recipe: MendRecipe, path: string, to: string): Promise<Mended> {
  const file = await readable(scratch, path, 0);
  const { names } = usableNames(file.shape.header, isReservedColumn);
  const extra = mustFit(recipe, file, names);
  await scratch.makeRoom(names.length);
  const texts = join(scratch.folder, 'texts.parquet');
  await copyRegular(scratch, { files: [file], names, to: texts });
  const rows = `read_parquet(${sqlText(texts)})`;
  const { rowCount, odd } = await countOdd(scratch, rows, recipe.columns);
  for (const one of odd) mustBeFew(file.shown, one);
  const picked = recipe.columns.map((column) => `${valueSql(column)} AS ${sqlName(column.name)}`);
  await scratch.run(
    `copy (select ${picked.join(', ')} from ${rows}) to ${sqlText(to)} (${parquetOptions(picked.length)})`,
  );
  return {
    rowCount,
    notes: [
      ...file.notes,
      ...(extra.length === 0 ? [] : [`left out, since ${recipeFile} does not name them: ${shownNames(extra)}`]),
      ...odd.map(
        ({ column, bad, example }) =>
          `"${column.name}": ${count(bad, 'value')} ${bad === 1 ? 'is no number' : 'are no numbers'}, such as "${example}": now missing`,
      ),
    ],
  };
}

const shownNames = (names: readonly string[]): string =>
  names.slice(0, namesShown).join(', ') + (names.length > namesShown ? ` and ${names.length - namesShown} more` : '');

/** Answers the columns that the recipe does not name. */
function mustFit(
  { delimiter, columns }: MendRecipe,
  { shown, shape }: TextFile,
  names: readonly string[],
): readonly string[] {
  const missing = columns.filter(({ name }) => !names.includes(name)).map(({ name }) => name);
  if (missing.length === 0 && shape.delimiter === delimiter)
    return names.filter((name) => !columns.some((column) => column.name === name));
  if (shape.delimiter !== delimiter)
    throw new CommandFailure(
      'failed',
      `the values of ${shown} are separated by ${nameOfDelimiter(shape.delimiter)}, and ${recipeFile} says ${nameOfDelimiter(delimiter)}: is it a file of this table? If the shape has changed for good, change delimiter in ${recipeFile}.`,
    );
  throw new CommandFailure(
    'failed',
    `${shown} lacks ${shownNames(missing)}; it has ${shownNames(names)}. Files of one table have one header: mend the header, or, if the table has changed for good, the columns of ${recipeFile}.`,
  );
}

interface OddValues {
  readonly column: ColumnRecipe;
  /** Values that are there and known. */
  readonly values: number;
  /** Of those: ones that are none of the column's type. */
  readonly bad: number;
  readonly example: string;
}

async function countOdd(
  scratch: Scratch,
  rows: string,
  columns: readonly ColumnRecipe[],
): Promise<{ readonly rowCount: number; readonly odd: readonly OddValues[] }> {
  const parts = columns.flatMap((column, i) => {
    const text = sqlName(column.name);
    const markers = ['', ...(column.missing ?? [])].map(sqlText).join(', ');
    const known = `trim(${text}) not in (${markers})`;
    const isOdd = `${known} and (${valueSql(column)}) is null`;
    return [
      `count(*) filter (where ${known}) AS n${i}`,
      `count(*) filter (where ${isOdd}) AS o${i}`,
      `min(${text}) filter (where ${isOdd}) AS v${i}`,
    ];
  });
  const row = await scratch.one(`select count(*) AS n, ${parts.join(', ')} from ${rows}`);
  const facts = columns.map((column, i) => ({
    column,
    values: Number(row[`n${i}`]),
    bad: Number(row[`o${i}`]),
    example: textOf(row[`v${i}`]).slice(0, valueChars),
  }));
  return { rowCount: Number(row['n']), odd: facts.filter(({ bad }) => bad > 0) };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** A number may be odd in a few rows, as when the recipe was written; everything else must fit. */
function mustBeFew(shown: string, { column, values, bad, example }: OddValues): void {
  if (column.decimal !== undefined && bad <= values * (1 - numericShareMin)) return;
  const wanted =
    column.decimal === 'comma'
      ? 'numbers with decimal commas'
      : column.decimal === 'point'
        ? 'numbers'
        : column.format === undefined
          ? column.type
          : `dates written like ${column.format}`;
  throw new CommandFailure(
    'failed',
    `${shown}: ${bad.toLocaleString('en-US')} of ${count(values, 'value')} of "${column.name}" are no ${wanted}, such as "${example}". Mend them in the file, or change the column in ${recipeFile}.`,
  );
}
