import assert from 'node:assert/strict';
import type { AliasApproval } from '@slipway/contract';
import type { Decider } from '../../lib/approval-rule.ts';
import type { Db } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import type { TestDb } from '../../platform/db/testing.ts';
import { dbTest, eachDatabase } from '../../platform/db/testing.ts';
import { trackingStore } from '../tracking/store.ts';
import { trackingBench } from '../tracking/testing.ts';
import type { Registry } from './index.ts';
import { createRegistry } from './index.ts';
import type { ModelDeclaration } from './store.ts';
import { modelKind, moveAliasIn, registryStore, withdrawApprovalIn } from './store.ts';

const ann: Decider = { actor: 'token:ann', role: 'deployer' };
const ben: Decider = { actor: 'token:ben', role: 'deployer' };
const boss: Decider = { actor: 'token:boss', role: 'owner' };
const owner: Decider = { actor: 'owner', role: 'owner' };

const declare = operation('test.declare', (trx, input: { name: string; spec: ModelDeclaration }) =>
  modelKind.apply(trx, { ...input, digest: 'x', project: 'flights', actor: 'owner' }),
);
const undeclare = operation('test.undeclare', (trx, name: string) =>
  modelKind.remove(trx, { name, project: 'flights', actor: 'owner' }),
);
/** Time goes by for one request. */
const age = operation('test.age', async (trx, uid: string): Promise<void> => {
  await trx
    .tables<{ registry_approval: { uid: string; lapses_at: number } }>()
    .updateTable('registry_approval')
    .set({ lapses_at: trx.now - 1 })
    .where('uid', '=', uid)
    .execute();
});
const moveInside = operation('test.move', (trx, input: { version: number }) =>
  moveAliasIn(trx, {
    model: 'm',
    alias: 'champion',
    number: input.version,
    reason: undefined,
    actor: 'system:rollout-judge',
  }),
);
const withdraw = operation('test.withdraw', (trx, approval: string) =>
  withdrawApprovalIn(trx, { approval, why: 'the rollout was rejected', actor: 'system:rollout-judge' }),
);

const options = {
  modules: [trackingStore, registryStore],
  operations: [declare, undeclare, age, moveInside, withdraw],
};

const asks = { aliases: { champion: { approval: {} } } };
const gated = (min: number): object => ({ gate: { checks: { auc: { min } } } });
const spec = (...parts: readonly object[]): ModelDeclaration => modelKind.parse('m', Object.assign({}, ...parts));

interface Bench {
  readonly db: Db;
  readonly registry: Registry;
  readonly ask: (version: number, actor?: string) => Promise<AliasApproval>;
  readonly decide: (
    id: string,
    verdict: 'approve' | 'reject',
    decider: Decider,
    reason?: string,
  ) => Promise<AliasApproval>;
  readonly events: (kind: string) => Promise<Record<string, unknown>[]>;
}

/** Model m with three versions that a gate let pass, champion 1, and what the declaration adds. */
async function benchOf({ db, sealed }: TestDb, declared: ModelDeclaration): Promise<Bench> {
  const { tracking, objects, ids } = trackingBench(db);
  const registry = createRegistry({ db, ids, objects, tracking });
  await db.write(declare, { name: 'm', spec: spec(gated(0.7)) });
  for (const auc of [0.71, 0.75, 0.8]) {
    const gate = await registry.judgeGate({
      model: 'm',
      evidence: { metrics: { auc: { value: auc } }, baselines: {} },
      actor: 'owner',
    });
    await registry.createVersion({ model: 'm', files: { from: 'nothing' }, gateId: gate.id, actor: 'owner' });
  }
  await registry.moveAlias({ model: 'm', alias: 'champion', version: 1, actor: 'owner' });
  await db.write(declare, { name: 'm', spec: declared });
  return {
    db,
    registry,
    ask: async (version, actor = ann.actor) => {
      const reason = 'better in May';
      const answer = await registry.moveAlias({ model: 'm', alias: 'champion', version, reason, actor });
      assert.equal(answer.state, 'waiting');
      assert(answer.approval);
      return answer.approval;
    },
    decide: (id, verdict, decider, reason = 'looked at it') =>
      registry.approvals.decide({ id, verdict, reason, decider }),
    events: async (kind) => {
      await sealed();
      const rows = await db
        .read<{ ledger_event: { seq: number; kind: string; actor: string; body: string } }>()
        .selectFrom('ledger_event')
        .select(['actor', 'body'])
        .where('kind', '=', kind)
        .orderBy('seq')
        .execute();
      return rows.map((row) => ({ by: row.actor, ...(JSON.parse(row.body) as Record<string, unknown>) }));
    },
  };
}

const championOf = async ({ registry }: Bench): Promise<number | undefined> =>
  (await registry.getModel('m')).aliases['champion'];

