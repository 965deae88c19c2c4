/**
 * Whether features of a table's own past help to answer a question about its rows, found out before a project declares them:
 * the same trees learn from earlier rows once with and once without them, and both answer the latest fifth, which neither has
 * seen. That is done twice, from two halves of the earlier rows: two fits of the same rows differ by more than an interval over
 * the answered rows tells, and what only one pair of fits shows is no help. The features are made by the join that makes training sets. Nothing here needs a server.
 */
import { join } from 'node:path';
import type { FittedTable, TableColumn } from '@slipway/train';
import { differenceOf, clustersOf, judge } from '../lib/intervals.ts';
import { measureAnswers } from '../lib/table-quality.ts';
import { buildTrainingSet, parseDefinitionText } from '../modules/features/index.ts';
import type { Analytics } from '../platform/analytics/analytics.ts';
import { sqlName, sqlText } from '../platform/analytics/analytics.ts';

export interface TrialColumn {
  readonly name: string;
  readonly kind: TableColumn['kind'];
}

export interface FeatureTrialInput {
  readonly analytics: Analytics;
  /** The rows to make features of, as SQL, under the name that the definition gives their table. */
  readonly table: { readonly name: string; readonly relation: string };
  readonly question: {
    readonly target: string;
    readonly task: 'binary' | 'multiclass' | 'regression';
    readonly positive?: string;
  };
  /** What the model has without features. */
  readonly columns: readonly TrialColumn[];
  /** A date or an instant in every row. */
  readonly time: string;
  /** Rows with one value of it are not independent. */
  readonly entity: string;
  /** Holds files while the trial runs. */
  readonly folder: string;
}

export interface TrialOutcome {
  readonly rows: { readonly train: number; readonly holdout: number };
  /** Lower is better. The two figures are means of the two halves. */
  readonly metric: 'logLoss' | 'rmse';
  readonly without: number;
  readonly with: number;
  /** They help by more than chance makes it (one-sided, 95 %, from both halves). Of a number by the mean absolute error too, which a few odd rows do not decide. */
  readonly isSure: boolean;
  /** Share of the trees' gain that each feature brought. */
  readonly gain: ReadonlyMap<string, number>;
  readonly parity: { readonly cells: number; readonly different: number };
}

/** Rows that trees learn from and answer; more would not change the answer and would take long. */
const rowsMax = 8_000;
/** Rows on either side below which nothing is concluded. */
const sideRowsMin = 50;
const holdoutShare = 0.2;
/** At most: where more would help, it shows with these. */
const rounds = 200;
const parityRows = 200;

export interface FeatureTrial {
  /** `featuresFile`: the text of a definition. `warmUpMs`: as training sets have it. Undefined where too few rows are left to conclude anything. */
  measure(
    featuresFile: string,
    options: { readonly service: string; readonly warmUpMs: number },
  ): Promise<TrialOutcome | undefined>;
}

export function createFeatureTrial(input: FeatureTrialInput): FeatureTrial {
  let alone: Promise<readonly Answered[]> | undefined;
  return {
    measure: async (featuresFile, { service, warmUpMs }) => {
      const { analytics, table, folder } = input;
      const outFile = join(folder, 'trial.parquet');
      const built = await buildTrainingSet({
        definition: parseDefinitionText(featuresFile),
        service,
        tables: { [table.name]: { sql: table.relation } },
        outFile,
        withOwnColumns: true,
        warmUpMs,
        paritySample: parityRows,
        analytics,
      });
      const features = built.names.map((name): TrialColumn => ({ name, kind: 'number' }));
      const rows = await readRows(input, outFile, [...input.columns, ...features]);
      const { train, holdout } = cutOf(rows.times);
      if (train.length < sideRowsMin || holdout.length < sideRowsMin) return undefined;
      const own = rows.columns.slice(0, input.columns.length);
      // The same rows whatever the features: what the columns reach alone is measured once.
      alone ??= answerTwice(input, { ...rows, columns: own }, { train, holdout });
      const without = await alone;
      const known = await answerTwice(input, rows, { train, holdout });
      const clusters = clustersOf(Array.from(holdout, (row) => rows.entities[row] ?? ''));
      const metrics = input.question.task === 'regression' ? (['rmse', 'mae'] as const) : (['logLoss'] as const);
      const isBetter = (metric: string): boolean =>
        known.every(({ measured }, half) => {
          const [after, before] = [measured[metric], without[half]?.measured[metric]];
          return (
            after !== undefined &&
            before !== undefined &&
            judge(differenceOf(after, before), { clusters }).upperBound < 0
          );
        });
      const [metric] = metrics;
      return {
        rows: { train: train.length, holdout: holdout.length },
        metric,
        without: meanOf(without, metric),
        with: meanOf(known, metric),
        isSure: metrics.every(isBetter),
        gain: gainOf(known, built.names),
        parity: { cells: built.parity.cells, different: built.parity.different },
      };
    },
  };
}

