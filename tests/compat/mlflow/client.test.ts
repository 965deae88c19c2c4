/** The unmodified MLflow client, from the package index, against a real server. */
import { join } from 'node:path';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { startTestServer } from '../../journeys/server.ts';
import { clientEnv, runProgram } from '../program.ts';
import { pythonEnv } from '../python-env.ts';
import { mlflowPackages } from './packages.ts';

/** Runs one script; resolves to the outcome of each case that it reported. */
async function runCases(python: string, script: string, url: string): Promise<Map<string, string>> {
  const { output, errors } = await runProgram(python, [join(import.meta.dirname, script)], { env: clientEnv(url) });
  const outcomes = new Map<string, string>();
  for (const line of output.split('\n')) {
    const [, verdict, name = '', detail = '""'] = /^(PASS|FAIL) (\w+) ?(.*)$/.exec(line) ?? [];
    if (verdict !== undefined) outcomes.set(name, verdict === 'PASS' ? '' : String(JSON.parse(detail)));
  }
  if (outcomes.size === 0) outcomes.set('the script starts', errors);
  return outcomes;
}

for (const [script, count] of [
  ['tracking_client.py', 10],
  ['models_client.py', 7],
] as const) {
  test(`mlflow client: ${script}`, async (t) => {
    const env = await pythonEnv('mlflow', mlflowPackages);
    if (!env.ok) {
      if (process.env['CI'] === 'true') assert.fail(`The mlflow client suite did not run: ${env.problem}`);
      t.skip(`The mlflow client suite did not run: ${env.problem}`);
      return;
    }
    const server = await startTestServer();
    try {
      const outcomes = await runCases(env.python, script, server.url);
      for (const [name, problem] of outcomes) {
        await t.test(name, () => assert.equal(problem, '', problem));
      }
      assert.equal(outcomes.size, count, 'every case reports');
    } finally {
      await server.stop();
    }
  });
}
