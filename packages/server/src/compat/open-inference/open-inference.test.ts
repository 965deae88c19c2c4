import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeTreeEnsemble } from '@slipway/onnx';
import { stump, sumOfStumps as sum } from '../test-models.ts';
import { startScoringServer } from './testing.ts';
import type { ScoringServer, TestModel } from './testing.ts';

const models: readonly TestModel[] = [
  { endpoint: 'numbers', file: writeTreeEnsemble(sum) },
  {
    endpoint: 'mixed',
    file: writeTreeEnsemble(
      { ...sum, featureNames: ['miles', 'carrier', 'wind'], trees: [stump(0, 500, 1, 2), stump(1, 0, 10, 20)] },
      { categories: { carrier: ['UA', 'B6'] } },
    ),
  },
  {
    endpoint: 'featured',
    file: writeTreeEnsemble(sum),
    features: {
      digest: 'sha256:0',
      names: ['miles', 'hour', 'wind'],
      inputs: [
        { name: 'distance', type: 'int' },
        { name: 'carrier', type: 'string' },
      ],
      stateAt: () => 0,
      read: (_at, inputs, out) => out.set([Number(inputs['distance']), 13, 9]),
    },
  },
  { endpoint: 'empty', file: undefined },
];

interface Reply {
  readonly status: number;
  readonly json: unknown;
}

async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Reply> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, json: await response.json() };
}

function tensor(name: string, datatype: string, data: readonly unknown[], shape: readonly number[] = [data.length]) {
  return { name, datatype, shape, data };
}

function scores(reply: Reply): unknown {
  assert.equal(reply.status, 200, JSON.stringify(reply.json));
  return (reply.json as { outputs: { name: string; data: unknown }[] }).outputs.find((o) => o.name === 'score')?.data;
}

const wide = (data: readonly unknown[], width = 3) => ({
  inputs: [tensor('features', 'FP32', data, [data.length / width, width])],
});

const accepted: readonly [string, string, unknown, readonly number[]][] = [
  ['one wide tensor', 'numbers', wide([1, 2, 3, 900, 13, 9]), [111, 222]],
  ['a wide tensor with nested rows', 'numbers', { inputs: [tensor('x', 'FP64', [[900, 2, 3]], [1, 3])] }, [112]],
  ['null is missing', 'numbers', wide([null, null, null]), [111]],
  [
    'one tensor per column, in any order, [n] or [n, 1]',
    'numbers',
    { inputs: [tensor('wind', 'FP32', [9]), tensor('miles', 'INT64', [900], [1, 1]), tensor('hour', 'BOOL', [true])] },
    [212],
  ],
  [
    'text columns, one value unseen',
    'mixed',
    {
      inputs: [
        tensor('miles', 'FP32', [1, 1, 1]),
        tensor('carrier', 'BYTES', ['UA', 'B6', 'Zürich']),
        tensor('wind', 'FP32', [0, 0, 0]),
      ],
    },
    [11, 21, 11],
  ],
  [
    'keys of a feature service',
    'featured',
    { inputs: [tensor('origin', 'BYTES', ['EWR']), tensor('distance', 'INT32', [900])] },
    [222],
  ],
];

const refused: readonly [string, string, unknown, number, RegExp][] = [
  ['no such endpoint', 'nowhere', wide([1, 2, 3]), 404, /endpoint "nowhere"/],
  ['no deployment', 'empty', wide([1, 2, 3]), 409, /no deployment/],
  ['not JSON', 'numbers', '{"inputs": [', 400, /not valid JSON/],
  ['not an object', 'numbers', [1], 400, /must be an object/],
  ['no inputs', 'numbers', {}, 400, /inputs is undefined/],
  ['a column too few', 'numbers', wide([1, 2], 2), 400, /has 2 columns; the model takes 3: miles, hour, wind/],
  ['a value of another type', 'numbers', wide([1, 'x', 3]), 400, /inputs\[0\]\.data\[1\] is "x"; FP32 wants numbers/],
  [
    'fewer values than the shape',
    'numbers',
    { inputs: [tensor('x', 'FP32', [1, 2], [1, 3])] },
    400,
    /wants a list of 3/,
  ],
  [
    'an integer with a fraction',
    'numbers',
    { inputs: [tensor('x', 'INT64', [1, 2.5, 3], [1, 3])] },
    400,
    /data\[1\] is 2\.5/,
  ],
  ['an unknown datatype', 'numbers', { inputs: [tensor('x', 'FP8', [1, 2, 3], [1, 3])] }, 400, /datatype is "FP8"/],
  ['a shape of no rows', 'numbers', { inputs: [tensor('x', 'FP32', [], [0, 3])] }, 400, /shape is \[0,3\]/],
  ['too many rows', 'numbers', { inputs: [tensor('x', 'FP32', [], [1001, 3])] }, 400, /at most 1000/],
  ['texts for numbers', 'numbers', { inputs: [tensor('x', 'BYTES', ['1', '2', '3'], [1, 3])] }, 400, /wants numbers/],
  [
    'an unknown column',
    'mixed',
    { inputs: [tensor('speed', 'FP32', [1]), tensor('miles', 'FP32', [1])] },
    400,
    /"speed"/,
  ],
  [
    'a missing column',
    'mixed',
    { inputs: [tensor('wind', 'FP32', [1]), tensor('miles', 'FP32', [1])] },
    400,
    /"carrier"/,
  ],
  ['a column twice', 'mixed', { inputs: [tensor('miles', 'FP32', [1]), tensor('miles', 'FP32', [1])] }, 400, /twice/],
  [
    'columns of different length',
    'mixed',
    { inputs: [tensor('miles', 'FP32', [1, 2]), tensor('wind', 'FP32', [1])] },
    400,
    /has 1 rows/,
  ],
  [
    'an unknown output',
    'numbers',
    { ...wide([1, 2, 3]), outputs: [{ name: 'logits' }] },
    400,
    /outputs\[0\]\.name is "logits"/,
  ],
  [
    'an event time that is no instant',
    'numbers',
    { ...wide([1, 2, 3]), parameters: { at: 'now' } },
    400,
    /parameters\.at/,
  ],
  [
    'bytes that are not there',
    'numbers',
    { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3], parameters: { binary_data_size: 12 } }] },
    400,
    /binary_data_size/,
  ],
];

