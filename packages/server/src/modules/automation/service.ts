/**
 * Policies at work: a ledger consumer. Each event that fits a policy is decided and recorded in one transaction, then acted
 * on. The action carries a key made of policy and event, so that acting again after a crash starts nothing twice; firings
 * that a crash left unfinished are taken up at the next start.
 */
import type { Policy, PolicyAction, PolicyFiring } from '@slipway/contract';
import { policyEventKinds, SlipwayError } from '@slipway/contract';
import type { Kysely } from 'kysely';
import { pageOf } from '../../lib/page.ts';
import type { Page, PageRequest } from '../../lib/page.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Ledger } from '../../platform/ledger/ledger.ts';
import type { Log } from '../../platform/log.ts';
import { decideFiring, eventTime, heldBySilence, matchesEvent } from './decide.ts';
import type { FiringDecision, PastFiring } from './decide.ts';
import type { AutomationTables, DecideInput } from './store.ts';
import {
  decideWaiting,
  findPolicy,
  finishFiring,
  firingOf,
  listActing,
  listFiringsCausedBy,
  listPoliciesFor,
  policyOf,
  recordFiring,
} from './store.ts';

/** How an action asks for something: who asks, why, and a key under which it happens once. */
export interface ActionOrder {
  readonly actor: string;
  readonly reason: string;
  readonly idempotencyKey: string;
}

/** What policies may do, in the words of the modules that do it. Each answers with what it started. */
export interface AutomationPorts {
  readonly runPipeline: (
    order: ActionOrder & { readonly pipeline: string; readonly params: Readonly<Record<string, unknown>> },
  ) => Promise<Readonly<Record<string, string | number>>>;
  readonly startRollout: (
    order: ActionOrder & { readonly endpoint: string; readonly candidate: string | number },
  ) => Promise<Readonly<Record<string, string | number>>>;
  readonly moveAlias: (
    order: ActionOrder & { readonly model: string; readonly alias: string; readonly version: string | number },
  ) => Promise<Readonly<Record<string, string | number>>>;
  /** Posts JSON; throws when the other side cannot be reached or answers other than 2xx. */
  readonly postWebhook: (
    order: ActionOrder & { readonly url: string; readonly body: Readonly<Record<string, unknown>> },
  ) => Promise<Readonly<Record<string, string | number>>>;
}

export interface AutomationDeps extends AutomationPorts {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly ledger: Ledger;
}

export interface DryRun {
  readonly events: number;
  readonly firings: readonly (FiringDecision & { readonly causeSeq: number; readonly at: number })[];
}

export interface Automation {
  list(page: PageRequest): Promise<Page<Policy>>;
  get(name: string): Promise<Policy>;
  firings(name: string, page: PageRequest): Promise<Page<PolicyFiring>>;
  /** What policies did about a thing, by the newest of its events that policies wait for. */
  decisions(subject: string): Promise<PolicyFiring[]>;
  /** What the policy would have done on events after a sequence number, as if it had been declared then. */
  dryRun(name: string, range: { readonly after: number; readonly limit: number }): Promise<DryRun>;
  decide(input: DecideInput): Promise<PolicyFiring>;
  /** Takes up what a crash left. Call once, after the modules behind the ports are ready. */
  resume(): Promise<void>;
}

/** Tries of one action while its failure may pass, and the pause before the second; it doubles. */
const triesMax = 4;
const pauseMs = 500;
/** Events of one thing whose firings are looked up. */
const causesMax = 100;

