import assert from 'node:assert/strict';
import type { GateEvidence } from '@slipway/contract';
import type { Db } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import type { TestDb } from '../../platform/db/testing.ts';
import { dbTest, eachDatabase } from '../../platform/db/testing.ts';
import type { Objects } from '../../platform/objects/objects.ts';
import type { Tracking } from '../tracking/index.ts';
import { trackingStore } from '../tracking/store.ts';
import { trackingBench } from '../tracking/testing.ts';
import type { Registry } from './index.ts';
import { createRegistry } from './index.ts';
import type { ModelDeclaration } from './store.ts';
import { modelKind, registryStore } from './store.ts';

const actor = 'owner';

const declare = operation('test.declare', (trx, input: { name: string; spec: ModelDeclaration }) =>
  modelKind.apply(trx, { ...input, digest: 'x', project: 'flights', actor }),
);

const options = { modules: [trackingStore, registryStore], operations: [declare] };

interface Bench {
  readonly db: Db;
  readonly sealed: () => Promise<void>;
  readonly tracking: Tracking;
  readonly objects: Objects;
  readonly registry: Registry;
}

function benchOf({ db, sealed }: TestDb): Bench {
  const { tracking, objects, ids } = trackingBench(db);
  return { db, sealed, tracking, objects, registry: createRegistry({ db, ids, objects, tracking }) };
}

async function events({ db, sealed }: Bench, kind: string): Promise<Record<string, unknown>[]> {
  await sealed();
  const rows = await db
    .read<{ ledger_event: { seq: number; kind: string; body: string } }>()
    .selectFrom('ledger_event')
    .select('body')
    .where('kind', '=', kind)
    .orderBy('seq')
    .execute();
  return rows.map((row) => JSON.parse(row.body) as Record<string, unknown>);
}

async function addVersion(bench: Bench, model: string, content: string, gateId?: string) {
  const { digest } = await bench.objects.put(Buffer.from(content));
  return bench.registry.createVersion({
    model,
    files: { from: 'object', digest, fileName: 'model.onnx' },
    gateId,
    actor,
  });
}

const spec = modelKind.parse('m', { gate: { checks: { auc: { min: 0.7 } } } });
const evidence = (auc: number): GateEvidence => ({ metrics: { auc: { value: auc } }, baselines: {} });

