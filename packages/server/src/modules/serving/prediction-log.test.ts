import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { createIds } from '../../platform/ids.ts';
import { createSystemClock } from '../../platform/clock.ts';
import { testLog } from '../../platform/db/testing.ts';
import type { LogRecord } from './log-record.ts';
import type { PredictionLog } from './prediction-log.ts';
import { openPredictionLog } from './prediction-log.ts';

const clock = createSystemClock();
const ids = createIds(clock);
const log = testLog();

const record = (at: number, features: readonly number[]): LogRecord => ({
  id: ids.next('prediction'),
  servedAt: clock.now(),
  at,
  deployment: 3,
  version: 2,
  shadowVersion: 1,
  isCanary: at % 2 === 1,
  fault: (['none', 'shadow', 'canary'] as const)[at % 3] ?? 'none',
  latencyUs: 120,
  score: Math.fround(0.25),
  shadowScore: Number.NaN,
  features: Float64Array.from(features),
  inputs: JSON.stringify({ dest: 'Zürich 🛫', n: at }),
  instanceId: at % 2 === 0 ? `Kundin ü-${at}` : undefined,
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-log-'));
  folders.push(folder);
  return folder;
};
test.after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
const open = (folder: string) => openPredictionLog({ folder, endpoint: 'e', clock, log });

test('records come back as they were, across a reopen and a change of features', async () => {
  const folder = newFolder();
  const first = open(folder);
  first.useFeatures(['a', 'b']);
  const written = [record(10, [1 / 3, Number.NaN]), record(11, [-0, 1e-300])];
  first.append(written);
  first.useFeatures(['a', 'b', 'c']);
  const wider = record(20, [1, 2, 3]);
  first.append([wider]);
  first.close();

  const again = open(folder);
  const found = await all(again.readEventTime(0, 100));
  assert.deepEqual(
    found.map(({ featureNames, ...r }) => (assert.ok(featureNames.length >= 2), r)),
    [...written, wider],
  );
  assert.deepEqual(found[2]?.featureNames, ['a', 'b', 'c']);
  assert.deepEqual(
    (await all(again.readEventTime(11, 20))).map((r) => r.at),
    [11],
  );
  assert.equal((await again.find(wider.id))?.id, wider.id);
  assert.equal(await again.find(ids.next('prediction')), undefined);
  again.close();
});

/** Closes a log and waits until every segment has its index. */
async function close(opened: PredictionLog): Promise<void> {
  opened.close();
  const isThere = (): boolean => opened.segments().every(({ file }) => existsSync(`${file}.index`));
  for (let turn = 0; !isThere(); turn++) {
    assert(turn < 1000, 'an index was not written');
    await sleep(5);
  }
}

const indexes = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith('.index'));
function dropIndexes(folder: string): void {
  for (const name of indexes(folder)) rmSync(join(folder, name));
}

test('an unfinished last block is cut off and writing goes on; damage in an older segment is refused', async () => {
  const folder = newFolder();
  const first = open(folder);
  first.useFeatures(['a']);
  first.append([record(1, [1])]);
  // A log that is opened again while the index of its last life is still written would be two servers on one folder.
  await close(first);
  const [name = ''] = readdirSync(folder);
  appendFileSync(join(folder, name), readFileSync(join(folder, name)).subarray(-40));

  const again = open(folder);
  again.append([record(2, [2])]);
  assert.deepEqual(
    (await all(again.readEventTime(0, 10))).map((r) => r.at),
    [1, 2],
  );
  again.useFeatures(['other']);
  again.append([record(3, [3])]);
  await close(again);

  const bytes = readFileSync(join(folder, name));
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 5) ^ 1, bytes.length - 5);
  writeFileSync(join(folder, name), bytes);
  const damaged = open(folder);
  assert.equal(damaged.count(), 3, 'what the index covers is not read at the start');
  await assert.rejects(all(damaged.readEventTime(0, 10)), { code: 'log_segment_corrupt' });
  assert.deepEqual(
    (await all(damaged.readEventTime(3, 10))).map((r) => r.at),
    [3],
  );
  await close(damaged);
  dropIndexes(folder);
  assert.throws(() => open(folder), { code: 'log_segment_corrupt' });
});

test('an index that is missing, damaged, too long or too short changes nothing but the time of the start', async () => {
  const folder = newFolder();
  let opened = open(folder);
  const written: number[] = [];
  const grow = (features: readonly string[]): void => {
    opened.useFeatures(features);
    for (let i = 0; i < 3; i++) {
      const at = written.push(written.length);
      opened.append([{ ...record(at, [at]), inputs: 'x'.repeat(40_000) }]);
    }
  };
  const check = async (what: string): Promise<void> => {
    await close(opened);
    opened = open(folder);
    assert.equal(opened.count(), written.length, what);
    assert.equal((await all(opened.readEventTime(0, 1e6))).length, written.length, what);
  };
  grow(['a']);
  grow(['b']);
  await check('as written');
  assert.equal(indexes(folder).length, 2);
  const [, last = ''] = indexes(folder);
  const short = readFileSync(join(folder, last));
  grow(['b']);
  await close(opened);
  writeFileSync(join(folder, last), short);
  await check('of before');
  await close(opened);
  const file = join(folder, indexes(folder)[0] ?? '');
  const whole = readFileSync(file);
  for (let place = 0; place < whole.length; place += 5) {
    const bent = Buffer.from(whole);
    bent.writeUInt8(bent.readUInt8(place) ^ 64, place);
    writeFileSync(file, bent);
    opened = open(folder);
    await check(`damaged at ${place}`);
  }
  truncateSync(file, whole.length - 8);
  opened = open(folder);
  await check('cut off');
  await close(opened);
  dropIndexes(folder);
  opened = open(folder);
  await check('gone');
  await close(opened);
});

