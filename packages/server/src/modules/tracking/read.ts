/** Reads: rows become the contract's nouns here and nowhere else. */
import type { DatasetInput, Experiment, MetricValue, Run, RunMetric } from '@slipway/contract';
import { runMetricsMax, runStatuses, SlipwayError } from '@slipway/contract';
import type { RawBuilder, Compilable } from 'kysely';
import { sql } from 'kysely';
import type { Db } from '../../platform/db/db.ts';
import { inList } from '../../lib/search-filter/filter-sql.ts';
import type { TrackingTables } from './tables.ts';

/** A raw statement as something that `Db.scan` takes. */
export function rawQuery<R>(db: Db, statement: RawBuilder<R>): Compilable<R> {
  return { compile: () => statement.compile(db.read()) };
}

/** Runs a raw statement away from the event loop. */
export const scan = <R>(db: Db, statement: RawBuilder<R>): Promise<R[]> => db.scan(rawQuery(db, statement));

export function metricValue(value: number, isNan: number): MetricValue {
  if (isNan === 1) return 'NaN';
  if (value === Infinity) return 'Infinity';
  if (value === -Infinity) return '-Infinity';
  return value;
}

export const metricNumber = (value: MetricValue): number => (typeof value === 'number' ? value : Number(value));

type ExperimentRow = TrackingTables['tracking_experiment'];

export async function hydrateExperiments(db: Db, rows: readonly ExperimentRow[]): Promise<Experiment[]> {
  if (rows.length === 0) return [];
  const tags = await scan(
    db,
    sql<{ experiment_id: number; key: string; value: string }>`
      select experiment_id, key, value from tracking_experiment_tag where ${inList(
        db.dialect,
        sql.ref('experiment_id'),
        rows.map((r) => r.id),
      )} order by key`,
  );
  const byId = groupBy(tags, (t) => t.experiment_id);
  return rows.map((row) => ({
    id: row.uid,
    name: row.name,
    ...(row.description === null ? {} : { description: row.description }),
    lifecycle: row.deleted_at === null ? 'active' : 'deleted',
    ...(row.artifact_location === null ? {} : { artifactLocation: row.artifact_location }),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    tags: Object.fromEntries((byId.get(row.id) ?? []).map((t) => [t.key, t.value])),
  }));
}

export async function findExperiment(
  db: Db,
  by: { readonly id: string } | { readonly name: string },
): Promise<Experiment | undefined> {
  const query = db.read<TrackingTables>().selectFrom('tracking_experiment').selectAll();
  const row =
    'id' in by
      ? await query.where('uid', '=', by.id).executeTakeFirst()
      : // Of several with one name at most one is active; else the one that was deleted last.
        await query
          .where('name', '=', by.name)
          .orderBy((e) => e.fn.coalesce('deleted_at', e.lit(8_640_000_000_000_001)), 'desc')
          .executeTakeFirst();
  return row && (await hydrateExperiments(db, [row]))[0];
}

export async function getExperiment(db: Db, id: string): Promise<Experiment> {
  const found = await findExperiment(db, { id });
  if (found) return found;
  throw new SlipwayError('not_found', { noun: 'experiment', name: id, remedy: 'GET /api/experiments lists them.' });
}

/** The internal id of an experiment. */
export async function experimentKey(db: Db, id: string): Promise<number> {
  const row = await db
    .read<TrackingTables>()
    .selectFrom('tracking_experiment')
    .select('id')
    .where('uid', '=', id)
    .executeTakeFirst();
  if (row) return row.id;
  throw new SlipwayError('not_found', { noun: 'experiment', name: id, remedy: 'GET /api/experiments lists them.' });
}

interface RunRow {
  readonly id: number;
  readonly uid: string;
  readonly name: string;
  readonly status: number;
  readonly start_at: number;
  readonly end_at: number | null;
  readonly deleted_at: number | null;
  readonly user_id: string | null;
  readonly experiment_uid: string;
  readonly experiment_name: string;
  readonly artifact_location: string | null;
}

