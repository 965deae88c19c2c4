/** From a candidate to a registered version: evidence on rows nobody trained on, the gate, the registry. */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline as pipe } from 'node:stream/promises';
import type { GateEvidence, ModelVersion } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import { z } from 'zod';
import type { StepContext, Table } from '../context.ts';
import type { Artifact, ArtifactPort, ParameterPort } from '../ports.ts';
import { artifact, list, parameter } from '../ports.ts';
import type { Measured } from '../statistics.ts';
import type { StepDefinition } from '../step.ts';
import { step } from '../step.ts';
import { stepSaidNo } from '../step.ts';
import { SplitInfo, TableMeta } from './table-meta.ts';
import { tableSignature } from './table-signature.ts';
import { columnsToRead, featureColumns, ModelMeta, pick, scoreRows } from './rows.ts';

/** Below this many rows a comparison with the champion is left out, and said so. */
const pairedRowsMin = 200;

type EvaluateStep = StepDefinition<
  {
    readonly rows: ArtifactPort<'table'>;
    readonly candidate: ArtifactPort<'model'>;
    readonly baselines: ReturnType<typeof list<'model'>>;
  },
  { readonly evidence: ArtifactPort<'metrics'> }
>;

export interface EvaluateOptions {
  readonly id?: string;
  /** The registered model whose champion the candidate is compared with. */
  readonly model: string;
  /** Rows of one local day are not independent: intervals are clustered by day in this zone. */
  readonly timeZone: string;
}

/**
 * Measures a candidate on held-out rows with intervals, the baselines on the same rows, and the difference to the champion on
 * those rows that the champion was not trained on either.
 */
export function evaluate(options: EvaluateOptions): EvaluateStep {
  return step({
    id: options.id ?? 'evaluate',
    code: `slipway:evaluate:${options.model}:${options.timeZone}`,
    inputs: { rows: artifact.table(), candidate: artifact.model(), baselines: list(artifact.model()) },
    outputs: { evidence: artifact.metrics() },
    // The champion is not an input: another version may have become it.
    cache: 'never',
    run: async (ctx, { rows, candidate, baselines }) => {
      const champion = await findChampion(ctx, options.model);
      const models = [candidate, ...baselines].map((model) => ModelMeta.parse(model.meta));
      const wanted = [...models, ...(champion === undefined ? [] : [champion])].flatMap((model) => model.features);
      const table = await ctx.openTable(rows, [...new Set([...readable(wanted), 'at', 'label'])]);
      const labels = table.numbers('label');
      const clusters = localDays(table.numbers('at'), options.timeZone);
      const scores = await scoreRows(ctx, candidate, table);
      const quality = ctx.statistics.classifier({ scores, labels, clusters });
      const evidence: GateEvidence = {
        metrics: {
          auc: estimate(quality.auc),
          logLoss: estimate(quality.logLoss),
          brier: estimate(quality.brier),
          ece: { value: quality.ece, n: labels.length },
        },
        baselines: {},
      };
      say(ctx, 'candidate', quality);
      for (const baseline of baselines) {
        const { name } = ModelMeta.parse(baseline.meta);
        const measured = ctx.statistics.classifier({ scores: await scoreRows(ctx, baseline, table), labels, clusters });
        evidence.baselines[name] = { auc: estimate(measured.auc), logLoss: estimate(measured.logLoss) };
        say(ctx, `baseline ${name}`, measured);
      }
      const paired =
        champion === undefined ? undefined : await compare(ctx, { champion, table, labels, scores, clusters });
      const all = paired === undefined ? evidence : { ...evidence, paired };
      await logEvaluation(ctx, { all, scores, labels });
      const meta = { auc: quality.auc.value, logLoss: quality.logLoss.value, ece: quality.ece, rows: labels.length };
      return { evidence: await ctx.writeArtifact('evidence.json', 'metrics', { content: JSON.stringify(all), meta }) };
    },
  });
}

function say(
  ctx: StepContext,
  name: string,
  { auc, logLoss, ece }: { auc: Measured; logLoss: Measured; ece: number },
): void {
  const interval = `${auc.value.toFixed(4)} (${auc.low.toFixed(4)} to ${auc.high.toFixed(4)})`;
  ctx.log(`${name}: AUC ${interval}, log loss ${logLoss.value.toFixed(4)}, ECE ${ece.toFixed(4)}`);
}

async function logEvaluation(
  ctx: StepContext,
  { all, scores, labels }: { readonly all: GateEvidence; readonly scores: Float64Array; readonly labels: Float64Array },
): Promise<void> {
  for (const [name, { value }] of Object.entries(all.metrics)) ctx.run.logMetric(name, value);
  await ctx.run.logArtifact('evidence.json', JSON.stringify(all));
  await ctx.run.logArtifact('calibration.json', JSON.stringify(ctx.statistics.calibration({ scores, labels })));
  await ctx.run.logArtifact('roc.json', JSON.stringify(ctx.statistics.roc({ scores, labels })));
}

