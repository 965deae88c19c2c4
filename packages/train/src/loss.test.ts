import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { areaUnderRoc, binaryLogLoss, logLoss, rootMeanSquare } from './loss.ts';

const row = fc.record({
  score: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ min: -9, max: 9, noNaN: true })),
  label: fc.integer({ min: 0, max: 1 }),
  weight: fc.integer({ min: 0, max: 3 }),
});

test('the area under the curve equals the count of ordered pairs, ties and weights included', () => {
  fc.assert(
    fc.property(fc.array(row, { minLength: 2, maxLength: 60 }), (rows) => {
      let [ordered, pairs] = [0, 0];
      for (const a of rows.filter((r) => r.label === 1)) {
        for (const b of rows.filter((r) => r.label === 0)) {
          const weight = a.weight * b.weight;
          pairs += weight;
          ordered += weight * (a.score > b.score ? 1 : a.score === b.score ? 0.5 : 0);
        }
      }
      const area = areaUnderRoc(
        rows.map((r) => r.score),
        rows.map((r) => r.label),
        rows.map((r) => r.weight),
      );
      if (pairs === 0) assert.ok(Number.isNaN(area));
      else assert.ok(Math.abs(area - ordered / pairs) < 1e-12);
    }),
  );
});

test('the log loss over products equals the plain mean of logarithms', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 400 }), (values) => {
      const plain = values.reduce((sum, p) => sum - Math.log(Math.max(p, 1e-15)), 0) / values.length;
      const ones = values.map(() => 1);
      for (const weights of [undefined, ones]) {
        const loss = logLoss(values.length, (index) => values[index] ?? 0, weights);
        assert.ok(Math.abs(loss - plain) <= 1e-11 * Math.max(1, plain), `${loss} ${plain}`);
        const labels = values.map((_, index) => index % 2);
        const ofOne = Float64Array.from(values, (p, index) => (index % 2 === 1 ? p : 1 - p));
        const binary = binaryLogLoss(ofOne, labels, weights);
        const clipped = values.map((p, index) => (index % 2 === 1 ? p : 1 - (1 - p)));
        const expected = logLoss(clipped.length, (index) => clipped[index] ?? 0, undefined);
        assert.ok(Math.abs(binary - expected) <= 1e-11 * Math.max(1, expected), `${binary} ${expected}`);
      }
    }),
  );
});

test('a weight counts a row as often as it says', () => {
  assert.equal(
    rootMeanSquare(2, (index) => [1, 3][index] ?? 0, [3, 1]),
    Math.sqrt((3 + 9) / 4),
  );
  assert.ok(Math.abs(logLoss(2, (index) => [0.5, 0.25][index] ?? 0, [3, 1]) - (5 * Math.LN2) / 4) < 1e-14);
});
