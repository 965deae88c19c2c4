/** Feature sets: what is declared, the online state of each, reads, pushes, backfills and the parity check. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  FeatureRequest,
  FeatureSet,
  FeatureSetSummary,
  FeatureState,
  FeatureVector,
  ParityReport,
  PushAnswer,
} from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Page } from '../../lib/page.ts';
import { pageOf } from '../../lib/page.ts';
import type { Analytics } from '../../platform/analytics/analytics.ts';
import { sqlText } from '../../platform/analytics/analytics.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Log } from '../../platform/log.ts';
import type { Definition } from './definition.ts';
import { own, serviceDigest } from './definition.ts';
import type { OnlineState, OnlineStateDeps, TableSource } from './online-state.ts';
import { openOnlineState, removeOldGenerations, replaceOnlineState, tablesOf } from './online-state.ts';
import type { SimulatedState } from './simulated-state.ts';
import { openSimulatedState } from './simulated-state.ts';
import { bySql, compareBits } from './parity.ts';
import type { Plan, ServicePlan, TableColumn } from './plan.ts';
import type { RequestsWanted } from './requests.ts';
import { listRequests } from './requests.ts';
import { createPlan } from './plan.ts';
import type { FeaturesTables, StoredSet } from './store.ts';
import { listDigests, listSets, recordBackfill } from './store.ts';
import { sqlType } from './compile-sql.ts';
import { parseNumber, parseText, valueRules } from './values.ts';
import { createZone } from './zone.ts';

/** Reads one service as of now; the state only moves forward. Follows backfills and changed definitions. */
export interface FeatureReader {
  /** Of the service as it is declared now. */
  readonly digest: string;
  readonly names: readonly string[];
  /** Entity keys and request inputs of the set, with their types. */
  readonly inputs: readonly { readonly name: string; readonly type: string }[];
  /** The instant that events and reads have moved the state to, in whole milliseconds. Throws `feature_state_empty`. */
  stateAt(): number;
  /**
   * `inputs`: entity keys and request inputs by name. Writes `names.length` values from `offset`, NaN as null. Throws
   * `feature_time_went_back`, `feature_request_invalid`, `feature_state_empty`.
   */
  read(atMs: number, inputs: Readonly<Record<string, unknown>>, out: Float64Array, offset?: number): void;
}

export interface Datasets {
  /** Throws `not_found`. */
  resolve(ref: string): Promise<{
    readonly dataset: string;
    readonly number: number;
    readonly schema: readonly TableColumn[];
    readonly relation: string;
  }>;
}

export interface FeaturesDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly analytics: Analytics;
  readonly datasets: Datasets;
  /** Online states live here, one folder per set. */
  readonly folder: string;
}

export interface PredictionVector {
  readonly at: number;
  readonly keys: Readonly<Record<string, unknown>>;
  readonly request: Readonly<Record<string, unknown>>;
  readonly values: readonly (number | null)[];
}

export interface Features {
  /** Opens the states of all declared sets, and follows changes. Never throws for one bad set: its state says why. */
  start(): Promise<void>;
  stop(): Promise<void>;
  list(page: {
    readonly limit: number;
    readonly pageToken?: string | undefined;
  }): Promise<{ items: FeatureSetSummary[]; nextPageToken?: string }>;
  get(set: string): Promise<FeatureSet>;
  push(input: {
    readonly set: string;
    readonly source: string;
    readonly rows: readonly Readonly<Record<string, unknown>>[];
    readonly at?: number | undefined;
    readonly batchId?: string | undefined;
  }): Promise<PushAnswer>;
  backfill(input: {
    readonly set: string;
    readonly tables: Readonly<Record<string, string>>;
    readonly until: number;
    readonly actor: string;
  }): Promise<FeatureState>;
  /** Of the copy that a simulation reads: takes the rows of its tables that were known by then. */
  feed(input: { readonly set: string; readonly until: number }): Promise<void>;
  /** The rows of a service's label table as requests, by instant. */
  requests(
    input: RequestsWanted & {
      readonly set: string;
      readonly service: string;
      readonly tables: Readonly<Record<string, string>>;
    },
  ): Promise<Page<FeatureRequest>>;
  read(input: {
    readonly set: string;
    readonly service: string;
    readonly at?: number | undefined;
    readonly keys: Readonly<Record<string, unknown>>;
    readonly request: Readonly<Record<string, unknown>>;
  }): Promise<FeatureVector>;
  parity(input: {
    readonly set: string;
    readonly service: string;
    readonly tables: Readonly<Record<string, string>>;
    readonly predictions: readonly PredictionVector[];
  }): Promise<ParityReport>;
  /** For serving, on the main thread. Throws `not_found` when no such set or service is declared. */
  reader(set: string, service: string): FeatureReader;
}

