/**
 * `examples/flights-python` as its README says: the script trains and registers through the MLflow client, the folder is
 * applied and a version deployed, and the endpoint scores as ONNX Runtime does, at every address.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Instance } from '@slipway/contract';
import { skipUnlessCi } from '../../../packages/server/src/platform/testing/missing.ts';
import type { TestServer } from '../../journeys/server.ts';
import { startTestServer } from '../../journeys/server.ts';
import { clientEnv, runProgram } from '../program.ts';
import { pythonEnv } from '../python-env.ts';
import { mlflowPackages } from './packages.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const examples = join(root, 'examples');
const slipway = join(root, 'packages', 'cli', 'bin', 'slipway.js');
const name = 'flight-delay-python';
/** Scores are float32; equal bits are usual, and this is the last digit of one. */
const scoreErrorMax = 1e-6;

interface Expected {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (number | null)[])[];
  readonly scores: Readonly<Record<string, readonly number[]>>;
}

async function succeed(...args: Parameters<typeof runProgram>): Promise<string> {
  const { code, output, errors } = await runProgram(...args);
  assert.equal(code, 0, `${args[1].join(' ')}: ${output.slice(-2000)}${errors}`);
  return output;
}

async function post(url: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
}

async function predictOne({ client }: TestServer, endpoint: string, instance: Instance): Promise<number | undefined> {
  const { predictions } = await client.endpoints.predict({ params: { endpoint }, body: { instances: [instance] } });
  return predictions[0]?.score;
}

const worst = (got: readonly number[], expected: readonly number[]): number =>
  Math.max(...expected.map((score, i) => Math.abs(score - (got[i] ?? Number.NaN))));

async function checkScores(
  server: TestServer,
  { columns, rows }: Expected,
  expected: readonly number[],
): Promise<void> {
  const instances = rows.map((row) => ({ inputs: Object.fromEntries(columns.map((column, i) => [column, row[i]])) }));
  const own = (await post(`${server.url}/api/endpoints/${name}/predict`, { instances })) as {
    readonly predictions: readonly { readonly score: number }[];
  };
  const mlflow = (await post(`${server.url}/endpoints/${name}/invocations`, {
    dataframe_split: { columns, data: rows },
  })) as { readonly predictions: readonly number[] };
  const tensor = { name: 'features', datatype: 'FP32', shape: [rows.length, columns.length], data: rows.flat() };
  const v2 = (await post(`${server.url}/v2/models/${name}/infer`, { inputs: [tensor] })) as {
    readonly outputs: readonly { readonly name: string; readonly data: readonly number[] }[];
  };
  const scores = {
    predict: own.predictions.map((prediction) => prediction.score),
    invocations: mlflow.predictions,
    infer: v2.outputs.find((output) => output.name === 'score')?.data ?? [],
  };
  for (const [way, got] of Object.entries(scores)) {
    assert.equal(got.length, expected.length, way);
    const error = worst(got, expected);
    assert.ok(error <= scoreErrorMax, `${way} differs from ONNX Runtime by ${error}`);
  }
  assert.ok(new Set(expected).size > 20, 'the rows have different scores');
}

test('the Python example trains, registers, is deployed, and scores as ONNX Runtime does', async (t) => {
  const env = await pythonEnv('mlflow', mlflowPackages);
  if (!env.ok) return skipUnlessCi(t, `The Python example did not run: ${env.problem}`);
  const server = await startTestServer();
  const cli = (...args: string[]): Promise<string> =>
    succeed(process.execPath, [slipway, ...args], { env: { SLIPWAY_URL: server.url } });
  const python = (...args: string[]): Promise<string> => succeed(env.python, args, { env: clientEnv(server.url) });
  const script = join(examples, 'flights-python', 'train.py');
  try {
    const kinds = ['trees', 'logistic'];
    for (const kind of kinds) {
      const output = await python(script, '--kind', kind, '--months', '1');
      const auc = Number(/auc (0\.\d+)/.exec(output)?.[1]);
      assert.ok(auc > 0.55 && auc < 0.8, `${kind}: auc ${auc}`);
    }
    const version = await server.client.models.getVersion({ params: { model: name, version: '2' } });
    assert.equal(version.flavor, 'onnx');
    assert.deepEqual(
      version.signature?.inputs?.map((input) => input['name']),
      ['dep_minute', 'dow', 'distance', 'sched_block'],
    );
    const run = await server.client.runs.get({ params: { run: version.runId ?? '' } });
    assert.equal(run.params['kind'], 'logistic');

    await cli('apply', '--project', join(examples, 'flights-python'));
    const expected = JSON.parse(await python(join(import.meta.dirname, 'onnx_scores.py'), name, '1', '2')) as Expected;
    for (const number of ['1', '2']) {
      await cli('endpoint', 'deploy', name, number);
      await checkScores(server, expected, expected.scores[number] ?? []);
    }

    // The same model on the endpoint of the flights project: its values come from the feature service.
    await cli('apply', '--project', join(examples, 'flights'));
    const again = await python(join(import.meta.dirname, 'register_again.py'), `models:/${name}/2`, 'flight-delay');
    assert.match(again, /^1 RESOURCE_CONFLICT$/m, 'without its gate it cannot become the champion');
    await cli('endpoint', 'deploy', 'flight-delay', '1');
    for (const dataset of ['flights', 'weather'])
      await cli('data', 'add', dataset, join(examples, 'flights', 'data', dataset, '2013-01.parquet'));
    const until = Date.parse('2013-02-01T00:00:00Z');
    await server.client.featureSets.backfill({ params: { set: 'flights' }, body: { until } });
    const own = { dep_minute: 17 * 60 + 45, dow: 5, distance: 733, sched_block: 150 };
    const flight = { origin: 'LGA', dest: 'ORD', carrier: 'UA', flight: 1, aircraft: 'N1', block: 150, miles: 733 };
    const inputs = { ...flight, sched_dep: Date.parse('2013-02-08T17:45:00-05:00') };
    const [one, other] = await Promise.all([
      predictOne(server, name, { inputs: own }),
      predictOne(server, 'flight-delay', { inputs, at: inputs.sched_dep - 2 * 3_600_000 }),
    ]);
    assert.equal(other, one);
  } finally {
    await server.stop();
  }
});
