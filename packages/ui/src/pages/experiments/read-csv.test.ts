import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { csvOf } from '../../components/csv.ts';
import { readCsv } from './read-csv.ts';

test('what was written is read', () => {
  const cell = fc
    .string({ unit: fc.constantFrom('a', '"', ',', '\n', ' ', 'é', '\r\n') })
    .filter((s) => !/^[\r\n]/.test(s));
  const grid = fc
    .integer({ min: 1, max: 4 })
    .chain((n) => fc.array(fc.array(cell, { minLength: n, maxLength: n }), { minLength: 1, maxLength: 6 }));
  fc.assert(
    fc.property(grid, ([head = [], ...rows]) => {
      // A row of one empty cell is an empty line: no reader can tell it from none.
      fc.pre([head, ...rows].every((row) => row.length > 1 || row[0] !== ''));
      const table = readCsv(csvOf({ head, rows }), ',', 100);
      assert.deepEqual([table.head, table.rows, table.isCut], [head, rows, false]);
    }),
  );
});

test('only the first rows are read, and it says so', () => {
  const text = `a,b\n${'1,2\n'.repeat(50)}`;
  assert.deepEqual([readCsv(text, ',', 10).rows.length, readCsv(text, ',', 10).isCut], [10, true]);
  assert.deepEqual([readCsv(text, ',', 50).rows.length, readCsv(text, ',', 50).isCut], [50, false]);
  assert.deepEqual(readCsv('a\tb\n1\t"x\ty"', '\t', 5).rows, [['1', 'x\ty']]);
  assert.deepEqual(readCsv('', ',', 5), { head: [], rows: [], isCut: false });
});
