import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PolicySpec, SlipwayError } from '@slipway/contract';
import fc from 'fast-check';
import { createSystemClock } from '../../platform/clock.ts';
import { operation } from '../../platform/db/db.ts';
import type { Db, NewEvent } from '../../platform/db/db.ts';
import { dbTest, eachDatabase, testLog } from '../../platform/db/testing.ts';
import { createLedger } from '../../platform/ledger/create-ledger.ts';
import type { Ledger } from '../../platform/ledger/ledger.ts';
import { decideFiring, fillAction, matchesEvent } from './decide.ts';
import type { CauseEvent, PastFiring } from './decide.ts';
import type { Decider } from '../../lib/approval-rule.ts';
import type { ListedApproval, Registry } from '../registry/index.ts';
import type { Approvals, Automation, AutomationPorts } from './index.ts';
import { automationStore, createApprovals, createAutomation, policyKind } from './index.ts';
import type { AutomationTables } from './store.ts';
import { recordFiring } from './store.ts';

const emit = operation('test.emit', async (trx, event: NewEvent): Promise<void> => trx.emit(event));
const declare = operation('test.declare', async (trx, input: { name: string; spec: unknown }): Promise<void> => {
  const spec = policyKind.parse(input.name, input.spec);
  await policyKind.apply(trx, { name: input.name, spec, digest: 'sha256:0', project: 'flights', actor: 'owner' });
});
const retire = operation('test.retire', async (trx, name: string): Promise<void> => {
  await policyKind.remove(trx, { name, project: 'flights', actor: 'owner' });
});

/** Time goes by for one firing. */
const age = operation('test.age', async (trx, id: number): Promise<void> => {
  const tables = trx.tables<AutomationTables>();
  await tables
    .updateTable('automation_firing')
    .set({ lapses_at: trx.now - 1 })
    .where('id', '=', id)
    .execute();
});

type Order = Parameters<AutomationPorts['runPipeline']>[0];

interface Bench {
  readonly db: Db;
  readonly ledger: Ledger;
  readonly automation: Automation;
  readonly orders: Order[];
  readonly approvals: Approvals;
  /** Somebody asks to move an alias at this instant. */
  addMove(askedAt: number): void;
  fire(body: Record<string, unknown>, kind?: string): Promise<void>;
  settled(policy: string, firings: number): Promise<string[]>;
}

interface Options {
  /** Told how many orders came so far. */
  readonly runPipeline?: (calls: number) => Promise<Record<string, string>>;
}

const dayMs = 86_400_000;
const retrain = {
  when: 'alert.fired',
  where: { monitor: 'flight-delay-weekly', severity: 'alert' },
  do: { run: { pipeline: 'train', params: { until: '$event.body.windowEnd', source: 'flights' } } },
  cooldown: '21d',
};
const april = Date.parse('2013-04-29T04:00Z');
const alertOf = (at: number, severity = 'alert'): Record<string, unknown> => ({
  monitor: 'flight-delay-weekly',
  severity,
  windowEnd: at,
  at,
});

/** The first try meets a busy database, the second succeeds, all later ones are refused. */
async function busyThenRefusing(calls: number): Promise<Record<string, string>> {
  if (calls === 1) throw new SlipwayError('database_busy', { limitMs: 1 });
  if (calls === 2) return { pipelineRun: 'plr_1' };
  throw new SlipwayError('pipeline_params_invalid', { pipeline: 'train', problem: 'until is missing' });
}

