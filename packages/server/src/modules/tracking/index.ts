/** Tracking: experiments, runs, what they logged, and their files. */
import type { Experiment, Run, RunCount, RunKey, RunMetric, RunStatus, SampledSeries } from '@slipway/contract';
import { metricKeyLimitChars, SlipwayError, tagValueLimitChars, paramValueLimitChars } from '@slipway/contract';
import { sql } from 'kysely';
import type { Page } from '../../lib/page.ts';
import type { Filter, OrderKey } from '../../lib/search-filter/search-filter.ts';
import { parseFilter, parseOrderKey } from '../../lib/search-filter/search-filter.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import { retryUnique } from '../../platform/db/failure.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Objects } from '../../platform/objects/objects.ts';
import type { ArtifactStore } from './artifacts.ts';
import { createArtifactStore } from './artifacts.ts';
import { runLanguage } from './conditions.ts';
import { experimentLanguage, searchExperiments } from './experiments.ts';
import type { HistoryPage } from './history.ts';
import { history } from './history.ts';
import type { LoggedModel, LoggedModelSearch } from './logged-models.ts';
import { getLoggedModel, searchLoggedModels } from './logged-models.ts';
import {
  createExperiment,
  deleteExperiment,
  restoreExperiment,
  tagExperiment,
  updateExperiment,
} from './operations/experiments.ts';
import type { LinkInput } from './operations/inputs.ts';
import { linkInputs } from './operations/inputs.ts';
import { logBatch } from './operations/log.ts';
import type { LoggedModelChange, ModelPoint, NewLoggedModel } from './operations/logged-models.ts';
import { changeLoggedModel, createLoggedModel, logModelMetrics } from './operations/logged-models.ts';
import type { RunChange } from './operations/runs.ts';
import { createRun, deleteRun, deleteTag, restoreRun, updateRun } from './operations/runs.ts';
import type { RunColumns } from './read.ts';
import { experimentKey, findExperiment, getExperiment, getRun, getRunBrief, hydrateRuns, scan } from './read.ts';
import { inList } from '../../lib/search-filter/filter-sql.ts';
import type { LoggedPoint } from './points.ts';
import { pointColumns } from './points.ts';
import { countRuns } from './run-count.ts';
import type { RunKeyQuery, RunValueQuery } from './run-keys.ts';
import { listRunKeys, listRunValues } from './run-keys.ts';
import type { RunMetricQuery } from './run-metrics.ts';
import { listRunMetrics } from './run-metrics.ts';
import { runNameOf } from './run-name.ts';
import type { SampleQuery } from './samples.ts';
import { sampleMetric } from './samples.ts';
import { searchRunIds } from './search.ts';
import type { ViewStore } from './views.ts';
import { createViewStore } from './views.ts';

export { trackingStore } from './store.ts';
export { trackingBinding } from './routes.ts';
export { createSeriesCounter } from './count-series.ts';
export { experimentLanguage } from './experiments.ts';
export { loggedModelLanguage } from './logged-models.ts';
export { runLanguage } from './conditions.ts';
export type { ArtifactStore } from './artifacts.ts';
export type { LoggedModel, LoggedModelMetric } from './logged-models.ts';
export type { InputDataset } from './operations/inputs.ts';
export type { LoggedPoint } from './points.ts';
export type { LoggedModelStatus, ModelPoint } from './operations/logged-models.ts';

export interface TrackingDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly objects: Objects;
}

type Lifecycles = 'active' | 'deleted' | 'all';

export interface RunQuery {
  /** Ids of experiments; all of them unless given. */
  readonly experimentIds?: readonly string[] | undefined;
  /** Text in the language of `runLanguage`, or a tree of it. */
  readonly filter?: string | Filter | undefined;
  /** What a tree was read from: shown in messages. */
  readonly filterText?: string | undefined;
  /** `metrics.auc desc, name`, or keys. */
  readonly order?: readonly (string | OrderKey)[] | undefined;
  readonly lifecycle?: Lifecycles | undefined;
  /** Only these keys of each run, and no inputs. */
  readonly columns?: RunColumns | undefined;
  readonly limit: number;
  readonly pageToken?: string | undefined;
}

