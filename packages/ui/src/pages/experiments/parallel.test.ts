import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Run } from '@slipway/contract';
import fc from 'fast-check';
import { axisOf, bands, brushesOf, brushFilter, brushText, densityOf, isWithin, positionsOf } from './parallel.ts';

let made = 0;
const run = (metrics: Record<string, Run['metrics'][number]['value']>, params: Record<string, string> = {}): Run => ({
  id: `run_${made++}`,
  experiment: 'e',
  experimentId: 'exp',
  name: 'r',
  status: 'finished',
  lifecycle: 'active',
  startedAt: 0,
  metrics: Object.entries(metrics).map(([key, value]) => ({ key, value, step: 0, at: 0 })),
  params,
  tags: {},
  datasets: [],
  modelInputs: [],
  modelOutputs: [],
});

test('axes are linear, logarithmic over three decades, or of names; what is missing has no place', () => {
  const runs = [
    run({ auc: 0.5 }, { rate: '0.0001', model: 'gbt' }),
    run({ auc: 0.9 }, { rate: '1', model: '7' }),
    run({ auc: 'NaN' }),
  ];
  const axes = (['m:auc', 'p:rate', 'p:model'] as const).map((column) => axisOf(runs, column));
  assert.deepEqual(
    axes.map((axis) => axis.scale),
    ['linear', 'log', 'names'],
  );
  assert.deepEqual(positionsOf(runs, axes), [
    [0, 0, 1],
    [1, 1, 0],
    [undefined, undefined, undefined],
  ]);
  assert.equal(axisOf([run({ same: 3 })], 'm:same').low, 3);
  assert.deepEqual(positionsOf([run({ same: 3 })], [axisOf([run({ same: 3 })], 'm:same')]), [[0.5]]);
});

test('a brush keeps what lies within it, ends included', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), { minLength: 2, maxLength: 40 }),
      fc.nat(),
      fc.nat(),
      (values, a, b) => {
        const runs = values.map((value) => run({ m: value }));
        const axis = axisOf(runs, 'm:m');
        const ends = [values[a % values.length] ?? 0, values[b % values.length] ?? 0];
        const brush = { column: 'm:m', low: Math.min(...ends), high: Math.max(...ends) } as const;
        const positions = positionsOf(runs, [axis]);
        values.forEach((value, i) => {
          if (value >= brush.low && value <= brush.high) assert.ok(isWithin([axis], positions[i] ?? [], [brush]));
        });
        const pad = (axis.high - axis.low) * 2e-4;
        values.forEach((value, i) => {
          if (value < brush.low - pad || value > brush.high + pad)
            assert.ok(!isWithin([axis], positions[i] ?? [], [brush]));
        });
      },
    ),
  );
});

test('brushes survive the address and become a filter', () => {
  const brushes = [{ column: 'm:val/auc', low: 0.7, high: 0.9 }] as const;
  assert.deepEqual(brushesOf(brushText(brushes), ['m:val/auc']), brushes);
  assert.deepEqual(brushesOf('m:none~1~2,m:val/auc~x~2', ['m:val/auc']), []);
  const axis = axisOf([run({ 'val/auc': 0 }), run({ 'val/auc': 1 })], 'm:val/auc');
  assert.equal(
    brushFilter([axis], brushes, () => 'metrics.`val/auc`'),
    'metrics.`val/auc` >= 0.6999 and metrics.`val/auc` <= 0.9001',
  );
});

test('density counts every line that has both ends', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.double({ min: 0, max: 1, noNaN: true }),
          fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
        ),
      ),
      (lines) => {
        const [counts] = densityOf(lines, 2);
        assert.equal(counts?.length, bands * bands);
        assert.equal(
          counts?.reduce((sum, n) => sum + n, 0),
          lines.filter(([, to]) => to !== undefined).length,
        );
      },
    ),
  );
});
