/**
 * Registry and rollouts: versions are registered whole or not at all; the protected alias never points at a version whose
 * gate did not pass; each rollout ends in one state, with the traffic and the alias that belong to it, in one commit; what
 * was predicted and labelled is there afterwards. One server: an endpoint lives in one process.
 */
import { join } from 'node:path';
import type { EndpointSpec, GateSpec, Instance, Rollout } from '@slipway/contract';
import {
  EndpointSpec as EndpointSpecSchema,
  GateSpec as GateSpecSchema,
  RolloutPlan,
  SlipwayError,
} from '@slipway/contract';
import { writeLinearModel } from '@slipway/onnx';
import { createRegistry } from '../../../packages/server/src/modules/registry/index.ts';
import type { Registry } from '../../../packages/server/src/modules/registry/index.ts';
import { declareModel } from '../../../packages/server/src/modules/registry/operations/models.ts';
import { createServing } from '../../../packages/server/src/modules/serving/index.ts';
import type { Serving } from '../../../packages/server/src/modules/serving/index.ts';
import { endpointKind } from '../../../packages/server/src/modules/serving/store.ts';
import type { AnyOperation } from '../../../packages/server/src/platform/db/db.ts';
import { operation } from '../../../packages/server/src/platform/db/db.ts';
import { createIds } from '../../../packages/server/src/platform/ids.ts';
import { servingOperations } from '../../../packages/server/src/stores.ts';
import { ServerDied } from '../cluster.ts';
import type { Server } from '../cluster.ts';
import type { Bench, Scenario, ScenarioRun } from '../scenario.ts';
import type { Acknowledged } from './rollout-audit.ts';
import { auditRegistry, auditRollouts, auditStored } from './rollout-audit.ts';

const model = 'delay';
const endpoint = 'delay';
const hourMs = 3_600_000;
const modelLimitBytes = 1024 * 1024;
/** Coefficients and intercept of the versions that may come: a retrain, one that knows more, one with a broken scale. */
const makes = { first: [0.6, 0, 0], retrain: [0.62, -0.02, 0], better: [0.8, 1.6, 0], broken: [0.6, 0, 4] } as const;
type Make = keyof typeof makes;

const plan = RolloutPlan.parse({
  stages: [
    { name: 'shadow', percent: 0, minRequests: 60, deadline: 60_000 },
    { name: 'canary', percent: 30, minRequests: 120, deadline: 60_000 },
    { name: 'half', percent: 50, minRequests: 80, minLabels: 320, deadline: 90_000 },
  ],
});

export const rolloutScenario: Scenario = {
  name: 'rollout',
  what: 'versions, gates, alias, stages, promotion and rollback, prediction log and labels',
  busyMs: 45_000,
  faults: [4, 10],
  servers: 1,
  create,
};

const declareModelOperation = operation('sim.declare-model', async (trx, gate: GateSpec): Promise<void> => {
  await declareModel(trx, {
    name: model,
    description: undefined,
    gate,
    aliases: undefined,
    project: 'sim',
    actor: 'owner',
  });
});
const declareEndpoint = operation('sim.declare-endpoint', async (trx, spec: EndpointSpec): Promise<void> => {
  await endpointKind.apply(trx, { name: endpoint, spec, project: 'sim', digest: 'sha256:0', actor: 'owner' });
});

interface Services {
  readonly registry: Registry;
  readonly serving: Serving;
}

