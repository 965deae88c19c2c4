import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { datePart, dateParts, featuresOf, numberArithmetic, parseInstant } from './column-encodings.ts';
import type { ColumnEncoding } from './column-encodings.ts';
import { planModel } from './evaluate/plan.ts';
import { adversarialRows, randomEnsemble, runOnnxRuntime, seededRandom } from './evaluate/testing.ts';
import type { RuntimeColumns } from './evaluate/testing.ts';
import { readModel } from './read-model.ts';
import { readSignature, readTableInfo } from './signature.ts';
import type { TableHead } from './table-model.ts';
import type { Tree } from './trees.ts';
import { writeTableModel } from './write-table.ts';

const rows = 4000;

const encodings: readonly ColumnEncoding[] = [
  { kind: 'number', column: 'miles' },
  { kind: 'boolean', column: 'label' },
  { kind: 'date', column: 'at', utcOffsetMinutes: -300, parts: dateParts },
  {
    kind: 'category',
    column: 'carrier',
    tables: [
      {
        feature: 'carrier',
        keys: ['B6', 'Zürich', '', 'a b'],
        values: Float32Array.of(0, 1, 2, 3),
        otherwise: Number.NaN,
      },
      { feature: 'carrier rate', keys: ['B6', '雪'], values: Float32Array.of(-0.25, 0.1), otherwise: 0.03125 },
    ],
    members: {
      keys: ['B6', 'a b', 'Zürich'],
      sets: [Uint8Array.of(1, 0, 0), Uint8Array.of(0, 1, 1), Uint8Array.of(1, 1, 0)],
    },
  },
  {
    kind: 'text',
    column: 'note',
    words: ['late', 'snow', '雪'],
    spellings: ['late', 'Late', 'late,', 'snow', '雪'],
    spelledWords: [0, 0, 0, 1, 2],
  },
  { kind: 'text', column: 'remark', words: [], spellings: [], spelledWords: [] },
];
const featureNames = encodings.flatMap(featuresOf);

function makeColumns(seed: number, trees: readonly Tree[]): RuntimeColumns {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly [T, ...T[]]): T => list[Math.floor(random() * list.length)] ?? list[0];
  const texts = (list: readonly [string, ...string[]]): string[] => Array.from({ length: rows }, () => pick(list));
  const note = (): string =>
    Array.from({ length: Math.floor(random() * 6) }, () =>
      pick(['late', 'Late', 'late,', 'LATE', 'snow', '雪', '', '\t', 'late\u00a0snow', 'other']),
    ).join(pick([' ', '  ', '\n ']));
  return {
    miles: { data: adversarialRows(trees, { rows, width: 1, random }), width: 1 },
    label: { data: Float32Array.from({ length: rows }, () => pick([0, 1, Number.NaN])), width: 1 },
    at: {
      data: Float64Array.from({ length: rows }, () =>
        pick([
          Number.NaN,
          Infinity,
          -Infinity,
          -0,
          0.5,
          1e300,
          Math.floor((random() - 0.3) * 4e12),
          Date.UTC(2024, 1, 29, 5),
        ]),
      ),
      width: 1,
    },
    carrier: { data: texts(['B6', 'Zürich', '', 'a b', '雪', 'nowhere', ' B6']), width: 1 },
    note: { data: Array.from({ length: rows }, note), width: 1 },
    remark: { data: Array.from({ length: rows }, note), width: 1 },
  };
}

/** The plan's outputs, in batches. */
function byPlan(file: Uint8Array, columns: RuntimeColumns): Record<string, unknown[]> {
  const plan = planModel(readModel(file));
  assert.ok(!('unsupported' in plan), JSON.stringify(plan));
  assert.equal(plan.exact, true);
  const found: Record<string, unknown[]> = Object.fromEntries(plan.outputs.map((output) => [output.name, []]));
  for (let from = 0; from < rows; from += plan.capacityRows) {
    const count = Math.min(plan.capacityRows, rows - from);
    for (const input of plan.inputs) {
      const source = columns[input.name]?.data ?? [];
      for (let i = 0; i < count; i++) Object.assign(input.values, { [i]: source[from + i] });
    }
    plan.run(count);
    for (const output of plan.outputs) found[output.name]?.push(...output.values.slice(0, count * output.width));
  }
  return found;
}

