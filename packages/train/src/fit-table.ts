/**
 * A model of a table, from columns of declared kinds to one ONNX file.
 *
 * 1. Encodings of the columns are learnt from the rows that may be learnt from (`fit-encodings.ts`).
 * 2. Rows are held out, given or in turn, to find how many trees are enough; their margins calibrate.
 * 3. The trees are trained on all rows that may be learnt from, and written with encodings and calibration.
 * Predictions are made by the evaluator that serves the file, so they are the served ones. The result depends on table,
 * settings and seed alone. Cost: one training where rows are held out by the caller; else up to folds + 1, or 2 above
 * 20,000 rows.
 */
import { featuresOf, writeTableModel } from '@slipway/onnx';
import type { ColumnEncoding, TableHead } from '@slipway/onnx';
import { calibrateHead } from './calibrate-head.ts';
import { encodeOutOfFold, encodeRows, fitEncodings } from './fit-encodings.ts';
import type { DroppedColumn, EncodedRows, EncodingContext } from './fit-encodings.ts';
import { kFolds } from './folds.ts';
import type { Fold } from './folds.ts';
import { holdOutFolds } from './hold-out.ts';
import { createTablePredictor } from './predict-table.ts';
import type { TablePredictor } from './predict-table.ts';
import { applyLink, predictTrees } from './predict-trees.ts';
import { encodeSetCodes, placeSets } from './set-features.ts';
import type { SetCodes } from './set-features.ts';
import { checkColumns } from './table.ts';
import type { ClassLabel, TrainingTable } from './table.ts';
import { measureTable } from './table-metrics.ts';
import type { TableMetrics } from './table-metrics.ts';
import { checkTableSettings, goalsOf, minRowsFor, roundLimits } from './table-settings.ts';
import type { Goal, RoundLimits, TableSettings } from './table-settings.ts';
import { indexColumns } from './text-index.ts';
import { readTarget, targetMeans } from './table-target.ts';
import type { TableTask, Target } from './table-target.ts';
import { trainTreesAsync } from './train-trees.ts';
import type { FeatureImportance, IterationMetrics, TreeTraining } from './train-trees.ts';

export interface TableProgress {
  /** 'choose': rows are held out to find the number of rounds; 'final': the training that is kept. */
  readonly stage: 'choose' | 'final';
  /** Trainings of the stage that are done, and all of them. */
  readonly done: number;
  readonly of: number;
  readonly metrics: IterationMetrics;
  /** Rounds at most. */
  readonly rounds: number;
}

export interface TableHooks {
  /** After every round; 'stop' goes on to the final training, or ends that with what there is. */
  readonly onProgress?: (progress: TableProgress) => unknown;
  /** Heard between rounds; aborting rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface FittedTable extends TablePredictor {
  readonly task: TableTask;
  readonly classLabels: readonly ClassLabel[];
  /** The model as an ONNX file. */
  readonly bytes: Uint8Array;
  readonly encodings: readonly ColumnEncoding[];
  readonly dropped: readonly DroppedColumn[];
  readonly head: TableHead;
  /** Per column of the table that is used. */
  readonly importance: readonly FeatureImportance[];
  /** Per ensemble: the curve of the training that watched rows, else of the final one; of several the first. */
  readonly curves: readonly (readonly IterationMetrics[])[];
  /** Per ensemble: rounds that were kept. */
  readonly rounds: readonly number[];
  /** On rows held out, before calibration; undefined where none were. */
  readonly validation: TableMetrics | undefined;
  readonly rowCount: number;
}

/** Rows held out of a training, and what it said of them. */
export interface WatchedRows {
  readonly rows: Uint32Array;
  /** Per goal: float32 [rows, classCount]. */
  readonly margins: readonly Float32Array[];
}

interface Job {
  readonly table: TrainingTable;
  readonly settings: TableSettings;
  readonly hooks: TableHooks;
  readonly target: Target;
  readonly goals: readonly Goal[];
  readonly state: { isStopped: boolean };
}

/** Trains a model of a table. Rejects with RangeError for tables or settings that cannot be used. */
export async function fitTable(
  table: TrainingTable,
  settings: TableSettings,
  hooks: TableHooks = {},
): Promise<FittedTable> {
  checkColumns(table.columns, table.target.length);
  const target = readTarget(table, settings);
  checkTableSettings(settings, target.task);
  const goals = goalsOf(settings, target.task);
  const indexed = { ...table, columns: indexColumns(table.columns) };
  const job: Job = { table: indexed, settings, hooks, target, goals, state: { isStopped: false } };
  const isGiven = table.holdOut !== undefined;
  const folds = holdOutFolds(table, settings, target);
  const limits = roundLimits(settings, folds.length > 0);
  const chosen = isGiven ? undefined : await chooseRounds(job, folds, limits);
  const learnt = isGiven ? (folds[0]?.train ?? target.rows) : target.rows;
  const watched = isGiven ? folds[0]?.test : undefined;
  const final = await fitRows(job, learnt, {
    watched,
    limits: goals.map((_, index) =>
      isGiven ? limits : { rounds: chosen?.rounds[index] ?? limits.rounds, patience: undefined },
    ),
    report: { stage: 'final', done: 0, of: 1 },
  });
  const held = isGiven ? (final.watched === undefined ? [] : [final.watched]) : (chosen?.watched ?? []);
  return assemble(job, final, { held, curves: chosen?.curves });
}

