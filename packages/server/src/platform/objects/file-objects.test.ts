import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import fc from 'fast-check';
import { createSystemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { createLog } from '../log.ts';
import { mountSmallDisk } from '../testing/small-disk.ts';
import { createFileObjects } from './file-objects.ts';
import type { Objects } from './objects.ts';

const system = createSystemClock();
const log = createLog({ level: 'error', now: () => 0, write: () => {} });
const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

async function open(t: TestContext): Promise<{
  objects: Objects;
  folder: string;
  readonly shift: (ms: number) => void;
  readonly again: () => Promise<Objects>;
}> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-objects-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  let offset = 0;
  const clock: Clock = { ...system, now: () => system.now() + offset };
  const again = (): Promise<Objects> => createFileObjects({ folder, clock, log });
  return { objects: await again(), folder, shift: (ms) => void (offset += ms), again };
}

async function all(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of bytes) parts.push(part);
  return Buffer.concat(parts);
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}

const temps = (folder: string): string[] => readdirSync(join(folder, 'tmp'));

test('bytes come back whole and by range, however they were cut', async (t) => {
  const { objects, folder } = await open(t);
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 5000 }),
      fc.integer({ min: 1, max: 999 }),
      fc.nat(6000),
      fc.nat(6000),
      async (bytes, size, start, end) => {
        const put = await objects.put(pieces(bytes, size));
        assert.deepEqual([put.digest, put.sizeBytes], [digestOf(bytes), bytes.length]);
        assert.deepEqual(await all(await objects.open(put.digest)), Buffer.from(bytes));
        assert.deepEqual(await objects.read(put.digest, 5000), Buffer.from(bytes));
        assert.deepEqual(
          await all(await objects.open(put.digest, { start, end })),
          Buffer.from(bytes.slice(start, end)),
        );
        assert.deepEqual(readFileSync(await objects.path(put.digest)), Buffer.from(bytes));
      },
    ),
    { numRuns: 40 },
  );
  assert.deepEqual(temps(folder), []);
});

test('equal bytes are stored once, also when put at the same time', async (t) => {
  const { objects } = await open(t);
  const bytes = Buffer.from('the same bytes');
  const results = await Promise.all(Array.from({ length: 8 }, () => objects.put(bytes)));
  assert.equal(new Set(results.map((r) => r.digest)).size, 1);
  assert.equal((await objects.put(bytes)).stored, false);
  assert.deepEqual(await objects.find(digestOf(bytes)), { digest: digestOf(bytes), sizeBytes: bytes.length });
});

test('a local file is stored without being changed', async (t) => {
  const { objects, folder } = await open(t);
  const path = join(folder, 'given.bin');
  writeFileSync(path, Buffer.alloc(700_000, 7));
  const put = await objects.putFile(path);
  assert.equal(put.sizeBytes, 700_000);
  assert.equal(statSync(path).size, 700_000);
});

test('a wrong declared digest, too many bytes and a broken stream leave nothing', async (t) => {
  const { objects, folder } = await open(t);
  const bytes = Buffer.from('hello');
  const other = digestOf(Buffer.from('other'));
  await assert.rejects(objects.put(bytes, { expect: other }), { code: 'digest_mismatch' });
  await assert.rejects(objects.put(pieces(bytes, 2), { limitBytes: 4 }), { code: 'body_too_large' });
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield bytes;
    throw new Error('the client went away');
  }
  await assert.rejects(objects.put(broken()), /the client went away/);
  assert.deepEqual(temps(folder), []);
  assert.equal(await objects.find(digestOf(bytes)), undefined);
  await assert.rejects(objects.open(other), { code: 'object_missing' });
  await assert.rejects(objects.read(other, 10), { code: 'object_missing' });
  await assert.rejects(objects.path(other), { code: 'object_missing' });
  for (const name of ['sha256:../../etc/passwd', 'md5:0', ''])
    await assert.rejects(objects.find(name), { code: 'id_invalid' });
});

