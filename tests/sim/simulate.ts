/** One run: a scenario, a database, a seed. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { createLog } from '../../packages/server/src/platform/log.ts';
import { createLedger } from '../../packages/server/src/platform/ledger/create-ledger.ts';
import { createFileObjects } from '../../packages/server/src/platform/objects/file-objects.ts';
import type { Cluster, FaultKind } from './cluster.ts';
import { createCluster } from './cluster.ts';
import type { Databases } from './databases.ts';
import { createRandom } from './random.ts';
import type { Bench, Scenario, ScenarioRun } from './scenario.ts';
import type { UnderWay } from './under-way.ts';
import type { World } from './world.ts';
import { createWorld, startAt } from './world.ts';

/** How long everything may take to come to its end after the last fault, virtual milliseconds. */
const settleLimitMs = 40 * 60_000;
/** How often the state is looked at from outside, virtual milliseconds. */
const watchEveryMs = 2000;

export interface RunReport {
  readonly scenario: string;
  readonly database: 'sqlite' | 'postgres';
  readonly seed: number;
  /** What was found wrong; empty when the run is sound. */
  readonly problems: readonly string[];
  readonly faults: Readonly<Record<FaultKind, number>>;
  readonly servers: number;
  /** Writes of different servers overlapped: a replay has the same faults, but may interleave differently. */
  readonly isConcurrent: boolean;
  readonly events: number;
  readonly virtualMs: number;
  readonly tookMs: number;
  /** Of all that happened: equal for a replay. */
  readonly digest: string;
  readonly notes: readonly string[];
}

export async function simulate(options: {
  readonly scenario: Scenario;
  readonly databases: Databases;
  readonly work: UnderWay;
  readonly seed: number;
}): Promise<RunReport> {
  const { scenario, work, seed } = options;
  const startedAt = performance.now();
  const world = createWorld({ random: createRandom(seed).fork(scenario.name), work });
  const database = await options.databases.create();
  const draw = world.random.fork('setting');
  const most = database.dialect === 'sqlite' ? 1 : (scenario.servers ?? 3);
  const servers = Math.min(most, draw.pick([1, 2, 2, 2, 3]));
  const isConcurrent = servers > 1 && draw.chance(0.25);
  const outside = world.machine('auditor', 0);
  // What it would do by itself, such as sealing, is the servers' business.
  outside.pause();
  const log = createLog({ level: 'error', now: () => 0, write: () => undefined });
  const auditor = await database.open({ clock: outside.clock, log, random: () => 0.5 });
  const objects = await createFileObjects({ folder: join(database.folder, 'objects'), clock: outside.clock, log });
  let cluster: Cluster | undefined;
  const bench: Bench = {
    world,
    random: world.random.fork('clients'),
    database,
    auditor,
    objects,
    log,
    cluster: () => {
      if (cluster === undefined) throw new Error('the servers do not exist yet');
      return cluster;
    },
  };
  const run = scenario.create(bench);
  cluster = createCluster({
    world,
    work,
    database,
    servers,
    isConcurrent,
    operations: run.operations ?? [],
    without: scenario.without ?? [],
    boot: run.boot,
  });
  const problems: string[] = [];
  try {
    await play({ world, work, cluster, scenario, run, problems });
    await database.seal(auditor);
    const verdict = await createLedger({ db: auditor, clock: outside.clock, log }).verify();
    if (!verdict.ok) problems.push(`the ledger does not hold: ${verdict.problem}`);
    problems.push(...(await run.audit()));
    if (verdict.ok)
      world.note(
        `ledger ${verdict.headSeq} ${verdict.headChain}, ${world.eventCount()} events, print ${world.fingerprint()}`,
      );
  } catch (error) {
    problems.push(`the simulation broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  } finally {
    cluster.killAll();
    await work.settled();
    await database.remove();
  }
  return {
    scenario: scenario.name,
    database: database.dialect,
    seed,
    problems: [...new Set(problems)],
    faults: cluster.counts,
    servers,
    isConcurrent,
    events: world.eventCount(),
    virtualMs: world.now() - startAt,
    tookMs: performance.now() - startedAt,
    digest: createHash('sha256').update(world.notes.join('\n')).digest('hex').slice(0, 16),
    notes: world.notes,
  };
}

async function play(parts: {
  readonly world: World;
  readonly work: UnderWay;
  readonly cluster: Cluster;
  readonly scenario: Scenario;
  readonly run: ScenarioRun;
  readonly problems: string[];
}): Promise<void> {
  const { world, work, cluster, scenario, run, problems } = parts;
  let failure: unknown;
  const begin = (promise: Promise<void>): { isDone: boolean } => {
    const state = { isDone: false };
    promise.then(
      () => {
        state.isDone = true;
      },
      (error: unknown) => {
        failure ??= error;
      },
    );
    return state;
  };
  const hasFailed = (): boolean => failure !== undefined;

  cluster.start();
  const prepared = begin(run.prepare?.() ?? Promise.resolve());
  await world.runUntil(startAt + settleLimitMs, () => prepared.isDone || hasFailed());
  const from = world.now();
  const clients = begin(run.clients());
  const faults = world.random.fork('when');
  const faultCount = faults.between(...scenario.faults);
  for (let i = 0; i < faultCount; i++) world.after(faults.between(0, scenario.busyMs), cluster.inject);

  let isQuiet = false;
  let isHealed = false;
  const look = async (): Promise<void> => {
    problems.push(...(await run.watch()));
    isQuiet = isHealed && clients.isDone && (await run.isQuiet());
  };
  const watch = (): void => {
    world.after(watchEveryMs, () => {
      work.track(look()).catch((error: unknown) => {
        failure ??= error;
      });
      watch();
    });
  };
  watch();
  await world.runUntil(from + scenario.busyMs, hasFailed);
  cluster.heal();
  isHealed = true;
  world.note('no more faults');
  const isOver = await world.runUntil(world.now() + settleLimitMs, () => isQuiet || hasFailed());
  cluster.killAll();
  if (failure !== undefined) throw failure;
  if (!isOver)
    problems.push(`${clients.isDone ? 'something is stuck' : 'a client waits in vain'} after the last fault`);
}