/** One declared set in this process. */
interface Runtime {
  readonly stored: StoredSet;
  readonly services: ReadonlyMap<string, { readonly digest: string; readonly names: readonly string[] }>;
  status: 'empty' | 'filling' | 'ready' | 'failed';
  problem: string | undefined;
  state: OnlineState | SimulatedState | undefined;
}

export function createFeatures(deps: FeaturesDeps): Features {
  const { db, clock, log, analytics } = deps;
  const tables = () => db.read<FeaturesTables>();
  const runtimes = new Map<string, Runtime>();
  let unsubscribe: (() => void) | undefined;
  let refreshing: Promise<void> | undefined;
  let isStale = false;
  let isStopped = false;

  const resolve = async (ref: string): Promise<TableSource> => {
    const { dataset, number, schema, relation } = await deps.datasets.resolve(ref);
    const files = /\/[^/]+$/.exec(ref)?.[0] ?? '';
    return {
      ref: `${dataset}@${number}${files}`,
      columns: schema.map(({ name, type }) => ({ name, type })),
      sql: relation,
    };
  };
  const stateDeps = (set: string): OnlineStateDeps => ({
    folder: join(deps.folder, set),
    log,
    now: () => clock.now(),
    connect: () => analytics.connect(),
    resolve,
  });

  const load = async (stored: StoredSet): Promise<Runtime> => {
    const zone = createZone(stored.definition.time.zone);
    const services = new Map(
      Object.entries(stored.definition.services).map(([name, { features }]) => {
        const names = features.map((path) => path.slice(path.indexOf('.') + 1));
        return [name, { digest: serviceDigest(stored.definition, name, zone.digest), names }];
      }),
    );
    const runtime: Runtime = { stored, services, status: 'empty', problem: undefined, state: undefined };
    if (stored.simulationOf !== undefined) {
      runtime.problem = 'a simulation keeps it in memory alone, and it was not filled since the server began';
      return runtime;
    }
    try {
      await removeOldGenerations(join(deps.folder, stored.name));
      runtime.state = await openOnlineState(stored.definition, stateDeps(stored.name));
      runtime.status = runtime.state ? 'ready' : 'empty';
    } catch (error) {
      runtime.status = 'failed';
      runtime.problem = error instanceof Error ? error.message : String(error);
      log.error('the online state of a feature set could not be opened', { set: stored.name, error });
    }
    return runtime;
  };

  const refreshOnce = async (): Promise<void> => {
    // All sets at once: a workspace has few, and each is a file of a project.
    const declared = await listDigests(tables());
    const names = new Set(declared.map(({ name }) => name));
    for (const [name, runtime] of runtimes) {
      if (names.has(name) || runtime.status === 'filling') continue;
      runtimes.delete(name);
      await runtime.state?.close();
    }
    for (const { name, digest } of declared) {
      const runtime = runtimes.get(name);
      if (runtime?.stored.digest === digest || runtime?.status === 'filling') continue;
      const [stored] = await listSets(tables(), { name, limit: 1 });
      if (!stored) continue;
      // Until the new one stands, reads go on and pushes wait.
      if (runtime) runtime.status = 'filling';
      await runtime?.state?.close();
      runtimes.set(stored.name, await load(stored));
    }
  };
  /** Brings the runtimes in line with what is declared. Calls share one pass; a commit during a pass asks for another. */
  const refresh = (): Promise<void> => {
    isStale = true;
    refreshing ??= (async () => {
      try {
        while (isStale && !isStopped) {
          isStale = false;
          await refreshOnce();
        }
      } finally {
        refreshing = undefined;
      }
    })();
    return refreshing;
  };

  const noSet = (name: string): SlipwayError =>
    new SlipwayError('not_found', {
      noun: 'feature set',
      name,
      remedy: 'Declare it in slipway.yaml under `features:` and apply.',
    });
  const runtimeOf = async (name: string): Promise<Runtime> => {
    const [stored] = await listSets(tables(), { name, limit: 1 });
    if (!stored) throw noSet(name);
    if (runtimes.get(name)?.stored.digest !== stored.digest) await refresh();
    const runtime = runtimes.get(name);
    if (!runtime) throw noSet(name);
    return runtime;
  };
  const readyState = (runtime: Runtime): OnlineState | SimulatedState => {
    if (runtime.state) return runtime.state;
    const { status, problem = 'nothing was backfilled or pushed' } = runtime;
    throw new SlipwayError('feature_state_empty', { set: runtime.stored.name, status, problem });
  };
  const serviceOf = (
    runtime: Runtime,
    service: string,
  ): { readonly digest: string; readonly names: readonly string[] } => {
    const found = runtime.services.get(service);
    if (found) return found;
    const remedy = `Services of feature set ${runtime.stored.name}: ${[...runtime.services.keys()].join(', ')}.`;
    throw new SlipwayError('not_found', { noun: 'feature service', name: service, remedy });
  };

  /** Replaces the state; the old one answers reads until the new one is whole. */
  const replace = async (
    runtime: Runtime,
    request: { refs: Readonly<Record<string, string>>; untilMs: number | undefined },
  ): Promise<OnlineState> => {
    const name = runtime.stored.name;
    if (runtime.status === 'filling') throw new SlipwayError('feature_state_busy', { set: name });
    const before = runtime.status;
    runtime.status = 'filling';
    try {
      const { definition, simulationOf } = runtime.stored;
      const { untilMs } = request;
      const isSimulated = simulationOf !== undefined && untilMs !== undefined;
      if (!isSimulated) await mkdir(join(deps.folder, name), { recursive: true });
      const state = isSimulated
        ? await openSimulatedState(definition, { refs: request.refs, untilMs }, stateDeps(name))
        : await replaceOnlineState(definition, request, stateDeps(name));
      const old = runtime.state;
      runtime.state = state;
      runtime.status = 'ready';
      runtime.problem = undefined;
      await old?.close();
      if (!isSimulated) await removeOldGenerations(join(deps.folder, name));
      return state;
    } catch (error) {
      if (runtime.status === 'filling') runtime.status = before;
      throw error;
    } finally {
      void refresh().catch((error: unknown) => log.error('feature sets could not be refreshed', { error }));
    }
  };

  const push: Features['push'] = async ({ set, source, rows, at, batchId }) => {
    const runtime = await runtimeOf(set);
    if (runtime.stored.simulationOf !== undefined) throw new SlipwayError('feature_set_simulated', { set });
    if (runtime.status === 'filling') throw new SlipwayError('feature_state_busy', { set });
    if (runtime.status === 'failed') readyState({ ...runtime, state: undefined });
    const state = runtime.state ?? (await replace(runtime, { refs: {}, untilMs: undefined }));
    try {
      return await state.push(source, rows, { atMs: at, batchId });
    } catch (error) {
      if (error instanceof SlipwayError) throw error;
      // The rows act in memory and are not on disk: only the disk knows what was acknowledged, so start again from there.
      runtimes.delete(set);
      await state.discard();
      void refresh().catch((again: unknown) => log.error('feature sets could not be refreshed', { error: again }));
      throw isDiskFull(error) ? new SlipwayError('disk_full', { location: deps.folder }, { cause: error }) : error;
    }
  };

  const backfill: Features['backfill'] = async ({ set, tables: refs, until, actor }) => {
    const runtime = await runtimeOf(set);
    const known = tablesOf(runtime.stored.definition);
    for (const table of Object.keys(refs)) {
      if (known.includes(table)) continue;
      throw new SlipwayError('not_found', {
        noun: 'table',
        name: table,
        remedy: `Tables of feature set ${set}: ${known.join(', ')}.`,
      });
    }
    const state = await replace(runtime, { refs, untilMs: until });
    const rows = Object.values(state.engine.stats().sources).reduce((sum, source) => sum + source.rows, 0);
    const { digest, simulationOf } = runtime.stored;
    const simulation = simulationOf === undefined ? {} : { simulationOf };
    await db.write(recordBackfill, { set, digest, tables: refsOf(state), until, rows, actor, ...simulation });
    return stateOf(runtime);
  };

  const feed: Features['feed'] = async ({ set, until }) => {
    const runtime = await runtimeOf(set);
    if (runtime.stored.simulationOf === undefined) throw new SlipwayError('feature_set_not_simulated', { set });
    const state = readyState(runtime);
    if ('feed' in state) await state.feed(until);
  };

  const read: Features['read'] = async ({ set, service, at = clock.now(), keys, request }) => {
    const runtime = await runtimeOf(set);
    const { digest } = serviceOf(runtime, service);
    const reader = readyState(runtime).engine.reader(service);
    const known = new Set(reader.inputs.map(({ name }) => name));
    // Here unknown names are refused, so what is left out is meant to be unknown.
    const inputs = { ...Object.fromEntries(reader.inputs.map(({ name }) => [name, null])), ...keys, ...request };
    for (const name of Object.keys(inputs)) {
      if (known.has(name)) continue;
      throw new SlipwayError('feature_request_invalid', {
        service,
        input: name,
        value: 'given',
        rule: `the set knows ${[...known].join(', ')}`,
      });
    }
    const out = new Float64Array(reader.names.length);
    reader.read(at * 1000, inputs, out);
    return {
      names: [...reader.names],
      values: Array.from(out, (value) => (Number.isNaN(value) ? null : value)),
      at,
      digest,
    };
  };

  const requests: Features['requests'] = async ({ set, service: name, tables: refs, ...wanted }) => {
    const runtime = await runtimeOf(set);
    serviceOf(runtime, name);
    const { definition } = runtime.stored;
    const rowsTable = definition.services[name]?.rows?.table;
    const sources = new Map<string, TableSource>();
    for (const table of new Set([...tablesOf(definition), ...(rowsTable === undefined ? [] : [rowsTable])]))
      sources.set(table, await resolve(refs[table] ?? table));
    const plan = createPlan(definition, new Map([...sources].map(([table, { columns }]) => [table, columns])), [name]);
    const service = plan.services.get(name);
    const table = sources.get(rowsTable ?? '');
    if (service?.rows === undefined || table === undefined)
      throw new SlipwayError('feature_service_without_rows', { set, service: name });
    return listRequests({ plan, service: { ...service, rows: service.rows }, table, analytics }, wanted);
  };

  const parity: Features['parity'] = async ({ set, service: name, tables: refs, predictions }) => {
    const runtime = await runtimeOf(set);
    serviceOf(runtime, name);
    const { definition } = runtime.stored;
    const sources = new Map<string, TableSource>();
    for (const table of tablesOf(definition)) sources.set(table, await resolve(refs[table] ?? table));
    const plan = createPlan(definition, new Map([...sources].map(([table, { columns }]) => [table, columns])), [name]);
    const service = plan.services.get(name);
    if (!service)
      throw new SlipwayError('not_found', { noun: 'feature service', name, remedy: 'See the feature set.' });
    const served = servedVectors(service, predictions);
    const connection = await analytics.connect();
    try {
      const relations = ({ table }: { readonly table: string }) => ({
        sql: sources.get(table)?.sql ?? '',
        isLog: false,
      });
      const again = await bySql(connection, {
        plan,
        service,
        relations,
        form: 'direct',
        spine: spineSql(plan, service, predictions),
      });
      const { rows, cells, different, examples } = compareBits(
        served,
        again,
        service.features.map((feature) => feature.name),
      );
      return { rows, cells, different, examples: [...examples] };
    } finally {
      connection.closeSync();
    }
  };

  const reader: Features['reader'] = (set, service) => {
    const current = (): Runtime => {
      const runtime = runtimes.get(set);
      if (!runtime) throw noSet(set);
      return runtime;
    };
    serviceOf(current(), service);
    return {
      get digest() {
        return serviceOf(current(), service).digest;
      },
      get names() {
        return serviceOf(current(), service).names;
      },
      get inputs() {
        return inputsOf(current().stored);
      },
      stateAt: () => Math.max(0, Math.ceil(readyState(current()).engine.nowUs() / 1000)),
      read: (atMs, inputs, out, offset) => {
        readyState(current())
          .engine.reader(service)
          .read(atMs * 1000, inputs, out, offset);
      },
    };
  };

  return {
    start: async () => {
      await mkdir(deps.folder, { recursive: true });
      await refresh();
      unsubscribe = db.onCommit(() => {
        void refresh().catch((error: unknown) => log.error('feature sets could not be refreshed', { error }));
      });
    },
    stop: async () => {
      isStopped = true;
      unsubscribe?.();
      await refreshing;
      for (const runtime of runtimes.values()) await runtime.state?.close();
      runtimes.clear();
    },
    list: async ({ limit, pageToken }) => {
      const sets = await listSets(tables(), { afterName: pageToken, limit: limit + 1 });
      return pageOf(sets, limit, (set) => set.name, summaryOf);
    },
    get: async (set) => describeSet(await runtimeOf(set)),
    push,
    backfill,
    feed,
    requests,
    read,
    parity,
    reader,
  };
}

