import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eachDatabase, openedTest } from '../../platform/db/testing.ts';
import { logisticModel, openServingBench } from './testing.ts';

const all = { traffic: [{ version: 1, percent: 100 }], reason: '' };
const rows = [{ id: 'C-1', at: 1000, inputs: { x0: 1 } }];

/** What the server's own events wake comes a little later. */
async function eventually(isTrue: () => boolean): Promise<void> {
  for (let turn = 0; !isTrue(); turn++) {
    assert(turn < 400, 'it did not come about');
    await sleep(25);
  }
}

eachDatabase((database, open) => {
  const name = `${database}: a simulation that is taken out of use leaves nothing, and its name is free; an endpoint stays readable`;
  openedTest(
    name,
    () => openServingBench({ models: [logisticModel([1])], open }),
    async (bench) => {
      await bench.declare('e');
      await bench.declare('e-simulation', { simulationOf: 'e' });
      const serving = await bench.start();
      for (const name of ['e', 'e-simulation']) {
        await serving.deploy(name, all, 'owner');
        serving.predict(name, rows);
        const label = { instanceId: 'C-1', value: 1, at: 2000 };
        assert.equal((await serving.label(name, [label], { actor: 'owner', watermark: 2000 })).joined.length, 1);
      }
      await bench.retire('e');
      await bench.retire('e-simulation');
      await eventually(() => !existsSync(join(bench.folder, 'e-simulation')));
      assert(existsSync(join(bench.folder, 'e')));
      assert.notEqual((await serving.get('e')).retiredAt, undefined);
      await assert.rejects(serving.get('e-simulation'), { code: 'not_found' });
      assert.throws(() => serving.predict('e-simulation', rows), { code: 'not_found' });

      await bench.declare('e-simulation', { simulationOf: 'e' });
      await eventually(() => {
        try {
          return serving.predict('e-simulation', rows) === undefined;
        } catch (error) {
          return error instanceof Error && 'code' in error && error.code === 'endpoint_not_deployed';
        }
      });
      const again = await serving.deploy('e-simulation', all, 'owner');
      assert.equal(again.number, 1);
      const { labelCount, labelWatermarkAt } = await serving.get('e-simulation');
      assert.deepEqual([labelCount, labelWatermarkAt], [0, undefined]);
    },
  );
});
