import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SlipwayError } from '@slipway/contract';
import { parseSuite, parseSuiteSpec } from './suite.ts';

const suite = (expectations: unknown[], table: Record<string, unknown> = {}): unknown => ({
  tables: { t: { ...table, expectations } },
});
const good = { type: 'expect_column_values_to_not_be_null', column: 'a' };

test('a wrong suite is refused with the path of what is wrong', () => {
  const cases: readonly [unknown, string, RegExp][] = [
    [null, '(the whole suite)', /object/],
    [{ tables: {} }, 'tables', /at least one table/],
    [suite([]), 'tables.t.expectations', />=1|at least|small/i],
    [suite([{ column: 'a' }]), 'tables.t.expectations.0.type', /there is no expectation "undefined"/],
    [
      suite([{ type: 'expect_column_value_to_not_be_null', column: 'a' }]),
      'tables.t.expectations.0.type',
      /did you mean expect_column_values_to_not_be_null\?/,
    ],
    [suite([{ ...good, mostly: 1.2 }]), 'tables.t.expectations.0.mostly', /<=1/],
    [suite([{ ...good, colunm: 'b' }]), 'tables.t.expectations.0', /colunm/],
    [suite([good], { computed: { x: 'a +' } }), 'tables.t.computed.x', /expected a value/],
    [suite([good], { computed: { x: { previous: 'a' } } }), 'tables.t.computed.x.order', /string/],
    [suite([{ ...good, where: 'a >' }]), 'tables.t.expectations.0.where', /expected a value/],
    [
      suite([{ type: 'expect_row_condition', condition: 'a b' }]),
      'tables.t.expectations.0.condition',
      /expected an operator/,
    ],
    [
      suite([{ type: 'expect_column_values_to_be_between', column: 'a' }]),
      'tables.t.expectations.0',
      /needs min_value, max_value or both/,
    ],
    [
      suite([{ type: 'expect_column_mean_to_be_between', column: 'a', bounds: { x: [1, 2] } }]),
      'tables.t.expectations.0.bounds',
      /group_by/,
    ],
    [
      suite([
        { ...good, id: 'x' },
        { ...good, id: 'x' },
      ]),
      'tables.t.expectations.1.id',
      /used twice/,
    ],
    [{ tables: { t: { expectations: [good] } }, eahc: 'file' }, '(the whole suite)', /eahc/],
  ];
  for (const [value, path, problem] of cases) {
    assert.throws(
      () => parseSuite(parseSuiteSpec(value)),
      (e) => {
        assert.ok(e instanceof SlipwayError, String(e));
        assert.equal(e.code, 'suite_invalid');
        assert.equal(e.details['path'], path, e.message);
        assert.match(String(e.details['problem']), problem);
        return true;
      },
    );
  }
});

test('ids are made from table, column and type, and stay unique', () => {
  const parsed = parseSuite(parseSuiteSpec(suite([good, good, { ...good, id: 'own' }])));
  assert.deepEqual(
    parsed.tables[0]?.rules.map((r) => r.id),
    ['t.a.column_values_to_not_be_null', 't.a.column_values_to_not_be_null.2', 'own'],
  );
});
