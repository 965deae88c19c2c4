/** Models of tables at the three protocols: labels, probabilities, quantiles, dates. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitTable } from '@slipway/train';
import type { FittedTable, TableColumn } from '@slipway/train';
import { startScoringServer } from './testing.ts';

const rows = 600;
const at = (row: number): number => Date.UTC(2024, 0, 1) + row * 7_000_000;
const carriers = ['UA', 'B6', 'Zürich'];
const carrierOf = (row: number): string => carriers[(row * 7) % 3] ?? '';

const columns: readonly TableColumn[] = [
  { name: 'miles', kind: 'number', values: Float64Array.from({ length: rows }, (_, row) => (row * 37) % 1000) },
  { name: 'departs', kind: 'date', values: Float64Array.from({ length: rows }, (_, row) => at(row)) },
  { name: 'carrier', kind: 'category', values: Array.from({ length: rows }, (_, row) => carrierOf(row)) },
  { name: 'direct', kind: 'boolean', values: Float64Array.from({ length: rows }, (_, row) => row % 2) },
];
const effect = (row: number): number => ((row * 37) % 1000) / 400 + (carrierOf(row) === 'UA' ? 1 : 0);
const settings = { rounds: 20, leaves: 6, earlyStoppingRounds: 'never' } as const;

async function fitAll(): Promise<Readonly<Record<'classes' | 'pair' | 'number' | 'quantiles', FittedTable>>> {
  const target = Array.from({ length: rows }, (_, row) => effect(row));
  // In the order of texts; as keys of an object they would be sorted as numbers.
  const classes = target.map((value) => `${Math.floor(value) * 9 + 2}`);
  return {
    classes: await fitTable({ columns, target: classes }, { ...settings, task: 'classes' }),
    pair: await fitTable({ columns, target: target.map((value) => value > 1.5) }, { ...settings, task: 'binary' }),
    number: await fitTable({ columns, target }, { ...settings, task: 'regression' }),
    quantiles: await fitTable({ columns, target }, { ...settings, task: 'quantile', quantiles: [0.1, 0.5, 0.9] }),
  };
}

const instance = (row: number) => ({
  miles: (row * 37) % 1000,
  departs: new Date(at(row)).toISOString(),
  carrier: carrierOf(row),
  direct: row % 2 === 1,
});

async function post(url: string, body: unknown): Promise<{ readonly status: number; readonly json: unknown }> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, json: await response.json() };
}

interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: readonly unknown[];
}

const asked = [3, 4, 5];
const tensors = [
  { name: 'miles', datatype: 'FP32', shape: [3], data: asked.map((row) => instance(row).miles) },
  { name: 'departs', datatype: 'FP64', shape: [3], data: asked.map(at) },
  { name: 'carrier', datatype: 'BYTES', shape: [3], data: asked.map(carrierOf) },
  { name: 'direct', datatype: 'BOOL', shape: [3], data: asked.map((row) => row % 2 === 1) },
];

test('models of tables answer every protocol with labels, probabilities and quantiles', async () => {
  const fitted = await fitAll();
  const models = Object.entries(fitted).map(([endpoint, { bytes }]) => ({ endpoint, file: bytes }));
  await using server = await startScoringServer({ models, isHot: true });
  const predict = async (name: string) => {
    const body = { instances: asked.map((row) => ({ inputs: instance(row) })) };
    const { status, json } = await post(`${server.url}/api/endpoints/${name}/predict`, body);
    assert.equal(status, 200, JSON.stringify(json));
    const { predictions } = json as { predictions: Record<string, unknown>[] };
    return predictions;
  };
  const infer = async (name: string) => {
    const { status, json } = await post(`${server.url}/v2/models/${name}/infer`, { inputs: tensors });
    assert.equal(status, 200, JSON.stringify(json));
    return new Map((json as { outputs: Tensor[] }).outputs.map((output) => [output.name, output]));
  };
  const invoke = async (name: string): Promise<unknown> => {
    const body = { dataframe_records: asked.map((row) => ({ ...instance(row), departs: at(row) })) };
    const { json } = await post(`${server.url}/endpoints/${name}/invocations`, body);
    return (json as { predictions: unknown }).predictions;
  };
  const answers = (model: FittedTable): readonly number[] => [
    ...model.predict(columns, Uint32Array.from(asked)).values,
  ];

  const { classLabels } = fitted.classes;
  assert.deepEqual(classLabels, ['11', '2', '20', '29']);
  const probabilities = answers(fitted.classes);
  const rowsOf = (width: number, values: readonly number[]) =>
    asked.map((_, i) => values.slice(i * width, (i + 1) * width));
  const best = rowsOf(4, probabilities).map((row) => classLabels[row.indexOf(Math.max(...row))]);
  for (const [i, prediction] of (await predict('classes')).entries()) {
    const own = rowsOf(4, probabilities)[i] ?? [];
    assert.equal(prediction['label'], best[i]);
    assert.equal(prediction['score'], Math.max(...own));
    assert.deepEqual(prediction['probabilities'], Object.fromEntries(classLabels.map((label, k) => [label, own[k]])));
  }
  const inferred = await infer('classes');
  assert.deepEqual(inferred.get('label')?.data, best);
  assert.deepEqual(inferred.get('probabilities'), {
    name: 'probabilities',
    datatype: 'FP32',
    shape: [3, 4],
    data: probabilities,
  });
  assert.deepEqual(await invoke('classes'), best);

  const quantiles = rowsOf(3, answers(fitted.quantiles));
  for (const [i, prediction] of (await predict('quantiles')).entries()) {
    const [low, middle, high] = quantiles[i] ?? [];
    assert.equal(prediction['score'], middle);
    assert.deepEqual(prediction['quantiles'], { '0.1': low, '0.5': middle, '0.9': high });
  }
  assert.deepEqual((await infer('quantiles')).get('quantiles')?.data, quantiles.flat());

  const numbers = answers(fitted.number);
  assert.deepEqual(
    (await predict('number')).map(({ score }) => score),
    numbers,
  );
  assert.deepEqual(await invoke('number'), numbers);
  const pairs = rowsOf(2, answers(fitted.pair)).map(([, positive]) => positive);
  assert.deepEqual(
    (await predict('pair')).map(({ score }) => score),
    pairs,
  );
  assert.deepEqual([...(await infer('pair')).keys()], ['score', 'prediction_id', 'model_version']);
});

test('a model of a table says what it takes and answers, and refuses what is no date', async () => {
  const { classes } = await fitAll();
  await using server = await startScoringServer({
    models: [{ endpoint: 'classes', file: classes.bytes }],
    isHot: false,
  });
  const described = (await (await fetch(`${server.url}/v2/models/classes`)).json()) as Record<
    string,
    { name: string; datatype: string }[]
  >;
  assert.deepEqual(
    described['inputs']?.map(({ name, datatype }) => [name, datatype]),
    [
      ['miles', 'FP32'],
      ['departs', 'FP64'],
      ['carrier', 'BYTES'],
      ['direct', 'FP32'],
    ],
  );
  assert.deepEqual(
    described['outputs']?.map(({ name }) => name),
    ['score', 'prediction_id', 'model_version', 'label', 'probabilities'],
  );
  const hot = await startScoringServer({ models: [{ endpoint: 'classes', file: classes.bytes }], isHot: true });
  await using _ = hot;
  const ask = (departs: unknown) =>
    post(`${hot.url}/api/endpoints/classes/predict`, { instances: [{ inputs: { ...instance(1), departs } }] });
  const refused = await ask('yesterday');
  assert.equal(refused.status, 400);
  assert.match(
    JSON.stringify(refused.json),
    /departs.*yesterday.*must be an ISO 8601 date, milliseconds since 1970 or null/,
  );
  const scoreOf = async (departs: unknown): Promise<unknown> =>
    ((await ask(departs)).json as { predictions: { probabilities: unknown }[] }).predictions[0]?.probabilities;
  assert.deepEqual(await scoreOf('2024-01-05'), await scoreOf(Date.UTC(2024, 0, 5)));
  assert.deepEqual(await scoreOf('2024-01-05T02:00+02:00'), await scoreOf(Date.UTC(2024, 0, 5)));
  assert.notEqual(await scoreOf(null), undefined);
});

const day = Date.UTC(2024, 0, 5);
/** A text that every protocol takes for a date, and the instant that it means; null is missing. */
const dates: readonly (readonly [string | number | null, number | null])[] = [
  ['2024-01-05', day],
  ['2024-01-05T02:00:00+02:00', day],
  ['2024-01-05 06:30:00.250', day + 23_400_250],
  [day, day],
  [null, null],
];

