import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../lib/random.ts';
import { summaryReadMax } from './endpoint-summary.ts';
import { logisticModel, openServingBench } from './testing.ts';

const minute = 60_000;
const hour = 60 * minute;

test('the summary of endpoints says what their predictions say, however many there are', async () => {
  await using bench = await openServingBench({ models: [logisticModel([0.6])] });
  for (const name of ['busy', 'idle', 'quiet']) await bench.declare(name);
  const serving = await bench.start();
  for (const name of ['busy', 'quiet'])
    await serving.deploy(name, { traffic: [{ version: 1, percent: 100 }], reason: '' }, 'owner');
  const random = createRandom(11);
  const servedAt: Record<string, number[]> = { busy: [], quiet: [] };
  const answer = (name: string, count: number): void => {
    const rows = Array.from({ length: count }, () => ({ inputs: { x0: random.float() } }));
    serving.predict(name, rows);
    for (let i = 0; i < count; i++) servedAt[name]?.push(bench.clock.now());
  };
  for (let second = 0; second < 80 * 60; second += 12) {
    bench.clock.advance(12_000);
    answer('busy', 1 + random.below(80));
    if (random.below(20) === 0) answer('quiet', 1);
  }
  const { from, to, stepMs, items } = await serving.summary({ limit: 10, pageToken: undefined }, hour);
  assert.deepEqual(
    items.map(({ endpoint }) => endpoint),
    ['busy', 'idle', 'quiet'],
  );
  assert.deepEqual([to - from, stepMs, to - 1], [hour, 2 * minute, bench.clock.now()]);
  for (const { endpoint, requests, sampled, latencyUsP50, latencyUsP99 } of items) {
    const wanted = requests.map(
      (_, i) => servedAt[endpoint]?.filter((at) => at >= from + i * stepMs && at < from + (i + 1) * stepMs).length ?? 0,
    );
    const sum = wanted.reduce((a, b) => a + b, 0);
    assert.equal(latencyUsP50 === null, sum === 0, endpoint);
    if (sum <= summaryReadMax) {
      assert.deepEqual(requests, wanted, endpoint);
      assert.equal(sampled, sum);
      continue;
    }
    assert(sampled >= summaryReadMax && sampled < summaryReadMax + 1500, `${sampled} were read`);
    assert(latencyUsP50 !== null && latencyUsP99 !== null && latencyUsP50 <= latencyUsP99);
    // What was not read is placed to within one span of 64 KiB, here about three minutes.
    let [got, counted] = [0, 0];
    for (const [i, count] of requests.entries()) {
      got += count;
      counted += wanted[i] ?? 0;
      assert(Math.abs(got - counted) < 0.02 * sum, `up to bucket ${i}: ${got} is about ${counted}`);
    }
  }
  const second = await serving.summary({ limit: 1, pageToken: 'busy' }, hour);
  assert.deepEqual(
    second.items.map(({ endpoint }) => endpoint),
    ['idle'],
  );
});
