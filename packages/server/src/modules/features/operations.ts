/**
 * The operations of typed expressions, each with its two translations side by side: SQL for DuckDB and a closure for the
 * online engine. Parity is decided here, so both columns of the table state the same rule:
 *
 * - Numbers, times (µs since 1970 UTC), durations (µs) and bools (0, 1) are JavaScript numbers with NaN as null; integers
 *   stay within ±(2^53 - 1), where doubles are exact. In SQL they are BIGINT, DOUBLE and BOOLEAN.
 * - Null in gives null out, except `and`, `or` (three-valued), `if`, `coalesce` and `is null`.
 * - Division by zero is null. A float result that is not finite is null (`finite`), an integer result outside the range
 *   is null (`guard`), at every operation: DuckDB would throw or order NaN above everything, JavaScript would round.
 * - Negative zero never appears in integers; floats lose it where they leave a view.
 */
import type { Zone } from './zone.ts';
import { createOffsetLookup, zoneOffsetSql } from './zone.ts';

/** Where the closures find their inputs: one slot per number-like reference, one per string reference. */
export interface Env {
  readonly numbers: Float64Array;
  readonly texts: (string | null)[];
}
export type NumberFn = (env: Env) => number;
export type TextFn = (env: Env) => string | null;

export const intMax: number = Number.MAX_SAFE_INTEGER;

/** Arguments longer than this are bound to a name instead of being repeated, so that nesting cannot grow exponentially. */
const repeatableLength = 160;

/** SQL that mentions its arguments more than once. */
function bound(args: readonly string[], body: (...names: string[]) => string): string {
  if (args.every((arg) => arg.length <= repeatableLength)) return body(...args.map((arg) => `(${arg})`));
  const fields = args.map((arg, i) => `a${i} := ${arg}`).join(', ');
  return `list_transform([struct_pack(${fields})], lambda v: ${body(...args.map((_, i) => `v.a${i}`))})[1]`;
}

interface Operation {
  readonly sql: (args: readonly string[], zone: Zone) => string;
  readonly js: (args: readonly NumberFn[], zone: Zone) => NumberFn;
}

// `args` has the arity that typing.ts checked; the fallbacks only satisfy the index type.
const nothing: NumberFn = () => Number.NaN;
const unary = (sql: (x: string) => string, js: (x: number) => number): Operation => ({
  sql: ([x = 'NULL']) => sql(x),
  js: ([x = nothing]) => {
    return (env) => js(x(env));
  },
});
const binary = (sql: (x: string, y: string) => string, js: (x: number, y: number) => number): Operation => ({
  sql: ([x = 'NULL', y = 'NULL']) => sql(`(${x})`, `(${y})`),
  js: ([x = nothing, y = nothing]) => {
    return (env) => js(x(env), y(env));
  },
});
const comparison = (operator: string, js: (x: number, y: number) => boolean): Operation =>
  binary(
    (x, y) => `${x} ${operator} ${y}`,
    (x, y) => (Number.isNaN(x) || Number.isNaN(y) ? Number.NaN : js(x, y) ? 1 : 0),
  );
const finiteJs = (x: number): number => (Number.isFinite(x) ? x : Number.NaN);
const guardJs = (x: number): number => (x >= -intMax && x <= intMax ? x + 0 : Number.NaN);
const finiteSql = (x: string): string => bound([x], (v) => `CASE WHEN isfinite(${v}) THEN ${v} END`);
const guardSql = (x: string): string =>
  bound([x], (v) => `CASE WHEN ${v} BETWEEN -${intMax} AND ${intMax} THEN CAST(${v} AS BIGINT) END`);
const toInt = (step: string, js: (x: number) => number): Operation =>
  unary(
    (x) => bound([x], (v) => `CASE WHEN abs(${step}(${v})) <= ${intMax} THEN CAST(${step}(${v}) AS BIGINT) END`),
    (x) => guardJs(js(x)),
  );
const floatBinary = (operator: string, js: (x: number, y: number) => number): Operation =>
  binary(
    (x, y) => finiteSql(`${x} ${operator} ${y}`),
    (x, y) => finiteJs(js(x, y)),
  );
const durationIn = (us: number): Operation =>
  unary(
    (x) => `(${x}) // ${us}`,
    (x) => Math.trunc(x / us) + 0,
  );
/** A function of local time: `(local µs, utc µs)` in both languages. */
const zoned = (
  sql: (local: string, utc: string) => string,
  js: (localUs: number, utcUs: number) => number,
): Operation => ({
  sql: ([x = 'NULL'], zone) =>
    bound([x], (utc) => {
      const local = `${utc} + ${zoneOffsetSql(zone, utc)}`;
      return `list_transform([struct_pack(l := ${local}, u := ${utc})], lambda z: ${sql('z.l', 'z.u')})[1]`;
    }),
  js: ([x = nothing], zone) => {
    const offsetAt = createOffsetLookup(zone);
    return (env) => {
      const utc = x(env);
      return js(utc + offsetAt(utc), utc) + 0;
    };
  },
});

const minuteUs = 60_000_000;
const hourUs = 3_600_000_000;
const dayUs = 86_400_000_000;
/** Day 0 (1970-01-01) was a Thursday; ISO counts Monday as 1. Instants are not negative inside the zone table's range. */
const isodow = (localUs: number): number => ((Math.floor(localUs / dayUs) + 3) % 7) + 1;

