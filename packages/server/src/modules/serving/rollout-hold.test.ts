/** Rollouts that somebody puts on hold, lets go on, or rolls back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RolloutDecision } from '@slipway/contract';
import { RolloutPlan } from '@slipway/contract';
import type { OpenTestDb } from '../../platform/db/testing.ts';
import { eachDatabase, openedTest } from '../../platform/db/testing.ts';
import type { LedgerTables } from '../../platform/ledger/store.ts';
import { trailPointsMax } from './evidence-trail.ts';
import type { Serving } from './index.ts';
import type { ServingBench } from './testing.ts';
import { logisticModel, openServingBench } from './testing.ts';

const hourMs = 3_600_000;
/** Version 1 serves, 2 is a retrain, 3 answers in percent. */
const models = [logisticModel([0.6]), logisticModel([0.62]), logisticModel([0.6], 4)];
const plan = RolloutPlan.parse({
  stages: [
    { name: 'shadow', percent: 0, minRequests: 20, deadline: hourMs },
    { name: 'half', percent: 50, minRequests: 50, minLabels: 1e6, deadline: hourMs },
  ],
});
const weekMs = 7 * 24 * hourMs;
const hold = { reason: 'the sensor is being exchanged', forMs: weekMs };

interface Held extends AsyncDisposable {
  readonly bench: ServingBench;
  readonly serving: Serving;
  /** Of the rollout. */
  readonly id: string;
}

async function openHeld(open: OpenTestDb): Promise<Held> {
  const bench = await openServingBench({ models, open });
  await bench.declare('e');
  const serving = await bench.start();
  await serving.deploy('e', { traffic: [{ version: 1, percent: 100 }], reason: '' }, 'owner');
  const { id } = await serving.startRollout('e', { candidate: 2, plan }, 'owner');
  return { bench, serving, id, [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose]() };
}

async function ask(serving: Serving, count: number, from = 0): Promise<void> {
  for (let i = 0; i < count; i++) {
    const x0 = Math.sin(from + i) * 2;
    serving.predict('e', [{ id: `r${from + i}`, inputs: { x0 } }]);
  }
  await serving.decided('e');
}

