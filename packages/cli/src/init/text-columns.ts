/** What columns of text hold: numbers in two spellings, dates, words; and how each is read. Decided from all rows of a relation. */
import { sqlName, sqlText } from '@slipway/server/analytics';
import { inferColumnTypes } from '@slipway/server/tables';
import type { ColumnRecipe } from './mend-recipe.ts';
import { isNumberSql } from './mend-recipe.ts';
import type { Scratch } from './scratch.ts';
import type { TextDate } from './text-dates.ts';
import { findTextDates } from './text-dates.ts';

/** What people write where nothing is known. */
export const missingMarkers = ['NA', 'N/A', 'n/a', 'NULL', 'null', 'None', 'NaN', 'nan', '?', '-', '.'] as const;
/** A column is numeric where at least this share of its values are; the others are then missing. */
export const numericShareMin = 0.95;

export interface TextColumn {
  readonly recipe: ColumnRecipe;
  readonly note: readonly string[];
  /** Of a column of numbers: values that are none, and are lost. */
  readonly odd: number;
}

/** How the text columns of a relation are read, decided from all of its rows. */
export async function columnsOf(scratch: Scratch, relation: string, names: readonly string[]): Promise<TextColumn[]> {
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
    if (fact === undefined) return { recipe: { name, type }, note: [], odd: 0 };
    if (isNumeric(fact)) return numericColumn(name, fact);
    const own = [...markers].filter((marker) => fact.markers.includes(marker));
    if (own.length === 0) return { recipe: { name, type }, note: [], odd: 0 };
    return {
      recipe: { name, type, missing: own },
      note: [`"${name}": ${own.join(', ')} means missing, which is what it means among numbers`],
      odd: 0,
    };
  });
}

export interface NumberFact {
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

export const isNumeric = ({ values, plain, comma, fraction, leadingZero }: NumberFact): boolean =>
  values > 0 && leadingZero === 0 && (fraction > 0 ? comma : plain) >= values * numericShareMin;

/** Digits after a zero: a code, not a number. */
export const isCodeSql = (text: string): string => `regexp_full_match(${text}, '[-+]?0[0-9]+')`;

/** Columns of one query: each takes seven counts. */
const columnsAtOnce = 100;

/** Of texts: how many are written as numbers, in which way, and which markers stand among them. */
export async function numberFacts(
  scratch: Scratch,
  relation: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, NumberFact>> {
  const facts = new Map<string, NumberFact>();
  for (let i = 0; i < names.length; i += columnsAtOnce)
    for (const [name, fact] of await factsOf(scratch, relation, names.slice(i, i + columnsAtOnce)))
      facts.set(name, fact);
  return facts;
}

async function factsOf(
  scratch: Scratch,
  relation: string,
  names: readonly string[],
): Promise<readonly (readonly [string, NumberFact])[]> {
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
      `count(*) filter (where ${isCodeSql(`trim(${v})`)}) AS z${i}`,
      `min(${v}) filter (where ${known} and not ${isPlain} and not ${isComma}) AS o${i}`,
      `list_sort(list(distinct trim(${v})) filter (where not (${known}))) AS m${i}`,
    ];
  });
  const row = await scratch.one(`select ${parts.join(',\n')} from ${relation}`);
  return names.map((name, i) => [
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
  ]);
}

/** DuckDB's lists come as such, or as an object with items. */
function markersOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  return typeof value === 'object' && value !== null && 'items' in value ? markersOf(value.items) : [];
}

function dateColumn({ name, type, format, note }: TextDate, missing: readonly string[]): TextColumn {
  return { recipe: { name, type, format, ...(missing.length > 0 ? { missing } : {}) }, note: [note], odd: 0 };
}

function numericColumn(name: string, fact: NumberFact): TextColumn {
  const isComma = fact.fraction > 0;
  const odd = fact.values - (isComma ? fact.comma : fact.plain);
  const missing = fact.markers.length > 0 ? { missing: fact.markers } : {};
  return {
    recipe: { name, type: 'DOUBLE', decimal: isComma ? 'comma' : 'point', ...missing },
    odd,
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
