/** ONNX files of scikit-learn as models of a table: what is taken, and what is refused with what to do. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { planModel, readClassLabels, readModel, readTableInfo, writeModel } from '@slipway/onnx';
import type { OnnxModel } from '@slipway/onnx';
import { createTablePredictor } from '@slipway/train';
import type { StepContext } from '../context.ts';
import type { Artifact } from '../ports.ts';
import { importModel } from './import-model.ts';
import type { TableMeta } from './table-meta.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-import-model-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Three classes as words, the columns age, monthly fee (numbers), plan and country (texts). */
const converted = readFileSync(new URL('../../../onnx/src/testdata/sklearn-one-hot-3.columns', import.meta.url));
/** One wide input of 30 columns, two classes 0 and 1. */
const wide = readFileSync(new URL('../../../onnx/src/testdata/sklearn-gradient-boosting-2.onnx', import.meta.url));

const meta = {
  task: 'multiclass',
  target: 'usage',
  classes: ['high', 'low', 'mid'],
  columns: [
    { name: 'country', kind: 'category' },
    { name: 'age', kind: 'number' },
    { name: 'monthly fee', kind: 'number' },
    { name: 'plan', kind: 'category' },
  ],
  aside: [{ name: 'left_on', kind: 'date' }],
  rowCount: 400,
} as const satisfies TableMeta;

/** As scripts write it: the converter made `monthly_fee` of the name. */
const names = ['age', 'monthly fee', 'plan', 'country'];
const named = JSON.stringify(names);
const oneHot = changed(converted, ({ metadata }) => ({ metadata: { ...metadata, columns: named } }));

const digest = `sha256:${'a'.repeat(64)}` as const;

async function take(
  file: Uint8Array,
  table: TableMeta = meta,
): Promise<Artifact<'model'> & { readonly bytes: Uint8Array }> {
  const path = join(folder, 'model.onnx');
  writeFileSync(path, file);
  let bytes = new Uint8Array();
  const nothing = () => undefined;
  const said: Partial<StepContext> = {
    step: 'import-model',
    path: () => path,
    log: nothing,
    run: {
      id: () => Promise.resolve(''),
      logParams: nothing,
      logMetric: nothing,
      setTags: nothing,
      logArtifact: () => Promise.resolve(),
      flush: () => Promise.resolve(),
    },
    writeArtifact: (name, kind, { content, meta: about }) => {
      bytes = content instanceof Uint8Array ? Uint8Array.from(content) : bytes;
      return Promise.resolve({
        kind,
        name,
        digest,
        sizeBytes: bytes.length,
        ...(about === undefined ? {} : { meta: about }),
      });
    },
  };
  // The step asks for nothing else.
  const context = said as StepContext;
  const rows = { kind: 'table', name: 'rows', digest, sizeBytes: 1, meta: JSON.parse(JSON.stringify(table)) } as const;
  const given: Artifact<'file'> = { kind: 'file', name: 'model', digest, sizeBytes: file.length };
  const { model } = await importModel().run(context, { rows, file: given });
  return { ...model, bytes };
}

function changed(file: Uint8Array, change: (model: OnnxModel) => Partial<OnnxModel>): Uint8Array {
  const model = readModel(file);
  return writeModel({ ...model, ...change(model) });
}

test('a pipeline over columns is taken with the kinds of the table, and answers as before', async () => {
  const taken = await take(oneHot);
  assert.deepEqual(taken.meta?.['features'], ['age', 'monthly fee', 'plan', 'country']);
  const model = readModel(taken.bytes);
  assert.deepEqual(
    readTableInfo(model)?.columns.map(({ name, kind }) => `${name} ${kind}`),
    ['age number', 'monthly fee number', 'plan category', 'country category'],
  );
  assert.deepEqual(readClassLabels(model), ['high', 'low', 'mid']);
  const { values, width } = createTablePredictor(taken.bytes).predict([
    { name: 'plan', kind: 'category', values: ['pro', 'basic'] },
    { name: 'country', kind: 'category', values: ['DE', null] },
    { name: 'age', kind: 'number', values: Float64Array.of(30, Number.NaN) },
    { name: 'monthly fee', kind: 'number', values: Float64Array.of(14, 4) },
  ]);
  assert.equal(width, 3);
  assert((values[0] ?? 0) > 0.5 && (values[4] ?? 0) > 0.5, `high, then low: ${[...values].join(', ')}`);
});

