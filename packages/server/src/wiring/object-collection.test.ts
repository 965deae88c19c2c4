/** What every part of a real server stores survives a collection; what nobody refers to does not. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { createClient, describe } from 'slipway';
import type { Client, PipelineDefinition } from 'slipway';
import { readConfig } from '../config.ts';
import { startServer } from '../main.ts';
import { resolveOwnImports } from '../platform/own-imports.ts';
import { createModules } from './modules.ts';
import { createReferences } from './object-collection.ts';
import { createBasics, createPlatform } from './platform.ts';

const dayMs = 86_400_000;
const runMsMax = 60_000;
const digestOf = (bytes: Uint8Array | string): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

const pipelineFile = `
import { artifact, pipeline, step } from 'slipway';
const write = step({
  id: 'write',
  outputs: { report: artifact.report() },
  run: async (ctx) => ({ report: await ctx.writeArtifact('report', 'report', { content: 'what the step found' }) }),
});
export const report = pipeline({ id: 'report' }, (_, run) => { run(write, {}); });
`;

function storedDigests(folder: string): string[] {
  const root = join(folder, 'objects', 'sha256');
  return readdirSync(root).flatMap((shard) => readdirSync(join(root, shard)).map((rest) => `sha256:${shard}${rest}`));
}

function age(folder: string): void {
  const seconds = (Date.now() - 3 * dayMs) / 1000;
  for (const digest of storedDigests(folder)) {
    const hex = digest.slice('sha256:'.length);
    utimesSync(join(folder, 'objects', 'sha256', hex.slice(0, 2), hex.slice(2)), seconds, seconds);
  }
}

/** One object of every kind that something refers to; returns what each is called. */
async function fill(client: Client, folder: string): Promise<Record<string, string>> {
  const csv = Buffer.from('n\n1\n2\n');
  await client.datasets.putFile({ params: { dataset: 'numbers', file: 'a.csv' }, body: csv });
  // The first version keeps the file that the second one replaced.
  const csv2 = Buffer.from('n\n3\n');
  await client.datasets.putFile({ params: { dataset: 'numbers', file: 'a.csv' }, body: csv2 });

  const experiment = await client.experiments.create({ body: { name: 'e' } });
  const run = await client.runs.create({ body: { experiment: experiment.name } });
  const note = Buffer.from('an artifact of a run');
  await client.runs.putArtifact({ params: { run: run.id, path: 'note.txt' }, body: note });

  const model = Buffer.from('bytes of a model');
  await client.objects.put({ params: { digest: digestOf(model) }, body: model });
  await client.models.createVersion({ params: { model: 'm' }, body: { digest: digestOf(model) } });

  const code = Buffer.from(pipelineFile);
  await client.objects.put({ params: { digest: digestOf(code) }, body: code });
  await applyPipeline(client, folder, code);
  const started = await client.pipelines.run({ params: { pipeline: 'report' }, body: {} });
  const deadline = performance.now() + runMsMax;
  for (;;) {
    const { state, problem } = await client.pipelineRuns.get({ params: { run: started.id } });
    if (state === 'succeeded') break;
    assert(state === 'running', `${state}: ${problem}`);
    assert(performance.now() < deadline, 'the run did not end');
    await sleep(100);
  }
  return {
    'file of a dataset version': digestOf(csv2),
    'file of an older version': digestOf(csv),
    'artifact of a run': digestOf(note),
    'file of a model version': digestOf(model),
    'file of a bundle': digestOf(code),
    'output of a step': digestOf('what the step found'),
  };
}

async function applyPipeline(client: Client, folder: string, code: Buffer): Promise<void> {
  const path = join(folder, 'pipeline.ts');
  writeFileSync(path, code);
  resolveOwnImports();
  // The module exports one pipeline, written above.
  const loaded = (await import(pathToFileURL(path).href)) as { readonly report: PipelineDefinition };
  const bundle = [{ path: 'pipeline.ts', digest: digestOf(code), sizeBytes: code.length }];
  const plan = await client.projects.plan({ params: { project: 'p' }, body: { resources: [], bundle } });
  const spec = {
    graph: JSON.parse(JSON.stringify(describe(loaded.report))),
    file: 'pipeline.ts',
    bundle: plan.bundleDigest,
  };
  const body = { resources: [{ kind: 'pipeline', name: 'report', spec }], bundle };
  await client.projects.apply({ params: { project: 'p' }, body });
}

test(
  'a collection takes nothing that a module refers to, nothing young, and everything else',
  { timeout: 120_000 },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-collection-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const config = readConfig({ dir: folder, port: 0, logLevel: 'error' }, {});
    const server = await startServer(config);
    const client = createClient({ url: server.url, retries: 0 });
    const kept = await fill(client, folder);
    const garbage = [Buffer.from('nobody wants this'), Buffer.from('nor this')];
    for (const bytes of garbage) await client.objects.put({ params: { digest: digestOf(bytes) }, body: bytes });
    await server.stop(1000);
    age(folder);

    const basics = createBasics(config);
    t.after(() => basics.closers.closeAll());
    const platform = await createPlatform(config, basics);
    const modules = createModules(config, platform, { url: () => '', closers: basics.closers });
    const isReferenced = createReferences(platform, modules);
    const young = await platform.objects.put(Buffer.from('stored a moment ago'));

    const before = new Set(storedDigests(folder));
    for (const [what, digest] of Object.entries(kept)) assert(before.has(digest), `${what} is not stored`);
    const gone = await platform.objects.collect(isReferenced, dayMs);
    const after = new Set(storedDigests(folder));
    for (const [what, digest] of Object.entries(kept)) assert(after.has(digest), `${what} was collected`);
    assert(after.has(young.digest));
    assert.deepEqual(
      [...before].filter((digest) => !after.has(digest)).sort(),
      garbage.map((bytes) => digestOf(bytes)).sort(),
    );
    assert.equal(gone.count, garbage.length);

    const schedules = await platform.db
      .read<{ jobs_schedule: { name: string; cron: string } }>()
      .selectFrom('jobs_schedule')
      .select(['name', 'cron'])
      .execute();
    assert.deepEqual(schedules, [{ name: 'objects.collect', cron: '40 3 * * *' }]);
  },
);