const random = seededRandom(1);
const options = { random, treeCount: 30, featureCount: featureNames.length, leafCount: 25 };
const numbers = () => ({ ...randomEnsemble(options, 'identity'), featureNames });
const classes = (link: 'logistic' | 'softmax') => ({ ...randomEnsemble(options, link), featureNames });
const heads: readonly (readonly [string, TableHead])[] = [
  ['a number', { kind: 'trees', ensemble: numbers() }],
  ['two classes', { kind: 'trees', ensemble: { ...classes('logistic'), classLabels: ['no', 'yes'] } }],
  ['several classes', { kind: 'trees', ensemble: classes('softmax') }],
  [
    'calibrated classes',
    {
      kind: 'trees',
      ensemble: classes('logistic'),
      steps: {
        thresholds: Float32Array.from({ length: 60 }, (_, i) => (i - 30) / 16),
        values: Float32Array.from({ length: 61 }, (_, i) => i / 60),
      },
    },
  ],
  [
    'one step',
    {
      kind: 'trees',
      ensemble: classes('logistic'),
      steps: { thresholds: new Float32Array(0), values: Float32Array.of(0.25) },
    },
  ],
  ['quantiles', { kind: 'quantiles', levels: [0.1, 0.4, 0.9], ensembles: [numbers(), numbers(), numbers()] }],
];

for (const [name, head] of heads) {
  test(`a table model of ${name} gives the bits of ONNX Runtime over every kind of column`, async () => {
    const ensembles = head.kind === 'quantiles' ? head.ensembles : [head.ensemble];
    const columns = makeColumns(
      2,
      ensembles.flatMap(({ trees }) => trees),
    );
    const file = writeTableModel({ encodings, head });
    const ours = byPlan(file, columns);
    const theirs = await runOnnxRuntime(file, columns, rows);
    assert.deepEqual(Object.keys(ours).sort(), Object.keys(theirs).sort());
    for (const [output, values] of Object.entries(ours)) {
      const expected = Array.from<unknown, unknown>(theirs[output]?.data ?? [], (x) =>
        typeof x === 'bigint' ? Number(x) : x,
      );
      assert.equal(values.length, expected.length);
      const differing = values.filter((value, i) => !Object.is(value, expected[i])).length;
      assert.equal(differing, 0, `${output}: ${differing} of ${values.length} differ`);
    }
    assert.ok(new Set(Object.values(ours)[0]).size > (name === 'one step' ? 0 : 1));
  });
}

test('a batch without any word is served', async () => {
  const head: TableHead = { kind: 'trees', ensemble: { ...numbers() } };
  const only = encodings.slice(4, 5);
  const ensemble = {
    ...randomEnsemble({ ...options, featureCount: 4 }, 'identity'),
    featureNames: only.flatMap(featuresOf),
  };
  const file = writeTableModel({ encodings: only, head: { ...head, ensemble } });
  const theirs = await runOnnxRuntime(file, { note: { data: ['', ' '], width: 1 } }, 2);
  const plan = planModel(readModel(file));
  assert.ok(!('unsupported' in plan));
  const [input] = plan.inputs;
  assert.ok(input?.datatype === 'BYTES');
  input.values.splice(0, 2, '', ' ');
  plan.run(2);
  assert.deepEqual(
    [...(plan.outputs[0]?.values.slice(0, 2) ?? [])],
    Array.from<unknown>(theirs['prediction']?.data ?? []),
  );
});

