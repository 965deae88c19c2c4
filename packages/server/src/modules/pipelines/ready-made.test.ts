/** Ready-made steps on small tables with known answers, in a real step context. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { StepContext } from 'slipway';
import { logisticBaseline, splitByTime, tableBaseline } from 'slipway';
import { createStepContext } from './step-context.ts';

const day = 86_400_000;

async function inStep(run: (ctx: StepContext) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-step-'));
  const task = {
    pipeline: 'p',
    run: 'plr_1',
    step: 's',
    attempt: 1,
    file: '',
    inputs: {},
    files: {},
    datasets: {},
    codeDigest: 'c',
    url: 'http://127.0.0.1:1',
  };
  const { context, close } = createStepContext({
    task,
    folder,
    signal: new AbortController().signal,
    token: undefined,
  });
  try {
    await run(context);
  } finally {
    await close(true);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** 400 rows, ten an hour; the label follows x, and is known two days later; every tenth has none. */
const rowsSql = `select i::varchar as row_id, i * 360000 as "at", case when i % 10 = 9 then null else (sin(i) + (i % 7) > 3)::tinyint end as label,
  i * 360000 + 2 * ${day} as label_known_at, (i % 7)::double as x, case when i % 5 = 0 then null else sin(i) end as y,
  case when i % 3 = 0 then 'a' else 'b' end as kind from range(400 * 24) t(i)`;

const makeRows = async (ctx: StepContext) => {
  const rows = await ctx.query(rowsSql, {}, 'rows');
  return { ...rows, meta: { ...rows.meta, features: ['x', 'y'] } };
};

test('a split in time lets nothing into training that was not known when the hold-out begins', async () => {
  await inStep(async (ctx) => {
    const rows = await makeRows(ctx);
    const until = new Date(40 * day).toISOString();
    const { train, holdout, all } = await splitByTime.run(ctx, { rows, until, holdoutDays: 10 });
    const cut = 30 * day;
    const [learnt, held, every] = await Promise.all(
      [train, holdout, all].map((t) => ctx.openTable(t, ['at', 'label', 'label_known_at'])),
    );
    assert(learnt && held && every);
    assert(learnt.rowCount > 0 && learnt.numbers('label_known_at').every((known) => known <= cut));
    assert(held.rowCount > 0 && held.numbers('at').every((at) => at >= cut));
    for (const table of [learnt, held, every])
      assert(table.numbers('label').every((label) => label === 0 || label === 1));
    assert.equal(every.rowCount, 400 * 24 * 0.9);
    assert.deepEqual(train.meta?.['features'], ['x', 'y']);
    assert.equal(train.meta?.['until'], new Date(cut).toISOString());
  });
});

test('a split that leaves a side empty stops the run and says which time has no rows', async () => {
  await inStep(async (ctx) => {
    const rows = await makeRows(ctx);
    await assert.rejects(
      Promise.resolve(splitByTime.run(ctx, { rows, until: 60 * day, holdoutDays: 10 })),
      /8640 labelled rows none is at or after 1970-02-20T00:00:00\.000Z/,
    );
    await assert.rejects(
      Promise.resolve(splitByTime.run(ctx, { rows, until: 5 * day, holdoutDays: 4 })),
      /none is known before 1970-01-02/,
    );
  });
});

test('a table of rates draws small groups towards the overall rate', async () => {
  await inStep(async (ctx) => {
    const rows = await ctx.query(
      `select * from (values ('a', 70.0, 1), ('a', 70.0, 1), ('a', 10.0, 0), ('b', 10.0, 0)) t(kind, minute, label)`,
      {},
      'rows',
    );
    const { model } = await tableBaseline({ columns: ['kind', 'minute/60'], shrinkage: 2 }).run(ctx, { rows });
    assert.deepEqual(JSON.parse(readFileSync(ctx.path(model), 'utf8')), {
      columns: ['kind', 'minute/60'],
      prior: 0.5,
      rates: { 'a|1': 0.75, 'a|0': 1 / 3, 'b|0': 1 / 3 },
    });
  });
});

test('a logistic baseline is scored by ONNX Runtime as it was trained', async () => {
  await inStep(async (ctx) => {
    const rows = await makeRows(ctx);
    const { all } = await splitByTime.run(ctx, { rows, until: 40 * day, holdoutDays: 5 });
    const { model } = await logisticBaseline({ oneHot: ['kind'] }).run(ctx, { rows: all });
    assert.deepEqual(model.meta?.['features'], ['x', 'y', 'kind=a', 'kind=b']);
    const table = await ctx.openTable(all);
    const indicator = (kind: string): Float64Array =>
      Float64Array.from(table.texts('kind'), (text) => (text === kind ? 1 : 0));
    const columns = [table.numbers('x'), table.numbers('y'), indicator('a'), indicator('b')];
    const scores = await ctx.score({ file: ctx.path(model) }, columns);
    const labels = table.numbers('label');
    const quality = ctx.statistics.classifier({ scores, labels });
    assert(quality.auc.value > 0.95, `AUC ${quality.auc.value}`);
    assert(quality.auc.low < quality.auc.value && quality.auc.value < quality.auc.high);
    assert(Math.abs(quality.meanScore - quality.positiveShare) < 0.01, 'a logistic regression keeps the mean');
    const same = ctx.statistics.paired({ labels, candidate: scores, champion: scores });
    assert.equal(same.auc.value, 0);
    assert.equal(same.logLoss.value, 0);
  });
});
