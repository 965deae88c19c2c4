import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { layoutMemory } from './booster-memory.ts';
import { assignBins, findBins, thresholdBetween } from './feature-bins.ts';
import type { FeatureBins, NumberColumn } from './feature-bins.ts';
import { createKernels } from './kernels.ts';

const awkward = [
  Number.NaN,
  0,
  -0,
  Infinity,
  -Infinity,
  3.4028234663852886e38,
  -3.4028234663852886e38,
  1e-45,
  -1e-45,
  1e-60,
  -1e-60,
  1e300,
];
const value = fc.oneof(
  { weight: 3, arbitrary: fc.double({ noDefaultInfinity: false }) },
  { weight: 3, arbitrary: fc.integer({ min: -5, max: 5 }) },
  { weight: 2, arbitrary: fc.constantFrom(...awkward) },
);

function binsOf(column: NumberColumn, { thresholds }: FeatureBins): { column: Uint8Array; rows: Uint8Array } {
  const layout = layoutMemory({
    rowCount: column.length,
    binCounts: [thresholds.length + 2],
    leaves: 1,
    outputs: 1,
    threads: 1,
  });
  const kernels = createKernels(layout);
  assignBins([column], [thresholds], { kernels, layout });
  const rows = new Uint8Array(kernels.memory, layout.rowBins, column.length * layout.stride);
  return {
    column: new Uint8Array(kernels.memory.slice(layout.columnBins, layout.columnBins + column.length)),
    rows: rows.filter((_, index) => index % layout.stride === 0),
  };
}

/** The rule in words: missing is 0, else 1 + the number of thresholds below the value. */
function plainBin(x: number, thresholds: Float32Array): number {
  const float = Math.fround(x);
  return Number.isNaN(float) ? 0 : 1 + thresholds.filter((threshold) => float > threshold).length;
}

test('every value lands in the bin that the thresholds say, in both layouts', () => {
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 300 }),
      fc.integer({ min: 3, max: 256 }),
      (values, binsMax) => {
        const column = Float64Array.from(values);
        const found = findBins(column, { binsMax, rowsMin: 1 });
        const bins = binsOf(column, found);
        assert.deepEqual(
          [...bins.column],
          values.map((x) => plainBin(x, found.thresholds)),
        );
        assert.deepEqual(bins.rows, bins.column);
      },
    ),
    { numRuns: 300 },
  );
});

test('thresholds ascend, separate the values they lie between, and stay within the limit', () => {
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 300 }),
      fc.integer({ min: 3, max: 256 }),
      (values, binsMax) => {
        const { thresholds } = findBins(Float64Array.from(values), { binsMax, rowsMin: 1 });
        const distinct = new Set(
          values
            .map(Math.fround)
            .filter((x) => !Number.isNaN(x))
            .map((x) => x + 0),
        );
        assert.ok(thresholds.length + 2 <= binsMax);
        assert.ok(thresholds.every((t, i) => i === 0 || t > (thresholds[i - 1] ?? Infinity)));
        if (distinct.size <= binsMax - 1) assert.equal(thresholds.length, Math.max(0, distinct.size - 1));
      },
    ),
    { numRuns: 300 },
  );
});

test('a threshold between neighbours keeps them apart even where their middle is not a float', () => {
  const next = (x: number): number => {
    const float = Float32Array.of(x);
    const bits = new Int32Array(float.buffer);
    bits[0] = (bits[0] ?? 0) + (x >= 0 ? 1 : -1);
    return float[0] ?? 0;
  };
  for (const a of [1, -1, 0, 1e-45, 3.402823e38, -3.402823e38, 16_777_216]) {
    const b = next(Math.fround(a));
    const t = thresholdBetween(Math.fround(a), b);
    assert.ok(Math.fround(a) <= t && t < b, `${a} ${b} ${t}`);
    assert.equal(t, Math.fround(t));
  }
  assert.equal(thresholdBetween(-Infinity, Infinity), -Infinity);
});

test('heavy values get bins of their own and the others share the rest evenly', () => {
  const rows = 100_000;
  const column = Float64Array.from({ length: rows }, (_, i) => (i % 2 === 0 ? 0 : ((i * 7919) % rows) + 1));
  const found = findBins(column, { binsMax: 255, rowsMin: 3 });
  const counts = new Map<number, number>();
  for (const bin of binsOf(column, found).column) counts.set(bin, (counts.get(bin) ?? 0) + 1);
  assert.equal(counts.get(1), rows / 2);
  const others = [...counts].filter(([bin]) => bin !== 1).map(([, count]) => count);
  assert.ok(others.length >= 250);
  assert.ok(Math.max(...others) < 3 * (rows / 2 / 253), `${Math.max(...others)}`);
});

test('a column that cannot split is not useful', () => {
  const isUseful = (...values: number[]): boolean =>
    findBins(Float64Array.from(values), { binsMax: 255, rowsMin: 1 }).isUseful;
  assert.equal(isUseful(7, 7, 7), false);
  assert.equal(isUseful(0, -0), false);
  assert.equal(isUseful(Number.NaN, Number.NaN), false);
  assert.equal(isUseful(1e-60, 2e-60), false);
  assert.equal(isUseful(7, Number.NaN), true);
  assert.equal(isUseful(1, 2), true);
});

test('float32 columns give the bins of the same numbers as float64', () => {
  const floats = Float32Array.from({ length: 5000 }, (_, i) => Math.sin(i) * 1000);
  const found = findBins(floats, { binsMax: 100, rowsMin: 3 });
  assert.deepEqual(found, findBins(Float64Array.from(floats), { binsMax: 100, rowsMin: 3 }));
  assert.deepEqual(binsOf(floats, found), binsOf(Float64Array.from(floats), found));
});

test('no bin but the last has fewer rows than asked', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 200 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 3, max: 256 }),
      (values, rowsMin, binsMax) => {
        const column = Float64Array.from(values);
        const counts = new Map<number, number>();
        for (const bin of binsOf(column, findBins(column, { binsMax, rowsMin })).column) {
          counts.set(bin, (counts.get(bin) ?? 0) + 1);
        }
        const last = Math.max(...counts.keys());
        if (new Set(values).size > binsMax - 1) return;
        for (const [bin, count] of counts) assert.ok(bin === last || count >= rowsMin, `bin ${bin} has ${count} rows`);
      },
    ),
  );
});
