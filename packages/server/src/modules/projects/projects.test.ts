import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { ProjectManifest } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Trx } from '../../platform/db/db.ts';
import type { TestDb } from '../../platform/db/testing.ts';
import { dbTest, eachDatabase, testLog } from '../../platform/db/testing.ts';
import { createSystemClock } from '../../platform/clock.ts';
import { createFileObjects } from '../../platform/objects/file-objects.ts';
import type { Objects } from '../../platform/objects/objects.ts';
import type { Projects } from './index.ts';
import { createProjects } from './index.ts';
import type { ResourceKind } from './resource.ts';
import { createProjectOperations, projectsStore } from './store.ts';

/** Two kinds that write down what they were told, where a test can read it: as events. */
function kindOf(kind: string): ResourceKind<{ readonly size: number }> {
  const tell = (trx: Trx, verb: string, name: string): Promise<void> =>
    trx.emit({ kind: `${kind}.${verb}`, actor: 'test', subject: `${kind}:${name}`, body: {} });
  return {
    kind,
    parse: (name, spec) => {
      if (typeof spec === 'object' && spec !== null && 'size' in spec && typeof spec.size === 'number')
        return { size: spec.size };
      throw new SlipwayError('resource_invalid', { kind, name, problem: 'size must be a number' });
    },
    apply: async (trx, { name, spec }) => {
      if (spec.size > 100) throw new SlipwayError('resource_invalid', { kind, name, problem: 'size is too large' });
      await tell(trx, 'applied', name);
    },
    remove: (trx, { name }) => tell(trx, 'removed', name),
  };
}

