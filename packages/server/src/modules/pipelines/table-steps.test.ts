/** The steps for tables on small tables with known answers, in a real step context without a server. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Artifact, StepContext, TableRowsOptions } from 'slipway';
import { splitTable, tableRows, trainTable } from 'slipway';
import { createTablePredictor } from '@slipway/train';
import type { TableColumn } from '@slipway/train';
import { createStepContext } from './step-context.ts';

/** A step whose dataset `things` has the rows of this SQL. */
async function inStep(
  relation: string,
  run: (ctx: StepContext, dataset: Artifact<'dataset'>) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-table-'));
  const digest = `sha256:${'d'.repeat(64)}`;
  const things = { dataset: 'things', version: 3, digest, paths: [], relation: `(${relation})` };
  const task = {
    pipeline: 'p',
    run: 'plr_1',
    step: 's',
    attempt: 1,
    file: '',
    inputs: {},
    files: {},
    datasets: { 'things@3': things },
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
    await run(context, { kind: 'dataset', name: 'things', digest, sizeBytes: 0, meta: { ref: 'things@3' } });
  } finally {
    // No server listens: what was to be tracked is let go.
    await close(true).catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** 240 rows of 24 groups over 24 days; `y` follows `x`. */
const rowsSql = `select i % 40 as x, case when i % 7 = 0 then null else chr(65 + (i % 3)::int) end as kind, i % 4 = 0 as flag,
  timestamp '2024-01-01' + interval (i // 10) day as seen, 'g' || (i // 10) as owner, 'id' || i as name, i % 40 * 2.5 + i % 3 as amount,
  case when i % 40 > 20 then 'high' when i % 40 = 20 then null else 'low' end as y, 'about ' || i || ' words are in here' as remark
  from range(240) t(i)`;

const question: TableRowsOptions = { target: 'y', task: 'binary', positive: 'high', drop: ['amount', 'seen'] };

test('columns get kinds, rows without a target are counted, the positive class is the second', async () => {
  await inStep(rowsSql, async (ctx, dataset) => {
    const { rows } = await tableRows({ ...question, columns: { x: 'number' } }).run(ctx, { dataset });
    const { meta } = rows;
    assert.deepEqual(meta?.['columns'], [
      { name: 'x', kind: 'number' },
      { name: 'kind', kind: 'category' },
      { name: 'flag', kind: 'boolean' },
      { name: 'owner', kind: 'category' },
      { name: 'remark', kind: 'text' },
    ]);
    assert.deepEqual(meta?.['classes'], ['low', 'high']);
    assert.deepEqual([meta?.['rowCount'], meta?.['rowsWithoutTarget']], [234, 6]);
    assert.deepEqual(meta?.['datasets'], [{ dataset: 'things', number: 3, digest: `sha256:${'d'.repeat(64)}` }]);
    const table = await ctx.openTable(rows);
    assert.equal(table.numbers('seen')[0], Date.UTC(2024, 0, 1));
    assert.deepEqual(Array.from(table.numbers('flag').subarray(0, 5)), [1, 0, 0, 0, 1]);
  });
});

test('what cannot be learnt from is refused with its name, the value and a remedy', async () => {
  const cases: readonly (readonly [TableRowsOptions, RegExp])[] = [
    [
      { target: 'z', task: 'binary' },
      /dataset things has no column "z"; it has x, kind, flag, seen, owner, name, amount, y, remark\./,
    ],
    [{ ...question, drop: ['gone'] }, /has no column "gone"/],
    [
      { ...question, columns: { owner: 'number' } },
      /has 240 values in column "owner" that are no number, such as "g0"/,
    ],
    [{ ...question, columns: { flag: 'date' } }, /has BOOLEAN in column "flag", which cannot be read as date/],
    [{ ...question, positive: 'medium' }, /has no class "medium" in the target "y"; it has high and low/],
    [
      { target: 'kind', task: 'binary' },
      /has 3 values of the target "kind" \(A, B, C\), and binary takes at most 2: use task "multiclass"/,
    ],
    [{ target: 'owner', task: 'regression' }, /has "g0" in its target "owner" \(240 of 240 rows\): a number is wanted/],
    [{ target: 'amount', task: 'multiclass' }, /in its target "amount" .* a class is a text or a whole number/],
  ];
  await inStep(rowsSql, async (ctx, dataset) => {
    for (const [options, message] of cases)
      await assert.rejects(tableRows(options).run(ctx, { dataset }), message, JSON.stringify(options));
  });
  await inStep('select 1 as x, null::varchar as y from range(5)', async (ctx, dataset) => {
    await assert.rejects(
      tableRows({ target: 'y', task: 'binary' }).run(ctx, { dataset }),
      /has 5 rows and no value of the target "y"/,
    );
  });
  await inStep(`select i as x, 'only' as y from range(5) t(i)`, async (ctx, dataset) => {
    await assert.rejects(
      tableRows({ target: 'y', task: 'multiclass' }).run(ctx, { dataset }),
      /one value of the target "y" in all 5 rows/,
    );
  });
});

const sidesOf = async (ctx: StepContext, parts: Record<'train' | 'holdout', Artifact<'table'>>, column: string) => {
  const [train, holdout] = await Promise.all([parts.train, parts.holdout].map((rows) => ctx.openTable(rows)));
  const texts = (table: typeof train): string[] => (table?.texts(column) ?? []).map(String);
  return { train: texts(train), holdout: texts(holdout) };
};

test('a split at random keeps the share of each class and gives the same rows again, whatever is added', async () => {
  let before: Set<string> | undefined;
  for (const sql of [
    rowsSql,
    `${rowsSql} union all select i % 40, 'Z', true, timestamp '2025-01-01', 'new', 'new' || i, 1, 'low', 'x' from range(20) t(i)`,
  ]) {
    await inStep(sql, async (ctx, dataset) => {
      const { rows } = await tableRows({ ...question, columns: { name: 'category' } }).run(ctx, { dataset });
      const parts = await splitTable({ by: 'random', holdout: 0.25, seed: 3 }).run(ctx, { rows });
      const labels = await sidesOf(ctx, parts, 'y');
      const all = [...labels.train, ...labels.holdout];
      for (const label of ['low', 'high']) {
        const share = labels.holdout.filter((y) => y === label).length / all.filter((y) => y === label).length;
        assert(Math.abs(share - 0.25) < 0.01, `${label} ${share}`);
      }
      const names = await sidesOf(ctx, parts, 'name');
      assert.deepEqual(
        names.train.filter((name) => names.holdout.includes(name)),
        [],
      );
      const held = new Set(names.holdout);
      // Twenty more rows move the cut past a few of them.
      const kept = [...(before ?? held)].filter((name) => held.has(name)).length;
      assert(kept >= (before ?? held).size - 8, `${kept} of ${before?.size}`);
      before ??= held;
    });
  }
});

test('a split by group keeps groups whole and takes the column from the features; by time the latest rows are held out', async () => {
  await inStep(rowsSql, async (ctx, dataset) => {
    const { rows } = await tableRows(question).run(ctx, { dataset });
    const grouped = await splitTable({ by: 'group', column: 'owner', holdout: 0.3 }).run(ctx, { rows });
    const owners = await sidesOf(ctx, grouped, 'owner');
    assert.deepEqual(
      owners.train.filter((owner) => owners.holdout.includes(owner)),
      [],
    );
    assert(owners.holdout.length >= 60 && owners.holdout.length <= 90, `${owners.holdout.length}`);
    assert(!JSON.stringify(grouped.train.meta?.['columns']).includes('owner'));
    const timed = await splitTable({ by: 'time', column: 'seen', holdout: 0.25 }).run(ctx, { rows });
    const [train, holdout] = await Promise.all([timed.train, timed.holdout].map((part) => ctx.openTable(part)));
    assert(train && holdout);
    assert(Math.max(...train.numbers('seen')) < Math.min(...holdout.numbers('seen')));
  });
});

test('a split that leaves a side or a class out says so', async () => {
  await inStep(
    `select i as x, 'one' as owner, i % 2 as y, timestamp '2024-01-01' as seen from range(20) t(i)`,
    async (ctx, dataset) => {
      const { rows } = await tableRows({ target: 'y', task: 'binary', columns: { owner: 'category' } }).run(ctx, {
        dataset,
      });
      for (const column of ['owner', 'seen'] as const) {
        const by = column === 'owner' ? 'group' : 'time';
        await assert.rejects(splitTable({ by, column }).run(ctx, { rows }), /none of 20 rows is to learn from/);
      }
      await assert.rejects(
        splitTable({ by: 'time', column: 'owner' }).run(ctx, { rows }),
        /"owner" is a category: a split by time wants a date/,
      );
      await assert.rejects(
        splitTable({ by: 'group', column: 'who' }).run(ctx, { rows }),
        /cannot split by "who": the table has no column "who"/,
      );
    },
  );
  await inStep(
    `select i as x, i as t, case when i < 3 then 'rare' else 'usual' end as y from range(40) t(i)`,
    async (ctx, dataset) => {
      const { rows } = await tableRows({ target: 'y', task: 'binary' }).run(ctx, { dataset });
      await assert.rejects(
        splitTable({ by: 'time', column: 't' }).run(ctx, { rows }),
        /no row held out has the class "rare" of "y"/,
      );
    },
  );
  // Of several classes the others are judged; random rows are drawn class by class.
  await inStep(
    `select i as x, i as t, case when i < 3 then 'rare' when i % 2 = 0 then 'even' else 'odd' end as y from range(40) t(i)`,
    async (ctx, dataset) => {
      const { rows } = await tableRows({ target: 'y', task: 'multiclass' }).run(ctx, { dataset });
      const { holdout } = await splitTable({ by: 'time', column: 't' }).run(ctx, { rows });
      assert.equal(holdout.meta?.['rowCount'], 8);
    },
  );
  assert.throws(() => splitTable({ by: 'random', holdout: 1 }), /holdout is 1/);
});

test('settings that the trainer refuses fail the step for good, and a cancelled training ends', async () => {
  await inStep(rowsSql, async (ctx, dataset) => {
    const { rows } = await tableRows(question).run(ctx, { dataset });
    const refused = trainTable({ calibration: 'shift' }).run(ctx, { rows });
    await assert.rejects(
      refused,
      (error) => error instanceof Error && 'retryable' in error && error.retryable === false,
    );
    const stop = new AbortController();
    const stopped = trainTable({ rounds: 10_000, earlyStoppingRounds: 'never' }).run(
      { ...ctx, signal: stop.signal },
      { rows },
    );
    setTimeout(() => stop.abort(new Error('asked to stop')), 50);
    await assert.rejects(stopped, /asked to stop/);
  });
});

test('a number is answered with the levels that are asked, moved to hold their shares; classes have none', async () => {
  const sql = `select i % 50 as x, (i * 7919) % 1000 / 100.0 + i % 50 as y, 'g' || (i % 5) as kind from range(1200) t(i)`;
  // Nothing listens where the run would be tracked.
  const untracked = (ctx: StepContext): StepContext => ({
    ...ctx,
    run: { ...ctx.run, logArtifact: () => Promise.resolve() },
  });
  await inStep(sql, async (ctx, dataset) => {
    const { rows } = await tableRows({ target: 'y', task: 'regression' }).run(ctx, { dataset });
    const { train, holdout } = await splitTable({ by: 'random', holdout: 0.25 }).run(ctx, { rows });
    const step = trainTable({ quantiles: [0.1, 0.5, 0.9], learningRate: 0.2 });
    const { model } = await step.run(untracked(ctx), { rows: train });
    const predictor = createTablePredictor(readFileSync(ctx.path(model)));
    const held = await ctx.openTable(holdout);
    const columns: TableColumn[] = [
      { name: 'x', kind: 'number', values: held.numbers('x') },
      { name: 'kind', kind: 'category', values: held.texts('kind') },
    ];
    const { values, width } = predictor.predict(columns);
    assert.equal(width, 3);
    const labels = held.numbers('y');
    const inside = labels.filter((y, row) => (values[row * 3] ?? 0) <= y && y <= (values[row * 3 + 2] ?? 0)).length;
    assert(Math.abs(inside / labels.length - 0.8) < 0.1, `${inside} of ${labels.length}`);
  });
  await inStep(rowsSql, async (ctx, dataset) => {
    const { rows } = await tableRows(question).run(ctx, { dataset });
    const asked = trainTable({ quantiles: [0.1, 0.9] }).run(untracked(ctx), { rows });
    await assert.rejects(asked, /quantiles are given with the task binary/);
  });
});