/** On PostgreSQL events are sealed a moment after their commit. */
async function eventsOf({ db }: ServingBench, subject: string, count: number) {
  for (let tries = 0; ; tries++) {
    const query = db.read<LedgerTables>().selectFrom('ledger_event').select(['kind', 'actor', 'body']);
    const events = await query.where('subject', '=', subject).orderBy('seq').execute();
    if (events.length >= count || tries === 200) return events;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const verdicts = (decisions: readonly RolloutDecision[]): string[] => decisions.map((d) => d.verdict);

eachDatabase((database, open) => {
  const dbTest = (name: string, run: (parts: Held) => Promise<void>): void =>
    openedTest(`${database}: ${name}`, () => openHeld(open), run);

  dbTest('on hold nothing is promoted, also over a restart; resumed it goes on where it stood', async (parts) => {
    const { bench, id } = parts;
    let { serving } = parts;
    await ask(serving, 10);
    const before = await serving.rollout(id);
    bench.clock.advance(600_000);
    const held = await serving.holdRollout(id, hold, 'ann');
    assert.equal(held.state, 'running');
    assert.deepEqual(
      { ...held.hold },
      { at: bench.clock.now(), by: 'ann', reason: hold.reason, stageLeftMs: before.deadlineAt - bench.clock.now() },
    );
    assert.equal(held.deadlineAt, bench.clock.now() + weekMs);
    assert.deepEqual(await serving.holdRollout(id, { ...hold, reason: 'again' }, 'bob'), held, 'twice is once');
    await ask(serving, 40, 10);
    assert.equal((await serving.rollout(id)).stage, 0, 'enough requests, and nothing moved');
    assert.equal((await serving.rolloutProgress(id)).requests, 50, 'they are counted all the same');
    bench.kill();
    serving = await bench.start();
    bench.clock.advance(3 * hourMs);
    await serving.decided('e');
    assert.deepEqual(serving.runtime('e').traffic[0], { version: 1, percent: 100 });
    const progress = await serving.rolloutProgress(id);
    assert.deepEqual([progress.isOnHold, progress.earliestDecisionAt], [true, undefined]);
    const resumed = await serving.resumeRollout(id, '', 'bob');
    assert.equal(resumed.hold, undefined);
    assert.equal(resumed.deadlineAt, bench.clock.now() + (held.hold?.stageLeftMs ?? 0));
    await serving.decided('e');
    const after = await serving.rollout(id);
    assert.deepEqual([after.stage, verdicts(after.decisions)], [1, ['started', 'on-hold', 'resumed', 'advanced']]);
    assert.equal(serving.runtime('e').traffic[1]?.percent, 50);
    assert.deepEqual(await serving.resumeRollout(id, 'again', 'bob'), after, 'not on hold: nothing to do');
    const events = await eventsOf(bench, id, 4);
    assert.deepEqual(
      events.map((e) => `${e.kind} ${e.actor}`),
      [
        'rollout.started owner',
        'rollout.put-on-hold ann',
        'rollout.resumed bob',
        'rollout.advanced system:rollout-judge',
      ],
    );
    assert.match(events[1]?.body ?? '', /the sensor is being exchanged/);
  });

  dbTest('a hold that nobody ends is ended without promotion', async ({ bench, serving, id }) => {
    await serving.holdRollout(id, { ...hold, forMs: 2 * hourMs }, 'ann');
    bench.clock.advance(hourMs + 60_000);
    await ask(serving, 1);
    assert.equal((await serving.rollout(id)).state, 'running', 'the deadline of the stage does not count on hold');
    bench.clock.advance(hourMs);
    for (let tries = 0; tries < 200 && (await serving.rollout(id)).state === 'running'; tries++) {
      // The next sweep is set when the one before it has ended.
      bench.clock.advance(60_000);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const ended = await serving.rollout(id);
    assert.equal(ended.state, 'rejected');
    assert.match(ended.decisions.at(-1)?.sentence ?? '', /Nobody resumed what ann had put on hold/);
    assert.equal(ended.hold, undefined);
  });

  dbTest('roll back sends everything back at once and keeps how the evidence went', async ({ serving, id }) => {
    await ask(serving, 300);
    const live = await serving.rolloutProgress(id);
    assert.deepEqual([live.isJudging, live.stage], [true, 1]);
    assert.ok(live.trail.requests.length > 50 && live.trail.requests.length < trailPointsMax);
    assert.deepEqual(live.guards.map((guard) => guard.guard).sort(), ['errors', 'labels', 'sample-ratio', 'scores']);
    const done = await serving.rollBack(id, 'customers complain', 'ann');
    assert.equal(done.state, 'rolled-back');
    assert.equal(done.guard, undefined);
    assert.equal(done.decisions.at(-1)?.sentence, 'Rolled back by ann: customers complain');
    assert.deepEqual(serving.runtime('e').traffic, [{ version: 1, percent: 100 }]);
    const kept = await serving.rolloutProgress(id);
    assert.deepEqual([kept.isJudging, kept.requests, kept.trail], [false, 300, live.trail]);
    await assert.rejects(serving.rollBack(id, 'again', 'ann'), { code: 'rollout_ended' });
    await assert.rejects(serving.holdRollout(id, hold, 'ann'), { code: 'rollout_ended' });
    await assert.rejects(serving.resumeRollout(id, '', 'ann'), { code: 'rollout_ended' });
  });
});

test('on hold a guard still rolls back', async () => {
  await using bench = await openServingBench({ models });
  await bench.declare('e');
  const serving = await bench.start();
  await serving.deploy('e', { traffic: [{ version: 1, percent: 100 }], reason: '' }, 'owner');
  const { id } = await serving.startRollout('e', { candidate: 3, plan }, 'owner');
  await serving.holdRollout(id, hold, 'ann');
  await ask(serving, 600);
  const ended = await serving.rollout(id);
  assert.deepEqual([ended.state, ended.guard, ended.hold], ['rolled-back', 'scores', undefined]);
});