interface Rows {
  readonly columns: readonly TableColumn[];
  readonly target: readonly (string | number)[];
  readonly times: Float64Array;
  readonly entities: readonly string[];
}

/** The earliest row first. */
async function readRows(
  { analytics, question, time, entity }: FeatureTrialInput,
  file: string,
  columns: readonly TrialColumn[],
): Promise<Rows> {
  const target = `${sqlName(question.target)}::${question.task === 'regression' ? 'double' : 'varchar'}`;
  const picked = [
    `${target} AS "~target"`,
    `epoch_ms(${sqlName(time)}::timestamp)::double AS "~time"`,
    `${sqlName(entity)}::varchar AS "~entity"`,
    ...columns.map((column, i) => `${valueSql(column)} AS "~${i}"`),
  ];
  const rows = await analytics.rows<Readonly<Record<string, unknown>>>(
    `select ${picked.join(', ')} from (select *, hash("~number", 1) AS "~draw" from (select *, row_number() over () AS "~number" from read_parquet(${sqlText(file)}) where ${sqlName(question.target)} is not null) order by "~draw" limit ${rowsMax}) order by "~time", "~number"`,
  );
  return {
    columns: columns.map((column, i) =>
      columnOf(
        column,
        rows.map((row) => row[`~${i}`]),
      ),
    ),
    target: rows.map((row) => (question.task === 'regression' ? Number(row['~target']) : String(row['~target']))),
    times: Float64Array.from(rows, (row) => Number(row['~time'])),
    entities: rows.map((row) => String(row['~entity'])),
  };
}

function valueSql({ name, kind }: TrialColumn): string {
  const column = sqlName(name);
  switch (kind) {
    case 'number':
      return `${column}::double`;
    case 'boolean':
      return `${column}::int::double`;
    case 'date':
      return `epoch_ms(${column}::timestamp)::double`;
    case 'category':
    case 'text':
      return `${column}::varchar`;
  }
}

function columnOf({ name, kind }: TrialColumn, values: readonly unknown[]): TableColumn {
  if (kind === 'category' || kind === 'text')
    return { name, kind, values: values.map((value) => (typeof value === 'string' ? value : null)) };
  return { name, kind, values: Float64Array.from(values, (value) => (typeof value === 'number' ? value : Number.NaN)) };
}

interface Sides {
  readonly train: Uint32Array;
  readonly holdout: Uint32Array;
}

/** Rows of one instant stay together. */
function cutOf(times: Float64Array): Sides {
  const cut = times[Math.floor(times.length * (1 - holdoutShare))] ?? 0;
  const first = times.findIndex((time) => time >= cut);
  const place = first < 0 ? times.length : first;
  return {
    train: Uint32Array.from({ length: place }, (_, row) => row),
    holdout: Uint32Array.from({ length: times.length - place }, (_, i) => place + i),
  };
}

interface Answered {
  readonly fitted: FittedTable;
  readonly measured: ReturnType<typeof measureAnswers>;
}

/** Learnt from every other of the earlier rows, and from those between. One after the other: each fit takes the memory of its rows. */
async function answerTwice(
  input: FeatureTrialInput,
  rows: Rows,
  { train, holdout }: Sides,
): Promise<readonly Answered[]> {
  const answered: Answered[] = [];
  for (const half of [0, 1])
    answered.push(await answer(input, rows, { train: train.filter((_, i) => i % 2 === half), holdout }));
  return answered;
}

const meanOf = (answered: readonly Answered[], metric: string): number =>
  answered.reduce((sum, { measured }) => sum + (measured[metric]?.estimate ?? Number.NaN), 0) / answered.length;

async function answer(
  { question }: FeatureTrialInput,
  { columns, target, times }: Rows,
  { train, holdout }: Sides,
): Promise<Answered> {
  const { task, positive } = question;
  const { fitTable } = await import('@slipway/train');
  const fitted = await fitTable(
    { columns, target, times, rows: train },
    { task, rounds, ...(positive === undefined ? {} : { positive }) },
  );
  const { values, width } = fitted.predict(columns, holdout);
  const codes = new Map(fitted.classLabels.map((label, code) => [String(label), code]));
  const labels = Float64Array.from(holdout, (row) =>
    task === 'regression' ? Number(target[row]) : (codes.get(String(target[row])) ?? -1),
  );
  return { fitted, measured: measureAnswers({ task, labels, values, width }) };
}

function gainOf(answered: readonly Answered[], names: readonly string[]): ReadonlyMap<string, number> {
  const gains = answered.flatMap(({ fitted }) => fitted.importance);
  const total = gains.reduce((sum, { gain }) => sum + gain, 0);
  const of = (name: string): number =>
    gains.reduce((sum, { feature, gain }) => sum + (feature === name ? gain : 0), 0) /
    Math.max(total, Number.MIN_VALUE);
  return new Map(names.map((name) => [name, of(name)]));
}
