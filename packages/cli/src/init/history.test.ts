/** Which features of earlier rows a table gets, and why it gets none. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CommandFailure } from '../failure.ts';
import { lengthMs } from '../arguments.ts';
import type { Findings } from './findings.ts';
import { candidatesOf, chosenOf, windowsOf } from './history-plan.ts';
import type { HistoryPlan } from './history-plan.ts';
import { definitionText, lengthText } from './history-text.ts';
import type { HistoryRequest } from './history.ts';
import { findHistory, withHistory } from './history.ts';
import type { Answers } from './inspect-table.ts';
import { inspectTable } from './inspect-table.ts';
import { loadTable } from './load-table.ts';
import { projectFiles } from './project-files.ts';
import { takesProposals } from './questions.ts';
import { openScratch } from './scratch.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-history-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Deterministic, from 0 to 1. */
function randoms(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

/** Visits to machines: how hot one runs is its own habit, and only hotter than that it fails. */
function visits({
  rows,
  machines,
  isHabit,
}: {
  readonly rows: number;
  readonly machines: number;
  readonly isHabit: boolean;
}): string {
  const random = randoms(17);
  const usual = Array.from({ length: machines }, () => 20 + 60 * random());
  const lines = ['visit;seen at;Machine No;heat;load;failed'];
  for (let i = 0; i < rows; i++) {
    const machine = Math.floor(random() * machines);
    const heat = (usual[machine] ?? 0) + 20 * (random() - 0.5);
    const excess = isHabit ? heat - (usual[machine] ?? 0) : 10 * (random() - 0.5);
    const failed = random() < 1 / (1 + Math.exp(1.5 - 0.6 * excess)) ? 'yes' : 'no';
    const at = new Date(Date.UTC(2025, 0, 1) + Math.floor((i * 120 * dayMs) / rows)).toISOString().slice(0, 19);
    lines.push([`v${i}`, at, 100 + machine, heat.toFixed(2), (10 * random()).toFixed(2), failed].join(';'));
  }
  return lines.join('\n');
}

async function look(
  name: string,
  text: string,
  {
    answers = {},
    ...asked
  }: { readonly answers?: Answers } & Partial<Pick<HistoryRequest, 'wanted' | 'outcomeAfterMs'>> = {},
): Promise<Findings> {
  const from = join(folder, name);
  writeFileSync(from, text);
  await using scratch = await openScratch();
  const table = await loadTable(scratch, { from });
  const findings = await inspectTable({ scratch, table, project: 'p', answers, asker: takesProposals });
  const request = { wanted: 'where they help', outcomeAfterMs: undefined, ...asked } as const;
  return withHistory(findings, await findHistory({ scratch, parquet: table.parquet, findings, ...request }));
}

const answers = { target: 'failed', group: 'Machine No' };

test('windows fit how often rows of one entity come and how far the table reaches', () => {
  const cases: readonly [number, number, boolean, readonly string[]][] = [
    [hourMs, 30 * dayMs, false, ['3h', '12h']],
    [5 * dayMs, 365 * dayMs, false, ['30d', '90d']],
    [dayMs, 365 * dayMs, true, ['3d', '14d']],
    [40 * dayMs, 150 * dayMs, false, ['30d']],
    [dayMs, 5 * dayMs, true, []],
    [60_000, 90 * 60_000, false, []],
  ];
  for (const [gapMs, spanMs, isDay, expected] of cases)
    assert.deepEqual(windowsOf({ gapMs, spanMs, isDay }), expected, `${gapMs} in ${spanMs}`);
  for (const length of ['90s', '15m', '36h', '30d', '250ms']) assert.equal(lengthText(lengthMs(length)), length);
});

test('a machine with habits: features of its earlier rows, in a file that says what they are', async () => {
  const findings = await look('visits.csv', visits({ rows: 3000, machines: 60, isHabit: true }), { answers });
  const { history } = findings;
  assert(history?.plan !== undefined, history?.said);
  const [, known, alone] = /logLoss (\S+) with them, (\S+) without/.exec(history.said) ?? [];
  assert(Number(known) < Number(alone) - 0.03, history.said);
  const { features, entity, time } = history.plan;
  assert(features.length <= 8 && features.some(({ name }) => name.startsWith('heat_mean_')));
  assert.deepEqual(
    [entity, time],
    [
      { key: 'Machine_No', column: 'Machine No', type: 'int' },
      { column: 'seen at', isDay: false },
    ],
  );
  assert.match(findings.leftOut.find(({ column }) => column === 'Machine No')?.reason ?? '', /features\.yaml/);
  const files = new Map(
    projectFiles({ findings, rules: [], sample: '', dataPath: 'x', isPython: false, recipe: undefined }).map(
      ({ path, text }) => [path, text],
    ),
  );
  const text = files.get('features.yaml') ?? '';
  assert.match(text, /known_at: event_time \+ 1ms/);
  assert.match(text, /outcome of earlier rows is left out/);
  assert(text.split('\n').length < 60, 'short enough to be read');
  assert.match(
    files.get('slipway.yaml') ?? '',
    /features:\n {2}- \.\/features\.yaml\n[^]*features: \{ set: p, service: history \}/,
  );
  assert.match(files.get('pipeline.ts') ?? '', /features: \{ set: 'p', service: 'history', warmUpDays: \d+ \}/);
});

test('no features.yaml, and why', async () => {
  const habits = visits({ rows: 1500, machines: 40, isHabit: true });
  const cases: readonly [string, string, Parameters<typeof look>[2], RegExp][] = [
    [
      'helpless',
      visits({ rows: 1500, machines: 40, isHabit: false }),
      { answers },
      /do not surely help \(logLoss .* --features writes/,
    ],
    [
      'thin',
      visits({ rows: 300, machines: 290, isHabit: true }),
      { answers },
      /only \d+ % of rows have an earlier one of the same Machine No/,
    ],
    ['unasked', habits, { answers, wanted: 'never' }, /--no-features/],
    ['unique', habits, { answers: { target: 'failed', group: 'visit' } }, /only 0 % of rows/],
  ];
  for (const [name, text, asked, said] of cases) {
    const { history } = await look(`${name}.csv`, text, asked);
    assert.equal(history?.plan, undefined, name);
    assert.match(history?.said ?? '', said, name);
  }
  const alone = await look('alone.csv', habits, { answers: { target: 'failed', group: 'none' } });
  assert.equal(alone.history, undefined, '--group none: rows are on their own');
  await assert.rejects(
    look('untimed.csv', habits, { answers: { ...answers, time: 'none' }, wanted: 'always' }),
    (error) => error instanceof CommandFailure && /--features: rows have no date/.test(error.message),
  );
});

test('asked for, features are written though they do not help; outcomes count from when they are known', async () => {
  const text = visits({ rows: 1500, machines: 40, isHabit: false });
  const { history } = await look('forced.csv', text, { answers, wanted: 'always', outcomeAfterMs: 2 * dayMs });
  assert(history?.plan !== undefined);
  assert.match(history.said, /because --features says so/);
  const plan: HistoryPlan = { ...history.plan, features: candidatesOf(history.plan) };
  const file = definitionText(plan);
  assert.match(
    file,
    /outcomes: # what came of each row, known 2d after it[^]*known_at: event_time \+ 2d[^]*failed: 'bool = failed = ''yes'''/,
  );
  assert.match(file, /failed_rate_\d+d: rate\(failed\) over \d+d/);
  assert.doesNotMatch(file, /is left out/);
  // What brought the most is kept, in the order of the file; what brought next to nothing is not.
  const gain = new Map(plan.features.map(({ name }, i) => [name, i === 2 ? 0.4 : i === 0 ? 0.1 : 0.001]));
  assert.deepEqual(chosenOf(plan.features, gain), [plan.features[0], plan.features[2]]);
});