interface ChosenRounds {
  readonly rounds: readonly number[];
  readonly watched: readonly WatchedRows[];
  readonly curves: readonly (readonly IterationMetrics[])[] | undefined;
}

/** The mean over the folds of the round that was best. */
async function chooseRounds(job: Job, folds: readonly Fold[], limits: RoundLimits): Promise<ChosenRounds> {
  const watched: WatchedRows[] = [];
  const sums = job.goals.map(() => 0);
  let curves: ChosenRounds['curves'];
  for (const [done, { train, test }] of folds.entries()) {
    if (job.state.isStopped && done > 0) break;
    const fit = await fitRows(job, train, {
      watched: test,
      limits: job.goals.map(() => limits),
      report: { stage: 'choose', done, of: folds.length },
    });
    if (fit.watched !== undefined) watched.push(fit.watched);
    for (const [index, { bestIteration }] of fit.trainings.entries()) sums[index] = (sums[index] ?? 0) + bestIteration;
    curves ??= fit.trainings.map(({ history }) => history);
  }
  job.state.isStopped = false;
  const rounds = sums.map((sum) =>
    watched.length === 0 ? limits.rounds : Math.max(1, Math.round(sum / watched.length)),
  );
  return { rounds, watched, curves };
}

interface FitOptions {
  readonly watched: Uint32Array | undefined;
  /** Per goal. */
  readonly limits: readonly RoundLimits[];
  readonly report: Pick<TableProgress, 'stage' | 'done' | 'of'>;
}

interface Fit {
  readonly encodings: readonly ColumnEncoding[];
  readonly dropped: readonly DroppedColumn[];
  readonly trainings: readonly TreeTraining[];
  /** Per encoding. */
  readonly importance: readonly FeatureImportance[];
  readonly watched: WatchedRows | undefined;
  readonly rowCount: number;
}

/** Parts of the rows whose means of the target are taken from the others. */
const meanParts = 5;

async function fitRows(job: Job, rows: Uint32Array, { watched, limits, report }: FitOptions): Promise<Fit> {
  const { table, settings, target, goals } = job;
  const context: EncodingContext = { settings, target: targetMeans(target), rows };
  const { encodings, dropped } = fitEncodings(table.columns, context);
  if (encodings.length === 0) {
    const reasons = dropped.map(({ column, reason }) => `"${column}": ${reason}`).join('; ');
    throw new RangeError(`No column can be learnt from (${reasons || 'the table has none'}).`);
  }
  const parts = (): readonly Fold[] =>
    kFolds(rows.length, { folds: Math.min(meanParts, rows.length), seed: settings.seed ?? 0 });
  const codes = encodeSetCodes(table.columns, encodings, rows);
  const encoded = withCodes(encodeOutOfFold(table.columns, encodings, { context, parts }), codes);
  const later =
    watched === undefined
      ? undefined
      : withCodes(encodeRows(table.columns, encodings, watched), encodeSetCodes(table.columns, encodings, watched));
  const trainings: TreeTraining[] = [];
  for (const [index, goal] of goals.entries()) {
    const limit = limits[index] ?? roundLimits(settings, false);
    const categories = codes.names.map((_, place) => encoded.columns.length - codes.names.length + place);
    trainings.push(await trainGoal(job, goal, { rows, watched, encoded, later, encodings, categories, limit, report }));
  }
  const margins = later && trainings.map(({ ensemble, sets }) => predictTrees(ensemble, later.columns, sets));
  return {
    ...placeSets(encodings, trainings, codes.owners),
    dropped,
    watched: watched === undefined || margins === undefined ? undefined : { rows: watched, margins },
    rowCount: rows.length,
  };
}

/** Codes behind the features. */
function withCodes({ featureNames, columns }: EncodedRows, codes: SetCodes): EncodedRows {
  return { featureNames: [...featureNames, ...codes.names], columns: [...columns, ...codes.columns] };
}

interface GoalRows {
  readonly rows: Uint32Array;
  readonly watched: Uint32Array | undefined;
  readonly encoded: EncodedRows;
  readonly later: EncodedRows | undefined;
  readonly encodings: readonly ColumnEncoding[];
  /** Features that are codes. */
  readonly categories: readonly number[];
  readonly limit: RoundLimits;
  readonly report: FitOptions['report'];
}

