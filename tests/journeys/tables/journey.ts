/**
 * The way of one table from a file to a watched endpoint and away again, as a person goes it: the `slipway` command in a
 * folder of its own, nobody to answer questions. What the person would see is asserted on the way.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { createAnalytics, sqlName, sqlText } from '@slipway/server/analytics';
import type { ModelVersion } from '@slipway/contract';
import type { Client } from 'slipway';
import { z } from 'zod';
import type { Answer, Slipway } from '../cli.ts';
import type { TableCase } from './tables.ts';

const limitMs = 400_000;
const filesMax = 12;

export interface Journey {
  readonly table: TableCase;
  readonly slipway: Slipway;
  readonly client: Client;
  /** Empty at first; the tables lie beside it. */
  readonly folder: string;
}

async function must({ slipway, folder, table }: Journey, args: readonly string[], cwd = ''): Promise<Answer> {
  const answer = await slipway(args, { cwd: cwd === '' ? join(folder, table.project) : cwd, limitMs });
  assert.equal(answer.code, 0, `${args.join(' ')}: ${answer.err}`);
  return answer;
}

const Reasons = z.array(z.object({ column: z.string(), reason: z.string() }));
const Made = z.object({
  findings: z.object({
    dataset: z.string(),
    model: z.string(),
    rowCount: z.int(),
    target: z.string(),
    task: z.string(),
    positive: z.string().optional(),
    mended: z.array(z.string()),
    split: z.object({ by: z.string(), column: z.string().optional(), reason: z.string() }),
    leftOut: Reasons,
    suspected: Reasons,
    strong: Reasons,
  }),
  files: z.array(z.object({ path: z.string() })),
  commands: z.array(z.string()),
});
export type Made = z.infer<typeof Made>;

function sameReasons(found: z.infer<typeof Reasons>, wanted: Readonly<Record<string, RegExp>> = {}): void {
  assert.deepEqual(found.map(({ column }) => column).toSorted(), Object.keys(wanted).toSorted());
  for (const { column, reason } of found) assert.match(reason, wanted[column] ?? /$^/, column);
}

/** `init` in a folder where nothing of the project is, and what it says of the table. */
export async function makeProject(journey: Journey): Promise<Made> {
  const { table, folder } = journey;
  const made = Made.parse(
    JSON.parse((await must(journey, ['init', table.project, ...table.args, '--yes', '--json'], folder)).out),
  );
  const { findings } = made;
  assert.equal(findings.rowCount, table.rows);
  assert.equal(findings.task, table.task);
  assert.equal(findings.positive, table.positive);
  assert.deepEqual([findings.split.by, findings.split.column], [table.split.by, table.split.column]);
  assert.match(findings.split.reason, table.split.reason);
  assert.match(findings.mended.join('; '), table.mended ?? /^$/);
  sameReasons(findings.leftOut, table.leftOut);
  sameReasons(findings.suspected, table.suspected);
  sameReasons(findings.strong, table.strong);
  const written = made.files.filter(({ path }) => !path.startsWith('data/'));
  assert(written.length <= filesMax, `${written.length} files`);
  assert.deepEqual(readdirSync(folder), [table.project]);
  return made;
}

const commandOf = (line: string): string[] => line.split(' ').slice(1);

/** The commands that `init` printed, between a plan and an apply that have something and nothing to do. */
export async function train(journey: Journey, made: Made): Promise<Answer> {
  const lines = made.commands.filter((line) => !line.startsWith('cd '));
  const [add = '', apply = '', run = ''] = lines;
  assert.deepEqual(lines.slice(3), ['slipway deploy']);
  const plan = await must(journey, ['plan']);
  assert.match(plan.out, /7 to create/);
  await must(journey, commandOf(add));
  assert.match((await must(journey, commandOf(apply))).out, /7 resources changed, apply 1/);
  assert.match((await must(journey, ['apply'])).out, /nothing to do/);
  await must(journey, ['plan', '--check']);
  return must(journey, commandOf(run));
}

const Figure = z.looseObject({ value: z.number(), low: z.number().optional(), high: z.number().optional() });
const Evaluation = z.looseObject({
  target: z.string(),
  metrics: z.record(z.string(), Figure),
  baselines: z.record(z.string(), z.record(z.string(), Figure)),
  importance: z.array(z.object({ feature: z.string() })),
});
export type Evaluation = z.infer<typeof Evaluation>;

/** What the run measured, and that it is as good as such a table allows. */
export async function judge(journey: Journey, { findings }: Made): Promise<Evaluation> {
  const { table, client } = journey;
  const evaluation = Evaluation.parse(
    JSON.parse((await artifact(journey, findings, { step: 'evaluate-table', output: 'report' })).toString('utf8')),
  );
  const { metrics, baselines } = evaluation;
  const { metric, share } = table.beats;
  const loss = metrics[metric];
  const guessing = baselines['constant']?.[metric]?.value ?? 0;
  assert(loss !== undefined && loss.value <= guessing * share, `${metric} ${loss?.value} against ${guessing}`);
  assert(loss.low !== undefined && loss.high !== undefined && loss.low < loss.value && loss.value < loss.high);
  for (const [name, least] of Object.entries(table.atLeast))
    assert((metrics[name]?.value ?? -1) >= least, `${name} is ${metrics[name]?.value}`);
  const best = evaluation.importance[0]?.feature ?? '';
  assert(table.best.includes(best), `it goes by ${best}`);
  const version = await client.models.getVersion({ params: { model: findings.model, version: 'champion' } });
  assert(version.gate?.passed);
  const unseen = new Set([...findings.leftOut, ...findings.suspected].map(({ column }) => column));
  assert.deepEqual(
    inputNames(version).filter((name) => unseen.has(name)),
    [],
  );
  return evaluation;
}

