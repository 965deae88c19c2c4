/**
 * The ledger: what was acknowledged has its event, exactly one; the chain has no gap; each consumer saw each event of its
 * kinds at least once, first sights in the order of the chain.
 */
import { createLedger } from '../../../packages/server/src/platform/ledger/create-ledger.ts';
import type { LedgerEvent } from '../../../packages/server/src/platform/ledger/ledger.ts';
import type { LedgerTables } from '../../../packages/server/src/platform/ledger/store.ts';
import type { Server } from '../cluster.ts';
import type { Bench, Scenario, ScenarioRun } from '../scenario.ts';
import { listEffects, orderNote, takeEffect } from '../sim-store.ts';

const kinds = ['sim.red', 'sim.green', 'sim.blue'] as const;
const consumers: Readonly<Record<string, readonly string[]>> = {
  all: kinds,
  'two-of-three': ['sim.red', 'sim.blue'],
};
const noteCount = 150;

export const ledgerScenario: Scenario = {
  name: 'ledger',
  what: 'events, chain, sealing, consumers by cursor',
  busyMs: 60_000,
  faults: [4, 10],
  create,
};

function create(bench: Bench): ScenarioRun {
  const { world, random, auditor } = bench;
  const acknowledged = new Set<string>();
  const refused = new Set<string>();

  const boot = (server: Server): void => {
    const ledger = createLedger({ db: server.db, clock: server.machine.clock, log: server.log });
    for (const [name, wanted] of Object.entries(consumers)) {
      const chance = server.random.fork(name);
      ledger.consume(name, wanted, async (event) => {
        if (chance.chance(0.02)) throw new Error('the consumer stumbles');
        await server.db.write(takeEffect, { consumer: name, key: event.subject });
        if (chance.chance(0.02)) throw new Error('the consumer stumbles after its work');
      });
    }
    ledger.start();
  };

  const clients = async (): Promise<void> => {
    const keys = Array.from({ length: noteCount }, (_, i) => `note-${String(i).padStart(4, '0')}`);
    await Promise.all(
      keys.map(async (key) => {
        await world.sleep(random.between(0, 50_000));
        const note = { key, kind: random.pick(kinds) };
        if (random.chance(0.5)) {
          await bench.cluster().write(orderNote, note);
          acknowledged.add(key);
          return;
        }
        // A client that does not try again, and remembers what it was told.
        const answer = await bench.cluster().tryWrite(orderNote, note);
        if (answer.kind === 'made') acknowledged.add(key);
        if (answer.kind === 'refused') refused.add(key);
      }),
    );
  };

  const events = (): Promise<Pick<LedgerEvent, 'seq' | 'kind' | 'subject'>[]> =>
    auditor
      .read<LedgerTables>()
      .selectFrom('ledger_event')
      .select(['seq', 'kind', 'subject'])
      .where('kind', 'in', kinds)
      .orderBy('seq')
      .execute();

  return {
    boot,
    clients,
    watch: async () => [],
    isQuiet: async () => {
      if (bench.database.dialect === 'postgres') {
        const pending = await auditor
          .read<{ ledger_pending: { id: number } }>()
          .selectFrom('ledger_pending')
          .select('id')
          .limit(1)
          .execute();
        if (pending.length > 0) return false;
      }
      const all = await events();
      for (const [name, wanted] of Object.entries(consumers)) {
        const seen = await listEffects(auditor, name);
        if (seen.length < all.filter((event) => wanted.includes(event.kind)).length) return false;
      }
      return true;
    },
    audit: async () => {
      const problems: string[] = [];
      const all = await events();
      const written = new Map<string, number>();
      for (const event of all) written.set(event.subject, (written.get(event.subject) ?? 0) + 1);
      for (const key of acknowledged) {
        if (written.get(key) !== 1) problems.push(`${key} was acknowledged and has ${written.get(key) ?? 0} events`);
      }
      for (const key of refused) if (written.has(key)) problems.push(`${key} was refused, but is there`);
      for (const [name, wanted] of Object.entries(consumers)) {
        const expected = all.filter((event) => wanted.includes(event.kind)).map((event) => event.subject);
        const seen = (await listEffects(auditor, name)).map((effect) => effect.key);
        const at = expected.findIndex((key, i) => key !== seen[i]);
        if (at >= 0) problems.push(`consumer ${name} saw ${seen[at] ?? 'nothing'} where ${expected[at]} came`);
        if (seen.length > expected.length) problems.push(`consumer ${name} saw what is not in the ledger`);
      }
      return problems;
    },
  };
}
