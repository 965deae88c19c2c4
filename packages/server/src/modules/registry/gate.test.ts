import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { GateEvidence, GateSpec } from '@slipway/contract';
import { isLowerBetter, judgeGate } from './gate.ts';

const spec = GateSpec.parse({
  checks: {
    auc: { min: 0.7, interval: 'low' },
    ece: { max: 0.03 },
    beats: { table: { auc: 0.02 }, logistic: { auc: 0.005, logLoss: 0.001 } },
    champion: { logLoss: 'nonInferior 0.005' },
  },
});
const good = {
  metrics: { auc: { value: 0.731, low: 0.722, high: 0.74, n: 9000 }, ece: 0.01, logLoss: 0.45 },
  baselines: { table: { auc: 0.7 }, logistic: { auc: 0.72, logLoss: 0.46 } },
  paired: { champion: 3, differences: { logLoss: { value: -0.001, low: -0.004, high: 0.002 } } },
};
const judge = (evidence: unknown, champion?: number) => judgeGate(spec, GateEvidence.parse(evidence), champion);
const failures = (evidence: unknown, champion?: number): string[] =>
  judge(evidence, champion)
    .checks.filter((c) => !c.passed)
    .map((c) => c.name);

test('good evidence passes every check, with and without a champion', () => {
  assert.deepEqual(failures(good, 3), []);
  assert.deepEqual(failures({ ...good, paired: undefined }), []);
  assert.equal(judge(good, 3).checks.length, 6);
  assert.match(
    judge(good, 3).checks[0]?.sentence ?? '',
    /auc is 0\.731 \(95 % interval 0\.722 to 0\.74\); its low end is within/,
  );
});

test('each bound fails alone', () => {
  const metrics = good.metrics;
  assert.deepEqual(failures({ ...good, metrics: { ...metrics, auc: { value: 0.731, low: 0.69, high: 0.74 } } }, 3), [
    'auc.min',
  ]);
  assert.deepEqual(failures({ ...good, metrics: { ...metrics, ece: 0.031 } }, 3), ['ece.max']);
  assert.deepEqual(failures({ ...good, baselines: { ...good.baselines, table: { auc: 0.715 } } }, 3), [
    'beats.table.auc',
  ]);
  assert.deepEqual(failures({ ...good, metrics: { ...metrics, logLoss: 0.4595 } }, 3), ['beats.logistic.logLoss']);
  const worse = { champion: 3, differences: { logLoss: { value: 0.001, low: -0.004, high: 0.006 } } };
  assert.deepEqual(failures({ ...good, paired: worse }, 3), ['champion.logLoss']);
});

test('what is left out fails: a metric, an interval, a baseline, the comparison, the right champion', () => {
  assert.deepEqual(failures({ ...good, metrics: {} }, 3), [
    'auc.min',
    'ece.max',
    'beats.table.auc',
    'beats.logistic.auc',
    'beats.logistic.logLoss',
  ]);
  assert.deepEqual(failures({ ...good, metrics: { ...good.metrics, auc: 0.75 } }, 3), ['auc.min']);
  assert.deepEqual(failures({ ...good, baselines: {} }, 3), [
    'beats.table.auc',
    'beats.logistic.auc',
    'beats.logistic.logLoss',
  ]);
  assert.deepEqual(failures({ ...good, paired: undefined }, 3), ['champion.logLoss']);
  assert.deepEqual(failures(good, 4), ['champion.logLoss']);
});

test('a higher metric with min never turns a pass into a failure', () => {
  const at = (low: number): boolean =>
    judge({ ...good, metrics: { ...good.metrics, auc: { value: low + 0.01, low, high: 1 } } }, 3).passed;
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 0.9, noNaN: true }),
      fc.double({ min: 0, max: 0.09, noNaN: true }),
      (low, more) => !at(low) || at(low + more),
    ),
  );
});

test('refused declarations', () => {
  for (const bad of [
    { checks: { auc: {} } },
    { checks: { champion: { logLoss: 'better' } } },
    { protected: ['latest'], checks: {} },
    { protected: [], checks: {} },
  ]) {
    assert.equal(GateSpec.safeParse(bad).success, false, JSON.stringify(bad));
  }
});

test('whether low or high is better is told by the words of a name', () => {
  for (const name of [
    'logLoss',
    'log_loss',
    'rmse',
    'val/mae',
    'ece',
    'cost',
    'costPerRow',
    'meanSquaredError',
    'latencyMsP99',
  ])
    assert(isLowerBetter(name), name);
  for (const name of ['auc', 'accuracy', 'macroF1', 'r2', 'recall', 'precedence', 'hits@10', 'glossary'])
    assert(!isLowerBetter(name), name);
});
