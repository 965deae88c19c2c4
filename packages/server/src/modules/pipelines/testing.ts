/** A server's pipelines on a fresh database and folder, for tests: real jobs, real processes, real objects. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BundleFile, PipelineRunDetail } from '@slipway/contract';
import { canonicalJson } from '@slipway/contract';
import { describe } from 'slipway';
import type { PipelineDefinition } from 'slipway';
import { digestOfJson } from '../../lib/digest.ts';
import type { Clock } from '../../platform/clock.ts';
import { createSystemClock } from '../../platform/clock.ts';
import type { AnyOperation, Db } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import { createSqliteDb } from '../../platform/db/sqlite.ts';
import { eachDatabase, openedTest, openTestDb } from '../../platform/db/testing.ts';
import type { OpenedTestOptions, OpenTestDb } from '../../platform/db/testing.ts';
import { createIds } from '../../platform/ids.ts';
import { createJobs } from '../../platform/jobs/create-jobs.ts';
import type { Jobs } from '../../platform/jobs/jobs.ts';
import { jobsStore } from '../../platform/jobs/store.ts';
import { createLog } from '../../platform/log.ts';
import { createFileObjects } from '../../platform/objects/file-objects.ts';
import type { Pipelines } from './index.ts';
import { createPipelines } from './index.ts';
import { pipelineResource } from './resource.ts';
import { applyPipeline, pipelinesStore } from './store.ts';

const apply = operation('test.apply-pipeline', async (trx, input: Parameters<typeof applyPipeline>[1]) =>
  applyPipeline(trx, input),
);

export interface Server {
  readonly pipelines: Pipelines;
  readonly jobs: Jobs;
  /** Stops as a process that is killed: nothing is given back, children live on. */
  abandon(): Promise<void>;
}

export interface PipelinesBench extends AsyncDisposable {
  readonly db: Db;
  readonly folder: string;
  readonly clock: Clock;
  shift(ms: number): void;
  /** Starts a server over the same database and folder. */
  start(options?: {
    readonly isWorking?: boolean;
    readonly slots?: number;
    /** Runs end without a param or a metric. */
    readonly isBare?: boolean;
  }): Server;
  /** Writes a project, describes its pipelines and declares them. */
  declare(files: Readonly<Record<string, string>>): Promise<PipelineDefinition[]>;
  ended(server: Server, run: string, limitMs?: number): Promise<PipelineRunDetail>;
}

export interface BenchOptions {
  /** Operations of the test itself. */
  readonly operations?: readonly AnyOperation[];
  readonly open?: OpenTestDb;
  /** A folder that outlives this process: database, objects and all. It is not removed. */
  readonly folder?: string;
}