eachDatabase((name, open) => {
  const scenario = (title: string, declared: ModelDeclaration, run: (bench: Bench) => Promise<void>): void =>
    dbTest(`${name}: ${title}`, open, options, async (_t, opened) => run(await benchOf(opened, declared)));

  scenario('an alias that asks for approval moves with the decision', spec(gated(0.7), asks), async (bench) => {
    const { registry, ask, decide, events } = bench;
    const asked = await ask(2);
    assert.equal(await championOf(bench), 1, 'asking moves nothing');
    assert.deepEqual(
      [asked.state, asked.askedBy, asked.previous, asked.version, asked.reason, asked.gate?.passed],
      ['waiting', 'token:ann', 1, 2, 'better in May', true],
    );
    assert.equal(asked.lapsesAt - asked.askedAt, 7 * 86_400_000);
    assert.deepEqual((await registry.getVersion('m', 2)).approvals, { champion: asked.id });
    assert.equal((await ask(2, ben.actor)).id, asked.id, 'asked twice, it is one request');

    const decided = await decide(asked.id, 'approve', ben, 'the gain is proven');
    assert.deepEqual(
      [decided.state, decided.decidedBy, decided.decision, decided.isOwn],
      ['approved', 'token:ben', 'the gain is proven', undefined],
    );
    assert.equal(await championOf(bench), 2);
    assert.equal((await registry.getVersion('m', 2)).approvals, undefined);
    const [, moved] = await events('alias.moved');
    assert.deepEqual([moved?.['by'], moved?.['approval'], moved?.['previous']], ['token:ben', asked.id, 1]);
    const [given] = await events('approval.given');
    assert.deepEqual([given?.['askedBy'], given?.['by'], given?.['own']], ['token:ann', 'token:ben', false]);
    await assert.rejects(decide(asked.id, 'reject', ben), { code: 'approval_decided', message: /is approved/ });
    assert.equal(
      (await registry.moveAlias({ model: 'm', alias: 'challenger', version: 3, actor: 'owner' })).state,
      'moved',
      'other aliases ask nobody',
    );
  });

  scenario('nobody approves their own request but the owner at the machine', spec(asks), async (bench) => {
    const { ask, decide, events } = bench;
    const asked = await ask(2);
    await assert.rejects(decide(asked.id, 'approve', ann), { code: 'approval_own' });
    assert.equal(await championOf(bench), 1);
    const back = await decide(asked.id, 'reject', ann, 'wrong version');
    assert.equal(back.state, 'withdrawn', 'the asker takes it back');

    const own = await ask(3, owner.actor);
    const decided = await decide(own.id, 'approve', owner);
    assert.deepEqual([decided.state, decided.isOwn], ['approved', true]);
    assert.equal((await events('approval.given'))[0]?.['own'], true, 'and the ledger says so');
  });

  const strict = { aliases: { champion: { approval: { role: 'owner', by: ['boss'] } } } };
  scenario('only who is named and has the role decides', spec(strict), async (bench) => {
    const { ask, decide } = bench;
    const asked = await ask(2);
    assert.deepEqual([asked.role, asked.by], ['owner', ['boss']]);
    for (const other of [ben, owner, { ...boss, role: 'deployer' as const }]) {
      for (const verdict of ['approve', 'reject'] as const)
        await assert.rejects(decide(asked.id, verdict, other), { code: 'approval_not_yours' });
    }
    assert.equal((await decide(asked.id, 'approve', boss)).state, 'approved');
  });

  scenario('what has lapsed is decided by nobody and swept up once', spec(asks), async (bench) => {
    const { db, registry, ask, decide, events } = bench;
    const asked = await ask(2);
    assert.equal(await registry.approvals.lapse(), 0, 'it waits');
    await db.write(age, asked.id);
    await assert.rejects(decide(asked.id, 'approve', ben), { code: 'approval_decided', message: /is lapsed/ });
    const again = await ask(2);
    assert.notEqual(again.id, asked.id, 'a new request may be made before the sweep');
    assert.equal((await registry.approvals.get(asked.id)).state, 'lapsed');
    await db.write(age, again.id);
    assert.deepEqual([await registry.approvals.lapse(), await registry.approvals.lapse()], [1, 0]);
    assert.equal((await registry.approvals.get(again.id)).state, 'lapsed');
    assert.equal(await championOf(bench), 1);
    assert.equal((await events('approval.lapsed')).length, 2);
  });

  scenario('a gate that was declared anew is asked again', spec(gated(0.7), asks), async (bench) => {
    const { db, ask, decide } = bench;
    const [second, third] = [await ask(2), await ask(3)];
    await db.write(declare, { name: 'm', spec: spec(gated(0.78), asks) });
    await assert.rejects(decide(second.id, 'approve', ben), {
      code: 'gate_not_passed',
      message: /declared anew since, and now auc is 0\.75, outside the bound: at least 0\.78/,
    });
    assert.equal(
      (await bench.registry.approvals.get(second.id)).state,
      'waiting',
      'a refused decision decides nothing',
    );
    assert.equal(await championOf(bench), 1);
    await decide(third.id, 'approve', ben);
    assert.equal(await championOf(bench), 3);
  });

  scenario('two decisions at once: one of them counts', spec(asks), async (bench) => {
    const { ask, decide, events } = bench;
    const asked = await ask(2);
    const results = await Promise.allSettled([
      decide(asked.id, 'approve', ben),
      decide(asked.id, 'approve', boss),
      decide(asked.id, 'reject', owner),
    ]);
    assert.equal(results.filter((r) => r.status === 'fulfilled').length, 1);
    const { state } = await bench.registry.approvals.get(asked.id);
    assert.equal(await championOf(bench), state === 'approved' ? 2 : 1);
    assert.equal((await events('approval.given')).length + (await events('approval.refused')).length, 1);
  });

  scenario('of two requests for one alias the first approved one wins', spec(asks), async (bench) => {
    const { ask, decide } = bench;
    const [second, third] = [await ask(2), await ask(3, ben.actor)];
    const results = await Promise.allSettled([decide(second.id, 'approve', boss), decide(third.id, 'approve', boss)]);
    assert.equal(results.filter((r) => r.status === 'fulfilled').length, 1);
    const states = [second, third].map(async ({ id }) => (await bench.registry.approvals.get(id)).state);
    assert.deepEqual((await Promise.all(states)).toSorted(), ['approved', 'withdrawn']);
  });

  scenario('an alias that moved meanwhile ends what waits for it', spec(asks), async (bench) => {
    const { db, registry, ask, decide } = bench;
    const asked = await ask(2);
    await db.write(declare, { name: 'm', spec: spec() });
    const ended = await registry.approvals.get(asked.id);
    assert.deepEqual([ended.state, ended.decidedBy], ['withdrawn', 'owner']);
    assert.match(ended.decision ?? '', /asks for no approval/);
    await registry.moveAlias({ model: 'm', alias: 'champion', version: 3, actor: 'owner' });
    await db.write(declare, { name: 'm', spec: spec(asks) });
    await assert.rejects(decide(asked.id, 'approve', ben), { code: 'approval_decided' });
    assert.equal(await championOf(bench), 3);
    const back = await ask(1);
    await registry.deleteVersion('m', 1, 'owner');
    assert.equal((await registry.approvals.get(back.id)).state, 'withdrawn', 'its version is gone');
    const last = await ask(2);
    await db.write(undeclare, 'm');
    assert.equal((await registry.approvals.get(last.id)).state, 'withdrawn');
    await registry.deleteModel('m', 'owner');
    await assert.rejects(registry.approvals.get(last.id), { code: 'not_found' });
  });

  scenario('no route moves such an alias, and none takes it away', spec(gated(0.7), asks), async (bench) => {
    const { db, registry } = bench;
    const outcome = await db.write(moveInside, { version: 2 });
    assert.equal(outcome.state, 'waiting');
    const made = await registry.createVersion({
      model: 'm',
      files: { from: 'version', ref: 'm/2' },
      gateId: (
        await registry.judgeGate({
          model: 'm',
          evidence: { metrics: { auc: { value: 0.9 } }, baselines: {} },
          actor: 'owner',
        })
      ).id,
      aliases: ['champion', 'candidate'],
      actor: ann.actor,
    });
    assert.deepEqual([made.aliases, Object.keys(made.approvals ?? {})], [['candidate'], ['champion']]);
    await assert.rejects(registry.deleteAlias('m', 'champion', 'owner'), { code: 'approval_needed' });
    await assert.rejects(registry.changeVersion({ model: 'm', number: 2, stage: 'Production', actor: 'owner' }), {
      code: 'approval_needed',
    });
    await registry.changeVersion({ model: 'm', number: 1, stage: 'Production', actor: 'owner' });
    await assert.rejects(registry.deleteVersion('m', 1, 'owner'), { code: 'version_in_use' });
    assert.equal(await championOf(bench), 1);
    if (outcome.state === 'waiting') await db.write(withdraw, outcome.approval);
    const list = await registry.approvals.list({ limit: 10, model: 'm' });
    assert.deepEqual(
      list.map(({ approval }) => [approval.version, approval.state, approval.askedBy]),
      [
        [made.number, 'waiting', 'token:ann'],
        [2, 'withdrawn', 'system:rollout-judge'],
      ],
    );
    const [newest] = list;
    assert(newest);
    const older = await registry.approvals.list({
      limit: 10,
      before: { askedAt: newest.approval.askedAt, row: newest.row },
    });
    assert.deepEqual(
      older.map(({ approval }) => approval.version),
      [2],
    );
    assert.deepEqual(await registry.approvals.list({ limit: 10, state: 'lapsed' }), []);
    assert.deepEqual(await registry.approvals.list({ limit: 10, model: "m' or 1=1" }), []);
  });

  scenario('who declares a rule that cannot be kept is told', spec(), async () => {
    for (const [approval, said] of [
      [{ lapsesAfter: '5s' }, /between 1m and 365d/],
      [{ role: 'viewer' }, /role/],
      [{ by: [] }, /by/],
      [{ who: 'ann' }, /who/],
    ] as const) {
      const bad = { aliases: { champion: { approval } } };
      assert.throws(() => modelKind.parse('m', bad), { code: 'resource_invalid', message: said });
    }
    assert.throws(() => modelKind.parse('m', { aliases: { 'a b': { approval: {} } } }), { code: 'resource_invalid' });
  });
});
