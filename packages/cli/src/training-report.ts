/**
 * What a training of a table came to, in a screenful: figures beside simpler models, calibration, mistakes at the chosen
 * threshold, what the model goes by, where it is worse, and the page that has it all. A pipeline without `evaluateTable` has none.
 */
import { json } from 'node:stream/consumers';
import type { PipelineRunDetail } from '@slipway/contract';
import { Gate } from '@slipway/contract';
import type { Client } from 'slipway';
import { Evaluation, figureText, gainShares, sliceText } from 'slipway';
import { z } from 'zod';
import { count, paint, table } from './output.ts';

const featuresShown = 6;
const classesShown = 12;
const calibrationShown = 6;
/** Rows of a bin from which on its observed share says something. */
const binRowsMin = 20;

/** Everything of a run that says what it came to. */
export interface TrainingReport {
  readonly evaluation: Evaluation;
  readonly gate: Gate | undefined;
  readonly registered: { readonly version: number; readonly alias: string } | undefined;
}

const Registered = z.object({ version: z.object({ value: z.int() }), alias: z.object({ value: z.string() }) });

/** What the steps of a run left that says what it came to, where one of them judged a table. */
export async function findReport(client: Client, run: PipelineRunDetail): Promise<TrainingReport | undefined> {
  const [found] = await reports(client, run, 'evaluation.json', Evaluation);
  if (found === undefined) return undefined;
  const [gate] = await reports(client, run, 'gate.json', Gate);
  const [made] = run.steps.flatMap(({ outputs }) => {
    const parsed = Registered.safeParse(outputs);
    return parsed.success ? [{ version: parsed.data.version.value, alias: parsed.data.alias.value }] : [];
  });
  return { evaluation: found, gate, registered: made };
}

async function reports<T>(client: Client, run: PipelineRunDetail, name: string, schema: z.ZodType<T>): Promise<T[]> {
  const found: T[] = [];
  for (const { step, outputs } of run.steps)
    for (const [output, made] of Object.entries(outputs)) {
      if (!('artifact' in made) || made.artifact.kind !== 'report' || made.artifact.name !== name) continue;
      const params = { run: run.id, step, output };
      const parsed = schema.safeParse(await json(await client.pipelineRuns.artifact({ params })));
      if (parsed.success) found.push(parsed.data);
    }
  return found;
}

export function drawReport({ evaluation, gate, registered }: TrainingReport, page: string): string {
  const { target, rows } = evaluation;
  const [learnt, judged] = [rows.train, rows.holdout].map((n) => n.toLocaleString('en-US'));
  return [
    `${paint('bold', target)}: learnt from ${learnt} rows, judged on ${judged} others; in brackets 95 % intervals`,
    '',
    figuresTable(evaluation),
    '',
    ...simplerLines(evaluation),
    ...calibrationLines(evaluation),
    ...confusionLines(evaluation),
    ...importanceLines(evaluation),
    ...sliceLines(evaluation),
    ...gateLines(gate),
    ...(registered === undefined || gate === undefined
      ? []
      : [line('registered', `${gate.model} version ${registered.version} as ${registered.alias}`)]),
    line('page', page),
  ].join('\n');
}

/** Where the console shows what a run made: the version that it registered, else the run. */
export function pageOf(url: string, run: string, report: TrainingReport | undefined): string {
  const version = report?.registered?.version;
  const place =
    report?.gate === undefined || version === undefined
      ? `pipeline-runs/${run}`
      : `models/${report.gate.model}/versions/${version}`;
  return `${url.replace(/\/$/, '')}/w/default/${place}`;
}

const number = (value: number): string => String(Number(value.toPrecision(3)));
const line = (head: string, text: string): string => `${paint('bold', head.padEnd(11))} ${text}`;

function figuresTable({ metrics, baselines, paired }: Evaluation): string {
  const others = Object.entries(baselines);
  const head = ['FIGURE', 'MODEL', ...others.map(([name]) => name.toUpperCase())];
  if (paired !== undefined) head.push(`MINUS CHAMPION ${paired.champion}`);
  const cells = Object.entries(metrics).map(([name, figure]) => {
    const besides = others.map(([, figures]) => figures[name]?.value).map((v) => (v === undefined ? '-' : number(v)));
    const difference = paired?.differences[name];
    const against = paired === undefined ? [] : [difference === undefined ? '-' : figureText(difference)];
    return [name, figureText(figure), ...besides, ...against];
  });
  return table(head, cells);
}

/** A simpler model that does better on the same rows is what somebody should hear of first. */
function simplerLines({ task, metrics, baselines }: Evaluation): string[] {
  const loss = task === 'regression' ? 'rmse' : 'logLoss';
  const own = metrics[loss]?.value ?? Number.NaN;
  return Object.entries(baselines).flatMap(([name, figures]) => {
    const other = figures[loss]?.value ?? Number.NaN;
    if (!(other < own)) return [];
    return [
      line('simpler', `the ${name} model does better on these rows: ${loss} ${number(other)} against ${number(own)}`),
    ];
  });
}

function calibrationLines({ calibration }: Evaluation): string[] {
  const bins = (calibration ?? []).filter(({ n }) => n >= binRowsMin);
  if (bins.length === 0) return [];
  const step = Math.max(1, Math.ceil(bins.length / calibrationShown));
  const shown = bins.filter((_, i) => i % step === 0 || i === bins.length - 1);
  const pairs = shown.map(({ predicted, observed }) => `${number(predicted)} → ${number(observed)}`);
  return [line('calibration', `predicted → observed: ${pairs.join(', ')}`)];
}

function confusionLines({ confusion }: Evaluation): string[] {
  if (confusion === undefined) return [];
  const { classes, counts, threshold, cost } = confusion;
  const names = classes.map(String);
  const rule =
    threshold === undefined
      ? 'the most probable class'
      : `"${names[1] ?? ''}" from a probability of ${number(threshold)}${cost === undefined ? '' : `, where a row costs ${number(cost)} (the least on these rows)`}`;
  if (names.length > classesShown) return [line('answered', `${rule}; ${names.length} classes, see the page`)];
  const cells = counts.map((row, i) => [names[i] ?? '', ...row.map(String)]);
  return [line('answered', rule), table(['TRUE', ...names], cells)];
}

function importanceLines(evaluation: Evaluation): string[] {
  const shares = gainShares(evaluation, featuresShown);
  return shares.length === 0 ? [] : [line('goes by', shares.join(', '))];
}

function sliceLines({ slices }: Evaluation): string[] {
  if (slices.length === 0) return [line('worse where', 'no slice of one column is, by more than chance')];
  return slices.map((slice, i) =>
    line(
      i === 0 ? 'worse where' : '',
      `${sliceText(slice)}: loss ${number(slice.loss)} on ${slice.rows} rows, ${number(slice.rest)} elsewhere`,
    ),
  );
}

function gateLines(gate: Gate | undefined): string[] {
  if (gate === undefined) return [];
  const failed = gate.checks.filter(({ passed }) => !passed);
  if (failed.length === 0) return [line('gate', `passed, ${count(gate.checks.length, 'check')}`)];
  return failed.map(({ sentence }, i) => line(i === 0 ? 'gate' : '', `${paint('red', 'failed')} ${sentence}`));
}
