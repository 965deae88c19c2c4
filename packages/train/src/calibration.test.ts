import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fitIsotonic, fitPlatt, fitTemperature, moveEnsemble } from './calibration.ts';
import { logLoss } from './loss.ts';
import { applyLink, predictTrees } from './predict-trees.ts';
import { sigmoid } from './portable-math.ts';
import { createRandom } from './random.ts';
import { trainTrees } from './train-trees.ts';

const rows = 20_000;

/** Margins whose true probability is sigmoid(slope margin + shift). */
function makeRows(slope: number, shift: number) {
  const random = createRandom(1);
  const margins = Float32Array.from({ length: rows }, () => random() * 8 - 4);
  const labels = Float64Array.from(margins, (margin) => (random() < sigmoid(slope * margin + shift) ? 1 : 0));
  return { margins, labels, weights: new Float64Array(rows).fill(1) };
}

test('Platt finds the line that the margins were drawn from', () => {
  for (const [slope, shift] of [
    [0.4, -0.7],
    [1, 0],
    [2.5, 1],
  ] as const) {
    const line = fitPlatt(makeRows(slope, shift));
    assert.ok(Math.abs(line.slope - slope) < 0.1 * slope && Math.abs(line.shift - shift) < 0.1, JSON.stringify(line));
  }
  const separated = { margins: Float32Array.of(-1, -2, 1, 2), labels: [0, 0, 1, 1], weights: [1, 1, 1, 1] };
  const line = fitPlatt(separated);
  assert.ok(line.slope > 0 && Number.isFinite(line.slope));
});

test('a line in the leaves is the line on the margins', () => {
  const data = { featureNames: ['x'], columns: [makeRows(1, 0).margins], labels: makeRows(1, 0).labels };
  const { ensemble, margins } = trainTrees(data, { objective: 'binary', rounds: 20 });
  const moved = predictTrees(moveEnsemble(ensemble, { slope: 0.6, shift: -0.25 }), data.columns);
  for (const [row, margin] of moved.entries()) {
    assert.ok(Math.abs(margin - ((margins[row] ?? 0) * 0.6 - 0.25)) < 1e-5);
  }
});

test('steps never fall, and are the means of the rows between them', () => {
  const row = fc.record({ margin: fc.integer({ min: -6, max: 6 }), label: fc.integer({ min: 0, max: 1 }) });
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 60 }), (list) => {
      const margins = Float32Array.from(list, ({ margin }) => margin / 2);
      const labels = Float64Array.from(list, ({ label }) => label);
      const { thresholds, values } = fitIsotonic({ margins, labels, weights: new Float64Array(list.length).fill(1) });
      assert.equal(thresholds.length, values.length - 1);
      assert.ok(values.every((value, i) => value >= (values[i - 1] ?? 0) && value <= 1));
      assert.ok(thresholds.every((value, i) => value > (thresholds[i - 1] ?? -Infinity)));
      for (const [step, value] of values.entries()) {
        const own = list.filter(
          ({ margin }) =>
            margin / 2 > (thresholds[step - 1] ?? -Infinity) && margin / 2 <= (thresholds[step] ?? Infinity),
        );
        const share = own.reduce((sum, { label }) => sum + label, 0) / own.length;
        const isSoft = (share === 0 || share === 1) && (step === 0 || step === values.length - 1);
        assert.ok(
          isSoft ? Math.abs(value - share) <= 0.5 : Math.abs(value - share) < 1e-6,
          `step ${step}: ${value}, ${share}`,
        );
      }
    }),
  );
});

test('isotonic steps are close to the true probabilities', () => {
  const data = makeRows(0.4, -0.7);
  const { thresholds, values } = fitIsotonic(data);
  let worst = 0;
  for (let margin = -3.5; margin < 3.5; margin += 0.1) {
    const step = thresholds.findIndex((threshold) => margin <= threshold);
    const value = values.at(step) ?? 0;
    worst = Math.max(worst, Math.abs(value - sigmoid(0.4 * margin - 0.7)));
  }
  assert.ok(worst < 0.06, `${worst}`);
});

test('a temperature cools margins that are too sure', () => {
  const random = createRandom(2);
  const margins = Float32Array.from({ length: 3 * 3000 }, () => random() * 6 - 3);
  const truth = applyLink(
    { link: 'softmax', classCount: 3 },
    margins.map((margin) => margin * 0.5),
  );
  const labels = Float64Array.from({ length: 3000 }, (_, row) => {
    const draw = random();
    const [a = 0, b = 0] = truth.subarray(row * 3, row * 3 + 2);
    return draw < a ? 0 : draw < a + b ? 1 : 2;
  });
  const weights = new Float64Array(3000).fill(1);
  const { slope } = fitTemperature({ margins, labels, weights }, 3);
  assert.ok(Math.abs(slope - 0.5) < 0.05, `${slope}`);
  const lossOf = (by: number): number => {
    const p = applyLink(
      { link: 'softmax', classCount: 3 },
      margins.map((margin) => margin * by),
    );
    return logLoss(3000, (row) => p[row * 3 + (labels[row] ?? 0)] ?? 0, weights);
  };
  assert.ok(lossOf(slope) <= lossOf(slope * 1.05) && lossOf(slope) <= lossOf(slope / 1.05));
});
