import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OnnxError } from './errors.ts';
import { readModel } from './read-model.ts';
import { tensorTypes } from './model.ts';
import { writeModel } from './write-model.ts';
import type { OnnxAttribute, OnnxModel, OnnxTensor } from './model.ts';
import { ProtoReader, ProtoWriter } from './protobuf.ts';

const record = <T>(parts: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(parts, { noNullPrototype: true }) as fc.Arbitrary<T>; // every key is required
const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const float32 = fc.float({ noNaN: true });

const tensor: fc.Arbitrary<OnnxTensor> = fc.oneof(
  fc.tuple(text, fc.array(float32, { maxLength: 5 })).map(([name, values]) => ({
    name,
    dims: [values.length],
    dataType: tensorTypes.FLOAT,
    data: { location: 'float' as const, values: Float32Array.from(values) },
  })),
  fc.tuple(text, fc.array(fc.double({ noNaN: true }), { maxLength: 5 })).map(([name, values]) => ({
    name,
    dims: [values.length, 1],
    dataType: tensorTypes.DOUBLE,
    data: { location: 'double' as const, values: Float64Array.from(values) },
  })),
  fc.tuple(text, fc.array(int64, { maxLength: 5 })).map(([name, values]) => ({
    name,
    dims: [1, values.length],
    dataType: tensorTypes.INT64,
    data: { location: 'int64' as const, values: BigInt64Array.from(values) },
  })),
  fc.tuple(text, fc.array(text, { maxLength: 4 })).map(([name, values]) => ({
    name,
    dims: [values.length],
    dataType: tensorTypes.STRING,
    data: { location: 'string' as const, values },
  })),
);

const attribute: fc.Arbitrary<OnnxAttribute> = fc.oneof(
  float32.map((value) => ({ type: 'float' as const, value })),
  int64.map((value) => ({ type: 'int' as const, value })),
  text.map((value) => ({ type: 'string' as const, value })),
  fc.constant({ type: 'bytes' as const, value: Uint8Array.of(0xff, 0xfe, 1) }),
  tensor.map((value) => ({ type: 'tensor' as const, value })),
  fc.array(float32, { maxLength: 6 }).map((values) => ({ type: 'floats' as const, values: Float32Array.from(values) })),
  fc.array(int64, { maxLength: 6 }).map((values) => ({ type: 'ints' as const, values: BigInt64Array.from(values) })),
  fc.array(text, { maxLength: 6 }).map((values) => ({ type: 'strings' as const, values })),
);

const value = record({
  name: text,
  type: record({
    kind: fc.constant('tensor' as const),
    dataType: fc.integer({ min: 1, max: 13 }),
    shape: fc.option(fc.array(fc.oneof(fc.nat(), fc.constant('N'), fc.constant(undefined)), { maxLength: 3 }), {
      nil: undefined,
    }),
  }),
});

const node = record({
  name: text,
  opType: text,
  domain: fc.constantFrom('', 'ai.onnx.ml'),
  inputs: fc.array(text, { maxLength: 3 }),
  outputs: fc.array(text, { maxLength: 3 }),
  attributes: fc.array(fc.tuple(text, attribute), { maxLength: 4 }),
}).map((drawn) => ({ ...drawn, attributes: new Map(drawn.attributes) }));

const model: fc.Arbitrary<OnnxModel> = record({
  irVersion: fc.integer({ min: 3, max: 13 }),
  producerName: text,
  producerVersion: text,
  opsets: fc.array(record({ domain: text, version: fc.nat() }), { maxLength: 2 }),
  graph: record({
    name: text,
    nodes: fc.array(node, { maxLength: 3 }),
    initializers: fc.array(tensor, { maxLength: 3 }),
    inputs: fc.array(value, { maxLength: 3 }),
    outputs: fc.array(value, { maxLength: 3 }),
  }),
  metadata: fc.dictionary(text, text, { maxKeys: 3, noNullPrototype: true }),
  hasLocalFunctions: fc.constant(false),
});

test('a model survives being written and read', () => {
  fc.assert(
    fc.property(model, (drawn) => assert.deepEqual(readModel(writeModel(drawn)), drawn)),
    { numRuns: 300 },
  );
});

test('a model reads the same from a Buffer amid other bytes, as files are read', () => {
  fc.assert(
    fc.property(model, (written) => {
      const bytes = writeModel(written);
      const amid = Buffer.concat([Buffer.alloc(3, 7), bytes, Buffer.alloc(5, 7)]).subarray(3, 3 + bytes.length);
      assert.deepEqual(readModel(amid), readModel(bytes));
    }),
  );
});

test('a damaged file gives an OnnxError or another model, never another error', () => {
  fc.assert(
    fc.property(model, fc.nat(), fc.nat(255), fc.boolean(), (drawn, at, byte, cut) => {
      const bytes = writeModel(drawn);
      const place = at % bytes.length;
      bytes[place] = byte;
      try {
        readModel(cut ? bytes.subarray(0, place) : bytes);
      } catch (error) {
        assert.ok(error instanceof OnnxError, String(error));
      }
    }),
    { numRuns: 1000 },
  );
});

test('lengths beyond the message, deep nesting and long varints are refused', () => {
  assert.throws(() => readModel(Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x07)), { problem: 'format' });
  assert.throws(() => readModel(new Uint8Array(0)), { problem: 'format' });
  assert.throws(() => readModel(new Uint8Array(12).fill(0x80)), { problem: 'format' });
  assert.throws(() => readModel(Uint8Array.of(0x08, ...Array.from({ length: 10 }, () => 0xff), 1)), {
    problem: 'format',
  });
  let nested: Uint8Array = new Uint8Array(0);
  for (let depth = 0; depth < 200; depth++) nested = new ProtoWriter().bytes(1, nested).finish();
  const walk = (reader: ProtoReader): void => {
    while (reader.next()) reader.message(walk);
  };
  assert.throws(() => walk(new ProtoReader(nested)), { problem: 'limit' });
});

test('repeated numbers are read packed and one by one', () => {
  const single = new ProtoWriter().int(8, 5).int(8, -1).float(7, 1.5).finish();
  const packed = new ProtoWriter().packedInts(8, [5, -1]).packedFloats(7, [1.5]).finish();
  for (const bytes of [single, packed]) {
    const ints: bigint[] = [];
    const floats: number[] = [];
    const reader = new ProtoReader(bytes);
    while (reader.next()) {
      if (reader.field === 8) reader.int64s(ints);
      else reader.floats(floats);
    }
    assert.deepEqual(ints, [5n, -1n]);
    assert.deepEqual(floats, [1.5]);
  }
});