function create(bench: Bench): ScenarioRun {
  const { world, random, auditor } = bench;
  const services = new Map<string, Services>();
  const told: Acknowledged = { versions: new Map(), rollouts: new Map(), predictions: new Map(), labels: new Map() };
  let isOver = false;

  const boot = async (server: Server): Promise<void> => {
    const opened = openServices(server);
    await opened.serving.start();
    services.set(server.name, opened);
  };
  const call = <T>(run: (services: Services) => Promise<T>): Promise<T> =>
    bench.cluster().call((server) => {
      const found = services.get(server.name);
      if (found === undefined) throw new ServerDied(`${server.name} is not ready`);
      return run(found);
    });
  /** Repeats until it is answered, with success or with a refusal that repeating does not mend. */
  const insist = async <T>(run: (services: Services) => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await call(run);
      } catch (error) {
        const isFinal =
          error instanceof SlipwayError &&
          !error.retryable &&
          !['write_outcome_unknown', 'disk_full'].includes(error.code);
        if (isFinal) throw error;
        await world.sleep(random.between(50, 800));
      }
    }
  };
  /** Bytes, gate and version: three requests, as a pipeline makes them. */
  const register = async (make: Make, isPassing: boolean): Promise<number> => {
    const [x0, x1, intercept] = makes[make];
    const bytes = logistic([x0, x1], intercept);
    const evidence = { metrics: { auc: { value: isPassing ? 0.8 : 0.5 } }, baselines: {} };
    const gate = await insist(({ registry }) => registry.judgeGate({ model, evidence, actor: 'client' }));
    for (;;) {
      try {
        const version = await insist(async ({ registry }) => {
          const server = bench.cluster().find();
          if (server === undefined) throw new ServerDied('no server runs');
          const { digest } = await server.objects.put(bytes);
          const files = { from: 'object', digest, fileName: 'model.onnx' } as const;
          return registry.createVersion({ model, files, gateId: gate.id, actor: 'client' });
        });
        told.versions.set(version.number, version.files[0]?.digest ?? '');
        return version.number;
      } catch (error) {
        // The first try was made although its answer was lost: the gate is taken by that version.
        if (!(error instanceof SlipwayError) || error.code !== 'gate_used') throw error;
        const taken = await insist(({ registry }) => registry.getGate(gate.id));
        if (taken.version !== undefined) return taken.version;
      }
    }
  };

  const traffic = async (): Promise<void> => {
    const waiting: { predictionId: string; value: number; at: number }[] = [];
    for (let i = 0; !isOver; i++) {
      await world.sleep(random.between(80, 160));
      const server = bench.cluster().find();
      const serving = server === undefined ? undefined : services.get(server.name)?.serving;
      if (serving === undefined) continue;
      const rows = Array.from({ length: 6 }, (_, n) => drawRow(bench, i * 6 + n));
      try {
        const answers = serving.predict(
          endpoint,
          rows.map((row) => row.instance),
        );
        answers.forEach((answer, n) => {
          told.predictions.set(answer.id, answer.score);
          waiting.push({ predictionId: answer.id, value: rows[n]?.outcome ?? 0, at: rows[n]?.instance.at ?? 0 });
        });
      } catch (error) {
        world.note(`a prediction was refused: ${String(error)}`);
      }
      if (i % 5 !== 4) continue;
      const labels = waiting.splice(0, Math.max(0, waiting.length - 20));
      void insist((s) => s.serving.label(endpoint, labels, { watermark: undefined, actor: 'client' })).then(() => {
        for (const label of labels) told.labels.set(label.predictionId, label.value);
      });
    }
  };

  const manage = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      const make = random.pick<Make>(['retrain', 'better', 'better', 'broken']);
      const isPassing = random.chance(0.75);
      const candidate = await register(make, isPassing);
      world.note(`version ${candidate} is ${make}, its gate ${isPassing ? 'passed' : 'failed'}`);
      if (!isPassing) await probe(insist, candidate);
      const rollout = await startRollout(insist, candidate);
      if (rollout === undefined) continue;
      told.rollouts.set(rollout.id, candidate);
      if (random.chance(0.15)) {
        await world.sleep(random.between(100, 4000));
        await insist((s) => s.serving.cancelRollout(rollout.id, 'client')).catch(() => undefined);
      }
      if (random.chance(0.5)) await holdAWhile(bench, insist, rollout.id);
      while ((await insist((s) => s.serving.rollout(rollout.id))).state === 'running') await world.sleep(1000);
    }
    isOver = true;
  };

  return {
    boot,
    operations: [declareModelOperation, declareEndpoint] as unknown as readonly AnyOperation[],
    prepare: async () => {
      while (bench.cluster().find() === undefined) await world.sleep(10);
      await bench.cluster().write(declareModelOperation, GateSpecSchema.parse({ checks: { auc: { min: 0.7 } } }));
      await bench.cluster().write(declareEndpoint, EndpointSpecSchema.parse({ model }));
      const version = await register('first', true);
      await insist((s) => s.registry.moveAlias({ model, alias: 'champion', version, actor: 'owner' }));
      // The declaration reaches the server with the next turn of its bell.
      await world.sleep(100);
      const wanted = { traffic: [{ version, percent: 100 }], reason: 'the first' };
      await insist((s) => s.serving.deploy(endpoint, wanted, 'owner'));
    },
    clients: async () => {
      await Promise.all([manage(), traffic()]);
    },
    isQuiet: async () => {
      if (!isOver) return false;
      // What a server serves is what was committed, also after all that went wrong.
      const server = bench.cluster().find();
      const serving = server === undefined ? undefined : services.get(server.name)?.serving;
      const wanted = JSON.stringify((await serving?.get(endpoint))?.deployment?.traffic);
      const served = JSON.stringify(serving?.runtime(endpoint).traffic);
      if (wanted !== served) world.note(`${server?.name} serves ${served}, deployed is ${wanted}`);
      return wanted === served;
    },
    watch: async () => {
      const running = await auditor
        .read<{ serving_rollout: { id: string; state: string } }>()
        .selectFrom('serving_rollout')
        .select('id')
        .where('state', '=', 'running')
        .execute();
      return running.length > 1 ? [`${running.length} rollouts run at once`] : [];
    },
    audit: async () => {
      const problems = [
        ...(await auditRegistry(bench, told, model)),
        ...(await auditRollouts(bench, told, { model, endpoint })),
      ];
      // What a server that starts now finds.
      const machine = world.machine('audit', 0);
      const { serving } = openServices({
        name: 'audit',
        machine,
        db: auditor,
        objects: bench.objects,
        log: bench.log,
        random: random.fork('audit'),
        folder: bench.database.folder,
      });
      await serving.start();
      problems.push(...(await auditStored(serving, told)));
      await serving.stop();
      return problems;
    },
  };
}

