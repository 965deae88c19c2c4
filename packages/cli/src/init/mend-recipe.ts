/**
 * How a text table of an awkward shape becomes the table that a project learns from, kept in the project so that the next
 * file of that shape becomes the same table. Encoding and packing are told from each file's bytes and need no words.
 */
import { join } from 'node:path';
import { sqlName, sqlText } from '@slipway/server/analytics';
import { z } from 'zod';
import { CommandFailure } from '../failure.ts';
import { complaint, readYamlFile } from '../yaml-file.ts';
import type { Delimiter } from './csv-text.ts';
import { delimiters } from './csv-text.ts';
import { yamlText } from './names.ts';

export const recipeFile = 'mend.yaml';

/** What the values of a column are read as. Numbers with `decimal` may be odd in a few rows. */
export interface ColumnRecipe {
  readonly name: string;
  /** DuckDB's type. */
  readonly type: string;
  readonly decimal?: 'comma' | 'point';
  /** Of dates that are not written as ISO 8601 has it: `%d.%m.%Y`. */
  readonly format?: string;
  /** Texts that mean that nothing is known. */
  readonly missing?: readonly string[];
  /** Blanks around texts are no part of them. */
  readonly trim?: boolean;
}

export interface MendRecipe {
  readonly dataset: string;
  readonly delimiter: Delimiter;
  /** Every column, none twice: what stands twice in a header is the second under `name_2`. */
  readonly columns: readonly ColumnRecipe[];
}

const plainNumber = "'[-+]?(0|[1-9][0-9]*)?(\\.[0-9]+)?([eE][-+]?[0-9]+)?'";
const commaNumber = "'[-+]?([0-9]{1,3}(\\.[0-9]{3})+|[0-9]+)(,[0-9]+)?'";
const pointNumber = "'[-+]?((0|[1-9][0-9]*)?|[1-9][0-9]{0,2}(,[0-9]{3})+)(\\.[0-9]+)?([eE][-+]?[0-9]+)?'";
/** `point` and `comma` may have the other mark between thousands, `plain` has none. */
const numberPatterns = { comma: commaNumber, point: pointNumber, plain: plainNumber } as const;

/** Whether a text is a number written so, as SQL. */
export const isNumberSql = (text: string, decimal: keyof typeof numberPatterns): string =>
  `regexp_full_match(${text}, ${numberPatterns[decimal]})`;

/** The column's value in its type as SQL over text columns; null where it is missing or does not fit. */
export function valueSql({ name, type, decimal, format, missing = [], trim }: ColumnRecipe): string {
  const column = sqlName(name);
  const text = `trim(${column})`;
  if (decimal !== undefined) {
    const digits = decimal === 'comma' ? `replace(replace(${text}, '.', ''), ',', '.')` : `replace(${text}, ',', '')`;
    return `case when ${isNumberSql(text, decimal)} then try_cast(${digits} AS double) end`;
  }
  if (format !== undefined) {
    const none = ['', ...missing].map(sqlText).join(', ');
    return `try_strptime(case when ${text} not in (${none}) then ${text} end, ${sqlText(format)})::${type}`;
  }
  const value = trim === true ? `nullif(${text}, '')` : column;
  const known =
    missing.length === 0 ? value : `case when ${value} not in (${missing.map(sqlText).join(', ')}) then ${value} end`;
  if (type === 'VARCHAR') return known;
  // A fraction is no whole number, and would be rounded to one.
  const whole = /^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(type);
  const fits = whole ? `case when regexp_full_match(${text}, '[-+]?[0-9]+') then ${text} end` : known;
  return `try_cast(${fits} AS ${type})`;
}

/** Names of DuckDB's types of values in a text table; a recipe is a file, and its types become SQL. */
const typeNames =
  /^(VARCHAR|BOOLEAN|DATE|TIME|TIMESTAMP|TIMESTAMP WITH TIME ZONE|DOUBLE|FLOAT|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL\(\d{1,2},\s?\d{1,2}\))$/;
const Type = z.string().regex(typeNames, 'a type is VARCHAR, BOOLEAN, DATE, TIMESTAMP, BIGINT, DOUBLE, …');
const Column = z.union([
  Type,
  z.strictObject({
    type: Type,
    decimal: z.enum(['comma', 'point']).optional(),
    format: z.string().optional(),
    missing: z.array(z.string()).optional(),
    trim: z.boolean().optional(),
  }),
]);
const Recipe = z.strictObject({
  dataset: z.string().min(1),
  delimiter: z.enum(delimiters),
  columns: z.record(z.string(), Column),
});

/** `folder` holds the recipe. Throws with the place in the file. */
export async function readRecipe(folder: string, name: string): Promise<MendRecipe> {
  const remedy = `slipway init writes it where it had to mend a text table; --recipe names another file`;
  const file = await readYamlFile(folder, name, remedy);
  const parsed = Recipe.safeParse(file.value);
  if (!parsed.success) throw complaint(file, [], parsed.error);
  const { dataset, delimiter, columns } = parsed.data;
  const list = Object.entries(columns).map(([column, said]): ColumnRecipe => {
    if (typeof said === 'string') return { name: column, type: said };
    const { type, decimal, format, missing, trim } = said;
    return {
      name: column,
      type,
      ...(decimal === undefined ? {} : { decimal }),
      ...(format === undefined ? {} : { format }),
      ...(missing === undefined ? {} : { missing }),
      ...(trim === undefined ? {} : { trim }),
    };
  });
  if (list.length === 0) throw new CommandFailure('failed', `${join(folder, name)} names no column`);
  return { dataset, delimiter, columns: list };
}

export function recipeText({ dataset, delimiter, columns }: MendRecipe, source: string): string {
  const lines = columns.map((column) => `  ${yamlText(column.name)}: ${columnText(column)}`);
  return `# How a file of the shape of ${JSON.stringify(source)} becomes data of this project: \`slipway data mend FILE --add\`.
# A name that stands twice in the header is the second time under NAME_2. Encoding and packing are told from the file.
dataset: ${yamlText(dataset)}
delimiter: ${JSON.stringify(delimiter)}
columns:
${lines.join('\n')}
`;
}

function columnText({ type, decimal, format, missing = [], trim }: ColumnRecipe): string {
  if (decimal === undefined && format === undefined && missing.length === 0 && trim === undefined) return type;
  const parts = [
    `type: ${type}`,
    ...(decimal === undefined ? [] : [`decimal: ${decimal}`]),
    ...(format === undefined ? [] : [`format: ${JSON.stringify(format)}`]),
    ...(missing.length === 0 ? [] : [`missing: [${missing.map((text) => JSON.stringify(text)).join(', ')}]`]),
    ...(trim === undefined ? [] : [`trim: ${trim}`]),
  ];
  return `{ ${parts.join(', ')} }`;
}
