/**
 * A large text table in one pass. How its columns are read is decided from its first rows, and every row is asked whether it
 * fits while it is copied. Where one does not, or where later rows could change what was decided, nothing is answered and the
 * table is read in two passes: whichever way it goes, the table and what is told of it are the same.
 */
import { sqlName, sqlText } from '@slipway/server/analytics';
import { fitsTypeSql } from '@slipway/server/tables';
import type { ColumnRecipe } from './mend-recipe.ts';
import { isNumberSql, valueSql } from './mend-recipe.ts';
import type { Scratch } from './scratch.ts';
import type { TextColumn } from './text-columns.ts';
import { columnsOf, isCodeSql, isNumeric, missingMarkers, numberFacts, numericShareMin } from './text-columns.ts';

export interface AtOnce {
  /** The files' columns, all of them text. */
  readonly relation: string;
  readonly names: readonly string[];
  readonly headRows: number;
  /** Writes what is selected from the relation as Parquet. */
  readonly copy: (select: string) => Promise<void>;
  /** Where it is written. */
  readonly parquet: string;
}

const doesNotFit = 'a value does not fit';

/** Undefined where the first rows do not tell. */
export async function readAtOnce(scratch: Scratch, request: AtOnce): Promise<readonly TextColumn[] | undefined> {
  const { relation, names, headRows, copy, parquet } = request;
  await scratch.run(`create or replace temp table head AS select * from ${relation} limit ${headRows}`);
  const columns = await columnsOf(scratch, 'head', names);
  const isEmpty = await emptyColumns(scratch, names);
  await scratch.run('drop table head');
  if (columns.some(({ isSettled }) => !isSettled)) return undefined;
  const picked = columns.map(
    ({ recipe }) => `${checkedSql(recipe, isEmpty.has(recipe.name))} AS ${sqlName(recipe.name)}`,
  );
  try {
    await copy(picked.join(', '));
  } catch (error) {
    if (error instanceof Error && error.message.includes(doesNotFit)) return undefined;
    throw error;
  }
  return (await isTextStill(scratch, parquet, columns)) ? columns : undefined;
}

async function emptyColumns(scratch: Scratch, names: readonly string[]): Promise<ReadonlySet<string>> {
  const row = await scratch.one(
    `select ${names.map((name, i) => `count(${sqlName(name)}) AS n${i}`).join(', ')} from head`,
  );
  return new Set(names.filter((_, i) => Number(row[`n${i}`]) === 0));
}

/** The value by its recipe; ends the query at one that would be lost, or that would have made another recipe. */
function checkedSql(recipe: ColumnRecipe, isEmpty: boolean): string {
  const column = sqlName(recipe.name);
  const fits = isEmpty ? 'false' : fitsSql(recipe);
  const { decimal, format, missing, type, trim } = recipe;
  const isPlain = [decimal, format, missing, trim].every((part) => part === undefined);
  const value = isPlain ? `try_cast(${column} AS ${type})` : valueSql(recipe);
  return fits === undefined
    ? value
    : `case when ${column} is null or ${fits} then ${value} else error(${sqlText(doesNotFit)}) end`;
}

/** Undefined where every value fits. */
function fitsSql({ name, type, decimal, format, missing = [] }: ColumnRecipe): string | undefined {
  const text = `trim(${sqlName(name)})`;
  const isOneOf = (texts: readonly string[]): string =>
    texts.length === 0 ? 'false' : `${text} in (${texts.map(sqlText).join(', ')})`;
  if (decimal !== undefined)
    return `${isOneOf(missing)} or (${isNumberSql(text, decimal === 'point' ? 'plain' : decimal)} and not ${isCodeSql(text)})`;
  if (format !== undefined)
    return `${isOneOf(['', ...missing])} or try_strptime(${text}, ${sqlText(format)}) is not null`;
  return fitsTypeSql(type, sqlName(name));
}

/** Whether all rows leave text columns what the first ones made of them: words, and the same markers. */
async function isTextStill(scratch: Scratch, parquet: string, columns: readonly TextColumn[]): Promise<boolean> {
  const texts = columns.flatMap(({ recipe }) => (recipe.type === 'VARCHAR' ? [recipe] : []));
  if (texts.length === 0) return true;
  // A marker that stands among numbers means "missing" in the whole table.
  const among = new Set(columns.flatMap(({ recipe }) => (recipe.decimal === undefined ? [] : (recipe.missing ?? []))));
  const rows = `read_parquet(${sqlText(parquet)})`;
  const markers = missingMarkers.map(sqlText).join(', ');
  const parts = texts.flatMap(({ name, missing = [] }, i) => {
    const v = sqlName(name);
    const others = [...among].filter((marker) => !missing.includes(marker)).map(sqlText);
    return [
      `count(${v}) AS n${i}`,
      // Digits, signs, the point and the blank all come before the colon.
      `count(*) filter (where ${v} > ':' and ${v} not in (${markers})) AS w${i}`,
      others.length === 0 ? `false AS m${i}` : `bool_or(trim(${v}) in (${others.join(', ')})) AS m${i}`,
      `bool_or(${v} <> trim(${v})) AS b${i}`,
    ];
  });
  const row = await scratch.one(`select ${parts.join(', ')} from ${rows}`);
  if (texts.some((_, i) => row[`m${i}`] === true || row[`b${i}`] === true)) return false;
  const doubtful = texts.filter((_, i) => Number(row[`w${i}`]) <= Number(row[`n${i}`]) * (1 - numericShareMin));
  const facts = await numberFacts(
    scratch,
    rows,
    doubtful.map(({ name }) => name),
  );
  return ![...facts.values()].some(isNumeric);
}
