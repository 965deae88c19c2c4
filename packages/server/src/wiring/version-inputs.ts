/** What a version takes: its signature or its features, with what the training set had of each. */
import type { FeatureService, ModelVersion, TrainedOn, VersionInput, VersionInputs } from '@slipway/contract';
import { z } from 'zod';
import type { Analytics } from '../platform/analytics/analytics.ts';
import { sqlName, sqlText } from '../platform/analytics/analytics.ts';
import type { Objects } from '../platform/objects/objects.ts';
import type { Modules } from './modules.ts';
import { featureNames, orUndefined } from './version-origin.ts';

interface Deps {
  readonly modules: {
    readonly pipelines: Pick<Modules['pipelines'], 'getRun'>;
    readonly features: Pick<Modules['features'], 'get'>;
  };
  readonly objects: Pick<Objects, 'find' | 'path'>;
  readonly analytics: Analytics;
}

/** Most frequent texts that are named. */
const valuesNamed = 4;
/** Training sets whose figures are kept: bytes under a digest never change. */
const keptMax = 32;

const Texts = z.array(z.string().nullable());

interface TrainingColumn {
  readonly type: string;
  readonly seen: TrainedOn;
}
interface Training {
  readonly rows: number;
  readonly columns: ReadonlyMap<string, TrainingColumn>;
}

export function createVersionInputs({
  modules,
  objects,
  analytics,
}: Deps): (version: ModelVersion) => Promise<VersionInputs> {
  const kept = new Map<string, Promise<Training | undefined>>();
  const trainingOf = (digest: string): Promise<Training | undefined> => {
    const known = kept.get(digest);
    if (known !== undefined) return known;
    const read = readTraining({ objects, analytics }, digest);
    // What could not be read now may be there later.
    const forget = (): void => void kept.delete(digest);
    read.then((found) => found ?? forget(), forget);
    kept.set(digest, read);
    const [oldest] = kept.keys();
    if (kept.size > keptMax && oldest !== undefined) kept.delete(oldest);
    return read;
  };
  return async (version) => {
    const { trainingSetDigest, featureService, pipelineRun } = version.lineage;
    const [run, training, service] = await Promise.all([
      pipelineRun === undefined ? undefined : orUndefined(modules.pipelines.getRun(pipelineRun)),
      trainingSetDigest === undefined ? undefined : trainingOf(trainingSetDigest),
      featureService === undefined ? undefined : serviceOf(modules, featureService),
    ]);
    const signed = new Map(
      (version.signature?.inputs ?? []).flatMap((field) =>
        typeof field['name'] === 'string' ? [[field['name'], field] as const] : [],
      ),
    );
    const stepNames = featureNames(version, run);
    const names = stepNames.length > 0 ? stepNames : (service?.features.map((feature) => feature.name) ?? []);
    const inputs = names.map((name): VersionInput => {
      const field = signed.get(name);
      const column = training?.columns.get(name);
      const type = typeof field?.['type'] === 'string' ? field['type'] : column?.type;
      const expression = service?.features.find((feature) => feature.name === name)?.expression;
      return {
        name,
        ...(type === undefined ? {} : { type }),
        ...(field?.['required'] === false ? { isRequired: false } : {}),
        ...(expression === undefined ? {} : { expression }),
        ...(column === undefined ? {} : { seen: column.seen }),
      };
    });
    return {
      model: version.model,
      version: version.number,
      ...(training === undefined ? {} : { rows: training.rows }),
      inputs,
    };
  };
}

type ServiceRef = NonNullable<ModelVersion['lineage']['featureService']>;

/** Only as the version knows it: a service that was changed since says nothing of it. */
async function serviceOf(
  { features }: Deps['modules'],
  { set, service, digest }: ServiceRef,
): Promise<FeatureService | undefined> {
  const found = await orUndefined(features.get(set));
  return found?.services.find((one) => one.name === service && one.digest === digest);
}

const isNumber = (type: string): boolean => /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*)$/.test(type);
const isInstant = (type: string): boolean => /^(TIMESTAMP.*|DATE)$/.test(type);

interface FooterRow {
  readonly column_name: string;
  readonly missing: number;
  readonly low: number | null;
  readonly high: number | null;
}