eachDatabase((name, open) => {
  dbTest(`${name}: a version of another model's version is the same model`, open, options, async (_t, opened) => {
    const { registry, objects, tracking } = benchOf(opened);
    const experiment = await tracking.ensureExperiment('e', actor);
    const run = await tracking.createRun({ experimentId: experiment.id, actor });
    const { digest } = await objects.put(Buffer.from('weights'));
    const signature = { inputs: [{ name: 'x', type: 'double' }] };
    const lineage = { featureService: { set: 's', service: 'v', digest } };
    const first = await registry.createVersion({
      model: 'one',
      files: { from: 'object', digest, fileName: 'model.onnx' },
      signature,
      lineage,
      runId: run.id,
      aliases: ['best'],
      actor,
    });
    for (const ref of ['one/1', 'one@best']) {
      const copy = await registry.createVersion({ model: 'two', files: { from: 'version', ref }, actor });
      const { files, onnx, artifactDigest, flavor, runId } = first;
      assert.deepEqual(
        { ...copy },
        { ...copy, files, onnx, artifactDigest, flavor, signature, lineage, runId, aliases: [] },
        ref,
      );
    }
    const missing = registry.createVersion({ model: 'two', files: { from: 'version', ref: 'one/7' }, actor });
    await assert.rejects(missing, { code: 'not_found' });
    assert.equal((await registry.getVersion('two', 'latest')).number, 2);
  });

  dbTest(
    `${name}: versions: numbered from 1, never reused, files pinned by digest`,
    open,
    options,
    async (_t, opened) => {
      const bench = benchOf(opened);
      const { registry, tracking } = bench;
      const experiment = await tracking.ensureExperiment('e', actor);
      const run = await tracking.createRun({ experimentId: experiment.id, actor });
      const mlmodel = `flavors:\n  onnx: {data: model.onnx}\n  python_function: {}\nsignature:\n  inputs: '[{"type": "double", "name": "x"}]'\n`;
      await tracking.artifacts.put(run.id, 'model/MLmodel', Buffer.from(mlmodel));
      await tracking.artifacts.put(run.id, 'model/model.onnx', Buffer.from('onnx'));
      const files = { from: 'artifacts', owner: run.id, path: 'model' } as const;
      const lineage = { commit: 'abc', datasetVersions: [{ dataset: 'flights', number: 3, digest: 'sha256:0' }] };
      const v1 = await registry.createVersion({
        model: 'm',
        files,
        runId: run.id,
        lineage,
        tags: { a: '1' },
        aliases: ['challenger'],
        actor,
      });
      assert.deepEqual(
        [v1.number, v1.flavor, v1.aliases, v1.tags, v1.lineage],
        [1, 'onnx', ['challenger'], { a: '1' }, lineage],
      );
      assert.deepEqual(v1.signature, { inputs: [{ type: 'double', name: 'x' }] });
      assert.equal(v1.onnx?.path, 'model.onnx');
      await tracking.artifacts.put(run.id, 'model/model.onnx', Buffer.from('changed'));
      assert.equal((await registry.resolve('m/1')).onnx?.digest, v1.onnx?.digest);
      const v2 = await registry.createVersion({ model: 'm', files, actor });
      assert.notEqual(v2.artifactDigest, v1.artifactDigest);
      await registry.deleteVersion('m', 2, actor);
      await assert.rejects(registry.getVersion('m', 2), { code: 'not_found' });
      assert.equal((await addVersion(bench, 'm', 'x')).number, 3);
      assert.equal((await registry.resolve('m')).number, 3);
      assert.equal((await registry.resolve('m@challenger')).number, 1);
      assert.equal((await registry.findVersionById(v1.id))?.number, 1);
      assert.equal(await registry.isReferenced(v1.onnx?.digest ?? ''), true);
      await assert.rejects(registry.resolve('m@champion'), { code: 'not_found', message: /aliases are challenger/ });
      await assert.rejects(registry.createVersion({ model: 'm', files: { ...files, path: 'none' }, actor }), {
        code: 'not_found',
      });
      await assert.rejects(registry.createVersion({ model: 'a/b', files, actor }), { code: 'name_invalid' });
      await assert.rejects(registry.createVersion({ model: 'new', createModel: false, files, actor }), {
        code: 'not_found',
      });
    },
  );

  dbTest(`${name}: twenty versions at once get twenty numbers`, open, options, async (_t, opened) => {
    const bench = benchOf(opened);
    const made = await Promise.all(Array.from({ length: 20 }, (_, i) => addVersion(bench, 'm', String(i))));
    assert.deepEqual(
      made.map((v) => v.number).sort((a, b) => a - b),
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
  });

  dbTest(
    `${name}: a version whose gate did not pass cannot become champion by any route`,
    open,
    options,
    async (_t, opened) => {
      const bench = benchOf(opened);
      const { registry, db } = bench;
      await db.write(declare, { name: 'm', spec });
      const failed = await registry.judgeGate({ model: 'm', evidence: evidence(0.6), actor });
      const passed = await registry.judgeGate({ model: 'm', evidence: evidence(0.8), actor });
      assert.deepEqual([failed.passed, passed.passed], [false, true]);
      const none = await addVersion(bench, 'm', 'a');
      const bad = await addVersion(bench, 'm', 'b', failed.id);
      const good = await addVersion(bench, 'm', 'c', passed.id);
      await assert.rejects(addVersion(bench, 'm', 'd', passed.id), { code: 'gate_used' });

      const refusals: readonly ((registry: Registry, version: number) => Promise<unknown>)[] = [
        (r, version) => r.moveAlias({ model: 'm', alias: 'champion', version, actor }),
        (r, number) => r.changeVersion({ model: 'm', number, stage: 'Production', actor }),
      ];
      for (const version of [none.number, bad.number]) {
        for (const refuse of refusals) await assert.rejects(refuse(registry, version), { code: 'gate_not_passed' });
      }
      await assert.rejects(
        registry.createVersion({ model: 'm', files: { from: 'nothing' }, aliases: ['champion'], actor }),
        { code: 'gate_not_passed' },
      );
      await assert.rejects(registry.moveAlias({ model: 'm', alias: 'champion', version: bad.number, actor }), {
        message: /auc is 0\.6, outside the bound: at least 0\.7\. The alias was not moved/,
      });
      await registry.moveAlias({ model: 'm', alias: 'challenger', version: bad.number, actor });
      assert.deepEqual(await registry.moveAlias({ model: 'm', alias: 'champion', version: good.number, actor }), {
        model: 'm',
        alias: 'champion',
        version: good.number,
        state: 'moved',
      });
      await assert.rejects(registry.deleteVersion('m', good.number, actor), { code: 'version_in_use' });
      await assert.rejects(registry.deleteModel('m', actor), { code: 'conflict' });
      await assert.rejects(registry.changeModel({ name: 'm', rename: 'n', actor }), { code: 'conflict' });
      const moves = await events(bench, 'alias.moved');
      assert.deepEqual(
        moves.map((m) => [m['alias'], m['version'], m['previous']]),
        [
          ['challenger', bad.number, null],
          ['champion', good.number, null],
        ],
      );
      assert.equal((await registry.getModel('m')).latestNumber, 3, 'the refused version was not made');
    },
  );

  dbTest(
    `${name}: gates: judged only where declared, attached once, listed newest first`,
    open,
    options,
    async (_t, opened) => {
      const bench = benchOf(opened);
      const { registry, db } = bench;
      await registry.createModel({ name: 'free', actor });
      await assert.rejects(registry.judgeGate({ model: 'free', evidence: evidence(1), actor }), {
        code: 'gate_undeclared',
      });
      await db.write(declare, { name: 'm', spec });
      for (const auc of [0.6, 0.7, 0.8]) await registry.judgeGate({ model: 'm', evidence: evidence(auc), actor });
      const first = await registry.listGates({ model: 'm', limit: 2 });
      const second = await registry.listGates({ model: 'm', limit: 2, pageToken: first.nextPageToken });
      assert.deepEqual(
        [...first.items, ...second.items].map((g) => g.evidence.metrics['auc']?.value),
        [0.8, 0.7, 0.6],
      );
      assert.equal(second.nextPageToken, undefined);
      assert.equal((await events(bench, 'gate.evaluated')).length, 3);
    },
  );

  dbTest(`${name}: aliases and tags: reserved names, removal, rename keeps all`, open, options, async (_t, opened) => {
    const bench = benchOf(opened);
    const { registry } = bench;
    await addVersion(bench, 'm', 'a');
    for (const alias of ['latest', 'v3', 'a b', '']) {
      await assert.rejects(
        registry.moveAlias({ model: 'm', alias, version: 1, actor }),
        { code: 'name_invalid' },
        alias,
      );
    }
    await assert.rejects(registry.moveAlias({ model: 'm', alias: 'x', version: 9, actor }), { code: 'not_found' });
    await registry.moveAlias({ model: 'm', alias: 'x', version: 1, actor });
    await registry.changeModel({ name: 'm', rename: 'n', tags: { team: 'ops' }, actor });
    assert.equal((await registry.resolve('n@x')).number, 1);
    assert.deepEqual((await registry.getModel('n')).tags, { team: 'ops' });
    await registry.changeModel({ name: 'n', tags: { team: null }, actor });
    assert.deepEqual((await registry.getModel('n')).tags, {});
    assert.equal(await registry.deleteAlias('n', 'x', actor), true);
    assert.equal(await registry.deleteAlias('n', 'x', actor), false);
    await assert.rejects(registry.getModel('m'), { code: 'not_found' });
    await registry.deleteModel('n', actor);
    assert.equal(await registry.findModel('n'), undefined);
  });
});
