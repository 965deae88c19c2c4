/** Logged models, read and searched. */
import type { MetricValue } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { RawBuilder } from 'kysely';
import { sql } from 'kysely';
import { decodePageToken, encodePageToken, fingerprintOf } from '../../lib/page-token.ts';
import type { Comparison, Filter, FilterLanguage } from '../../lib/search-filter/search-filter.ts';
import { filterError, parseFilter } from '../../lib/search-filter/search-filter.ts';
import type { Db } from '../../platform/db/db.ts';
import type { FilterSource } from '../../lib/search-filter/filter-sql.ts';
import { filterCondition, inList, numberCondition, textCondition } from '../../lib/search-filter/filter-sql.ts';
import type { LoggedModelStatus } from './operations/logged-models.ts';
import { loggedModelStatuses } from './operations/logged-models.ts';
import { groupBy, metricValue, scan } from './read.ts';

export interface LoggedModelMetric {
  readonly key: string;
  readonly value: MetricValue;
  readonly step: number;
  readonly at: number;
  readonly runId: string;
  readonly datasetName: string | undefined;
  readonly datasetDigest: string | undefined;
}

export interface LoggedModel {
  readonly id: string;
  readonly experimentId: string;
  readonly artifactLocation: string | undefined;
  readonly name: string;
  readonly status: LoggedModelStatus;
  readonly modelType: string | undefined;
  readonly runId: string | undefined;
  readonly user: string | undefined;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly isDeleted: boolean;
  readonly params: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly metrics: readonly LoggedModelMetric[];
}

interface Row {
  readonly id: number;
  readonly uid: string;
  readonly name: string;
  readonly status: number;
  readonly model_type: string | null;
  readonly run_uid: string | null;
  readonly user_id: string | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly deleted_at: number | null;
  readonly experiment_uid: string;
  readonly artifact_location: string | null;
}

const select = sql`select m.*, e.uid as experiment_uid, e.artifact_location
  from tracking_model m join tracking_experiment e on e.id = m.experiment_id`;

async function hydrate(db: Db, rows: readonly Row[]): Promise<LoggedModel[]> {
  if (rows.length === 0) return [];
  const among = inList(
    db.dialect,
    sql.ref('model_id'),
    rows.map((row) => row.id),
  );
  const [facts, metrics] = await Promise.all([
    scan(
      db,
      sql<{ model_id: number; kind: string; key: string; value: string }>`
        select model_id, kind, key, value from tracking_model_fact where ${among} order by key`,
    ),
    scan(
      db,
      sql<{
        model_id: number;
        key: string;
        dataset_name: string;
        dataset_digest: string;
        run_uid: string;
        value: number;
        is_nan: number;
        step: number;
        ts: number;
      }>`select * from tracking_model_metric where ${among} order by key, dataset_name, dataset_digest`,
    ),
  ]);
  const factsOf = groupBy(facts, (f) => f.model_id);
  const metricsOf = groupBy(metrics, (m) => m.model_id);
  return rows.map((row) => {
    const own = factsOf.get(row.id) ?? [];
    const pick = (kind: string): Record<string, string> =>
      Object.fromEntries(own.filter((f) => f.kind === kind).map((f) => [f.key, f.value]));
    return {
      id: row.uid,
      experimentId: row.experiment_uid,
      artifactLocation: row.artifact_location ?? undefined,
      name: row.name,
      status: loggedModelStatuses[row.status] ?? 'failed',
      modelType: row.model_type ?? undefined,
      runId: row.run_uid ?? undefined,
      user: row.user_id ?? undefined,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
      isDeleted: row.deleted_at !== null,
      params: pick('param'),
      tags: pick('tag'),
      metrics: (metricsOf.get(row.id) ?? []).map((m) => ({
        key: m.key,
        value: metricValue(m.value, m.is_nan),
        step: m.step,
        at: m.ts,
        runId: m.run_uid,
        datasetName: m.dataset_name === '' ? undefined : m.dataset_name,
        datasetDigest: m.dataset_digest === '' ? undefined : m.dataset_digest,
      })),
    };
  });
}

