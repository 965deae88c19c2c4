import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ScoringRefusal } from './errors.ts';
import { parseInvocation } from './invocation.ts';
import { schemaOf } from './schema.ts';

const inputs = {
  columns: [
    { name: 'a', type: 'number' as const },
    { name: 'b', type: 'text' as const },
  ],
  usesFeatures: false,
};
const schemas = [
  schemaOf(inputs, undefined),
  schemaOf(inputs, {
    inputs: [
      { name: 'a', type: 'long', required: false },
      { name: 'b', type: 'string' },
    ],
    params: [{ name: 'cut', type: 'double', default: 0.5 }],
  }),
  schemaOf({ ...inputs, usesFeatures: true }, undefined),
];

/** Instances whose every value is a scalar of its column's type, or a refusal; nothing else. */
function check(bytes: Uint8Array, isCsv: boolean): void {
  for (const schema of schemas) {
    try {
      for (const { inputs: row } of parseInvocation({ bytes, isCsv }, schema)) {
        for (const { name } of schema.columns) assert.ok(Object.hasOwn(row, name), name);
        assert.ok(row['a'] === null || typeof row['a'] === 'number');
        assert.ok(row['b'] === null || typeof row['b'] === 'string');
      }
    } catch (error) {
      if (!(error instanceof ScoringRefusal)) throw error;
      assert.ok(error.message.length < 1000, error.message);
    }
  }
}

const cell = fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.constantFrom('a', 'b', '1', 'NaN', 1, 0.5, null, true));
const name = fc.constantFrom('a', 'b', 'c', '__proto__', '');
const row = fc.dictionary(name, cell);
const rows = fc.array(fc.oneof(row, fc.array(cell), cell), { maxLength: 5 });
const table = fc.oneof(
  rows,
  fc.dictionary(name, fc.oneof(cell, fc.array(cell, { maxLength: 3 }))),
  fc.record({ columns: fc.array(name), data: rows, index: fc.array(cell) }, { requiredKeys: [] }),
);
const body = fc.record(
  { dataframe_split: table, dataframe_records: table, instances: table, inputs: table, params: fc.oneof(row, cell) },
  { requiredKeys: [] },
);
const one = fc
  .tuple(fc.constantFrom('dataframe_split', 'dataframe_records', 'instances', 'inputs'), table)
  .map(([form, value]) => ({ [form]: value }));

test('any JSON is instances of the right types, or a refusal', () => {
  fc.assert(
    fc.property(fc.oneof(one, one, body, fc.jsonValue()), (json) => check(Buffer.from(JSON.stringify(json)), false)),
    { numRuns: 2000 },
  );
});

test('any text and any bytes are instances of the right types, or a refusal', () => {
  const csv = fc.array(fc.constantFrom('a', 'b', ',', '\n', '\r', '"', '1', 'NaN', ' ', 'é'), { maxLength: 40 });
  fc.assert(
    fc.property(
      fc.oneof(
        csv.map((parts) => Buffer.from(`a,b\n${parts.join('')}`)),
        fc.uint8Array(),
      ),
      (bytes) => {
        check(bytes, true);
        check(bytes, false);
      },
    ),
    { numRuns: 2000 },
  );
});
