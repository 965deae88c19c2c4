/** Trees on any table, as one ONNX file that takes the table's own columns. */
import { availableParallelism } from 'node:os';
import type { FittedTable, TableProgress, TableSettings } from '@slipway/train';
import type { StepContext } from '../context.ts';
import type { Artifact, ArtifactPort } from '../ports.ts';
import { artifact } from '../ports.ts';
import type { StepDefinition } from '../step.ts';
import { step, stepFailed } from '../step.ts';
import type { OpenRows } from './table-meta.ts';
import { asJson, openRows, SplitInfo } from './table-meta.ts';

/** Settings of `fitTable` of the trainer; all have defaults. */
export interface TrainTableOptions extends Omit<TableSettings, 'task' | 'positive' | 'quantiles'> {
  readonly id?: string;
  /**
   * Of a number: levels that are answered beside it, ascending, such as [0.1, 0.5, 0.9]; the number is then the level nearest
   * to a half. They are moved so that the asked share of rows held out lies below each, unless calibration is 'none'.
   */
  readonly quantiles?: readonly number[] | undefined;
  /** For tables of millions of cells. Default: all cores but one, eight at most. The model does not depend on it. */
  readonly threads?: number | undefined;
}

type TrainTableStep = StepDefinition<
  { readonly rows: ArtifactPort<'table'> },
  { readonly model: ArtifactPort<'model'>; readonly report: ArtifactPort<'report'> }
>;

const progressEveryRounds = 10;
/** Share of the work that choosing the number of trees takes. */
const choosingShare = 0.8;
const featuresLogged = 10;
const threadsMax = 8;

/**
 * Gradient-boosted trees on the columns of a table. How many trees are enough is found on rows held out within these rows:
 * by group or by time where the table was split so, else at random. Curves and importance are logged to the step's run.
 * The same step on all rows, after the gate, makes the model of everything that is known.
 *
 * @example
 * const train = trainTable({ calibration: 'platt', learningRate: 0.05 });
 * const prices = trainTable({ quantiles: [0.1, 0.5, 0.9] });
 */
export function trainTable(options: TrainTableOptions = {}): TrainTableStep {
  const { id = 'train-table', threads = spareThreads(), ...settings } = options;
  return step({
    id,
    code: `slipway:train-table:${JSON.stringify(settings)}`,
    inputs: { rows: artifact.table() },
    outputs: { model: artifact.model(), report: artifact.report() },
    run: async (ctx, { rows }) => {
      const split = SplitInfo.optional().parse(rows.meta?.['split']);
      const open = await openRows(ctx, rows, split?.column === undefined ? [] : [split.column]);
      const { meta } = open;
      ctx.run.logParams(
        asParams({
          ...settings,
          task: meta.task,
          target: meta.target,
          rows: open.rowCount,
          columns: meta.columns.length,
        }),
      );
      const fitted = await fit(ctx, open, { ...settings, threads });
      logTraining(ctx, fitted);
      const model = await writeModel(ctx, { rows, open, fitted, settings });
      const said = {
        importance: byGain(fitted),
        dropped: fitted.dropped,
        rounds: fitted.rounds,
        validation: fitted.validation ?? null,
      };
      const content = JSON.stringify(said);
      await ctx.run.logArtifact('importance.json', JSON.stringify(said.importance));
      return { model, report: await ctx.writeArtifact('training.json', 'report', { content }) };
    },
  });
}

type Settings = Omit<TrainTableOptions, 'id'>;

/** One core is left to whatever else the machine does. */
export function spareThreads(): number {
  return Math.min(threadsMax, Math.max(1, availableParallelism() - 1));
}

