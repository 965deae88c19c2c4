/** What a scenario is: servers with some work, clients that ask for it, and what must be true afterwards. */
import type { AnyOperation, Db } from '../../packages/server/src/platform/db/db.ts';
import type { Log } from '../../packages/server/src/platform/log.ts';
import type { Objects } from '../../packages/server/src/platform/objects/objects.ts';
import type { Cluster, FaultKind, Server } from './cluster.ts';
import type { RunDatabase } from './databases.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

export interface Bench {
  readonly world: World;
  readonly random: Random;
  readonly database: RunDatabase;
  /** A view of the database that no fault touches. */
  readonly auditor: Db;
  /** Likewise of the objects. */
  readonly objects: Objects;
  readonly log: Log;
  readonly cluster: () => Cluster;
}

export interface ScenarioRun {
  readonly operations?: readonly AnyOperation[];
  /** Runs in each life of each server. */
  readonly boot: (server: Server) => Promise<void> | void;
  /** What clients ask for; resolves when they have all their answers. */
  readonly clients: () => Promise<void>;
  /** Before the clients begin, without faults. */
  readonly prepare?: () => Promise<void>;
  /** Whether nothing is left to come. */
  readonly isQuiet: () => Promise<boolean>;
  /** What is wrong at any moment, faults or not. */
  readonly watch: () => Promise<readonly string[]>;
  /** What is wrong at the end. */
  readonly audit: () => Promise<readonly string[]>;
}

export interface Scenario {
  readonly name: string;
  readonly what: string;
  /** How long clients and faults go on, virtual milliseconds. */
  readonly busyMs: number;
  /** Faults per run, at least and at most. */
  readonly faults: readonly [number, number];
  /** Faults that its parts are not made for. */
  readonly without?: readonly FaultKind[];
  /** Servers at most; three unless said, one on SQLite. */
  readonly servers?: number;
  readonly create: (bench: Bench) => ScenarioRun;
}
