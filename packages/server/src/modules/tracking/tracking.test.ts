import assert from 'node:assert/strict';
import type { Run } from '@slipway/contract';
import { dbTest, eachDatabase } from '../../platform/db/testing.ts';
import { trackingStore } from './store.ts';
import { trackingBench } from './testing.ts';

const actor = 'owner';
const options = { modules: [trackingStore] };

eachDatabase((name, open) => {
  dbTest(
    `${name}: an experiment: created once per name, deleted with its runs, restored without those deleted before`,
    open,
    options,
    async (_t, { db }) => {
      const bench = trackingBench(db);
      const { tracking } = bench;
      const experiment = await tracking.createExperiment({ name: 'flights', tags: { team: 'ops' }, actor });
      assert.equal(experiment.tags['team'], 'ops');
      await assert.rejects(tracking.createExperiment({ name: 'flights', actor }), { code: 'already_exists' });
      const kept = await tracking.createRun({ experimentId: experiment.id, actor });
      const gone = await tracking.createRun({ experimentId: experiment.id, actor });
      await tracking.deleteRun(gone.id, actor);
      await bench.clock.sleep(2);
      await tracking.deleteExperiment(experiment.id, actor);
      await assert.rejects(tracking.deleteExperiment(experiment.id, actor), { code: 'not_found' });
      assert.equal((await tracking.getRun(kept.id)).lifecycle, 'deleted');
      await assert.rejects(tracking.createRun({ experimentId: experiment.id, actor }), { code: 'experiment_deleted' });

      const second = await tracking.createExperiment({ name: 'flights', actor });
      assert.equal((await tracking.findExperimentByName('flights'))?.id, second.id);
      await assert.rejects(tracking.restoreExperiment(experiment.id, actor), { code: 'already_exists' });
      await tracking.updateExperiment(second.id, { name: 'flights-2' }, actor);
      await tracking.restoreExperiment(experiment.id, actor);
      assert.equal((await tracking.getRun(kept.id)).lifecycle, 'active');
      assert.equal((await tracking.getRun(gone.id)).lifecycle, 'deleted');
    },
  );

  dbTest(
    `${name}: log: latest is the greatest (step, at, value), points are distinct, NaN and infinities survive`,
    open,
    options,
    async (_t, { db }) => {
      const bench = trackingBench(db);
      const { tracking } = bench;
      const { id } = await tracking.createRun({
        experimentId: (await tracking.ensureExperiment('e', actor)).id,
        actor,
      });
      const points = [
        { key: 'loss', value: 0.5, step: 1, at: 10 },
        { key: 'loss', value: 0.4, step: 2, at: 10 },
        { key: 'loss', value: 0.9, step: 0, at: 99 },
        { key: 'loss', value: 0.4, step: 2, at: 10 },
        { key: 'nan', value: NaN, step: 0, at: 1 },
        { key: 'inf', value: Infinity, step: -3, at: 1 },
        { key: 'ninf', value: -Infinity, step: 0, at: 1 },
        { key: 'zero', value: -0, step: 0, at: 1 },
      ];
      await tracking.log(id, { metrics: points, params: { depth: '6' }, tags: { kind: 'x' } });
      await tracking.log(id, { metrics: points, params: { depth: '6' }, tags: { kind: 'y' }, name: 'renamed' });
      const run = await tracking.getRun(id);
      const latest = Object.fromEntries(run.metrics.map((m) => [m.key, m.value]));
      assert.deepEqual(latest, { inf: 'Infinity', loss: 0.4, nan: 'NaN', ninf: '-Infinity', zero: 0 });
      assert.deepEqual([run.name, run.params, run.tags], ['renamed', { depth: '6' }, { kind: 'y' }]);
      const first = await tracking.history({ run: id, key: 'loss', limit: 2 });
      assert.deepEqual(first.items, [
        { value: 0.5, step: 1, at: 10 },
        { value: 0.4, step: 2, at: 10 },
      ]);
      const second = await tracking.history({ run: id, key: 'loss', limit: 2, pageToken: first.nextPageToken });
      assert.deepEqual(second, { items: [{ value: 0.9, step: 0, at: 99 }] });
      assert.deepEqual((await tracking.history({ run: id, key: 'nan', limit: 5 })).items, [
        { value: 'NaN', step: 0, at: 1 },
      ]);
      await assert.rejects(tracking.history({ run: id, key: 'nan', limit: 2, pageToken: first.nextPageToken }), {
        code: 'page_token_invalid',
      });
    },
  );

  dbTest(`${name}: batches of every size keep every point once`, open, options, async (_t, { db }) => {
    const { tracking } = trackingBench(db);
    const { id } = await tracking.createRun({ experimentId: (await tracking.ensureExperiment('e', actor)).id, actor });
    const odd = [Number.NaN, Infinity, -Infinity, -0, 5e-324, 1 / 3];
    const value = (i: number): number => odd[i % 50] ?? Math.sin(i);
    const points = Array.from({ length: 1000 }, (_, i) => ({
      key: `m${i % 7}`,
      value: value(i),
      step: i - 500,
      at: i,
    }));
    for (const size of [1, 49, 50, 51, 100, 149, 1000]) await tracking.log(id, { metrics: points.slice(0, size) });
    await tracking.log(id, { metrics: [...points].reverse() });
    for (let key = 0; key < 7; key++) {
      const own = points.filter((p) => p.key === `m${key}`);
      const { items } = await tracking.history({ run: id, key: `m${key}`, limit: 1000 });
      const expected = own.map((p) => ({ value: p.value + 0, step: p.step, at: p.at }));
      assert.deepEqual(
        items.map((p) => ({ ...p, value: Number(p.value) })),
        expected,
      );
      const latest = (await tracking.getRun(id)).metrics.find((m) => m.key === `m${key}`);
      assert.deepEqual([latest?.step, Number(latest?.value)], [own.at(-1)?.step, own.at(-1)?.value]);
    }
  });

  dbTest(
    `${name}: log is all or nothing: a changed param keeps nothing of its request and does not touch its neighbours`,
    open,
    options,
    async (_t, { db }) => {
      const bench = trackingBench(db);
      const { tracking } = bench;
      const { id } = await tracking.createRun({
        experimentId: (await tracking.ensureExperiment('e', actor)).id,
        actor,
      });
      await tracking.log(id, { params: { a: '1' } });
      const metric = (key: string) => ({ metrics: [{ key, value: 1, step: 0, at: 1 }] });
      const results = await Promise.allSettled([
        tracking.log(id, metric('before')),
        tracking.log(id, { ...metric('refused'), params: { b: '1', a: '2' }, tags: { t: '1' } }),
        tracking.log(id, metric('after')),
      ]);
      assert.deepEqual(
        results.map((r) => r.status),
        ['fulfilled', 'rejected', 'fulfilled'],
      );
      assert.match(String(results[1]?.status === 'rejected' && results[1].reason), /"a".*"1" already.*"2"/);
      const run = await tracking.getRun(id);
      assert.deepEqual(run.metrics.map((m) => m.key).sort(), ['after', 'before']);
      assert.deepEqual([run.params, run.tags], [{ a: '1' }, {}]);
    },
  );

  dbTest(`${name}: refused: keys, steps, times, long values, deleted runs`, open, options, async (_t, { db }) => {
    const bench = trackingBench(db);
    const { tracking } = bench;
    const { id } = await tracking.createRun({ experimentId: (await tracking.ensureExperiment('e', actor)).id, actor });
    const point = { key: 'm', value: 1, step: 0, at: 1 };
    for (const bad of [
      { key: '../m' },
      { key: '/m' },
      { key: 'a\nb' },
      { key: 'x'.repeat(251) },
      { step: 1.5 },
      { step: 2 ** 60 },
      { at: -1 },
    ]) {
      await assert.rejects(tracking.log(id, { metrics: [{ ...point, ...bad }] }), { code: 'request_invalid' });
    }
    await assert.rejects(tracking.log(id, { params: { p: 'x'.repeat(6001) } }), { code: 'request_invalid' });
    await tracking.deleteRun(id, actor);
    await tracking.deleteRun(id, actor);
    await assert.rejects(tracking.log(id, { metrics: [point] }), { code: 'run_deleted' });
    await assert.rejects(tracking.deleteTag(id, 'x'), { code: 'run_deleted' });
    await assert.rejects(tracking.getRun('run_none'), { code: 'not_found' });
  });

  dbTest(`${name}: artifacts: paths over stored bytes`, open, options, async (_t, { db }) => {
    const bench = trackingBench(db);
    const { artifacts } = bench.tracking;
    const bytes = Buffer.from('x');
    await artifacts.put('run_a', 'model/MLmodel', bytes);
    await artifacts.put('run_a', 'model/data/w.bin', bytes);
    await artifacts.put('run_a', 'model2', bytes);
    const paths = async (path: string): Promise<string[]> =>
      (await artifacts.list('run_a', path)).map((a) => (a.isFolder ? `${a.path}/` : a.path));
    assert.deepEqual(await paths(''), ['model/', 'model2']);
    assert.deepEqual(await paths('model'), ['model/MLmodel', 'model/data/']);
    assert.deepEqual(await paths('model2'), []);
    assert.deepEqual(
      (await artifacts.tree('run_a', 'model')).map((f) => f.path),
      ['MLmodel', 'data/w.bin'],
    );
    assert.deepEqual(
      (await artifacts.tree('run_a', 'model2')).map((f) => f.path),
      ['model2'],
    );
    for (const path of ['../x', 'a//b', '/a', 'a/../b', 'a\\b', '', '.']) {
      await assert.rejects(artifacts.put('run_a', path, bytes), { code: 'name_invalid' });
    }
    await assert.rejects(artifacts.put('run_a', 'model2/x', bytes), { code: 'conflict' });
    assert.equal(await artifacts.remove('run_a', 'model', actor), 2);
    assert.deepEqual(await paths(''), ['model2']);
    await assert.rejects(artifacts.get('run_a', 'model/MLmodel'), { code: 'not_found' });
  });

  dbTest(`${name}: events: a run that starts and ends says so once`, open, options, async (_t, { db, sealed }) => {
    const bench = trackingBench(db);
    const { tracking } = bench;
    const { id } = await tracking.createRun({ experimentId: (await tracking.ensureExperiment('e', actor)).id, actor });
    await tracking.endRun(id, 'finished', actor);
    const ended: Run = await tracking.endRun(id, 'finished', actor);
    assert.equal(ended.status, 'finished');
    await sealed();
    const events = await db
      .read<{ ledger_event: { seq: number; kind: string; subject: string } }>()
      .selectFrom('ledger_event')
      .select('kind')
      .where('subject', '=', id)
      .orderBy('seq')
      .execute();
    assert.deepEqual(
      events.map((e) => e.kind),
      ['run.started', 'run.finished'],
    );
  });
});
