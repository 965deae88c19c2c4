/** What a training of a table came to, for people: an evaluation in Markdown, and a step that ends a run with it. */
import { Estimate, Gate } from '@slipway/contract';
import { z } from 'zod';
import type { ArtifactPort, ParameterPort } from '../ports.ts';
import { artifact, parameter } from '../ports.ts';
import type { StepDefinition } from '../step.ts';
import { step } from '../step.ts';
import { tableTasks } from './table-meta.ts';

const Figures = z.record(z.string(), Estimate);
const Slice = z.object({ column: z.string(), rows: z.int(), loss: z.number(), rest: z.number(), p: z.number() });

/** `evaluation.json`: what `evaluateTable` found. */
export const Evaluation = z.object({
  task: z.enum(tableTasks),
  target: z.string(),
  rows: z.object({ train: z.int(), holdout: z.int() }),
  metrics: Figures,
  /** Simpler models on the same rows. */
  baselines: z.record(z.string(), Figures),
  /** Candidate minus champion on rows that neither has learnt from. */
  paired: z.object({ champion: z.int(), rows: z.int(), differences: Figures }).optional(),
  confusion: z
    .object({
      classes: z.array(z.union([z.string(), z.number()])),
      /** [true class][answered class] */
      counts: z.array(z.array(z.int())),
      /** Two classes: probabilities of the second at or above it are answered so. */
      threshold: z.number().optional(),
      /** Mean cost of a row there. It was chosen on these rows, so other rows will cost a little more. */
      cost: z.number().optional(),
    })
    .optional(),
  /** Of a model of quantiles: how often the truth lay between its lowest and its highest level, and how far those are apart. */
  interval: z
    .object({ levels: z.tuple([z.number(), z.number()]), coverage: z.number(), meanWidth: z.number() })
    .optional(),
  calibration: z.array(z.object({ predicted: z.number(), observed: z.number(), n: z.int() })).optional(),
  slices: z.array(
    z.union([
      Slice.extend({ value: z.string() }),
      Slice.extend({ low: z.number().optional(), high: z.number().optional() }),
    ]),
  ),
  /** The columns that the model goes by, the first the most. */
  importance: z.array(z.object({ feature: z.string(), gain: z.number() })),
  /** Of all columns, the ones that are not listed too. */
  gainTotal: z.number().optional(),
});
export type Evaluation = z.infer<typeof Evaluation>;

const number = (value: number): string => (Number.isFinite(value) ? String(Number(value.toPrecision(4))) : '-');

export function figureText({ value, low, high }: Estimate): string {
  return low === undefined || high === undefined
    ? number(value)
    : `${number(value)} (${number(low)} to ${number(high)})`;
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string[] => [
  `| ${head.join(' | ')} |`,
  `|${head.map(() => ' --- |').join('')}`,
  ...rows.map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`),
];

export function evaluationMarkdown(evaluation: Evaluation): string {
  const { task, target, rows, metrics, baselines, paired } = evaluation;
  const names = Object.keys(metrics);
  const others = Object.keys(baselines);
  const figure = (of: Record<string, Estimate> | undefined, name: string): string => {
    const found = of?.[name];
    return found === undefined ? '-' : figureText(found);
  };
  const head = [
    'figure',
    'candidate',
    ...others,
    ...(paired === undefined ? [] : [`minus champion v${paired.champion}`]),
  ];
  const lines = names.map((name) => [
    name,
    figure(metrics, name),
    ...others.map((other) => figure(baselines[other], name)),
    ...(paired === undefined ? [] : [figure(paired.differences, name)]),
  ]);
  return [
    `# ${target} (${task})`,
    '',
    `Learnt from ${rows.train} rows, judged on ${rows.holdout} others. In brackets 95 % intervals.`,
    '',
    ...table(head, lines),
    ...intervalLines(evaluation.interval),
    ...confusionLines(evaluation.confusion),
    ...sliceLines(evaluation.slices),
    ...importanceLines(evaluation),
    '',
  ].join('\n');
}

function intervalLines(interval: Evaluation['interval']): string[] {
  if (interval === undefined) return [];
  const { levels, coverage, meanWidth } = interval;
  const share = (of: number): string => `${number(of * 100)} %`;
  return [
    '',
    `Intervals from ${levels[0]} to ${levels[1]} hold ${share(coverage)} of the rows held out, where ${share(levels[1] - levels[0])} is meant; they are ${number(meanWidth)} wide on average.`,
  ];
}

