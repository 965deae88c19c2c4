import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { createQuantileSketch } from './quantiles.ts';
import { createReservoir } from './reservoir.ts';

const latencies = fc.array(fc.double({ min: 1e-6, max: 1e4, noNaN: true }), { minLength: 1, maxLength: 200 });

test('every quantile is within the relative error of the sample value of that rank', () => {
  fc.assert(
    fc.property(latencies, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
      const sketch = createQuantileSketch(0.01);
      for (const v of values) sketch.add(v);
      const exact = values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))] ?? NaN;
      const found = sketch.quantile(q);
      assert.ok(Math.abs(found - exact) <= 0.010_000_1 * exact, `${found} for ${exact}`);
      assert.ok(found <= sketch.max());
    }),
  );
});

test('merging sketches, also through JSON, equals sketching the joined data', () => {
  fc.assert(
    fc.property(latencies, latencies, (a, b) => {
      const sketchOf = (values: readonly number[]): ReturnType<typeof createQuantileSketch> => {
        const sketch = createQuantileSketch();
        for (const v of values) sketch.add(v);
        return sketch;
      };
      const merged = sketchOf(a);
      merged.merge(JSON.parse(JSON.stringify(sketchOf(b).toData())) as ReturnType<typeof merged.toData>);
      const joined = sketchOf([...a, ...b]);
      assert.deepEqual(merged.toData().buckets, joined.toData().buckets);
      assert.equal(merged.count(), joined.count());
      assert.ok(Math.abs(merged.sum() - joined.sum()) <= 1e-9 * joined.sum());
    }),
  );
});

test('an empty sketch has no quantile, zeros answer zero, a foreign sketch is refused', () => {
  const sketch = createQuantileSketch();
  assert.ok(Number.isNaN(sketch.quantile(0.5)));
  sketch.add(0);
  sketch.add(0);
  sketch.add(5);
  assert.equal(sketch.quantile(0.4), 0);
  assert.equal(sketch.countAtMost(0), 2);
  assert.equal(sketch.countAtMost(6), 3);
  assert.throws(() => sketch.merge(createQuantileSketch(0.05).toData()));
  assert.throws(() => sketch.add(NaN));
});

test('a reservoir keeps every item with the same probability', () => {
  const hits = Array.from<number>({ length: 50 }).fill(0);
  const runs = 4000;
  for (let run = 0; run < runs; run++) {
    const reservoir = createReservoir<number>(10, run);
    for (let i = 0; i < 50; i++) reservoir.add(i);
    assert.equal(reservoir.seen(), 50);
    assert.equal(new Set(reservoir.items()).size, 10);
    for (const i of reservoir.items()) hits[i] = (hits[i] ?? 0) + 1;
  }
  const expected = (runs * 10) / 50;
  const chiSquare = hits.reduce((sum, h) => sum + (h - expected) ** 2 / (expected * 0.8), 0);
  assert.ok(chiSquare < 90, `chi-square ${chiSquare} with 49 degrees of freedom`);
});

test('a short stream is kept whole', () => {
  const reservoir = createReservoir<string>(3, 1);
  for (const item of ['a', 'b']) reservoir.add(item);
  assert.deepEqual(reservoir.items(), ['a', 'b']);
});
