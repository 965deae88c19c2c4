/** No state is for ever: every state of the contract's lists is either an end, or is ended by the sweeper. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pipelineRunStates, stepStates } from '@slipway/contract';
import { operation } from '../../platform/db/db.ts';
import type { PipelinesTables } from './rows.ts';
import { isLiveRun, isLiveStep, liveRunStates, liveStepStates } from './rows.ts';
import { openPipelines } from './testing.ts';

const project = {
  'pipeline.ts': `
import { noopStep, pipeline, shellStep } from 'slipway';
export default pipeline({ id: 'two' }, (_, run) => {
  const first = run(shellStep({ id: 'first', cache: 'never', argv: ['/bin/sh', '-c', 'sleep 60'] }), {});
  run(noopStep('second'), {}, { after: [first] });
});`,
};

/** Puts a step into a state as if its job had been lost there: the job is gone, the deadline remains. */
const strand = operation(
  'test.strand',
  async (trx, input: { run: string; step: string; state: (typeof liveStepStates)[number] }) => {
    await trx
      .tables<PipelinesTables>()
      .updateTable('pipelines_step')
      .set({ state: input.state, job_id: 999_999, fence: 1, queued_at: trx.now, deadline_at: trx.now + 60_000 })
      .where('run', '=', input.run)
      .where('step', '=', input.step)
      .execute();
  },
);

const strandRun = operation(
  'test.strand-run',
  async (trx, input: { run: string; state: (typeof liveRunStates)[number] }) => {
    await trx
      .tables<PipelinesTables>()
      .updateTable('pipelines_run')
      .set({ state: input.state })
      .where('id', '=', input.run)
      .execute();
  },
);

for (const state of stepStates) {
  test(`a step that is ${state} ${isLiveStep(state) ? 'is ended by the sweeper' : 'has ended'}`, async () => {
    await using bench = await openPipelines({ operations: [strand as never, strandRun as never] });
    await bench.declare(project);
    const { pipelines } = bench.start({ isWorking: false });
    const { id } = await pipelines.start('two', { params: {}, actor: 'owner' });
    if (!(liveStepStates as readonly string[]).includes(state)) return;
    await bench.db.write(strand, { run: id, step: 'first', state: state as (typeof liveStepStates)[number] });
    if (state === 'cancelling') await bench.db.write(strandRun, { run: id, state: 'cancelling' });
    assert.equal(await pipelines.sweeper.sweep(), 0, 'nothing is overdue yet');
    bench.shift(61_000);
    assert((await pipelines.sweeper.sweep()) >= 1);
    const run = await pipelines.getRun(id);
    assert(!isLiveRun(run.state), `the run is ${run.state}`);
    assert(
      run.steps.every((step) => !isLiveStep(step.state)),
      JSON.stringify(run.steps),
    );
    assert.equal(run.steps[0]?.state, state === 'cancelling' ? 'cancelled' : 'failed');
    assert.equal(run.steps[1]?.state, 'skipped');
  });
}

for (const state of pipelineRunStates.filter(isLiveRun)) {
  test(`a run that is ${state} ends by its deadline`, async () => {
    await using bench = await openPipelines({ operations: [strand as never, strandRun as never] });
    await bench.declare(project);
    const { pipelines } = bench.start({ isWorking: false });
    const { id } = await pipelines.start('two', { params: {}, actor: 'owner' });
    if (state === 'cancelling') {
      await bench.db.write(strand, { run: id, step: 'first', state: 'running' });
      await pipelines.cancel(id, 'owner');
      assert.equal((await pipelines.getRun(id)).state, 'cancelling');
    }
    bench.shift(25 * 3_600_000);
    for (let i = 0; i < 3; i++) await pipelines.sweeper.sweep();
    assert.equal((await pipelines.getRun(id)).state, 'cancelled');
  });
}

test('the lists of live states are those that the tables call live', async () => {
  assert.deepEqual(stepStates.filter(isLiveStep), [...liveStepStates]);
  assert.deepEqual(pipelineRunStates.filter(isLiveRun), [...liveRunStates]);
});

test('a step whose job ended without an outcome is given up before its deadline', async () => {
  await using bench = await openPipelines({ operations: [strand as never, strandRun as never] });
  await bench.declare(project);
  const { pipelines } = bench.start({ isWorking: false });
  const { id } = await pipelines.start('two', { params: {}, actor: 'owner' });
  await bench.db.write(strand, { run: id, step: 'first', state: 'running' });
  bench.shift(20_000);
  assert.equal(await pipelines.sweeper.sweep(), 1);
  const run = await pipelines.getRun(id);
  assert.equal(run.state, 'failed');
  assert.match(run.problem ?? '', /its job ended without an outcome \(the job is gone\)/);
});
