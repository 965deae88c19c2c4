import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { tmpdir } from 'node:os';
import fc from 'fast-check';
import { createAnalytics } from '../../platform/analytics/analytics.ts';
import { parseExpression } from './expression.ts';
import type { Env } from './operations.ts';
import type { Typed, ValueType } from './typed.ts';
import { compileNumber, compileSql } from './typed-code.ts';
import { reference, typeExpression } from './typing.ts';
import { createOffsetLookup, createZone } from './zone.ts';

const analytics = createAnalytics({ memoryLimit: '512MB', threads: 1, tempFolder: tmpdir() });
after(() => analytics[Symbol.asyncDispose]());

const zone = createZone('America/New_York');
const columns: Readonly<Record<string, ValueType>> = {
  a: 'int',
  b: 'int',
  x: 'float',
  y: 'float',
  p: 'bool',
  q: 'bool',
  s: 'string',
  t: 'time',
  u: 'time',
};
const names = new Map<string, Typed>(Object.entries(columns).map(([name, type]) => [name, reference(name, type)]));
const typeOf = (text: string): Typed =>
  typeExpression(parseExpression(text, [text]), { place: [text], subject: 'columns', names, zone });

interface Row {
  readonly [column: string]: number | string | null;
}
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { freq: 6 });
const int = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.maxSafeInteger());
const float = fc
  .oneof(
    fc.constantFrom(0, 0.5, -0.5, 1.5, 1e308, -1e308, 1e-320, 0.1),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  )
  .map((value) => value + 0);
const dstEdge = Date.UTC(2013, 2, 10, 7) * 1000;
const time = fc.oneof(
  fc.integer({ min: dstEdge - 2, max: dstEdge + 2 }),
  fc.integer({ min: 86_400_000_000, max: 4_102_444_799_999_999 }),
);
const bit = fc.constantFrom(0, 1);
const row: fc.Arbitrary<Row> = fc.record({
  a: maybe(int),
  b: maybe(int),
  x: maybe(float),
  y: maybe(float),
  p: maybe(bit),
  q: maybe(bit),
  s: maybe(fc.constantFrom('', 'A', "it's")),
  t: maybe(time),
  u: maybe(time),
});

/** Text of a random expression of a type. */
const { ints, floats, bools } = fc.letrec<{ ints: string; floats: string; bools: string }>((tie) => {
  const two = (parts: readonly string[], kind: 'ints' | 'floats' | 'bools'): fc.Arbitrary<string> =>
    fc
      .tuple(fc.constantFrom(...parts), tie(kind), tie(kind))
      .map(([part, l, r]) => part.replace('L', l).replace('R', r));
  const choice = (kind: 'ints' | 'floats' | 'bools'): fc.Arbitrary<string> =>
    fc.tuple(tie('bools'), tie(kind), tie(kind)).map(([c, l, r]) => `if(${c}, ${l}, ${r})`);
  return {
    ints: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      fc.constantFrom(
        'a',
        'b',
        '3',
        '-7',
        '0',
        'minute_of_day(t)',
        'isodow(t)',
        'hour_of_day(u)',
        'minutes(t - u)',
        'days(u - t)',
        'seconds(t - floor_hour(t))',
        'minutes(2h * b)',
      ),
      two(
        ['(L + R)', '(L - R)', '(L * R)', 'div(L, R)', '(L % R)', 'least(L, R)', 'greatest(L, R)', 'coalesce(L, R)'],
        'ints',
      ),
      choice('ints'),
      fc.tuple(fc.constantFrom('floor', 'ceil', 'int', 'round'), tie('floats')).map(([f, x]) => `${f}(${x})`),
      tie('bools').map((p) => `int(${p})`),
      tie('ints').map((i) => `abs(-${i.startsWith('-') ? `(${i})` : i})`),
    ),
    floats: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      fc.constantFrom('x', 'y', '0.23', '-1.5', '0.0', '((t - u) / 1h)'),
      two(['(L + R)', '(L - R)', '(L * R)', '(L / R)', 'least(L, R)', 'greatest(L, R)', 'coalesce(L, R)'], 'floats'),
      two(['(L / R)'], 'ints'),
      choice('floats'),
      tie('floats').map((x) => `sqrt(${x})`),
      tie('ints').map((i) => `float(${i})`),
    ),
    bools: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      fc.constantFrom(
        'p',
        'q',
        'true',
        "(s = 'A')",
        "(s in ('A', 'B'))",
        '(s is null)',
        '(t > u)',
        "(coalesce(s, 'A') != 'A')",
        "(s not in (''))",
        "(if(p, s, 'A') = s)",
      ),
      two(['(L and R)', '(L or R)', '(L = R)'], 'bools'),
      two(['(L < R)', '(L >= R)', '(L != R)'], 'ints'),
      two(['(L <= R)', '(L = R)'], 'floats'),
      tie('bools').map((p) => `(not ${p})`),
      tie('ints').map((i) => `(${i} is not null)`),
      tie('ints').map((i) => `(${i} in (1, 2, 3))`),
    ),
  };
});

function javascript(typed: Typed, rows: readonly Row[]): number[] {
  const numbers = Object.keys(columns).filter((name) => columns[name] !== 'string');
  const fn = compileNumber(typed, { zone, slotOf: (name) => (name === 's' ? 0 : numbers.indexOf(name)) });
  return rows.map((values) => {
    const env: Env = {
      numbers: Float64Array.from(numbers, (name) => (values[name] ?? Number.NaN) as number),
      texts: [values['s'] as string | null],
    };
    return fn(env);
  });
}