const inputNames = ({ signature }: ModelVersion): string[] =>
  (signature?.inputs ?? []).map(({ name }) => z.string().parse(name));

async function artifact(
  { client }: Journey,
  { dataset }: Made['findings'],
  { step, output }: { readonly step: string; readonly output: string },
): Promise<Buffer> {
  const { items } = await client.pipelineRuns.list({ query: { limit: 1, pipeline: `train-${dataset}` } });
  const run = items[0]?.id ?? '';
  return buffer(await client.pipelineRuns.artifact({ params: { run, step, output } }));
}

type Row = Readonly<Record<string, unknown>>;

/** What the endpoint answered, row by row. */
export interface Served {
  readonly rows: readonly Row[];
  readonly predicted: Predicted;
}

/** The champion behind the endpoint, asked by the line that `deploy` prints, then about every row that the run held out. */
export async function serve(journey: Journey, made: Made): Promise<Served> {
  const { out } = await must(journey, ['deploy', '--json']);
  const { curl } = z.looseObject({ curl: z.string() }).parse(JSON.parse(out));
  // As pasted into a shell.
  const asked = await promisify(execFile)('sh', ['-c', curl]);
  const [answer] = Predictions.parse(JSON.parse(asked.stdout)).predictions;
  assert(answer !== undefined && Number.isFinite(answer.score), asked.stdout);
  const rows = await heldOutRows(journey, made);
  return { rows, predicted: await predictRows(journey, made, rows) };
}

/** The rows that the run held out, as a caller would send them. */
async function heldOutRows(journey: Journey, made: Made): Promise<readonly Row[]> {
  const { findings } = made;
  const path = join(journey.folder, 'held-out.parquet');
  await writeFile(path, await artifact(journey, findings, { step: 'split-table', output: 'holdout' }));
  await using analytics = createAnalytics({ memoryLimit: '256MB', threads: 1, tempFolder: journey.folder });
  const version = await journey.client.models.getVersion({
    params: { model: findings.model, version: 'champion' },
  });
  const names = [...inputNames(version), findings.target];
  // Not the promise: the engine would be gone before it answers.
  return await analytics.rows(`select ${names.map(sqlName).join(', ')} from read_parquet(${sqlText(path)})`);
}

const Predictions = z.object({
  predictions: z.array(
    z.looseObject({
      id: z.string(),
      score: z.number(),
      label: z.union([z.string(), z.number()]).optional(),
      probabilities: z.record(z.string(), z.number()).optional(),
    }),
  ),
});
type Predicted = z.infer<typeof Predictions>['predictions'];

const dayMs = 86_400_000;
/** A Monday, far enough back for its week to be judged. */
const weekFrom = Date.UTC(2026, 0, 5);

/** Every held-out row over HTTP, spread over a week. */
async function predictRows(journey: Journey, made: Made, rows: readonly Row[]): Promise<Predicted> {
  const { target, model } = made.findings;
  const instances = rows.map((row, i) => {
    const inputs = Object.fromEntries(Object.entries(row).filter(([name]) => name !== target));
    return { id: `row-${i}`, at: weekFrom + Math.floor((i * 7 * dayMs) / rows.length), inputs };
  });
  const file = join(journey.folder, 'instances.json');
  await writeFile(file, JSON.stringify(instances));
  const { out } = await must(journey, ['predict', model, '--file', file, '--json']);
  return Predictions.parse(JSON.parse(out)).predictions;
}

/** The loss of the answers that came over HTTP is the loss that the run measured. */
export function mustServeWhatWasJudged({ table }: Journey, evaluation: Evaluation, { rows, predicted }: Served): void {
  assert.equal(predicted.length, rows.length);
  const losses = predicted.map(({ score, probabilities }, i) => {
    const truth = rows[i]?.[evaluation.target];
    if (table.task === 'regression') return (score - Number(truth)) ** 2;
    const isPositive = table.positive === String(truth) || table.positive === (Number(truth) === 1 ? 'true' : 'false');
    const p = table.task === 'binary' ? (isPositive ? score : 1 - score) : (probabilities?.[String(truth)] ?? 0);
    return -Math.log(Math.max(p, 1e-15));
  });
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  const served = table.beats.metric === 'rmse' ? Math.sqrt(mean) : mean;
  const judged = evaluation.metrics[table.beats.metric]?.value ?? 0;
  assert(Math.abs(served - judged) <= judged * 1e-6, `served ${served}, judged ${judged}`);
}

