import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logisticf } from '@slipway/onnx';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { encodeRows } from './fit-encodings.ts';
import { fitTable } from './fit-table.ts';
import type { FittedTable } from './fit-table.ts';
import { predictTrees } from './predict-trees.ts';
import { createRandom } from './random.ts';
import { isTextColumn } from './table.ts';
import type { TableColumn, TrainingTable } from './table.ts';
import type { TableSettings } from './table-settings.ts';

const dayMs = 86_400_000;
const airlines = ['B6', 'UA', 'Zürich Air', 'AA', 'DL', 'WN', 'NK'];
const words = ['late', 'Late!', 'snow', 'on', 'time', 'crew', 'fine.', '雪'];

interface Made extends TrainingTable {
  readonly signal: Float64Array;
  readonly target: number[];
}

/** Columns of every kind with gaps; the signal is of miles, airline, weekday, snow and a switch. */
function makeTable(rows: number, seed: number): Made {
  const random = createRandom(seed);
  const draw = <T>(of: () => T, gap: T): T[] => Array.from({ length: rows }, () => (random() < 0.05 ? gap : of()));
  const pick = (list: readonly string[]): string => list[Math.floor(random() * list.length)] ?? '';
  const miles = Float64Array.from(draw(() => random() * 1000, Number.NaN));
  const isDirect = Float64Array.from(draw(() => Math.round(random()), Number.NaN));
  const at = Float64Array.from(draw(() => Math.floor(random() * 700 * dayMs) + Date.UTC(2023, 0, 1), Number.NaN));
  const airline = draw<string | null>(() => pick(airlines), null);
  const tail = draw<string | null>(() => `N${Math.floor(random() * 300)}`, null);
  const note = draw<string | null>(
    () => Array.from({ length: Math.floor(random() * 5) }, () => pick(words)).join(' '),
    null,
  );
  const signal = Float64Array.from({ length: rows }, (_, row) => {
    const weekday = new Date(at[row] || 0).getUTCDay();
    const effects = [
      (miles[row] || 0) / 500,
      airline[row] === 'UA' ? 1 : 0,
      weekday === 5 ? 1.5 : 0,
      (note[row] ?? '').includes('snow') ? 1 : 0,
      Number((tail[row] ?? 'N0').slice(1)) % 2,
    ];
    return effects.reduce((a, b) => a + b, 0) + random();
  });
  const columns: TableColumn[] = [
    { name: 'miles', kind: 'number', values: miles },
    { name: 'direct', kind: 'boolean', values: isDirect },
    { name: 'at', kind: 'date', values: at },
    { name: 'airline', kind: 'category', values: airline },
    { name: 'tail', kind: 'category', values: tail },
    { name: 'note', kind: 'text', values: note },
  ];
  return { columns, target: [...signal], signal };
}

const quick = { rounds: 25, leaves: 8, earlyStoppingRounds: 'never' } as const;

/** Columns with whatever a caller may send. */
function awkward(columns: readonly TableColumn[], seed: number): readonly TableColumn[] {
  const random = createRandom(seed);
  const odd = [Number.NaN, 0, -0, Infinity, -Infinity, 1e-45, 3.5e38, 1e300, -1];
  const texts = ['', ' ', 'never seen', 'SNOW,', 'snow\tlate', '👩‍👩‍👧 snow', null];
  return columns.map((column): TableColumn => {
    const oddly = <T>(value: T, list: readonly T[]): T =>
      random() < 0.4 ? (list[Math.floor(random() * list.length)] ?? value) : value;
    if (isTextColumn(column)) {
      return { ...column, values: column.values.map((value) => oddly(value, texts)) };
    }
    return { ...column, values: Float64Array.from(column.values, (value) => oddly(value, odd)) };
  });
}

