/**
 * What a model file makes of the columns of a table before its trees see them. The writer emits these as operators, the
 * trainer computes them for its rows, and both read the same tables and the same formulas, so that they cannot differ.
 *
 * Inputs: numbers and yes/no columns are float32 (NaN is missing), dates float64 milliseconds since 1970-01-01 UTC (NaN
 * is missing), categories and texts are strings (the empty string is missing).
 */

export type ColumnKind = 'number' | 'boolean' | 'date' | 'category' | 'text';

/** A number per category: value i stands for key i, `otherwise` for every other text. All values are float32. */
export interface CategoryTable {
  /** Name of the feature that it makes. */
  readonly feature: string;
  readonly keys: readonly string[];
  readonly values: Float32Array;
  readonly otherwise: number;
}

/** Sets of categories, a feature each: 0 for what is in the set, 1 for everything else, unknown texts too. */
export interface CategoryMembers {
  readonly keys: readonly string[];
  /** Per set, and in it per key, 1 for what is in the set. */
  readonly sets: readonly Uint8Array[];
}

export type ColumnEncoding =
  | { readonly kind: 'number' | 'boolean'; readonly column: string }
  | {
      readonly kind: 'date';
      readonly column: string;
      /** Added before the parts are taken; what the clock of the place shows, without daylight saving. */
      readonly utcOffsetMinutes: number;
      readonly parts: readonly DatePart[];
    }
  | {
      readonly kind: 'category';
      readonly column: string;
      readonly tables: readonly CategoryTable[];
      /** Their features come behind those of the tables. */
      readonly members?: CategoryMembers | undefined;
    }
  | {
      readonly kind: 'text';
      readonly column: string;
      /** Name of the word that each feature counts. */
      readonly words: readonly string[];
      /** Spellings as they stand between spaces, and the word that each of them is. */
      readonly spellings: readonly string[];
      readonly spelledWords: readonly number[];
    };

/** Names of the features that an encoding makes, in their order. */
export function featuresOf(encoding: ColumnEncoding): readonly string[] {
  const { column } = encoding;
  switch (encoding.kind) {
    case 'number':
    case 'boolean':
      return [column];
    case 'date':
      return encoding.parts.map((part) => `${column} ${part}`);
    case 'category':
      return [
        ...encoding.tables.map((table) => table.feature),
        ...(encoding.members?.sets ?? []).map((_, place) => `${column} set ${place + 1}`),
      ];
    case 'text':
      return [`${column} words`, ...encoding.words.map((word) => `${column} "${word}"`)];
  }
}

/** The pieces of a text between spaces (U+0020 alone, as StringSplit has it). */
export function splitText(text: string): readonly string[] {
  return text.split(' ').filter((piece) => piece !== '');
}

export type DatePart = 'day number' | 'month' | 'day' | 'weekday' | 'hour';

export const dateParts: readonly DatePart[] = ['day number', 'month', 'day', 'weekday', 'hour'];

/** Arithmetic in float64 over whatever stands for a number: a number, or the name of a tensor in a graph. */
export interface Arithmetic<T> {
  readonly add: (a: T, b: T | number) => T;
  readonly subtract: (a: T, b: T | number) => T;
  readonly multiply: (a: T, b: T | number) => T;
  readonly divide: (a: T, b: T | number) => T;
  readonly floor: (a: T) => T;
}

export const numberArithmetic: Arithmetic<number> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  floor: Math.floor,
};

const dayMs = 86_400_000;
const hourMs = 3_600_000;

/**
 * The part of an instant given in milliseconds: `day number` since 1970 with its fraction, month 1 to 12, day of the month,
 * weekday 0 (Sunday) to 6, hour 0 to 23. Exact for all dates that a double holds: every quotient is taken of integers below
 * 2^53 by small ones. Source: H. Hinnant, chrono-compatible low-level date algorithms, civil_from_days.
 */
export function datePart<T>({ add, subtract, multiply, divide, floor }: Arithmetic<T>, atMs: T, part: DatePart): T {
  const quotient = (a: T, by: number): T => floor(divide(a, by));
  if (part === 'day number') return divide(atMs, dayMs);
  const days = quotient(atMs, dayMs);
  if (part === 'hour') return quotient(subtract(atMs, multiply(days, dayMs)), hourMs);
  if (part === 'weekday') {
    const shifted = add(days, 4);
    return subtract(shifted, multiply(quotient(shifted, 7), 7));
  }
  const shifted = add(days, 719_468);
  const dayOfEra = subtract(shifted, multiply(quotient(shifted, 146_097), 146_097));
  const leaps = subtract(
    add(subtract(dayOfEra, quotient(dayOfEra, 1460)), quotient(dayOfEra, 36_524)),
    quotient(dayOfEra, 146_096),
  );
  const yearOfEra = quotient(leaps, 365);
  const daysBefore = subtract(add(multiply(yearOfEra, 365), quotient(yearOfEra, 4)), quotient(yearOfEra, 100));
  const dayOfYear = subtract(dayOfEra, daysBefore);
  const monthFromMarch = quotient(add(multiply(dayOfYear, 5), 2), 153);
  if (part === 'month') return subtract(add(monthFromMarch, 3), multiply(quotient(monthFromMarch, 10), 12));
  return add(subtract(dayOfYear, quotient(add(multiply(monthFromMarch, 153), 2), 5)), 1);
}

const instantPattern =
  /^([+-]\d{6}|\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?(Z|[+-]\d\d:?\d\d)?$/;

/** Milliseconds of an ISO 8601 date or instant; UTC where it names no zone. NaN for anything else. */
export function parseInstant(text: string): number {
  const found = instantPattern.exec(text.trim());
  if (found === null) return Number.NaN;
  const [, year = '', month = '', day = '', hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z'] = found;
  const parts = [year, month, day, hour, minute, second].map(Number);
  const [y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0] = parts;
  if (mo < 1 || mo > 12 || h > 23 || mi > 59 || s > 60) return Number.NaN;
  const start = new Date(0);
  start.setUTCFullYear(y, mo - 1, d);
  if (start.getUTCDate() !== d) return Number.NaN;
  const offset = zone === 'Z' ? 0 : Number(`${zone[0]}1`) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2)));
  const milliseconds = Math.floor(Number(`0.${fraction || '0'}`) * 1000);
  return start.getTime() + ((h * 60 + mi - offset) * 60 + s) * 1000 + milliseconds;
}