async function fit(ctx: StepContext, open: OpenRows, settings: Settings): Promise<FittedTable> {
  const { meta, columns, target } = open;
  const { split } = meta;
  const watched =
    split?.column === undefined || split.by === 'random'
      ? {}
      : split.by === 'time'
        ? { times: open.numbers(split.column) }
        : { groups: open.keys(split.column) };
  const positive = meta.task === 'binary' ? { positive: meta.classes[1] } : {};
  const isInterval = meta.task === 'regression' && settings.quantiles !== undefined;
  const asked = isInterval
    ? ({ task: 'quantile', calibration: settings.calibration ?? 'shift' } as const)
    : { task: meta.task };
  const { fitTable } = await import('@slipway/train');
  try {
    return await fitTable(
      { columns, target, ...watched },
      { ...settings, ...positive, ...asked },
      { signal: ctx.signal, onProgress: (progress) => report(ctx, progress) },
    );
  } catch (error) {
    // What the trainer refuses it would refuse again.
    if (error instanceof RangeError) throw stepFailed(ctx.step, error.message);
    throw error;
  }
}

function report(ctx: StepContext, { stage, done, of, metrics, rounds }: TableProgress): void {
  if (metrics.iteration % progressEveryRounds !== 0) return;
  const part = (done + metrics.iteration / rounds) / of;
  const fraction = stage === 'choose' ? choosingShare * part : choosingShare + (1 - choosingShare) * part;
  const what = stage === 'choose' ? `finding the number of trees (${done + 1} of ${of})` : 'training on all rows';
  ctx.progress(Math.min(1, fraction), `${what}: tree ${metrics.iteration} of at most ${rounds}`);
}

const byGain = (fitted: FittedTable) => [...fitted.importance].sort((a, b) => b.gain - a.gain);

function logTraining(ctx: StepContext, fitted: FittedTable): void {
  for (const { iteration, train, holdOut } of fitted.curves[0] ?? []) {
    ctx.run.logMetric('train.loss', train.loss, iteration);
    if (holdOut === undefined) continue;
    ctx.run.logMetric('watched.loss', holdOut.loss, iteration);
  }
  for (const [name, value] of Object.entries(fitted.validation ?? {}))
    if (typeof value === 'number') ctx.run.logMetric(`validation.${name}`, value);
  for (const { column, reason } of fitted.dropped) ctx.log(`column "${column}" says nothing: ${reason}`);
  const watched = fitted.validation === undefined ? '' : `, loss on rows held out ${fitted.validation.loss.toFixed(4)}`;
  ctx.log(`${fitted.rounds.join(' + ')} trees on ${fitted.rowCount} rows${watched}`);
  const total = fitted.importance.reduce((sum, { gain }) => sum + gain, 0);
  const shown = byGain(fitted).slice(0, featuresLogged);
  ctx.log(
    `what it goes by: ${shown.map(({ feature, gain }) => `${feature} ${Math.round((100 * gain) / total)} %`).join(', ')}`,
  );
}

async function writeModel(
  ctx: StepContext,
  made: {
    readonly rows: Artifact<'table'>;
    readonly open: OpenRows;
    readonly fitted: FittedTable;
    readonly settings: Settings;
  },
): Promise<Artifact<'model'>> {
  const { rows, open, fitted, settings } = made;
  const { task, target, classes, split, datasets, featureService } = open.meta;
  const { readModel, readTableInfo } = await import('@slipway/onnx');
  // In the order of the file, which is that of its wide input where it has one.
  const columns = readTableInfo(readModel(fitted.bytes))?.columns ?? [];
  const meta = asJson({
    format: 'onnx',
    name: 'table',
    features: columns.map(({ name }) => name),
    table: { task, target, classes, columns },
    settings,
    rounds: fitted.rounds,
    importance: byGain(fitted).slice(0, featuresLogged),
    gainTotal: fitted.importance.reduce((sum, { gain }) => sum + gain, 0),
    trainingSetDigest: rows.digest,
    datasets,
    ...(featureService === undefined ? {} : { featureService }),
    ...(split === undefined ? {} : { split }),
  });
  const model = await ctx.writeArtifact('model.onnx', 'model', { content: fitted.bytes, meta });
  await ctx.run.logArtifact('model.onnx', fitted.bytes);
  return model;
}

function asParams(settings: object): Record<string, string | number | boolean> {
  const params: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(settings)) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') params[name] = value;
    else if (value !== undefined) params[name] = JSON.stringify(value);
  }
  return params;
}
