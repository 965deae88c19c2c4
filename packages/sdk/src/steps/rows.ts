/**
 * Training rows as the ready-made steps see them: a table with `at`, `label`, `label_known_at` (milliseconds since 1970 UTC)
 * and features; its `meta.features` names the feature columns in the model's order.
 */
import { z } from 'zod';
import type { StepContext, Table } from '../context.ts';
import type { Artifact } from '../ports.ts';

export const RowsMeta = z.looseObject({
  features: z.array(z.string()).min(1),
  rowCount: z.number(),
  /** Where rows come from: dataset versions, feature service, and the instant up to which labels were known. */
  datasets: z.array(z.object({ dataset: z.string(), number: z.int(), digest: z.string() })).optional(),
  featureService: z.object({ set: z.string(), service: z.string(), digest: z.string() }).optional(),
  until: z.string().optional(),
});
export type RowsMeta = z.infer<typeof RowsMeta>;

export const ModelMeta = z.looseObject({
  /** `onnx`, or `lookup` for a table of rates. */
  format: z.enum(['onnx', 'lookup']),
  /** Columns in order; `carrier=AA` is 1 where the text column `carrier` is AA. */
  features: z.array(z.string()),
  name: z.string(),
});

export function rowsMeta(rows: Artifact<'table'>): RowsMeta {
  const parsed = RowsMeta.safeParse(rows.meta);
  if (!parsed.success) {
    throw new Error(
      `table "${rows.name}" does not say which of its columns are features: ${z.prettifyError(parsed.error)}`,
    );
  }
  return parsed.data;
}

/** One float64 column per feature; `name=value` becomes an indicator of a text column. */
export function featureColumns(table: Table, features: readonly string[]): Float64Array[] {
  return features.map((feature) => {
    const equals = feature.indexOf('=');
    if (equals < 0) return table.numbers(feature);
    const [texts, wanted] = [table.texts(feature.slice(0, equals)), feature.slice(equals + 1)];
    return Float64Array.from(texts, (text) => (text === wanted ? 1 : 0));
  });
}

/** Columns that `featureColumns` will read. */
export function columnsToRead(features: readonly string[]): string[] {
  return [...new Set(features.map((feature) => feature.split('=', 1)[0] ?? feature))];
}

/** The rows of a table whose indexes are given, for one column. */
export function pick(column: Float64Array, indexes: readonly number[]): Float64Array {
  return Float64Array.from(indexes, (i) => column[i] ?? NaN);
}

/** Scores of one model on a table. */
export async function scoreRows(ctx: StepContext, model: Artifact<'model'>, table: Table): Promise<Float64Array> {
  const meta = ModelMeta.parse(model.meta);
  if (meta.format === 'lookup') return lookUpRates(ctx.readJson(model), table);
  return ctx.score({ file: ctx.path(model) }, featureColumns(table, meta.features));
}

export const RateTable = z.object({
  columns: z.array(z.string()).min(1),
  prior: z.number(),
  rates: z.record(z.string(), z.number()),
});

/** The key of a row in a table of rates. */
export function rateKeys(table: Table, columns: readonly string[]): string[] {
  const parts = columns.map((column): ((i: number) => string) => {
    const [name = column, unit] = column.split('/');
    if (unit === undefined) {
      const texts = table.texts(name);
      return (i) => texts[i] ?? '';
    }
    const numbers = table.numbers(name);
    return (i) => String(Math.floor((numbers[i] ?? NaN) / Number(unit)));
  });
  return Array.from({ length: table.rowCount }, (_, i) => parts.map((part) => part(i)).join('|'));
}

function lookUpRates(json: unknown, table: Table): Float64Array {
  const { columns, prior, rates } = RateTable.parse(json);
  return Float64Array.from(rateKeys(table, columns), (key) => rates[key] ?? prior);
}

/** An instant as people write it, or as events carry it: ISO 8601 with an offset, or milliseconds since 1970 UTC. */
export const instant = z
  .union([z.iso.datetime({ offset: true }), z.int().nonnegative()])
  .describe('an instant: 2013-04-01T04:00:00Z, or milliseconds since 1970 UTC');
/** Milliseconds since 1970 UTC. */
export const instantMs = (value: string | number): number => (typeof value === 'number' ? value : Date.parse(value));
export const dayMs = 86_400_000;
