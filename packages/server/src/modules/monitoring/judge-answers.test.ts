import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MonitorSpec } from '@slipway/contract';
import { createRandom } from '../../lib/random.ts';
import type { QualityOf, Rules } from './judge-answers.ts';
import { judgeQuality, measureQuality } from './judge-answers.ts';
import type { Labelled } from './judged-figures.ts';
import type { QuantileAnswers } from './ports.ts';

const spec = MonitorSpec.parse({ endpoint: 'e' });
const count = 2000;

const judgeNumbers = (rows: Labelled, rules: Rules, quantiles?: QuantileAnswers): QualityOf =>
  judgeQuality(measureQuality(rows, { kind: 'number', ...(quantiles && { quantiles }) }), rules);

/** Labels of predictions over ten days. */
const labelled = (labels: readonly number[], scores: readonly number[]): Labelled => ({
  rows: labels.map((_, i) => i),
  labels: [...labels],
  scores: [...scores],
  days: labels.map((_, i) => i % 10),
});

function numbers(shift: number, spread: number) {
  const random = createRandom(7);
  const uniform = (): number => random.below(1_000_000) / 1_000_000;
  const scores = Array.from({ length: count }, () => 100 + 50 * uniform());
  // The residuals are uniform with this standard deviation.
  const labels = scores.map((score) => score + shift + spread * Math.sqrt(12) * (uniform() - 0.5));
  return labelled(labels, scores);
}

test('numbers: an alert for a shift of the level, for a rise of the error, and for neither none', () => {
  const good = judgeNumbers(numbers(0, 10), { spec, referenceLoss: 10 });
  assert.equal(good.verdict, 'ok');
  assert(Math.abs((good.figures.numbers?.rmse.value ?? 0) - 10) < 0.5);
  const low = judgeNumbers(numbers(3, 10), { spec, referenceLoss: 10 });
  assert.equal(low.verdict, 'alert');
  assert(Math.abs((low.figures.numbers?.gap ?? 0) - 0.3) < 0.06 && (low.figures.numbers?.z ?? 0) > 10);
  assert.match(low.sentence(90), /\+0\.\d+ of the usual error, z 1\d\.\d\./);
  const wild = judgeNumbers(numbers(0, 18), { spec, referenceLoss: 10 });
  assert.equal(wild.verdict, 'alert');
  assert.match(wild.sentence(90), /against 10 expected \(\+8\d %/);
  // Without a reference the error has nothing to rise above.
  const unknown = judgeNumbers(numbers(0, 18), { spec, referenceLoss: undefined });
  assert.equal(unknown.verdict, 'ok');
  assert.match(unknown.sentence(90), /no reference/);
});

/** Three classes of which the most probable has 0.8 and is right this often. */
function classes(right: number) {
  const random = createRandom(11);
  const values = new Float32Array(count * 3).fill(0.1);
  const labels = Array.from({ length: count }, (_, row) => {
    const top = row % 3;
    values[row * 3 + top] = 0.8;
    return random.below(1000) < right * 1000 ? top : (top + 1 + random.below(2)) % 3;
  });
  return {
    rows: labelled(
      labels,
      labels.map(() => 0.8),
    ),
    answers: { kind: 'classes', width: 3, values } as const,
  };
}

test('several classes: as right as they say is ok; less often is a gap of level and a rise of the loss', () => {
  const honest = classes(0.8);
  const good = judgeQuality(measureQuality(honest.rows, honest.answers), { spec, referenceLoss: 0.64 });
  assert.equal(good.verdict, 'ok');
  assert(Math.abs((good.figures.accuracy?.value ?? 0) - 0.8) < 0.03);
  assert(Math.abs((good.figures.logLoss?.value ?? 0) - (-0.8 * Math.log(0.8) - 0.2 * Math.log(0.1))) < 0.06);
  const proud = classes(0.6);
  const bad = judgeQuality(measureQuality(proud.rows, proud.answers), { spec, referenceLoss: 0.64 });
  assert.equal(bad.verdict, 'alert');
  assert((bad.figures.calibration?.gap ?? 0) < -0.15 && (bad.figures.calibration?.z ?? 0) < -10);
  assert.match(bad.sentence(100), /right in 0\.\d+ of 2000 labelled .* against 0\.64 expected \(\+6\d %/);
});

test('quantiles: intervals that cover less than they promise are an alert, more is none', () => {
  const rows = numbers(0, 10);
  const interval = (half: number) => ({
    levels: [0.05, 0.5, 0.95],
    values: Float32Array.from(rows.scores.flatMap((score) => [score - half, score, score + half])),
  });
  // Residuals are uniform between -17.3 and 17.3.
  const rules = { spec, referenceLoss: 10 };
  const good = judgeNumbers(rows, rules, interval(15.6));
  assert.equal(good.verdict, 'ok');
  assert(Math.abs((good.figures.numbers?.coverage?.value ?? 0) - 0.9) < 0.03);
  assert.match(good.sentence(90), /Intervals cover 0\.\d+ of the outcomes, 0\.900? is what they promise/);
  const narrow = judgeNumbers(rows, rules, interval(9));
  assert.equal(narrow.verdict, 'alert');
  assert.equal(judgeNumbers(rows, rules, interval(40)).verdict, 'ok');
});
