import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Run } from '@slipway/contract';
import type { Filter } from '../../lib/search-filter/search-filter.ts';
import { parseFilter, parseOrderKey } from '../../lib/search-filter/search-filter.ts';
import { runLanguage } from './conditions.ts';
import type { SearchLimits } from './search.ts';
import { searchRunIds } from './search.ts';
import type { TrackingBench } from './testing.ts';
import { dbTest, eachDatabase } from '../../platform/db/testing.ts';
import { trackingStore } from './store.ts';
import { trackingBench } from './testing.ts';

const actor = 'owner';
const options = { modules: [trackingStore] };

async function fill(bench: TrackingBench, seed: number, count: number): Promise<string[]> {
  const { tracking } = bench;
  const random = (() => {
    let s = seed >>> 0;
    return () => (s = (Math.imul(s, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  })();
  const experiments = [await tracking.ensureExperiment('a', actor), await tracking.ensureExperiment('b', actor)];
  for (let i = 0; i < count; i++) {
    const experiment = experiments[random() < 0.7 ? 0 : 1];
    assert.ok(experiment);
    const run = await tracking.createRun({
      experimentId: experiment.id,
      name: `n${Math.floor(random() * 8)}`,
      startedAt: Math.floor(random() * 20),
      ...(random() < 0.5 ? { user: random() < 0.5 ? 'ann' : 'Bob' } : {}),
      actor,
    });
    const values = [0, 0.25, 0.5, 0.75, 1, NaN, Infinity, -Infinity];
    const pick = (): number => values[Math.floor(random() * values.length)] ?? 0;
    await tracking.log(run.id, {
      metrics: ['auc', 'loss'].filter(() => random() < 0.8).map((key) => ({ key, value: pick(), step: 0, at: 1 })),
      params: random() < 0.8 ? { model: ['gbt', 'GBT', 'logistic', ''][Math.floor(random() * 4)] ?? '' } : {},
      tags: random() < 0.3 ? { kind: 'refit_1' } : {},
    });
    if (random() < 0.2) await tracking.endRun(run.id, 'finished', actor, 100 + i);
    if (random() < 0.1) await tracking.deleteRun(run.id, actor);
  }
  return experiments.map((e) => e.id);
}

/** The language's meaning, written down a second time over plain objects. */
function matches(run: Run, filter: Filter): boolean {
  if (filter.kind === 'not') return !matches(run, filter.part);
  if (filter.kind !== 'comparison') {
    const each = filter.parts.map((p) => matches(run, p));
    return filter.kind === 'and' ? each.every(Boolean) : each.some(Boolean);
  }
  const { test, entity, key } = filter;
  const attributes: Record<string, unknown> = {
    name: run.name,
    status: run.status,
    user: run.user,
    startedAt: run.startedAt,
    endedAt: run.endedAt,
  };
  const raw =
    entity === 'metric'
      ? run.metrics.find((m) => m.key === key)?.value
      : entity === 'param'
        ? run.params[key]
        : entity === 'tag'
          ? run.tags[key]
          : attributes[key];
  if (test.op === 'is null') return raw === undefined;
  if (test.op === 'is not null') return raw !== undefined;
  if (raw === undefined) return false;
  const value = entity === 'metric' ? Number(raw) : (raw as string | number);
  if (test.op === 'in') return test.values.includes(value);
  if (test.op === 'not in') return !test.values.includes(value);
  if (test.op === 'like' || test.op === 'ilike') {
    const pattern = String(test.value)
      .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
      .replaceAll('%', '.*')
      .replaceAll('_', '.');
    return new RegExp(`^${pattern}$`, test.op === 'ilike' ? 'is' : 's').test(String(value));
  }
  switch (test.op) {
    case '=':
      return value === test.value;
    case '!=':
      return value !== test.value;
    case '<':
      return value < test.value;
    case '<=':
      return value <= test.value;
    case '>':
      return value > test.value;
    case '>=':
      return value >= test.value;
  }
}

const number = fc.constantFrom('0', '0.5', '0.6', '1', '-3');
const operator = fc.constantFrom('=', '!=', '<', '<=', '>', '>=');
const comparison = fc.oneof(
  fc
    .tuple(fc.constantFrom('metrics.auc', 'metrics.loss', 'metrics.none', 'startedAt', 'endedAt'), operator, number)
    .map((p) => p.join(' ')),
  fc
    .tuple(
      fc.constantFrom('params.model', 'tags.kind', 'tags.none', 'user', 'name'),
      fc.constantFrom(
        "= 'gbt'",
        "!= 'gbt'",
        "like 'g%'",
        "ilike 'g_t'",
        "like 'n_'",
        "in ('gbt', 'n1', '')",
        "not in ('n2', 'ann')",
        'is null',
        'is not null',
        "= ''",
        "like '%*%'",
        "like 'refit[_]1'",
      ),
    )
    .map((p) => p.join(' ')),
  fc.constantFrom("status = 'finished'", "status != 'finished'", "status in ('running', 'failed')"),
);
const filterText = fc.letrec<{ tree: string }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    comparison,
    fc.tuple(tie('tree'), fc.constantFrom('and', 'or'), tie('tree')).map(([a, op, b]) => `(${a}) ${op} (${b})`),
    tie('tree').map((a) => `not (${a})`),
  ),
})).tree;
const orders = fc.constantFrom<readonly string[]>(
  [],
  ['startedAt'],
  ['startedAt desc'],
  ['metrics.auc desc'],
  ['metrics.auc'],
  ['metrics.none desc'],
  ['params.model', 'metrics.loss desc'],
  ['tags.kind desc'],
  ['params.model'],
  ['params.model desc'],
  ['user', 'name desc'],
  ['endedAt'],
  ['metrics.loss desc', 'startedAt'],
);

