/** The unmodified MLflow client, from the package index, against a real server. */
import { join } from 'node:path';
import { test } from 'node:test';
import { startTestServer } from '../../journeys/server.ts';
import { runClientSuite } from '../client-cases.ts';
import { mlflowPackages } from './packages.ts';

for (const [script, caseCount] of [
  ['tracking_client.py', 10],
  ['models_client.py', 7],
] as const) {
  test(`mlflow client: ${script}`, (t) =>
    runClientSuite(t, {
      what: 'The mlflow client suite',
      environment: 'mlflow',
      packages: mlflowPackages,
      script: join(import.meta.dirname, script),
      caseCount,
      start: startTestServer,
    }));
}
