import { z } from 'zod';
import type { StepContext, Table } from '../context.ts';
import type { Artifact } from '../ports.ts';
import { artifact, list, parameter } from '../ports.ts';
import { step } from '../step.ts';
import { spareThreads } from './train-table.ts';
import { columnsToRead, dayMs, featureColumns, pick, rowsMeta } from './rows.ts';

/** What a training of trees is told. */
export const TreeSetting = z.object({
  learningRate: z.number().positive().max(1),
  leaves: z.int().min(2),
  minRowsPerLeaf: z.int().min(1).default(50),
  /** Trees; with early stopping, at most. */
  rounds: z.int().min(1),
  /** Stops when the watched week's loss has not fallen for so many rounds. */
  earlyStoppingRounds: z.int().min(1).optional(),
  l2: z.number().min(0).default(1),
  seed: z.int().min(0).default(0),
});
export type TreeSetting = z.input<typeof TreeSetting>;

const TrainedMeta = z.looseObject({
  setting: TreeSetting,
  trees: z.int(),
  validation: z.object({ logLoss: z.number(), auc: z.number() }),
});

const progressEveryRounds = 10;

/**
 * Gradient-boosted trees. The last `watchDays` of the rows are first held out to measure the setting (and to stop early,
 * where it says so); the model is then trained on all rows with as many trees as that took.
 */
export const trainTrees = step({
  id: 'train-trees',
  code: 'slipway:train-trees',
  inputs: {
    rows: artifact.table(),
    setting: parameter(TreeSetting),
    watchDays: parameter(z.number().min(1).default(7)),
  },
  outputs: { model: artifact.model(), importance: artifact.report() },
  run: async (ctx, { rows, setting, watchDays }) => {
    const { features } = rowsMeta(rows);
    const table = await ctx.openTable(rows, [...columnsToRead(features), 'at', 'label', 'label_known_at']);
    ctx.run.logParams({ ...plain(setting), features: features.length, rows: table.rowCount, watchDays });
    const watched = await watch(ctx, { table, features, setting, watchDays });
    ctx.log(
      `watched week: log loss ${watched.logLoss.toFixed(4)}, AUC ${watched.auc.toFixed(4)} with ${watched.trees} trees`,
    );
    const fitted = await fit(ctx, { table, features, setting: { ...setting, rounds: watched.trees }, from: 0.5 });
    const validation = { logLoss: watched.logLoss, auc: watched.auc };
    const meta = { ...describeRows(rows), setting, trees: watched.trees, validation };
    const model = await writeTrees(ctx, fitted, { features, meta });
    ctx.run.logMetric('validation.log_loss', watched.logLoss);
    ctx.run.logMetric('validation.auc', watched.auc);
    await logCurves(ctx, watched);
    const content = await logImportance(ctx, fitted);
    return { model, importance: await ctx.writeArtifact('importance.json', 'report', { content }) };
  },
});

/** Trains the setting of an earlier model again, on other rows: usually all of them, once the setting has passed its gate. */
export const refit = step({
  id: 'refit',
  code: 'slipway:refit',
  inputs: { rows: artifact.table(), like: artifact.model() },
  outputs: { model: artifact.model() },
  run: async (ctx, { rows, like }) => {
    const { features } = rowsMeta(rows);
    const { setting, trees, validation } = TrainedMeta.parse(like.meta);
    const table = await ctx.openTable(rows, [...columnsToRead(features), 'label']);
    ctx.run.logParams({ ...plain(setting), features: features.length, rows: table.rowCount, trees });
    const fitted = await fit(ctx, { table, features, setting: { ...setting, rounds: trees }, from: 0 });
    const model = await writeTrees(ctx, fitted, {
      features,
      meta: { ...describeRows(rows), setting, trees, validation },
    });
    await logImportance(ctx, fitted);
    return { model };
  },
});

/** The model with the least log loss in its watched week. When settings are close, that says so. */
export const chooseBest = step({
  id: 'choose-best',
  code: 'slipway:choose-best',
  inputs: { models: list(artifact.model()) },
  outputs: { model: artifact.model(), report: artifact.report() },
  run: async (ctx, { models }) => {
    const ranked = models
      .map((model) => ({ model, ...TrainedMeta.parse(model.meta) }))
      .sort((a, b) => a.validation.logLoss - b.validation.logLoss);
    const best = ranked[0];
    if (!best) throw new Error('there is no model to choose from');
    const table = ranked.map(({ setting, trees, validation }) => ({ setting, trees, ...validation }));
    for (const { setting, trees, logLoss, auc } of table) {
      const { learningRate, leaves } = setting;
      ctx.log(
        `rate ${learningRate}, ${leaves} leaves, ${trees} trees: log loss ${logLoss.toFixed(4)}, AUC ${auc.toFixed(4)}`,
      );
    }
    const spread = (table.at(-1)?.logLoss ?? NaN) - best.validation.logLoss;
    ctx.log(`the settings lie within ${spread.toFixed(4)} of log loss of each other`);
    const content = JSON.stringify({ ranked: table, spread });
    return { model: best.model, report: await ctx.writeArtifact('choice.json', 'report', { content }) };
  },
});