export interface MetricRow {
  readonly run_id: number;
  readonly key: string;
  readonly value: number;
  readonly is_nan: number;
  readonly step: number;
  readonly ts: number;
}

interface TextRow {
  readonly run_id: number;
  readonly key: string;
  readonly value: string;
}

/** The keys of each kind that are wanted of a run. */
export interface RunColumns {
  readonly metrics: readonly string[];
  readonly params: readonly string[];
  readonly tags: readonly string[];
}

interface LinkRow {
  readonly run_id: number;
  readonly direction: string;
  readonly model_uid: string;
  readonly step: number;
}

interface Logged {
  readonly metrics: readonly MetricRow[];
  readonly params: readonly TextRow[];
  readonly tags: readonly TextRow[];
}

export const runMetricOf = (row: Omit<MetricRow, 'run_id'>): RunMetric => ({
  key: row.key,
  value: metricValue(row.value, row.is_nan),
  step: row.step,
  at: row.ts,
});

/** How much of its runs is read. */
interface Reading {
  /** Only these keys, and no inputs. */
  readonly columns?: RunColumns | undefined;
  /** Metrics of all the runs together, the first by their keys; every one unless given. */
  readonly metricsMax?: number | undefined;
}

/** What runs logged (`where` is over the alias t): everything, or the columns only. */
async function readLogged(db: Db, where: RawBuilder<boolean>, { columns, metricsMax }: Reading): Promise<Logged> {
  const among = (keys: readonly string[] | undefined): RawBuilder<unknown> =>
    keys === undefined
      ? where
      : sql`${where} and t.key_id in (select id from tracking_key where ${inList(db.dialect, sql.ref('name'), keys)})`;
  const texts = async (table: string, keys: readonly string[] | undefined): Promise<TextRow[]> =>
    keys?.length === 0
      ? []
      : scan(
          db,
          sql<TextRow>`select t.run_id, k.name as key, t.value from ${sql.table(table)} t
            join tracking_key k on k.id = t.key_id where ${among(keys)} order by k.name`,
        );
  const [metrics, params, tags] = await Promise.all([
    columns?.metrics.length === 0
      ? []
      : scan(
          db,
          sql<MetricRow>`select t.run_id, k.name "key", t.value, t.is_nan, t.step, t.ts from tracking_metric_latest t
            join tracking_key k on k.id = t.key_id where ${among(columns?.metrics)} order by k.name ${metricsMax === undefined ? sql`` : sql`limit ${metricsMax}`}`,
        ),
    texts('tracking_param', columns?.params),
    texts('tracking_tag', columns?.tags),
  ]);
  return { metrics, params, tags };
}

/** Runs by internal id, in the order of the ids; with columns only those keys, and no inputs. */
export async function hydrateRuns(db: Db, ids: readonly number[], reading: Reading = {}): Promise<Run[]> {
  if (ids.length === 0) return [];
  const { columns } = reading;
  const among = (column: string): RawBuilder<boolean> => inList(db.dialect, sql.ref(column), ids);
  const [runs, { metrics, params, tags }, datasets, links] = await Promise.all([
    scan(
      db,
      sql<RunRow>`select r.*, e.uid as experiment_uid, e.name as experiment_name, e.artifact_location
        from tracking_run r join tracking_experiment e on e.id = r.experiment_id where ${among('r.id')}`,
    ),
    readLogged(db, among('t.run_id'), reading),
    columns === undefined ? readDatasets(db, among('i.run_id')) : [],
    columns === undefined
      ? scan(
          db,
          sql<LinkRow>`select run_id, direction, model_uid, step from tracking_model_link
            where ${among('run_id')} order by model_uid`,
        )
      : [],
  ]);
  const metricsOf = groupBy(metrics, (m) => m.run_id);
  const paramsOf = groupBy(params, (p) => p.run_id);
  const tagsOf = groupBy(tags, (t) => t.run_id);
  const datasetsOf = groupBy(datasets, (d) => d.run_id);
  const linksOf = groupBy(links, (l) => l.run_id);
  const byId = new Map(runs.map((row) => [row.id, row]));
  return ids.flatMap((id) => {
    const row = byId.get(id);
    if (row === undefined) return [];
    const models = linksOf.get(id) ?? [];
    const run: Run = {
      id: row.uid,
      experiment: row.experiment_name,
      experimentId: row.experiment_uid,
      name: row.name,
      status: runStatuses[row.status] ?? 'failed',
      lifecycle: row.deleted_at === null ? 'active' : 'deleted',
      startedAt: row.start_at,
      ...(row.end_at === null ? {} : { endedAt: row.end_at }),
      ...(row.user_id === null ? {} : { user: row.user_id }),
      metrics: (metricsOf.get(id) ?? []).map(runMetricOf),
      params: Object.fromEntries((paramsOf.get(id) ?? []).map((p) => [p.key, p.value])),
      tags: Object.fromEntries((tagsOf.get(id) ?? []).map((t) => [t.key, t.value])),
      datasets: (datasetsOf.get(id) ?? []).map((d) => d.dataset),
      modelInputs: models.filter((l) => l.direction === 'input').map((l) => l.model_uid),
      modelOutputs: models.filter((l) => l.direction === 'output').map((l) => ({ model: l.model_uid, step: l.step })),
      ...(row.artifact_location === null ? {} : { artifactLocation: row.artifact_location }),
    };
    return [run];
  });
}

