/** The whole product on PostgreSQL: every module's tables, a real run, predictions that outlive a restart, an intact ledger. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { readConfig, startServer } from '@slipway/server';
import pg from 'pg';
import type { Client } from 'slipway';
import { createClient } from 'slipway';
import { readProjectFolder } from '../../packages/cli/src/project-folder.ts';
import type { TestPostgres } from '../../packages/server/src/platform/db/testing/postgres-server.ts';
import { startTestPostgres } from '../../packages/server/src/platform/db/testing/postgres-server.ts';
import { skipUnlessCi } from '../../packages/server/src/platform/testing/missing.ts';
import { root } from '../../tools/sources.ts';
import { declareEndpoint, deploy, linearModel, predict, registerModel } from './linear-endpoint.ts';

const example = join(root, 'examples/flights');
/** Every module keeps its tables in the one database. */
const owners = [
  'auth',
  'automation',
  'data',
  'features',
  'jobs',
  'ledger',
  'monitoring',
  'pipelines',
  'projects',
  'quality',
  'registry',
  'serving',
  'tracking',
];

async function postgres(t: TestContext): Promise<TestPostgres | undefined> {
  try {
    return await startTestPostgres();
  } catch (error) {
    skipUnlessCi(t, `PostgreSQL could not start here: ${(error as Error).message}`, error);
    return undefined;
  }
}

async function tablesOf(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public'",
  );
  await client.end();
  return rows.map((row) => row.name);
}

async function addMonth(client: Client): Promise<void> {
  for (const dataset of ['flights', 'weather']) {
    const body = readFileSync(join(example, 'data', dataset, '2013-01.parquet'));
    const params = { dataset, file: '2013-01.parquet' };
    const added = await client.datasets.putFile({ params, body });
    assert.deepEqual([added.version.number, added.stored], [1, true]);
    assert.equal((await client.datasets.putFile({ params, body })).unchanged, true);
  }
}

async function applyExample(client: Client): Promise<void> {
  const { project, manifest, bundle } = await readProjectFolder(example);
  for (const { path, digest } of bundle) {
    await client.objects.put({ params: { digest }, body: readFileSync(join(example, path)) });
  }
  const applied = await client.projects.apply({ params: { project }, body: manifest });
  assert(applied.diffs.every((diff) => diff.action === 'create'));
  const again = await client.projects.plan({ params: { project }, body: manifest });
  assert(again.diffs.every((diff) => diff.action === 'none'));
}

test('on PostgreSQL: apply, data, validation, tracking, serving, restart, ledger', { timeout: 120_000 }, async (t) => {
  const server = await postgres(t);
  if (server === undefined) return;
  t.after(() => server.stop());
  const database = await server.createDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'slipway-postgres-journey-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const config = readConfig({ dir: folder, port: 0, logLevel: 'error' }, { SLIPWAY_DATABASE_URL: database.url });

  const first = await startServer(config);
  let predicted: { readonly id: string; readonly score: number };
  try {
    const client = createClient({ url: first.url, retries: 0 });
    assert.equal((await client.server.info()).database, 'postgres');
    await applyExample(client);
    await addMonth(client);
    const validation = await client.validations.create({
      body: { suite: 'flights', tables: { flights: 'flights@latest', weather: 'weather@latest' } },
    });
    assert.deepEqual([validation.success, validation.failed], [true, 0]);

    await client.experiments.create({ body: { name: 'e' } });
    const run = await client.runs.create({ body: { experiment: 'e' } });
    const metrics = [0.5, 0.25].map((value, step) => ({ key: 'loss', value, step }));
    await client.runs.log({ params: { run: run.id }, body: { metrics } });
    const logged = (await client.runs.get({ params: { run: run.id } })).metrics;
    assert.deepEqual(
      logged.map(({ key, value }) => [key, value]),
      [['loss', 0.25]],
    );

    await declareEndpoint(client);
    await deploy(client, await registerModel(client, linearModel(2)));
    predicted = await predict(client, 0.5);
    assert(Math.abs(predicted.score - 1 / (1 + Math.exp(-1))) < 1e-6);
  } finally {
    await first.stop(2000);
  }

  const second = await startServer(config);
  try {
    const client = createClient({ url: second.url, retries: 0 });
    assert.equal((await predict(client, 0.5)).score, predicted.score);
    const kept = await client.predictions.get({ params: { prediction: predicted.id } });
    assert.equal(kept.score, predicted.score);
    const verdict = await client.ledger.verify();
    assert.equal(verdict.ok, true, JSON.stringify(verdict));
  } finally {
    await second.stop(2000);
  }
  const found = new Set((await tablesOf(database.url)).map((name) => name.split('_', 1)[0]));
  assert.deepEqual(
    owners.filter((owner) => !found.has(owner)),
    [],
  );
});
