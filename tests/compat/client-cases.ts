/** A script of a foreign client as tests: it reports `PASS name` or `FAIL name "traceback"` for each of its cases (cases.py). */
import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import type { TestContext } from 'node:test';
import { skipUnlessCi } from '../../packages/server/src/platform/testing/missing.ts';
import type { TestServer } from '../journeys/server.ts';
import { clientEnv, runProgram } from './program.ts';
import { pythonEnv } from './python-env.ts';

export interface ClientSuite {
  /** In words that begin a sentence. */
  readonly what: string;
  /** Of the environment; suites of one name and one list share it. */
  readonly environment: string;
  readonly packages: readonly string[];
  readonly script: string;
  readonly caseCount: number;
  readonly start: () => Promise<TestServer>;
}

export async function runClientSuite(t: TestContext, suite: ClientSuite): Promise<void> {
  const env = await pythonEnv(suite.environment, suite.packages);
  if (!env.ok) return skipUnlessCi(t, `${suite.what} did not run: ${env.problem}`);
  const server = await suite.start();
  try {
    const { output, errors } = await runProgram(env.python, [suite.script], {
      env: { ...clientEnv(server.url), PYTHONPATH: dirname(import.meta.filename) },
    });
    const outcomes = new Map<string, string>();
    for (const line of output.split('\n')) {
      const [, verdict, name = '', detail = '""'] = /^(PASS|FAIL) (\w+) ?(.*)$/.exec(line) ?? [];
      if (verdict !== undefined) outcomes.set(name, verdict === 'PASS' ? '' : String(JSON.parse(detail)));
    }
    if (outcomes.size === 0) outcomes.set('the script starts', errors);
    for (const [name, problem] of outcomes) await t.test(name, () => assert.equal(problem, '', problem));
    assert.equal(outcomes.size, suite.caseCount, 'every case reports');
  } finally {
    await server.stop();
  }
}
