/** The unmodified MLflow client, from the package index, against a real server. */
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestServer } from '../../journeys/server.ts';
import { startTestServer } from '../../journeys/server.ts';
import { runClientSuite } from '../client-cases.ts';
import { mlflowPackages } from './packages.ts';

/** With a model whose champion moves only with an approval. */
async function startGuarded(): Promise<TestServer> {
  const server = await startTestServer();
  const spec = { aliases: { champion: { approval: {} } } };
  const resources = [{ kind: 'model', name: 'guarded', spec }];
  await server.client.projects.apply({ params: { project: 'guard' }, body: { resources, bundle: [] } });
  return server;
}

for (const [script, caseCount, start] of [
  ['tracking_client.py', 10, startTestServer],
  ['models_client.py', 7, startTestServer],
  ['approvals_client.py', 2, startGuarded],
] as const) {
  test(`mlflow client: ${script}`, (t) =>
    runClientSuite(t, {
      what: 'The mlflow client suite',
      environment: 'mlflow',
      packages: mlflowPackages,
      script: join(import.meta.dirname, script),
      caseCount,
      start,
    }));
}
