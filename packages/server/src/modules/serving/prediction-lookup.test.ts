import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { createSystemClock } from '../../platform/clock.ts';
import { testLog } from '../../platform/db/testing.ts';
import { createIds } from '../../platform/ids.ts';
import type { LogRecord } from './log-record.ts';
import type { PredictionLog } from './prediction-log.ts';
import { openLookup, openPredictionLog } from './prediction-log.ts';
import type { NamedPrediction, PredictionLookup } from './prediction-lookup.ts';
import { logisticModel, openServingBench } from './testing.ts';

const folders: string[] = [];
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

const clock = createSystemClock();
const ids = createIds(clock);
const open = (folder: string): PredictionLog => openPredictionLog({ folder, endpoint: 'e', clock, log: testLog() });
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-lookup-'));
  folders.push(folder);
  return folder;
};

const newRecord = (instanceId: string | undefined, at: number): LogRecord => ({
  id: ids.next('prediction'),
  servedAt: at,
  at,
  deployment: 1,
  version: 1,
  shadowVersion: 0,
  isCanary: false,
  fault: 'none',
  latencyUs: 1,
  score: 0.5,
  shadowScore: Number.NaN,
  features: Float64Array.of(at),
  // Long, so that a span has few records.
  inputs: at % 3 === 0 ? `{"x":"${'z'.repeat(30_000)}"}` : undefined,
  instanceId,
});

async function eachOf(lookup: PredictionLookup, names: readonly string[]): Promise<Map<string, NamedPrediction[]>> {
  const found = new Map<string, NamedPrediction[]>();
  await lookup.eachOf(names, (name, prediction) => found.set(name, [...(found.get(name) ?? []), prediction]));
  return found;
}

const names = ['a', 'b', 'Küche 🛫', '7', '07'];
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.array(fc.constantFrom(undefined, ...names), { minLength: 1, maxLength: 5 }) },
    { weight: 2, arbitrary: fc.constant('look' as const) },
    { weight: 1, arbitrary: fc.constantFrom('roll' as const, 'reopen' as const, 'lose' as const, 'damage' as const) },
  ),
  { maxLength: 30 },
);

test('ids of callers are found as in a list of all records, while the log grows, rolls, closes and loses its indexes', async () => {
  const property = fc.asyncProperty(steps, async (plan) => {
    const folder = newFolder();
    let log = open(folder);
    let features = 0;
    log.useFeatures(['f0']);
    const written: LogRecord[] = [];
    const look = async (): Promise<void> => {
      const known = await log.lookup.known([...written.map(({ id }) => id), ids.next('prediction'), 'prd_1', 'C-17']);
      assert.deepEqual([...known].sort(), written.map(({ id }) => id).sort());
      const found = await eachOf(log.lookup, [...names, 'nobody', 'a']);
      for (const name of names) {
        const wanted = written.filter(({ instanceId }) => instanceId === name).map(({ id, at }) => ({ id, at }));
        assert.deepEqual(found.get(name) ?? [], wanted, name);
      }
      assert.equal(found.get('nobody'), undefined);
    };
    for (const step of plan) {
      const files = readdirSync(folder).filter((name) => name.endsWith('.ids'));
      if (typeof step !== 'string') {
        const records = step.map((name, i) => newRecord(name, written.length + i));
        log.append(records);
        written.push(...records);
      } else if (step === 'look') await look();
      else if (step === 'roll') log.useFeatures([`f${++features}`]);
      else if (step === 'reopen') {
        log.close();
        log = open(folder);
      } else if (step === 'lose') for (const file of files) rmSync(join(folder, file), { force: true });
      else {
        log.close();
        for (const file of files) writeFileSync(join(folder, file), readFileSync(join(folder, file)).fill(7, 30, 34));
        log = open(folder);
      }
    }
    await look();
    log.close();
    const closed = await eachOf(openLookup(folder, testLog()), ['a']);
    assert.equal(closed.get('a')?.length ?? 0, written.filter(({ instanceId }) => instanceId === 'a').length);
  });
  await fc.assert(property, { numRuns: 60 });
});