export const operations = {
  addInt: binary(
    (x, y) => `${x} + ${y}`,
    (x, y) => x + y,
  ),
  subtractInt: binary(
    (x, y) => `${x} - ${y}`,
    (x, y) => x - y,
  ),
  // The product of two safe integers can exceed BIGINT, so it is formed in HUGEINT; `guard` brings it back.
  multiplyInt: binary(
    (x, y) => `CAST(${x} AS HUGEINT) * CAST(${y} AS HUGEINT)`,
    (x, y) => x * y + 0,
  ),
  negateInt: unary(
    (x) => `0 - (${x})`,
    (x) => 0 - x,
  ),
  divideInt: binary(
    (x, y) => `${x} // nullif(${y}, 0)`,
    (x, y) => (y === 0 ? Number.NaN : Math.trunc(x / y) + 0),
  ),
  remainder: binary(
    (x, y) => `${x} % nullif(${y}, 0)`,
    (x, y) => (y === 0 ? Number.NaN : (x % y) + 0),
  ),
  absInt: unary(
    (x) => `abs(${x})`,
    (x) => Math.abs(x),
  ),
  guard: unary(guardSql, guardJs),
  addFloat: floatBinary('+', (x, y) => x + y),
  subtractFloat: floatBinary('-', (x, y) => x - y),
  multiplyFloat: floatBinary('*', (x, y) => x * y),
  divideFloat: binary(
    (x, y) => finiteSql(`${x} / nullif(${y}, 0e0)`),
    (x, y) => (y === 0 ? Number.NaN : finiteJs(x / y)),
  ),
  negateFloat: unary(
    (x) => `-(${x})`,
    (x) => -x,
  ),
  absFloat: unary(
    (x) => `abs(${x})`,
    (x) => Math.abs(x),
  ),
  sqrt: unary(
    (x) => bound([x], (v) => `CASE WHEN ${v} >= 0 THEN sqrt(${v}) END`),
    (x) => (x >= 0 ? Math.sqrt(x) : Number.NaN),
  ),
  toFloat: unary(
    (x) => `CAST(${x} AS DOUBLE)`,
    (x) => x,
  ),
  boolToInt: unary(
    (x) => `CAST(${x} AS BIGINT)`,
    (x) => x,
  ),
  truncate: toInt('trunc', Math.trunc),
  floor: toInt('floor', Math.floor),
  ceil: toInt('ceil', Math.ceil),
  less: comparison('<', (x, y) => x < y),
  lessOrEqual: comparison('<=', (x, y) => x <= y),
  greater: comparison('>', (x, y) => x > y),
  greaterOrEqual: comparison('>=', (x, y) => x >= y),
  equal: comparison('=', (x, y) => x === y),
  unequal: comparison('<>', (x, y) => x !== y),
  and: binary(
    (x, y) => `${x} AND ${y}`,
    (x, y) => (x === 0 || y === 0 ? 0 : x + y === 2 ? 1 : Number.NaN),
  ),
  or: binary(
    (x, y) => `${x} OR ${y}`,
    (x, y) => (x === 1 || y === 1 ? 1 : x + y === 0 ? 0 : Number.NaN),
  ),
  not: unary(
    (x) => `NOT (${x})`,
    (x) => 1 - x,
  ),
  isNull: unary(
    (x) => `(${x}) IS NULL`,
    (x) => (Number.isNaN(x) ? 1 : 0),
  ),
  least: binary(
    (x, y) => bound([x, y], (a, b) => `CASE WHEN ${a} <= ${b} THEN ${a} WHEN ${b} < ${a} THEN ${b} END`),
    (x, y) => (x <= y ? x : y < x ? y : Number.NaN),
  ),
  greatest: binary(
    (x, y) => bound([x, y], (a, b) => `CASE WHEN ${a} >= ${b} THEN ${a} WHEN ${b} > ${a} THEN ${b} END`),
    (x, y) => (x >= y ? x : y > x ? y : Number.NaN),
  ),
  if: {
    sql: ([c = 'NULL', x = 'NULL', y = 'NULL']) => `CASE WHEN ${c} THEN ${x} ELSE ${y} END`,
    js: ([c = nothing, x = nothing, y = nothing]) => {
      return (env) => (c(env) === 1 ? x(env) : y(env));
    },
  },
  coalesce: {
    sql: ([x = 'NULL', y = 'NULL']) => `coalesce(${x}, ${y})`,
    js: ([x = nothing, y = nothing]) => {
      return (env) => {
        const first = x(env);
        return Number.isNaN(first) ? y(env) : first;
      };
    },
  },
  seconds: durationIn(1_000_000),
  minutes: durationIn(minuteUs),
  hours: durationIn(hourUs),
  days: durationIn(dayUs),
  minuteOfDay: zoned(
    (l) => `(${l} % ${dayUs}) // ${minuteUs}`,
    (l) => Math.floor((l % dayUs) / minuteUs),
  ),
  hourOfDay: zoned(
    (l) => `(${l} % ${dayUs}) // ${hourUs}`,
    (l) => Math.floor((l % dayUs) / hourUs),
  ),
  isodow: zoned((l) => `(${l} // ${dayUs} + 3) % 7 + 1`, isodow),
  floorHour: zoned(
    (l, u) => `${u} - ${l} % ${hourUs}`,
    (l, u) => u - (l % hourUs),
  ),
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof operations;

/** A float as a DOUBLE literal: without an exponent DuckDB would read a DECIMAL. */
export function floatSql(value: number): string {
  if (Number.isNaN(value)) return 'CAST(NULL AS DOUBLE)';
  const text = String(value);
  return value < 0 ? `(${text.includes('e') ? text : `${text}e0`})` : text.includes('e') ? text : `${text}e0`;
}