export interface ExperimentQuery {
  readonly filter?: string | Filter | undefined;
  /** What a tree was read from: shown in messages. */
  readonly filterText?: string | undefined;
  readonly order?: readonly OrderKey[] | undefined;
  readonly lifecycle?: Lifecycles | undefined;
  readonly limit: number;
  readonly pageToken?: string | undefined;
}

export interface LogRequest {
  readonly metrics?: readonly LoggedPoint[] | undefined;
  readonly params?: Readonly<Record<string, string>> | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Renames the run in the same transaction. */
  readonly name?: string | undefined;
}

export interface Tracking {
  readonly artifacts: ArtifactStore;
  readonly views: ViewStore;
  createExperiment(request: {
    readonly name: string;
    readonly description?: string | undefined;
    readonly artifactLocation?: string | undefined;
    readonly tags?: Readonly<Record<string, string>> | undefined;
    readonly actor: string;
  }): Promise<Experiment>;
  getExperiment(id: string): Promise<Experiment>;
  /** The active one of that name, else the one that was deleted last. */
  findExperimentByName(name: string): Promise<Experiment | undefined>;
  /** The active experiment of that name, made when there is none. */
  ensureExperiment(name: string, actor: string): Promise<Experiment>;
  searchExperiments(query: ExperimentQuery): Promise<Page<Experiment>>;
  updateExperiment(
    id: string,
    change: { readonly name?: string; readonly description?: string },
    actor: string,
  ): Promise<void>;
  deleteExperiment(id: string, actor: string): Promise<void>;
  restoreExperiment(id: string, actor: string): Promise<void>;
  /** Sets tags, or removes those whose value is null. Resolves to the keys that were to go and were not there. */
  tagExperiment(id: string, tags: Readonly<Record<string, string | null>>): Promise<string[]>;

  createRun(request: {
    readonly experimentId: string;
    readonly name?: string | undefined;
    readonly startedAt?: number | undefined;
    readonly user?: string | undefined;
    readonly tags?: Readonly<Record<string, string>> | undefined;
    readonly actor: string;
  }): Promise<Run>;
  getRun(id: string): Promise<Run>;
  /** With its first metrics; `listMetrics` has all. */
  getRunBrief(id: string): Promise<Run>;
  listMetrics(query: RunMetricQuery): Promise<Page<RunMetric>>;
  updateRun(change: RunChange): Promise<Run>;
  /** Ends a run now. */
  endRun(
    id: string,
    status: Exclude<RunStatus, 'running' | 'scheduled'>,
    actor: string,
    endedAt?: number,
  ): Promise<Run>;
  deleteRun(id: string, actor: string): Promise<void>;
  restoreRun(id: string, actor: string): Promise<void>;
  searchRuns(query: RunQuery): Promise<Page<Run>>;
  countRuns(query: Pick<RunQuery, 'experimentIds' | 'filter'>): Promise<RunCount>;
  /** The keys that runs logged; of one experiment, by its id, or of any. */
  listKeys(
    query: Omit<RunKeyQuery, 'experiment'> & { readonly experimentId?: string | undefined },
  ): Promise<Page<RunKey>>;
  listValues(
    query: Omit<RunValueQuery, 'experiment'> & { readonly experimentId: string | undefined },
  ): Promise<string[]>;
  sample(query: SampleQuery): Promise<SampledSeries[]>;
  /** All or nothing. */
  log(id: string, request: LogRequest): Promise<void>;
  deleteTag(id: string, key: string): Promise<boolean>;
  history(query: {
    readonly run: string;
    readonly key: string;
    readonly limit: number;
    readonly pageToken?: string | undefined;
  }): Promise<HistoryPage>;
  linkInputs(link: LinkInput): Promise<void>;

