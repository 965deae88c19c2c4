import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Instance, Rollout } from '@slipway/contract';
import { RolloutPlan } from '@slipway/contract';
import type { Random } from '../../lib/random.ts';
import { createRandom } from '../../lib/random.ts';
import { route } from './endpoint-runtime.ts';
import type { Serving } from './index.ts';
import type { ServingBench } from './testing.ts';
import { firstPredictions, lapsesAfterMs, logisticModel, openServingBench } from './testing.ts';

const hourMs = 3_600_000;
/** Version 1 serves; 2 is a retrain, 3 knows more, 4 answers in percent, 5 wants an input that nobody sends. */
const models = [
  logisticModel([0.6, 0]),
  logisticModel([0.62, -0.02]),
  logisticModel([0.8, 1.6]),
  logisticModel([0.6, 0], 4),
  logisticModel([0.6, 0, 1]),
];
const plan = RolloutPlan.parse({
  stages: [
    { name: 'shadow', percent: 0, minRequests: 60, deadline: hourMs },
    { name: 'canary', percent: 30, minRequests: 150, deadline: 2 * hourMs },
    { name: 'half', percent: 50, minRequests: 100, minLabels: 320, deadline: 24 * hourMs },
  ],
});

async function openDeployed(): Promise<{ readonly bench: ServingBench; readonly serving: Serving }> {
  const bench = await openServingBench({ models });
  await bench.declare('e');
  const serving = await bench.start();
  await serving.deploy('e', { traffic: [{ version: 1, percent: 100 }], reason: 'first' }, 'owner');
  return { bench, serving };
}

const instanceOf = (i: number, random: Random): Instance => ({
  id: `request-${i}`,
  at: Date.UTC(2026, 0, 1) + i * hourMs,
  inputs: { x0: random.float() * 4 - 2, x1: random.float() * 4 - 2 },
});

interface Stream {
  readonly candidate: number;
  readonly requests: number;
  /** The process is killed after these requests, before anything that they led to is written. */
  readonly killAfter: readonly number[];
  /** Promotions wait for approval until then: what happens to it, once the stream is over. */
  readonly approve?: (bench: ServingBench, serving: Serving, rollout: string) => Promise<void>;
}

/** One seeded stream of requests with late labels, through a rollout and restarts. */
async function runStream({ candidate, requests, killAfter, approve }: Stream): Promise<Rollout> {
  const opened = await openDeployed();
  await using bench = opened.bench;
  bench.approval.isAsked = approve !== undefined;
  let { serving } = opened;
  const random = createRandom(7);
  const waiting: { predictionId: string; value: number; at: number }[] = [];
  const { id } = await serving.startRollout('e', { candidate, plan }, 'owner');
  for (let i = 0; i < requests; i++) {
    bench.clock.advance(1000);
    const instance = instanceOf(i, random);
    const { x0, x1 } = instance.inputs as { x0: number; x1: number };
    const value = random.float() < 1 / (1 + Math.exp(-(0.8 * x0 + 1.6 * x1))) ? 1 : 0;
    const [prediction] = serving.predict('e', [instance]);
    waiting.push({ predictionId: prediction?.id ?? '', value, at: instance.at ?? 0 });
    if (killAfter.includes(i)) {
      bench.kill();
      serving = await bench.start();
    }
    await serving.decided('e');
    if (i % 20 === 19) {
      // A correction changes what is stored, never what was judged.
      const early = waiting.slice(0, -30);
      const labels = [...early, ...early.slice(0, 2).map((label) => ({ ...label, value: 1 - label.value }))];
      await serving.label('e', labels, { watermark: undefined, actor: 'owner' });
      waiting.splice(0, early.length);
      if (killAfter.includes(-i)) {
        bench.kill();
        serving = await bench.start();
      }
      await serving.decided('e');
    }
  }
  await approve?.(bench, serving, id);
  return serving.rollout(id);
}

/** What a restart may change: the instants at which it looked again. */
const essence = ({ decisions, ...rest }: Rollout): unknown => ({
  ...rest,
  finishedAt: undefined,
  decisions: decisions.map((decision) => ({ ...decision, at: 0 })),
});

for (const [name, candidate, state, requests] of [
  ['a retrain that knows no more is rejected', 2, 'rejected', 1000],
  ['a better version is promoted', 3, 'promoted', 1000],
  ['a version with a broken scale is rolled back', 4, 'rolled-back', 300],
] as const) {
  test(`${name}, and a process that is killed at any point decides the same`, async () => {
    const whole = await runStream({ candidate, requests, killAfter: [] });
    assert.equal(whole.state, state, JSON.stringify(whole.decisions.at(-1)));
    const random = createRandom(candidate);
    const decided = whole.decisions.map((decision) => decision.requests - 1);
    const anywhere = Array.from({ length: 4 }, () => random.below(requests));
    const points = [
      ...anywhere.map((i) => [i]),
      ...decided.map((i) => [i]),
      [59, 60, 61, -79, -239, 400],
      [-19, -59, -399],
    ];
    for (const killAfter of points) {
      const cut = await runStream({ candidate, requests, killAfter });
      assert.deepEqual(essence(cut), essence(whole), `killed after ${killAfter.join(', ')}`);
    }
  });
}

