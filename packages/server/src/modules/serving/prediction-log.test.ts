import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createIds } from '../../platform/ids.ts';
import { createSystemClock } from '../../platform/clock.ts';
import { createLog } from '../../platform/log.ts';
import type { LogRecord } from './log-record.ts';
import { openPredictionLog } from './prediction-log.ts';

const clock = createSystemClock();
const ids = createIds(clock);
const log = createLog({ level: 'error', now: clock.now });

const record = (at: number, features: readonly number[]): LogRecord => ({
  id: ids.next('prediction'),
  servedAt: clock.now(),
  at,
  deployment: 3,
  version: 2,
  shadowVersion: 1,
  isCanary: at % 2 === 1,
  latencyUs: 120,
  score: Math.fround(0.25),
  shadowScore: Number.NaN,
  features: Float64Array.from(features),
  inputs: JSON.stringify({ dest: 'Zürich 🛫', n: at }),
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
    found.map(({ featureNames: _, ...r }) => r),
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

test('an unfinished last block is cut off and writing goes on; damage in an older segment is refused', async () => {
  const folder = newFolder();
  const first = open(folder);
  first.useFeatures(['a']);
  first.append([record(1, [1])]);
  first.close();
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
  again.close();

  const bytes = readFileSync(join(folder, name));
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 5) ^ 1, bytes.length - 5);
  writeFileSync(join(folder, name), bytes);
  assert.throws(() => open(folder), { code: 'log_segment_corrupt' });
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
