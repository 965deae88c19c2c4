/**
 * The job that runs a step: take an earlier result, or start a process, wait for it, and record what became of it.
 *
 * Execution is at least once, the outcome is recorded exactly once: every write carries the job's fence. A job run that
 * finds an attempt of a dead server takes its finished result if there is one, and otherwise kills what is left of it.
 */
import { appendFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GraphNode, PipelineGraph, StepOutput } from '@slipway/contract';
import {
  PinnedDataset,
  PipelineGraph as GraphSchema,
  SlipwayError,
  StepOutput as OutputSchema,
} from '@slipway/contract';
import { z } from 'zod';
import type { Db } from '../../platform/db/db.ts';
import type { JobContext } from '../../platform/jobs/jobs.ts';
import type { Log } from '../../platform/log.ts';
import type { Objects } from '../../platform/objects/objects.ts';
import type { Bundles } from './bundles.ts';
import type { InputValue, KeyParts } from './cache-key.ts';
import { cacheKeyOf, keyPartsOf, ranReason, reusedReason } from './cache-key.ts';
import type { ChildEnd, Processes } from './child-process.ts';
import type { DatasetPort, TokenPort, TrackingPort } from './ports.ts';
import type { PipelinesTables, RunRow, StepRow } from './rows.ts';
import { isLiveStep } from './rows.ts';
import { commandOf } from './step-command.ts';
import { inputValues, locate } from './step-inputs.ts';
import { collectProgramOutputs, publishOutputs } from './step-outputs.ts';
import { findResult, logFile, taskFile, TaskValue as InputSchema } from './step-task.ts';
import type { StepResult, StepTask } from './step-task.ts';
import type { Claim } from './step-writes.ts';
import { beginStep, failStep, finishStep } from './step-writes.ts';

export interface StepJobDeps {
  readonly db: Db;
  readonly log: Log;
  readonly objects: Objects;
  readonly bundles: Bundles;
  readonly datasets: DatasetPort;
  readonly tokens: TokenPort;
  readonly tracking: TrackingPort;
  readonly processes: Processes;
  /** Where the server can be reached from this machine. */
  readonly url: () => string;
  /** Folder of this module: attempts lie under `runs`. */
  readonly folder: string;
  /** Identity of the code that gives steps their context: part of every cache key. */
  readonly runnerVersion: string;
  /** The interpreter of Python steps that name none. */
  readonly python: string;
  /** From SIGTERM to SIGKILL, milliseconds. */
  readonly graceMs: number;
  /** Process groups that are alive, and whether the server is ending them because it stops. */
  readonly live: { readonly groups: Set<number>; isStopping: boolean };
}

interface Work {
  readonly claim: Claim;
  readonly signal: AbortSignal;
  readonly run: RunRow;
  readonly step: StepRow;
  readonly node: GraphNode;
}

const payloadSchema = z.object({ run: z.string(), step: z.string() });
const outputsSchema = z.record(z.string(), OutputSchema);
const graphsKept = 32;
const logTailBytes = 2_000;
/** What shells end with where there is no such program. */
const noSuchProgram = 127;
const loggedNothing =
  'slipway: this script logged no param and no metric. mlflow.start_run() takes up the run of this step; what is logged in it is kept.\n';

export interface StepJob {
  run(context: JobContext): Promise<void>;
  readonly attemptFolder: (run: string, step: string, attempt: number) => string;
}