eachDatabase((name, open) => {
  dbTest(
    `${name}: search equals a plain reading of the language, and pages neither repeat nor lose a run`,
    open,
    options,
    async (_t, { db }) => {
      const bench = trackingBench(db);
      const { tracking } = bench;
      const [a] = await fill(bench, 7, 120);
      const everything = (await tracking.searchRuns({ limit: 1000, lifecycle: 'all' })).items;
      assert.equal(everything.length, 120);
      await fc.assert(
        fc.asyncProperty(
          fc.record({
            text: filterText,
            order: orders,
            lifecycle: fc.constantFrom('active', 'deleted', 'all'),
            oneExperiment: fc.boolean(),
            limit: fc.integer({ min: 1, max: 60 }),
          }),
          async ({ text, order, lifecycle, oneExperiment, limit }) => {
            const query = {
              filter: text,
              order,
              lifecycle,
              limit,
              ...(oneExperiment && a ? { experimentIds: [a] } : {}),
            };
            const filter = parseFilter(text, runLanguage);
            assert.ok(filter);
            const got: Run[] = [];
            for (let pageToken: string | undefined, pages = 0; ; pages++) {
              assert.ok(pages <= 120, 'pages end');
              const page = await tracking.searchRuns({ ...query, pageToken });
              got.push(...page.items);
              pageToken = page.nextPageToken;
              if (pageToken === undefined) break;
              assert.equal(page.items.length, limit);
            }
            const want = everything.filter(
              (run) =>
                (lifecycle === 'all' || run.lifecycle === lifecycle) &&
                (!oneExperiment || run.experimentId === a) &&
                matches(run, filter),
            );
            assert.deepEqual(got.map((r) => r.id).sort(), want.map((r) => r.id).sort(), text);
            checkOrder(got, order[0]);
          },
        ),
        { numRuns: 150 },
      );
    },
  );
});

const smallLimits: SearchLimits = { driveMax: 3, windowMax: 4, wideDriveMax: 20, mergedExperimentsMax: 10 };
const plans: readonly SearchLimits[] = [
  smallLimits,
  { ...smallLimits, driveMax: 1000 },
  { ...smallLimits, wideDriveMax: 1000 },
  { ...smallLimits, windowMax: 1000 },
  { ...smallLimits, mergedExperimentsMax: 0 },
];