function confusionLines(confusion: Evaluation['confusion']): string[] {
  if (confusion === undefined) return [];
  const { classes, counts, threshold, cost } = confusion;
  const names = classes.map(String);
  const at =
    threshold === undefined
      ? 'the most probable class'
      : `"${names[1] ?? ''}" from a probability of ${number(threshold)}`;
  const costs = cost === undefined ? '' : `, where a row cost ${number(cost)} (least, chosen on these rows)`;
  return [
    '',
    `Answered: ${at}${costs}.`,
    '',
    ...table(
      ['true', ...names],
      counts.map((row, i) => [names[i] ?? '', ...row.map(String)]),
    ),
  ];
}

export function sliceText(slice: Evaluation['slices'][number]): string {
  if ('value' in slice) return `${slice.column} is ${slice.value === '' ? 'missing' : slice.value}`;
  const { column, low, high } = slice;
  if (low === undefined && high === undefined) return `${column} is missing`;
  if (low === undefined) return `${column} below ${number(high ?? NaN)}`;
  return high === undefined ? `${column} from ${number(low)}` : `${column} from ${number(low)} to ${number(high)}`;
}

function sliceLines(slices: Evaluation['slices']): string[] {
  if (slices.length === 0) return ['', 'No slice of a single column is worse than the rest by more than chance.'];
  const rows = slices.map((slice) => [
    sliceText(slice),
    String(slice.rows),
    number(slice.loss),
    number(slice.rest),
    number(slice.p),
  ]);
  return [
    '',
    'Where it is worse than elsewhere:',
    '',
    ...table(['slice', 'rows', 'loss', 'loss elsewhere', 'p'], rows),
  ];
}

/** Each column's part of what the trees gain, as `age 42 %`; at most `shown` of them, then what is left for the others. */
export function gainShares({ importance, gainTotal }: Evaluation, shown: number): string[] {
  const listed = importance.reduce((sum, { gain }) => sum + gain, 0);
  const total = Math.max(listed, gainTotal ?? 0);
  if (total === 0) return [];
  const named = importance.slice(0, shown).map(({ feature, gain }) => ({ feature, share: (100 * gain) / total }));
  const others = Math.round(100 - named.reduce((sum, { share }) => sum + share, 0));
  const shares = named.map(({ feature, share }) => `${feature} ${Math.round(share)} %`);
  return others > 0 ? [...shares, `others ${others} %`] : shares;
}

function importanceLines(evaluation: Evaluation): string[] {
  const shares = gainShares(evaluation, evaluation.importance.length);
  return shares.length === 0 ? [] : ['', `It goes by ${shares.join(', ')}.`];
}

type TableReportStep = StepDefinition<
  {
    readonly evaluation: ArtifactPort<'report'>;
    readonly gate: ArtifactPort<'report'>;
    readonly version: ParameterPort<number, number>;
  },
  { readonly report: ArtifactPort<'report'> }
>;

/**
 * Ends a run with what it came to, in Markdown: kept as `report.md` of the step's run, and as its output.
 *
 * @example
 * run(tableReport({ model: 'churn' }), { evaluation: judged.report, gate: passed.report, version: registered.version });
 */
export function tableReport(options: { readonly id?: string; readonly model: string }): TableReportStep {
  return step({
    id: options.id ?? 'table-report',
    code: `slipway:table-report:${options.model}`,
    inputs: { evaluation: artifact.report(), gate: artifact.report(), version: parameter(z.int()) },
    outputs: { report: artifact.report() },
    run: async (ctx, { evaluation, gate, version }) => {
      const [found, judged] = [Evaluation.parse(ctx.readJson(evaluation)), Gate.parse(ctx.readJson(gate))];
      const checks = judged.checks.map(({ passed, sentence }) => `- ${passed ? 'passed' : 'FAILED'}: ${sentence}`);
      const said = [`Registered as ${options.model} version ${version}. Its gate:`, '', ...checks, ''].join('\n');
      const content = `${evaluationMarkdown(found)}\n${said}`;
      ctx.log(`${found.target}, judged on ${found.rows.holdout} rows, is version ${version} of ${options.model}`);
      await ctx.run.logArtifact('report.md', content);
      return { report: await ctx.writeArtifact('report.md', 'report', { content, meta: { version } }) };
    },
  });
}