async function byRuntime(fitted: FittedTable, columns: readonly TableColumn[], output: string): Promise<number[]> {
  const session = await InferenceSession.create(fitted.bytes, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  const rows = columns[0]?.values.length ?? 0;
  const feeds: Record<string, Tensor> = {};
  for (const name of session.inputNames) {
    const column = columns.find((candidate) => candidate.name === name);
    assert(column);
    if (isTextColumn(column)) {
      feeds[name] = new Tensor(
        'string',
        column.values.map((value) => value ?? ''),
        [rows, 1],
      );
    } else if (column.kind === 'date') feeds[name] = new Tensor('float64', Float64Array.from(column.values), [rows, 1]);
    else feeds[name] = new Tensor('float32', Float32Array.from(column.values), [rows, 1]);
  }
  const { data } = (await session.run(feeds, [output]))[output] ?? {};
  await session.release();
  assert(data instanceof Float32Array);
  return [...data];
}

const classOf = (signal: number): number => Math.min(3, Math.floor(signal));

const cases: readonly { readonly name: string; readonly settings: TableSettings; readonly output: string }[] = [
  { name: 'two classes', settings: { ...quick, task: 'classes' }, output: 'probabilities' },
  { name: 'two classes, Platt', settings: { ...quick, task: 'binary', calibration: 'platt' }, output: 'probabilities' },
  {
    name: 'two classes, isotonic',
    settings: { ...quick, task: 'binary', calibration: 'isotonic' },
    output: 'probabilities',
  },
  { name: 'several classes', settings: { ...quick, task: 'multiclass' }, output: 'probabilities' },
  {
    name: 'several classes, temperature',
    settings: { ...quick, task: 'multiclass', calibration: 'platt' },
    output: 'probabilities',
  },
  { name: 'numbers', settings: { ...quick, task: 'regression', utcOffsetMinutes: 90 }, output: 'prediction' },
  { name: 'quantiles', settings: { ...quick, task: 'quantile', calibration: 'shift' }, output: 'quantiles' },
  { name: 'two classes by sets', settings: { ...quick, task: 'classes', categories: 'sets' }, output: 'probabilities' },
  {
    name: 'several classes by sets, temperature',
    settings: { ...quick, task: 'multiclass', calibration: 'platt', categories: 'sets' },
    output: 'probabilities',
  },
  {
    name: 'two classes by sets, isotonic',
    settings: { ...quick, task: 'binary', calibration: 'isotonic', categories: 'sets' },
    output: 'probabilities',
  },
  {
    name: 'quantiles by sets',
    settings: { ...quick, task: 'quantile', quantiles: [0.1, 0.9], categories: 'sets' },
    output: 'quantiles',
  },
];

for (const { name, settings, output } of cases) {
  test(`${name}: predictions are the bits of ONNX Runtime, also for rows that no training has seen`, async () => {
    const { columns, signal } = makeTable(1500, 1);
    const target =
      output !== 'probabilities'
        ? [...signal]
        : Array.from(signal, (value) => (settings.task === 'multiclass' ? `class ${classOf(value)}` : value > 2));
    const fitted = await fitTable({ columns, target }, settings);
    for (const rows of [columns, awkward(columns, 2)]) {
      const { values, width } = fitted.predict(rows);
      assert.equal(values.length, 1500 * width);
      const expected = await byRuntime(fitted, rows, output);
      assert.equal([...values].filter((value, i) => !Object.is(value, expected[i])).length, 0);
    }
  });
}

for (const categories of ['both', 'sets'] as const)
  test(`what the trainer computes from the columns is what the file computes, categories as ${categories}`, async () => {
    const { columns, signal } = makeTable(2000, 3);
    const target = Array.from(signal, (value) => (value > 2 ? 'late' : 'on time'));
    const fitted = await fitTable({ columns, target }, { ...quick, task: 'binary', positive: 'late', categories });
    assert.deepEqual(fitted.classLabels, ['on time', 'late']);
    assert.equal(fitted.head.kind, 'trees');
    if (fitted.head.kind !== 'trees') return;
    for (const table of [columns, awkward(columns, 4)]) {
      const rows = Uint32Array.from({ length: 2000 }, (_, row) => row);
      const encoded = encodeRows(table, fitted.encodings, rows);
      const margins = predictTrees(fitted.head.ensemble, encoded.columns);
      const { values } = fitted.predict(table);
      assert.equal(margins.filter((margin, row) => !Object.is(logisticf(margin), values[row * 2 + 1])).length, 0);
    }
  });

test('every kind of column is learnt from, and importance names the columns', async () => {
  const table = makeTable(4000, 5);
  const fitted = await fitTable(table, { task: 'regression', leaves: 12, learningRate: 0.1 });
  assert.ok((fitted.validation?.r2 ?? 0) > 0.75, `r2 ${fitted.validation?.r2}`);
  const ranked = [...fitted.importance].sort((a, b) => b.gain - a.gain).map(({ feature }) => feature);
  assert.equal(ranked.at(-1), 'direct');
  const strong = ['miles', 'at', 'airline', 'tail', 'note'];
  assert.deepEqual(new Set(ranked.slice(0, 5)), new Set(strong));
  const fresh = makeTable(4000, 6);
  const { values } = fitted.predict(fresh.columns);
  const error = Math.sqrt(values.reduce((sum, value, row) => sum + (value - (fresh.target[row] ?? 0)) ** 2, 0) / 4000);
  assert.ok(Math.abs(error - (fitted.validation?.loss ?? 0)) < 0.03, `${error} against ${fitted.validation?.loss}`);
});

test('columns that say nothing are dropped with the reason', async () => {
  const { columns, target } = makeTable(200, 7);
  const of = <T>(value: (row: number) => T): T[] => Array.from({ length: 200 }, (_, row) => value(row));
  const useless: TableColumn[] = [
    { name: 'empty', kind: 'number', values: new Float64Array(200).fill(Number.NaN) },
    { name: 'one', kind: 'number', values: new Float64Array(200).fill(1) },
    { name: 'day', kind: 'date', values: new Float64Array(200).fill(5 * dayMs) },
    { name: 'same', kind: 'category', values: of(() => 'x') },
    { name: 'none', kind: 'category', values: of(() => null) },
    { name: 'id', kind: 'category', values: of((row) => `id ${row}`) },
    { name: 'quiet', kind: 'text', values: of(() => '') },
  ];
  const fitted = await fitTable({ columns: [...columns, ...useless], target }, { ...quick, task: 'regression' });
  assert.deepEqual(fitted.dropped, [
    { column: 'empty', reason: 'every value is missing' },
    { column: 'one', reason: 'every value is 1' },
    { column: 'day', reason: `every value is ${5 * dayMs}` },
    { column: 'same', reason: 'every value is "x"' },
    { column: 'none', reason: 'every value is missing' },
    { column: 'id', reason: 'every value is different, so that none says anything about another row' },
    { column: 'quiet', reason: 'every value is missing' },
  ]);
  assert.deepEqual(
    fitted.encodings.map(({ column }) => column),
    columns.map(({ name }) => name),
  );
  await assert.rejects(
    fitTable({ columns: useless, target }, { ...quick, task: 'regression' }),
    /No column can be learnt from \("empty": every value is missing;/,
  );
});

test('targets that cannot be learnt are refused in words', async () => {
  const { columns } = makeTable(30, 8);
  const fit = (value: (row: number) => string | number | boolean | null, settings: TableSettings) =>
    fitTable({ columns, target: Array.from({ length: 30 }, (_, row) => value(row)) }, settings);
  await assert.rejects(
    fit(() => 'yes', { task: 'classes' }),
    /Every target is "yes": at least two classes/,
  );
  await assert.rejects(
    fit(() => 4, { task: 'regression' }),
    /Every target is 4: there is nothing to learn/,
  );
  await assert.rejects(
    fit(() => null, { task: 'classes' }),
    /Every target is missing/,
  );
  await assert.rejects(
    fit((row) => row % 3, { task: 'binary' }),
    /has 3 classes, but the task binary wants 2/,
  );
  await assert.rejects(
    fit((row) => `${row}`, { task: 'regression' }),
    /The target of row 0 is "0": a number must be/,
  );
  await assert.rejects(
    fit((row) => row % 2, { task: 'classes', positive: 'x' }),
    /positive is "x"/,
  );
  await assert.rejects(
    fit((row) => row % 3, { task: 'classes', calibration: 'isotonic' }),
    /for multiclass it must be one of none, platt/,
  );
  await assert.rejects(
    fit((row) => row, { task: 'regression', monotone: { at: 'rises' } }),
    /monotone names "at", a column of kind date/,
  );
  const twice = [...columns, ...columns.slice(0, 1)];
  await assert.rejects(
    fitTable({ columns: twice, target: [] }, { task: 'classes' }),
    /Column "miles" has 30 rows, but the table has 0/,
  );
});

test('fifty rows are enough for a model that is better than the mean', async () => {
  const small = makeTable(50, 9);
  const fitted = await fitTable(small, { task: 'regression' });
  assert.ok((fitted.validation?.r2 ?? -1) > 0, `r2 ${fitted.validation?.r2}`);
  assert.ok((fitted.rounds[0] ?? 0) < 400);
  const classes = await fitTable(
    { ...small, target: small.target.map((value, row) => (row === 0 ? 'rare' : value > 2 ? 'b' : 'a')) },
    { task: 'classes', calibration: 'platt' },
  );
  assert.deepEqual(classes.classLabels, ['a', 'b', 'rare']);
  const two = await fitTable(
    {
      ...small,
      target: [0, 1],
      columns: small.columns.map((c) => ({ ...c, values: c.values.slice(0, 2) })) as TableColumn[],
    },
    { task: 'regression' },
  );
  assert.equal(two.validation, undefined);
});

test('ten thousand categories are learnt out of fold, and do not fool the trees', async () => {
  const random = createRandom(10);
  const rows = 30_000;
  const codes = Float64Array.from({ length: rows }, () => Math.floor(random() * 10_000));
  const effect = Float64Array.from({ length: 10_000 }, () => random());
  const target = Array.from(codes, (code) => (effect[code] ?? 0) + random());
  const noise = target.map(() => `n${Math.floor(random() * 10_000)}`);
  const columns: TableColumn[] = [
    { name: 'customer', kind: 'category', values: Array.from(codes, (code) => `c${code}`) },
    { name: 'noise', kind: 'category', values: noise },
  ];
  const fitted = await fitTable({ columns, target }, { task: 'regression', categories: 'target' });
  const [customer, other] = fitted.importance;
  assert.ok((customer?.gain ?? 0) > 20 * (other?.gain ?? 0), `${customer?.gain} against ${other?.gain}`);
  assert.ok((fitted.validation?.r2 ?? 0) > 0.1);
  const unseen =
    fitted.predict(columns.map((column) => ({ ...column, values: ['new'] })) as TableColumn[]).values[0] ?? 0;
  assert.ok(Math.abs(unseen - 1) < 0.15, `an unseen category gets about the mean: ${unseen}`);
});

test('the same table gives the same bytes, whatever else is computed', async () => {
  const table = makeTable(600, 11);
  const settings: TableSettings = { task: 'regression', rounds: 40, rowShare: 0.8, columnShare: 0.7, seed: 3 };
  const [first, second] = await Promise.all([fitTable(table, settings), fitTable(table, settings)]);
  assert.deepEqual(first.bytes, second.bytes);
  assert.notDeepEqual((await fitTable(table, { ...settings, seed: 4 })).bytes, first.bytes);
});

test('rows held out by the caller, by group and by time are not learnt from', async () => {
  const table = makeTable(900, 12);
  const holdOut = Array.from({ length: 300 }, (_, i) => 600 + i);
  const given = await fitTable({ ...table, holdOut }, { task: 'regression' });
  assert.equal(given.rowCount, 600);
  assert.ok(given.curves[0]?.every(({ holdOut: watched }) => watched !== undefined));
  // Without those rows, with as many trees, the same model.
  const rows = Array.from({ length: 600 }, (_, i) => i);
  const alone = await fitTable(
    { ...table, rows },
    { task: 'regression', earlyStoppingRounds: 'never', rounds: given.rounds[0] },
  );
  assert.deepEqual(alone.bytes, given.bytes);
  const late = await fitTable({ ...table, times: table.target.map((_, row) => row) }, { task: 'regression' });
  assert.equal(late.rowCount, 900);
  const grouped = await fitTable(
    { ...table, groups: table.target.map((_, row) => row % 7) },
    { task: 'regression', folds: 3 },
  );
  assert.ok(grouped.validation !== undefined);
});

test('progress can stop the training and a signal ends it', async () => {
  const table = makeTable(400, 13);
  const stages: string[] = [];
  const fitted = await fitTable(
    table,
    { task: 'regression' },
    {
      onProgress: ({ stage, metrics }) => {
        stages.push(stage);
        return metrics.iteration >= 6 ? 'stop' : undefined;
      },
    },
  );
  assert.deepEqual([fitted.rounds, new Set(stages)], [[6], new Set(['choose', 'final'])]);
  const controller = new AbortController();
  const running = fitTable(
    table,
    { task: 'regression' },
    { signal: controller.signal, onProgress: () => controller.abort() },
  );
  await assert.rejects(running, { name: 'AbortError' });
});

test('monotone columns and class weights reach the trees', async () => {
  const { columns, signal } = makeTable(1500, 14);
  const target = Array.from(signal, (value) => value > 3.2);
  const fitted = await fitTable({ columns, target }, { ...quick, task: 'binary', monotone: { miles: 'falls' } });
  const probe = columns.map((column): TableColumn => {
    if (isTextColumn(column)) return { ...column, values: Array.from({ length: 50 }, () => column.values[3] ?? '') };
    const isMiles = column.name === 'miles';
    return {
      ...column,
      values: Float64Array.from({ length: 50 }, (_, i) => (isMiles ? i * 20 : (column.values[3] ?? 0))),
    };
  });
  const { values } = fitted.predict(probe);
  for (let i = 1; i < 50; i++) assert.ok((values[i * 2 + 1] ?? 0) <= (values[i * 2 - 1] ?? 0));
  const even = await fitTable({ columns, target }, { ...quick, task: 'binary', classWeights: 'balanced' });
  const mean = (p: Float32Array): number => p.filter((_, i) => i % 2 === 1).reduce((a, b) => a + b, 0) / 1500;
  const base = target.filter(Boolean).length / 1500;
  assert.ok(base < 0.3 && mean(even.predict(columns).values) > base + 0.05);
});
