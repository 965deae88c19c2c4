import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from './metrics.ts';

test('counters, gauges and histograms as Prometheus reads them', () => {
  const metrics = createMetrics();
  const asked = metrics.counter('asked_total', 'Questions.');
  asked.add({ kind: 'a' });
  asked.add({ kind: 'a' }, 2);
  asked.add({ kind: 'with "quotes", \\ and\nlines' });
  metrics.gauge('open', 'Open now.', () => 3);
  metrics.gauge('queued', 'By queue.', () => [{ labels: { queue: 'x' }, value: Number.POSITIVE_INFINITY }]);
  const seconds = metrics.histogram('took_seconds', 'Time.', [0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 7]) seconds.observe({ op: 'x' }, value);
  seconds.series({ op: 'x' })(0.01);
  assert.equal(
    metrics.text(),
    `# HELP asked_total Questions.
# TYPE asked_total counter
asked_total{kind="a"} 3
asked_total{kind="with \\"quotes\\", \\\\ and\\nlines"} 1
# HELP open Open now.
# TYPE open gauge
open 3
# HELP queued By queue.
# TYPE queued gauge
queued{queue="x"} +Inf
# HELP took_seconds Time.
# TYPE took_seconds histogram
took_seconds_bucket{op="x",le="0.1"} 3
took_seconds_bucket{op="x",le="1"} 4
took_seconds_bucket{op="x",le="+Inf"} 5
took_seconds_sum{op="x"} 7.66
took_seconds_count{op="x"} 5
`,
  );
  assert.throws(() => metrics.counter('open', 'Again.'), /registered twice/);
});

test('labels from outside cannot grow memory: past the bound they are counted together, under "other"', () => {
  const metrics = createMetrics();
  const counter = metrics.counter('seen_total', 'Seen.');
  const seconds = metrics.histogram('took_seconds', 'Time.', [1]);
  for (let i = 0; i < 2000; i++) {
    counter.add({ name: `n${i}` });
    seconds.observe({ name: `n${i}` }, 0.5);
  }
  counter.add({ name: 'n7' });
  const lines = metrics.text().split('\n');
  const counts = lines.filter((line) => line.startsWith('seen_total{'));
  assert.equal(counts.length, 501);
  assert.ok(counts.includes('seen_total{name="other"} 1500'));
  assert.ok(counts.includes('seen_total{name="n7"} 2'), 'those that are known go on');
  const observed = lines.filter((line) => line.startsWith('took_seconds_count'));
  assert.equal(observed.length, 501);
  assert.ok(observed.includes('took_seconds_count{name="other"} 1500'));
});
