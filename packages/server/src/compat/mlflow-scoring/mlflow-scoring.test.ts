import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TreeEnsemble } from '@slipway/onnx';
import { writeTreeEnsemble } from '@slipway/onnx';
import { startScoringServer } from '../open-inference/testing.ts';
import type { TestModel } from '../open-inference/testing.ts';
import { stump } from '../test-models.ts';
import { readCsv } from './csv.ts';
import { parseLenientJson } from './json.ts';

/** 1 up to 500 miles or where they are missing, else 2; plus 10 up to 12 hours, else 20. */
const model: TreeEnsemble = {
  kind: 'trees',
  featureNames: ['miles', 'hour'],
  trees: [stump(0, 500, 1, 2), stump(1, 12, 10, 20)],
  baseScore: 0,
  link: 'identity',
  classCount: 1,
  classLabels: [],
};

const inputs = [
  { name: 'miles', type: 'long', required: true },
  { name: 'hour', type: 'double', required: false },
];
const models: readonly TestModel[] = [
  { endpoint: 'typed', file: writeTreeEnsemble(model), signature: { inputs } },
  {
    endpoint: 'arrays',
    file: writeTreeEnsemble(model),
    signature: { inputs, outputs: [{ type: 'tensor', name: 'y', 'tensor-spec': { dtype: 'float32', shape: [-1] } }] },
  },
  {
    endpoint: 'featured',
    file: writeTreeEnsemble(model),
    signature: { inputs },
    features: {
      digest: 'sha256:0',
      names: ['miles', 'hour'],
      inputs: [],
      stateAt: () => 0,
      read: (_at, row, out) => out.set([Number(row['distance']), row['late'] === true ? 13 : 1]),
    },
  },
  { endpoint: 'empty', file: undefined },
];

async function post(url: string, body: unknown): Promise<{ readonly status: number; readonly json: unknown }> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, json: await response.json() };
}

const refused: readonly [string, string, unknown, number, string, RegExp][] = [
  [
    'a value of another type, in its place',
    'typed',
    { dataframe_records: [{ miles: 1 }, { miles: 'far' }] },
    400,
    'BAD_REQUEST',
    /^dataframe_records\[1\]\.miles is "far"; column "miles" of the model's signature takes a long/,
  ],
  [
    'a missing column',
    'typed',
    { inputs: { hour: [1] } },
    400,
    'INVALID_PARAMETER_VALUE',
    /missing inputs \["miles"\]/,
  ],
  ['no names', 'typed', { instances: [[1, 2]] }, 400, 'INVALID_PARAMETER_VALUE', /instances\[0\] has no names/],
  ['no names for features', 'featured', { inputs: [[1]] }, 400, 'INVALID_PARAMETER_VALUE', /has no names/],
  [
    'an object for an entity key',
    'featured',
    { instances: [{ distance: {} }] },
    400,
    'BAD_REQUEST',
    /instances\[0\]\.distance is \{\}/,
  ],
  [
    'too many rows',
    'typed',
    { inputs: { miles: Array.from({ length: 1001 }, () => 1) } },
    400,
    'BAD_REQUEST',
    /at most 1000/,
  ],
  ['a long text', 'featured', { instances: [{ distance: 'x'.repeat(2001) }] }, 400, 'BAD_REQUEST', /must be a number/],
  ['no such endpoint', 'nowhere', { inputs: {} }, 404, 'RESOURCE_DOES_NOT_EXIST', /endpoint "nowhere"/],
  ['no deployment', 'empty', { inputs: {} }, 409, 'RESOURCE_CONFLICT', /no deployment/],
];

test('rows are scored, logged and answered in the form of the declared output', async () => {
  await using server = await startScoringServer({ models, isHot: true });
  const invoke = (endpoint: string, body: unknown) => post(`${server.url}/endpoints/${endpoint}/invocations`, body);
  const rows = {
    dataframe_split: {
      columns: ['miles', 'x'],
      data: [
        [900, 'y'],
        [1, null],
      ],
    },
  };
  assert.deepEqual(await invoke('typed', rows), { status: 200, json: { predictions: [12, 11] } });
  assert.deepEqual(await invoke('arrays', rows), { status: 200, json: { predictions: { y: [12, 11] } } });
  const keys = {
    inputs: [
      { distance: 900, late: true },
      { distance: 1, late: false },
    ],
  };
  assert.deepEqual(await invoke('featured', keys), { status: 200, json: { predictions: [22, 11] } });
  assert.equal(server.endpoint('featured').log.count(), 2);
  for (const [what, endpoint, body, status, code, message] of refused) {
    const reply = await invoke(endpoint, body);
    const json = reply.json as { error_code: string; message: string };
    assert.deepEqual([reply.status, json.error_code], [status, code], `${what}: ${JSON.stringify(json)}`);
    assert.match(json.message, message, what);
  }
  assert.equal(server.endpoint('featured').log.count(), 2);
});

test('a body that is too large is refused in the same form, and so is a caller without a token', async () => {
  await using server = await startScoringServer({ models, isHot: true, trustLoopback: false });
  const closed = await post(`${server.url}/endpoints/typed/invocations`, { inputs: { miles: [1] } });
  assert.deepEqual([closed.status, (closed.json as { error_code: string }).error_code], [401, 'UNAUTHENTICATED']);
  await using open = await startScoringServer({ models, isHot: true });
  const large = await post(`${open.url}/endpoints/typed/invocations`, 'x'.repeat(9 * 1024 * 1024)).catch(
    () => undefined,
  );
  assert.ok(large === undefined || large.status === 413);
});

test('ping, health and version as a scoring server has them', async () => {
  await using server = await startScoringServer({ models, isHot: true });
  for (const path of ['ping', 'health', 'version']) {
    assert.equal((await fetch(`${server.url}/endpoints/typed/${path}`)).status, 200, path);
    assert.equal((await fetch(`${server.url}/endpoints/nowhere/${path}`)).status, 404, path);
  }
  assert.equal(await (await fetch(`${server.url}/endpoints/typed/ping`)).text(), '\n');
  assert.match(await (await fetch(`${server.url}/endpoints/typed/version`)).text(), /^3\.\d+\.\d+/);
  assert.equal((await fetch(`${server.url}/endpoints/empty/ping`)).status, 404);
});

test('CSV: quotes, missing words, blank lines, line ends', () => {
  const read = (text: string) => readCsv(text, 10);
  assert.deepEqual(read('\uFEFFa,"b ""c"""\r\n1,"x\r\ny"\r\n\r\nNA,'), {
    names: ['a', 'b "c"'],
    rows: [
      ['1', 'x\r\ny'],
      [null, null],
    ],
  });
  for (const text of ['', '\n\n', 'a\n1,2', 'a\n"1', 'a\n1"2', 'a\n"1"2']) assert.throws(() => read(text), text);
  assert.throws(() => readCsv('a\n1\n2\n', 1), /more than 1 rows/);
});

test('JSON with tokens for NaN and the infinities, which stay words inside texts', () => {
  const text = '{"NaN": [NaN, -Infinity, Infinity, 1], "t": "NaN \\" Infinity"}';
  assert.deepEqual(parseLenientJson(text), { NaN: [null, -Infinity, Infinity, 1], t: 'NaN " Infinity' });
  for (const bad of ['NaNa', '{"a": NaN', '[Infinity Infinity]', '"NaN'])
    assert.throws(() => parseLenientJson(bad), bad);
});