/** Every second day the answer is another one. */
const fitDates = (): Promise<FittedTable> => {
  const target = Array.from({ length: rows }, (_, row) => new Date(at(row)).getUTCDay() % 2 === 0);
  return fitTable({ columns, target }, { ...settings, task: 'binary' });
};

test('dates come as texts or milliseconds at every protocol, and mean the same', async () => {
  const pair = await fitDates();
  await using server = await startScoringServer({ models: [{ endpoint: 'pair', file: pair.bytes }], isHot: true });
  const values = { ...instance(1) };
  const scoreOf = async (departs: unknown): Promise<number | undefined> => {
    const body = { instances: [{ inputs: { ...values, departs } }] };
    const { json } = await post(`${server.url}/api/endpoints/pair/predict`, body);
    return (json as { predictions: { score: number }[] }).predictions[0]?.score;
  };
  const infer = (departs: object) =>
    post(`${server.url}/v2/models/pair/infer`, {
      inputs: [
        { name: 'miles', datatype: 'FP32', shape: [1], data: [values.miles] },
        { name: 'departs', shape: [1], ...departs },
        { name: 'carrier', datatype: 'BYTES', shape: [1], data: [values.carrier] },
        { name: 'direct', datatype: 'BOOL', shape: [1], data: [values.direct] },
      ],
    });
  const invoke = (departs: unknown) =>
    post(`${server.url}/endpoints/pair/invocations`, { dataframe_records: [{ ...values, departs }] });
  assert.notEqual(await scoreOf(day), await scoreOf(day + 86_400_000), 'the day decides');
  for (const [given, means] of dates) {
    const expected = await scoreOf(means);
    const datatype = typeof given === 'number' ? 'INT64' : 'BYTES';
    const tensors = await infer({ datatype, data: [given] });
    assert.equal(tensors.status, 200, JSON.stringify(tensors.json));
    const scores = (tensors.json as { outputs: Tensor[] }).outputs.find(({ name }) => name === 'score');
    assert.deepEqual(scores?.data, [expected], `infer ${given}`);
    const { json } = await invoke(given);
    assert.deepEqual((json as { predictions: unknown }).predictions, [expected], `invocations ${given}`);
  }
  const csv = `miles,departs,carrier,direct\n${values.miles},2024-01-05,${values.carrier},1\n${values.miles},,${values.carrier},1\n`;
  const headers = { 'content-type': 'text/csv' };
  const answer = await fetch(`${server.url}/endpoints/pair/invocations`, { method: 'POST', headers, body: csv });
  assert.deepEqual(await answer.json(), { predictions: [await scoreOf(day), await scoreOf(null)] });
  assert.deepEqual((await invoke('NaT')).json, { predictions: [await scoreOf(null)] }, "the client's missing datetime");
  const empty = await infer({ datatype: 'BYTES', data: [''] });
  const scores = (empty.json as { outputs: Tensor[] }).outputs.find(({ name }) => name === 'score');
  assert.deepEqual(scores?.data, [await scoreOf(null)]);
});