function controls(db: Db, automation: Automation, sealed: () => Promise<void>): Pick<Bench, 'fire' | 'settled'> {
  return {
    fire: async (body, kind = 'alert.fired') => {
      await db.write(emit, { kind, actor: 'monitor:weekly', subject: 'alt_1', body });
      await sealed();
    },
    settled: async (policy, firings) => {
      for (let i = 0; i < 1000; i++) {
        const { items } = await automation.firings(policy, { limit: 50 });
        const states = items.map((f) => f.state).toReversed();
        if (states.length >= firings && !states.includes('acting')) {
          await sealed();
          return states;
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return assert.fail(`waited in vain for ${firings} firings of ${policy}`);
    },
  };
}

/** The registry's requests, in memory and in its order. */
function createMoves(): { readonly aliases: Registry['approvals']; add(askedAt: number): void } {
  const rows: ListedApproval[] = [];
  const refuse = async (): Promise<never> => {
    throw new SlipwayError('not_found', { noun: 'approval', name: 'none', remedy: '' });
  };
  return {
    add: (askedAt) => {
      const row = rows.length + 1;
      const what = { kind: 'alias', model: 'm', alias: 'champion', version: row } as const;
      const facts = { id: `apr_${row}`, state: 'waiting', askedBy: 'a', askedAt, lapsesAt: askedAt } as const;
      rows.push({ row, approval: { ...what, ...facts, role: 'deployer' } });
    },
    aliases: {
      list: async ({ state = 'waiting', before, limit }) =>
        rows
          .filter(({ row, approval: { askedAt } }) => {
            const isAfter =
              before === undefined || askedAt < before.askedAt || (askedAt === before.askedAt && row < before.row);
            return state === 'waiting' && isAfter;
          })
          .toSorted((a, b) => b.approval.askedAt - a.approval.askedAt || b.row - a.row)
          .slice(0, limit),
      get: refuse,
      decide: refuse,
      lapse: async () => 0,
    },
  };
}

eachDatabase((database, openDb) => {
  const stores = { modules: [automationStore], operations: [emit, declare, retire, age] };
  const scenario = (title: string, run: (bench: Bench) => Promise<void>, options: Options = {}): void =>
    dbTest(`${database}: ${title}`, openDb, stores, async (_, { db, sealed }) => {
      const clock = createSystemClock();
      const ledger = createLedger({ db, clock, log: testLog() });
      const orders: Order[] = [];
      const refuse = async (): Promise<never> => {
        throw new SlipwayError('not_found', { noun: 'endpoint', name: 'none', remedy: 'Declare it.' });
      };
      const automation = createAutomation({
        db,
        clock: { ...clock, sleep: async () => {} },
        log: { ...testLog(), warn: () => {} },
        ledger,
        runPipeline: async (order) => {
          orders.push(order);
          return options.runPipeline?.(orders.length) ?? { pipelineRun: `plr_${orders.length}` };
        },
        startRollout: refuse,
        moveAlias: refuse,
        postWebhook: refuse,
      });
      const moves = createMoves();
      const approvals = createApprovals({ db, clock, log: testLog(), aliases: moves.aliases, automation });
      ledger.start();
      try {
        await run({
          db,
          ledger,
          automation,
          orders,
          approvals,
          addMove: (askedAt) => moves.add(askedAt),
          ...controls(db, automation, sealed),
        });
      } finally {
        await ledger.stop();
      }
    });

  scenario('an alert starts the pipeline once, with the values of the event; a warning does not', async (bench) => {
    await bench.db.write(declare, { name: 'retrain', spec: retrain });
    await bench.fire(alertOf(april, 'warning'));
    await bench.fire(alertOf(april));
    assert.deepEqual(await bench.settled('retrain', 1), ['done']);
    assert.deepEqual(bench.orders, [
      {
        actor: 'policy:retrain',
        reason: 'policy retrain, caused by event 2',
        idempotencyKey: 'policy/retrain/2',
        pipeline: 'train',
        params: { until: april, source: 'flights' },
      },
    ]);
    const [firing] = (await bench.automation.firings('retrain', { limit: 5 })).items;
    assert.deepEqual([firing?.at, firing?.causeSeq, firing?.result], [april, 2, { pipelineRun: 'plr_1' }]);
    const told = await bench.ledger.list({ kinds: ['policy.triggered', 'policy.acted'], limit: 9 });
    assert.deepEqual(
      told.map((e) => [e.kind, e.body['causeSeq'], e.body['state']]),
      [
        ['policy.triggered', 2, 'acting'],
        ['policy.acted', 2, 'done'],
      ],
    );
  });

  scenario(
    'the cooldown counts event time, so that a replayed year is held to it as a lived one would be',
    async (bench) => {
      await bench.db.write(declare, { name: 'retrain', spec: retrain });
      await bench.fire(alertOf(april));
      await bench.fire(alertOf(april + 7 * dayMs));
      await bench.fire(alertOf(april + 21 * dayMs));
      assert.deepEqual(await bench.settled('retrain', 3), ['done', 'skipped', 'done']);
      const skipped = (await bench.automation.firings('retrain', { limit: 5 })).items[1];
      assert.match(skipped?.reason ?? '', /fired at 2013-04-29T04:00:00.000Z, the cooldown of 21 d is not over/);
      assert.equal(bench.orders.length, 2);
    },
  );

  scenario('a silenced alert triggers nothing, in life and in a dry run, and is said to be silenced', async (bench) => {
    await bench.db.write(declare, { name: 'retrain', spec: retrain });
    const silence = { id: 'sil_1', until: april + dayMs, reason: 'a known storm' };
    await bench.fire({ ...alertOf(april), silence });
    assert.deepEqual(await bench.settled('retrain', 1), ['skipped']);
    await bench.fire(alertOf(april + dayMs));
    assert.deepEqual(await bench.settled('retrain', 2), ['skipped', 'done'], 'a held firing starts no cooldown');
    const told = await bench.automation.decisions('alt_1');
    assert.deepEqual(
      told.map((f) => [f.policy, f.state]),
      [
        ['retrain', 'done'],
        ['retrain', 'skipped'],
      ],
    );
    assert.match(told[1]?.reason ?? '', /^held back: silenced until 2013-.*: a known storm$/);
    assert.deepEqual(await bench.automation.decisions('alt_2'), []);
    const dry = await bench.automation.dryRun('retrain', { after: 0, limit: 10 });
    assert.deepEqual(
      dry.firings.map((f) => f.state),
      ['skipped', 'acting'],
    );
  });

  scenario('a policy that asks for approval waits, acts on yes, and leaves it on no', async (bench) => {
    await bench.db.write(declare, { name: 'careful', spec: { ...retrain, cooldown: 0, approval: true } });
    await bench.fire(alertOf(april));
    await bench.fire(alertOf(april + dayMs * 2));
    assert.deepEqual(await bench.settled('careful', 2), ['waiting', 'waiting']);
    assert.equal(bench.orders.length, 0);
    const [second, first] = (await bench.automation.firings('careful', { limit: 5 })).items;
    const yes = await bench.automation.decide({
      policy: 'careful',
      id: first?.id ?? 0,
      decider: { actor: 'token:ann', role: 'owner' },
      decision: 'approve',
    });
    assert.deepEqual([yes.state, yes.decidedBy], ['done', 'token:ann']);
    const no = await bench.automation.decide({
      policy: 'careful',
      id: second?.id ?? 0,
      decider: { actor: 'token:ann', role: 'owner' },
      decision: 'reject',
      reason: 'a storm, not a decay',
    });
    assert.deepEqual([no.state, no.reason], ['rejected', 'a storm, not a decay']);
    assert.equal(bench.orders.length, 1);
    const again = bench.automation.decide({
      policy: 'careful',
      id: second?.id ?? 0,
      decider: { actor: 'owner', role: 'owner' },
      decision: 'approve',
    });
    await assert.rejects(again, /is rejected, so it cannot be approved/);
    const other = bench.automation.decide({
      policy: 'elsewhere',
      id: first?.id ?? 0,
      decider: { actor: 'owner', role: 'owner' },
      decision: 'approve',
    });
    await assert.rejects(other, (e) => e instanceof SlipwayError && e.code === 'not_found');
  });

  scenario('what nobody decides lapses; who may decide is declared', async (bench) => {
    const approval = { role: 'owner', by: ['ann'], lapsesAfter: '1h' };
    await bench.db.write(declare, { name: 'careful', spec: { ...retrain, cooldown: 0, approval } });
    await bench.fire(alertOf(april));
    await bench.fire(alertOf(april + dayMs));
    await bench.settled('careful', 2);
    const [second, first] = (await bench.automation.firings('careful', { limit: 5 })).items;
    assert.equal((first?.lapsesAt ?? 0) - (first?.createdAt ?? 0), 3_600_000);
    const decide = (id: number | undefined, decider: Decider): Promise<unknown> =>
      bench.approvals.decide({ id: `firing-${id}`, verdict: 'approve', reason: 'calm week', decider });
    await assert.rejects(decide(first?.id, { actor: 'token:ann', role: 'deployer' }), { code: 'approval_not_yours' });
    await assert.rejects(decide(first?.id, { actor: 'token:ben', role: 'owner' }), { code: 'approval_not_yours' });
    await decide(first?.id, { actor: 'token:ann', role: 'owner' });
    assert.equal(await bench.approvals.sweep(), 0, 'the other one still waits');
    await bench.db.write(age, second?.id ?? 0);
    await assert.rejects(decide(second?.id, { actor: 'token:ann', role: 'owner' }), /is lapsed/);
    assert.deepEqual([await bench.approvals.sweep(), await bench.approvals.sweep()], [1, 0]);
    const { items } = await bench.approvals.list({ limit: 10 });
    assert.deepEqual(
      items.map((a) => [a.id, a.state, a.decidedBy, a.decision]),
      [
        [`firing-${second?.id}`, 'lapsed', undefined, undefined],
        [`firing-${first?.id}`, 'approved', 'token:ann', 'calm week'],
      ],
    );
    assert.equal(bench.orders.length, 1);
    await bench.settled('careful', 2);
    const told = await bench.ledger.list({ kinds: ['approval.lapsed'], limit: 9 });
    assert.deepEqual(
      told.map((e) => e.body['approval']),
      [`firing-${second?.id}`],
    );
    await assert.rejects(bench.approvals.get('firing-99'), { code: 'not_found' });
    await assert.rejects(bench.approvals.get('firing-0x1'), { code: 'not_found' });
  });

  scenario('aliases and firings are one list, paged without a gap and without a repetition', async (bench) => {
    await bench.db.write(declare, { name: 'careful', spec: { ...retrain, cooldown: 0, approval: true } });
    for (let day = 0; day < 3; day++) await bench.fire(alertOf(april + day * dayMs));
    await bench.settled('careful', 3);
    const fired = (await bench.automation.firings('careful', { limit: 5 })).items;
    // At the same instants as the firings, and between them: every tie there can be.
    for (const { createdAt } of fired) for (const at of [createdAt, createdAt, createdAt + 1]) bench.addMove(at);
    const whole = await bench.approvals.list({ limit: 100 });
    assert.equal(whole.items.length, 12);
    assert(whole.items.every((a, i) => i === 0 || a.askedAt <= (whole.items[i - 1]?.askedAt ?? 0)));
    for (const limit of [1, 2, 5, 11, 12]) {
      const seen: string[] = [];
      let pageToken: string | undefined;
      do {
        const page = await bench.approvals.list({ limit, pageToken });
        seen.push(...page.items.map((a) => a.id));
        pageToken = page.nextPageToken;
      } while (pageToken !== undefined);
      assert.deepEqual(
        seen,
        whole.items.map((a) => a.id),
        `${limit} a page`,
      );
    }
    assert.equal((await bench.approvals.list({ limit: 100, model: 'm' })).items.length, 9);
    assert.equal((await bench.approvals.list({ limit: 100, state: 'withdrawn' })).items.length, 0);
    const { nextPageToken } = await bench.approvals.list({ limit: 1 });
    const other = bench.approvals.list({ limit: 1, state: 'waiting', pageToken: nextPageToken });
    await assert.rejects(other, { code: 'page_token_invalid' });
  });

  scenario(
    'what passes is tried again; what is refused is recorded; three refusals in a row stop the policy until it is applied',
    async (bench) => {
      await bench.db.write(declare, { name: 'retrain', spec: { ...retrain, cooldown: 0 } });
      for (let day = 0; day < 5; day++) await bench.fire(alertOf(april + day * dayMs));
      assert.deepEqual(await bench.settled('retrain', 5), ['done', 'failed', 'failed', 'failed', 'skipped']);
      assert.equal(bench.orders.length, 5, 'one retry, no retry of a refusal, nothing after the breaker');
      await bench.db.write(declare, { name: 'retrain', spec: { ...retrain, cooldown: 0, maxPerDay: 11 } });
      await bench.fire(alertOf(april + 6 * dayMs));
      assert.equal((await bench.settled('retrain', 6)).at(-1), 'failed');
    },
    { runPipeline: busyThenRefusing },
  );

  scenario('a crash between decision and action loses nothing and doubles nothing', async (bench) => {
    await bench.db.write(declare, { name: 'retrain', spec: { ...retrain, where: { monitor: 'other' } } });
    const event: CauseEvent = {
      seq: 900,
      at: april,
      actor: 'a',
      kind: 'alert.fired',
      subject: 's',
      body: { ...alertOf(april), monitor: 'other' },
    };
    const first = await bench.db.write(recordFiring, { policy: 'retrain', event });
    const second = await bench.db.write(recordFiring, { policy: 'retrain', event });
    assert.deepEqual(second, first);
    assert.equal(first?.state, 'acting');
    await bench.automation.resume();
    await bench.automation.resume();
    assert.deepEqual(
      bench.orders.map((o) => o.idempotencyKey),
      ['policy/retrain/900'],
    );
  });

  scenario(
    'a missing value fails the firing with what the event has; an unknown target fails it with its message',
    async (bench) => {
      const asks = { run: { pipeline: 'train', params: { until: '$event.body.windowClose' } } };
      await bench.db.write(declare, { name: 'misspelt', spec: { ...retrain, do: asks } });
      await bench.db.write(declare, {
        name: 'nowhere',
        spec: { ...retrain, do: { rollout: { endpoint: 'none', candidate: '$event.body.windowEnd' } } },
      });
      await bench.fire(alertOf(april));
      assert.deepEqual(await bench.settled('misspelt', 1), ['failed']);
      assert.deepEqual(await bench.settled('nowhere', 1), ['failed']);
      const [misspelt] = (await bench.automation.firings('misspelt', { limit: 1 })).items;
      assert.match(misspelt?.problem ?? '', /needs \$event\.body\.windowClose.*It has: .*windowEnd/);
      const [nowhere] = (await bench.automation.firings('nowhere', { limit: 1 })).items;
      assert.match(nowhere?.problem ?? '', /There is no endpoint "none"/);
      assert.equal(bench.orders.length, 0);
    },
  );

  scenario(
    'a policy looks forward from its declaration and stops when it is removed; the dry run looks back',
    async (bench) => {
      await bench.fire(alertOf(april));
      await bench.fire(alertOf(april + 7 * dayMs));
      await new Promise((resolve) => setTimeout(resolve, 5));
      await bench.db.write(declare, { name: 'retrain', spec: retrain });
      await bench.fire(alertOf(april + 30 * dayMs));
      assert.deepEqual(await bench.settled('retrain', 1), ['done']);
      await bench.db.write(retire, 'retrain');
      await bench.fire(alertOf(april + 90 * dayMs));
      const dry = await bench.automation.dryRun('retrain', { after: 0, limit: 100 });
      assert.deepEqual(
        dry.firings.map((f) => f.state),
        ['acting', 'skipped', 'acting', 'acting'],
      );
      assert.equal(dry.events, 4);
      assert.equal((await bench.settled('retrain', 1)).length, 1);
      assert.equal((await bench.automation.get('retrain')).retiredAt !== undefined, true);
    },
  );
});

const event: CauseEvent = {
  seq: 7,
  at: 1000,
  actor: 'owner',
  kind: 'model.version-created',
  subject: 'mdv_1',
  body: { model: 'flight-delay', number: 2, aliases: ['challenger'], gatePassed: true, nested: { score: 0.7 } },
};

test('conditions: equality, one of, ranges, lists, nested paths, the event itself', () => {
  const fitting = [
    {},
    { model: 'flight-delay' },
    { 'body.model': 'flight-delay' },
    { aliases: 'challenger' },
    { aliases: ['champion', 'challenger'] },
    { number: { min: 2 } },
    { 'nested.score': { min: 0.6, max: 0.8 } },
    { gatePassed: true },
    { subject: 'mdv_1' },
    { absent: null },
  ];
  const others = [
    { model: 'other' },
    { aliases: 'champion' },
    { number: { min: 3 } },
    { number: '2' },
    { 'nested.toString': 'x' },
    { 'model.length': 12 },
    { absent: 1 },
  ];
  const run = { run: { pipeline: 'p' } };
  for (const where of fitting) {
    assert.equal(
      matchesEvent(PolicySpec.parse({ when: event.kind, where, do: run }), event),
      true,
      JSON.stringify(where),
    );
  }
  for (const where of others) {
    assert.equal(
      matchesEvent(PolicySpec.parse({ when: event.kind, where, do: run }), event),
      false,
      JSON.stringify(where),
    );
  }
  assert.equal(matchesEvent(PolicySpec.parse({ when: 'alert.fired', do: run }), event), false);
});

test('only a whole string is a reference', () => {
  const params = {
    a: '$event.body.number',
    b: 'x $event.body.number',
    c: ['$event.seq'],
    d: { e: '$event.body.aliases' },
  };
  assert.deepEqual(fillAction('p', { run: { pipeline: 'p', params } }, event), {
    run: { pipeline: 'p', params: { a: 2, b: 'x $event.body.number', c: [7], d: { e: ['challenger'] } } },
  });
});

test('whatever happens, no window of a day holds more firings than allowed and none lie closer than the cooldown', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 20 * dayMs }), { maxLength: 60 }),
      fc.integer({ min: 0, max: 3 * dayMs }),
      fc.integer({ min: 1, max: 4 }),
      (instants, cooldown, maxPerDay) => {
        const spec = PolicySpec.parse({ when: 'alert.fired', do: { run: { pipeline: 'p' } }, cooldown, maxPerDay });
        const past: PastFiring[] = [];
        for (const at of instants.toSorted((a, b) => a - b)) {
          if (decideFiring(spec, at, past).state === 'acting') past.push({ at, state: 'done' });
        }
        past.forEach((f, i) => {
          const before = past[i - 1];
          if (before !== undefined) assert.ok(f.at - before.at >= cooldown);
          assert.ok(past.filter((g) => g.at > f.at - dayMs && g.at <= f.at).length <= maxPerDay);
        });
      },
    ),
  );
});

test('declarations are checked', () => {
  for (const [spec, problem] of [
    [{ ...retrain, when: 'alert.fried' }, /when/],
    [{ ...retrain, do: { dance: {} } }, /do takes one of run/],
    [{ ...retrain, cooldown: '3 weeks' }, /cooldown/],
    [{ ...retrain, do: { webhook: { url: 'file:///etc/passwd' } } }, /do/],
    [{ do: retrain.do }, /when/],
  ] as const) {
    assert.throws(() => policyKind.parse('p', spec), problem);
  }
});