/**
 * Numbers whose figures stand in the footer of the file. Only of files that DuckDB wrote, as training sets are: it leaves the ends
 * of a column out where one value is NaN, so that those which are there are exact; other writers pass over NaN.
 */
async function numbersOfFooter(analytics: Deps['analytics'], path: string): Promise<ReadonlyMap<string, TrainedOn>> {
  const file = sqlText(path);
  const [writer] = await analytics.rows<{ created_by: string | null }>(
    `select created_by from parquet_file_metadata(${file})`,
  );
  if (writer?.created_by?.startsWith('DuckDB') !== true) return new Map();
  const found = await analytics.rows<FooterRow>(
    `select path_in_schema column_name, sum(stats_null_count)::double missing, min(low) low, max(high) high
    from (select *, try(stats_min_value::double) low, try(stats_max_value::double) high
      from parquet_metadata(${file})) group by 1
    having bool_and(coalesce(stats_null_count = num_values, false) or (stats_min_value is not null and stats_max_value is not null))
      and sum(stats_null_count) is not null`,
  );
  return new Map(
    found.map(({ column_name: name, missing, low, high }) => [
      name,
      { missing, ...(low === null || high === null ? {} : { min: low, max: high }) },
    ]),
  );
}

/** Numbers from the footer, one scan for the other columns. Undefined where the bytes are not kept or are no table of ours. */
async function readTraining(
  { objects, analytics }: Pick<Deps, 'objects' | 'analytics'>,
  digest: string,
): Promise<Training | undefined> {
  if ((await objects.find(digest)) === undefined) return undefined;
  const source = `read_parquet(${sqlText(await objects.path(digest))})`;
  let described: readonly { readonly column_name: string; readonly column_type: string }[];
  try {
    described = await analytics.rows(`describe select * from ${source}`);
  } catch {
    return undefined;
  }
  const known = await numbersOfFooter(analytics, await objects.path(digest));
  const isKnown = ({ column_name, column_type }: (typeof described)[number]): boolean =>
    isNumber(column_type) && known.has(column_name);
  const figures = described.flatMap((column, i) =>
    isKnown(column) ? [] : [figuresSql(sqlName(column.column_name), column.column_type, i)],
  );
  const [row = {}] = await analytics.rows<Readonly<Record<string, unknown>>>(
    `select ${['count(*)::double n', ...figures].join(', ')} from ${source}`,
  );
  const rows = Number(row['n']);
  return {
    rows,
    columns: new Map(
      described.map((column, i) => {
        const { column_name: name, column_type: type } = column;
        const ready = isKnown(column) ? known.get(name) : undefined;
        return [name, { type: type.toLowerCase(), seen: ready ?? seenOf(row, rows, i) }];
      }),
    ),
  };
}

/** NaN is missing too. */
function figuresSql(column: string, type: string, i: number): string {
  if (isNumber(type)) {
    const there = `filter (where not isnan(${column}::double))`;
    return `count(${column}) ${there}::double n${i}, min(${column}) ${there}::double min${i}, max(${column}) ${there}::double max${i}`;
  }
  if (isInstant(type))
    return `count(${column})::double n${i}, epoch_ms(min(${column})::timestamp)::double min${i}, epoch_ms(max(${column})::timestamp)::double max${i}`;
  if (type !== 'VARCHAR') return `count(${column})::double n${i}`;
  return `count(${column})::double n${i}, count(distinct ${column})::double distinct${i}, to_json(approx_top_k(${column}, ${valuesNamed})) values${i}`;
}

function seenOf(row: Readonly<Record<string, unknown>>, rows: number, i: number): TrainedOn {
  const number = (name: string): number | undefined => {
    const value = row[`${name}${i}`];
    return typeof value === 'number' ? value : undefined;
  };
  const [min, max, distinct] = [number('min'), number('max'), number('distinct')];
  const text = row[`values${i}`];
  const values = typeof text === 'string' ? Texts.parse(JSON.parse(text)) : undefined;
  return {
    missing: rows - (number('n') ?? 0),
    ...(min === undefined || max === undefined ? {} : { min, max }),
    ...(distinct === undefined ? {} : { distinct }),
    ...(values === undefined ? {} : { values: values.filter((value) => value !== null) }),
  };
}
