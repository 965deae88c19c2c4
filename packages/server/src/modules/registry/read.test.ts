/** One version or model is read by key, without a reader; in a list it is read the same. */
import assert from 'node:assert/strict';
import { operation } from '../../platform/db/db.ts';
import type { Db } from '../../platform/db/db.ts';
import { dbTest, eachDatabase } from '../../platform/db/testing.ts';
import { trackingStore } from '../tracking/store.ts';
import { trackingBench } from '../tracking/testing.ts';
import { createRegistry } from './index.ts';
import { findVersionById, getModel, getVersion } from './read.ts';
import { registryStore } from './store.ts';
import type { RegistryTables } from './tables.ts';

const actor = 'owner';
const manyFiles = 150;

/** As a folder of many files has them. */
const addFiles = operation('test.add-files', async (trx, number: number): Promise<void> => {
  const tables = trx.tables<RegistryTables>();
  const { id } = await tables
    .selectFrom('registry_version')
    .select('id')
    .where('number', '=', number)
    .executeTakeFirstOrThrow();
  const rows = Array.from({ length: manyFiles }, (_, i) => ({
    version_id: Number(id),
    path: `part-${i}`,
    digest: `sha256:${'0'.repeat(64)}`,
    size_bytes: i,
  }));
  await tables.insertInto('registry_file').values(rows).execute();
});

eachDatabase((name, open) => {
  const options = { modules: [trackingStore, registryStore], operations: [addFiles] };
  dbTest(`${name}: one version is read without a reader, as a list reads it`, open, options, async (_t, { db }) => {
    const { tracking, objects, ids } = trackingBench(db);
    const registry = createRegistry({ db, ids, objects, tracking });
    const { digest } = await objects.put(Buffer.from('weights'));
    for (const tag of ['first', 'second', 'third']) {
      const files = { from: 'object', digest, fileName: 'm.onnx' } as const;
      await registry.createVersion({ model: 'm', files, lineage: {}, tags: { tag }, actor });
    }
    let scans = 0;
    const counted: Db = { ...db, scan: (query) => (scans++, db.scan(query)) };
    const { items } = await registry.searchVersions({ limit: 10 });
    assert.equal(items.length, 3);
    for (const listed of items) {
      assert.deepEqual(await getVersion(counted, 'm', String(listed.number)), listed);
      assert.deepEqual(await findVersionById(counted, listed.id), listed);
      assert.deepEqual(Object.keys(listed.tags), ['tag']);
    }
    assert.equal((await getModel(counted, 'm')).latestNumber, 3);
    assert.equal(scans, 0);
    await db.write(addFiles, 2);
    assert.equal((await getVersion(counted, 'm', '2')).files.length, manyFiles + 1);
    assert.equal(scans, 1, 'many files are read by a reader');
  });
});
