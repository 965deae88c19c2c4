/**
 * Pipelines: each acknowledged run ends; each step ends once, with its event, its outputs stored and no attempt open; no
 * step works in two processes at once, and no process is left over.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { BundleFile } from '@slipway/contract';
import { canonicalJson, StepOutput } from '@slipway/contract';
import { sql } from 'kysely';
import { artifact, describe, list, noopStep, pipeline, step } from 'slipway';
import { z } from 'zod';
import { digestOfJson } from '../../../packages/server/src/lib/digest.ts';
import type { Pipelines } from '../../../packages/server/src/modules/pipelines/index.ts';
import { createPipelines } from '../../../packages/server/src/modules/pipelines/index.ts';
import { pipelineResource } from '../../../packages/server/src/modules/pipelines/resource.ts';
import type { PipelinesTables, StepRow } from '../../../packages/server/src/modules/pipelines/rows.ts';
import { isLiveRun, isLiveStep } from '../../../packages/server/src/modules/pipelines/rows.ts';
import { applyPipeline } from '../../../packages/server/src/modules/pipelines/store.ts';
import type { AnyOperation } from '../../../packages/server/src/platform/db/db.ts';
import { operation } from '../../../packages/server/src/platform/db/db.ts';
import { createIds } from '../../../packages/server/src/platform/ids.ts';
import { createJobs } from '../../../packages/server/src/platform/jobs/create-jobs.ts';
import type { Server } from '../cluster.ts';
import { createOperatingSystem } from '../operating-system.ts';
import type { Bench, Scenario, ScenarioRun } from '../scenario.ts';

const runCount = 6;
const file = 'pipeline.ts';
const code = Buffer.from('// Simulated steps: what they do is drawn by the operating system.\n');

const work = (id: string, attempts: number) =>
  step({
    id,
    inputs: { before: list(artifact.file()) },
    outputs: { text: artifact.file() },
    retry: { attempts, delayMs: 500, delayMaxMs: 4000 },
    timeoutMs: 30_000,
    run: () => Promise.reject(new Error('never called: its process is simulated')),
  });

const diamond = pipeline({ id: 'diamond' }, (_, run) => {
  const first = run(work('first', 3), { before: [] });
  const left = run(work('left', 3), { before: [first.text] });
  const right = run(work('right', 2), { before: [first.text] });
  const meet = run(noopStep('meet'), {}, { after: [left, right] });
  run(work('last', 3), { before: [left.text, right.text] }, { after: [meet] });
});

export const pipelinesScenario: Scenario = {
  name: 'pipelines',
  what: 'steps in processes that outlive servers, attempts, cancelling, results taken again',
  busyMs: 60_000,
  faults: [3, 9],
  create,
};

const declare = operation('sim.declare-pipeline', async (trx, input: Parameters<typeof applyPipeline>[1]) =>
  applyPipeline(trx, input),
);

function create(bench: Bench): ScenarioRun {
  const { world, random, auditor } = bench;
  const system = createOperatingSystem(world);
  const services = new Map<string, Pipelines>();
  const acknowledged = new Map<string, string>();
  const manifest: BundleFile[] = [
    { path: file, digest: `sha256:${createHash('sha256').update(code).digest('hex')}`, sizeBytes: code.length },
  ];
  const bundle = `sha256:${createHash('sha256').update(canonicalJson(manifest)).digest('hex')}`;

  const boot = (server: Server): void => {
    const { db, machine, log, objects } = server;
    const { clock } = machine;
    const jitter = server.random.fork('backoff');
    const jobs = createJobs({ db, clock, log, owner: server.name, random: () => jitter.next() });
    const bytes = server.random.fork('ids');
    const pipelines = createPipelines({
      db,
      clock,
      ids: createIds(clock, (into) => into.forEach((_, i) => (into[i] = bytes.between(0, 255)))),
      log,
      jobs,
      objects,
      datasets: { resolve: () => Promise.reject(new Error('no step reads a dataset')) },
      bundles: { manifest: () => Promise.resolve(manifest), commit: () => Promise.resolve(undefined) },
      tokens: { issueStepToken: () => ({ secret: 'none', revoke: () => undefined }) },
      tracking: {
        startRun: () => Promise.reject(new Error('no step logs')),
        endRun: () => Promise.resolve({ isBare: false }),
      },
      folder: join(server.folder, 'pipelines'),
      url: () => 'http://127.0.0.1:9',
      runnerVersion: 'sim',
      slots: 2,
      processes: system.processesFor(machine),
    });
    jobs.start();
    pipelines.sweeper.start();
    services.set(server.name, pipelines);
  };

  const call = <T>(run: (pipelines: Pipelines) => Promise<T>): Promise<T> =>
    bench.cluster().call((server) => {
      const pipelines = services.get(server.name);
      if (pipelines === undefined) throw new Error(`${server.name} has no pipelines`);
      return run(pipelines);
    });
  /** Repeats what may be repeated until it is answered. */
  const insist = async <T>(run: (pipelines: Pipelines) => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await call(run);
      } catch {
        await world.sleep(random.between(100, 1500));
      }
    }
  };

  return {
    boot,
    operations: [declare as unknown as AnyOperation],
    prepare: async () => {
      // Straight into the store: this scenario is not about applying.
      await bench.objects.put(code);
      const spec = pipelineResource.parse('diamond', { graph: describe(diamond), file, bundle });
      const declared = { name: 'diamond', spec, graphDigest: digestOfJson(spec.graph), project: 'sim', actor: 'owner' };
      while (bench.cluster().find() === undefined) await world.sleep(10);
      await bench.cluster().write(declare, declared);
    },
    clients: async () => {
      await Promise.all(
        Array.from({ length: runCount }, async (_, i) => {
          await world.sleep(random.between(0, 40_000));
          const idempotencyKey = `key-${i}`;
          const { id } = await insist((pipelines) =>
            pipelines.start('diamond', { params: {}, idempotencyKey, cache: random.chance(0.6), actor: 'client' }),
          );
          acknowledged.set(id, idempotencyKey);
          if (!random.chance(0.25)) return;
          await world.sleep(random.between(0, 8000));
          await call((pipelines) => pipelines.cancel(id, 'client')).catch(() => undefined);
        }),
      );
    },
    isQuiet: async () => {
      const live = await auditor
        .read<PipelinesTables>()
        .selectFrom('pipelines_run')
        .select('id')
        .where('state', 'in', ['running', 'cancelling'])
        .execute();
      return live.length === 0 && system.working().length === 0;
    },
    watch: async () => {
      const steps = await auditor.read<PipelinesTables>().selectFrom('pipelines_step').selectAll().execute();
      const ageless = steps.filter((s) => isLiveStep(s.state) !== (s.deadline_at !== null));
      return [
        ...ageless.map((s) => `step ${s.step} of ${s.run} is ${s.state} and has deadline ${s.deadline_at}`),
        ...system.overlaps.map((step) => `${step} began while another attempt worked`),
      ];
    },
    audit: async () => {
      const problems = await auditRuns(bench, acknowledged);
      for (const digest of await digests(bench)) {
        if ((await bench.objects.find(digest)) === undefined)
          problems.push(`the artifact ${digest} is named but not stored`);
      }
      return [...problems, ...system.working().map((key) => `a process of ${key} is left over`)];
    },
  };
}