const isDiskFull = (error: unknown): boolean =>
  error instanceof Error && (error as NodeJS.ErrnoException).code === 'ENOSPC';

function summaryOf({ name, digest, project, updatedAt, simulationOf, definition }: StoredSet): FeatureSetSummary {
  return {
    name,
    digest,
    ...(project === undefined ? {} : { project }),
    ...(simulationOf === undefined ? {} : { simulationOf }),
    updatedAt,
    services: Object.keys(definition.services),
  };
}

const inputsOf = ({ definition: { entities, request } }: StoredSet): { name: string; type: string }[] =>
  [...Object.entries(entities), ...Object.entries(request)].map(([name, type]) => ({ name, type }));

const refsOf = (state: OnlineState): Record<string, string> =>
  Object.fromEntries(Object.entries(state.backfill.tables).map(([table, { ref }]) => [table, ref]));

function stateOf({ status, problem, state }: Runtime): FeatureState {
  const stats = state?.engine.stats();
  const until = state?.backfill.untilMs;
  return {
    status,
    ...(problem === undefined ? {} : { problem }),
    ...(stats && Number.isFinite(stats.nowUs) ? { nowAt: stats.nowUs / 1000 } : {}),
    ...(state && until !== undefined ? { backfill: { tables: refsOf(state), until } } : {}),
    sources: { ...stats?.sources },
  };
}

