/**
 * The composition root: the only file that builds things, with its helpers in wiring/. Platform parts first, then the modules
 * in the order of the graph in layers.mjs, then the HTTP server over all their routes. Stopping runs the other way.
 */
import { SlipwayError } from '@slipway/contract';
import type { Config } from './config.ts';
import { isLoopback } from './config.ts';
import type { Binding } from './platform/http/binding.ts';
import { createHttpServer } from './platform/http/server.ts';
import { automationBinding } from './modules/automation/index.ts';
import { dataBinding } from './modules/data/index.ts';
import { featuresBinding } from './modules/features/index.ts';
import { governanceBinding } from './modules/governance/index.ts';
import { monitoringBinding } from './modules/monitoring/index.ts';
import { pipelinesBinding } from './modules/pipelines/index.ts';
import { projectsBinding } from './modules/projects/index.ts';
import { qualityBinding } from './modules/quality/index.ts';
import { registryBinding, versionFactsBinding } from './modules/registry/index.ts';
import { servingBinding, servingClientsBinding } from './modules/serving/index.ts';
import { consoleBinding, systemBinding } from './modules/system/index.ts';
import { createSeriesCounter, trackingBinding } from './modules/tracking/index.ts';
import { version } from './version.ts';
import { createServingClientDeps } from './wiring/serving-clients.ts';
import { createDatasetReaders } from './wiring/dataset-readers.ts';
import { createExplainers } from './wiring/explainers.ts';
import { createFollowers } from './wiring/followers.ts';
import { consoleFolder } from './wiring/console-folder.ts';
import { createHomeSections } from './wiring/home-sections.ts';
import { createLoop } from './wiring/loop.ts';
import { createPalette } from './wiring/palette.ts';
import type { Modules } from './wiring/modules.ts';
import { createModules } from './wiring/modules.ts';
import type { Basics, Platform } from './wiring/platform.ts';
import { createBasics, createPlatform } from './wiring/platform.ts';
import { createObjectCollection, createReferences } from './wiring/object-collection.ts';
import { createProtocols } from './wiring/protocols.ts';
import { createVersionFacts } from './wiring/version-facts.ts';

export interface SlipwayServer {
  /** `http://127.0.0.1:7700` */
  readonly url: string;
  readonly port: number;
  /** Lets running requests and steps end within the grace, gives leases back, closes everything. */
  stop(graceMs: number): Promise<void>;
}

export async function startServer(config: Config): Promise<SlipwayServer> {
  const basics = createBasics(config);
  try {
    return await build(config, basics);
  } catch (error) {
    await holding(() => basics.closers.closeAll());
    throw error;
  }
}

/** Threads and timers in the background do not keep the process alive: while they are being closed, this does. */
async function holding(run: () => Promise<void>): Promise<void> {
  const hold = setInterval(() => undefined, 60_000);
  try {
    await run();
  } finally {
    clearInterval(hold);
  }
}

async function build(config: Config, basics: Basics): Promise<SlipwayServer> {
  const { closers } = basics;
  const platform = await createPlatform(config, basics);
  const { auth, clock, log, metrics, traces, ledger, jobs } = platform;
  if (!isLoopback(config.host) && !(await auth.hasTokens()))
    throw new SlipwayError('bind_refused', { host: config.host });
  const startedAt = clock.now();
  let url = '';
  const modules = createModules(config, platform, { url: () => url, closers });
  const counter = createSeriesCounter(platform);
  closers.add('series counter', () => counter.stop());
  const collection = createObjectCollection(platform, createReferences(platform, modules));
  const bindings = bindModules(platform, modules, { startedAt, url: () => url });
  const http = await createHttpServer({
    bindings,
    ...createProtocols(platform, modules),
    auth,
    clock,
    log,
    metrics,
    traces,
  });
  await collection.start();
  await modules.features.start();
  await modules.serving.start();
  const port = await http.listen(config.host, config.port);
  url = `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`;
  ledger.start();
  jobs.start();
  modules.pipelines.sweeper.start();
  modules.approvals.start();
  modules.simulations.start();
  counter.start();
  void modules.automation
    .resume()
    .catch((error: unknown) => log.error('policies could not be taken up again', { error }));
  return {
    url,
    port,
    stop: (graceMs) =>
      holding(async () => {
        const endsAtMs = clock.monotonic() + graceMs;
        await http.close(graceMs);
        await jobs.stop(Math.max(0, endsAtMs - clock.monotonic()));
        await ledger.stop();
        await closers.closeAll();
      }),
  };
}

function bindModules(
  platform: Platform,
  modules: Modules,
  { startedAt, url }: { readonly startedAt: number; readonly url: () => string },
): Binding[] {
  const { auth, objects, analytics, metrics, clock, ledger, db } = platform;
  const { tracking, registry } = modules;
  return [
    systemBinding({
      auth,
      objects,
      metrics,
      clock,
      version,
      dialect: db.dialect,
      startedAt,
      consoleFolder,
      sections: createHomeSections(modules),
    }),
    consoleBinding({ loop: createLoop(ledger, modules), find: createPalette({ ledger, objects, modules }) }),
    projectsBinding(modules.projects),
    dataBinding(modules.data, createDatasetReaders(modules)),
    qualityBinding(modules.quality),
    featuresBinding(modules.features),
    trackingBinding({ tracking, objects, clock }),
    registryBinding({ registry, objects }),
    versionFactsBinding(registry, createVersionFacts({ modules, objects, analytics })),
    pipelinesBinding(modules.pipelines),
    servingBinding(modules.serving),
    servingClientsBinding(createServingClientDeps(modules, { url, now: () => clock.now() })),
    monitoringBinding(modules.monitoring),
    automationBinding(modules.automation, modules.approvals),
    governanceBinding({
      ledger,
      explainers: createExplainers(platform, modules),
      followers: createFollowers(platform, modules),
    }),
  ];
}
