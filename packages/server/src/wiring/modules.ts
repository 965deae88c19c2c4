/** Builds the modules in the order of the graph in layers.mjs, and hands each its ports. */
import { join } from 'node:path';
import { idToHex } from '@slipway/contract';
import type { Config } from '../config.ts';
import type { Approvals, Automation } from '../modules/automation/index.ts';
import { createApprovals, createAutomation, createWebhook } from '../modules/automation/index.ts';
import type { Data } from '../modules/data/index.ts';
import { createData } from '../modules/data/index.ts';
import type { Features } from '../modules/features/index.ts';
import { createFeatures } from '../modules/features/index.ts';
import type { Monitoring } from '../modules/monitoring/index.ts';
import { createMonitoring } from '../modules/monitoring/index.ts';
import type { Pipelines } from '../modules/pipelines/index.ts';
import { createPipelines } from '../modules/pipelines/index.ts';
import type { Projects, SimulationSweep } from '../modules/projects/index.ts';
import { createProjects, createSimulationSweep } from '../modules/projects/index.ts';
import type { Quality } from '../modules/quality/index.ts';
import { createQuality } from '../modules/quality/index.ts';
import type { Registry } from '../modules/registry/index.ts';
import { createRegistry } from '../modules/registry/index.ts';
import type { Serving } from '../modules/serving/index.ts';
import { createServing } from '../modules/serving/index.ts';
import type { Tracking } from '../modules/tracking/index.ts';
import { createTracking } from '../modules/tracking/index.ts';
import { projectOperations, resourceKinds, servingOperations } from '../stores.ts';
import { version } from '../version.ts';
import { createMonitoringPorts } from './monitoring-ports.ts';
import type { Closers, Platform } from './platform.ts';

export interface Modules {
  readonly projects: Projects;
  readonly simulations: SimulationSweep;
  readonly data: Data;
  readonly quality: Quality;
  readonly features: Features;
  readonly tracking: Tracking;
  readonly registry: Registry;
  readonly pipelines: Pipelines;
  readonly serving: Serving;
  readonly monitoring: Monitoring;
  readonly automation: Automation;
  readonly approvals: Approvals;
}

/** What ends the wait of a rollout. */
const endedApprovals = ['approval.given', 'approval.refused', 'approval.lapsed', 'approval.withdrawn'];

/** Largest model file that is read into memory whole. */
const modelLimitBytes = 512 * 1024 * 1024;

export function createModules(
  config: Config,
  platform: Platform,
  options: { readonly url: () => string; readonly closers: Closers },
): Modules {
  const { db, ids, clock, log, objects, analytics, ledger, jobs, auth } = platform;
  const projects = createProjects({ db, objects, kinds: resourceKinds, operations: projectOperations });
  const simulations = createSimulationSweep({ db, clock, log, operations: projectOperations });
  options.closers.add('simulations', async () => simulations.stop());
  const data = createData({ db, ids, objects, analytics, uploadFolder: join(config.folder, 'objects', 'uploads') });
  const quality = createQuality({ db, ids, clock, analytics, datasets: data });
  const features = createFeatures({
    db,
    clock,
    log,
    analytics,
    datasets: data,
    folder: join(config.folder, 'features'),
  });
  options.closers.add('features', () => features.stop());
  const tracking = createTracking({ db, clock, ids, objects });
  const registry = createRegistry({ db, ids, objects, tracking });
  const pipelines = createPipelines({
    db,
    clock,
    ids,
    log,
    jobs,
    objects,
    datasets: data,
    bundles: {
      manifest: (digest) => projects.bundle(digest),
      commit: async (project) => (await projects.get(project)).source?.commit,
    },
    tokens: auth,
    tracking: {
      startRun: async ({ experiment, name, tags, actor }) => {
        const { id: experimentId } = await tracking.ensureExperiment(experiment, actor);
        const run = await tracking.createRun({ experimentId, name, tags, actor });
        return { id: run.id, hex: idToHex('run', run.id) };
      },
      endRun: async ({ id, isSuccess, actor }) => {
        const { params, metrics } = await tracking.endRun(id, isSuccess ? 'finished' : 'failed', actor);
        return { isBare: metrics.length === 0 && Object.keys(params).length === 0 };
      },
    },
    folder: join(config.folder, 'pipelines'),
    url: options.url,
    runnerVersion: version,
    slots: config.stepSlots,
    python: config.python,
  });
  options.closers.add('pipelines', () => pipelines.stop());
  const serving = createServing({
    db,
    clock,
    ids,
    log,
    features,
    registry: {
      getVersion: (model, ref) => registry.getVersion(model, ref),
      readFile: (digest) => objects.read(digest, modelLimitBytes),
    },
    operations: servingOperations,
    folder: join(config.folder, 'predictions'),
  });
  options.closers.add('serving', () => serving.stop());
  const monitoring = createMonitoring({
    db,
    clock,
    ids,
    log,
    ledger,
    ...createMonitoringPorts({ serving, registry, objects, analytics }),
  });
  const automation = createAutomation({
    db,
    clock,
    log,
    ledger,
    runPipeline: async (order) => ({ run: (await pipelines.start(order.pipeline, order)).id }),
    startRollout: async (order) => ({ rollout: (await serving.startRollout(order.endpoint, order, order.actor)).id }),
    moveAlias: async ({ version: ref, ...move }) => {
      const { number } = await registry.getVersion(move.model, ref);
      const { approval } = await registry.moveAlias({ ...move, version: number });
      return { version: number, ...(approval === undefined ? {} : { approval: approval.id }) };
    },
    postWebhook: createWebhook(fetch),
  });
  const approvals = createApprovals({ db, clock, log, aliases: registry.approvals, automation });
  options.closers.add('approvals', async () => approvals.stop());
  ledger.consume('rollout-approvals', endedApprovals, async ({ kind, actor, body }) => {
    const { approval, reason } = body;
    if (typeof approval !== 'string') return;
    const isApproved = kind === 'approval.given';
    const said = typeof reason === 'string' ? `: ${reason}` : '.';
    const sentence =
      kind === 'approval.lapsed'
        ? 'Nobody approved it in time.'
        : `${isApproved ? 'Approved' : 'Not approved'} by ${actor}${said}`;
    await serving.settleApproval({ approval, isApproved, sentence, actor });
  });
  return {
    projects,
    simulations,
    data,
    quality,
    features,
    tracking,
    registry,
    pipelines,
    serving,
    monitoring,
    automation,
    approvals,
  };
}