function describeSet(runtime: Runtime): FeatureSet {
  const { stored } = runtime;
  const { definition } = stored;
  const services = Object.entries(definition.services).map(([name, service]) => ({
    name,
    digest: runtime.services.get(name)?.digest ?? '',
    features: service.features.map((path) => {
      const [view = '', feature = ''] = path.split('.');
      const { features, source } = own(definition.views, view) ?? { features: {}, source: undefined };
      return {
        name: feature,
        view,
        expression: own(features, feature) ?? '',
        ...(source === undefined ? {} : { source }),
        class: 'exact' as const,
      };
    }),
    ...atOf(service),
    ...(service.rows === undefined ? {} : { rowsTable: service.rows.table }),
    extra: [...(service.rows?.extra ?? [])],
  }));
  const { services: _, ...summary } = summaryOf(stored);
  return {
    ...summary,
    definition: { ...definition } satisfies Record<keyof Definition, unknown>,
    inputs: inputsOf(stored),
    sources: Object.entries(definition.sources).map(([name, { table }]) => ({ name, table })),
    services,
    state: stateOf(runtime),
  };
}

function atOf({ at, rows }: Definition['services'][string]): { readonly at?: string } {
  const said = at ?? rows?.at;
  return said === undefined ? {} : { at: said };
}

