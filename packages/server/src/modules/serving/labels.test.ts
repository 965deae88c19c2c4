import assert from 'node:assert/strict';
import fc from 'fast-check';
import { eachDatabase, openedTest } from '../../platform/db/testing.ts';
import type { OpenTestDb } from '../../platform/db/testing.ts';
import type { NewLabel } from './label-store.ts';
import type { ServingBench } from './testing.ts';
import { logisticModel, openServingBench } from './testing.ts';

const options = { watermark: undefined, actor: 'owner' };

async function openBench(open: OpenTestDb): Promise<ServingBench> {
  const bench = await openServingBench({ models: [logisticModel([1])], open });
  await bench.declare('e');
  await bench.declare('f');
  return bench;
}

eachDatabase((database, open) => {
  const benchTest = (name: string, run: (bench: ServingBench) => Promise<void>): void =>
    openedTest(`${database}: ${name}`, () => openBench(open), run);

  benchTest('a request of labels does what its labels would do one by one', async (bench) => {
    const serving = await bench.start();
    await serving.deploy('e', { traffic: [{ version: 1, percent: 100 }], reason: '' }, 'owner');
    const rows = Array.from({ length: 13 }, (_, n) => ({ at: n, inputs: { x0: n } }));
    const ids = serving.predict('e', rows).map(({ id }) => id);
    // Of no prediction at all, and of another endpoint.
    await serving.deploy('f', { traffic: [{ version: 1, percent: 100 }], reason: '' }, 'owner');
    const strange = ['prd_1', 'C-17', serving.predict('f', rows)[0]?.id ?? ''];
    const known = new Map<string, number>();
    let watermark = -1;
    const label = fc
      .tuple(fc.constantFrom(...ids, ...strange), fc.constantFrom(0, 1), fc.nat(1000))
      .map(([predictionId, value, at]): NewLabel => ({ predictionId, value, at }));
    const request = fc.record({ labels: fc.array(label, { maxLength: 12 }), mark: fc.option(fc.nat(1000)) });
    const property = fc.asyncProperty(request, async ({ labels, mark }) => {
      const joined: NewLabel[] = [];
      let corrected = 0;
      const unknownIds: string[] = [];
      for (const one of labels) {
        if (strange.includes(one.predictionId)) {
          unknownIds.push(one.predictionId);
          continue;
        }
        const before = known.get(one.predictionId);
        known.set(one.predictionId, one.value);
        if (before === undefined) joined.push(one);
        else if (before !== one.value) corrected++;
      }
      watermark = Math.max(watermark, mark ?? -1);
      const planned = await serving.label('e', labels, {
        watermark: mark ?? undefined,
        actor: 'owner',
        isDryRun: true,
      });
      const answer = await serving.label('e', labels, { watermark: mark ?? undefined, actor: 'owner' });
      const unknown = unknownIds.length;
      const repeated = labels.length - unknown - joined.length - corrected;
      const told = { joined, corrected, repeated, unknown, unknownIds: unknownIds.slice(0, 10), several: 0 };
      assert.deepEqual({ ...planned, watermark: undefined }, { ...told, watermark: undefined });
      assert.deepEqual(answer, { ...told, watermark: watermark < 0 ? undefined : watermark });
      const endpoint = await serving.get('e');
      assert.equal(endpoint.labelCount, known.size);
      assert.equal(endpoint.labelWatermarkAt, watermark < 0 ? undefined : watermark);
    });
    await fc.assert(property, { numRuns: 40 });
    assert.equal((await serving.get('f')).labelCount, 0);
  });

  benchTest('labels come back with their predictions, read by range or by id', async (bench) => {
    const serving = await bench.start();
    for (const name of ['e', 'f']) {
      await serving.deploy(name, { traffic: [{ version: 1, percent: 100 }], reason: '' }, 'owner');
    }
    const labels: NewLabel[] = [];
    // Event time runs in four interleaved rounds, so that one range of it lies all over the log.
    for (let i = 0; i < 1200; i++) {
      const at = (i % 4) * 1000 + Math.floor(i / 4);
      const [prediction] = serving.predict('e', [{ at, inputs: { x0: i } }]);
      serving.predict('f', [{ at, inputs: { x0: i } }]);
      if (i % 3 !== 0) labels.push({ predictionId: prediction?.id ?? '', value: i % 2, at });
      if (i % 7 === 0) bench.clock.advance(1);
    }
    assert.equal((await serving.label('e', labels, options)).joined.length, 800);
    for (const [from, to] of [
      [0, 5000],
      [2000, 3000],
      [1000, 1020],
    ] as const) {
      const all = await serving.readLabelled('e', { from, to, rowsMax: 10_000, features: true });
      const count = Math.min(to - from, 300) * (to > 4000 ? 4 : 1);
      assert.deepEqual([all.total, all.at.length], [count, count]);
      const [x0] = all.features;
      assert.equal(x0?.name, 'x0');
      all.label.forEach((label, row) => {
        const i = x0?.values[row] ?? -1;
        assert.ok(Object.is(label, i % 3 === 0 ? Number.NaN : i % 2), `${i}: ${label}`);
        assert.equal(all.at[row], (i % 4) * 1000 + Math.floor(i / 4));
      });
      for (const rowsMax of [1, 7, count - 1, count]) {
        const sample = await serving.readLabelled('e', { from, to, rowsMax, features: true });
        const stride = Math.ceil(count / rowsMax);
        const isKept = (_: number, i: number): boolean => i % stride === 0;
        assert.equal(sample.total, count);
        assert.deepEqual(sample.at, all.at.filter(isKept));
        assert.deepEqual(sample.label, all.label.filter(isKept));
        assert.deepEqual(sample.features[0]?.values, x0?.values.filter(isKept));
      }
    }
    const others = await serving.readLabelled('f', { from: 0, to: 5000, rowsMax: 10_000, features: false });
    assert.ok(others.label.length === 1200 && others.label.every((label) => Number.isNaN(label)));
    assert.deepEqual([others.features, others.texts], [[], []]);
  });

  benchTest('the mark of a range moves with its predictions and its labels, and with nothing else', async (bench) => {
    const serving = await bench.start();
    for (const name of ['e', 'f']) {
      await serving.deploy(name, { traffic: [{ version: 1, percent: 100 }], reason: '' }, 'owner');
    }
    const range = { from: 100, to: 200 };
    const predict = (endpoint: string, at: number): string =>
      serving.predict(endpoint, [{ at, inputs: { x0: 1 } }])[0]?.id ?? '';
    const marks = [await serving.markLabelled('e', range)];
    const moved = async (): Promise<boolean> => {
      marks.push(await serving.markLabelled('e', range));
      return marks.at(-1) !== marks.at(-2);
    };
    const label = (predictionId: string, value: number) =>
      serving.label('e', [{ predictionId, value, at: 1 }], options);
    const inside = predict('e', 150);
    assert.ok(await moved(), 'a prediction of the range');
    predict('f', 150);
    assert.ok(!(await moved()), 'a prediction of another endpoint');
    await label(inside, 0);
    assert.ok(await moved(), 'a label of 0');
    await label(inside, 0);
    assert.ok(!(await moved()), 'the same label again');
    bench.clock.advance(1);
    await label(inside, 1);
    assert.ok(await moved(), 'a correction');
    bench.clock.advance(1);
    await label(inside, 0);
    assert.ok(await moved(), 'back to the first value');
    assert.equal(new Set(marks).size, 5);
  });
});
