/** MLflow's own clients of a scoring server, and plain requests with what pandas writes, against a real endpoint. */
import { join } from 'node:path';
import { test } from 'node:test';
import { runClientSuite } from '../client-cases.ts';
import { mlflowPackages } from '../mlflow/packages.ts';
import { startScoredModels } from '../scored-models.ts';

test('mlflow scoring clients', (t) =>
  runClientSuite(t, {
    what: 'The suite of MLflow scoring clients',
    environment: 'mlflow',
    packages: mlflowPackages,
    script: join(import.meta.dirname, 'scoring_client.py'),
    caseCount: 5,
    start: startScoredModels,
  }));
