/** What the list of runs asks beside the runs: keys, values, counts, samples of metrics, saved views. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { exactCountMax, runMetricsMax } from '@slipway/contract';
import type { Clock } from '../../platform/clock.ts';
import { createSystemClock } from '../../platform/clock.ts';
import { operation } from '../../platform/db/db.ts';
import { dbTest, eachDatabase } from '../../platform/db/testing.ts';
import type { Tracking } from './index.ts';
import { sql } from 'kysely';
import { trackingStore } from './store.ts';
import { trackingBench } from './testing.ts';

const actor = 'owner';
const hourMs = 3_600_000;

/** A clock that a test moves. */
function movedClock(): { clock: Clock; move: (ms: number) => void } {
  const system = createSystemClock();
  let aheadMs = 0;
  return {
    clock: { ...system, now: () => system.now() + aheadMs },
    move: (ms) => {
      aheadMs += ms;
    },
  };
}

async function newRun(tracking: Tracking, experiment = 'e'): Promise<string> {
  const { id } = await tracking.ensureExperiment(experiment, actor);
  return (await tracking.createRun({ experimentId: id, actor })).id;
}

const keyTexts = async (tracking: Tracking, query: Parameters<Tracking['listKeys']>[0]): Promise<string[]> =>
  (await tracking.listKeys(query)).items.map(({ kind, key }) => `${kind} ${key}`);

/** Runs without anything, in the default experiment: enough to pass the limit of exact counts. */
const manyRuns = operation('test.many-runs', async (trx, { count }: { count: number }) => {
  const numbers =
    trx.dialect === 'postgres'
      ? sql`generate_series(1, ${count}::int) as s(n)`
      : sql`(with recursive s(n) as (select 1 union all select n + 1 from s where n < ${count}) select n from s) as s`;
  await sql`insert into tracking_run(uid, experiment_id, name, status, start_at) select 'run_many' || n, 0, 'many', 2, 1 from ${numbers}`.execute(
    trx.tables(),
  );
});