export async function openPipelines(options: BenchOptions = {}): Promise<PipelinesBench> {
  const system = createSystemClock();
  let offset = 0;
  const clock: Clock = { ...system, now: () => system.now() + offset };
  const log = createLog({ level: 'error', now: () => clock.now() });
  const openDb = options.folder === undefined ? (options.open ?? openTestDb) : openIn(options.folder);
  const opened = await openDb({
    modules: [jobsStore, pipelinesStore],
    operations: [apply as never, ...(options.operations ?? [])],
    clock,
    log,
  });
  const { db } = opened;
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'slipway-pipelines-'));
  const objects = await createFileObjects({ folder: join(folder, 'objects'), clock, log });
  // In files, so that a server in another process finds them.
  const manifestFile = (digest: string): string => join(folder, `${digest.replace('sha256:', '')}.json`);
  const servers: { readonly jobs: Jobs; readonly pipelines: Pipelines }[] = [];
  let starts = 0;

  const start: PipelinesBench['start'] = ({ isWorking = true, slots = 2, isBare = false } = {}) => {
    const jobs = createJobs({ db, clock, log, owner: `test-${process.pid}-${++starts}`, random: () => 0 });
    const pipelines = createPipelines({
      db,
      clock,
      ids: createIds(clock),
      log,
      jobs,
      objects,
      datasets: {
        resolve: async (ref) => ({
          id: 'dsv_1',
          dataset: ref.split(/[@/]/)[0] ?? ref,
          number: 1,
          digest: `sha256:${'a'.repeat(64)}`,
          sizeBytes: 1,
          rowCount: 1,
          paths: [],
          relation: '(select 1 as one where false)',
        }),
      },
      bundles: {
        manifest: async (digest) => JSON.parse(readFileSync(manifestFile(digest), 'utf8')) as BundleFile[],
        commit: async () => undefined,
      },
      tokens: { issueStepToken: () => ({ secret: 'none', revoke: () => undefined }) },
      tracking: {
        startRun: async () => ({ id: 'run_1', hex: '0'.repeat(32) }),
        endRun: async () => ({ isBare }),
      },
      folder: join(folder, 'pipelines'),
      url: () => 'http://127.0.0.1:9',
      runnerVersion: 'test',
      slots,
    });
    if (isWorking) jobs.start();
    servers.push({ jobs, pipelines });
    return { pipelines, jobs, abandon: () => jobs.stop(0) };
  };

  const declare: PipelinesBench['declare'] = async (files) => {
    const project = mkdtempSync(join(import.meta.dirname, '.test-project-'));
    try {
      const manifest: BundleFile[] = [];
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(join(project, path, '..'), { recursive: true });
        writeFileSync(join(project, path), text);
        const { digest, sizeBytes } = await objects.put(readFileSync(join(project, path)));
        manifest.push({ path, digest, sizeBytes });
      }
      const bundle = `sha256:${createHash('sha256').update(canonicalJson(manifest)).digest('hex')}`;
      writeFileSync(manifestFile(bundle), JSON.stringify(manifest));
      const exported = (await import(pathToFileURL(join(project, 'pipeline.ts')).href)) as Record<
        string,
        PipelineDefinition
      >;
      const definitions = Object.values(exported).filter((value) => value.pipeline);
      for (const definition of definitions) {
        const spec = pipelineResource.parse(definition.id, {
          graph: describe(definition),
          file: 'pipeline.ts',
          bundle,
        });
        const graphDigest = digestOfJson(spec.graph);
        await db.write(apply, { name: definition.id, spec, graphDigest, project: 'test', actor: 'owner' });
      }
      return definitions;
    } finally {
      rmSync(project, { recursive: true, force: true });
    }
  };

  return {
    db,
    folder,
    clock,
    shift: (ms) => {
      offset += ms;
    },
    start,
    declare,
    ended: async ({ pipelines }, run, limitMs = 30_000) => {
      const deadline = system.now() + limitMs;
      for (;;) {
        const detail = await pipelines.getRun(run);
        if (detail.finishedAt !== undefined) return detail;
        if (system.now() > deadline)
          throw new Error(`run ${run} did not end: ${JSON.stringify(detail.steps, null, 1)}`);
        await system.sleep(20);
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const { jobs, pipelines } of servers) {
        await jobs.stop(0);
        pipelines.stop();
      }
      await opened.close();
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

function openIn(folder: string): OpenTestDb {
  return async (options) => {
    const db = await createSqliteDb({
      file: join(folder, 'slipway.db'),
      modules: options.modules,
      inline: { operations: options.operations ?? [] },
      durability: 'none',
      clock: options.clock ?? createSystemClock(),
      log: options.log ?? createLog({ level: 'error', now: () => 0 }),
    });
    return { db, sealed: () => Promise.resolve(), close: async () => db[Symbol.asyncDispose]() };
  };
}

/** One test per database, each on a fresh one; skipped with the reason where PostgreSQL cannot start. */
export function onBoth(
  name: string,
  run: (bench: PipelinesBench) => Promise<void>,
  options: OpenedTestOptions = {},
): void {
  eachDatabase((dialect, open) => {
    openedTest(`${name} (${dialect})`, () => openPipelines({ open }), run, { timeoutMs: 60_000, ...options });
  });
}