  createLoggedModel(request: Omit<NewLoggedModel, 'uid'>): Promise<LoggedModel>;
  getLoggedModel(id: string, options?: { readonly allowDeleted?: boolean }): Promise<LoggedModel>;
  changeLoggedModel(change: LoggedModelChange): Promise<LoggedModel>;
  searchLoggedModels(search: LoggedModelSearch): Promise<Page<LoggedModel>>;
  logModelMetrics(points: readonly ModelPoint[]): Promise<void>;
}

export function createTracking(deps: TrackingDeps): Tracking {
  const { db, clock, ids } = deps;
  const experimentsOf = async (query: RunQuery): Promise<number[]> => {
    const where =
      query.experimentIds === undefined ? sql`true` : inList(db.dialect, sql.ref('uid'), query.experimentIds);
    const rows = await scan(db, sql<{ id: number }>`select id from tracking_experiment where ${where} order by id`);
    return rows.map((row) => row.id);
  };
  const tracking: Tracking = {
    artifacts: createArtifactStore(db, deps.objects),
    views: createViewStore(db, ids),
    createExperiment: async ({ name, description, artifactLocation, tags = {}, actor }) => {
      const uid = ids.next('experiment');
      await retryUnique(() => db.write(createExperiment, { uid, name, description, artifactLocation, tags, actor }));
      return getExperiment(db, uid);
    },
    getExperiment: (id) => getExperiment(db, id),
    findExperimentByName: (name) => findExperiment(db, { name }),
    ensureExperiment: async (name, actor) => {
      const there = await findExperiment(db, { name });
      if (there?.lifecycle === 'active') return there;
      try {
        return await tracking.createExperiment({ name, actor });
      } catch (error) {
        const made =
          error instanceof SlipwayError && error.code === 'already_exists'
            ? await findExperiment(db, { name })
            : undefined;
        if (made) return made;
        throw error;
      }
    },
    searchExperiments: (query) => {
      return searchExperiments(db, {
        filter: typeof query.filter === 'string' ? parseFilter(query.filter, experimentLanguage) : query.filter,
        filterText: textOf(query),
        order: query.order ?? [],
        lifecycle: query.lifecycle ?? 'active',
        limit: query.limit,
        pageToken: query.pageToken,
      });
    },
    updateExperiment: (uid, change, actor) => db.write(updateExperiment, { uid, ...change, actor }),
    deleteExperiment: (uid, actor) => db.write(deleteExperiment, { uid, actor }),
    restoreExperiment: (uid, actor) => db.write(restoreExperiment, { uid, actor }),
    tagExperiment: (uid, tags) => db.write(tagExperiment, { uid, tags }),

    createRun: async ({ experimentId, name, startedAt, user, tags = {}, actor }) => {
      const uid = ids.next('run');
      checkTexts('tag', tags, tagValueLimitChars);
      await db.write(createRun, {
        uid,
        experimentUid: experimentId,
        name: name ?? runNameOf(uid),
        startAt: startedAt ?? clock.now(),
        user,
        tags,
        actor,
      });
      return getRun(db, uid);
    },
    getRun: (id) => getRun(db, id),
    getRunBrief: (id) => getRunBrief(db, id),
    listMetrics: (query) => listRunMetrics(db, query),
    updateRun: async (change) => {
      await db.write(updateRun, change);
      return getRun(db, change.uid);
    },
    endRun: (uid, status, actor, endedAt) => tracking.updateRun({ uid, status, endAt: endedAt ?? clock.now(), actor }),
    deleteRun: (uid, actor) => db.write(deleteRun, { uid, actor }),
    restoreRun: (uid, actor) => db.write(restoreRun, { uid, actor }),
    searchRuns: async (query) => {
      const { ids: found, nextPageToken } = await searchRunIds(db, {
        experiments: await experimentsOf(query),
        filter: typeof query.filter === 'string' ? parseFilter(query.filter, runLanguage) : query.filter,
        filterText: textOf(query),
        order: (query.order ?? []).map((key) => (typeof key === 'string' ? parseOrderKey(key, runLanguage) : key)),
        lifecycle: query.lifecycle ?? 'active',
        limit: query.limit,
        pageToken: query.pageToken,
      });
      return {
        items: await hydrateRuns(db, found, { columns: query.columns }),
        ...(nextPageToken === undefined ? {} : { nextPageToken }),
      };
    },
    countRuns: async (query) =>
      countRuns(db, {
        experiments: await experimentsOf({ ...query, limit: 1 }),
        filter: typeof query.filter === 'string' ? parseFilter(query.filter, runLanguage) : query.filter,
        filterText: textOf({ ...query, limit: 1 }),
      }),
    listKeys: async ({ experimentId, ...query }) =>
      listRunKeys(db, {
        ...query,
        experiment: experimentId === undefined ? undefined : await experimentKey(db, experimentId),
      }),
    listValues: async ({ experimentId, ...query }) =>
      listRunValues(db, {
        ...query,
        experiment: experimentId === undefined ? undefined : await experimentKey(db, experimentId),
      }),
    sample: (query) => sampleMetric(db, query),
    log: async (uid, { metrics = [], params = {}, tags = {}, name }) => {
      checkTexts('param', params, paramValueLimitChars);
      checkTexts('tag', tags, tagValueLimitChars);
      const points = pointColumns(metrics);
      for (const key of points.keys) checkKey('metric', key);
      metrics.forEach(checkPoint);
      await db.write(logBatch, { uid, metrics: points, params, tags, name });
    },
    deleteTag: (uid, key) => db.write(deleteTag, { uid, key }),
    history: (query) => history(db, query),
    linkInputs: (link) => db.write(linkInputs, link),

    createLoggedModel: async (request) => {
      const uid = ids.next('loggedModel');
      await db.write(createLoggedModel, { uid, ...request });
      return getLoggedModel(db, uid);
    },
    getLoggedModel: (id, options) => getLoggedModel(db, id, options),
    changeLoggedModel: async (change) => {
      await db.write(changeLoggedModel, change);
      return getLoggedModel(db, change.uid, { allowDeleted: true });
    },
    searchLoggedModels: (search) => searchLoggedModels(db, search),
    logModelMetrics: async (points) => {
      for (const { key } of points) checkKey('metric', key);
      points.forEach(checkPoint);
      if (points.length > 0) await db.write(logModelMetrics, { points });
    },
  };
  return tracking;
}

