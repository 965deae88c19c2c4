import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Completion } from './completion.ts';
import { completionAt, operatorsOf, quotedText, unquotedText } from './completion.ts';

/** The caret stands at the end. */
const at = (text: string): Completion => completionAt(text, text.length);

const cases: readonly (readonly [text: string, wants: Completion['wants'], typed: string, field?: string])[] = [
  ['', 'field', ''],
  ['met', 'field', 'met'],
  ['metrics.a', 'field', 'metrics.a'],
  ['metrics.`val lo', 'field', 'metrics.`val lo'],
  ['metrics.auc ', 'operator', '', 'metric auc'],
  ['metrics.`val loss` ', 'operator', '', 'metric val loss'],
  ['metrics.auc >', 'value', '', 'metric auc'],
  ['metrics.auc>0.', 'value', '0.', 'metric auc'],
  ['metrics.auc > 0.7 ', 'connective', '', 'metric auc'],
  ['metrics.auc > 0.7 a', 'connective', 'a', 'metric auc'],
  ['metrics.auc > 0.7 and ', 'field', ''],
  ['params.model = ', 'value', '', 'param model'],
  ["params.model = 'g", 'value', "'g", 'param model'],
  ["params.model = 'gbt'", 'connective', '', 'param model'],
  ["params.model in ('a', ", 'value', '', 'param model'],
  ["params.model in ('a', 'b') ", 'connective', '', 'param model'],
  ['not (tags.kind is not null) or na', 'field', 'na'],
  ['status n', 'operator', 'n', 'attribute status'],
  ["name = 'it''s' and s", 'field', 's'],
];

for (const [text, wants, typed, field] of cases) {
  test(`${text || 'nothing'}: ${wants}`, () => {
    const found = at(text);
    assert.equal(found.wants, wants);
    assert.equal(found.typed, typed);
    assert.equal(found.from, text.length - typed.length);
    if (field !== undefined) assert.equal(`${found.field?.kind ?? ''} ${found.field?.key ?? ''}`, field);
  });
}

test('the caret may stand anywhere in any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(), (text, n) => {
      const caret = n % (text.length + 1);
      const { from, typed } = completionAt(text, caret);
      assert.equal(text.slice(from, caret), typed);
    }),
  );
});

test('a text survives its quotes', () => {
  fc.assert(
    fc.property(
      fc.string().filter((s) => !/^['"]|['"]$/.test(s)),
      (text) => assert.equal(unquotedText(quotedText(text)), text),
    ),
  );
});

test('numbers are not compared like texts', () => {
  assert.ok(!operatorsOf({ kind: 'metric', key: 'auc' }).includes('like'));
  assert.ok(!operatorsOf({ kind: 'attribute', key: 'startedAt' }).includes('like'));
  assert.ok(operatorsOf({ kind: 'param', key: 'rate' }).includes('is null'));
});
