/** Tables of medians and ratios, as Markdown. */
import type { BenchEntry, BenchResult, BenchTable, Goal, Subject } from './entry.ts';

export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** Three significant digits, no exponent, thousands kept whole. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (value === 0 || Math.abs(value) >= 100) return String(Math.round(value));
  return Number(value.toPrecision(3)).toString();
}

export interface JudgedGoal {
  readonly text: string;
  readonly isMet: boolean;
}

/** The value below which that share of the samples lies. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

export function judgeGoal(table: BenchTable, goal: Goal): JudgedGoal | undefined {
  const [ours, ...peers] = table.subjects;
  const peer = peers.find((subject) => subject.name === goal.against);
  if (ours === undefined || (goal.against !== undefined && peer === undefined)) return undefined;
  const figure = (subject: Subject): number =>
    goal.of === 'p95' ? quantile(subject.samples, 0.95) : median(subject.samples);
  const bound = goal.atMost ?? goal.atLeast ?? Number.NaN;
  const fits = (value: number): boolean => (goal.atMost === undefined ? value >= bound : value <= bound);
  const word = `asked ${goal.atMost === undefined ? 'at least' : 'at most'} ${formatNumber(bound)}`;
  const noun = goal.of === 'p95' ? '95th percentile' : 'median';
  if (goal.isEach === true) {
    const values = table.subjects.map(figure);
    const missed = values.filter((value) => !fits(value)).length;
    const worst = goal.atMost === undefined ? Math.min(...values) : Math.max(...values);
    const text = `${noun} of each, the worst ${formatNumber(worst)}, ${missed === 0 ? '' : `${missed} beyond it, `}${word}`;
    return { text, isMet: missed === 0 };
  }
  const value = figure(ours) / (peer === undefined ? 1 : figure(peer));
  const what = peer === undefined ? noun : `ratio to ${peer.name}`;
  return { text: `${what} ${formatNumber(value)}, ${word}`, isMet: fits(value) };
}

function subjectRow(subject: Subject, ours: Subject | undefined): string {
  const middle = median(subject.samples);
  const spread = `${formatNumber(Math.min(...subject.samples))} to ${formatNumber(Math.max(...subject.samples))}`;
  const ratio = ours === undefined || ours === subject ? '' : formatNumber(median(ours.samples) / middle);
  return `| ${subject.name} | ${formatNumber(middle)} | ${spread} | ${subject.samples.length} | ${ratio} |`;
}

function tableText(table: BenchTable): string[] {
  const [ours] = table.subjects;
  const goals = table.goals.flatMap((goal) => judgeGoal(table, goal) ?? []);
  return [
    `**${table.title}**, ${table.unit}`,
    '',
    '| subject | median | range | samples | Slipway / it |',
    '|---|---|---|---|---|',
    ...table.subjects.map((subject) => subjectRow(subject, ours)),
    '',
    ...goals.map(({ text, isMet }) => `- ${isMet ? 'Met' : '**Not met**'}: ${text}.`),
    ...(goals.length > 0 ? [''] : []),
  ];
}

/** One section of the report. */
export function entryText(entry: BenchEntry, result: BenchResult): string {
  return [
    `## ${entry.name}`,
    '',
    entry.question,
    '',
    ...result.tables.flatMap(tableText),
    ...result.notRun.map(({ peer, reason }) => `- Not run: ${peer}: ${firstLine(reason)}`),
    ...result.notes.map((note) => `- ${note}`),
    '',
  ].join('\n');
}

/** A report keeps the sections of entries that this run left out. */
export function mergeSections(
  existing: string,
  sections: ReadonlyMap<string, string>,
  order: readonly string[],
): string {
  const kept = new Map<string, string>();
  for (const section of existing.split(/^(?=## )/m)) {
    const name = /^## (\S+)/.exec(section)?.[1];
    if (name !== undefined) kept.set(name, section.trimEnd() + '\n');
  }
  for (const [name, text] of sections) kept.set(name, text.trimEnd() + '\n');
  return order.flatMap((name) => kept.get(name) ?? []).join('\n');
}

const reasonMax = 160;

/** A peer's own output may be long, and names paths of the machine that it ran on. */
const firstLine = (text: string): string =>
  (text.split('\n', 1)[0] ?? '').replaceAll(/(?:\/[\w.@+-]+){2,}/g, '…').slice(0, reasonMax);
