import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SlipwayError } from '@slipway/contract';
import type { Filter, FilterLanguage } from './search-filter.ts';
import { comparisonsMax, depthMax, parseFilter, parseOrderKey } from './search-filter.ts';

const language: FilterLanguage = {
  entities: { metrics: 'metric', metric: 'metric', params: 'param', tags: 'tag', attributes: 'attribute' },
  defaultEntity: 'attribute',
};
const parse = (text: string): Filter | undefined => parseFilter(text, language);

const cases: readonly (readonly [string, unknown])[] = [
  ['metrics.auc > 0.7', { entity: 'metric', key: 'auc', test: { op: '>', value: 0.7 } }],
  ['METRICS.auc>=-1e-3', { entity: 'metric', key: 'auc', test: { op: '>=', value: -0.001 } }],
  ["params.model = 'gbt'", { entity: 'param', key: 'model', test: { op: '=', value: 'gbt' } }],
  ['params.model != "g\'b"', { entity: 'param', key: 'model', test: { op: '!=', value: "g'b" } }],
  ["tags.mlflow.user LIKE '%a'", { entity: 'tag', key: 'mlflow.user', test: { op: 'like', value: '%a' } }],
  ["tags.`a b.c` ilike 'x'", { entity: 'tag', key: 'a b.c', test: { op: 'ilike', value: 'x' } }],
  ['tags."a b" is not null', { entity: 'tag', key: 'a b', test: { op: 'is not null' } }],
  ["run_id in ('a', 'b')", { entity: 'attribute', key: 'run_id', test: { op: 'in', values: ['a', 'b'] } }],
  ["run_id NOT IN ('a',)", { entity: 'attribute', key: 'run_id', test: { op: 'not in', values: ['a'] } }],
  ["`run name` = 'x'", { entity: 'attribute', key: 'run name', test: { op: '=', value: 'x' } }],
  ['metrics.val/auc-2 < 1', { entity: 'metric', key: 'val/auc-2', test: { op: '<', value: 1 } }],
  ['metrics.top.5 < 1', { entity: 'metric', key: 'top.5', test: { op: '<', value: 1 } }],
];
for (const [text, want] of cases) {
  test(`filter ${text}`, () => {
    const got = parse(text);
    assert.ok(got?.kind === 'comparison');
    assert.deepEqual({ entity: got.entity, key: got.key, test: got.test }, want);
  });
}

test('AND binds tighter than OR, NOT tighter than both, parentheses decide', () => {
  const shape = (f: Filter | undefined): unknown =>
    f === undefined
      ? '-'
      : f.kind === 'comparison'
        ? f.key
        : f.kind === 'not'
          ? ['not', shape(f.part)]
          : [f.kind, ...f.parts.map(shape)];
  assert.deepEqual(shape(parse('a = 1 or b = 1 and not c = 1')), ['or', 'a', ['and', 'b', ['not', 'c']]]);
  assert.deepEqual(shape(parse('(a = 1 or b = 1) and c = 1')), ['and', ['or', 'a', 'b'], 'c']);
  assert.deepEqual(shape(parse('  ')), '-');
});

for (const text of [
  'metrics.auc',
  'metrics.auc >',
  'metrics.auc > gbt',
  'metrics. > 1',
  'metrics.auc > 1 and',
  'metrics.auc > 1 params.x = 1',
  '(metrics.auc > 1',
  'metrics.auc > 1)',
  'nothing.auc > 1',
  "constructor.auc = 'x'",
  "run_id in 'a'",
  'run_id in ()',
  'a = 1; drop table tracking_run',
  "a = 'open",
  'a is maybe',
  '(a = 1 or '.repeat(depthMax + 2) + 'a = 1' + ')'.repeat(depthMax + 2),
  'not '.repeat(depthMax * 3) + 'a = 1',
  Array.from({ length: comparisonsMax + 1 }, () => 'a = 1').join(' and '),
]) {
  test(`filter refused: ${text.slice(0, 40)}`, () => {
    assert.throws(
      () => parse(text),
      (error) => error instanceof SlipwayError && error.code === 'filter_invalid',
    );
  });
}

test('order keys', () => {
  assert.deepEqual(parseOrderKey('metrics.`a b` DESC', language), { entity: 'metric', key: 'a b', ascending: false });
  assert.deepEqual(parseOrderKey('start_time', language), { entity: 'attribute', key: 'start_time', ascending: true });
  assert.throws(() => parseOrderKey('start_time upwards', language), { code: 'order_invalid' });
  assert.throws(() => parseOrderKey('', language), { code: 'order_invalid' });
});

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const show = (f: Filter): string => {
  if (f.kind === 'not') return `not (${show(f.part)})`;
  if (f.kind !== 'comparison') return f.parts.map((p) => `(${show(p)})`).join(` ${f.kind} `);
  const field = `${f.entity === 'metric' ? 'metrics' : 'tags'}.\`${f.key}\``;
  const value = (v: string | number): string => (typeof v === 'number' ? String(v) : quote(v));
  if ('values' in f.test) return `${field} ${f.test.op} (${f.test.values.map(value).join(', ')})`;
  return 'value' in f.test ? `${field} ${f.test.op} ${value(f.test.value)}` : `${field} ${f.test.op}`;
};
const bare = (f: Filter): unknown =>
  f.kind === 'comparison'
    ? { entity: f.entity, key: f.key, test: f.test }
    : f.kind === 'not'
      ? { not: bare(f.part) }
      : { [f.kind]: f.parts.map(bare) };

test('what is written is what is read', () => {
  const value = fc.oneof(
    fc.string(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n)),
  );
  const comparison = fc
    .record({
      entity: fc.constantFrom('metric', 'tag'),
      key: fc.string({ minLength: 1 }).filter((k) => !k.includes('`')),
      test: fc.oneof(
        fc.record({ op: fc.constantFrom('=', '!=', '<', '<=', '>', '>=', 'like', 'ilike'), value }),
        fc.record({ op: fc.constantFrom('in', 'not in'), values: fc.array(value, { minLength: 1, maxLength: 3 }) }),
        fc.record({ op: fc.constantFrom('is null', 'is not null') }),
      ),
    })
    .map((c) => ({ kind: 'comparison', position: 0, ...c, test: { ...c.test } }) as Filter);
  const { tree } = fc.letrec<{ tree: Filter }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      comparison,
      fc.record({ kind: fc.constant('not' as const), part: tie('tree') }),
      fc.record({
        kind: fc.constantFrom('and' as const, 'or' as const),
        parts: fc.array(tie('tree'), { minLength: 2, maxLength: 3 }),
      }),
    ),
  }));
  fc.assert(
    fc.property(tree, (filter) => {
      const read = parse(show(filter));
      assert.ok(read);
      assert.deepEqual(bare(read), bare(filter));
    }),
    { numRuns: 300 },
  );
});

test('any text either parses or is refused with filter_invalid', () => {
  const word = fc.constantFrom(
    'metrics',
    '.',
    'auc',
    '=',
    "'x'",
    '(',
    ')',
    'and',
    'or',
    'not',
    'in',
    '1',
    '`',
    '"',
    ',',
    'is',
    'null',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(word, { maxLength: 15 }).map((w) => w.join(' ')),
      ),
      (text) => {
        try {
          parse(text);
        } catch (error) {
          assert.ok(error instanceof SlipwayError && error.code === 'filter_invalid', String(error));
        }
      },
    ),
    { numRuns: 2000 },
  );
});