const shares = async (serving: Serving): Promise<unknown> =>
  (await serving.get('e')).deployment?.traffic.map(({ version, percent }) => [version, percent]);
const settled = { approval: 'apr_1', sentence: 'Approved by token:ann: fine', actor: 'token:ann' };

for (const killAfter of [[], [999]]) {
  const after = killAfter.length === 0 ? '' : ', also after a restart';
  test(`a promotion that needs approval waits at its last stage, and traffic moves with the approval${after}`, async () => {
    const promoted = await runStream({
      candidate: 3,
      requests: 1000,
      killAfter,
      approve: async (bench, serving, id) => {
        const { state, decisions, deadlineAt } = await serving.rollout(id);
        assert.deepEqual([state, bench.promoted], ['running', []]);
        assert.equal(decisions.at(-1)?.approval, 'apr_1');
        assert.match(decisions.at(-1)?.sentence ?? '', /waits until somebody approves champion \(apr_1\)/);
        assert(deadlineAt > bench.clock.now() + lapsesAfterMs - hourMs, 'it waits as long as the request');
        assert.deepEqual(await shares(serving), [
          [1, 50],
          [3, 50],
        ]);
        await serving.settleApproval({ ...settled, approval: 'apr_2', isApproved: true });
        assert.equal((await serving.rollout(id)).state, 'running', 'another request is none of its business');
        bench.approval.isAsked = false;
        await serving.settleApproval({ ...settled, isApproved: true });
        await serving.settleApproval({ ...settled, isApproved: true });
        assert.deepEqual(await shares(serving), [[3, 100]]);
        assert.deepEqual([bench.promoted, bench.approval.withdrawn], [[3], []]);
      },
    });
    assert.deepEqual(
      [promoted.state, promoted.decisions.at(-1)?.sentence],
      ['promoted', 'Approved by token:ann: fine'],
    );
  });
}

test('without the approval the incumbent goes on alone, and a rollout that ends takes its request back', async () => {
  for (const end of ['refused', 'cancelled'] as const) {
    const ended = await runStream({
      candidate: 3,
      requests: 1000,
      killAfter: [],
      approve: async (bench, serving, id) => {
        if (end === 'refused') await serving.settleApproval({ ...settled, sentence: 'No.', isApproved: false });
        else await serving.cancelRollout(id, 'owner');
        assert.deepEqual(await shares(serving), [[1, 100]]);
        assert.deepEqual([bench.promoted, bench.approval.withdrawn.length], [[], 1]);
      },
    });
    assert.equal(ended.state, end === 'refused' ? 'rejected' : 'cancelled');
  }
});

test('an approval that is given on hold promotes when the rollout is resumed, and not before', async () => {
  const promoted = await runStream({
    candidate: 3,
    requests: 1000,
    killAfter: [],
    approve: async (bench, serving, id) => {
      await serving.holdRollout(id, { reason: 'wait', forMs: 24 * hourMs }, 'ann');
      bench.approval.isAsked = false;
      await serving.settleApproval({ ...settled, isApproved: true });
      const held = await serving.rollout(id);
      assert.deepEqual([held.state, bench.promoted, held.decisions.at(-1)?.verdict], ['running', [], 'on-hold']);
      await serving.resumeRollout(id, '', 'ann');
      assert.deepEqual([await shares(serving), bench.promoted], [[[3, 100]], [3]]);
    },
  });
  assert.equal(promoted.state, 'promoted');
});

test('an order that comes twice gets the same rollout; another one is refused', async () => {
  const { bench, serving } = await openDeployed();
  await using _ = bench;
  const first = await serving.startRollout('e', { candidate: 2, plan }, 'policy:weekly');
  const again = await serving.startRollout('e', { candidate: '2', plan: { ...plan } }, 'policy:weekly');
  assert.deepEqual(again, first);
  assert.equal((await serving.startRollout('e', { candidate: 2 }, 'policy:weekly')).id, first.id);
  const running = { code: 'rollout_running', status: 409 };
  await assert.rejects(serving.startRollout('e', { candidate: 3, plan }, 'owner'), running);
  const other = { ...plan, zone: 'Europe/Berlin' };
  await assert.rejects(serving.startRollout('e', { candidate: 2, plan: other }, 'owner'), running);
  await assert.rejects(serving.deploy('e', { traffic: [{ version: 3, percent: 100 }], reason: '' }, 'owner'), running);
  assert.equal((await serving.rollouts('e', { limit: 10 })).items.length, 1);
  await serving.cancelRollout(first.id, 'owner');
  await assert.rejects(serving.cancelRollout(first.id, 'owner'), { code: 'rollout_ended' });
  assert.notEqual((await serving.startRollout('e', { candidate: 2, plan }, 'owner')).id, first.id);
  await assert.rejects(serving.startRollout('e', { candidate: 1, plan }, 'owner'), running);
});