function servedVectors(service: ServicePlan, predictions: readonly PredictionVector[]): Float64Array {
  const width = service.features.length;
  const served = new Float64Array(predictions.length * width);
  predictions.forEach(({ values }, row) => {
    if (values.length !== width) {
      const rule = `service ${service.name} has ${width} features`;
      throw new SlipwayError('feature_request_invalid', {
        service: service.name,
        input: `predictions.${row}.values`,
        value: `${values.length} values`,
        rule,
      });
    }
    values.forEach((value, f) => {
      served[row * width + f] = value ?? Number.NaN;
    });
  });
  return served;
}

/** The requests as a relation in the form of compile-sql.ts. */
function spineSql(plan: Plan, service: ServicePlan, predictions: readonly PredictionVector[]): string {
  const columns = plan.inputs.map(({ name }) => `"in_${name}"`);
  const rows = predictions.map(({ at, keys, request }, row) => {
    const inputs: Readonly<Record<string, unknown>> = { ...keys, ...request };
    const cells = plan.inputs.map(({ name, type }) => {
      const parsed = type === 'string' ? parseText(inputs[name]) : parseNumber(inputs[name], type);
      if (parsed === undefined) {
        const value = JSON.stringify(inputs[name]) ?? '';
        throw new SlipwayError('feature_request_invalid', {
          service: service.name,
          input: `predictions.${row}.${name}`,
          value,
          rule: valueRules[type],
        });
      }
      if (parsed === null || Number.isNaN(parsed)) return `CAST(NULL AS ${sqlType(type)})`;
      return typeof parsed === 'string'
        ? sqlText(parsed)
        : type === 'bool'
          ? String(parsed === 1)
          : `CAST('${parsed}' AS ${sqlType(type)})`;
    });
    return `(${row + 1}, CAST(${at * 1000} AS BIGINT), ${cells.join(', ')})`;
  });
  return `(SELECT * FROM (VALUES ${rows.join(', ')}) AS v(_row, _t, ${columns.join(', ')}))`;
}