export function createStepJob(deps: StepJobDeps): StepJob {
  const graphs = new Map<string, PipelineGraph>();
  const tables = deps.db.read<PipelinesTables>();

  const graphOf = async (digest: string): Promise<PipelineGraph> => {
    const known = graphs.get(digest);
    if (known) return known;
    const row = await tables
      .selectFrom('pipelines_graph')
      .select('body')
      .where('digest', '=', digest)
      .executeTakeFirstOrThrow();
    const graph = GraphSchema.parse(JSON.parse(row.body));
    if (graphs.size >= graphsKept) graphs.delete(graphs.keys().next().value ?? '');
    graphs.set(digest, graph);
    return graph;
  };

  const load = async (claim: Claim, signal: AbortSignal): Promise<Work | undefined> => {
    const step = await tables
      .selectFrom('pipelines_step')
      .selectAll()
      .where('run', '=', claim.run)
      .where('step', '=', claim.step)
      .executeTakeFirst();
    if (!step || !isLiveStep(step.state) || step.job_id !== claim.jobId) return undefined;
    const run = await tables
      .selectFrom('pipelines_run')
      .selectAll()
      .where('id', '=', claim.run)
      .executeTakeFirstOrThrow();
    const node = (await graphOf(run.graph_digest)).nodes.find((n) => n.id === claim.step);
    if (!node) throw new Error(`graph ${run.graph_digest} has no step ${claim.step}`);
    return { claim, signal, run, step, node };
  };

  return {
    attemptFolder: (run, step, attempt) => attemptFolder(deps, run, step, attempt),
    run: async (context) => {
      const payload = payloadSchema.parse(context.payload);
      if (deps.live.isStopping) throw new SlipwayError('shutting_down');
      let next: string | undefined = payload.step;
      while (next !== undefined) {
        const claim: Claim = { run: payload.run, step: next, jobId: context.jobId, fence: context.fence };
        const work = await load(claim, context.signal);
        next = work === undefined ? undefined : await advance(deps, work);
      }
    },
  };
}

function attemptFolder(deps: StepJobDeps, run: string, step: string, attempt: number): string {
  return join(deps.folder, 'runs', run, step, String(attempt));
}

/** Brings one step to its end. Answers the next step that this job run holds. */
async function advance(deps: StepJobDeps, work: Work): Promise<string | undefined> {
  const { claim, step, node } = work;
  const previous = await settlePrevious(deps, work);
  if (previous !== undefined) return record(deps, work, previous);
  if (step.state === 'cancelling') {
    await deps.db.write(failStep, {
      ...claim,
      problem: step.problem ?? 'cancelled',
      retryInMs: undefined,
      trackingRun: undefined,
    });
    return undefined;
  }
  if (node.kind === 'noop') {
    const done = {
      state: 'succeeded',
      outputs: {},
      reason: 'ran: does nothing',
      trackingRun: undefined,
      cache: undefined,
    } as const;
    return (await deps.db.write(finishStep, { ...claim, ...done })).next;
  }
  const inputs = inputValues(node, await runValues(deps, work));
  const { hit, reason, parts } = await decideCache(deps, work, inputs);
  if (hit !== undefined) {
    const done = {
      state: 'reused',
      outputs: hit,
      reason,
      trackingRun: undefined,
      cache: { key: cacheKeyOf(parts), parts },
    } as const;
    return (await deps.db.write(finishStep, { ...claim, ...done })).next;
  }
  const attempt = step.attempt + 1;
  const outcome = await runAttempt(deps, { ...work, attempt, inputs, reason, parts });
  return outcome === undefined ? undefined : record(deps, work, outcome);
}

interface Outcome {
  readonly attempt: number;
  readonly end: ChildEnd | { readonly end: 'finished-earlier' };
  readonly result: StepResult | undefined;
  readonly trackingRun: string | undefined;
}

/** An attempt that an earlier server started: its result, or undefined when it has to be made again; its process is gone. */
async function settlePrevious(deps: StepJobDeps, work: Work): Promise<Outcome | undefined> {
  const { step } = work;
  if ((step.state !== 'running' && step.state !== 'cancelling') || step.pid === null) return undefined;
  deps.processes.killStranger({ pid: step.pid, started: step.pid_started ?? '' });
  if (step.state === 'cancelling') return undefined;
  const folder = attemptFolder(deps, step.run, step.step, step.attempt);
  const result = await findResult(folder);
  // A failure says nothing: without its server the step may not have been able to do better.
  if (result === undefined || 'error' in result) return undefined;
  return { attempt: step.attempt, end: { end: 'finished-earlier' }, result, trackingRun: result.trackingRun };
}