test('a stage that misses its deadline ends the rollout, also one that outlived its process or cannot be loaded', async () => {
  const { bench, serving } = await openDeployed();
  await using _ = bench;
  const rest = async (ms: number): Promise<void> => {
    bench.clock.advance(ms);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  const first = await serving.startRollout('e', { candidate: 2, plan }, 'owner');
  await rest(hourMs - 30_000);
  assert.equal((await serving.rollout(first.id)).state, 'running');
  await rest(30_000);
  const ended = await serving.rollout(first.id);
  assert.equal(ended.state, 'rejected');
  assert.match(ended.decisions.at(-1)?.sentence ?? '', /shadow did not reach a decision/);
  assert.deepEqual((await serving.get('e')).deployment?.traffic, [{ version: 1, percent: 100 }]);

  const second = await serving.startRollout('e', { candidate: 2, plan }, 'owner');
  bench.kill();
  bench.clock.advance(2 * hourMs);
  const restarted = await bench.start();
  await rest(30_000);
  assert.equal((await restarted.rollout(second.id)).state, 'rejected');

  const third = await restarted.startRollout('e', { candidate: 2, plan }, 'owner');
  bench.kill();
  bench.loseModels(true);
  const blind = await bench.start();
  assert.throws(() => blind.predict('e', []), { code: 'not_found' });
  await rest(hourMs + 60_000);
  assert.equal((await blind.rollout(third.id)).state, 'rejected');
  bench.loseModels(false);
  await blind.deploy('e', { traffic: [{ version: 1, percent: 100 }], reason: 'back' }, 'owner');
  assert.equal(blind.predict('e', [instanceOf(0, createRandom(1))]).length, 1);
});

test('a candidate that fails costs nobody an answer and is rolled back for its errors', async () => {
  const { bench, serving } = await openDeployed();
  await using _ = bench;
  const canary = RolloutPlan.parse({ stages: [{ name: 'canary', percent: 50, minRequests: 1000, minLabels: 1000 }] });
  const { id } = await serving.startRollout('e', { candidate: 5, plan: canary }, 'owner');
  const random = createRandom(1);
  for (let i = 0; i < 60; i++) {
    const [prediction] = serving.predict('e', [instanceOf(i, random)]);
    assert.equal(prediction?.version, 1);
    await serving.decided('e');
  }
  const rollout = await serving.rollout(id);
  assert.equal(rollout.state, 'rolled-back');
  assert.equal(rollout.guard, 'errors');
  const { items: logged } = await serving.predictions('e', firstPredictions);
  assert.equal(logged.length, 60);
  assert.ok(logged.every((record) => record.version === 1 && !record.isCanary && record.shadow === undefined));
});

test('traffic is split as asked, whatever the ids look like, and one id always gets the same version', () => {
  const traffic = [
    { version: 1, percent: 90 },
    { version: 2, percent: 10 },
  ];
  const shapes: ((i: number) => string)[] = [
    String,
    (i) => `request-${i}`,
    (i) => `${i}@example.org`,
    (i) => `u${i * 8}`,
  ];
  for (const shape of shapes) {
    for (let start = 0; start < 20_000; start += 2000) {
      let count = 0;
      for (let i = start; i < start + 2000; i++) if (route(traffic, shape(i)) === 2) count++;
      // 200 are expected, give or take 13.
      assert.ok(Math.abs(count - 200) < 65, `${shape(start)}: ${count} of 2000`);
      assert.equal(route(traffic, shape(start)), route(traffic, shape(start)));
    }
  }
});

test('a bad request is the fault of neither version', async () => {
  const { bench, serving } = await openDeployed();
  await using _ = bench;
  await serving.startRollout('e', { candidate: 2, plan }, 'owner');
  for (let i = 0; i < 50; i++) {
    assert.throws(() => serving.predict('e', [{ id: `r${i}`, inputs: { x0: 'one', x1: 2 } }]), {
      code: 'inputs_invalid',
    });
  }
  assert.equal((await serving.predictions('e', firstPredictions)).items.length, 0);
});
