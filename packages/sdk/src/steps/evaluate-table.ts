/** A model of a table on rows that it has not seen: figures with intervals, simpler models, the champion, where it is worse. */
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline as pipe } from 'node:stream/promises';
import type { GateEvidence } from '@slipway/contract';
import { z } from 'zod';
import type { StepContext } from '../context.ts';
import type { Artifact, ArtifactPort } from '../ports.ts';
import { artifact } from '../ports.ts';
import type { AnsweredRows, Measured } from '../statistics.ts';
import type { StepDefinition } from '../step.ts';
import { step, stepFailed } from '../step.ts';
import { findVersion, tableTag } from './judge.ts';
import { answerBaselines } from './table-baselines.ts';
import { confusionOf } from './table-confusion.ts';
import type { Costs } from './table-confusion.ts';
import type { OpenRows } from './table-meta.ts';
import { openRows, orderColumn, SplitInfo, tableTasks } from './table-meta.ts';
import type { Interval } from './intervals.ts';
import { judgeLevels } from './intervals.ts';
import type { Evaluation } from './table-report.ts';
import { evaluationMarkdown, figureText } from './table-report.ts';

export interface EvaluateTableOptions {
  readonly id?: string;
  /** The registered model whose champion the candidate is compared with. */
  readonly model: string;
  /** Binary: what the two mistakes cost, in any unit. The confusion is counted at the threshold that cost least. */
  readonly costs?: Costs;
  /** Rows with one value of this column are not independent. Default: the column that groups were split by. */
  readonly clusterBy?: string;
  /** Fewest rows of a slice that is looked at for a higher loss. Default 30. */
  readonly sliceRowsMin?: number;
}

type EvaluateTableStep = StepDefinition<
  {
    readonly train: ArtifactPort<'table'>;
    readonly holdout: ArtifactPort<'table'>;
    readonly candidate: ArtifactPort<'model'>;
  },
  { readonly evidence: ArtifactPort<'metrics'>; readonly report: ArtifactPort<'report'> }
>;

const sliceRowsDefault = 30;
const slicesShown = 5;
/** Below this many rows a comparison with the champion is left out, and said so. */
const pairedRowsMin = 50;

/**
 * Measures a candidate on rows held out, with 95 % intervals, beside `constant` (the shares of the classes, or the mean) and
 * `linear` (logistic or linear regression) learnt from the same rows, and beside the champion on those rows that it has not
 * learnt from either. The evidence is for `gate`: binary `auc`, `logLoss`, `brier`, `accuracy`, `ece` and, with costs,
 * `cost`; multiclass `logLoss`, `accuracy`, `macroF1`, `ece`; regression `rmse`, `mae`, `r2`, `bias` and, of
 * intervals, `coverage`.
 *
 * @example
 * const judge = evaluateTable({ model: 'churn', costs: { falsePositive: 1, falseNegative: 20 }, clusterBy: 'household' });
 */
export function evaluateTable(options: EvaluateTableOptions): EvaluateTableStep {
  const { id = 'evaluate-table', ...how } = options;
  return step({
    id,
    code: `slipway:evaluate-table:${JSON.stringify(how)}`,
    inputs: { train: artifact.table(), holdout: artifact.table(), candidate: artifact.model() },
    outputs: { evidence: artifact.metrics(), report: artifact.report() },
    // The champion is not an input: another version may have become it.
    cache: 'never',
    run: async (ctx, { train, holdout, candidate }) => {
      const held = await openHeld(ctx, holdout, how.clusterBy);
      if (how.costs !== undefined && held.rows.meta.task !== 'binary')
        throw stepFailed(
          ctx.step,
          `costs of false positives and negatives are for two classes: ${held.rows.meta.target} is ${held.rows.meta.task}.`,
        );
      const learnt = await openRows(ctx, train);
      const answered = await answerTable(await readFile(ctx.path(candidate)), held);
      const evaluation = await evaluateRows({ ctx, how, learnt, held, answered });
      const paired = await compareWithChampion({ ctx, model: how.model, held, answered });
      const whole = { ...evaluation, ...importanceOf(candidate), ...(paired === undefined ? {} : { paired }) };
      tell(ctx, whole);
      return write(ctx, whole);
    },
  });
}

interface Held {
  readonly rows: OpenRows;
  readonly clusters: readonly string[] | undefined;
  readonly order: Float64Array | undefined;
  readonly split: SplitInfo | undefined;
}

async function openHeld(ctx: StepContext, holdout: Artifact<'table'>, clusterBy: string | undefined): Promise<Held> {
  const split = SplitInfo.optional().parse(holdout.meta?.['split']);
  const clusterColumn = clusterBy ?? (split?.by === 'group' ? split.column : undefined);
  const besides = [
    ...(clusterColumn === undefined ? [] : [clusterColumn]),
    ...(split === undefined ? [] : [orderColumn]),
  ];
  const rows = await openRows(ctx, holdout, besides);
  return {
    rows,
    clusters: clusterColumn === undefined ? undefined : rows.keys(clusterColumn),
    order: split === undefined ? undefined : rows.numbers(orderColumn),
    split,
  };
}