test('a table of numbers keeps one wide input, and other tables say what their columns are', () => {
  const wide = encodings.slice(0, 2);
  const ensemble = { ...randomEnsemble({ ...options, featureCount: 2 }, 'identity'), featureNames: ['miles', 'label'] };
  const model = readModel(writeTableModel({ encodings: wide, head: { kind: 'trees', ensemble } }));
  assert.deepEqual(readSignature(model).inputs, [
    { name: 'features', datatype: 'FP32', shape: [-1, 2], columns: ['miles', 'label'] },
  ]);
  const mixed = readModel(writeTableModel({ encodings, head: heads[1]?.[1] ?? { kind: 'trees', ensemble } }));
  assert.deepEqual(
    readTableInfo(mixed)?.columns,
    encodings.map(({ column, kind }) => ({ name: column, kind })),
  );
  assert.deepEqual(
    readSignature(mixed).outputs.map(({ name }) => name),
    ['label_out', 'probabilities'],
  );
  const quantiles = readModel(writeTableModel({ encodings, head: heads[5]?.[1] ?? { kind: 'trees', ensemble } }));
  assert.deepEqual(readTableInfo(quantiles)?.quantiles, [0.1, 0.4, 0.9]);
});

test('parts that do not fit together are refused by name', () => {
  const ensemble = classes('logistic');
  const write = (change: object) => () => writeTableModel({ encodings, head: { kind: 'trees', ensemble, ...change } });
  assert.throws(
    write({ ensemble: { ...ensemble, featureNames: ['a'] } }),
    /make 13 features, but its trees know 1|tests feature/,
  );
  assert.throws(
    write({ steps: { thresholds: Float32Array.of(1, 1), values: Float32Array.of(0, 0.5, 1) } }),
    /do not ascend/,
  );
  assert.throws(
    write({ steps: { thresholds: Float32Array.of(1), values: Float32Array.of(0, 2) } }),
    /not a probability/,
  );
  const twice = [...encodings, { kind: 'number', column: 'miles' } as const];
  assert.throws(
    () => writeTableModel({ encodings: twice, head: { kind: 'trees', ensemble } }),
    /two columns are called "miles"/,
  );
});

test('parts of dates are those of the calendar', () => {
  fc.assert(
    fc.property(fc.integer({ min: -62_000_000_000_000, max: 250_000_000_000_000 }), (atMs) => {
      const date = new Date(atMs);
      const part = (name: (typeof dateParts)[number]) => datePart(numberArithmetic, atMs, name);
      assert.deepEqual(
        [part('month'), part('day'), part('weekday'), part('hour')],
        [date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCDay(), date.getUTCHours()],
      );
    }),
    { numRuns: 2000 },
  );
  for (const atMs of [-1, 0, 86_399_999, 86_400_000, Date.UTC(2000, 1, 29), Date.UTC(1900, 1, 28, 23, 59, 59, 999)]) {
    assert.equal(datePart(numberArithmetic, atMs, 'day'), new Date(atMs).getUTCDate());
  }
  assert.ok(Number.isNaN(datePart(numberArithmetic, Number.NaN, 'weekday')));
});

test('instants are read in ISO 8601, in UTC unless they name a zone', () => {
  const instant = fc.integer({ min: -60_000_000_000_000, max: 250_000_000_000_000 });
  fc.assert(fc.property(instant, (atMs) => assert.equal(parseInstant(new Date(atMs).toISOString()), atMs)));
  const cases: readonly (readonly [string, number])[] = [
    ['2024-02-29', Date.UTC(2024, 1, 29)],
    ['2024-02-29 07:05', Date.UTC(2024, 1, 29, 7, 5)],
    ['2024-02-29T07:05:09.5+02:30', Date.UTC(2024, 1, 29, 4, 35, 9, 500)],
    ['2024-02-29T07:05-0530', Date.UTC(2024, 1, 29, 12, 35)],
    [' 2024-02-29T07:05:09.123456Z ', Date.UTC(2024, 1, 29, 7, 5, 9, 123)],
  ];
  for (const [text, expected] of cases) assert.equal(parseInstant(text), expected, text);
  for (const text of ['', '2024', '2023-02-29', '2024-13-01', '29.02.2024', '2024-02-29T25:00', '1709164800000']) {
    assert.ok(Number.isNaN(parseInstant(text)), text);
  }
});
