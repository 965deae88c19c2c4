/** Which runs read a dataset version: noted when a run begins, and found in the runs of before. */
import assert from 'node:assert/strict';
import type { PinnedDataset } from '@slipway/contract';
import { operation } from '../../platform/db/db.ts';
import { dbTest, eachDatabase, fillAgain } from '../../platform/db/testing.ts';
import { jobsStore } from '../../platform/jobs/store.ts';
import type { PipelinesTables } from './rows.ts';
import { startRun } from './run-writes.ts';
import { pipelinesStore } from './store.ts';

const version = (number: number, id: string | undefined): PinnedDataset => ({
  ref: `flights@${number}`,
  dataset: 'flights',
  number,
  digest: `sha256:${String(number).repeat(64)}`,
  ...(id === undefined ? {} : { id }),
});

const addGraph = operation('tests.add-graph', async (trx) => {
  await trx.tables<PipelinesTables>().insertInto('pipelines_graph').values({ digest: 'g', body: '{}' }).execute();
});

const again = fillAgain(pipelinesStore, '0004-run-dataset', 'pipelines_run_dataset');

eachDatabase((name, open) => {
  dbTest(
    `${name}: a run is found by each dataset version that it reads, once`,
    open,
    { modules: [jobsStore, pipelinesStore], operations: [addGraph, again] },
    async (_t, { db }) => {
      const start = (id: string, datasets: readonly PinnedDataset[]): Promise<unknown> =>
        db.write(startRun, {
          id,
          pipeline: 'p',
          graphDigest: 'g',
          bundle: 'b',
          file: 'pipeline.ts',
          commit: undefined,
          params: {},
          datasets,
          useCache: true,
          reason: undefined,
          rerunOf: undefined,
          idempotencyKey: undefined,
          timeLimitMs: 60_000,
          steps: [{ step: 's', position: 0, blockers: 1, isForced: false, isInline: false, kept: undefined }],
          edges: [],
          actor: 'owner',
        });
      await db.write(addGraph, undefined);
      await start('plr_a', [version(1, 'dsv_1'), version(2, 'dsv_2'), { ...version(1, 'dsv_1'), ref: 'flights' }]);
      await start('plr_b', [version(1, 'dsv_1'), version(3, undefined)]);
      await start('plr_c', []);
      const found = () =>
        db
          .read<PipelinesTables>()
          .selectFrom('pipelines_run_dataset')
          .select(['version_id', 'run'])
          .orderBy('version_id')
          .orderBy('run')
          .execute();
      const noted = [
        { version_id: 'dsv_1', run: 'plr_a' },
        { version_id: 'dsv_1', run: 'plr_b' },
        { version_id: 'dsv_2', run: 'plr_a' },
      ];
      assert.deepEqual(await found(), noted);
      await db.write(again, undefined);
      assert.deepEqual(await found(), noted);
    },
  );
});