function trainGoal(job: Job, goal: Goal, given: GoalRows): Promise<TreeTraining> {
  const { settings, target, hooks, state } = job;
  const { encoded, later, watched, limit } = given;
  const labelled = (columns: readonly Float32Array[], rows: Uint32Array) => ({
    columns,
    labels: pickRows(target.labels, rows),
    weights: pickRows(target.weights, rows),
  });
  const isClass = target.classLabels.length > 0;
  return trainTreesAsync(
    {
      featureNames: encoded.featureNames,
      categories: given.categories,
      ...labelled(encoded.columns, given.rows),
      holdOut: watched && later && labelled(later.columns, watched),
    },
    {
      ...settings,
      ...goal,
      rounds: limit.rounds,
      earlyStoppingRounds: later === undefined ? undefined : limit.patience,
      minRowsPerLeaf: minRowsFor(settings, given.rows.length),
      monotone: directions(settings, given.encodings)?.concat(given.categories.map(() => 0)),
      ...(isClass ? { classCount: target.classLabels.length, classLabels: target.classLabels } : {}),
    },
    {
      ...(hooks.signal === undefined ? {} : { signal: hooks.signal }),
      onIteration: (_, metrics) => {
        const answer = hooks.onProgress?.({ ...given.report, metrics, rounds: limit.rounds });
        if (answer === 'stop') state.isStopped = true;
        return state.isStopped ? 'stop' : undefined;
      },
    },
  );
}

function pickRows(values: Float64Array, rows: Uint32Array): Float64Array {
  const picked = new Float64Array(rows.length);
  for (let i = 0; i < picked.length; i++) picked[i] = values[rows[i] ?? 0] ?? 0;
  return picked;
}

/** Per feature; only numbers and booleans are one feature that grows with the column. */
function directions(
  { monotone }: TableSettings,
  encodings: readonly ColumnEncoding[],
): readonly (-1 | 0 | 1)[] | undefined {
  if (monotone === undefined) return undefined;
  for (const column of Object.keys(monotone)) {
    const encoding = encodings.find((candidate) => candidate.column === column);
    if (encoding !== undefined && encoding.kind !== 'number' && encoding.kind !== 'boolean') {
      throw new RangeError(
        `monotone names "${column}", a column of kind ${encoding.kind}: only numbers and booleans grow.`,
      );
    }
  }
  return encodings.flatMap((encoding) => {
    const wish = Object.hasOwn(monotone, encoding.column) ? monotone[encoding.column] : undefined;
    const direction = wish === 'rises' ? 1 : wish === 'falls' ? -1 : 0;
    return featuresOf(encoding).map(() => direction);
  });
}

interface Outcome {
  readonly held: readonly WatchedRows[];
  readonly curves: ChosenRounds['curves'];
}

function assemble(job: Job, final: Fit, { held, curves }: Outcome): FittedTable {
  const { settings, target, goals } = job;
  const { encodings, dropped, trainings, rowCount } = final;
  const levels = goals.flatMap(({ quantile }) => (quantile === undefined ? [] : [quantile]));
  const ensembles = trainings.map(({ ensemble }) => ensemble);
  const head = calibrateHead({ ensembles, levels, calibration: settings.calibration ?? 'none', held, target });
  const bytes = writeTableModel({ encodings, head });
  let predictor: TablePredictor | undefined;
  return {
    task: target.task,
    classLabels: target.classLabels,
    bytes,
    encodings,
    dropped,
    head,
    importance: final.importance,
    curves: curves ?? trainings.map(({ history }) => history),
    rounds: trainings.map(({ bestIteration }) => bestIteration),
    validation: held.length === 0 ? undefined : validate(job, held, { trainings, levels }),
    rowCount,
    predict: (columns, rows) => {
      predictor ??= createTablePredictor(bytes);
      return predictor.predict(columns, rows);
    },
  };
}

/** All rows that were held out, each judged by the training that did not see it. */
function validate(
  { target }: Job,
  held: readonly WatchedRows[],
  { trainings, levels }: { readonly trainings: readonly TreeTraining[]; readonly levels: readonly number[] },
): TableMetrics {
  const rows = Uint32Array.from(held.flatMap((part) => [...part.rows]));
  const known = {
    task: target.task,
    labels: Float64Array.from(rows, (row) => target.labels[row] ?? 0),
    weights: Float64Array.from(rows, (row) => target.weights[row] ?? 0),
    levels,
  };
  const [first] = trainings;
  const margins = trainings.map((_, goal) =>
    Float32Array.from(held.flatMap((part) => [...(part.margins[goal] ?? [])])),
  );
  const only = margins[0] ?? new Float32Array(0);
  if (first === undefined || target.task === 'regression') return measureTable({ values: only, width: 1 }, known);
  if (target.task === 'quantile') {
    const width = margins.length;
    const values = new Float32Array(rows.length * width);
    for (let row = 0; row < rows.length; row++) {
      const sorted = Float32Array.from(margins, (list) => list[row] ?? 0).sort();
      values.set(sorted, row * width);
    }
    return measureTable({ values, width }, known);
  }
  const scores = applyLink(first.ensemble, only);
  if (target.task === 'multiclass') {
    return measureTable({ values: Float32Array.from(scores), width: target.classLabels.length }, known);
  }
  return measureTable({ values: pairs(scores), width: 2 }, known);
}

function pairs(positive: Float64Array): Float32Array {
  const values = new Float32Array(positive.length * 2);
  for (const [row, p] of positive.entries()) values.set([1 - p, p], row * 2);
  return values;
}