const kinds = [kindOf('first'), kindOf('second')];
const operations = createProjectOperations(kinds);
const options = { modules: [projectsStore(operations)] };
const folder = mkdtempSync(join(tmpdir(), 'slipway-projects-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Bench {
  readonly projects: Projects;
  readonly objects: Objects;
  /** Events since the last call, as `kind subject`. */
  readonly news: () => Promise<string[]>;
}

async function benchOf({ db, sealed }: TestDb): Promise<Bench> {
  const objects = await createFileObjects({ folder, clock: createSystemClock(), log: testLog() });
  let after = 0;
  return {
    projects: createProjects({ db, objects, kinds, operations }),
    objects,
    news: async () => {
      await sealed();
      const rows = await db
        .read<{ ledger_event: { seq: number; kind: string; subject: string } }>()
        .selectFrom('ledger_event')
        .select(['seq', 'kind', 'subject'])
        .where('seq', '>', after)
        .orderBy('seq')
        .execute();
      after = rows.at(-1)?.seq ?? after;
      return rows.map((row) => `${row.kind} ${row.subject}`);
    },
  };
}

/** `first/a 1` is a resource of kind first, named a, of size 1. */
function manifest(...resources: readonly string[]): ProjectManifest {
  return {
    bundle: [],
    resources: resources.map((text) => {
      const [, kind = '', name = '', size = ''] = /^(\w+)\/(\w+) (\d+)$/.exec(text) ?? [];
      return { kind, name, spec: { size: Number(size) } };
    }),
  };
}

const actor = 'owner';

eachDatabase((name, open) => {
  dbTest(
    `${name}: applied in the order of kinds, removed in reverse; applying again changes nothing`,
    open,
    options,
    async (_t, opened) => {
      const { projects, news } = await benchOf(opened);
      const wanted = manifest('second/x 1', 'first/a 1', 'first/b 2');
      assert.deepEqual(
        (await projects.plan('p', wanted)).diffs.map((d) => `${d.action} ${d.name}`),
        ['create x', 'create a', 'create b'],
      );
      assert.equal((await projects.apply('p', wanted, actor)).applyNumber, 1);
      assert.deepEqual(await news(), [
        'first.applied first:a',
        'first.applied first:b',
        'second.applied second:x',
        'project.applied project:p',
      ]);
      assert.equal((await projects.apply('p', wanted, actor)).applyNumber, 1);
      assert.deepEqual(await news(), []);

      const changed = manifest('first/b 3', 'second/x 1');
      const plan = await projects.plan('p', changed);
      assert.deepEqual(
        plan.diffs.map((d) => [d.action, d.name, d.changes]),
        [
          ['update', 'b', [{ path: 'size', before: 2, after: 3 }]],
          ['none', 'x', []],
          ['delete', 'a', []],
        ],
      );
      assert.deepEqual(await news(), [], 'a plan changes nothing');
      assert.equal((await projects.apply('p', changed, actor)).applyNumber, 2);
      assert.deepEqual(await news(), ['first.removed first:a', 'first.applied first:b', 'project.applied project:p']);

      await projects.destroy('p', actor);
      assert.deepEqual(await news(), [
        'second.removed second:x',
        'first.removed first:b',
        'project.destroyed project:p',
      ]);
      await assert.rejects(projects.get('p'), { code: 'not_found' });
      await assert.rejects(projects.destroy('p', actor), { code: 'not_found' });
    },
  );

  dbTest(`${name}: one refusal refuses the whole apply, whenever it comes`, open, options, async (_t, opened) => {
    const { projects, news } = await benchOf(opened);
    await projects.apply('p', manifest('first/a 1'), actor);
    await news();
    for (const bad of [
      manifest('first/a 2', 'second/x 101'), // its kind refuses inside the transaction
      { ...manifest('first/a 2'), resources: [{ kind: 'second', name: 'x', spec: {} }] },
    ]) {
      await assert.rejects(projects.apply('p', bad, actor), { code: 'resource_invalid' });
    }
    await assert.rejects(projects.apply('p', manifest('third/x 1'), actor), { code: 'resource_kind_unknown' });
    await assert.rejects(projects.apply('p', manifest('first/a 1', 'first/a 2'), actor), {
      code: 'resource_declared_twice',
    });
    assert.deepEqual(await news(), []);
    const { applyNumber, resources } = await projects.get('p');
    assert.deepEqual([applyNumber, resources.map((r) => r.name)], [1, ['a']]);
  });

  dbTest(
    `${name}: an apply made for another state is refused, also when two come at once`,
    open,
    options,
    async (_t, opened) => {
      const { projects, news } = await benchOf(opened);
      assert.equal((await projects.plan('p', manifest('first/a 1'))).serverApply, 0);
      const both = await Promise.allSettled(
        [1, 2].map((size) => projects.apply('p', { ...manifest(`first/a ${size}`), expectedApply: 0 }, actor)),
      );
      const refused = both.flatMap((r) => (r.status === 'rejected' ? [r.reason as unknown] : []));
      assert.deepEqual(
        refused.map((error) => error instanceof SlipwayError && error.code),
        ['project_moved'],
      );
      assert.deepEqual(await news(), ['first.applied first:a', 'project.applied project:p']);
      assert.equal((await projects.apply('p', { ...manifest('first/a 3'), expectedApply: 1 }, actor)).applyNumber, 2);
    },
  );

  dbTest(
    `${name}: a destroyed project can be applied again, and its applies count on`,
    open,
    options,
    async (_t, opened) => {
      const { projects } = await benchOf(opened);
      await projects.apply('p', manifest('first/a 1'), actor);
      await projects.destroy('p', actor);
      assert.equal((await projects.apply('p', manifest('first/a 1'), actor)).applyNumber, 2);
    },
  );

  dbTest(`${name}: a resource has one owner until that project lets go of it`, open, options, async (_t, opened) => {
    const { projects } = await benchOf(opened);
    await projects.apply('p', manifest('first/a 1', 'first/b 1'), actor);
    const claim = manifest('first/a 2');
    await assert.rejects(projects.plan('q', claim), { code: 'resource_owned_elsewhere', message: /"?p"?/ });
    await assert.rejects(projects.apply('q', claim, actor), { code: 'resource_owned_elsewhere' });
    await assert.rejects(projects.get('q'), { code: 'not_found' });
    assert.equal((await projects.findOwner('first', 'a'))?.project, 'p');
    await projects.apply('p', manifest('first/b 1'), actor);
    assert.equal(await projects.findOwner('first', 'a'), undefined);
    await projects.apply('q', claim, actor);
    assert.equal((await projects.findOwner('first', 'a'))?.project, 'q');
    assert.deepEqual(
      (await projects.list()).map((p) => p.name),
      ['p', 'q'],
    );
  });

  dbTest(`${name}: code is kept by digest, complete or not at all, and for ever`, open, options, async (_t, opened) => {
    const { projects, objects, news } = await benchOf(opened);
    const file = (path: string, text: string) => {
      const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
      return { path, digest, sizeBytes: text.length };
    };
    const text = `steps of ${name}`;
    const withCode = { ...manifest('first/a 1'), bundle: [file('b.ts', text), file('a/c.ts', text)] };
    const plan = await projects.plan('p', withCode);
    assert.deepEqual(plan.missingObjects, [file('b.ts', text).digest]);
    await assert.rejects(projects.apply('p', withCode, actor), { code: 'bundle_incomplete' });
    await objects.put(Buffer.from(text));
    const applied = await projects.apply('p', withCode, actor);
    assert.equal(applied.bundleDigest, plan.bundleDigest);
    const shuffled = { ...withCode, bundle: [...withCode.bundle].reverse() };
    assert.equal((await projects.apply('p', shuffled, actor)).applyNumber, applied.applyNumber, 'order is no change');

    await news();
    const source = { commit: 'a'.repeat(40), dirty: false };
    const without = await projects.apply('p', { ...manifest('first/a 1'), source }, actor);
    assert.equal(without.applyNumber, applied.applyNumber + 1, 'other code is a change');
    assert.deepEqual(await news(), ['project.applied project:p']);
    assert.deepEqual((await projects.get('p')).source, source);
    assert.deepEqual(await projects.bundle(applied.bundleDigest), withCode.bundle);
    await assert.rejects(projects.bundle(`sha256:${'0'.repeat(64)}`), { code: 'not_found' });
    for (const path of ['../x.ts', '/x.ts', 'a/../x.ts', 'a\\x.ts', './x.ts', 'a/./x.ts']) {
      const bad = { ...withCode, bundle: [file(path, text)] };
      await assert.rejects(projects.plan('p', bad), { code: 'bundle_path_invalid' }, path);
    }
  });

  dbTest(
    `${name}: a simulation says so in every event, and ends when nobody renews it`,
    open,
    options,
    async (_t, opened) => {
      const { projects } = await benchOf(opened);
      const { db, sealed } = opened;
      const sweep = (): Promise<number> => db.write(operations.expire, {});
      const simulated = { ...manifest('first/a 1'), simulation: { of: 'e', keepMs: 3_600_000 } };
      await projects.apply('real', manifest('first/r 1'), actor);
      const { applyNumber } = await projects.apply('sim', simulated, actor);
      assert.equal((await projects.get('sim')).simulation?.of, 'e');
      assert.equal((await projects.get('real')).simulation, undefined);
      await assert.rejects(projects.apply('sim', manifest('first/a 1'), actor), { code: 'project_kind_differs' });
      const asSimulation = { ...manifest('first/r 1'), simulation: simulated.simulation };
      await assert.rejects(projects.apply('real', asSimulation, actor), { code: 'project_kind_differs' });
      assert.equal(await sweep(), 0, 'its time is not over');

      const renewed = { ...simulated, simulation: { of: 'e', keepMs: 1000 }, expectedApply: applyNumber };
      assert.equal((await projects.apply('sim', renewed, actor)).applyNumber, applyNumber, 'to renew is no change');
      let ended = 0;
      for (let turn = 0; ended === 0 && turn < 400; turn++) {
        await new Promise((resolve) => setTimeout(resolve, 25));
        ended = await sweep();
      }
      assert.equal(ended, 1);
      assert.equal(await sweep(), 0);
      await assert.rejects(projects.get('sim'), { code: 'not_found' });
      assert.equal((await projects.get('real')).name, 'real');
      await assert.rejects(
        projects.apply('sim', renewed, actor),
        { code: 'project_moved' },
        'who renews it learns of it',
      );

      await sealed();
      const rows = await db
        .read<{ ledger_event: { seq: number; kind: string; subject: string; actor: string; body: string } }>()
        .selectFrom('ledger_event')
        .select(['kind', 'subject', 'actor', 'body'])
        .orderBy('seq')
        .execute();
      assert.deepEqual(
        rows.map(({ kind, actor: by, body }) => [kind, by, JSON.parse(body).simulationOf]),
        [
          ['first.applied', 'test', undefined],
          ['project.applied', 'owner', undefined],
          ['first.applied', 'test', 'e'],
          ['project.applied', 'owner', 'e'],
          ['first.removed', 'test', 'e'],
          ['project.destroyed', 'system:simulations', 'e'],
        ],
      );
    },
  );
});