const textOf = (query: RunQuery | ExperimentQuery): string =>
  query.filterText ?? (typeof query.filter === 'string' ? query.filter : JSON.stringify(query.filter ?? ''));

function invalid(problem: string): SlipwayError {
  return new SlipwayError('request_invalid', { operation: 'logging to a run', problem });
}

function checkKey(noun: string, key: string): void {
  const isNormal = key.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  if (key.length > metricKeyLimitChars)
    throw invalid(`the ${noun} key "${key.slice(0, 50)}…" is longer than ${metricKeyLimitChars} characters`);
  if (!isNormal || !/^[\p{L}\p{N}_.:/ -]+$/u.test(key))
    throw invalid(
      `"${key.slice(0, 100)}" cannot be a ${noun} key: use letters, digits, _ . - : space, and / between non-empty parts`,
    );
}

function checkTexts(noun: string, texts: Readonly<Record<string, string>>, limitChars: number): void {
  for (const [key, value] of Object.entries(texts)) {
    checkKey(noun, key);
    if (value.length > limitChars)
      throw invalid(`the ${noun} "${key}" has ${value.length} characters; the limit is ${limitChars}`);
    if (value.includes('\0')) throw invalid(`the ${noun} "${key}" contains a NUL character`);
  }
}

/** Steps and instants are exact integers; an instant lies at or after 1970. */
function checkPoint(point: LoggedPoint): void {
  if (!Number.isSafeInteger(point.step))
    throw invalid(`the step of metric "${point.key}" is ${point.step}, not an integer within ±2^53`);
  if (!Number.isSafeInteger(point.at) || point.at < 0)
    throw invalid(`the time of metric "${point.key}" is ${point.at}, not milliseconds since 1970`);
}
