import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Evaluation } from 'slipway';
import { drawReport, pageOf } from './training-report.ts';

const evaluation = Evaluation.parse({
  task: 'binary',
  target: 'churned',
  rows: { train: 1200, holdout: 300 },
  metrics: { logLoss: { value: 0.31, low: 0.2, high: 0.42 }, ece: { value: 0.02 } },
  baselines: { constant: { logLoss: { value: 0.69 } }, linear: { logLoss: { value: 0.28 } } },
  confusion: {
    classes: ['no', 'yes'],
    counts: [
      [200, 20],
      [10, 70],
    ],
    threshold: 0.4,
    cost: 0.2,
  },
  calibration: [
    { predicted: 0.1, observed: 0.12, n: 150 },
    { predicted: 0.5, observed: 0.9, n: 3 },
  ],
  slices: [{ column: 'age', high: 30, rows: 80, loss: 0.5, rest: 0.2, p: 0.001 }],
  importance: [
    { feature: 'age', gain: 60 },
    { feature: 'fee', gain: 20 },
  ],
  gainTotal: 100,
});

test('a report says what came out, and that a simpler model is better where it is', () => {
  const text = drawReport({ evaluation, gate: undefined, registered: undefined }, 'http://h/page');
  for (const line of [
    /^churned: learnt from 1,200 rows, judged on 300 others/,
    /^logLoss +0\.31 \(0\.2 to 0\.42\) +0\.69 +0\.28$/m,
    /^simpler +the linear model does better on these rows: logLoss 0\.28 against 0\.31$/m,
    /^calibration predicted → observed: 0\.1 → 0\.12$/m,
    /^answered +"yes" from a probability of 0\.4/m,
    /^no +200 +20$/m,
    /^goes by +age 60 %, fee 20 %, others 20 %$/m,
    /^worse where age below 30: loss 0\.5 on 80 rows, 0\.2 elsewhere$/m,
    /^page +http:\/\/h\/page$/m,
  ])
    assert.match(text, line);
  assert.doesNotMatch(text, /the constant model does better|registered/);
});

test('the page is that of the version, else of the run', () => {
  assert.equal(pageOf('http://h/', 'plr_1', undefined), 'http://h/w/default/pipeline-runs/plr_1');
  const report = { evaluation, gate: undefined, registered: { version: 3, alias: 'champion' } };
  assert.equal(pageOf('http://h', 'plr_1', report), 'http://h/w/default/pipeline-runs/plr_1');
});