test('a segment that was cut anywhere keeps every whole block before the cut', async () => {
  const folder = newFolder();
  const first = open(folder);
  first.useFeatures(['a']);
  const ends: number[] = [];
  const [name = ''] = readdirSync(folder);
  for (let i = 0; i < 5; i++) {
    first.append([record(i, [i])]);
    ends.push(readFileSync(join(folder, name)).length);
  }
  first.close();
  const whole = readFileSync(join(folder, name));
  const headBytes = whole.indexOf(10) + 1;
  for (let cut = whole.length; cut >= headBytes; cut -= 7) {
    writeFileSync(join(folder, name), whole);
    truncateSync(join(folder, name), cut);
    const again = open(folder);
    assert.equal(again.count(), ends.filter((end) => end <= cut).length, `cut at ${cut}`);
    again.close();
  }
});

test('every way of reading answers like a list of all records, before and after a reopen', async () => {
  const instant = fc.integer({ min: 0, max: 50 });
  const block = fc.record({
    at: fc.array(instant, { minLength: 1, maxLength: 4 }),
    textBytes: fc.constantFrom(10, 3000, 70_000),
    features: fc.constantFrom('a', 'b'),
  });
  const property = fc.asyncProperty(fc.array(block, { maxLength: 25 }), instant, instant, async (blocks, from, to) => {
    const folder = newFolder();
    let opened = open(folder);
    const written: LogRecord[] = [];
    const check = async (): Promise<void> => {
      const got = (records: readonly LogRecord[]): string[] => records.map((r) => r.id);
      const wanted = (keep: (r: LogRecord) => boolean): string[] => written.filter(keep).map((r) => r.id);
      assert.equal(opened.count(), written.length);
      assert.deepEqual(
        got(await all(opened.readEventTime(from, to))),
        wanted((r) => r.at >= from && r.at < to),
      );
      assert.deepEqual(
        got(await all(opened.readServedSince(from + 1000))),
        wanted((r) => r.servedAt >= from + 1000),
      );
      const later = written.filter((r) => r.at >= from).map((r) => r.at);
      assert.equal(await opened.findNextAt(from), later.length === 0 ? undefined : Math.min(...later));
      const enough = await opened.findNextAt(from, to);
      const first = Math.min(...later);
      if (first < to) assert.ok(enough !== undefined && later.includes(enough) && enough < to);
      else assert.equal(enough, later.length === 0 ? undefined : first);
      const inRange = written.filter((r) => r.at >= from && r.at < to).map((r) => r.id);
      const outline = opened.outlineEventTime({ from, to });
      if (outline === undefined) assert.deepEqual(inRange, []);
      else assert.ok(inRange.every((id) => outline.first <= id && id <= outline.last));
      for (const rowsMax of [1, 3, 100]) {
        let taken = 0;
        assert.equal(await opened.sampleEventTime({ from, to, rowsMax }, () => taken++), inRange.length);
        assert.equal(taken, Math.ceil(inRange.length / Math.max(1, Math.ceil(inRange.length / rowsMax))));
      }
      for (const r of written.slice(0, 3)) assert.equal((await opened.find(r.id))?.inputs, r.inputs);
    };
    for (const { at, textBytes, features } of blocks) {
      opened.useFeatures([features]);
      const records = at.map((x) => ({ ...record(x, [x]), servedAt: x + 1000, inputs: 'x'.repeat(textBytes) }));
      const before = opened.outlineEventTime({ from, to })?.mark;
      opened.append(records);
      if (at.some((x) => x >= from && x < to)) assert.notEqual(opened.outlineEventTime({ from, to })?.mark, before);
      written.push(...records);
    }
    await check();
    await close(opened);
    if (from % 2 === 0) dropIndexes(folder);
    opened = open(folder);
    await check();
    await close(opened);
    rmSync(folder, { recursive: true });
  });
  await fc.assert(property, { numRuns: 40 });
});

test('damage that appears after the start is told by file and place, and other blocks are still read', async () => {
  const folder = newFolder();
  const opened = open(folder);
  opened.useFeatures(['a']);
  for (let at = 0; at < 6; at++) opened.append([{ ...record(at, [at]), inputs: 'x'.repeat(70_000) }]);
  const [name = ''] = readdirSync(folder);
  const bytes = readFileSync(join(folder, name));
  const place = Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place);
  writeFileSync(join(folder, name), bytes);
  await assert.rejects(all(opened.readEventTime(0, 6)), { code: 'log_segment_corrupt' });
  assert.deepEqual(
    (await all(opened.readEventTime(0, 2))).map((r) => r.at),
    [0, 1],
  );
  opened.close();
});

test('synced resolves after what was appended is on the disk, also when syncs overlap and the log closes', async () => {
  const opened = open(newFolder());
  opened.useFeatures(['a']);
  await opened.synced();
  const waiting: Promise<void>[] = [];
  for (let at = 0; at < 20; at++) {
    opened.append([record(at, [at])]);
    waiting.push(opened.synced());
    if (at % 5 === 0) await waiting.at(-1);
  }
  opened.append([record(99, [99])]);
  waiting.push(opened.synced());
  opened.close();
  await Promise.all(waiting);
});