async function auditRuns({ auditor }: Bench, acknowledged: ReadonlyMap<string, string>): Promise<string[]> {
  const tables = auditor.read<PipelinesTables>();
  const runs = await tables.selectFrom('pipelines_run').selectAll().orderBy('id').execute();
  const steps = await tables.selectFrom('pipelines_step').selectAll().orderBy('position').execute();
  const attempts = await tables.selectFrom('pipelines_attempt').selectAll().execute();
  const events = (
    await sql<{ kind: string; subject: string; step: string | null }>`
      select kind, subject, body as step from ledger_event
      where kind in ('step.finished', 'pipeline-run.finished', 'pipeline-run.started')`.execute(auditor.read())
  ).rows;
  const problems: string[] = [];
  const known = new Map(runs.map((run) => [run.id, run]));
  for (const [id, key] of acknowledged) {
    if (known.get(id)?.idempotency_key !== key) problems.push(`run ${id} was acknowledged for ${key} and is not there`);
  }
  for (const run of runs) {
    const own = steps.filter((s) => s.run === run.id);
    const told = (kind: string): number => events.filter((e) => e.kind === kind && e.subject === run.id).length;
    if (isLiveRun(run.state)) problems.push(`run ${run.id} is still ${run.state}`);
    if (told('pipeline-run.started') !== 1 || told('pipeline-run.finished') !== 1)
      problems.push(
        `run ${run.id} began ${told('pipeline-run.started')} and ended ${told('pipeline-run.finished')} times`,
      );
    const ended = own.filter((s) => ['succeeded', 'reused', 'failed'].includes(s.state)).length;
    const cancelled = own.filter((s) => s.state === 'cancelled').length;
    const finished = told('step.finished');
    if (finished < ended || finished > ended + cancelled)
      problems.push(`run ${run.id} has ${finished} events of ends for ${ended} ended and ${cancelled} cancelled steps`);
    if (run.state === 'succeeded' && !own.every((s) => s.state === 'succeeded' || s.state === 'reused'))
      problems.push(`run ${run.id} succeeded with the steps ${own.map((s) => s.state).join(', ')}`);
    problems.push(...own.flatMap(auditStep));
  }
  for (const attempt of attempts.filter((a) => a.finished_at === null)) {
    const step = steps.find((s) => s.run === attempt.run && s.step === attempt.step);
    problems.push(`attempt ${attempt.number} of ${attempt.step} is open, the step is ${step?.state}`);
  }
  return problems;
}

function auditStep(row: StepRow): string[] {
  const problems: string[] = [];
  if (isLiveStep(row.state)) problems.push(`step ${row.step} of ${row.run} is still ${row.state}`);
  if (row.finished_at === null) problems.push(`step ${row.step} of ${row.run} is ${row.state} without an end`);
  const hasOutputs = row.state === 'succeeded' || row.state === 'reused';
  if (hasOutputs !== (row.outputs !== null)) problems.push(`step ${row.step} is ${row.state}, outputs ${row.outputs}`);
  return problems;
}

const Outputs = z.record(z.string(), StepOutput);

async function digests({ auditor }: Bench): Promise<Set<string>> {
  const tables = auditor.read<PipelinesTables>();
  const rows = [
    ...(await tables.selectFrom('pipelines_step').select('outputs').where('outputs', 'is not', null).execute()),
    ...(await tables.selectFrom('pipelines_cache').select('outputs').execute()),
  ];
  return new Set(
    rows.flatMap((row) =>
      Object.values(Outputs.parse(JSON.parse(row.outputs ?? '{}'))).flatMap((output) =>
        'artifact' in output ? [output.artifact.digest] : [],
      ),
    ),
  );
}