test('names that the converter changed are told by the metadata; names inside the file give way', async () => {
  await assert.rejects(take(converted), /has an input "monthly_fee".* set the metadata "columns"/);
  const odd = ['label', 'probabilities', 'variable', 'Zürich "x"'];
  const file = changed(converted, ({ metadata }) => ({ metadata: { ...metadata, columns: JSON.stringify(odd) } }));
  const columns = odd.map((name, i) => ({ name, kind: i < 2 ? ('number' as const) : ('category' as const) }));
  const answers = (bytes: Uint8Array, under: readonly string[]) =>
    createTablePredictor(bytes).predict([
      { name: under[0] ?? '', kind: 'number', values: Float64Array.of(30, 50) },
      { name: under[1] ?? '', kind: 'number', values: Float64Array.of(14, 4) },
      { name: under[2] ?? '', kind: 'category', values: ['pro', 'basic'] },
      { name: under[3] ?? '', kind: 'category', values: ['DE', 'FR'] },
    ]).values;
  const { bytes } = await take(file, { ...meta, columns });
  assert.deepEqual(answers(bytes, odd), answers((await take(oneHot)).bytes, names));
});

test('places instead of words: the classes are those that the metadata names', async () => {
  const places = changed(wide, (model) => ({ metadata: { ...model.metadata, classes: '["stays","leaves"]' } }));
  const columns = Array.from({ length: 30 }, (_, i) => ({ name: `x${i}`, kind: 'number' as const }));
  const table: TableMeta = { ...meta, task: 'binary', classes: ['stays', 'leaves'], columns };
  const { bytes, meta: said } = await take(places, table);
  assert.deepEqual(readClassLabels(readModel(bytes)), ['stays', 'leaves']);
  assert.deepEqual(
    said?.['features'],
    columns.map(({ name }) => name),
  );
  await assert.rejects(
    take(wide, table),
    /answers the classes 0, 1 in this order, and the table's are stays, leaves: teach it places/,
  );
  await assert.rejects(
    take(places, { ...table, classes: ['leaves', 'stays'] }),
    /the classes stays, leaves in this order/,
  );
});

const drop = (names: readonly string[]): TableMeta => ({
  ...meta,
  columns: meta.columns.filter(({ name }) => !names.includes(name)),
});

const refusals: readonly (readonly [string, () => Promise<unknown>, RegExp])[] = [
  ['no ONNX', () => take(Buffer.from('PK a zip')), /is no ONNX model: .* Write one with skl2onnx's to_onnx/],
  [
    'a column that was left out',
    () => take(oneHot, { ...drop(['age']), aside: [{ name: 'age', kind: 'number' }] }),
    /takes column "age", which the pipeline leaves out/,
  ],
  [
    'a column that is not there',
    () => take(oneHot, drop(['plan'])),
    /has an input "plan", which is no column of the table; it has country, age, monthly fee/,
  ],
  ['the target', () => take(oneHot, { ...drop(['plan']), target: 'plan' }), /wants the target "plan" among its inputs/],
  [
    'another kind',
    () =>
      take(oneHot, { ...meta, columns: meta.columns.map((c) => (c.name === 'plan' ? { ...c, kind: 'number' } : c)) }),
    /takes BYTES for column "plan", which is a number: make its input a number \(FloatTensorType\)/,
  ],
  [
    'too few classes',
    () => take(oneHot, { ...meta, classes: ['high', 'low', 'mid', 'none'] }),
    /must answer the probabilities of 4 classes .* 3 in its output "probabilities"/,
  ],
  [
    'a classifier for numbers',
    () => take(oneHot, { ...meta, task: 'regression', classes: [] }),
    /must answer one number for "usage"; it has 3/,
  ],
  [
    'a wide input of other columns',
    () => take(wide, { ...meta, columns: [{ name: 'age', kind: 'number' }] }),
    /has one input ".*" of 30 columns, and the table has 1: age/,
  ],
  ['a wide input beside texts', () => take(wide), /and country, plan are texts: give each column an input of its own/],
  [
    'an operator that is not served',
    () =>
      take(
        changed(oneHot, (model) => ({
          graph: {
            ...model.graph,
            nodes: model.graph.nodes.map((n) => (n.opType === 'Imputer' ? { ...n, opType: 'SVMClassifier' } : n)),
          },
        })),
      ),
    /cannot be served: it uses the operator SVMClassifier/,
  ],
];

for (const [name, run, says] of refusals) test(`refused: ${name}`, () => assert.rejects(run, says));

test('the file that is taken is one that the server plans', async () => {
  assert(!('unsupported' in planModel(readModel((await take(oneHot)).bytes))));
});