/** Answers by the evaluator that serves the file. */
async function answerTable(
  bytes: Uint8Array,
  { rows, clusters }: Pick<Held, 'rows' | 'clusters'>,
): Promise<AnsweredRows & { readonly interval?: Interval }> {
  const { createTablePredictor } = await import('@slipway/train');
  const { middleLevel, readModel, readTableInfo } = await import('@slipway/onnx');
  const { values, width } = createTablePredictor(bytes).predict(rows.columns);
  const { quantiles: levels } = readTableInfo(readModel(bytes)) ?? {};
  const told = { task: rows.meta.task, labels: rows.labels, ...(clusters === undefined ? {} : { clusters }) };
  if (levels === undefined) return { ...told, values, width };
  return { ...told, ...judgeLevels(rows.labels, { values, levels, middle: middleLevel(levels) }) };
}

interface Judging {
  readonly ctx: StepContext;
  readonly how: Omit<EvaluateTableOptions, 'id'>;
  readonly learnt: OpenRows;
  readonly held: Held;
  readonly answered: AnsweredRows & { readonly interval?: Interval };
}

async function evaluateRows({ ctx, how, learnt, held, answered }: Judging): Promise<Evaluation> {
  const { statistics } = ctx;
  const { meta } = held.rows;
  const isNumber = meta.task === 'regression';
  const calibration = isNumber ? undefined : statistics.topCalibration(answered);
  const confusion = isNumber ? undefined : confusionOf(answered, meta.classes, how.costs);
  const n = held.rows.rowCount;
  const metrics: Evaluation['metrics'] = {
    ...figures(statistics.answers(answered)),
    ...(calibration === undefined ? {} : { ece: { value: calibration.ece, n } }),
    ...(confusion?.cost === undefined ? {} : { cost: { value: confusion.cost, n } }),
    ...(answered.interval === undefined ? {} : { coverage: { value: answered.interval.coverage, n } }),
  };
  const baselines: Evaluation['baselines'] = {};
  for (const { name, values } of await answerBaselines(learnt, held.rows, ctx.signal)) {
    const rows = { ...answered, values };
    const cost = how.costs === undefined ? undefined : confusionOf(rows, meta.classes, how.costs).cost;
    baselines[name] = {
      ...figures(statistics.answers(rows)),
      ...(cost === undefined ? {} : { cost: { value: cost, n } }),
    };
  }
  const slices = statistics.worseSlices({
    losses: statistics.losses(answered),
    columns: held.rows.columns.filter(({ kind }) => kind !== 'text'),
    rowsMin: how.sliceRowsMin ?? sliceRowsDefault,
    ...(held.clusters === undefined ? {} : { clusters: held.clusters }),
  });
  return {
    task: meta.task,
    target: meta.target,
    rows: { train: learnt.rowCount, holdout: n },
    metrics,
    baselines,
    slices: slices.slice(0, slicesShown),
    ...(confusion === undefined ? {} : { confusion }),
    ...(answered.interval === undefined ? {} : { interval: answered.interval }),
    ...(calibration === undefined ? {} : { calibration: [...calibration.table] }),
    importance: [],
  };
}

/** Figures that the rows can give. JSON has no NaN, and a gate fails on what is left out. */
function figures(measured: Readonly<Record<string, Measured>>): Evaluation['metrics'] {
  const known = Object.entries(measured).filter(([, { value }]) => Number.isFinite(value));
  return Object.fromEntries(
    known.map(([name, { value, low, high, n }]) => [
      name,
      { value, ...(Number.isFinite(low) && Number.isFinite(high) ? { low, high } : {}), n },
    ]),
  );
}

const Importance = z.object({
  importance: z.array(z.object({ feature: z.string(), gain: z.number() })).catch([]),
  gainTotal: z.number().optional().catch(undefined),
});

function importanceOf(model: Artifact<'model'>): Pick<Evaluation, 'importance' | 'gainTotal'> {
  const { importance, gainTotal } = Importance.parse(model.meta ?? {});
  return { importance, ...(gainTotal === undefined ? {} : { gainTotal }) };
}

const ChampionSaid = z.object({
  task: z.enum(tableTasks),
  target: z.string(),
  classes: z.array(z.union([z.string(), z.number()])),
  split: SplitInfo.optional(),
});