for (const isHot of [true, false]) {
  const way = isHot ? 'hot path' : 'framework';

  test(`infer answers what fits and explains what does not (${way})`, async () => {
    await using server = await startScoringServer({ models, isHot });
    for (const [what, endpoint, body, expected] of accepted) {
      assert.deepEqual(scores(await post(`${server.url}/v2/models/${endpoint}/infer`, body)), expected, what);
    }
    for (const [what, endpoint, body, status, message] of refused) {
      const before = server.endpoint('numbers').log.count();
      const reply = await post(`${server.url}/v2/models/${endpoint}/infer`, body);
      assert.equal(reply.status, status, `${what}: ${JSON.stringify(reply.json)}`);
      assert.match((reply.json as { error: string }).error, message, what);
      assert.equal(server.endpoint('numbers').log.count(), before, `${what}: nothing is logged`);
    }
  });

  test(`each answered row is in the prediction log, and the id comes back (${way})`, async () => {
    await using server = await startScoringServer({ models, isHot });
    const at = Date.UTC(2013, 3, 1);
    const reply = await post(`${server.url}/v2/models/numbers/infer`, {
      ...wide([1, 2, 3, 900, 13, 9]),
      id: 'flight-7',
      parameters: { at },
      outputs: [{ name: 'prediction_id' }, { name: 'model_version' }],
    });
    const json = reply.json as { id: string; model_version: string; outputs: { name: string; data: string[] }[] };
    assert.equal(json.id, 'flight-7');
    assert.equal(json.model_version, '3');
    assert.deepEqual(
      json.outputs.map((output) => output.name),
      ['prediction_id', 'model_version'],
    );
    const [first] = json.outputs;
    for (const [row, score] of [111, 222].entries()) {
      const record = await server.endpoint('numbers').log.find(first?.data[row] ?? '');
      assert.equal(record?.score, score);
      assert.equal(record?.at, at);
      assert.equal(record?.instanceId, undefined, 'an id of several rows names none of them');
    }
    for (const [id, kept] of [
      ['flight-8', 'flight-8'],
      ['', undefined],
    ] as const) {
      const one = await post(`${server.url}/v2/models/numbers/infer`, { ...wide([1, 2, 3]), id });
      const { outputs } = one.json as typeof json;
      const made = outputs.find((output) => output.name === 'prediction_id')?.data[0] ?? '';
      assert.equal((await server.endpoint('numbers').log.find(made))?.instanceId, kept);
    }
  });

  test(`binary tensors both ways, as tritonclient sends them (${way})`, async () => {
    await using server = await startScoringServer({ models, isHot });
    const carrier = Buffer.concat(
      ['UA', 'B6'].map((text) => Buffer.concat([Buffer.from(Uint32Array.of(text.length).buffer), Buffer.from(text)])),
    );
    const parts = [Buffer.from(Float32Array.of(1, 900).buffer), carrier, Buffer.from(Float64Array.of(0, 0).buffer)];
    const names = ['miles', 'carrier', 'wind'];
    const head = Buffer.from(
      JSON.stringify({
        parameters: { binary_data_output: true },
        inputs: parts.map((part, i) => ({
          name: names[i],
          shape: [2, 1],
          datatype: ['FP32', 'BYTES', 'FP64'][i],
          parameters: { binary_data_size: part.length },
        })),
        outputs: [{ name: 'score' }, { name: 'prediction_id', parameters: { binary_data: false } }],
      }),
    );
    const send = (body: Uint8Array<ArrayBuffer>, jsonLength: number) =>
      fetch(`${server.url}/v2/models/mixed/infer`, {
        method: 'POST',
        headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(jsonLength) },
        body,
      });
    const body = Buffer.concat([head, ...parts]);
    const response = await send(body, head.length);
    assert.equal(response.status, 200);
    const bytes = Buffer.from(await response.arrayBuffer());
    const jsonLength = Number(response.headers.get('inference-header-content-length'));
    const json = JSON.parse(bytes.subarray(0, jsonLength).toString()) as { outputs: { data?: unknown[] }[] };
    assert.equal(json.outputs[1]?.data?.length, 2);
    assert.deepEqual([bytes.readFloatLE(jsonLength), bytes.readFloatLE(jsonLength + 4)], [11, 22]);
    assert.equal((await send(body.subarray(0, body.length - 3), head.length)).status, 400);
    assert.equal((await send(body, head.length + 5)).status, 400);
    assert.equal((await send(Buffer.concat([body, Buffer.from([1])]), head.length)).status, 400);
  });

  test(`credentials, media type and size are checked before anything is read (${way})`, async () => {
    await using open = await startScoringServer({ models, isHot });
    const url = `${open.url}/v2/models/numbers/infer`;
    assert.equal((await post(url, wide([1, 2, 3]), { 'content-type': 'text/plain' })).status, 415);
    // fetch sends no type for bytes: a JSON body of tritonclient comes like that
    const untyped = await fetch(url, { method: 'POST', body: Buffer.from(JSON.stringify(wide([1, 2, 3]))) });
    assert.equal(untyped.status, 200);
    assert.equal((await post(url, wide([1, 2, 3]), { origin: 'https://elsewhere.example' })).status, 403);
    const large = await post(url, `{"inputs": "${'x'.repeat(9 * 1024 * 1024)}"}`).catch(() => undefined);
    assert.ok(large === undefined || large.status === 413);
    await using closed = await startScoringServer({ models, isHot, trustLoopback: false });
    assert.equal((await post(`${closed.url}/v2/models/numbers/infer`, wide([1, 2, 3]))).status, 401);
    assert.equal(closed.endpoint('numbers').log.count(), 0);
  });
}