async function runValues(deps: StepJobDeps, work: Work): Promise<Parameters<typeof inputValues>[1]> {
  const rows = await deps.db
    .read<PipelinesTables>()
    .selectFrom('pipelines_edge')
    .innerJoin('pipelines_step', (join) =>
      join
        .onRef('pipelines_step.run', '=', 'pipelines_edge.run')
        .onRef('pipelines_step.step', '=', 'pipelines_edge.from_step'),
    )
    .select(['pipelines_step.step as step', 'pipelines_step.outputs as outputs'])
    .where('pipelines_edge.run', '=', work.run.id)
    .where('pipelines_edge.to_step', '=', work.node.id)
    .execute();
  const outputs = rows.map((row) => [row.step, outputsSchema.parse(JSON.parse(row.outputs ?? '{}'))] as const);
  return {
    params: z.record(z.string(), z.unknown()).parse(JSON.parse(work.run.params)),
    datasets: z.array(PinnedDataset).parse(JSON.parse(work.run.datasets)),
    outputs: new Map(outputs),
  };
}

interface CacheDecision {
  readonly parts: KeyParts;
  readonly hit: Record<string, StepOutput> | undefined;
  readonly reason: string;
}

async function decideCache(
  deps: StepJobDeps,
  work: Work,
  inputs: Readonly<Record<string, InputValue>>,
): Promise<CacheDecision> {
  const { node, run, step } = work;
  const tables = deps.db.read<PipelinesTables>();
  const isProject = node.code === 'project';
  const code = isProject ? await deps.bundles.codeDigest(run.bundle, run.file, node.kind) : node.code;
  const parts = keyPartsOf(node, { digest: code, version: deps.runnerVersion }, inputs);
  const ran = (reason: string): CacheDecision => ({ parts, hit: undefined, reason });
  if (node.cache === 'never') return ran('ran: it is never reused');
  if (step.failures > 0)
    return ran(`ran: attempt ${step.attempt + 1}, because ${step.problem ?? 'the last one failed'}`);
  if (step.is_forced === 1) return ran('ran: asked to run again');
  if (run.use_cache === 0) return ran('ran: reuse is off for this run');
  const row = await tables
    .selectFrom('pipelines_cache')
    .selectAll()
    .where('cache_key', '=', cacheKeyOf(parts))
    .executeTakeFirst();
  if (row !== undefined) {
    const outputs = outputsSchema.parse(JSON.parse(row.outputs));
    if (await isStored(deps, outputs)) return { parts, hit: outputs, reason: reusedReason(parts, row.run) };
  }
  const last = await tables
    .selectFrom('pipelines_cache')
    .select('parts')
    .where('pipeline', '=', run.pipeline)
    .where('step', '=', node.id)
    .orderBy('created_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return ran(ranReason(parts, last === undefined ? undefined : (JSON.parse(last.parts) as KeyParts)));
}

async function isStored(deps: StepJobDeps, outputs: Readonly<Record<string, StepOutput>>): Promise<boolean> {
  for (const output of Object.values(outputs)) {
    if (!('artifact' in output) || output.artifact.kind === 'dataset') continue;
    if ((await deps.objects.find(output.artifact.digest)) === undefined) return false;
  }
  return true;
}

interface Attempt extends Work {
  readonly attempt: number;
  readonly inputs: Readonly<Record<string, InputValue>>;
  readonly reason: string;
  readonly parts: KeyParts;
}

async function runAttempt(deps: StepJobDeps, work: Attempt): Promise<Outcome | undefined> {
  const { claim, run, node, attempt } = work;
  const folder = attemptFolder(deps, run.id, node.id, attempt);
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, 'outputs'), { recursive: true, mode: 0o700 });
  const project = await deps.bundles.open(run.bundle);
  const task: StepTask = {
    pipeline: run.pipeline,
    run: run.id,
    step: node.id,
    attempt,
    file: join(project, run.file),
    inputs: z.record(z.string(), InputSchema).parse(work.inputs),
    ...(await locate(work.inputs, deps)),
    codeDigest: run.bundle,
    ...(run.commit_id === null ? {} : { commit: run.commit_id }),
    url: deps.url(),
  };
  await writeFile(join(folder, taskFile), JSON.stringify(task));
  const actor = `step:${run.id}/${node.id}`;
  const token = deps.tokens.issueStepToken(actor);
  const tracked = node.kind === 'python' ? await startTracking(deps, work, actor) : undefined;
  try {
    const command = commandOf(node, {
      task,
      folder,
      project,
      token: token.secret,
      trackingRunHex: tracked?.hex,
      python: deps.python,
      compileCache: join(deps.folder, 'compile-cache'),
    });
    let isRefused = false;
    const end = await deps.processes.run({
      ...command,
      logFile: join(folder, logFile),
      timeoutMs: node.timeoutMs,
      graceMs: deps.graceMs,
      live: deps.live.groups,
      signal: work.signal,
      admit: async ({ pid, started }) => {
        const begin = { pid, pidStarted: started, timeoutMs: node.timeoutMs, reason: work.reason, parts: work.parts };
        const begun = await deps.db.write(beginStep, { ...claim, ...begin });
        isRefused = begun === 'cancelled';
        return !isRefused;
      },
    });
    const isSuccess = end.end === 'exit' && end.code === 0;
    if (tracked) {
      const { isBare } = await deps.tracking.endRun({ id: tracked.id, isSuccess, actor });
      if (isBare && isSuccess) await appendFile(join(folder, logFile), loggedNothing);
    }
    if (isRefused) return { attempt, end: { end: 'aborted' }, result: undefined, trackingRun: tracked?.id };
    const result = await findResult(folder);
    return { attempt, end, result, trackingRun: result?.trackingRun ?? tracked?.id };
  } finally {
    token.revoke();
  }
}

