import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RolloutPlan } from '@slipway/contract';
import { createRandom } from '../../lib/random.ts';
import { createLabels } from './labels.ts';
import { createSeriesReader } from './series.ts';
import type { ServingBench } from './testing.ts';
import { logisticModel, openServingBench } from './testing.ts';

const startAt = Date.UTC(2026, 0, 5);
const minute = 60_000;
/** Version 2 is the candidate; version 3 wants what nobody sends. */
const models = [logisticModel([0.6]), logisticModel([0.62]), logisticModel([0.6, 1])];
const plan = RolloutPlan.parse({ stages: [{ name: 'half', percent: 50, minRequests: 1e6 }] });

async function openBench(candidate: number) {
  const bench = await openServingBench({ models });
  await bench.declare('e');
  const serving = await bench.start();
  await serving.deploy('e', { traffic: [{ version: 1, percent: 100 }], reason: '' }, 'owner');
  await serving.startRollout('e', { candidate, plan }, 'owner');
  return { bench, serving };
}

const readerOf = (bench: ServingBench, scanMax?: number) =>
  createSeriesReader({
    labels: createLabels(bench.db),
    // Of two classes the score says it all.
    answers: { of: async () => assert.fail('nothing is answered again') },
    now: () => bench.clock.now(),
    ...(scanMax === undefined ? {} : { scanMax }),
  });

test('a series says what a list of the predictions says, as predictions and labels come', async () => {
  const { bench, serving } = await openBench(2);
  await using _ = bench;
  const random = createRandom(5);
  const reader = readerOf(bench);
  const ids: string[] = [];
  for (let round = 0; round < 8; round++) {
    for (let i = 0; i < 40; i++) {
      bench.clock.advance(random.below(9000));
      // Event times lie up to ten minutes back, in any order.
      const at = bench.clock.now() - random.below(10 * minute);
      const [made] = serving.predict('e', [{ id: `r${ids.length}`, at, inputs: { x0: random.float() * 4 - 2 } }]);
      ids.push(made?.id ?? '');
    }
    const labels = ids.filter(() => random.below(4) === 0);
    const given = labels.map((predictionId) => ({ predictionId, value: random.below(2), at: bench.clock.now() }));
    await serving.label('e', given, { watermark: undefined, actor: 'owner' });
    reader.forget('e', labels);
    const query = { from: 0, to: Number.MAX_SAFE_INTEGER, clock: 'event', order: 'oldest', filter: {}, limit: 1000 };
    const { items } = await serving.predictions('e', { ...query, clock: 'event', order: 'oldest' });
    for (const clock of ['event', 'received'] as const) {
      for (const by of ['arm', 'version'] as const) {
        const got = await reader.read(serving.runtime('e'), { by, clock, window: 30 * minute, step: minute });
        assert.equal(got.isComplete, true);
        assert.equal(got.at.length, 30);
        for (const series of got.series) {
          got.at.forEach((at, i) => {
            const rows = items.filter((p) => {
              const time = clock === 'event' ? p.at : p.servedAt;
              const key = by === 'version' ? String(p.version) : p.isCanary ? 'candidate' : 'incumbent';
              return time >= at && time < at + minute && key === series.key;
            });
            const labelled = rows.filter((p) => p.label !== undefined);
            assert.equal(series.requests[i], rows.length);
            assert.equal(series.labelled[i], labelled.length);
            near(series.meanScore[i], meanOf(rows.map((p) => p.score)));
            near(series.meanLabel[i], meanOf(labelled.map((p) => p.label?.value ?? 0)));
            const losses = labelled.map((p) => -Math.log(p.label?.value === 1 ? p.score : 1 - p.score));
            near(series.logLoss[i], meanOf(losses));
          });
        }
        const sum = got.series.flatMap((s) => s.requests).reduce<number>((n, v) => n + (v ?? 0), 0);
        const newest = Math.max(...items.map((p) => (clock === 'event' ? p.at : p.servedAt)));
        assert.ok(newest < got.to && newest >= got.to - got.stepMs, 'the window ends with the newest one');
        assert.equal(sum, items.filter((p) => (clock === 'event' ? p.at : p.servedAt) >= got.from).length);
      }
    }
  }
});

const meanOf = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length;

function near(got: number | null | undefined, wanted: number | null): void {
  if (wanted === null || got === null || got === undefined) assert.equal(got, wanted);
  else assert.ok(Math.abs(got - wanted) < 1e-5, `${got} is ${wanted}`);
}

