/** `examples/flights-python/train.py` as its README says, and its model read back by what serves models here. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { planModel, readModel } from '@slipway/onnx';
import { startTestServer } from '../../journeys/server.ts';
import { pythonEnv } from '../python-env.ts';
import { mlflowPackages } from './packages.ts';

const script = join(import.meta.dirname, '..', '..', '..', 'examples', 'flights-python', 'train.py');

test('the Python example trains, logs and registers an ONNX model that can be served', async (t) => {
  const env = await pythonEnv('mlflow', mlflowPackages);
  if (!env.ok) {
    if (process.env['CI'] === 'true') assert.fail(`The Python example did not run: ${env.problem}`);
    t.skip(`The Python example did not run: ${env.problem}`);
    return;
  }
  const server = await startTestServer();
  try {
    const child = spawn(env.python, [script, '--kind', 'logistic', '--months', '1'], {
      env: { ...process.env, MLFLOW_TRACKING_URI: server.url, MLFLOW_DISABLE_TELEMETRY: 'true' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const code = await new Promise((resolve) => child.on('close', resolve));
    assert.equal(code, 0, output.slice(-3000));
    const auc = Number(/auc (0\.\d+)/.exec(output)?.[1]);
    assert.ok(auc > 0.55 && auc < 0.8, `auc ${auc}`);

    const version = (await (await fetch(`${server.url}/api/models/flight-delay/versions/1`)).json()) as {
      readonly flavor: string;
      readonly runId: string;
      readonly signature: { readonly inputs: readonly { readonly name: string }[] };
      readonly onnx: { readonly path: string };
    };
    assert.equal(version.flavor, 'onnx');
    assert.deepEqual(
      version.signature.inputs.map((input) => input.name),
      ['dep_minute', 'dow', 'distance', 'sched_block'],
    );
    const run = (await (await fetch(`${server.url}/api/runs/${version.runId}`)).json()) as {
      readonly params: Readonly<Record<string, string>>;
    };
    assert.equal(run.params['kind'], 'logistic');
    const bytes = await (
      await fetch(`${server.url}/api/models/flight-delay/versions/1/files/${version.onnx.path}`)
    ).bytes();
    const plan = planModel(readModel(bytes), { capacityRows: 1 });
    assert.ok(!('unsupported' in plan));
  } finally {
    await server.stop();
  }
});
