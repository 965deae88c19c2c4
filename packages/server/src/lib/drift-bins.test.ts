import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { countPicture, pictureBins, pictureOf, planPicture } from './drift-bins.ts';
import { describeReference, measureDrift } from './drift.ts';

const value = fc.oneof(
  fc.double({ min: -1e6, max: 1e6, noNaN: true }),
  fc.integer({ min: -50, max: 50 }),
  fc.constantFrom(0, 1e300, -1e300, Infinity, -Infinity),
);
const values = fc.array(value, { minLength: 1, maxLength: 80 });

test('every row of both lies in exactly one bin, the bins are the same and at most 60', () => {
  fc.assert(
    fc.property(values, values, fc.nat(5), (then, now, missing) => {
      const bins = planPicture(Float64Array.from(then).sort());
      if (bins === undefined) return;
      const nulls = Array.from({ length: missing }, () => NaN);
      const [a, b] = [countPicture([...then, ...nulls], bins), countPicture(now, bins)];
      const shown = pictureOf(bins, a, b);
      assert.ok(shown);
      const sum = (list: readonly number[]): number => list.reduce((total, n) => total + n, 0);
      assert.deepEqual([sum(shown.reference), sum(shown.window)], [then.length, now.length]);
      assert.deepEqual([shown.reference.length, shown.window.length], [shown.edges.length - 1, shown.edges.length - 1]);
      assert.ok(shown.edges.length - 1 <= pictureBins);
      assert.ok(shown.edges.every((edge, i) => i === 0 || edge > (shown.edges[i - 1] ?? Infinity)));
      for (const [i, n] of shown.window.entries()) {
        const [low, high] = [shown.edges[i] ?? NaN, shown.edges[i + 1] ?? NaN];
        const slack = 1e-9 * Math.max(Math.abs(low), Math.abs(high), 1);
        const first = i === 0 && shown.isOpenBelow ? -Infinity : low - slack;
        const last = i === shown.window.length - 1 && shown.isOpenAbove ? Infinity : high + slack;
        assert.ok(now.filter((v) => v >= first && v <= last).length >= n);
      }
    }),
  );
});

test('whole numbers stand in bins of whole width, and one value alone in one bin', () => {
  const hours = Array.from({ length: 240 }, (_, i) => i % 24);
  const bins = planPicture(Float64Array.from(hours).sort());
  assert.equal(bins?.width, 2);
  const shown = bins && pictureOf(bins, countPicture(hours, bins), countPicture([30], bins));
  assert.deepEqual(
    shown?.reference.slice(0, 12),
    Array.from({ length: 12 }, () => 20),
  );
  const constant = planPicture([7, 7, 7]);
  assert.ok(constant);
  assert.deepEqual(pictureOf(constant, countPicture([7, 7, 7], constant), countPicture([], constant))?.reference, [3]);
  assert.equal(planPicture([]), undefined);
  assert.equal(planPicture([-Infinity, Infinity]), undefined);
});

test('a reference keeps its picture, and a window that moved away stays in it', () => {
  const reference = describeReference(
    Array.from({ length: 1000 }, (_, i) => i / 10),
    { name: 'x' },
  );
  const found = measureDrift(
    reference,
    Array.from({ length: 300 }, (_, i) => 100 + i / 10),
  );
  const { bins, counts } = reference.picture ?? assert.fail('no picture');
  const shown = pictureOf(bins, counts, found.picture ?? []);
  assert.deepEqual([shown?.isOpenBelow, shown?.isOpenAbove], [false, false]);
  assert.ok((shown?.edges.at(-1) ?? 0) >= 129.9);
});
