/**
 * The endpoints of this process in memory: their logs, their loaded versions, what they serve. What is here follows what
 * was committed; writes about one endpoint run one after the other.
 */
import { join } from 'node:path';
import type { Deployment, EndpointSpec } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import type { Arm, EndpointRuntime } from './endpoint-runtime.ts';
import { openPredictionLog } from './prediction-log.ts';
import type { NextMove } from './rollout-runtime.ts';

export interface LiveEndpoints {
  /** Throws `not_found`, `endpoint_retired`, `endpoint_not_deployed`, or why it could not be loaded. */
  readonly must: (name: string) => EndpointRuntime;
  find(name: string): EndpointRuntime | undefined;
  all(): readonly EndpointRuntime[];
  /** Where its prediction log lies, whether it is open or not. */
  readonly logFolder: (name: string) => string;
  /** Opens its log on first use. Throws `log_segment_corrupt`. */
  open(name: string, spec: EndpointSpec): EndpointRuntime;
  /** Loads these versions and makes room for their features in the log; throws when one cannot be served or logged. */
  load(endpoint: EndpointRuntime, versions: readonly number[]): Promise<void>;
  /** Takes a committed deployment into use and drops versions that nothing needs any more. */
  use(endpoint: EndpointRuntime, deployment: Deployment): void;
  /** What calls are answered until the endpoint is deployed again. */
  fail(name: string, error: unknown): void;
  /** After declarations changed: which endpoints there are, with their specs; undefined for one out of use. */
  declare(specs: ReadonlyMap<string, EndpointSpec | undefined>): void;
  inOrder<T>(name: string, run: () => Promise<T>): Promise<T>;
  /** Resolves when every write that was ordered so far has ended. */
  readonly idle: (name: string) => Promise<void>;
  close(): Promise<void>;
}

export interface LiveEndpointsDeps {
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly loadArm: (spec: EndpointSpec, version: number) => Promise<Arm>;
  readonly onMove: (name: string, move: NextMove) => void;
}

export function createLiveEndpoints(deps: LiveEndpointsDeps): LiveEndpoints {
  const runtimes = new Map<string, EndpointRuntime>();
  const problems = new Map<string, unknown>();
  const chains = new Map<string, Promise<unknown>>();
  let declared: ReadonlyMap<string, EndpointSpec | undefined> = new Map();

  const must = (name: string): EndpointRuntime => {
    const runtime = runtimes.get(name);
    if (runtime !== undefined) return runtime;
    if (problems.has(name)) throw problems.get(name);
    if (!declared.has(name)) throw unknownEndpoint(name);
    if (declared.get(name) === undefined) throw new SlipwayError('endpoint_retired', { endpoint: name });
    throw new SlipwayError('endpoint_not_deployed', { endpoint: name });
  };
  const drop = (name: string): void => {
    runtimes.get(name)?.log.close();
    runtimes.delete(name);
  };

  const logFolder = (name: string): string => join(deps.folder, name);
  const erase = (name: string, { log }: EndpointRuntime): void => {
    runtimes.delete(name);
    log
      .erase()
      .catch((error: unknown) => deps.log.warn('the log of a simulation is still there', { endpoint: name, error }));
  };

  return {
    must,
    logFolder,
    find: (name) => runtimes.get(name),
    all: () => [...runtimes.values()],
    open: (name, spec) => {
      const known = runtimes.get(name);
      if (known !== undefined) {
        known.spec = spec;
        return known;
      }
      const runtime: EndpointRuntime = {
        name,
        spec,
        log: openPredictionLog({ folder: logFolder(name), endpoint: name, clock: deps.clock, log: deps.log }),
        deployment: undefined,
        traffic: [],
        shadow: undefined,
        arms: new Map(),
        rollout: undefined,
        onMove: (move) => deps.onMove(name, move),
      };
      problems.delete(name);
      runtimes.set(name, runtime);
      return runtime;
    },
    load: async (endpoint, versions) => {
      for (const version of versions) {
        if (!endpoint.arms.has(version)) endpoint.arms.set(version, await deps.loadArm(endpoint.spec, version));
      }
      // Before anything is committed: where the log cannot take their features, the versions are not taken into use.
      const current = endpoint.deployment === undefined ? [] : versionsOf(endpoint.deployment);
      endpoint.log.useFeatures(featuresOf(endpoint, [...current, ...versions]));
    },
    use: (endpoint, deployment) => {
      try {
        endpoint.log.useFeatures(featuresOf(endpoint, versionsOf(deployment)));
      } catch (error) {
        // The features that `load` made room for hold these too.
        deps.log.warn('the prediction log goes on with features that no version has', {
          endpoint: endpoint.name,
          error,
        });
      }
      endpoint.deployment = deployment;
      endpoint.traffic = deployment.traffic;
      endpoint.shadow = deployment.shadow;
      const needed = new Set(versionsOf(deployment));
      for (const version of endpoint.arms.keys()) if (!needed.has(version)) endpoint.arms.delete(version);
    },
    fail: (name, error) => {
      drop(name);
      problems.set(name, error);
    },
    declare: (specs) => {
      declared = specs;
      for (const [name, runtime] of runtimes) {
        const spec = specs.get(name);
        if (spec !== undefined) runtime.spec = spec;
        else if (runtime.spec.simulationOf === undefined) drop(name);
        else erase(name, runtime);
      }
    },
    inOrder: (name, run) => {
      const next = (chains.get(name) ?? Promise.resolve()).then(run, run);
      chains.set(
        name,
        next.catch(() => undefined),
      );
      return next;
    },
    idle: async (name) => {
      let last: Promise<unknown> | undefined;
      while (last !== chains.get(name)) await (last = chains.get(name));
    },
    close: async () => {
      await Promise.allSettled(chains.values());
      for (const runtime of runtimes.values()) runtime.log.close();
    },
  };
}

/** Those of the first version, then what others have beside them. */
function featuresOf(endpoint: EndpointRuntime, versions: readonly number[]): readonly string[] {
  const lists = versions.map((version) => endpoint.arms.get(version)?.names ?? []);
  const all = [...new Set(lists.flat())];
  const [first = []] = lists;
  return all.length === first.length ? first : all;
}

export function versionsOf(deployment: Deployment): number[] {
  return [...deployment.traffic.map((t) => t.version), ...(deployment.shadow === undefined ? [] : [deployment.shadow])];
}

export function unknownEndpoint(name: string): SlipwayError {
  return new SlipwayError('not_found', {
    noun: 'endpoint',
    name,
    remedy: '`slipway endpoint list` shows them; slipway.yaml declares them.',
  });
}