/** What each feature gained, the most first: the run's own file, also of a model that was trained again. */
async function logImportance(ctx: StepContext, { importance }: Training): Promise<string> {
  const content = JSON.stringify([...importance].sort((a, b) => b.gain - a.gain));
  await ctx.run.logArtifact('importance.json', content);
  return content;
}

type Setting = z.output<typeof TreeSetting>;
type Training = Awaited<ReturnType<typeof train>>;

interface FitRequest {
  readonly table: Table;
  readonly features: readonly string[];
  readonly setting: Setting;
  /** Share of the step's work that is done before this fit, for progress. */
  readonly from: number;
}

function plain(setting: Setting): Record<string, number> {
  return Object.fromEntries(
    Object.entries(setting).filter((entry): entry is [string, number] => entry[1] !== undefined),
  );
}

function describeRows(rows: Artifact<'table'>): Record<string, never> {
  const { until, featureService, datasets } = rowsMeta(rows);
  const said = { trainedUntil: until, featureService, datasets, trainingSetDigest: rows.digest };
  // What is unknown is left out; the rest came out of JSON.
  return JSON.parse(JSON.stringify(said)) as Record<string, never>;
}

async function train(ctx: StepContext, data: object, options: { readonly setting: Setting; readonly from: number }) {
  const trainer = await import('@slipway/train');
  const { setting, from } = options;
  return trainer.trainTrees(
    data as Parameters<typeof trainer.trainTrees>[0],
    { objective: 'binary', ...setting, threads: spareThreads() },
    {
      signal: ctx.signal,
      onIteration: (iteration) => {
        if (iteration % progressEveryRounds === 0) {
          ctx.progress(from + ((1 - from) * iteration) / setting.rounds, `tree ${iteration} of ${setting.rounds}`);
        }
      },
    },
  );
}

async function fit(ctx: StepContext, { table, features, setting, from }: FitRequest): Promise<Training> {
  const data = { featureNames: features, columns: featureColumns(table, features), labels: table.numbers('label') };
  const { earlyStoppingRounds: _, ...fixed } = setting;
  return train(ctx, data, { setting: { ...fixed, earlyStoppingRounds: undefined }, from });
}

interface Watched {
  readonly logLoss: number;
  readonly auc: number;
  readonly trees: number;
  readonly history: Training['history'];
  readonly scores: Float64Array;
  readonly labels: Float64Array;
}

/** Learns from what was known before the last days, and measures on those days. */
async function watch(
  ctx: StepContext,
  request: {
    readonly table: Table;
    readonly features: readonly string[];
    readonly setting: Setting;
    readonly watchDays: number;
  },
): Promise<Watched> {
  const { table, features, setting, watchDays } = request;
  const [at, known, label] = [table.numbers('at'), table.numbers('label_known_at'), table.numbers('label')];
  const cut = at.reduce((latest, value) => Math.max(latest, value), 0) - watchDays * dayMs;
  const rows = Array.from(at.keys());
  const [before, after] = [rows.filter((i) => (known[i] ?? NaN) <= cut), rows.filter((i) => (at[i] ?? NaN) > cut)];
  const columns = featureColumns(table, features);
  const part = (indexes: readonly number[]) => ({
    columns: columns.map((column) => pick(column, indexes)),
    labels: pick(label, indexes),
  });
  const holdOut = part(after);
  const trained = await train(ctx, { featureNames: features, ...part(before), holdOut }, { setting, from: 0 });
  for (const { iteration, train: seen, holdOut: held } of trained.history) {
    ctx.run.logMetric('train.log_loss', seen.loss, iteration);
    if (held === undefined) continue;
    ctx.run.logMetric('watched.log_loss', held.loss, iteration);
    if (held.auc !== undefined) ctx.run.logMetric('watched.auc', held.auc, iteration);
  }
  const { applyLink, predictTrees } = await import('@slipway/train');
  const scores = applyLink(trained.ensemble, predictTrees(trained.ensemble, holdOut.columns));
  const quality = ctx.statistics.classifier({ scores, labels: holdOut.labels });
  return {
    logLoss: quality.logLoss.value,
    auc: quality.auc.value,
    trees: trained.bestIteration,
    history: trained.history,
    scores,
    labels: holdOut.labels,
  };
}

async function logCurves(ctx: StepContext, { scores, labels }: Watched): Promise<void> {
  await ctx.run.logArtifact('calibration.json', JSON.stringify(ctx.statistics.calibration({ scores, labels })));
  await ctx.run.logArtifact('roc.json', JSON.stringify(ctx.statistics.roc({ scores, labels })));
}

async function writeTrees(
  ctx: StepContext,
  fitted: Training,
  said: { readonly features: readonly string[]; readonly meta: Record<string, unknown> },
): Promise<Artifact<'model'>> {
  const { writeTreeEnsemble } = await import('@slipway/onnx');
  const content = writeTreeEnsemble(fitted.ensemble);
  const about = { format: 'onnx', name: 'trees', features: said.features, ...said.meta };
  // Settings and names: JSON by construction.
  const meta = JSON.parse(JSON.stringify(about)) as NonNullable<Artifact['meta']>;
  const model = await ctx.writeArtifact('model.onnx', 'model', { content, meta });
  await ctx.run.logArtifact('model.onnx', content);
  return model;
}