function startTracking(
  deps: StepJobDeps,
  work: Attempt,
  actor: string,
): Promise<{ readonly id: string; readonly hex: string }> {
  const tags = { 'slipway.pipelineRun': work.run.id, 'slipway.step': work.node.id };
  return deps.tracking.startRun({ experiment: work.run.pipeline, name: work.node.id, tags, actor });
}

/** Writes down how an attempt ended. */
async function record(deps: StepJobDeps, work: Work, outcome: Outcome): Promise<string | undefined> {
  const { claim, node } = work;
  const { trackingRun } = outcome;
  const failure = await failureOf(deps, work, outcome);
  if (failure === undefined) {
    const folder = attemptFolder(deps, claim.run, claim.step, outcome.attempt);
    try {
      const outputs = await outputsOf(deps, node, outcome, folder);
      const next = await succeed(deps, work, outputs, trackingRun);
      await tidy(folder);
      return next;
    } catch (error) {
      if (!(error instanceof SlipwayError) || error.code !== 'step_output_invalid') throw error;
      await deps.db.write(failStep, { ...claim, problem: error.message, retryInMs: undefined, trackingRun });
      return undefined;
    }
  }
  const isLast = work.step.failures + 1 >= node.retry.attempts;
  const delayMs = Math.min(node.retry.delayMaxMs, node.retry.delayMs * 2 ** work.step.failures);
  const retryInMs = failure.isRetryable && !isLast ? delayMs : undefined;
  const { problem, code } = failure;
  await deps.db.write(failStep, { ...claim, problem, code, retryInMs, trackingRun });
  return undefined;
}

/** After success only what people read stays: the rest is in the object store. */
async function tidy(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name !== logFile) await rm(join(folder, name), { recursive: true, force: true });
  }
}