test('a changed object is not served as whole: the stream ends with an error, and reading throws', async (t) => {
  const { objects } = await open(t);
  for (const [change, size] of [
    ['flip', 700_000],
    ['cut', 700_000],
    ['flip', 10],
    ['cut', 10],
  ] as const) {
    const bytes = Buffer.alloc(size, `${change}${size}`);
    const { digest } = await objects.put(bytes);
    const path = await objects.path(digest);
    chmodSync(path, 0o644);
    if (change === 'cut') truncateSync(path, size - 1);
    else writeFileSync(path, Buffer.concat([bytes.subarray(1), Buffer.from([1])]));
    let received = 0;
    await assert.rejects(
      async () => {
        for await (const part of await objects.open(digest)) received += part.length;
      },
      { code: 'object_corrupt' },
    );
    assert(received < size - 1);
    await assert.rejects(objects.read(digest, 1e6), { code: 'object_corrupt' });
  }
});

test('no path is given to changed bytes, also when they change after a path was given', async (t) => {
  const { objects } = await open(t);
  const bytes = Buffer.alloc(700_000, 'scan');
  const { digest } = await objects.put(bytes);
  const path = await objects.path(digest);
  assert.equal(await objects.path(digest), path);
  chmodSync(path, 0o644);
  writeFileSync(path, Buffer.concat([Buffer.from([1]), bytes.subarray(1)]));
  await assert.rejects(objects.path(digest), { code: 'object_corrupt' });
});

test('putting the bytes again mends an object that was cut or changed', async (t) => {
  const { objects } = await open(t);
  const bytes = Buffer.from('precious bytes');
  const { digest } = await objects.put(bytes);
  const path = await objects.path(digest);
  for (const damage of [() => truncateSync(path, 3), () => writeFileSync(path, 'precious bytez')]) {
    chmodSync(path, 0o644);
    damage();
    await assert.rejects(async () => all(await objects.open(digest, { start: 0, end: 2 })), { code: 'object_corrupt' });
    assert.equal((await objects.put(bytes)).stored, true);
    assert.deepEqual(await objects.read(digest, 100), bytes);
    assert.equal((await objects.put(bytes)).stored, false);
  }
});

test('collection takes what is old and not referenced, and nothing else', async (t) => {
  const { objects, shift } = await open(t);
  const [kept, gone, renewed] = ['kept', 'gone, 9 b', 'renewed'].map((text) => Buffer.from(text)) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  for (const bytes of [kept, gone, renewed]) await objects.put(bytes);
  const asked: string[] = [];
  const isReferenced = async (digest: string): Promise<boolean> => {
    asked.push(digest);
    return digest === digestOf(kept);
  };
  assert.deepEqual(await objects.collect(isReferenced, 60_000), { count: 0, sizeBytes: 0 });
  assert.deepEqual(asked, []);
  shift(61_000);
  const young = Buffer.from('young');
  await objects.put(young);
  await objects.put(renewed);
  assert.deepEqual(await objects.collect(isReferenced, 60_000), { count: 1, sizeBytes: gone.length });
  assert.equal(await objects.find(digestOf(gone)), undefined);
  for (const bytes of [kept, young, renewed]) assert(await objects.find(digestOf(bytes)));
});

test('an object put again while it is being asked about is not collected', async (t) => {
  const { objects, shift } = await open(t);
  const bytes = Buffer.from('put again');
  await objects.put(bytes);
  shift(61_000);
  const taken = await objects.collect(async () => {
    await objects.put(bytes);
    return false;
  }, 60_000);
  assert.equal(taken.count, 0);
  assert(await objects.find(digestOf(bytes)));
});

test('temporary files of dead processes are swept at start, those of living ones are not', async (t) => {
  const { folder, again } = await open(t);
  const dead = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => dead.on('close', resolve));
  writeFileSync(join(folder, 'tmp', `${dead.pid}-1-1`), 'x');
  writeFileSync(join(folder, 'tmp', `${process.pid}-1-1`), 'x');
  await again();
  assert.deepEqual(temps(folder), [`${process.pid}-1-1`]);
});

test('a full disk answers disk_full and leaves no trace', async (t) => {
  const folder = mountSmallDisk(t, 1);
  if (folder === undefined) return;
  const objects = await createFileObjects({ folder, clock: system, log });
  await assert.rejects(objects.put(pieces(Buffer.alloc(3_000_000, 1), 65_536)), { code: 'disk_full' });
  assert.deepEqual(temps(folder), []);
  const { digest } = await objects.put(Buffer.alloc(500_000, 2));
  assert(existsSync(await objects.path(digest)));
});