eachDatabase((name, open) => {
  dbTest(`${name}: every plan gives the same pages`, open, options, async (_t, { db }) => {
    const bench = trackingBench(db);
    await fill(bench, 11, 150);
    const long = 'x'.repeat(100);
    const { id: experimentId } = await bench.tracking.ensureExperiment('a', actor);
    for (let i = 0; i < 8; i++) {
      const { id } = await bench.tracking.createRun({ experimentId, startedAt: i, actor });
      await bench.tracking.log(id, { params: { model: `${long}${i % 3}` } });
    }
    const search = {
      experiments: [1, 2],
      lifecycle: 'active' as const,
      pageToken: undefined,
    };
    await fc.assert(
      fc.asyncProperty(
        fc.record({ filterText, order: orders, limit: fc.integer({ min: 1, max: 40 }), seed: fc.nat() }),
        async ({ filterText: text, order, limit, seed }) => {
          const query = {
            ...search,
            filter: parseFilter(text, runLanguage),
            filterText: text,
            order: order.map((key) => parseOrderKey(key, runLanguage)),
          };
          const { ids: wanted } = await searchRunIds(db, { ...query, limit: 1000 });
          // Pages of one search may come from different plans: the data grows between them.
          const got: number[] = [];
          for (let pageToken: string | undefined, page = 0; ; page++) {
            const limits = plans[(seed + page) % plans.length];
            const answer = await searchRunIds(db, { ...query, limit, pageToken }, limits);
            got.push(...answer.ids);
            pageToken = answer.nextPageToken;
            if (pageToken === undefined) break;
          }
          assert.deepEqual(got, wanted, `${text} by ${order.join()}`);
        },
      ),
      { numRuns: 150 },
    );
  });
});

function checkOrder(runs: readonly Run[], order: string | undefined): void {
  if (order === undefined || order === 'startedAt desc') {
    for (const [i, run] of runs.entries()) assert.ok(i === 0 || (runs[i - 1]?.startedAt ?? 0) >= run.startedAt);
  }
  const metric = /^metrics\.(\w+)( desc)?$/.exec(order ?? '');
  if (!metric) return;
  const rank = (run: Run): readonly [number, number] => {
    const value = run.metrics.find((m) => m.key === metric[1])?.value;
    if (value === undefined) return [2, 0];
    return value === 'NaN' ? [1, 0] : [0, metric[2] === undefined ? Number(value) : -Number(value)];
  };
  for (let i = 1; i < runs.length; i++) {
    const [before, here] = [runs[i - 1], runs[i]].map((run) => (run ? rank(run) : ([0, 0] as const)));
    assert.ok(before && here && (before[0] < here[0] || (before[0] === here[0] && before[1] <= here[1])), order);
  }
}

eachDatabase((name, open) => {
  dbTest(
    `${name}: refused: unknown attributes, wrong types, the same key twice, another query's token`,
    open,
    options,
    async (_t, { db }) => {
      const bench = trackingBench(db);
      const { tracking } = bench;
      await fill(bench, 1, 5);
      for (const filter of [
        "metrics.auc = 'x'",
        'metrics.auc like 1',
        'params.model = 1',
        "colour = 'x'",
        "startedAt = 'x'",
        "status like 'r%'",
        "params.model < 'a'",
        "datasets.size = 'x'",
      ]) {
        await assert.rejects(tracking.searchRuns({ filter, limit: 5 }), { code: 'filter_invalid' }, filter);
      }
      for (const order of [['colour'], ['datasets.name'], ['metrics.auc', 'metrics.auc desc']]) {
        await assert.rejects(tracking.searchRuns({ order, limit: 5 }), { code: 'order_invalid' }, order.join());
      }
      const { nextPageToken } = await tracking.searchRuns({ limit: 1, lifecycle: 'all' });
      await assert.rejects(tracking.searchRuns({ limit: 1, pageToken: nextPageToken }), { code: 'page_token_invalid' });
      await assert.rejects(tracking.searchRuns({ limit: 1, pageToken: 'x' }), { code: 'page_token_invalid' });
    },
  );
});

eachDatabase((name, open) => {
  dbTest(`${name}: datasets are found by name, digest and tag`, open, options, async (_t, { db }) => {
    const bench = trackingBench(db);
    const { tracking } = bench;
    const { id } = await tracking.createRun({ experimentId: (await tracking.ensureExperiment('e', actor)).id, actor });
    const dataset = {
      name: 'flights',
      digest: 'abc',
      sourceType: 'local',
      source: '{}',
      tags: { 'data.context': 'train' },
    };
    await tracking.linkInputs({ uid: id, datasets: [dataset, dataset], modelInputs: [], modelOutputs: [] });
    assert.deepEqual((await tracking.getRun(id)).datasets, [dataset]);
    const count = async (filter: string): Promise<number> =>
      (await tracking.searchRuns({ filter, limit: 5 })).items.length;
    assert.equal(await count("datasets.name = 'flights' and dataset.digest in ('abc')"), 1);
    assert.equal(await count("datasets.`tag.data.context` = 'train'"), 1);
    assert.equal(await count("datasets.`tag.data.context` = 'eval'"), 0);
  });
});
