/** The unmodified tritonclient, from the package index, against a real endpoint. */
import { join } from 'node:path';
import { test } from 'node:test';
import { runClientSuite } from '../client-cases.ts';
import { startScoredModels } from '../scored-models.ts';
import { tritonPackages } from './packages.ts';

test('tritonclient over HTTP', (t) =>
  runClientSuite(t, {
    what: 'The tritonclient suite',
    environment: 'triton',
    packages: tritonPackages,
    script: join(import.meta.dirname, 'triton_client.py'),
    caseCount: 7,
    start: startScoredModels,
  }));
