/** What training saw of a version's inputs, read from the training set itself. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ModelVersion } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import { createAnalytics } from '../platform/analytics/analytics.ts';
import { createVersionInputs } from './version-inputs.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const missing = async (): Promise<never> => {
  throw new SlipwayError('not_found', { noun: 'thing', name: 'gone', remedy: 'It is gone.' });
};

const version = (change: Partial<ModelVersion>): ModelVersion => ({
  id: 'mdv_1',
  model: 'delay',
  number: 3,
  status: 'ready',
  files: [],
  flavor: 'onnx',
  lineage: { trainingSetDigest: digest },
  aliases: [],
  tags: {},
  stage: 'None',
  createdAt: 1,
  updatedAt: 1,
  createdBy: 'owner',
  ...change,
});

test('inputs of a version: the signature, the training set, the feature service; nothing guessed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-inputs-'));
  await using analytics = createAnalytics({ memoryLimit: '256MB', threads: 1, tempFolder: folder });
  try {
    const file = join(folder, 'training.parquet');
    await analytics.rows(
      `copy (select i::double as "temp", case when i < 25 then null when i < 50 then 'nan'::double else 1.5 end as gust,
        case when i < 90 then 'JFK' else 'EWR' end as origin, 'f' || i as id, to_timestamp(i) as seen_at, null::double as never,
        1 as target from range(100) t(i)) to '${file}' (format parquet)`,
    );
    let reads = 0;
    const inputsOf = createVersionInputs({
      analytics,
      objects: {
        find: async (asked: string) => (asked === digest ? { digest, sizeBytes: 1 } : undefined),
        path: async () => {
          reads++;
          return file;
        },
      },
      modules: {
        pipelines: { getRun: missing },
        features: { get: missing },
      },
    });
    const names = ['temp', 'gust', 'origin', 'id', 'seen_at', 'never', 'unheard'];
    const signature = {
      inputs: names.map((name) => (name === 'gust' ? { name, type: 'float', required: false } : { name })),
    };
    const found = await inputsOf(version({ signature }));
    assert.equal(found.rows, 100);
    assert.deepEqual(found.inputs, [
      { name: 'temp', type: 'double', seen: { missing: 0, min: 0, max: 99 } },
      { name: 'gust', type: 'float', isRequired: false, seen: { missing: 50, min: 1.5, max: 1.5 } },
      { name: 'origin', type: 'varchar', seen: { missing: 0, distinct: 2, values: ['JFK', 'EWR'] } },
      { ...found.inputs[3], name: 'id', type: 'varchar' },
      { name: 'seen_at', type: 'timestamp with time zone', seen: { missing: 0, min: 0, max: 99_000 } },
      { name: 'never', type: 'double', seen: { missing: 100 } },
      { name: 'unheard' },
    ]);
    assert.deepEqual([found.inputs[3]?.seen?.distinct, found.inputs[3]?.seen?.values?.length], [100, 4]);
    const readsOnce = reads;
    await inputsOf(version({ signature }));
    assert.equal(reads, readsOnce, 'figures of bytes under a digest are read once');

    const unknown = await inputsOf(version({ lineage: { trainingSetDigest: `sha256:${'b'.repeat(64)}` } }));
    assert.deepEqual(unknown, { model: 'delay', version: 3, inputs: [] });
  } finally {
    await rm(folder, { recursive: true });
  }
});