export function createAutomation(deps: AutomationDeps): Automation {
  const { db, ledger } = deps;
  const tables = (): Kysely<AutomationTables> => db.read<AutomationTables>();

  const get = async (name: string): Promise<Policy> => {
    const row = await findPolicy(tables(), name);
    if (row === undefined) {
      throw new SlipwayError('not_found', { noun: 'policy', name, remedy: '`slipway policy list` shows them.' });
    }
    return policyOf(row);
  };

  ledger.consume('automation', policyEventKinds, async (event) => {
    for (const policy of await listPoliciesFor(tables(), event)) {
      const firing = await db.write(recordFiring, { policy: policy.name, event });
      if (firing?.state === 'acting') await act(deps, firing);
    }
  });

  return {
    get,
    list: async ({ limit, pageToken }) => {
      let query = tables()
        .selectFrom('automation_policy')
        .selectAll()
        .orderBy('name')
        .limit(limit + 1);
      if (pageToken !== undefined) query = query.where('name', '>', pageToken);
      const rows = await db.scan(query);
      return pageOf(rows, limit, (row) => row.name, policyOf);
    },
    firings: async (name, { limit, pageToken }) => {
      await get(name);
      let query = tables()
        .selectFrom('automation_firing')
        .selectAll()
        .where('policy', '=', name)
        .orderBy('id', 'desc')
        .limit(limit + 1);
      if (pageToken !== undefined) query = query.where('id', '<', numberToken(pageToken));
      const rows = await db.scan(query);
      return pageOf(rows, limit, (row) => String(row.id), firingOf);
    },
    decisions: async (subject) => {
      const events = await ledger.list({ subject, kinds: policyEventKinds, limit: causesMax, order: 'desc' });
      const rows = await listFiringsCausedBy(
        db,
        events.map((event) => event.seq),
      );
      return rows.map(firingOf);
    },
    dryRun: async (name, { after, limit }) => dryRun(ledger, await get(name), { after, limit }),
    decide: async (input) => {
      const firing = await db.write(decideWaiting, input);
      return firing.state === 'acting' ? act(deps, firing) : firing;
    },
    resume: async () => {
      for (const row of await listActing(tables())) await act(deps, firingOf(row));
    },
  };
}

function numberToken(token: string): number {
  const id = Number(token);
  if (!Number.isSafeInteger(id)) throw new SlipwayError('page_token_invalid', { token });
  return id;
}

/** Takes the action of a firing and records what came of it. A refusal is recorded as a failure, never thrown. */
async function act(deps: AutomationDeps, firing: PolicyFiring): Promise<PolicyFiring> {
  const { db, clock, log } = deps;
  for (let attempt = 1; ; attempt++) {
    try {
      const result = await perform(deps, firing);
      return await db.write(finishFiring, { id: firing.id, outcome: { result: { ...result } } });
    } catch (error) {
      const mayPass = !(error instanceof SlipwayError) || error.retryable;
      if (error instanceof SlipwayError && error.code === 'shutting_down') throw error;
      if (mayPass && attempt < triesMax) {
        await clock.sleep(pauseMs * 2 ** (attempt - 1));
        continue;
      }
      log.warn('a policy could not act', { policy: firing.policy, firing: firing.id, attempt, error });
      const problem = error instanceof Error ? error.message : String(error);
      return db.write(finishFiring, { id: firing.id, outcome: { problem } });
    }
  }
}

function perform(deps: AutomationDeps, firing: PolicyFiring): Promise<Readonly<Record<string, string | number>>> {
  const order: ActionOrder = {
    actor: `policy:${firing.policy}`,
    reason: `policy ${firing.policy}, caused by event ${firing.causeSeq}`,
    idempotencyKey: `policy/${firing.policy}/${firing.causeSeq}`,
  };
  const action: PolicyAction = firing.action;
  if ('run' in action) return deps.runPipeline({ ...order, ...action.run });
  if ('rollout' in action) return deps.startRollout({ ...order, ...action.rollout });
  if ('alias' in action) return deps.moveAlias({ ...order, ...action.alias });
  const body = {
    policy: firing.policy,
    firing: firing.id,
    causeSeq: firing.causeSeq,
    at: firing.at,
    reason: firing.reason,
  };
  return deps.postWebhook({ ...order, ...action.webhook, body });
}

/** Events per page of a dry run. */
const dryRunPage = 500;

async function dryRun(
  ledger: Ledger,
  policy: Policy,
  range: { readonly after: number; readonly limit: number },
): Promise<DryRun> {
  const past: PastFiring[] = [];
  const firings: (FiringDecision & { causeSeq: number; at: number })[] = [];
  let events = 0;
  let after = range.after;
  while (events < range.limit) {
    const limit = Math.min(dryRunPage, range.limit - events);
    const page = await ledger.list({ afterSeq: after, kinds: [policy.spec.when], limit });
    for (const event of page) {
      events++;
      after = event.seq;
      if (!matchesEvent(policy.spec, event)) continue;
      const at = eventTime(event);
      const decision = heldBySilence(event) ?? decideFiring(policy.spec, at, past);
      if (decision.state !== 'skipped') past.push({ at, state: 'done' });
      firings.push({ ...decision, causeSeq: event.seq, at });
    }
    if (page.length < limit) break;
  }
  return { events, firings };
}
