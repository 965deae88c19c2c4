/**
 * A server with two endpoints for clients of scoring protocols, made through the public API. Both add 1 up to 500 miles (or
 * where they are missing) and 2 above; `numbers` adds 10 or 20 by the hour (up to 12) and 100 or 200 by the wind (up to 8.5),
 * `mixed` adds 10, or 20 for the carrier B6.
 */
import { createHash } from 'node:crypto';
import { writeTreeEnsemble } from '@slipway/onnx';
import { stump, sumOfStumps as numbers } from '../../packages/server/src/compat/test-models.ts';
import type { TestServer } from '../journeys/server.ts';
import { startTestServer } from '../journeys/server.ts';

const models = [
  {
    name: 'numbers',
    file: writeTreeEnsemble(numbers),
    inputs: [
      { name: 'miles', type: 'long', required: true },
      { name: 'hour', type: 'integer', required: true },
      { name: 'wind', type: 'double', required: false },
    ],
  },
  {
    name: 'mixed',
    file: writeTreeEnsemble(
      { ...numbers, featureNames: ['miles', 'carrier', 'wind'], trees: [stump(0, 500, 1, 2), stump(1, 0, 10, 20)] },
      { categories: { carrier: ['UA', 'B6'] } },
    ),
    inputs: [
      { name: 'miles', type: 'double', required: true },
      { name: 'carrier', type: 'string', required: true },
      { name: 'wind', type: 'double', required: true },
    ],
  },
];

export async function startScoredModels(): Promise<TestServer> {
  const server = await startTestServer();
  const { client } = server;
  for (const { name, file, inputs } of models) {
    const digest = `sha256:${createHash('sha256').update(file).digest('hex')}`;
    await client.objects.put({ params: { digest }, body: file });
    await client.models.createVersion({ params: { model: name }, body: { digest, signature: { inputs } } });
  }
  const resources = models.map(({ name }) => ({ kind: 'endpoint', name, spec: { model: name } }));
  await client.projects.apply({ params: { project: 'scored' }, body: { resources, bundle: [] } });
  for (const { name } of models)
    await client.endpoints.deploy({
      params: { endpoint: name },
      body: { traffic: [{ version: 1, percent: 100 }], reason: '' },
    });
  return server;
}