eachDatabase((name, open) => {
  const options = { modules: [trackingStore], operations: [manyRuns] };

  dbTest(
    `${name}: keys are listed by kind and name, found by prefix and by part, page by page`,
    open,
    options,
    async (_t, { db }) => {
      const { tracking } = trackingBench(db);
      const run = await newRun(tracking);
      const other = await newRun(tracking, 'other');
      await tracking.log(run, {
        metrics: ['auc', 'val/loss', 'Val/Loss', 'val/', 'école', 'val-loss'].flatMap((key) =>
          key === 'val/' ? [] : [{ key, value: 1, step: 0, at: 1 }],
        ),
        params: { rate: '0.1', 'val.share': '0.2' },
        tags: { val: 'x' },
      });
      await tracking.log(other, { metrics: [{ key: 'auc', value: 1, step: 0, at: 1 }], params: { depth: '3' } });
      const { id } = await tracking.ensureExperiment('e', actor);
      assert.deepEqual(await keyTexts(tracking, { experimentId: id, limit: 100 }), [
        'metric Val/Loss',
        'metric auc',
        'metric val-loss',
        'metric val/loss',
        'metric école',
        'param rate',
        'param val.share',
        'tag val',
      ]);
      assert.deepEqual(await keyTexts(tracking, { experimentId: id, prefix: 'val', limit: 100 }), [
        'metric val-loss',
        'metric val/loss',
        'param val.share',
        'tag val',
      ]);
      assert.deepEqual(await keyTexts(tracking, { experimentId: id, contains: 'LOSS', kind: 'metric', limit: 100 }), [
        'metric Val/Loss',
        'metric val-loss',
        'metric val/loss',
      ]);
      assert.deepEqual(await keyTexts(tracking, { prefix: 'a', limit: 5 }), ['metric auc']);
      assert.deepEqual(await keyTexts(tracking, { kind: 'param', limit: 5 }), [
        'param depth',
        'param rate',
        'param val.share',
      ]);
      assert.deepEqual(await keyTexts(tracking, { experimentId: id, prefix: '%', limit: 5 }), []);

      const seen: string[] = [];
      let pageToken: string | undefined;
      do {
        const page = await tracking.listKeys({ experimentId: id, limit: 3, pageToken });
        seen.push(...page.items.map(({ kind, key }) => `${kind} ${key}`));
        pageToken = page.nextPageToken;
      } while (pageToken !== undefined);
      assert.deepEqual(seen, await keyTexts(tracking, { experimentId: id, limit: 100 }));
      const { nextPageToken } = await tracking.listKeys({ experimentId: id, limit: 3 });
      await assert.rejects(tracking.listKeys({ limit: 3, pageToken: nextPageToken }), { code: 'page_token_invalid' });
      await assert.rejects(tracking.listKeys({ experimentId: 'exp_none', limit: 3 }), { code: 'not_found' });
    },
  );

  const moved = movedClock();
  dbTest(
    `${name}: a key is marked as seen when a run logs it an hour later, and a refused request leaves no key`,
    open,
    { ...options, clock: moved.clock },
    async (_t, { db }) => {
      const { tracking } = trackingBench(db);
      const run = await newRun(tracking);
      const { id } = await tracking.ensureExperiment('e', actor);
      const log = (at: number): Promise<void> =>
        tracking.log(run, { metrics: [{ key: 'auc', value: at, step: at, at }], params: { rate: '1' } });
      const seenAt = async (): Promise<number> =>
        (await tracking.listKeys({ experimentId: id, limit: 1 })).items[0]?.seenAt ?? 0;
      await log(1);
      const first = await seenAt();
      moved.move(hourMs / 2);
      await log(2);
      assert.equal(await seenAt(), first);
      moved.move(hourMs);
      await log(3);
      assert.ok((await seenAt()) >= first + hourMs);
      await assert.rejects(tracking.log(run, { params: { rate: '2', fresh: 'x' } }), { code: 'param_changed' });
      assert.deepEqual(await keyTexts(tracking, { experimentId: id, limit: 9 }), ['metric auc', 'param rate']);
    },
  );

  dbTest(
    `${name}: distinct values of a param and a tag, by prefix, without those that the index cuts`,
    open,
    options,
    async (_t, { db }) => {
      const { tracking } = trackingBench(db);
      for (const model of ['gbt', 'linear', 'gbt', 'g%', 'x'.repeat(64)]) {
        await tracking.log(await newRun(tracking), { params: { model }, tags: { kind: 'refit' } });
      }
      await tracking.log(await newRun(tracking, 'other'), { params: { model: 'elsewhere' } });
      const { id } = await tracking.ensureExperiment('e', actor);
      const values = (prefix: string, limit = 20): Promise<string[]> =>
        tracking.listValues({ experimentId: id, kind: 'param', key: 'model', prefix, limit });
      assert.deepEqual((await values('')).toSorted(), ['g%', 'gbt', 'linear']);
      assert.deepEqual((await values('g')).toSorted(), ['g%', 'gbt']);
      assert.equal((await values('', 1)).length, 1);
      const anywhere = { experimentId: undefined, kind: 'param', key: 'model', limit: 20 } as const;
      assert.deepEqual(await tracking.listValues({ ...anywhere, prefix: '' }), ['elsewhere', 'g%', 'gbt', 'linear']);
      assert.deepEqual(await tracking.listValues({ ...anywhere, prefix: 'e' }), ['elsewhere']);
      assert.deepEqual(await tracking.listValues({ ...anywhere, key: 'never', prefix: '' }), []);
      assert.deepEqual(
        await tracking.listValues({ experimentId: id, kind: 'tag', key: 'kind', prefix: 'r', limit: 5 }),
        ['refit'],
      );
      assert.deepEqual(
        await tracking.listValues({ experimentId: id, kind: 'tag', key: 'none', prefix: '', limit: 5 }),
        [],
      );
    },
  );

  dbTest(
    `${name}: counts are exact up to the limit, follow filters, and forget deleted runs`,
    open,
    options,
    async (_t, { db }) => {
      const { tracking } = trackingBench(db);
      const runs: string[] = [];
      for (let i = 0; i < 12; i++) {
        const run = await newRun(tracking, i < 10 ? 'e' : 'other');
        runs.push(run);
        await tracking.log(run, {
          metrics: [{ key: 'auc', value: i / 10, step: 0, at: 1 }],
          params: { half: String(i % 2) },
        });
      }
      const { id } = await tracking.ensureExperiment('e', actor);
      const count = async (filter?: string, experimentIds?: string[]): Promise<number> =>
        (await tracking.countRuns({ filter, experimentIds })).count;
      assert.equal(await count(), 12);
      assert.equal(await count(undefined, [id]), 10);
      assert.equal(await count("metrics.auc >= 0.5 and params.half = '1'", [id]), 3);
      assert.equal(await count("metrics.auc >= 0.5 or params.half = '1'", [id]), 7);
      assert.equal(await count("params.half = 'none'"), 0);
      assert.equal(await count(undefined, []), 0);
      await tracking.deleteRun(runs[0] ?? '', actor);
      assert.deepEqual(await tracking.countRuns({ experimentIds: [id] }), { count: 9, isExact: true });
      await assert.rejects(tracking.countRuns({ filter: 'metrics.auc >' }), { code: 'filter_invalid' });
      await db.write(manyRuns, { count: exactCountMax });
      assert.deepEqual(await tracking.countRuns({}), { count: exactCountMax, isExact: false });
      assert.deepEqual(await tracking.countRuns({ experimentIds: [id] }), { count: 9, isExact: true });
    },
  );

  dbTest(
    `${name}: a page of runs carries the columns asked for and nothing else`,
    open,
    options,
    async (_t, { db }) => {
      const { tracking } = trackingBench(db);
      const run = await newRun(tracking);
      const metrics = ['a', 'b', 'c'].map((key) => ({ key, value: 1, step: 0, at: 1 }));
      await tracking.log(run, { metrics, params: { p: '1', q: '2' }, tags: { t: 'x', u: 'y' } });
      const columns = { metrics: ['b', 'none'], params: ['q'], tags: [] };
      const [found] = (await tracking.searchRuns({ columns, limit: 5 })).items;
      assert.deepEqual([found?.metrics.map((m) => m.key), found?.params, found?.tags], [['b'], { q: '2' }, {}]);
      const [whole] = (await tracking.searchRuns({ limit: 5 })).items;
      assert.equal(whole?.metrics.length, 3);
    },
  );

  dbTest(`${name}: a run comes with its first metrics, all are in pages`, open, options, async (_t, { db }) => {
    const { tracking } = trackingBench(db);
    const run = await newRun(tracking);
    const keyOf = (i: number): string => `layer.${String(i).padStart(4, '0')}`;
    const count = runMetricsMax + 300;
    for (let from = 0; from < count; from += 650) {
      const metrics = Array.from({ length: 650 }, (_, i) => ({ key: keyOf(from + i), value: i, step: 1, at: 7 }));
      await tracking.log(run, { metrics });
    }
    const brief = await tracking.getRunBrief(run);
    assert.deepEqual([brief.metrics.length, brief.metricCount], [runMetricsMax, count]);
    const whole = await tracking.getRun(run);
    assert.deepEqual([whole.metrics.length, whole.metricCount], [count, undefined]);
    assert.deepEqual(brief.metrics, whole.metrics.slice(0, runMetricsMax));
    const found = [];
    for (let pageToken: string | undefined, pages = 0; pages === 0 || pageToken !== undefined; pages++) {
      const page = await tracking.listMetrics({ run, limit: 500, pageToken });
      found.push(...page.items);
      ({ nextPageToken: pageToken } = page);
    }
    assert.deepEqual(found, whole.metrics);
    const some = await tracking.listMetrics({ run, contains: 'LAYER.010', limit: 100 });
    assert.deepEqual(
      some.items.map((m) => m.key),
      Array.from({ length: 10 }, (_, i) => keyOf(100 + i)),
    );
    const few = await newRun(tracking);
    await tracking.log(few, { metrics: [{ key: 'a', value: 1, step: 1, at: 1 }] });
    assert.equal((await tracking.getRunBrief(few)).metricCount, undefined);
  });

  dbTest(
    `${name}: a sample has every point of a short run and every peak of a long one`,
    open,
    options,
    async (_t, { db }) => {
      const { tracking } = trackingBench(db);
      const short = await newRun(tracking);
      const long = await newRun(tracking);
      const none = await newRun(tracking);
      const values = Array.from({ length: 1000 }, (_, step) =>
        step === 617 ? 99 : step === 618 ? -99 : Math.sin(step),
      );
      await tracking.log(long, {
        metrics: values.map((value, step) => ({ key: 'loss', value, step: step * 3, at: step })),
      });
      await tracking.log(short, {
        metrics: [
          { key: 'loss', value: 2, step: 5, at: 1 },
          { key: 'loss', value: NaN, step: 6, at: 2 },
          { key: 'loss', value: Infinity, step: 7, at: 3 },
        ],
      });
      const [a, b, c] = await tracking.sample({ runs: [short, long, none], key: 'loss', points: 50 });
      assert.deepEqual(a, {
        run: short,
        pointCount: 3,
        isExact: true,
        firstSteps: [5, 6, 7],
        lastSteps: [5, 6, 7],
        at: [1, 2, 3],
        low: [2, null, 'Infinity'],
        high: [2, null, 'Infinity'],
        counts: [1, 1, 1],
      });
      assert.equal(b?.isExact, false);
      assert.equal(b?.pointCount, 1000);
      assert.ok((b?.counts.length ?? 0) <= 50);
      assert.equal(
        b?.counts.reduce((sum, n) => sum + n, 0),
        1000,
      );
      const numbers = (list: readonly (number | string | null)[] | undefined): number[] => (list ?? []).map(Number);
      assert.equal(Math.max(...numbers(b?.high)), 99);
      assert.equal(Math.min(...numbers(b?.low)), -99);
      assert.deepEqual([c?.pointCount, c?.counts], [0, []]);
      const [zoomed] = await tracking.sample({ runs: [long], key: 'loss', points: 50, fromStep: 1830, toStep: 1860 });
      assert.equal(zoomed?.isExact, true);
      assert.deepEqual(
        zoomed?.firstSteps,
        Array.from({ length: 11 }, (_, i) => 1830 + i * 3),
      );
      await assert.rejects(tracking.sample({ runs: ['run_none'], key: 'loss', points: 9 }), { code: 'not_found' });
    },
  );

  dbTest(`${name}: a sample sums up what the points say, whatever their steps`, open, options, async (_t, { db }) => {
    const { tracking } = trackingBench(db);
    const step = fc.oneof(fc.integer({ min: -20, max: 20 }), fc.integer({ min: -(2 ** 52), max: 2 ** 52 }));
    const point = fc.record({ step, value: fc.double({ noNaN: false }) });
    let at = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(point, { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 2, max: 30 }),
        async (drawn, points) => {
          const run = await newRun(tracking);
          await tracking.log(run, { metrics: drawn.map((p) => ({ key: 'm', ...p, at: at++ })) });
          const [series] = await tracking.sample({ runs: [run], key: 'm', points });
          assert.ok(series !== undefined && series.counts.length <= points);
          assert.equal(
            series.counts.reduce((sum, n) => sum + n, 0),
            drawn.length,
          );
          const stored = drawn.filter((p) => !Number.isNaN(p.value));
          const ends = (list: readonly (number | string | null)[]): number[] =>
            list.filter((v) => v !== null).map((v) => Number(v));
          if (stored.length > 0) {
            assert.equal(Math.min(...ends(series.low)), Math.min(...stored.map((p) => p.value)) + 0);
            assert.equal(Math.max(...ends(series.high)), Math.max(...stored.map((p) => p.value)) + 0);
          }
          for (const [i, first] of series.firstSteps.entries()) {
            const last: number = series.lastSteps[i] ?? first;
            const within: typeof drawn = drawn.filter((p) => p.step >= first && p.step <= last);
            if (!series.isExact) assert.equal(within.length, series.counts[i]);
            assert.ok(i === 0 || first >= (series.lastSteps[i - 1] ?? -Infinity));
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  dbTest(
    `${name}: views are saved, renamed, deleted and restored; a name is taken once`,
    open,
    options,
    async (_t, { db }) => {
      const { tracking } = trackingBench(db);
      const { views } = tracking;
      const hostile = '<script>alert(1)</script> مرحبا 🛫';
      const first = await views.create({ name: hostile, query: 'f=metrics.auc+%3E+0.7', actor });
      assert.deepEqual([first.name, first.author, first.query], [hostile, actor, 'f=metrics.auc+%3E+0.7']);
      await assert.rejects(views.create({ name: hostile, query: '', actor }), { code: 'already_exists' });
      const second = await views.create({ name: 'second', query: '', actor });
      assert.deepEqual(
        (await views.list({ limit: 10 })).items.map((v) => v.id),
        [second.id, first.id],
      );
      const page = await views.list({ limit: 1 });
      const rest = await views.list({ limit: 1, pageToken: page.nextPageToken });
      assert.deepEqual([rest.items.map((v) => v.id), rest.nextPageToken], [[first.id], undefined]);
      await assert.rejects(views.update({ uid: second.id, name: hostile, actor }), { code: 'already_exists' });
      assert.equal((await views.update({ uid: second.id, name: 'renamed', actor })).name, 'renamed');
      assert.equal((await views.update({ uid: second.id, query: 'sort=name', actor })).query, 'sort=name');
      await views.delete(first.id, actor);
      await assert.rejects(views.delete(first.id, actor), { code: 'not_found' });
      await assert.rejects(views.update({ uid: first.id, name: 'x', actor }), { code: 'not_found' });
      const usurper = await views.create({ name: hostile, query: '', actor });
      await assert.rejects(views.restore(first.id, actor), { code: 'already_exists' });
      await views.delete(usurper.id, actor);
      assert.deepEqual(await views.restore(first.id, actor), first);
      await assert.rejects(views.restore(first.id, actor), { code: 'not_found' });
    },
  );
});
