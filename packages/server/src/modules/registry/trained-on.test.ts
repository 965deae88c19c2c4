/** Which versions were trained on a dataset version: noted with the version, and found in the versions of before. */
import assert from 'node:assert/strict';
import type { Lineage } from '@slipway/contract';
import { dbTest, eachDatabase, fillAgain } from '../../platform/db/testing.ts';
import { trackingStore } from '../tracking/store.ts';
import { trackingBench } from '../tracking/testing.ts';
import { createRegistry } from './index.ts';
import { registryStore } from './store.ts';

const actor = 'owner';

const again = fillAgain(registryStore, '0003-version-dataset', 'registry_version_dataset');

const digest = (c: string): string => `sha256:${c.repeat(64)}`;
const version = (dataset: string, number: number, c = 'a') => ({ dataset, number, digest: digest(c) });

const lineages: Readonly<Record<string, Lineage>> = {
  plain: { datasetVersions: [version('flights', 1), version('flights', 2, 'b'), version('flights', 1)] },
  'same-bytes': { datasetVersions: [version('flights', 12)] },
  'other-dataset': {
    datasetVersions: [version('flights.2024', 1), version('my-flights', 1), version('flightsX2024', 1)],
  },
  'digest-elsewhere': { codeDigest: digest('a'), commit: '"flights"', datasetVersions: [] },
  hostile: {
    datasetVersions: [
      { dataset: '%', number: 1, digest: '%' },
      { dataset: 'flights\u0000', number: 1, digest: digest('a') },
      { dataset: 'flights","number":1', number: 1, digest: digest('a') },
      { dataset: 'f'.repeat(20_000), number: 1, digest: 'a'.repeat(20_000) },
      version('weather', 1),
    ],
  },
  nothing: {},
};

eachDatabase((name, open) => {
  const options = { modules: [trackingStore, registryStore], operations: [again] };
  dbTest(`${name}: a version is found by exactly what it was trained on`, open, options, async (_t, { db }) => {
    const { tracking, objects, ids } = trackingBench(db);
    const registry = createRegistry({ db, ids, objects, tracking });
    const { digest: model } = await objects.put(Buffer.from('weights'));
    const add = (of: string, lineage: Lineage) =>
      registry.createVersion({
        model: of,
        files: { from: 'object', digest: model, fileName: 'm.onnx' },
        lineage,
        actor,
      });
    for (const [of, lineage] of Object.entries(lineages)) await add(of, lineage);
    const found = async (data: ReturnType<typeof version>, limit = 10): Promise<string[]> =>
      (await registry.versionsTrainedOn(data, limit)).map((v) => `${v.model}/${v.number}`);
    const check = async (): Promise<void> => {
      assert.deepEqual(await found(version('flights', 1)), ['plain/1']);
      assert.deepEqual(await found(version('flights', 12)), ['same-bytes/1']);
      assert.deepEqual(await found(version('flights.2024', 1)), ['other-dataset/1']);
      assert.deepEqual(await found(version('flights', 2)), [], 'the number of other bytes');
      assert.deepEqual(await found({ ...version('flights', 1), digest: digest('a').slice(0, -1) }), []);
      assert.deepEqual(await found({ dataset: '%', number: 1, digest: '%' }), []);
      assert.deepEqual(await found({ ...version('flights', 1), digest: `sha256:${'_'.repeat(64)}` }), []);
    };
    await check();
    assert.deepEqual(await found(version('weather', 1)), ['hostile/1']);
    await db.write(again, undefined);
    await check();

    await add('plain', lineages['plain'] ?? {});
    await add('same-bytes', lineages['same-bytes'] ?? {});
    assert.deepEqual(await found(version('flights', 1)), ['plain/2', 'plain/1'], 'newest first');
    assert.deepEqual(await found(version('flights', 1), 1), ['plain/2']);
    await registry.deleteVersion('plain', 2, actor);
    assert.deepEqual(await found(version('flights', 1)), ['plain/1']);
    await db.write(again, undefined);
    assert.deepEqual(await found(version('flights', 1)), ['plain/1'], 'a deleted version is not noted again');
    await registry.deleteModel('same-bytes', actor);
    await add('later', {});
    assert.deepEqual(await found(version('flights', 12)), [], 'the row of a deleted version may be taken by another');
  });
});