test('many callers at once each get their own answer, and one bad request spoils no other', async () => {
  await using server = await startScoringServer({ models, isHot: true });
  const url = `${server.url}/v2/models/numbers/infer`;
  const replies = await Promise.all(
    Array.from({ length: 400 }, async (_, i) => {
      const reply = await post(url, i % 10 === 0 ? wide([i, 'x', 0]) : wide([i % 2 === 0 ? 900 : 1, 2, 3]));
      return { i, reply };
    }),
  );
  for (const { i, reply } of replies) {
    if (i % 10 === 0) assert.equal(reply.status, 400);
    else assert.deepEqual(scores(reply), [i % 2 === 0 ? 112 : 111]);
  }
  assert.equal(server.endpoint('numbers').log.count(), 360);
  assert.match(server.metricsText(), /prediction_seconds_count\{endpoint="numbers",status="200"\} 360/);
});

test('metadata, readiness and unknown paths', async () => {
  await using server = await startScoringServer({ models, isHot: true });
  const get = async (path: string): Promise<Reply> => {
    const response = await fetch(server.url + path);
    return { status: response.status, json: await response.json() };
  };
  assert.deepEqual((await get('/v2/health/ready')).json, { ready: true });
  assert.equal(((await get('/v2')).json as { name: string }).name, 'slipway');
  assert.deepEqual(((await get('/v2/models/numbers')).json as { inputs: unknown }).inputs, [
    { name: 'features', datatype: 'FP32', shape: [-1, 3], parameters: { columns: '["miles","hour","wind"]' } },
  ]);
  assert.deepEqual(((await get('/v2/models/mixed')).json as { inputs: unknown }).inputs, [
    { name: 'miles', datatype: 'FP32', shape: [-1] },
    { name: 'carrier', datatype: 'BYTES', shape: [-1] },
    { name: 'wind', datatype: 'FP32', shape: [-1] },
  ]);
  assert.partialDeepStrictEqual((await get('/v2/models/featured')).json, {
    inputs: [
      { name: 'distance', datatype: 'INT64', shape: [-1] },
      { name: 'carrier', datatype: 'BYTES', shape: [-1] },
    ],
  });
  assert.equal((await get('/v2/models/numbers/ready')).status, 200);
  assert.equal((await get('/v2/models/empty/ready')).status, 409);
  assert.equal((await get('/v2/models/nowhere')).status, 404);
  assert.match(((await get('/v2/models/numbers/what')).json as { error: string }).error, /nothing at GET/);
});

test('a slow body does not hold other requests, and a caller that leaves harms nobody', async () => {
  await using server: ScoringServer = await startScoringServer({ models, isHot: true });
  const controller = new AbortController();
  const slow = fetch(`${server.url}/v2/models/numbers/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: new ReadableStream({ start: (stream) => stream.enqueue(Buffer.from('{"inputs"')) }),
    duplex: 'half',
    signal: controller.signal,
  } as RequestInit).catch(() => undefined);
  assert.deepEqual(scores(await post(`${server.url}/v2/models/numbers/infer`, wide([1, 2, 3]))), [111]);
  controller.abort();
  await slow;
  assert.deepEqual(scores(await post(`${server.url}/v2/models/numbers/infer`, wide([1, 2, 3]))), [111]);
  assert.equal(server.endpoint('numbers').log.count(), 2);
});