/** Outcomes from a file; the monitor judges the week, and finds an ordinary one. */
export async function watch(journey: Journey, made: Made, { rows, predicted }: Served): Promise<void> {
  const { target, model } = made.findings;
  const file = join(journey.folder, 'outcomes.csv');
  const known = new Date(weekFrom + 8 * dayMs).toISOString();
  const isTruth = journey.table.positive === 'true';
  const lines = predicted.map((_, i) => {
    const truth = rows[i]?.[target];
    return `row-${i},${String(isTruth ? Number(truth) === 1 : truth)},${known}`;
  });
  writeFileSync(file, ['row,outcome,known', ...lines].join('\n'));
  const monitor = await monitorOf(journey, model);
  // Its window is complete, and what it waits for late labels.
  const watermark = new Date(weekFrom + (monitor.endsWith('-monthly') ? 40 : 9) * dayMs).toISOString();
  const columns = ['--id', 'row', '--label', 'outcome', '--at', 'known'];
  const { out } = await must(journey, ['labels', 'push', model, file, ...columns, '--watermark', watermark, '--json']);
  assert.equal(z.looseObject({ joined: z.int() }).parse(JSON.parse(out)).joined, predicted.length);
  // The watermark alone makes it judge; whoever asks for it too is told only of windows that were not judged yet.
  await must(journey, ['monitor', 'evaluate', monitor]);
  const window = await firstWindow(journey, monitor);
  assert.notEqual(window.verdict, 'alert', window.sentence);
}

const Monitors = z.looseObject({ items: z.array(z.looseObject({ name: z.string() })) });

async function monitorOf(journey: Journey, model: string): Promise<string> {
  const { out } = await must(journey, ['monitor', 'list', '--json']);
  const names = Monitors.parse(JSON.parse(out)).items.map(({ name }) => name);
  return (
    names.find((name) => name.startsWith(`${model}-`)) ?? assert.fail(`no monitor of ${model}: ${names.join(', ')}`)
  );
}

const Windows = z.looseObject({ items: z.array(z.looseObject({ verdict: z.string(), sentence: z.string() })) });

async function firstWindow(journey: Journey, monitor: string): Promise<z.infer<typeof Windows>['items'][number]> {
  for (;;) {
    const { out } = await must(journey, ['monitor', 'windows', monitor, '--json']);
    const [window] = Windows.parse(JSON.parse(out)).items;
    if (window !== undefined) return window;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const Simulated = z.object({
  monitors: z.array(z.object({ windows: z.array(z.looseObject({ verdict: z.string(), from: z.number() })) })),
  shiftFrom: z.number(),
});

/** The held-out rows again as traffic, the second half of it changed: no alert first, what was changed is noticed, and nothing stays. */
export async function simulate(journey: Journey, made: Made): Promise<void> {
  const { table, client } = journey;
  const { out } = await must(journey, ['simulate', '--shift', ...table.shift, '--json']);
  const { monitors, shiftFrom } = Simulated.parse(JSON.parse(out));
  const verdicts = (isShifted: boolean): string[] =>
    monitors.flatMap(({ windows }) =>
      windows.flatMap(({ from, verdict }) => (from >= shiftFrom === isShifted ? [verdict] : [])),
    );
  assert(verdicts(false).length > 0 && !verdicts(false).includes('alert'), verdicts(false).join());
  assert(verdicts(true).includes(table.noticed), verdicts(true).join());
  const { items } = await client.endpoints.list({ query: { limit: 1000 } });
  assert.deepEqual(
    items.filter(({ name, retiredAt }) => name.startsWith(`${made.findings.model}-`) && retiredAt === undefined),
    [],
  );
}

/** Everything taken along; then nothing of the project is left in use. */
export async function goAway(journey: Journey, made: Made): Promise<void> {
  const { folder, table, client } = journey;
  const { model } = made.findings;
  const taken = join(folder, 'taken');
  await must(journey, ['export', table.project, taken]);
  const project = join(folder, table.project);
  for (const name of ['slipway.yaml', 'pipeline.ts', 'expectations.yaml'])
    assert.equal(readFileSync(join(taken, 'project', name), 'utf8'), readFileSync(join(project, name), 'utf8'), name);
  assert(existsSync(join(taken, 'models', model, '1/files/model.onnx')));
  assert(existsSync(join(taken, 'models', model, '1/card.md')));
  await must(journey, ['destroy', table.project, '--yes']);
  assert.equal((await journey.slipway(['project', 'show', table.project], { cwd: folder })).code, 3);
  const { items } = await client.pipelines.list({ query: { limit: 1000 } });
  assert.deepEqual(
    items.filter((pipeline) => pipeline.project === table.project),
    [],
  );
  const endpoint = await client.endpoints.get({ params: { endpoint: model } });
  assert(endpoint.retiredAt !== undefined);
  const refused = await journey.slipway(['predict', model, '--input', 'x=1'], { cwd: folder });
  assert.notEqual(refused.code, 0);
  assert.match((await must(journey, ['plan'])).out, /7 to create/);
}
