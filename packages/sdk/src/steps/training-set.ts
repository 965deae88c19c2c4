import { join } from 'node:path';
import { z } from 'zod';
import type { Artifact, ArtifactPort, ParameterPort } from '../ports.ts';
import { artifact, parameter } from '../ports.ts';
import type { StepDefinition } from '../step.ts';
import { step, stepFailed } from '../step.ts';
import { dayMs, instant, instantMs, rowsMeta } from './rows.ts';

const defaultParitySample = 2_000;
const daysPerMonth = 365.25 / 12;

export interface TrainingSetOptions<T extends string> {
  readonly id?: string;
  /** Feature set and the service of it whose rows are wanted. */
  readonly set: string;
  readonly service: string;
  /** Tables of the feature set; each becomes an input of that name. */
  readonly tables: readonly T[];
  /** Rows whose features are computed a second time, the way they are served, and compared to the bit. */
  readonly paritySample?: number;
}

type TrainingSetInputs<T extends string> = Readonly<Record<T, ArtifactPort<'dataset'>>> & {
  readonly until: ParameterPort<string | number, string | number>;
  readonly maxMonths: ParameterPort<number | undefined, number | undefined>;
};

/** Builds the labelled rows of a feature service: every feature as it was known at the row's own instant, labels known before `until`. */
export function trainingSet<const T extends string>(
  options: TrainingSetOptions<T>,
): StepDefinition<
  TrainingSetInputs<T>,
  { readonly rows: ArtifactPort<'table'>; readonly report: ArtifactPort<'report'> }
> {
  const { set, service, tables, paritySample = defaultParitySample } = options;
  const ports = Object.fromEntries(tables.map((table) => [table, artifact.dataset()])) as Record<
    T,
    ArtifactPort<'dataset'>
  >;
  const inputs: TrainingSetInputs<T> = {
    ...ports,
    until: parameter(instant),
    maxMonths: parameter(z.int().min(1).optional()),
  };
  return step({
    id: options.id ?? 'training-set',
    code: `slipway:training-set:${set}/${service}/${paritySample}`,
    inputs,
    outputs: { rows: artifact.table(), report: artifact.report() },
    // The feature set is not an input: it may change while the data does not.
    cache: 'never',
    run: async (ctx, values) => {
      // The compiler cannot see through the tables' names: the two parameters are these, the rest are datasets.
      const given = values as { readonly until: string | number; readonly maxMonths?: number } & Record<
        T,
        Artifact<'dataset'>
      >;
      const outFile = join(ctx.workdir, 'rows.parquet');
      const labelKnownBeforeMs = instantMs(given.until);
      const datasets = tables.map((table) => [table, given[table]] as const);
      const built = await ctx.features.buildTrainingSet({
        set,
        service,
        tables: Object.fromEntries(datasets),
        labelKnownBeforeMs,
        outFile,
        paritySample,
      });
      const { parity } = built;
      ctx.log(
        `${built.rowCount} rows; parity with serving: ${parity.cells} values of ${parity.rows} rows, ${parity.different} differ`,
      );
      if (parity.different > 0) {
        throw new Error(`${parity.different} of ${parity.cells} feature values differ between training and serving`);
      }
      const meta = {
        rowCount: built.rowCount,
        features: [...built.names],
        until: new Date(labelKnownBeforeMs).toISOString(),
        featureService: { set, service, digest: built.serviceDigest },
        datasets: datasets.map(([, dataset]) => {
          const { dataset: name, version, digest } = ctx.dataset(dataset);
          return { dataset: name, number: version, digest };
        }),
      };
      const all = await ctx.writeArtifact('rows.parquet', 'table', { content: { file: outFile }, meta });
      const since =
        given.maxMonths === undefined ? undefined : labelKnownBeforeMs - given.maxMonths * daysPerMonth * dayMs;
      const rows =
        since === undefined
          ? all
          : await ctx.query(`select * from rows where "at" >= ${since} order by "at", row_id`, { rows: all }, 'rows');
      const summary = { rowCount: rowsMeta(rows).rowCount, parity: { ...parity } };
      const content = JSON.stringify({ ...meta, ...summary });
      return { rows, report: await ctx.writeArtifact('training-set.json', 'report', { content, meta: summary }) };
    },
  });
}

/**
 * Cuts labelled rows in time: `train` holds what was known when the hold-out begins, `holdout` the rows from then on, and
 * `all` every labelled row. Nothing in `train` was learnt after the first row of `holdout`.
 */
export const splitByTime = step({
  id: 'split-by-time',
  code: 'slipway:split-by-time',
  inputs: { rows: artifact.table(), until: parameter(instant), holdoutDays: parameter(z.number().min(1)) },
  outputs: { train: artifact.table(), holdout: artifact.table(), all: artifact.table() },
  run: async (ctx, { rows, until, holdoutDays }) => {
    const cutMs = instantMs(until) - holdoutDays * dayMs;
    const known = 'select * from rows where label is not null and';
    const order = 'order by "at", row_id';
    const train = await ctx.query(`${known} label_known_at <= ${cutMs} ${order}`, { rows }, 'train');
    const holdout = await ctx.query(`${known} "at" >= ${cutMs} ${order}`, { rows }, 'holdout');
    const all = await ctx.query(`${known} true ${order}`, { rows }, 'all');
    const count = (table: typeof rows): number => rowsMeta(table).rowCount;
    const cut = new Date(cutMs).toISOString();
    ctx.log(`${count(train)} rows to learn from, ${count(holdout)} held out from ${cut}`);
    if (count(train) === 0 || count(holdout) === 0) {
      const side = count(train) === 0 ? 'known before' : 'at or after';
      const remedy = 'Add the data of that time, or choose another `until` or `holdoutDays`.';
      throw stepFailed(ctx.step, `of ${count(all)} labelled rows none is ${side} ${cut}. ${remedy}`);
    }
    return { train: { ...train, meta: { ...train.meta, until: cut } }, holdout, all };
  },
});
