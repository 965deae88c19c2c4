import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SlipwayError } from '@slipway/contract';
import fc from 'fast-check';
import type { Expression } from './expression.ts';
import { parseExpression, printExpression } from './expression.ts';

const canonical = (text: string): string => printExpression(parseExpression(text, ['here']));

test('spaces, units and quotes do not change the canonical text', () => {
  assert.equal(
    canonical('rate( late )over 3h   smooth .5 weight 10'.replace('.5', '0.5')),
    canonical('rate(late) over 180m smooth 0.5 weight 10'),
  );
  assert.equal(canonical('a<>b'), canonical('(a) != "b"'));
  assert.notEqual(canonical('mean(x) over 3h'), canonical('mean(x) over 4h'));
});

test('operators bind as written in the grammar', () => {
  assert.equal(canonical('1 + 2 * 3'), '(1 + (2 * 3))');
  assert.equal(canonical('a - b - c'), '((a - b) - c)');
  assert.equal(canonical('not a = 1 and b or c'), '(((not (a = 1)) and b) or c)');
  assert.equal(canonical('a is not null and b not in (1, 2)'), '((a is not null) and (b not in (1, 2)))');
  assert.equal(canonical('-x * 2'), '(-(x) * 2)');
  assert.equal(canonical("name = 'it''s'"), "(name = 'it''s')");
  assert.equal(canonical('100 * (rate(late) over 3h)'), '(100 * rate(late) over 10800000000us)');
});

test('a wrong text says where, what and how to mend it', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /is empty/],
    ['a +', /an end at character 4 where a value/],
    ['a b', /"b" at character 3 where the end/],
    ['mean(x) over three', /"three" at character 14 where a duration/],
    ['count() over 99999d', /longer than ten years/],
    ['1h30', /"1h30".*is not a duration/],
    ['a ; b', /unexpected "; b" at character 3/],
    ['99999999999999999999', /outside ±\(2\^53 - 1\)/],
    ['in', /where a value/],
    ['x in ()', /at least one literal/],
    [`${'('.repeat(60)}a${')'.repeat(60)}`, /nests deeper/],
    ['a'.repeat(5000), /longer than 4000/],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => parseExpression(text, ['views', 'v']),
      (error: unknown) => {
        assert.ok(error instanceof SlipwayError && error.code === 'features_invalid', text);
        assert.match(error.message, message);
        assert.match(error.message, /^In views\.v: /);
        return true;
      },
    );
  }
});

const leaf: fc.Arbitrary<Expression> = fc.oneof(
  fc.integer().map((value): Expression => ({ kind: 'literal', type: 'int', value: Math.abs(value) })),
  fc
    .double({ noNaN: true, noDefaultInfinity: true, min: 0 })
    .map((value): Expression => ({ kind: 'literal', type: 'float', value: value + 0.25 })),
  fc.string().map((value): Expression => ({ kind: 'literal', type: 'string', value: value.replaceAll('\n', '') })),
  fc.constantFrom('a', 'null', 'over', 'two words', 'q"').map((name): Expression => ({ kind: 'name', name })),
);
const { tree } = fc.letrec<{ tree: Expression }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.record(
      {
        kind: fc.constant('binary' as const),
        operator: fc.constantFrom('+' as const, '*' as const, 'and' as const, '<=' as const),
        left: tie('tree'),
        right: tie('tree'),
      },
      { noNullPrototype: true },
    ),
    fc.record(
      { kind: fc.constant('isNull' as const), negated: fc.boolean(), operand: tie('tree') },
      { noNullPrototype: true },
    ),
    fc.record(
      {
        kind: fc.constant('call' as const),
        name: fc.constant('least'),
        args: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }),
      },
      { noNullPrototype: true },
    ),
    fc.record(
      {
        kind: fc.constant('aggregate' as const),
        name: fc.constant('mean'),
        args: fc.array(tie('tree'), { minLength: 1, maxLength: 1 }),
        clauses: fc.record({ overUs: fc.integer({ min: 1, max: 1e9 }), where: tie('tree') }, { noNullPrototype: true }),
      },
      { noNullPrototype: true },
    ),
  ),
}));

test('printing and parsing are inverse', () => {
  fc.assert(
    fc.property(tree, (value) => assert.deepEqual(parseExpression(printExpression(value), []), value)),
    { numRuns: 300 },
  );
});