function tableSql(rows: readonly Row[]): string {
  const sqlTypes = {
    int: 'BIGINT',
    float: 'DOUBLE',
    bool: 'BOOLEAN',
    string: 'VARCHAR',
    time: 'BIGINT',
    duration: 'BIGINT',
    null: 'BIGINT',
  };
  const cell = (value: number | string | null, type: ValueType): string => {
    if (value === null) return `CAST(NULL AS ${sqlTypes[type]})`;
    if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
    return type === 'bool' ? String(value === 1) : `CAST('${value}' AS ${sqlTypes[type]})`;
  };
  const lines = rows.map(
    (values, i) =>
      `(${i}, ${Object.entries(columns)
        .map(([name, type]) => cell(values[name] ?? null, type))
        .join(', ')})`,
  );
  return `(VALUES ${lines.join(', ')}) AS r(i, ${Object.keys(columns).join(', ')})`;
}

test('random expressions: the closures and DuckDB give the same bits', async () => {
  const property = fc.asyncProperty(
    fc.array(fc.oneof(ints, floats, bools), { minLength: 6, maxLength: 6 }),
    fc.array(row, { minLength: 25, maxLength: 25 }),
    async (texts, rows) => {
      const typed = texts.map(typeOf);
      const select = typed.map((value, i) => {
        const sql = compileSql(value, { zone, nameOf: (name) => name });
        return `CAST(${value.type === 'bool' ? `CAST(${sql} AS INTEGER)` : sql} AS DOUBLE) AS v${i}`;
      });
      const answers = await analytics.rows<Record<string, number | null>>(
        `SELECT ${select.join(', ')} FROM ${tableSql(rows)} ORDER BY i`,
      );
      typed.forEach((value, e) => {
        const mine = javascript(value, rows);
        answers.forEach((answer, r) => {
          const theirs = answer[`v${e}`] ?? Number.NaN;
          // Negative zero is normalised where a value leaves its view.
          assert.ok(
            Object.is((mine[r] ?? 0) + 0, theirs + 0),
            `${texts[e]} on ${JSON.stringify(rows[r])}: ${mine[r]} here, ${theirs} in DuckDB`,
          );
        });
      });
    },
  );
  await fc.assert(property, { numRuns: Number(process.env['SLIPWAY_TEST_RUNS'] ?? 12), seed: 7, endOnFailure: true });
});

test('null, division and ranges follow the stated rules', () => {
  const value = (text: string, values: Row = {}): number => javascript(typeOf(text), [values])[0] ?? 0;
  const cases: readonly (readonly [string, number])[] = [
    ['1 + null', Number.NaN],
    ['greatest(1, null)', Number.NaN],
    ['false and null', 0],
    ['true or null', 1],
    ['true and null', Number.NaN],
    ['1 / 0', Number.NaN],
    ['0.0 / 0.0', Number.NaN],
    ['7 / 2', 3.5],
    ['div(-7, 2)', -3],
    ['-7 % 2', -1],
    ['1e308 * 10.0', Number.NaN],
    ['9007199254740991 + 1', Number.NaN],
    ['9007199254740991 * 9007199254740991', Number.NaN],
    ['round(2.5)', 3],
    ['round(-2.5)', -2],
    ['if(null, 1, 2)', 2],
    ['minutes(90s)', 1],
    ['minutes(-90s)', -1],
    ['sqrt(-1.0)', Number.NaN],
    ['a is null', 1],
    ['0 * -5', 0],
  ];
  for (const [text, expected] of cases) assert.ok(Object.is(value(text), expected), `${text} is ${value(text)}`);
});

test('wrong types and names are refused with a remedy', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['nope + 1', /"nope" is not among the columns.*Use a, b/],
    ['s < s', /orders strings/],
    ['t + t', /time \+ time, which has no meaning/],
    ['a and p', /is int where bool is needed/],
    ['exp(x)', /differs in the last bit between engines/],
    ['frobnicate(x)', /unknown function frobnicate.*Functions: abs/],
    ['least(1)', /1 arguments.*takes 2 to 20/],
    ["a = 's'", /mixes int and string/],
    ['mean(x) over 3h', /is an aggregate/],
  ];
  for (const [text, message] of cases) assert.throws(() => typeOf(text), message, text);
});

test('local time equals what Intl says, at every change of the clocks and between', () => {
  for (const name of ['America/New_York', 'Europe/Berlin', 'Asia/Kolkata', 'Australia/Lord_Howe', 'UTC']) {
    const table = createZone(name);
    const offset = createOffsetLookup(table);
    const format = new Intl.DateTimeFormat('en-GB', {
      timeZone: name,
      hourCycle: 'h23',
      hour: '2-digit',
      minute: '2-digit',
    });
    const check = (ms: number): void => {
      const local = new Date(ms + offset(ms * 1000) / 1000).toISOString().slice(11, 16);
      assert.equal(local, format.format(ms), `${name} at ${new Date(ms).toISOString()}`);
    };
    for (const start of table.startsUs)
      for (const delta of [-1, 0, 1]) if (start > 86_400_000_000) check(start / 1000 + delta * 1000);
    for (let ms = Date.UTC(1999, 0, 1); ms < Date.UTC(2040, 0, 1); ms += 40_000_000_00) check(ms);
  }
  assert.ok(Number.isNaN(createOffsetLookup(zone)(0)), 'outside the table');
});