test('steps of a rollout are marked where the traffic is that they changed, on either clock', async () => {
  const { bench, serving } = await openBench(2);
  await using _ = bench;
  const [started] = (await serving.rollouts('e', { limit: 1 })).items;
  const lastYear = startAt - 365 * 24 * 60 * minute;
  const view = (clock: 'event' | 'received') => serving.series('e', { by: 'arm', clock, window: 30 * minute });
  bench.clock.advance(minute);
  assert.deepEqual((await view('event')).marks, [], 'nothing was answered after it yet');
  for (let i = 0; i < 3; i++) serving.predict('e', [{ at: lastYear + i * minute, inputs: { x0: 1 } }]);
  bench.clock.advance(minute);
  await serving.cancelRollout(started?.id ?? '', 'owner');
  serving.predict('e', [{ at: lastYear + 10 * minute, inputs: { x0: 1 } }]);
  const first = { rollout: started?.id, candidate: 2, verdict: 'started', percent: 50 };
  const event = await view('event');
  const second = { rollout: started?.id, candidate: 2, verdict: 'cancelled' };
  assert.deepEqual(event.marks, [
    { ...first, at: lastYear },
    { ...second, at: lastYear + 10 * minute },
  ]);
  const received = await view('received');
  assert.deepEqual(
    received.marks.map(({ at }) => at),
    (await serving.rollout(started?.id ?? '')).decisions.map(({ at }) => at),
  );
  assert.deepEqual((await view('event')).marks, event.marks, 'kept places are the same');
});

test('beyond the bound of one request the oldest buckets are missing, and come when asked again', async () => {
  const { bench, serving } = await openBench(2);
  await using _ = bench;
  // Inputs this long make a span of every few records.
  const long = 'x'.repeat(1900);
  for (let i = 0; i < 1200; i++) {
    bench.clock.advance(1000);
    const more = Object.fromEntries(Array.from({ length: 8 }, (__, n) => [`y${n}`, long]));
    serving.predict('e', [{ inputs: { x0: 1, ...more } }]);
  }
  const reader = readerOf(bench, 300);
  const query = { by: 'arm', clock: 'received', window: 20 * minute, step: minute } as const;
  let tries = 0;
  let missingBefore = Infinity;
  for (;;) {
    const got = await reader.read(serving.runtime('e'), query);
    tries++;
    const missing = got.series[0]?.requests.filter((n) => n === null).length ?? 0;
    assert.equal(got.isComplete, missing === 0);
    assert.ok(missing < missingBefore, 'each request gets further');
    assert.notEqual(got.series[0]?.requests.at(-1), null, 'the newest are there first');
    missingBefore = missing;
    if (got.isComplete) break;
  }
  assert.ok(tries > 1);
});

test('a candidate that cannot score is counted as a fault of it; a window of too many buckets is refused', async () => {
  const { bench, serving } = await openBench(3);
  await using _ = bench;
  // The guard of the errors stops it soon.
  for (let i = 0; i < 6; i++) serving.predict('e', [{ id: `r${i}`, inputs: { x0: 1 } }]);
  const byArm = await serving.series('e', { by: 'arm', clock: 'received', window: minute });
  const faults = (key: string): number | null | undefined => byArm.series.find((s) => s.key === key)?.faults.at(-1);
  assert.deepEqual([faults('incumbent'), faults('candidate')], [0, 6]);
  const { items } = await serving.predictions('e', {
    clock: 'event',
    order: 'oldest',
    from: 0,
    to: startAt * 2,
    filter: { fault: true },
    limit: 10,
  });
  assert.equal(items.length, 6);
  const tooMany = serving.series('e', { by: 'arm', clock: 'event', window: 501_000, step: 1000 });
  await assert.rejects(tooMany, { code: 'request_invalid', message: /501 buckets/ });
});

test('a trial says what every version would answer, and leaves no trace', async () => {
  const { bench, serving } = await openBench(3);
  await using _ = bench;
  const log = serving.runtime('e').log;
  const trial = serving.try('e', { inputs: { x0: 1 } });
  assert.deepEqual(
    trial.answers.map(({ version, role, percent }) => [version, role, percent]),
    [
      [1, 'incumbent', 50],
      [3, 'candidate', 50],
    ],
  );
  assert.ok(Math.abs((trial.answers[0]?.score ?? 0) - 1 / (1 + Math.exp(-0.6))) < 1e-6);
  assert.deepEqual(trial.answers[0]?.features, { x0: 1 });
  assert.match(trial.answers[1]?.problem ?? '', /"x1" is missing; it must be a number or null/);
  for (let i = 0; i < 200; i++) serving.try('e', { inputs: { x0: 'one' } });
  assert.equal(log.count(), 0);
  const [running] = (await serving.rollouts('e', { limit: 1 })).items;
  const progress = await serving.rolloutProgress(running?.id ?? '');
  assert.deepEqual([progress.requests, progress.state], [0, 'running']);
  serving.predict('e', [{ inputs: { x0: 2, name: 'a' } }, { inputs: { x0: -1, name: 'a' } }, { inputs: { x0: null } }]);
  const { rows, inputs } = await serving.seenInputs('e');
  assert.equal(rows, 3);
  assert.deepEqual(
    inputs.toSorted((a, b) => a.name.localeCompare(b.name)),
    [
      { name: 'name', count: 2, missing: 1, values: [{ value: 'a', count: 2 }], isWhole: true },
      { name: 'x0', count: 2, missing: 1, min: -1, max: 2, values: [], isWhole: true },
    ],
  );
});
