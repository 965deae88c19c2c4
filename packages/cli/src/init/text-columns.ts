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
  /** Whether rows that come later, if they fit, change nothing of it. */
  readonly isSettled: boolean;
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
  return inferred.map(({ name, type }): TextColumn => {
    const fact = facts.get(name);
    const date = dates.get(name);
    if (date !== undefined) return dateColumn(date, fact?.markers ?? []);
    if (fact === undefined) return { recipe: { name, type }, note: [], isSettled: true };
    if (isNumeric(fact)) return numericColumn(name, fact);
    return wordColumn(
      name,
      fact,
      [...markers].filter((marker) => fact.markers.includes(marker)),
    );
  });
}

function wordColumn(name: string, { hasBlanks }: NumberFact, missing: readonly string[]): TextColumn {
  return {
    recipe: {
      name,
      type: 'VARCHAR',
      ...(missing.length > 0 ? { missing } : {}),
      ...(hasBlanks ? { trim: true } : {}),
    },
    note: [
      ...(missing.length > 0
        ? [`"${name}": ${missing.join(', ')} means missing, which is what it means among numbers`]
        : []),
      ...(hasBlanks ? [`"${name}": blanks around values are left out`] : []),
    ],
    isSettled: true,
  };
}

export interface NumberFact {
  /** Values that are neither empty nor a marker. */
  readonly values: number;
  readonly markers: readonly string[];
  /** Numbers without any mark between thousands. */
  readonly plain: number;
  /** Of those: ones that would have a mark, had they been written with it. */
  readonly unmarked: number;
  /** Numbers with a decimal point, whose thousands may have commas between them. */
  readonly point: number;
  /** Of those: ones whose comma cannot be a decimal one. */
  readonly marked: number;
  readonly comma: number;
  /** Of those with a comma: ones that cannot be thousands. */
  readonly fraction: number;
  readonly odd: string | undefined;
  readonly leadingZero: number;
  /** Around some values. */
  readonly hasBlanks: boolean;
}

export function isNumeric(fact: NumberFact): boolean {
  const { values, plain, point, comma, fraction, leadingZero } = fact;
  const numbers = fraction > 0 ? comma : isGrouped(fact) ? point : plain;
  return values > 0 && leadingZero === 0 && numbers >= values * numericShareMin;
}

/** Whether commas stand between thousands: where one shows it, or where no number speaks against it. */
const isGrouped = ({ fraction, plain, point, marked, unmarked }: NumberFact): boolean =>
  fraction === 0 && point > plain && (marked > 0 || unmarked === 0);

/** Digits after a zero: a code, not a number. */
export const isCodeSql = (text: string): string => `regexp_full_match(${text}, '[-+]?0[0-9]+')`;

/** Columns of one query: each takes a dozen counts. */
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
    const text = `trim(${v})`;
    const [isPlain, isPoint] = [isNumberSql(text, 'plain'), isNumberSql(text, 'point')];
    const isComma = isNumberSql(text, 'comma');
    const matches = (pattern: string): string => `regexp_full_match(${text}, '${pattern}')`;
    return [
      `count(${v}) filter (where ${known}) AS n${i}`,
      `count(*) filter (where ${isPlain}) AS p${i}`,
      `count(*) filter (where ${isComma}) AS c${i}`,
      `count(*) filter (where ${isComma} and contains(${v}, ',') and not ${matches('[-+]?[1-9][0-9]{0,2},[0-9]{3}')}) AS f${i}`,
      `count(*) filter (where ${isPoint}) AS t${i}`,
      `count(*) filter (where ${isPoint} and contains(${v}, ',') and not ${isComma}) AS g${i}`,
      `count(*) filter (where ${matches('[-+]?[0-9]{4,}.*')}) AS u${i}`,
      `coalesce(bool_or(${v} <> ${text}), false) AS b${i}`,
      `count(*) filter (where ${isCodeSql(`trim(${v})`)}) AS z${i}`,
      `min(${v}) filter (where ${known} and not ${isPoint} and not ${isComma}) AS o${i}`,
      `list_sort(list(distinct trim(${v})) filter (where not (${known}))) AS m${i}`,
    ];
  });
  const row = await scratch.one(`select ${parts.join(',\n')} from ${relation}`);
  return names.map((name, i) => [
    name,
    {
      values: Number(row[`n${i}`]),
      plain: Number(row[`p${i}`]),
      unmarked: Number(row[`u${i}`]),
      point: Number(row[`t${i}`]),
      marked: Number(row[`g${i}`]),
      comma: Number(row[`c${i}`]),
      fraction: Number(row[`f${i}`]),
      leadingZero: Number(row[`z${i}`]),
      odd: row[`o${i}`] === null ? undefined : String(row[`o${i}`]),
      markers: markersOf(row[`m${i}`]),
      hasBlanks: row[`b${i}`] === true,
    },
  ]);
}

/** DuckDB's lists come as such, or as an object with items. */
function markersOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  return typeof value === 'object' && value !== null && 'items' in value ? markersOf(value.items) : [];
}

function dateColumn({ name, type, format, note }: TextDate, missing: readonly string[]): TextColumn {
  return { recipe: { name, type, format, ...(missing.length > 0 ? { missing } : {}) }, note: [note], isSettled: true };
}

function numericColumn(name: string, fact: NumberFact): TextColumn {
  const isComma = fact.fraction > 0;
  const odd = fact.values - (isComma ? fact.comma : fact.point);
  const missing = fact.markers.length > 0 ? { missing: fact.markers } : {};
  return {
    recipe: { name, type: 'DOUBLE', decimal: isComma ? 'comma' : 'point', ...missing },
    isSettled: odd === 0 && !isGrouped(fact),
    note: [
      ...(isComma ? [`"${name}" is written with decimal commas`] : []),
      ...(isGrouped(fact) ? [`"${name}" is written with commas between thousands`] : []),
      ...(fact.markers.length > 0 ? [`"${name}": ${fact.markers.join(', ')} means missing`] : []),
      ...(odd > 0 && fact.odd !== undefined
        ? [
            `"${name}": of ${fact.values.toLocaleString('en-US')} values ${odd.toLocaleString('en-US')} ${odd === 1 ? 'is no number' : 'are no numbers'}, such as "${fact.odd.slice(0, 40)}": now missing`,
          ]
        : []),
    ],
  };
}
