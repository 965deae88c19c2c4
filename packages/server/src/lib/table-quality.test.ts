import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { clusterBootstrap, clustersOf, rowStandardError } from './intervals.ts';
import { answerLosses, measureAnswers, topAnswers } from './table-quality.ts';
import type { Answers } from './table-quality.ts';

/** Rows of a task with answers that are right more often than not. */
const arbitrary = (task: Answers['task']): fc.Arbitrary<Answers> => {
  const width = task === 'regression' ? 1 : task === 'binary' ? 2 : 3;
  const row = fc.record({
    weights: fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: width, maxLength: width }),
    label: task === 'regression' ? fc.double({ min: -5, max: 5, noNaN: true }) : fc.nat({ max: width - 1 }),
  });
  return fc.array(row, { minLength: 4, maxLength: 60 }).map((rows) => {
    const values = rows.flatMap(({ weights }) => {
      if (task === 'regression') return weights;
      const sum = weights.reduce((a, b) => a + b, 0);
      return weights.map((weight) => weight / sum);
    });
    return { task, width, labels: rows.map(({ label }) => label), values };
  });
};

/** The same rows, each as often as it says. */
function repeated({ task, width, labels, values }: Answers, times: ArrayLike<number>): Answers {
  const rows = Array.from({ length: labels.length }, (_, row) =>
    Array.from({ length: times[row] ?? 0 }, () => row),
  ).flat();
  return {
    task,
    width,
    labels: rows.map((row) => labels[row] ?? NaN),
    values: rows.flatMap((row) => Array.from({ length: width }, (_, k) => values[row * width + k] ?? NaN)),
  };
}

test('influences sum to zero, and figures of rows taken twice are the same', () => {
  for (const task of ['binary', 'multiclass', 'regression'] as const) {
    fc.assert(
      fc.property(arbitrary(task), (answers) => {
        const twice = measureAnswers(repeated(answers, new Float64Array(answers.labels.length).fill(2)));
        for (const [name, { estimate, influence }] of Object.entries(measureAnswers(answers))) {
          if (Number.isNaN(estimate)) continue;
          const sum = influence.reduce((a, b) => a + b, 0);
          assert(Math.abs(sum) < 1e-6 * Math.max(1, Math.abs(estimate)), `${name} ${sum}`);
          const same = twice[name]?.estimate ?? NaN;
          assert(Math.abs(same - estimate) < 1e-6 * Math.max(1, Math.abs(estimate)), `${name} ${estimate} ${same}`);
        }
      }),
      { numRuns: 40 },
    );
  }
});

test('labels that are one value, or one value but for rounding, have no R2', () => {
  for (const labels of [
    [3, 3, 3, 3],
    [2.0956370462701718e-162, 0, 0, 0],
  ]) {
    const { r2 } = measureAnswers({ task: 'regression', width: 1, labels, values: [0.01, 0.01, 0.01, 0.01] });
    assert(Number.isNaN(r2?.estimate));
  }
});

test('macro F1, accuracy and R2 are those of a plain count', () => {
  fc.assert(
    fc.property(arbitrary('multiclass'), (answers) => {
      const top = Array.from(answers.labels, (_, row) => {
        const own = [0, 1, 2].map((k) => answers.values[row * 3 + k] ?? 0);
        return own.indexOf(Math.max(...own));
      });
      const labels = Array.from(answers.labels);
      const f1 = [0, 1, 2].flatMap((k) => {
        const [truth, said] = [labels.filter((l) => l === k).length, top.filter((t) => t === k).length];
        const hits = labels.filter((l, row) => l === k && top[row] === k).length;
        return truth + said === 0 ? [] : [(2 * hits) / (truth + said)];
      });
      const { macroF1, accuracy } = measureAnswers(answers);
      assert(Math.abs((macroF1?.estimate ?? NaN) - f1.reduce((a, b) => a + b, 0) / f1.length) < 1e-12);
      const right = labels.filter((l, row) => l === top[row]).length;
      assert(Math.abs((accuracy?.estimate ?? NaN) - right / labels.length) < 1e-12);
    }),
  );
  const { rmse, mae, r2, bias } = measureAnswers({
    task: 'regression',
    width: 1,
    labels: [1, 2, 3, 4],
    values: [1, 2, 3, 8],
  });
  assert.deepEqual([rmse?.estimate, mae?.estimate, bias?.estimate], [2, 1, 1]);
  assert(Math.abs((r2?.estimate ?? NaN) - (1 - 16 / 5)) < 1e-12);
});

test('standard errors from influences agree with the bootstrap', () => {
  const rows = 400;
  const wave = (i: number, k: number): number => Math.abs(Math.sin(i * 12.9898 + k * 78.233) * 43758.5453) % 1;
  const classes: Answers = {
    task: 'multiclass',
    width: 3,
    labels: Array.from({ length: rows }, (_, i) => Math.floor(wave(i, 9) * 3)),
    values: Array.from({ length: rows }, (_, i) => {
      const own = [0, 1, 2].map((k) => 0.1 + wave(i, k) + (Math.floor(wave(i, 9) * 3) === k ? 0.5 : 0));
      const sum = own.reduce((a, b) => a + b, 0);
      return own.map((p) => p / sum);
    }).flat(),
  };
  const labels = Array.from({ length: rows }, (_, i) => wave(i, 1) * 10);
  const numbers: Answers = {
    task: 'regression',
    width: 1,
    labels,
    values: labels.map((y, i) => y + wave(i, 2) * 4 - 2),
  };
  const clusters = clustersOf(Array.from({ length: rows }, (_, i) => i));
  for (const [answers, name] of [
    [classes, 'macroF1'],
    [numbers, 'rmse'],
    [numbers, 'r2'],
  ] as const) {
    const found = measureAnswers(answers)[name];
    const drawn = clusterBootstrap((times) => measureAnswers(repeated(answers, times))[name]?.estimate ?? NaN, {
      clusters,
      seed: 1,
      resamples: 300,
    });
    const ratio = rowStandardError(found?.influence ?? []) / drawn.standardError;
    assert(ratio > 0.85 && ratio < 1.15, `${name}: ${ratio}`);
  }
});

test('a class that the model does not know costs as much as a probability of nothing', () => {
  const answers: Answers = { task: 'multiclass', width: 3, labels: [NaN, 0], values: [0.2, 0.3, 0.5, 1, 0, 0] };
  const [unknown = 0, sure = 1] = answerLosses(answers);
  assert(unknown > 36 && sure < 1e-12);
  assert.deepEqual(Array.from(topAnswers(answers).labels), [0, 1]);
});