export async function getLoggedModel(
  db: Db,
  id: string,
  options: { readonly allowDeleted?: boolean } = {},
): Promise<LoggedModel> {
  const rows = await scan(db, sql<Row>`${select} where m.uid = ${id}`);
  const [model] = await hydrate(db, rows);
  if (model && (options.allowDeleted === true || !model.isDeleted)) return model;
  throw new SlipwayError('not_found', {
    noun: 'logged model',
    name: id,
    remedy: 'It may have been deleted; log the model again.',
  });
}

export const loggedModelLanguage: FilterLanguage = {
  entities: {
    metrics: 'metric',
    metric: 'metric',
    params: 'param',
    param: 'param',
    parameters: 'param',
    tags: 'tag',
    tag: 'tag',
    attributes: 'attribute',
    attribute: 'attribute',
  },
  defaultEntity: 'attribute',
};

function condition(source: FilterSource, comparison: Comparison): RawBuilder<unknown> {
  const { entity, key } = comparison;
  if (entity === 'metric') {
    return sql`exists (select 1 from tracking_model_metric x where x.model_id = m.id and x.key = ${key}
      and x.is_nan = 0 and ${numberCondition(source, comparison, sql.ref('x.value'))})`;
  }
  if (entity === 'param' || entity === 'tag') {
    const at = sql`select 1 from tracking_model_fact x where x.model_id = m.id and x.kind = ${entity} and x.key = ${key}`;
    if (comparison.test.op === 'is null') return sql`not exists (${at})`;
    return sql`exists (${at} and ${textCondition(source, comparison, sql.ref('x.value'))})`;
  }
  switch (key) {
    case 'name':
      return textCondition(source, comparison, sql.ref('m.name'));
    case 'id':
      return textCondition(source, comparison, sql.ref('m.uid'));
    case 'modelType':
      return textCondition(source, comparison, sql.ref('m.model_type'));
    case 'runId':
      return textCondition(source, comparison, sql.ref('m.run_uid'));
    case 'status':
      return textCondition(
        source,
        comparison,
        sql`(case m.status ${sql.join(
          loggedModelStatuses.map((status, code) => sql`when ${sql.lit(code)} then ${sql.lit(status)}`),
          sql` `,
        )} end)`,
      );
    case 'createdAt':
      return numberCondition(source, comparison, sql.ref('m.created_at'));
    case 'updatedAt':
      return numberCondition(source, comparison, sql.ref('m.updated_at'));
    default:
      throw filterError(
        source.text,
        comparison.position,
        `"${key}" is not an attribute of a logged model; use id, name, modelType, runId, status, createdAt or updatedAt`,
      );
  }
}

export interface LoggedModelSearch {
  readonly experimentIds: readonly string[];
  readonly filter: Filter | string;
  readonly ascending: boolean;
  readonly limit: number;
  readonly pageToken?: string | undefined;
}

/** Newest first, or oldest first. Sorting by a metric is left to the caller's page: models of an experiment are few. */
export async function searchLoggedModels(
  db: Db,
  search: LoggedModelSearch,
): Promise<{ readonly items: LoggedModel[]; readonly nextPageToken?: string }> {
  const text = typeof search.filter === 'string' ? search.filter : '';
  const filter = typeof search.filter === 'string' ? parseFilter(text, loggedModelLanguage) : search.filter;
  const source: FilterSource = { text, dialect: db.dialect };
  const fingerprint = fingerprintOf(['models', search.experimentIds, search.filter, search.ascending]);
  const way = search.ascending ? sql`asc` : sql`desc`;
  const after =
    search.pageToken === undefined
      ? sql``
      : sql`and (m.created_at, m.id) ${search.ascending ? sql`>` : sql`<`} (${sql.join(decodePageToken(search.pageToken, fingerprint, 2))})`;
  const rows = await scan(
    db,
    sql<Row>`${select} where ${inList(db.dialect, sql.ref('e.uid'), search.experimentIds)} and m.deleted_at is null
      and ${filter === undefined ? sql`true` : filterCondition(filter, (c) => condition(source, c))} ${after}
      order by m.created_at ${way}, m.id ${way} limit ${search.limit + 1}`,
  );
  const page = rows.slice(0, search.limit);
  const last = page.at(-1);
  return {
    items: await hydrate(db, page),
    ...(rows.length > search.limit && last !== undefined
      ? { nextPageToken: encodePageToken(fingerprint, [last.created_at, last.id]) }
      : {}),
  };
}