async function compareWithChampion(given: {
  readonly ctx: StepContext;
  readonly model: string;
  readonly held: Held;
  readonly answered: AnsweredRows;
}): Promise<Evaluation['paired']> {
  const { ctx, model, held, answered } = given;
  const version = await findVersion(ctx, model, 'champion');
  if (version === undefined) return undefined;
  const no = (why: string): undefined => {
    ctx.log(`not compared with the champion, version ${version.number}: ${why}`);
    return undefined;
  };
  const said = ChampionSaid.safeParse(jsonOf(version.tags[tableTag]));
  if (version.onnx === undefined || !said.success) return no('it is no model of a table.');
  const { meta } = held.rows;
  const isSame = said.data.target === meta.target && said.data.classes.join('|') === meta.classes.join('|');
  if (!isSame || said.data.task !== meta.task) return no('it answers another question, or knows other classes.');
  const unseen = unseenRows(held, said.data.split);
  if (unseen.length < pairedRowsMin) return no(`it has learnt from all but ${unseen.length} of these rows.`);
  const file = join(ctx.workdir, 'champion.onnx');
  const params = { model, version: String(version.number), path: version.onnx.path };
  await pipe(await ctx.client.models.getFile({ params }), createWriteStream(file));
  let champion: AnsweredRows;
  try {
    champion = await answerTable(await readFile(file), held);
  } catch (error) {
    if (error instanceof RangeError) return no(error.message);
    throw error;
  }
  const candidate = pickRows(answered, unseen);
  const differences = figures(ctx.statistics.answersDifference(candidate, pickRows(champion, unseen).values));
  return { champion: version.number, rows: unseen.length, differences };
}

/** Anybody may write a tag: what is no JSON says nothing. */
function jsonOf(tag: string | undefined): unknown {
  try {
    return JSON.parse(tag ?? 'null');
  } catch {
    return null;
  }
}

/** Held-out rows that lay above the champion's own cut. */
function unseenRows({ rows, order, split }: Held, champion: SplitInfo | undefined): number[] {
  if (order === undefined || split === undefined || champion === undefined) return [];
  const isSame = champion.by === split.by && champion.column === split.column && champion.seed === split.seed;
  const isTime = split.by === 'time';
  // What was trained on every row has seen all of them, except those that came later.
  if (!isSame || (champion.side === 'all' && !isTime)) return [];
  return Array.from(order.keys()).filter((row) => {
    const label = String(rows.meta.classes[rows.labels[row] ?? 0] ?? '');
    const cut = champion.side === 'all' ? champion.until : (champion.cuts[label] ?? champion.cuts['']);
    return cut !== undefined && (champion.side === 'all' ? (order[row] ?? 0) > cut : (order[row] ?? 0) >= cut);
  });
}

function pickRows(rows: AnsweredRows, picked: readonly number[]): AnsweredRows {
  const { width, clusters } = rows;
  const values = Float64Array.from(
    { length: picked.length * width },
    (_, i) => rows.values[(picked[Math.floor(i / width)] ?? 0) * width + (i % width)] ?? Number.NaN,
  );
  const labels = Float64Array.from(picked, (row) => rows.labels[row] ?? Number.NaN);
  return {
    ...rows,
    values,
    labels,
    ...(clusters === undefined ? {} : { clusters: picked.map((row) => clusters[row] ?? '') }),
  };
}

function tell(ctx: StepContext, { metrics, baselines, slices, paired }: Evaluation): void {
  const line = (of: Evaluation['metrics']): string =>
    Object.entries(of)
      .map(([name, figure]) => `${name} ${figureText(figure)}`)
      .join(', ');
  ctx.log(`candidate: ${line(metrics)}`);
  for (const [name, of] of Object.entries(baselines)) ctx.log(`${name}: ${line(of)}`);
  if (paired !== undefined)
    ctx.log(`minus champion version ${paired.champion} on ${paired.rows} rows: ${line(paired.differences)}`);
  if (slices.length === 0) ctx.log('no slice of a column has a loss above the rest by more than chance');
  for (const [name, { value }] of Object.entries(metrics)) ctx.run.logMetric(name, value);
}

async function write(ctx: StepContext, evaluation: Evaluation) {
  const { metrics, baselines, paired, calibration } = evaluation;
  const evidence: GateEvidence = {
    metrics,
    baselines,
    ...(paired === undefined ? {} : { paired: { champion: paired.champion, differences: paired.differences } }),
  };
  const content = JSON.stringify(evaluation);
  await ctx.run.logArtifact('evaluation.json', content);
  await ctx.run.logArtifact('evaluation.md', evaluationMarkdown(evaluation));
  if (calibration !== undefined) await ctx.run.logArtifact('calibration.json', JSON.stringify(calibration));
  const meta = Object.fromEntries(Object.entries(metrics).map(([name, { value }]) => [name, value]));
  return {
    evidence: await ctx.writeArtifact('evidence.json', 'metrics', { content: JSON.stringify(evidence), meta }),
    report: await ctx.writeArtifact('evaluation.json', 'report', { content }),
  };
}