const readable = (features: readonly string[]): string[] =>
  columnsToRead(features).map((name) => name.split('/', 1)[0] ?? name);

const estimate = ({ value, low, high, n }: Measured): { value: number; low: number; high: number; n: number } => ({
  value,
  low,
  high,
  n,
});

interface Champion {
  readonly number: number;
  readonly file: string;
  readonly features: readonly string[];
  /** Labels known before this instant were learnt from. */
  readonly trainedUntilMs: number;
}

export const trainedUntilTag = 'trained-until';
export const featuresTag = 'features';
/** What a model of a table answers, and how its rows were split. */
export const tableTag = 'slipway.table';

async function findChampion(ctx: StepContext, model: string): Promise<Champion | undefined> {
  const version = await findVersion(ctx, model, 'champion');
  const features = z.array(z.string()).safeParse(JSON.parse(version?.tags[featuresTag] ?? 'null'));
  if (version?.onnx === undefined || !features.success) {
    if (version !== undefined) ctx.log(`the champion, version ${version.number}, cannot be scored here: not compared`);
    return undefined;
  }
  const file = join(ctx.workdir, 'champion.onnx');
  const params = { model, version: String(version.number), path: version.onnx.path };
  await pipe(await ctx.client.models.getFile({ params }), createWriteStream(file));
  const trainedUntilMs = Date.parse(version.tags[trainedUntilTag] ?? '');
  return { number: version.number, file, features: features.data, trainedUntilMs };
}

export async function findVersion(ctx: StepContext, model: string, version: string): Promise<ModelVersion | undefined> {
  try {
    return await ctx.client.models.getVersion({ params: { model, version } });
  } catch (error) {
    if (error instanceof SlipwayError && error.status === 404) return undefined;
    throw error;
  }
}

async function compare(
  ctx: StepContext,
  given: {
    readonly champion: Champion;
    readonly table: Table;
    readonly labels: Float64Array;
    readonly scores: Float64Array;
    readonly clusters: readonly string[];
  },
): Promise<GateEvidence['paired']> {
  const { champion, table, clusters } = given;
  const at = table.numbers('at');
  const unseen = Array.from(at.keys()).filter((i) => (at[i] ?? NaN) >= champion.trainedUntilMs);
  if (unseen.length < pairedRowsMin) {
    ctx.log(`only ${unseen.length} rows are new to the champion too: not compared`);
    return undefined;
  }
  const old = await ctx.score({ file: champion.file }, featureColumns(table, champion.features));
  const paired = ctx.statistics.paired({
    labels: pick(given.labels, unseen),
    candidate: pick(given.scores, unseen),
    champion: pick(old, unseen),
    clusters: unseen.map((i) => clusters[i] ?? ''),
  });
  const { auc, logLoss } = paired;
  ctx.log(
    `against champion version ${champion.number} on ${paired.n} rows: AUC ${signed(auc)}, log loss ${signed(logLoss)}`,
  );
  return { champion: champion.number, differences: { auc: estimate(auc), logLoss: estimate(logLoss) } };
}

const signed = ({ value, low, high }: Measured): string =>
  `${value >= 0 ? '+' : ''}${value.toFixed(4)} (${low.toFixed(4)} to ${high.toFixed(4)})`;

/** The local calendar day of each instant. */
function localDays(at: Float64Array, timeZone: string): string[] {
  const format = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
  const byQuarterHour = new Map<number, string>();
  return Array.from(at, (ms) => {
    // Zones change their day on whole quarters of an hour.
    const quarter = Math.floor(ms / 900_000);
    const known = byQuarterHour.get(quarter);
    if (known !== undefined) return known;
    const day = format.format(ms);
    byQuarterHour.set(quarter, day);
    return day;
  });
}

type GateStep = StepDefinition<
  { readonly evidence: ArtifactPort<'metrics'> },
  { readonly gate: ParameterPort<string, string>; readonly report: ArtifactPort<'report'> }
>;