test('what is no date is refused with its place and the accepted forms', async () => {
  const { pair } = await fitAll();
  await using server = await startScoringServer({ models: [{ endpoint: 'pair', file: pair.bytes }], isHot: true });
  const values = instance(1);
  for (const wrong of ['yesterday', '2024-02-30', '05.01.2024', true]) {
    const { status, json } = await post(`${server.url}/endpoints/pair/invocations`, {
      dataframe_records: [values, { ...values, departs: wrong }],
    });
    assert.equal(status, 400);
    const { message } = json as { message: string };
    assert(message.startsWith(`dataframe_records[1].departs is ${JSON.stringify(wrong)}; column "departs"`), message);
    assert.match(message, /a datetime: ISO 8601 such as 2024-01-31 .*milliseconds since 1970 UTC, or null/);
  }
  const refused = async (departs: object): Promise<string> => {
    const inputs = tensors.map((tensor) => (tensor.name === 'departs' ? { ...tensor, ...departs } : tensor));
    const { status, json } = await post(`${server.url}/v2/models/pair/infer`, { inputs });
    assert.equal(status, 400);
    return (json as { error: string }).error;
  };
  assert.match(
    await refused({ datatype: 'BYTES', data: ['2024-01-05', 'yesterday', ''] }),
    /inputs\[1\]\.data\[1\] is "yesterday"; the date column "departs" takes BYTES in ISO 8601 \(2024-01-31 or /,
  );
  const inputs = tensors.map((tensor) =>
    tensor.name === 'miles' ? { ...tensor, datatype: 'BYTES', data: ['1', '2', '3'] } : tensor,
  );
  const { json } = await post(`${server.url}/v2/models/pair/infer`, { inputs });
  assert.match(JSON.stringify(json), /column \\"miles\\" wants numbers/);
});
