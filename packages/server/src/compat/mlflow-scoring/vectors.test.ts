/** What MLflow's own scoring server answered to the same bodies (tests/compat/mlflow-scoring/record.py wrote it down). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ModelSignature } from '@slipway/contract';
import { writeTreeEnsemble } from '@slipway/onnx';
import { stump, sumOfStumps as numbers } from '../test-models.ts';
import { z } from 'zod';
import { startScoringServer } from '../open-inference/testing.ts';

const Vectors = z.object({
  signatures: z.record(z.string(), ModelSignature),
  vectors: z.array(
    z.object({
      name: z.string(),
      model: z.string(),
      type: z.string(),
      body: z.string(),
      answer: z.object({
        status: z.int(),
        predictions: z.json().optional(),
        error_code: z.string().optional(),
        message: z.string().optional(),
      }),
    }),
  ),
});
const Answer = z.object({
  predictions: z.json().optional(),
  error_code: z.string().optional(),
  message: z.string().optional(),
});
const path = join(import.meta.dirname, '../../../../../tests/compat/mlflow-scoring/vectors.json');
const { signatures, vectors } = Vectors.parse(JSON.parse(readFileSync(path, 'utf8')));

/** Where we answer otherwise on purpose: the status, and why. */
const otherwise: Readonly<Record<string, { readonly status: number; readonly why: string }>> = {
  'a fraction for a long': { status: 400, why: 'MLflow cuts it' },
  'an integer beyond 32 bits': { status: 400, why: 'MLflow wraps it around' },
  'a missing flag': { status: 400, why: 'MLflow makes it false' },
  'two for a flag': { status: 400, why: 'MLflow makes it true' },
  'inputs, columns of one value': { status: 200, why: 'a tensor [n, 1] is a column; MLflow refuses it for a table' },
};

const mixed = writeTreeEnsemble(
  { ...numbers, featureNames: ['miles', 'carrier', 'wind'], trees: [stump(0, 500, 1, 2), stump(1, 0, 10, 20)] },
  { categories: { carrier: ['UA', 'B6'] } },
);

test('every body is answered as MLflow answers it', async () => {
  const models = Object.entries(signatures).map(([name, signature]) => ({
    endpoint: name,
    file: name === 'mixed' ? mixed : writeTreeEnsemble(numbers),
    signature,
  }));
  await using server = await startScoringServer({ models, isHot: true });
  for (const { name, model, type, body, answer } of vectors) {
    const log = server.endpoint(model).log;
    const before = log.count();
    const response = await fetch(`${server.url}/endpoints/${model}/invocations`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: Buffer.from(body),
    });
    const text = await response.text();
    const different = otherwise[name];
    assert.equal(response.status, different?.status ?? answer.status, `${name}: ${text}`);
    if (response.status !== 200) assert.equal(log.count(), before, `${name}: nothing is logged`);
    if (response.status === 415) continue;
    const json = Answer.parse(JSON.parse(text));
    if (different === undefined) assert.deepEqual(json.predictions, answer.predictions, name);
    if (response.status === 200) continue;
    assert.equal(json.error_code, answer.error_code ?? 'BAD_REQUEST', `${name}: ${text}`);
    assert.ok(json.message !== undefined && json.message.length > 20, name);
  }
  assert.ok(vectors.length > 90);
  const unused = Object.keys(otherwise).filter((name) => !vectors.some((v) => v.name === name));
  assert.deepEqual(unused, []);
});