/** Hands the evidence to the model's declared gate. The server judges; the pipeline stops when the gate does not pass. */
export function gate(options: { readonly id?: string; readonly model: string }): GateStep {
  return step({
    id: options.id ?? 'gate',
    code: `slipway:gate:${options.model}`,
    inputs: { evidence: artifact.metrics() },
    outputs: { gate: parameter(z.string()), report: artifact.report() },
    cache: 'never',
    run: async (ctx, { evidence }) => {
      const judged = await ctx.client.models.judgeGate({
        params: { model: options.model },
        body: {
          runId: await ctx.run.id(),
          candidate: `pipeline run ${ctx.pipelineRun}`,
          // Written by `evaluate`; the server parses it.
          evidence: ctx.readJson(evidence) as GateEvidence,
        },
      });
      for (const check of judged.checks) ctx.log(`${check.passed ? 'passed' : 'FAILED'}: ${check.sentence}`);
      if (!judged.passed) {
        const failed = judged.checks.filter((check) => !check.passed).map((check) => check.sentence);
        throw stepSaidNo(ctx.step, `gate ${judged.id} did not pass: ${failed.join('; ')}`);
      }
      const report = await ctx.writeArtifact('gate.json', 'report', {
        content: JSON.stringify(judged),
        meta: { gate: judged.id },
      });
      return { gate: judged.id, report };
    },
  });
}

type RegisterStep = StepDefinition<
  { readonly model: ArtifactPort<'model'>; readonly gate: ParameterPort<string, string> },
  { readonly version: ParameterPort<number, number>; readonly alias: ParameterPort<string, string> }
>;

const TableSaid = TableMeta.pick({ task: true, target: true, classes: true, columns: true });

const SaidOfModel = z.looseObject({
  features: z.array(z.string()),
  trainedUntil: z.string().optional(),
  trainingSetDigest: z.string().optional(),
  datasets: z.array(z.object({ dataset: z.string(), number: z.int(), digest: z.string() })).optional(),
  featureService: z.object({ set: z.string(), service: z.string(), digest: z.string() }).optional(),
  table: TableSaid.optional(),
  split: SplitInfo.optional(),
});
type SaidOfModel = z.infer<typeof SaidOfModel>;

export interface RegisterOptions {
  readonly id?: string;
  readonly model: string;
  /** The alias of the new version; `champion` when the model has none yet, else `challenger`, unless said. */
  readonly alias?: string;
}

/**
 * Registers the model with its gate and its lineage, in one request with its alias. A second attempt of the same run finds
 * the version of the first.
 */
export function register(options: RegisterOptions): RegisterStep {
  return step({
    id: options.id ?? 'register',
    code: `slipway:register:${options.model}/${options.alias ?? ''}`,
    inputs: { model: artifact.model(), gate: parameter(z.string()) },
    outputs: { version: parameter(z.int()), alias: parameter(z.string()) },
    cache: 'never',
    run: async (ctx, { model, gate: gateId }) => {
      const champion = await findVersion(ctx, options.model, 'champion');
      const latest = await findVersion(ctx, options.model, 'latest');
      const isMine = latest?.lineage.pipelineRun === ctx.pipelineRun && latest.lineage.step === ctx.step;
      const alias = options.alias ?? (champion === undefined ? 'champion' : 'challenger');
      if (latest !== undefined && isMine) return { version: latest.number, alias: latest.aliases[0] ?? alias };
      const created = await create(ctx, { name: options.model, model, gateId, alias });
      ctx.log(`registered ${options.model} version ${created.number} as ${alias}`);
      return { version: created.number, alias };
    },
  });
}

async function create(
  ctx: StepContext,
  given: { readonly name: string; readonly model: Artifact<'model'>; readonly gateId: string; readonly alias: string },
): Promise<ModelVersion> {
  const said = SaidOfModel.parse(given.model.meta);
  const lineage = {
    pipelineRun: ctx.pipelineRun,
    step: ctx.step,
    codeDigest: ctx.codeDigest,
    ...(ctx.commit === undefined ? {} : { commit: ctx.commit }),
    ...(said.trainingSetDigest === undefined ? {} : { trainingSetDigest: said.trainingSetDigest }),
    ...(said.datasets === undefined ? {} : { datasetVersions: said.datasets }),
    ...(said.featureService === undefined ? {} : { featureService: said.featureService }),
  };
  return ctx.client.models.createVersion({
    params: { model: given.name },
    body: {
      runId: await ctx.run.id(),
      digest: given.model.digest,
      flavor: 'onnx',
      gateId: given.gateId,
      lineage,
      ...(said.table === undefined ? {} : { signature: tableSignature(said.table) }),
      tags: {
        [featuresTag]: JSON.stringify(said.features),
        ...tableTags(said),
        ...(said.trainedUntil === undefined ? {} : { [trainedUntilTag]: said.trainedUntil }),
      },
      aliases: [given.alias],
    },
  });
}

function tableTags({ table, split }: SaidOfModel): Record<string, string> {
  if (table === undefined) return {};
  const { task, target, classes } = table;
  return { [tableTag]: JSON.stringify({ task, target, classes, ...(split === undefined ? {} : { split }) }) };
}
