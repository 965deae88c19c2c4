/** Stored bytes that are lost or damaged, and a disk that is full: said plainly, nothing served wrong, nothing lost. */
import assert from 'node:assert/strict';
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SlipwayError } from '@slipway/contract';
import type { Client } from 'slipway';
import { mountSmallDisk } from '../../packages/server/src/platform/testing/small-disk.ts';
import { declareEndpoint, deploy, digestOf, linearModel, predict, registerModel } from './linear-endpoint.ts';
import { startTestServer } from './server.ts';

function pathOf(folder: string, digest: string): string {
  const hex = digest.slice('sha256:'.length);
  return join(folder, 'objects', 'sha256', hex.slice(0, 2), hex.slice(2));
}

/** Changes one digit in the middle: a number becomes another number, and no format notices. */
function flip(path: string): void {
  const bytes = readFileSync(path);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  chmodSync(path, 0o644);
  writeFileSync(path, bytes);
}

async function refusal(what: Promise<unknown>): Promise<SlipwayError> {
  const error = await what.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert(error instanceof SlipwayError, `expected an error of the catalogue, got ${String(error)}`);
  return error;
}

test('a dataset file that is damaged or gone is named, neither served nor scanned, and mended by adding it again', async (t) => {
  const server = await startTestServer();
  t.after(() => server.stop());
  const { client, folder, url } = server;
  const csv = Buffer.from(`n\n${'1111\n'.repeat(2000)}`);
  const file = { dataset: 'numbers', file: 'a.csv' };
  await client.datasets.putFile({ params: file, body: csv });
  const path = pathOf(folder, digestOf(csv));
  const inVersion = { ...file, version: 'latest' };
  const damages: readonly [string, () => void][] = [
    ['object_corrupt', () => flip(path)],
    ['object_missing', () => rmSync(path)],
  ];
  for (const [code, damage] of damages) {
    damage();
    const answer = await fetch(`${url}/api/datasets/numbers/versions/latest/files/a.csv`);
    const { error } = (await answer.json()) as { error: { code: string; message: string } };
    assert.equal(error.code, code);
    assert(error.message.includes(digestOf(csv)), error.message);
    const scan = await refusal(client.datasets.profile({ params: { dataset: 'numbers', version: 'latest' } }));
    assert.equal(scan.code, code);
    assert.equal(scan.details['digest'], digestOf(csv));
    const again = await client.datasets.putFile({ params: file, body: csv });
    assert.deepEqual([again.unchanged, again.stored, again.version.number], [true, true, 1]);
    const { rowCount } = await client.datasets.version({ params: inVersion });
    assert.equal(rowCount, 2000);
    const whole = await fetch(`${url}/api/datasets/numbers/versions/latest/files/a.csv`);
    assert.equal(digestOf(Buffer.from(await whole.arrayBuffer())), digestOf(csv));
  }
});

test('a damaged model is not deployed: the deployment that works goes on, before and after a restart', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-objects-journey-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const first = await startTestServer({ folder });
  await declareEndpoint(first.client);
  const good = await registerModel(first.client, linearModel(1));
  const bytes = linearModel(3);
  const bad = await registerModel(first.client, bytes);
  await deploy(first.client, good);
  const { score } = await predict(first.client, 2);
  flip(pathOf(folder, digestOf(bytes)));
  const refused = await refusal(deploy(first.client, bad));
  assert.equal(refused.code, 'object_corrupt');
  assert(refused.message.includes(digestOf(bytes)), refused.message);
  assert.equal((await predict(first.client, 2)).score, score);
  await first.stop();
  const second = await startTestServer({ folder });
  t.after(() => second.stop());
  assert.equal((await predict(second.client, 2)).score, score);
  rmSync(pathOf(folder, digestOf(bytes)));
  assert.equal((await refusal(deploy(second.client, bad))).code, 'object_missing');
  assert.equal((await predict(second.client, 2)).score, score);
});

/** Takes what is left of the disk, to the last page. */
function fillUp(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (const size of [65_536, 4096]) {
      const zeros = Buffer.alloc(size);
      try {
        for (;;) writeSync(file, zeros);
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
      }
    }
  } finally {
    closeSync(file);
  }
}

/** The database has some room of its own in its files. */
async function writeUntilRefused(client: Client): Promise<void> {
  for (let i = 0; i < 2000; i++) await client.experiments.create({ body: { name: `experiment-${i}` } });
}

test('a full disk answers disk_full, keeps what it had, and takes data again when there is room', async (t) => {
  const folder = mountSmallDisk(t, 24);
  if (folder === undefined) return;
  const ballast = join(folder, 'ballast');
  const server = await startTestServer({ folder: join(folder, 'workspace') });
  try {
    const { client, url } = server;
    const small = Buffer.from('n\n1\n2\n');
    await client.datasets.putFile({ params: { dataset: 'numbers', file: 'a.csv' }, body: small });
    const rows = (count: number): Buffer => Buffer.from(`n\n${'1234567\n'.repeat(count)}`);
    const large = rows(1_000_000);
    mkdirSync(ballast);
    writeFileSync(join(ballast, 'fill'), Buffer.alloc(12 * 2 ** 20));
    // The one is too large to be received, the other to be kept.
    for (const body of [rows(2_000_000), large]) {
      const answer = await fetch(`${url}/api/datasets/numbers/files/b.csv`, { method: 'PUT', body });
      const { error } = (await answer.json()) as { error: { code: string; message: string } };
      assert.deepEqual([answer.status, error.code], [507, 'disk_full'], error.message);
      assert.match(error.message, /is full\. Nothing was stored\. Free some space/);
    }
    const kept = await client.datasets.version({ params: { dataset: 'numbers', version: 'latest' } });
    assert.deepEqual([kept.number, kept.files.map((f) => f.name)], [1, ['a.csv']]);
    assert.deepEqual(readdirSync(join(folder, 'workspace', 'objects', 'uploads')), []);
    assert.deepEqual(readdirSync(join(folder, 'workspace', 'objects', 'tmp')), []);
    assert.equal((await client.ledger.verify()).ok, true);
    fillUp(join(ballast, 'rest'));
    const experiment = await refusal(writeUntilRefused(client));
    assert.deepEqual([experiment.status, experiment.code], [507, 'disk_full'], experiment.message);
    assert.equal((await client.ledger.verify()).ok, true);
    rmSync(ballast, { recursive: true });
    assert.equal((await client.experiments.create({ body: { name: 'after' } })).name, 'after');
    const stored = await client.datasets.putFile({ params: { dataset: 'numbers', file: 'b.csv' }, body: large });
    assert.equal(stored.version.number, 2);
  } finally {
    await server.stop();
  }
});
