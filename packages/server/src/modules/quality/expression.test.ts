import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Expr } from './expression.ts';
import { columnsOf, ExpressionError, expressionSql, parseExpression } from './expression.ts';

test('what is printed groups as written, and every name is quoted', () => {
  const cases: readonly [string, string][] = [
    ['a > 15', '("a" > CAST(15 AS BIGINT))'],
    ['distance / air_time * 60', '(("distance" / "air_time") * CAST(60 AS BIGINT))'],
    ['a or b and not c', '("a" or ("b" and (NOT "c")))'],
    ['-a // 100 % 7', '(((- "a") // CAST(100 AS BIGINT)) % CAST(7 AS BIGINT))'],
    ['a - b - c', '(("a" - "b") - "c")'],
    ['a -- b', '("a" - (- "b"))'],
    ["x in ('a', 'it''s')", `("x" IN ('a', 'it''s'))`],
    ['a not between 1 and 2 + 3', '("a" NOT BETWEEN CAST(1 AS BIGINT) AND (CAST(2 AS BIGINT) + CAST(3 AS BIGINT)))'],
    ['(a is null) = (b is not null)', '(("a" IS NULL) = ("b" IS NOT NULL))'],
    ["a matches '^N'", `(regexp_matches("a", '^N'))`],
    ['"odd ""name" == 1.5', '("odd ""name" = CAST(1.5 AS DOUBLE))'],
    ['if(a > 1, b, null)', '(CASE WHEN ("a" > CAST(1 AS BIGINT)) THEN "b" ELSE NULL END)'],
    ["local(t, 'America/New_York')", `((("t" AT TIME ZONE 'UTC') AT TIME ZONE 'America/New_York'))`],
    ['Select', '"Select"'],
  ];
  for (const [source, sql] of cases) assert.equal(expressionSql(parseExpression(source)), sql, source);
});

test('what is not an expression is refused with its place', () => {
  const cases: readonly [string, RegExp][] = [
    ['', /expected a value at character 1, found the end/],
    ['a >', /expected a value at character 4/],
    ['a = b = c', /expected an operator at character 6/],
    ['a; drop table x', /unexpected ";" at character 2/],
    ['a /* b */', /expected a value at character 4/],
    ["a = 'open", /unexpected "'" at character 5/],
    ['read_csv(1)', /there is no function "read_csv" \(character 1\)/],
    ['abs(1, 2)', /abs\(\) takes 1 values, not 2/],
    ["local(t, 'Mars/Base')", /IANA time zone/],
    ['local(t, zone)', /IANA time zone/],
    ['a in (1', /expected "\)"/],
    ['a not b', /"in", "between" or "matches"/],
    ['and', /expected a value/],
    [`${'('.repeat(80)}a${')'.repeat(80)}`, /nested deeper than 64/],
    [`${'not '.repeat(80)}a`, /nested deeper than 64/],
    [`${'- '.repeat(80)}a`, /nested deeper than 64/],
    [Array.from({ length: 600 }, () => 'a').join('+'), /more than 500/],
  ];
  for (const [source, message] of cases) {
    assert.throws(
      () => parseExpression(source),
      (e) => e instanceof ExpressionError && message.test(e.message),
      source,
    );
  }
});

const leaf: fc.Arbitrary<Expr> = fc.oneof(
  fc.integer({ min: 0, max: 1e9 }).map((n): Expr => ({ kind: 'number', text: String(n) })),
  fc.string({ maxLength: 8 }).map((value): Expr => ({ kind: 'text', value })),
  fc.string({ minLength: 1, maxLength: 8 }).map((name): Expr => ({ kind: 'column', name })),
  fc
    .constantFrom('true' as const, 'false' as const, 'null' as const)
    .map((value): Expr => ({ kind: 'constant', value })),
);
const { expr } = fc.letrec<{ expr: Expr }>((tie) => ({
  expr: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc
      .record({
        op: fc.constantFrom('and', 'or', '=', '<>', '<', '>=', '+', '-', '*', '/', '//', '%'),
        left: tie('expr'),
        right: tie('expr'),
      })
      .map((x): Expr => ({ kind: 'binary', ...x })),
    fc
      .record({ op: fc.constantFrom('-' as const, 'not' as const), arg: tie('expr') })
      .map((x): Expr => ({ kind: 'unary', ...x })),
    fc.record({ arg: tie('expr'), negated: fc.boolean() }).map((x): Expr => ({ kind: 'isNull', ...x })),
    fc
      .record({ arg: tie('expr'), low: tie('expr'), high: tie('expr'), negated: fc.boolean() })
      .map((x): Expr => ({ kind: 'between', ...x })),
    fc
      .record({ arg: tie('expr'), items: fc.array(tie('expr'), { minLength: 1, maxLength: 3 }), negated: fc.boolean() })
      .map((x): Expr => ({ kind: 'in', ...x })),
    fc
      .array(tie('expr'), { minLength: 1, maxLength: 3 })
      .map((args): Expr => ({ kind: 'call', name: 'coalesce', args })),
  ),
}));

/** Writes an expression in the language, fully parenthesised. */
function source(e: Expr): string {
  const not = (negated: boolean): string => (negated ? 'not ' : '');
  switch (e.kind) {
    case 'number':
      return e.text;
    case 'text':
      return `'${e.value.replaceAll("'", "''")}'`;
    case 'constant':
      return e.value;
    case 'column':
      return `"${e.name.replaceAll('"', '""')}"`;
    case 'call':
      return `${e.name}(${e.args.map(source).join(', ')})`;
    case 'unary':
      return `(${e.op} ${source(e.arg)})`;
    case 'binary':
      return `(${source(e.left)} ${e.op} ${source(e.right)})`;
    case 'isNull':
      return `(${source(e.arg)} is ${not(e.negated)}null)`;
    case 'in':
      return `(${source(e.arg)} ${not(e.negated)}in (${e.items.map(source).join(', ')}))`;
    case 'between':
      return `(${source(e.arg)} ${not(e.negated)}between ${source(e.low)} and ${source(e.high)})`;
    case 'matches':
      return `(${source(e.arg)} ${not(e.negated)}matches '${e.regex}')`;
  }
}

test('every expression survives being written and parsed again', () => {
  fc.assert(
    fc.property(expr, (e) => {
      fc.pre(source(e).length < 1500);
      assert.deepEqual(parseExpression(source(e)), e);
    }),
    { numRuns: 300 },
  );
});

test('arbitrary text is parsed or refused, never anything else', () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 60, unit: fc.constantFrom(...`ab1.'"()+-*/%<>=!, \n;inotrdul`.split('')) }),
      (text) => {
        try {
          parseExpression(text);
        } catch (cause) {
          assert.ok(cause instanceof ExpressionError, String(cause));
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('columns are named once, in order', () => {
  const names = [...columnsOf(parseExpression("hour(local(t, 'UTC')) = h and (a in (b, 1) or a between t and c)"))];
  assert.deepEqual(names, ['t', 'h', 'a', 'b', 'c']);
});
