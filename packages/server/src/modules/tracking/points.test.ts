import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { pointAt, pointColumns } from './points.ts';

const point = fc.record(
  {
    key: fc.constantFrom('a', 'b', 'c/d'),
    value: fc.double(),
    step: fc.maxSafeInteger(),
    at: fc.maxSafeNat(),
  },
  { noNullPrototype: true },
);

test('columns hold every point, keys together and in the order in which they came', () => {
  fc.assert(
    fc.property(fc.array(point, { maxLength: 200 }), (points) => {
      const columns = pointColumns(points);
      const keys = [...new Set(points.map((p) => p.key))];
      assert.deepEqual(columns.keys, keys);
      const grouped = keys.flatMap((key) => points.filter((p) => p.key === key));
      assert.deepEqual(
        Array.from(columns.key, (_, i) => pointAt(columns, i)),
        grouped,
      );
    }),
  );
});
