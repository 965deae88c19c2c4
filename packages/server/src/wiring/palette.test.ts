/** The finder and the loop, over a server with more things than one page of names. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createClient } from 'slipway';
import { readConfig } from '../config.ts';
import { startServer } from '../main.ts';

const models = 130;
const nasty = '<script>alert(1)</script>';

test('things are found by name, part, id and digest; an empty loop has no stage', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'slipway-palette-'));
  const server = await startServer(readConfig({ dir, port: 0, logLevel: 'error' }, {}));
  t.after(async () => {
    await server.stop(1000);
    rmSync(dir, { recursive: true, force: true });
  });
  const client = createClient({ url: server.url, retries: 0 });
  const find = async (q: string): Promise<string[]> =>
    (await client.palette.search({ query: { q } })).items.map((f) => `${f.kind} ${f.name}`);

  assert.deepEqual(await client.loop.get({}), { attention: { alerts: [], refused: [], approvals: [] } });
  assert.deepEqual(await find('anything'), []);

  for (let i = 0; i < models; i++) await client.models.create({ body: { name: `m-${String(i).padStart(3, '0')}` } });
  for (const name of ['flights', 'delays-of-flights']) await client.datasets.create({ body: { name } });
  const bytes = new TextEncoder().encode('a,b\n1,2\n');
  const put = await client.datasets.putFile({ params: { dataset: 'flights', file: 'x.csv' }, body: bytes });
  const { id: experiment } = await client.experiments.create({ body: { name: nasty } });
  const run = await client.runs.create({ body: { experiment, name: 'steady-one' } });

  assert.deepEqual(await find('flights'), ['dataset flights', 'dataset delays-of-flights']);
  assert.deepEqual((await find('m-129')).at(0), 'model m-129', 'beyond the first page by its whole name');
  assert.deepEqual(await find('<script>'), [`experiment ${nasty}`]);
  assert.deepEqual(await find('steady'), ['run steady-one']);
  assert.equal((await find(run.id)).at(0), `run ${run.id}`);
  assert.equal((await find(`model:m-007`)).at(0)?.slice(0, 5), 'event');
  assert.deepEqual(await find('%'), []);
  const file = put.version.files[0]?.digest;
  assert(file !== undefined);
  assert.deepEqual(await find(file.slice('sha256:'.length)), ['dataset-version flights@1', `object ${file}`]);
  assert.equal((await find('flights@1')).at(0), 'dataset-version flights@1');
  assert.deepEqual(await find('flights@9'), []);
  assert.deepEqual(await find(`sha256:${'0'.repeat(64)}`), []);

  const loop = await client.loop.get({});
  assert.equal(loop.data?.name, 'flights');
  assert.equal(loop.register, undefined);

  await client.models.createVersion({ params: { model: 'm-001' }, body: { digest: file, aliases: ['champion'] } });
  assert.deepEqual(await find('m-001@champion'), ['version m-001@champion']);
  assert.deepEqual(await find('m-001/1'), ['version m-001/1']);
});
