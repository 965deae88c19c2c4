/**
 * Serving: endpoints in memory over their rows in the store. What is deployed is loaded before it is committed, so a version
 * that cannot be served is refused while the old one goes on; after a restart every deployed version is loaded again.
 */
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type {
  Deployment,
  Endpoint,
  EndpointSpec,
  Instance,
  Prediction,
  PredictionRecord,
  Rollout,
  RolloutPlan,
} from '@slipway/contract';
import { RolloutPlan as RolloutPlanSchema, SlipwayError } from '@slipway/contract';
import type { Clock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Ledger } from '../../platform/ledger/ledger.ts';
import type { Log } from '../../platform/log.ts';
import type { Arm, EndpointRuntime } from './endpoint-runtime.ts';
import { createArm, pairOf, predict } from './endpoint-runtime.ts';
import type { FeaturePort, FeatureReader, RegistryPort } from './ports.ts';
import type { LoggedPrediction } from './prediction-log.ts';
import { openPredictionLog } from './prediction-log.ts';
import type { NextMove } from './rollout-runtime.ts';
import { createRolloutRuntime } from './rollout-runtime.ts';
import { createScorer } from './scorer.ts';
import type { JoinedLabels, ServingOperations, ServingTables } from './store.ts';
import {
  advanceRollout,
  deploy,
  deploymentOf,
  endpointOf,
  joinLabels,
  noteDecision,
  rolloutOf,
  startRollout,
} from './store.ts';

export interface ServingDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly ledger: Ledger;
  readonly features: FeaturePort;
  readonly registry: RegistryPort;
  readonly operations: ServingOperations;
  /** Where the prediction logs lie. */
  readonly folder: string;
}

export type Candidate = number | string;

export interface Page {
  readonly limit: number;
  readonly pageToken?: string | undefined;
}

export interface PageOf<T> {
  readonly items: T[];
  readonly nextPageToken?: string;
}

export interface Serving {
  /** Loads every deployed endpoint and takes running rollouts up again. */
  start(): Promise<void>;
  stop(): Promise<void>;
  list(page: Page): Promise<PageOf<Endpoint>>;
  get(name: string): Promise<Endpoint>;
  deployments(name: string, page: Page): Promise<PageOf<Deployment>>;
  findDeployment(id: string): Promise<Deployment | undefined>;
  findDeploymentOf(endpoint: string, number: number): Promise<Deployment | undefined>;
  deploy(
    name: string,
    wanted: {
      traffic: readonly { version: Candidate; percent: number }[];
      shadow?: Candidate | undefined;
      reason: string;
    },
    actor: string,
  ): Promise<Deployment>;
  /** Synchronous: throws `not_found`, `endpoint_not_deployed`, `inputs_invalid`, feature errors, `prediction_log_failed`. */
  predict(name: string, instances: readonly Instance[]): Prediction[];
  /** The loaded endpoint, for protocols that check against its signature. */
  runtime(name: string): EndpointRuntime;
  /** Resolves when what was predicted so far would survive a power cut; at once for endpoints that do not ask for it. */
  settled(name: string): Promise<void>;
  label(
    name: string,
    labels: readonly { predictionId: string; value: number; at: number }[],
    options: { watermark: number | undefined; actor: string },
  ): Promise<JoinedLabels>;
  predictions(name: string, range: { from: number; to: number; limit: number }): Promise<PredictionRecord[]>;
  prediction(id: string): Promise<PredictionRecord>;
  /** Records of a range of event time with their labels (NaN where none came), for monitoring. */
  readLabelled(
    name: string,
    range: { from: number; to: number },
  ): Promise<readonly (LoggedPrediction & { readonly label: number })[]>;
  findNextPrediction(name: string, at: number): Promise<number | undefined>;
  /** Scores rows that are complete in these columns (training rows): for references, off the prediction log. */
  scoreRows(
    model: string,
    version: number,
    columns: readonly { readonly name: string; readonly values: Float64Array }[],
  ): Promise<Float64Array | undefined>;
  startRollout(
    name: string,
    request: { candidate: Candidate; plan?: RolloutPlan | undefined },
    actor: string,
  ): Promise<Rollout>;
  rollouts(name: string, page: Page): Promise<PageOf<Rollout>>;
  rollout(id: string): Promise<Rollout>;
  cancelRollout(id: string, actor: string): Promise<Rollout>;
}