async function readDatasets(
  db: Db,
  where: RawBuilder<boolean>,
): Promise<{ readonly run_id: number; readonly dataset: DatasetInput }[]> {
  const rows = await scan(
    db,
    sql<{
      run_id: number;
      tags: string;
      name: string;
      digest: string;
      source_type: string | null;
      source: string | null;
      schema: string | null;
      profile: string | null;
    }>`select i.run_id, i.tags, d.name, d.digest, d.source_type, d.source, d.schema, d.profile
      from tracking_input i join tracking_dataset d on d.id = i.dataset_id where ${where} order by d.name, d.digest`,
  );
  return rows.map((row) => ({
    run_id: row.run_id,
    dataset: {
      name: row.name,
      digest: row.digest,
      ...(row.source_type === null ? {} : { sourceType: row.source_type }),
      ...(row.source === null ? {} : { source: row.source }),
      ...(row.schema === null ? {} : { schema: row.schema }),
      ...(row.profile === null ? {} : { profile: row.profile }),
      // Written by `linkInputs` as an object of texts.
      tags: JSON.parse(row.tags) as Record<string, string>,
    },
  }));
}

export async function runKey(db: Db, id: string): Promise<number> {
  const row = await db
    .read<TrackingTables>()
    .selectFrom('tracking_run')
    .select('id')
    .where('uid', '=', id)
    .executeTakeFirst();
  return row?.id ?? runMissing(id);
}

function runMissing(id: string): never {
  throw new SlipwayError('not_found', { noun: 'run', name: id, remedy: 'GET /api/runs lists them.' });
}

export async function getRun(db: Db, id: string): Promise<Run> {
  const [run] = await hydrateRuns(db, [await runKey(db, id)]);
  return run ?? runMissing(id);
}

/** With the first of its metrics, and how many there are where that is not all. */
export async function getRunBrief(db: Db, id: string): Promise<Run> {
  const key = await runKey(db, id);
  const [run] = await hydrateRuns(db, [key], { metricsMax: runMetricsMax });
  if (run === undefined) return runMissing(id);
  if (run.metrics.length < runMetricsMax) return run;
  const [count] = await scan(
    db,
    sql<{ n: number }>`select count(*) n from tracking_metric_latest where run_id = ${key}`,
  );
  const metricCount = Number(count?.n ?? 0);
  return metricCount > run.metrics.length ? { ...run, metricCount } : run;
}

export function groupBy<T>(rows: readonly T[], key: (row: T) => number): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const row of rows) {
    const group = groups.get(key(row));
    if (group) group.push(row);
    else groups.set(key(row), [row]);
  }
  return groups;
}
