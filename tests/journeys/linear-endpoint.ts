/** A project with one model of one input and an endpoint that serves it: score = 1 / (1 + exp(-slope x)). */
import { createHash } from 'node:crypto';
import { writeLinearModel } from '@slipway/onnx';
import type { Client } from 'slipway';

export const endpointName = 'sure';
export const modelName = 'sure';

export function linearModel(slope: number): Buffer {
  const one = Float64Array.of(1);
  const zero = Float64Array.of(0);
  const bytes = writeLinearModel({
    kind: 'linear',
    featureNames: ['x'],
    coefficients: Float64Array.of(slope),
    intercept: 0,
    link: 'logistic',
    imputed: zero,
    mean: zero,
    scale: one,
    classLabels: [0, 1],
  });
  return Buffer.from(bytes);
}

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Stores the bytes and registers them; returns the version's number. */
export async function registerModel(client: Client, bytes: Buffer): Promise<number> {
  const digest = digestOf(bytes);
  await client.objects.put({ params: { digest }, body: bytes });
  return (await client.models.createVersion({ params: { model: modelName }, body: { digest } })).number;
}

export async function declareEndpoint(client: Client): Promise<void> {
  const resources = [
    { kind: 'model', name: modelName, spec: {} },
    { kind: 'endpoint', name: endpointName, spec: { model: modelName } },
  ];
  await client.projects.apply({ params: { project: 'serving' }, body: { resources, bundle: [] } });
}

export async function deploy(client: Client, version: number): Promise<void> {
  await client.endpoints.deploy({ params: { endpoint: endpointName }, body: { traffic: [{ version, percent: 100 }] } });
}

export async function predict(client: Client, x: number): Promise<{ readonly id: string; readonly score: number }> {
  const body = { instances: [{ inputs: { x } }] };
  const { predictions } = await client.endpoints.predict({ params: { endpoint: endpointName }, body });
  const [only] = predictions;
  if (only === undefined) throw new Error('no prediction came back');
  return only;
}