const defaultPlan = RolloutPlanSchema.parse({
  stages: [
    { name: 'shadow', percent: 0, minRequests: 300 },
    { name: 'canary-10', percent: 10, minRequests: 1000 },
    { name: 'canary-50', percent: 50, minRequests: 1000, minLabels: 1000 },
  ],
});
const judgeActor = 'system:rollout-judge';
const sweepEveryMs = 30_000;
/** Rows scored between two turns of the event loop: about 2 ms. */
const rowsPerTurn = 1000;

export function createServing(deps: ServingDeps): Serving {
  const { db, clock, ids, log } = deps;
  const runtimes = new Map<string, EndpointRuntime>();
  const tables = () => db.read<ServingTables>();
  /** Writes about one endpoint run one after the other: what is in memory follows what was committed. */
  const chains = new Map<string, Promise<unknown>>();
  const inOrder = <T>(name: string, run: () => Promise<T>): Promise<T> => {
    const next = (chains.get(name) ?? Promise.resolve()).then(run, run);
    chains.set(
      name,
      next.catch(() => undefined),
    );
    return next;
  };
  let cancelSweep: (() => void) | undefined;
  let isStopped = false;

  const mustRow = async (name: string) => {
    const row = await tables().selectFrom('serving_endpoint').selectAll().where('name', '=', name).executeTakeFirst();
    if (!row)
      throw new SlipwayError('not_found', {
        noun: 'endpoint',
        name,
        remedy: '`slipway endpoint list` shows them; slipway.yaml declares them.',
      });
    return row;
  };
  const findDeploymentOf = async (endpoint: string, number: number): Promise<Deployment | undefined> => {
    const row = await tables()
      .selectFrom('serving_deployment')
      .selectAll()
      .where('endpoint', '=', endpoint)
      .where('number', '=', number)
      .executeTakeFirst();
    return row && deploymentOf(row);
  };
  const runningRollout = async (endpoint: string): Promise<Rollout | undefined> => {
    const row = await tables()
      .selectFrom('serving_rollout')
      .selectAll()
      .where('endpoint', '=', endpoint)
      .where('state', '=', 'running')
      .executeTakeFirst();
    return row && rolloutOf(row);
  };

  const numberOf = async (spec: EndpointSpec, candidate: Candidate): Promise<number> =>
    typeof candidate === 'number' ? candidate : (await deps.registry.getVersion(spec.model, candidate)).number;

  const loadArm = async (spec: EndpointSpec, version: number): Promise<Arm> => {
    const found = await deps.registry.getVersion(spec.model, String(version));
    const refuse = (problem: string): SlipwayError =>
      new SlipwayError('model_not_servable', { model: spec.model, version, problem });
    if (found.onnx === undefined)
      throw refuse('it has no ONNX file (or more than one). Log it with an ONNX flavour, or convert it.');
    const features = featuresOf(spec, found);
    const scorer = createScorer({
      model: spec.model,
      version,
      bytes: await deps.registry.readFile(found.onnx.digest),
      signatureNames: signatureNames(found.signature),
      featureNames: features?.names,
    });
    return createArm(version, scorer, features);
  };

  const featuresOf = (
    spec: EndpointSpec,
    version: {
      readonly number: number;
      readonly lineage: { readonly featureService?: { set: string; service: string; digest: string } | undefined };
    },
  ): FeatureReader | undefined => {
    const trained = version.lineage.featureService;
    const service = trained ?? spec.features;
    if (spec.features === undefined || service === undefined) return undefined;
    const reader = deps.features.reader(service.set, service.service);
    if (trained !== undefined && trained.digest !== reader.digest) {
      throw new SlipwayError('feature_service_differs', {
        version: version.number,
        model: spec.model,
        trained: trained.digest,
        service: `${service.set}/${service.service}`,
        current: reader.digest,
      });
    }
    return reader;
  };

  const runtimeOf = (name: string, spec: EndpointSpec): EndpointRuntime => {
    let runtime = runtimes.get(name);
    if (runtime === undefined) {
      runtime = {
        name,
        spec,
        log: openPredictionLog({ folder: join(deps.folder, name), endpoint: name, clock, log }),
        deployment: undefined,
        traffic: [],
        shadow: undefined,
        arms: new Map(),
        rollout: undefined,
        onMove: (move) => {
          const id = runtimes.get(name)?.rollout?.rollout().id;
          if (id !== undefined)
            void inOrder(name, () => carryOut(name, id, move)).catch((error: unknown) =>
              log.error('a rollout decision could not be carried out', { endpoint: name, error }),
            );
        },
      };
      runtimes.set(name, runtime);
    }
    runtime.spec = spec;
    return runtime;
  };

  /** Makes sure that these versions are loaded; throws when one cannot be served. */
  const load = async (runtime: EndpointRuntime, versions: readonly number[]): Promise<void> => {
    for (const version of versions)
      if (!runtime.arms.has(version)) runtime.arms.set(version, await loadArm(runtime.spec, version));
  };

  /** Takes a committed deployment into use and drops versions that nothing needs any more. */
  const use = (runtime: EndpointRuntime, deployment: Deployment): void => {
    const [first] = deployment.traffic;
    const arm = first === undefined ? undefined : runtime.arms.get(first.version);
    runtime.log.useFeatures(arm?.features?.names ?? arm?.scorer.columns.map((c) => c.name) ?? []);
    runtime.deployment = deployment;
    runtime.traffic = deployment.traffic;
    runtime.shadow = deployment.shadow;
    const needed = new Set([
      ...deployment.traffic.map((t) => t.version),
      ...(deployment.shadow === undefined ? [] : [deployment.shadow]),
    ]);
    for (const version of runtime.arms.keys()) if (!needed.has(version)) runtime.arms.delete(version);
  };

  const carryOut = async (name: string, id: string, move: NextMove): Promise<void> => {
    const runtime = runtimes.get(name);
    const rollout = runtime?.rollout;
    if (runtime === undefined || rollout === undefined || rollout.rollout().id !== id) return;
    const deploymentId = ids.next('deployment');
    if (move.move === 'hold') {
      rollout.update(await db.write(noteDecision, { id, decision: move.decision }));
      return;
    }
    if (move.move === 'advance') {
      const changed = await db.write(advanceRollout, {
        id,
        fromStage: rollout.rollout().stage,
        deploymentId,
        decision: move.decision,
        actor: judgeActor,
      });
      rollout.update(changed.rollout);
      use(runtime, changed.deployment);
      return;
    }
    const state = move.move === 'promote' ? 'promoted' : move.move === 'reject' ? 'rejected' : 'rolled-back';
    await end(runtime, {
      id,
      state,
      decision: move.decision,
      guard: move.move === 'roll-back' ? move.firing.guard : undefined,
      actor: judgeActor,
    });
  };

  const end = async (
    runtime: EndpointRuntime,
    how: {
      id: string;
      state: 'promoted' | 'rejected' | 'rolled-back' | 'cancelled';
      decision: Rollout['decisions'][number];
      guard: string | undefined;
      actor: string;
    },
  ): Promise<Rollout> => {
    const deploymentId = ids.next('deployment');
    const changed = await db.write(deps.operations.endRollout, { ...how, harm: runtime.rollout?.harm(), deploymentId });
    runtime.rollout = undefined;
    use(runtime, changed.deployment);
    log.info('rollout ended', {
      endpoint: runtime.name,
      rollout: how.id,
      state: how.state,
      sentence: how.decision.sentence,
    });
    return changed.rollout;
  };

  /** Takes a running rollout up where the log and the labels say it stood. */
  const resume = async (runtime: EndpointRuntime, rollout: Rollout): Promise<void> => {
    // The judge sees every request under the share that it was served with: the stage is that of its instant.
    const advancedAt = rollout.decisions.filter((d) => d.verdict === 'advanced').map((d) => d.at);
    const judge = createRolloutRuntime({ ...rollout, stage: 0 }, () => clock.now());
    const seen: string[] = [];
    let stage = 0;
    for await (const record of runtime.log.readServedSince(rollout.startedAt)) {
      const stageThen = advancedAt.filter((at) => at <= record.servedAt).length;
      if (stageThen !== stage) {
        stage = stageThen;
        judge.update({ ...rollout, stage });
      }
      judge.request(pairOf(record));
      seen.push(record.id);
    }
    const labels = await labelsOf(seen);
    for (const [id, value] of labels) judge.label(id, value);
    judge.update(rollout);
    runtime.rollout = judge;
  };

  const labelsOf = async (predictionIds: readonly string[]): Promise<Map<string, number>> => {
    const found = new Map<string, number>();
    for (let i = 0; i < predictionIds.length; i += 500) {
      const part = predictionIds.slice(i, i + 500);
      const rows = await db.scan<{ prediction_id: string; value: number }>(
        tables().selectFrom('serving_label').select(['prediction_id', 'value']).where('prediction_id', 'in', part),
      );
      for (const row of rows) found.set(row.prediction_id, row.value);
    }
    return found;
  };

  const sweep = async (): Promise<void> => {
    for (const runtime of runtimes.values()) {
      const rollout = runtime.rollout?.rollout();
      if (rollout === undefined || rollout.deadlineAt > clock.now()) continue;
      const stage = rollout.plan.stages[rollout.stage]?.name ?? '';
      const decision = runtime.rollout?.describe(
        'rejected',
        `Stage ${stage} did not reach a decision by its deadline; the incumbent goes on alone.`,
      );
      if (decision)
        await inOrder(runtime.name, () =>
          end(runtime, { id: rollout.id, state: 'rejected', decision, guard: undefined, actor: judgeActor }),
        );
    }
  };
  const scheduleSweep = (): void => {
    if (isStopped) return;
    cancelSweep = clock.after(sweepEveryMs, () => {
      void sweep()
        .catch((error: unknown) => log.error('the sweep of rollouts failed', { error }))
        .finally(scheduleSweep);
    });
  };

  const mustRuntime = (name: string): EndpointRuntime => {
    const runtime = runtimes.get(name);
    if (runtime === undefined) throw new SlipwayError('endpoint_not_deployed', { endpoint: name });
    return runtime;
  };

  const describeEndpoint = async (row: Awaited<ReturnType<typeof mustRow>>): Promise<Endpoint> => {
    const deployment = row.deployment === null ? undefined : await findDeploymentOf(row.name, row.deployment);
    const rollout = await runningRollout(row.name);
    return {
      ...endpointOf(row),
      ...(deployment === undefined ? {} : { deployment }),
      ...(rollout === undefined ? {} : { runningRollout: rollout.id }),
    };
  };

  const recordOf = (
    runtime: EndpointRuntime,
    record: LoggedPrediction,
    label: { value: number; at: number } | undefined,
  ): PredictionRecord => ({
    id: record.id,
    endpoint: runtime.name,
    at: record.at,
    servedAt: record.servedAt,
    deployment: record.deployment,
    model: runtime.spec.model,
    version: record.version,
    score: record.score,
    isCanary: record.isCanary,
    ...(record.shadowVersion === 0 ? {} : { shadow: { version: record.shadowVersion, score: record.shadowScore } }),
    latencyUs: record.latencyUs,
    // Our own text of inputs that the request's schema had checked.
    inputs: JSON.parse(record.inputs) as PredictionRecord['inputs'],
    features: Object.fromEntries(
      record.featureNames.map((n, i) => [n, Number.isNaN(record.features[i]) ? null : (record.features[i] ?? null)]),
    ),
    ...(label === undefined ? {} : { label }),
  });

  return {
    start: async () => {
      const rows = await tables().selectFrom('serving_endpoint').selectAll().where('retired_at', 'is', null).execute();
      for (const row of rows) {
        const { spec } = endpointOf(row);
        const deployment = row.deployment === null ? undefined : await findDeploymentOf(row.name, row.deployment);
        const runtime = runtimeOf(row.name, spec);
        if (deployment === undefined) continue;
        try {
          const rollout = await runningRollout(row.name);
          await load(runtime, [
            ...deployment.traffic.map((t) => t.version),
            ...(deployment.shadow === undefined ? [] : [deployment.shadow]),
          ]);
          use(runtime, deployment);
          if (rollout) await resume(runtime, rollout);
        } catch (error) {
          log.error('an endpoint could not be loaded; it answers errors until it is deployed again', {
            endpoint: row.name,
            error,
          });
        }
      }
      scheduleSweep();
    },
    stop: async () => {
      isStopped = true;
      cancelSweep?.();
      await Promise.allSettled(chains.values());
      for (const runtime of runtimes.values()) runtime.log.close();
    },
    list: async ({ limit, pageToken }) => {
      const query = tables()
        .selectFrom('serving_endpoint')
        .selectAll()
        .orderBy('name')
        .limit(limit + 1);
      const rows = await (pageToken === undefined ? query : query.where('name', '>', pageToken)).execute();
      const items = await Promise.all(rows.slice(0, limit).map(describeEndpoint));
      const last = items.at(-1);
      return rows.length > limit && last ? { items, nextPageToken: last.name } : { items };
    },
    get: async (name) => describeEndpoint(await mustRow(name)),
    findDeploymentOf,
    findDeployment: async (id) => {
      const row = await tables().selectFrom('serving_deployment').selectAll().where('id', '=', id).executeTakeFirst();
      return row && deploymentOf(row);
    },
    deployments: async (name, { limit, pageToken }) => {
      await mustRow(name);
      const query = tables()
        .selectFrom('serving_deployment')
        .selectAll()
        .where('endpoint', '=', name)
        .orderBy('number', 'desc')
        .limit(limit + 1);
      const rows = await (
        pageToken === undefined ? query : query.where('number', '<', Number(pageToken) || 0)
      ).execute();
      const items = rows.slice(0, limit).map(deploymentOf);
      const last = items.at(-1);
      return rows.length > limit && last ? { items, nextPageToken: String(last.number) } : { items };
    },
    deploy: (name, wanted, actor) =>
      inOrder(name, async () => {
        const { spec } = endpointOf(await mustRow(name));
        const traffic = await Promise.all(
          wanted.traffic.map(async (t) => ({ version: await numberOf(spec, t.version), percent: t.percent })),
        );
        const sum = traffic.reduce((n, t) => n + t.percent, 0);
        if (Math.abs(sum - 100) > 1e-6 || new Set(traffic.map((t) => t.version)).size !== traffic.length) {
          throw new SlipwayError('traffic_invalid', { endpoint: name, sum, versions: traffic.length });
        }
        const shadow = wanted.shadow === undefined ? undefined : await numberOf(spec, wanted.shadow);
        const runtime = runtimeOf(name, spec);
        await load(runtime, [...traffic.map((t) => t.version), ...(shadow === undefined ? [] : [shadow])]);
        const deployment = await db.write(deploy, {
          id: ids.next('deployment'),
          endpoint: name,
          traffic,
          shadow,
          rollout: undefined,
          reason: wanted.reason,
          actor,
        });
        use(runtime, deployment);
        return deployment;
      }),
    predict: (name, instances) => predict(mustRuntime(name), instances, { clock, ids }),
    runtime: mustRuntime,
    settled: async (name) => {
      const runtime = mustRuntime(name);
      if (runtime.spec.durability === 'power') await runtime.log.synced();
    },
    label: async (name, labels, { watermark, actor }) => {
      const joined = await db.write(joinLabels, { endpoint: name, labels, watermark, actor });
      const runtime = runtimes.get(name);
      if (runtime?.rollout !== undefined) {
        const values = new Map(labels.map((l) => [l.predictionId, l.value]));
        for (const id of joined.joined) {
          const move = runtime.rollout.label(id, values.get(id) ?? Number.NaN);
          if (move === undefined) continue;
          if (move.move === 'roll-back')
            runtime.traffic = [{ version: runtime.rollout.rollout().incumbent, percent: 100 }];
          runtime.onMove(move);
        }
      }
      return joined;
    },
    predictions: async (name, { from, to, limit }) => {
      await mustRow(name);
      const runtime = mustRuntime(name);
      const records: LoggedPrediction[] = [];
      for await (const record of runtime.log.readEventTime(from, to)) {
        records.push(record);
        if (records.length >= limit) break;
      }
      const rows = await labelRows(records.map((r) => r.id));
      return records.map((record) => recordOf(runtime, record, rows.get(record.id)));
    },
    prediction: async (id) => {
      for (const runtime of runtimes.values()) {
        const record = await runtime.log.find(id);
        if (record) return recordOf(runtime, record, (await labelRows([id])).get(id));
      }
      throw new SlipwayError('not_found', {
        noun: 'prediction',
        name: id,
        remedy: 'Every answer of an endpoint carries its prediction id.',
      });
    },
    readLabelled: async (name, { from, to }) => {
      const records: LoggedPrediction[] = [];
      for await (const record of mustRuntime(name).log.readEventTime(from, to)) records.push(record);
      const labels = await labelsOf(records.map((r) => r.id));
      return records.map((record) => ({ ...record, label: labels.get(record.id) ?? Number.NaN }));
    },
    findNextPrediction: async (name, at) => mustRuntime(name).log.findNextAt(at),
    scoreRows: async (model, version, columns) => {
      const found = await deps.registry.getVersion(model, String(version));
      if (found.onnx === undefined) return undefined;
      const scorer = createScorer({
        model,
        version,
        bytes: await deps.registry.readFile(found.onnx.digest),
        signatureNames: signatureNames(found.signature),
        featureNames: columns.map((c) => c.name),
      });
      const sources = scorer.columns.map((column) => columns.find((c) => c.name === column.name)?.values);
      if (sources.some((source) => source === undefined)) return undefined;
      const scores = new Float64Array(columns[0]?.values.length ?? 0);
      for (let row = 0; row < scores.length; row++) {
        sources.forEach((source, i) => scorer.setNumber(i, source?.[row] ?? Number.NaN));
        scores[row] = scorer.score();
        if (row % rowsPerTurn === rowsPerTurn - 1) await nextTurn();
      }
      return scores;
    },
    startRollout: (name, request, actor) =>
      inOrder(name, async () => {
        const { spec } = endpointOf(await mustRow(name));
        const runtime = runtimeOf(name, spec);
        const incumbent = runtime.traffic[0]?.version;
        if (incumbent === undefined) throw new SlipwayError('endpoint_not_deployed', { endpoint: name });
        const running = runtime.rollout?.rollout();
        if (running) throw new SlipwayError('rollout_running', { endpoint: name, rollout: running.id });
        const candidate = await numberOf(spec, request.candidate);
        if (candidate === incumbent)
          throw new SlipwayError('rollout_pointless', { version: candidate, endpoint: name });
        await load(runtime, [incumbent, candidate]);
        const plan = request.plan ?? spec.rollout ?? defaultPlan;
        const decision: Rollout['decisions'][number] = {
          at: clock.now(),
          stage: plan.stages[0]?.name ?? '',
          verdict: 'started',
          sentence: `Version ${candidate} may replace version ${incumbent}.`,
          requests: 0,
          canaryRequests: 0,
          labelledPairs: 0,
        };
        const changed = await db.write(startRollout, {
          id: ids.next('rollout'),
          deploymentId: ids.next('deployment'),
          endpoint: name,
          candidate,
          incumbent,
          plan,
          decision,
          actor,
        });
        runtime.rollout = createRolloutRuntime(changed.rollout, () => clock.now());
        use(runtime, changed.deployment);
        return changed.rollout;
      }),
    rollouts: async (name, { limit, pageToken }) => {
      await mustRow(name);
      const query = tables()
        .selectFrom('serving_rollout')
        .selectAll()
        .where('endpoint', '=', name)
        .orderBy('id', 'desc')
        .limit(limit + 1);
      const rows = await (pageToken === undefined ? query : query.where('id', '<', pageToken)).execute();
      const items = rows.slice(0, limit).map(rolloutOf);
      const last = items.at(-1);
      return rows.length > limit && last ? { items, nextPageToken: last.id } : { items };
    },
    rollout: async (id) => {
      const row = await tables().selectFrom('serving_rollout').selectAll().where('id', '=', id).executeTakeFirst();
      if (!row)
        throw new SlipwayError('not_found', {
          noun: 'rollout',
          name: id,
          remedy: '`slipway endpoint rollouts` shows them.',
        });
      return rolloutOf(row);
    },
    cancelRollout: async (id, actor) => {
      const row = await tables()
        .selectFrom('serving_rollout')
        .select('endpoint')
        .where('id', '=', id)
        .executeTakeFirst();
      if (!row)
        throw new SlipwayError('not_found', {
          noun: 'rollout',
          name: id,
          remedy: '`slipway endpoint rollouts` shows them.',
        });
      return inOrder(row.endpoint, async () => {
        const runtime = mustRuntime(row.endpoint);
        const decision =
          runtime.rollout?.rollout().id === id
            ? runtime.rollout.describe('cancelled', `Cancelled by ${actor}.`)
            : undefined;
        if (decision === undefined) throw new SlipwayError('rollout_ended', { rollout: id, state: 'not running' });
        return end(runtime, { id, state: 'cancelled', decision, guard: undefined, actor });
      });
    },
  };

  async function labelRows(predictionIds: readonly string[]): Promise<Map<string, { value: number; at: number }>> {
    const found = new Map<string, { value: number; at: number }>();
    for (let i = 0; i < predictionIds.length; i += 500) {
      const rows = await tables()
        .selectFrom('serving_label')
        .select(['prediction_id', 'value', 'at'])
        .where('prediction_id', 'in', predictionIds.slice(i, i + 500))
        .execute();
      for (const row of rows) found.set(row.prediction_id, { value: row.value, at: row.at });
    }
    return found;
  }
}

/** Column names of a registered signature, in order; undefined when it has none or some are unnamed. */
function signatureNames(
  signature: { readonly inputs?: readonly Readonly<Record<string, unknown>>[] | undefined } | undefined,
): readonly string[] | undefined {
  const names = signature?.inputs?.map((input) => input['name']);
  return names?.every((n) => typeof n === 'string') ? names : undefined;
}
