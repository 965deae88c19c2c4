import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entityCandidates } from './decide.ts';

const rowCount = 3600;
const column = (name: string, distinct: number, kind: 'text' | 'number' = 'text', missing = 0) => ({
  name,
  kind,
  type: kind === 'text' ? 'VARCHAR' : 'BIGINT',
  missing,
  distinct,
  words: 1,
});
const chosen = (...columns: ReturnType<typeof column>[]): (string | undefined)[] =>
  entityCandidates({ columns, rowCount }, new Set(['asked'])).map(({ name }) => name);

test('rows belong to what a name says, else to texts of many values', () => {
  assert.deepEqual(chosen(column('pump', 60), column('fluid', 3), column('paid', 200, 'number')), ['pump']);
  assert.deepEqual(chosen(column('town', 300), column('carrier', 16), column('customerId', 90)), [
    'customerId',
    'carrier',
  ]);
  assert.deepEqual(chosen(column('fluid', 3), column('grade', 12)), [], 'few values of a name that says nothing');
  assert.deepEqual(chosen(column('customer', 3000), column('asked', 60), column('shop', 60, 'text', 5)), []);
});
