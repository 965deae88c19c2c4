/**
 * Rows of any table as the table steps see them: columns of declared kinds, a target, and beside them what only splits and
 * intervals look at. Numbers, booleans (0 and 1), dates (milliseconds since 1970 UTC) and numeric targets are float64 columns,
 * everything else is text. What is said here travels in the artifact's `meta`, so that later steps need not be told again.
 */
import type { NumberTableColumn, TableColumn, TextTableColumn, TrainingTable } from '@slipway/train';
import { z } from 'zod';
import type { StepContext, Table } from '../context.ts';
import type { Artifact } from '../ports.ts';

export const tableColumnKinds = ['number', 'boolean', 'date', 'category', 'text'] as const;
/** What a column means: `category` is one of some values, `text` is words. */
export type TableColumnKind = (typeof tableColumnKinds)[number];

export const tableTasks = ['binary', 'multiclass', 'regression'] as const;
/** `binary`: one of two classes; `multiclass`: one of several; `regression`: a number. */
export type TableTask = (typeof tableTasks)[number];

/** A class as people write it: whole numbers stay numbers. */
export type ClassLabel = string | number;

const Kind = z.enum(tableColumnKinds);
const ColumnInfo = z.object({ name: z.string(), kind: Kind });
export type TableColumnInfo = z.infer<typeof ColumnInfo>;

const DatasetVersion = z.object({ dataset: z.string(), number: z.int(), digest: z.string() });

/**
 * How rows were told apart. A row is held out where its order is at or above the cut (of its class, where there are several):
 * the order is its time, or a hash of its group or of itself. So a later split of more rows with the same words can say of
 * every row whether an earlier model was trained on it.
 */
export const SplitInfo = z.object({
  by: z.enum(['time', 'group', 'random']),
  column: z.string().optional(),
  seed: z.int(),
  /** By class label; one cut under '' where classes do not matter. */
  cuts: z.record(z.string(), z.number()),
  side: z.enum(['train', 'holdout', 'all']),
  /** By time: the latest order of all rows. */
  until: z.number().optional(),
});
export type SplitInfo = z.infer<typeof SplitInfo>;

export const TableMeta = z.looseObject({
  task: z.enum(tableTasks),
  target: z.string(),
  /** In the order in which probabilities come; for two classes the second is the positive one. None for numbers. */
  classes: z.array(z.union([z.string(), z.number()])),
  columns: z.array(ColumnInfo).min(1),
  /** Columns that no model sees: for splits and intervals. */
  aside: z.array(ColumnInfo),
  rowCount: z.number(),
  datasets: z.array(DatasetVersion).optional(),
  /** Where some of the columns come from, in training and in serving. */
  featureService: z.object({ set: z.string(), service: z.string(), digest: z.string() }).optional(),
  split: SplitInfo.optional(),
});
export type TableMeta = z.infer<typeof TableMeta>;

/** The column that holds each row's order; names of users' columns do not begin so. */
export const orderColumn = '~order';

export function tableMeta(rows: Artifact<'table'>): TableMeta {
  const parsed = TableMeta.safeParse(rows.meta);
  if (parsed.success) return parsed.data;
  throw new Error(
    `table "${rows.name}" does not say what its target and columns are: make it with tableRows. ${z.prettifyError(parsed.error)}`,
  );
}

export const isTextKind = (kind: TableColumnKind): kind is 'category' | 'text' =>
  kind === 'category' || kind === 'text';

/** A name or a text in SQL. */
export const sqlName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
export const sqlText = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** A table in memory with the columns that a model takes, and its target. */
export interface OpenRows {
  readonly meta: TableMeta;
  readonly rowCount: number;
  readonly columns: readonly TableColumn[];
  /** The class of each row as its place in `meta.classes`, or the number. */
  readonly labels: Float64Array;
  /** For `fitTable`: class labels, or numbers. */
  readonly target: TrainingTable['target'];
  /** A column that may be none of the model's, as keys. */
  keys(column: string): readonly string[];
  numbers(column: string): Float64Array;
}

/** Reads the model's columns, the target, and the columns named besides. */
export async function openRows(
  ctx: StepContext,
  rows: Artifact<'table'>,
  besides: readonly string[] = [],
): Promise<OpenRows> {
  const meta = tableMeta(rows);
  const names = [...meta.columns.map((c) => c.name), meta.target, ...besides];
  const table = await ctx.openTable(rows, [...new Set(names)]);
  const columns = meta.columns.map((column) => tableColumn(table, column));
  const { labels, target } = readTarget(table, meta);
  return {
    meta,
    rowCount: table.rowCount,
    columns,
    labels,
    target,
    keys: (column) =>
      isTextKind(kindOf(meta, column))
        ? table.texts(column).map((text) => text ?? '')
        : Array.from(table.numbers(column), String),
    numbers: (column) => table.numbers(column),
  };
}

export function tableColumn(table: Table, { name, kind }: TableColumnInfo): TableColumn {
  if (isTextKind(kind)) return { name, kind, values: table.texts(name) } satisfies TextTableColumn;
  return { name, kind, values: table.numbers(name) } satisfies NumberTableColumn;
}

function readTarget(table: Table, meta: TableMeta): Pick<OpenRows, 'labels' | 'target'> {
  if (meta.task === 'regression') {
    const labels = table.numbers(meta.target);
    return { labels, target: labels };
  }
  const codes = new Map(meta.classes.map((label, code) => [String(label), code]));
  const texts = table.texts(meta.target);
  const labels = Float64Array.from(texts, (text) => codes.get(text ?? '') ?? Number.NaN);
  return { labels, target: Array.from(labels, (code) => meta.classes[code] ?? null) };
}

/** The kind of a column, one of the model's or not. */
export function kindOf(meta: TableMeta, column: string): TableColumnKind {
  const known = [...meta.columns, ...meta.aside];
  const found = known.find(({ name }) => name === column);
  if (found !== undefined) return found.kind;
  throw new RangeError(`the table has no column "${column}"; it has ${known.map(({ name }) => name).join(', ')}`);
}

/** What came out of declarations and counts is JSON by construction. */
export const asJson = (value: unknown): NonNullable<Artifact['meta']> =>
  z.record(z.string(), z.json()).parse(JSON.parse(JSON.stringify(value)));