function openServices(server: Server): Services {
  const { db, objects, log, machine } = server;
  const bytes = server.random.fork('ids');
  const ids = createIds(machine.clock, (into) => into.forEach((_, i) => (into[i] = bytes.between(0, 255))));
  const nothing = (): never => {
    throw new Error('this scenario has no runs');
  };
  // Versions come from objects here, never from runs.
  const tracking = { getRun: nothing, artifacts: { tree: nothing } } as unknown as Parameters<
    typeof createRegistry
  >[0]['tracking'];
  const registry = createRegistry({ db, ids, objects, tracking });
  const serving = createServing({
    db,
    clock: machine.clock,
    ids,
    log,
    features: { reader: nothing },
    registry: {
      getVersion: (name, version) => registry.getVersion(name, version),
      readFile: (digest) => objects.read(digest, modelLimitBytes),
    },
    operations: servingOperations,
    folder: join(server.folder, 'predictions'),
  });
  return { registry, serving };
}

/** Somebody holds a rollout at any moment and lets it go on, rolls it back, or forgets it. It may have ended meanwhile. */
async function holdAWhile(
  { world, random }: Bench,
  insist: <T>(run: (s: Services) => Promise<T>) => Promise<T>,
  id: string,
): Promise<void> {
  try {
    await world.sleep(random.between(100, 15_000));
    await insist((s) => s.serving.holdRollout(id, { reason: 'wait', forMs: 40_000 }, 'client'));
    world.note('the rollout is on hold');
    await world.sleep(random.between(100, 20_000));
    if (random.chance(0.2)) return;
    if (random.chance(0.2)) await insist((s) => s.serving.rollBack(id, 'enough', 'client'));
    else await insist((s) => s.serving.resumeRollout(id, '', 'client'));
  } catch (error) {
    if (!(error instanceof SlipwayError) || error.code !== 'rollout_ended') throw error;
  }
}

/** A version whose gate failed may not get the alias by any route. */
async function probe(insist: <T>(run: (s: Services) => Promise<T>) => Promise<T>, version: number): Promise<void> {
  try {
    await insist((s) => s.registry.moveAlias({ model, alias: 'champion', version, actor: 'client' }));
  } catch (error) {
    if (error instanceof SlipwayError && error.code === 'gate_not_passed') return;
    throw error;
  }
  throw new Error(`version ${version} got the alias although its gate failed`);
}

async function startRollout(
  insist: <T>(run: (s: Services) => Promise<T>) => Promise<T>,
  candidate: number,
): Promise<Rollout | undefined> {
  try {
    return await insist((s) => s.serving.startRollout(endpoint, { candidate, plan }, 'client'));
  } catch (error) {
    // An earlier try was made, and was over before the second came.
    if (error instanceof SlipwayError && ['rollout_running', 'rollout_pointless'].includes(error.code))
      return undefined;
    throw error;
  }
}

/** One request an hour of event time, so that the judge has days; the outcome follows the better model. */
function drawRow(
  { random }: Bench,
  i: number,
): { readonly instance: Instance & { at: number }; readonly outcome: number } {
  const x0 = random.next() * 4 - 2;
  const x1 = random.next() * 4 - 2;
  const outcome = random.chance(1 / (1 + Math.exp(-(0.8 * x0 + 1.6 * x1)))) ? 1 : 0;
  return { instance: { id: `request-${i}`, at: Date.UTC(2026, 0, 1) + i * hourMs, inputs: { x0, x1 } }, outcome };
}

function logistic(coefficients: readonly number[], intercept: number): Uint8Array {
  return writeLinearModel({
    kind: 'linear',
    featureNames: coefficients.map((_, i) => `x${i}`),
    coefficients: Float64Array.from(coefficients),
    intercept,
    link: 'logistic',
    imputed: new Float64Array(coefficients.length),
    mean: new Float64Array(coefficients.length),
    scale: new Float64Array(coefficients.length).fill(1),
    classLabels: [0, 1],
  });
}