test('an id among many is found by reading the spans that have it, and a rolled segment keeps its index', async () => {
  const folder = newFolder();
  const log = open(folder);
  log.useFeatures(['f']);
  const count = 30_000;
  for (let i = 0; i < count; i += 100) {
    log.append(Array.from({ length: 100 }, (_, k) => ({ ...newRecord(`C-${i + k}`, i + k), inputs: undefined })));
  }
  const isShort = async (lookup: PredictionLookup): Promise<void> => {
    for (const at of [0, 12_345, count - 1]) {
      const spans = await lookup.spansOf(`C-${at}`);
      assert.equal(spans.size, 1);
      assert.equal((await eachOf(lookup, [`C-${at}`])).get(`C-${at}`)?.[0]?.at, at);
    }
    const all = await eachOf(
      lookup,
      Array.from({ length: 200 }, (_, i) => `C-${i * 149}`),
    );
    assert.equal(all.size, 200);
  };
  await isShort(log.lookup);
  log.useFeatures(['other']);
  await isShort(log.lookup);
  const [segment] = log.segments();
  assert(segment !== undefined);
  await log.lookup.keep(segment);
  assert(existsSync(`${segment.file}.ids`));
  log.close();
  const again = open(folder);
  await isShort(again.lookup);
  again.close();
});

const name = 'e';
const owner = { actor: 'owner' } as const;

test('labels by the id of a caller: the newest prediction up to the outcome, or all; none is unknown', async () => {
  await using bench = await openServingBench({ models: [logisticModel([1])] });
  await bench.declare(name);
  const serving = await bench.start();
  await serving.deploy(name, { traffic: [{ version: 1, percent: 100 }], reason: '' }, 'owner');
  const inputs = { x0: 1 };
  // Out of order in event time, so the newest is not the last one.
  const rows = [30, 10, 20].map((at) => ({ id: 'C-1', at, inputs }));
  const [at30, at10, at20] = serving.predict(name, [...rows, { id: 'C-2', at: 10, inputs }, { at: 10, inputs }]);

  const label = { instanceId: 'C-1', value: 1 };
  const first = await serving.label(name, [{ ...label, at: 25 }], owner);
  assert.deepEqual(
    first.joined.map(({ predictionId }) => predictionId),
    [at20?.id],
  );
  assert.equal(first.several, 1);
  const none = [
    { ...label, at: 9 },
    { instanceId: 'C-3', value: 0, at: 99 },
    { instanceId: at10?.id, value: 0, at: 99 },
  ];
  const unknown = await serving.label(name, none, owner);
  assert.deepEqual(unknown.unknownIds, ['C-1', 'C-3', at10?.id]);
  assert.equal(unknown.unknown, 3);
  assert.equal(unknown.joined.length, 0);
  const rest = [
    { ...label, at: 99 },
    { instanceId: 'C-2', value: 0, at: 99 },
  ];
  const all = await serving.label(name, rest, { ...owner, which: 'all' });
  assert.equal(all.joined.length, 3);
  assert.equal(all.repeated, 1);
  assert.equal((await serving.get(name)).labelCount, 4);

  const found = { clock: 'event', order: 'oldest', from: 0, to: 99, limit: 10 } as const;
  const page = await serving.predictions(name, { ...found, filter: { instanceId: 'C-1' } });
  assert.deepEqual(
    page.items.map(({ id, instanceId, label: known }) => [id, instanceId, known?.value]),
    [at10?.id, at20?.id, at30?.id].map((id) => [id, 'C-1', 1]),
  );
  assert.equal((await serving.seenInputs(name)).withId, 4);

  await serving.stop();
  bench.loseModels(true);
  const later = await bench.start();
  const late = [
    { instanceId: 'C-2', value: 1, at: 99 },
    { instanceId: 'C-9', value: 1, at: 99 },
  ];
  const corrected = await later.label(name, late, owner);
  assert.deepEqual([corrected.corrected, corrected.unknown], [1, 1], 'of an endpoint that cannot be loaded too');
});