async function succeed(
  deps: StepJobDeps,
  work: Work,
  outputs: Record<string, StepOutput>,
  trackingRun: string | undefined,
): Promise<string | undefined> {
  const row = await deps.db
    .read<PipelinesTables>()
    .selectFrom('pipelines_step')
    .select(['reason', 'cache_parts'])
    .where('run', '=', work.claim.run)
    .where('step', '=', work.claim.step)
    .executeTakeFirstOrThrow();
  // Written by this job, or by the one that began the attempt.
  const parts = row.cache_parts === null ? undefined : (JSON.parse(row.cache_parts) as KeyParts);
  const cache = work.node.cache === 'content' && parts !== undefined ? { key: cacheKeyOf(parts), parts } : undefined;
  const done = { state: 'succeeded', outputs, reason: row.reason ?? 'ran', trackingRun, cache } as const;
  return (await deps.db.write(finishStep, { ...work.claim, ...done })).next;
}

function outputsOf(
  deps: StepJobDeps,
  node: GraphNode,
  outcome: Outcome,
  folder: string,
): Promise<Record<string, StepOutput>> {
  const from = { folder, objects: deps.objects };
  const { result } = outcome;
  if (node.kind !== 'function') return collectProgramOutputs(node, from);
  return publishOutputs(node, result !== undefined && 'outputs' in result ? result.outputs : {}, from);
}

interface Failure {
  readonly problem: string;
  readonly code?: string | undefined;
  readonly isRetryable: boolean;
}

async function failureOf(deps: StepJobDeps, work: Work, outcome: Outcome): Promise<Failure | undefined> {
  const { end, result } = outcome;
  const { node } = work;
  const isEndedByStop = end.end === 'signal' && deps.live.isStopping;
  if (end.end === 'aborted' || end.end === 'refused' || isEndedByStop) {
    const state = await stateOf(deps, work.claim);
    // Not cancelled by anybody: the server stops or the lease is lost, and the next job run begins again.
    if (state !== 'cancelling') throw new SlipwayError('shutting_down');
    return { problem: 'cancelled', isRetryable: false };
  }
  if (end.end === 'timeout') {
    const error = new SlipwayError('step_timed_out', { step: node.id, limitMs: node.timeoutMs });
    return { problem: error.message, isRetryable: true };
  }
  if (end.end === 'not-started')
    return { problem: `its program could not be started: ${end.problem}`, isRetryable: false };
  if (result !== undefined && 'error' in result)
    return { problem: result.error.message, code: result.error.code, isRetryable: result.error.isRetryable };
  if (end.end === 'finished-earlier' || (end.end === 'exit' && end.code === 0)) {
    const isMissing = node.kind === 'function' && result === undefined;
    return isMissing ? { problem: 'its process ended without a result', isRetryable: true } : undefined;
  }
  if (end.end === 'exit' && end.code === noSuchProgram && node.kind === 'python')
    return { problem: noInterpreter(node, deps.python), isRetryable: false };
  const how = end.end === 'signal' ? `was ended by ${end.signal}` : `ended with exit code ${end.code}`;
  const tail = await logTail(attemptFolder(deps, work.claim.run, work.claim.step, outcome.attempt));
  return { problem: `its process ${how}${tail === '' ? '' : `; it last printed:\n${tail}`}`, isRetryable: true };
}

function noInterpreter({ argv = [] }: GraphNode, python: string): string {
  const named = argv[0] === '{python}' ? python : (argv[0] ?? python);
  return `there is no Python "${named}" on the server's machine. Install Python 3.10 or newer there, or start the server with SLIPWAY_PYTHON set to an interpreter, such as /srv/venv/bin/python`;
}

async function stateOf(deps: StepJobDeps, claim: Claim): Promise<string | undefined> {
  const row = await deps.db
    .read<PipelinesTables>()
    .selectFrom('pipelines_step')
    .select('state')
    .where('run', '=', claim.run)
    .where('step', '=', claim.step)
    .executeTakeFirst();
  return row?.state;
}

async function logTail(folder: string): Promise<string> {
  const text = await readFile(join(folder, logFile), 'utf8').catch(() => '');
  return text.slice(-logTailBytes).trim();
}
