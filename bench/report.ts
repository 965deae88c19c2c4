/** Tables of medians and ratios, as Markdown. */
import type { BenchEntry, BenchResult, BenchTable, Goal, Subject } from './entry.ts';

export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

export function mean(samples: readonly number[]): number {
  return samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
}

/** Of the mean. */
export function standardError(samples: readonly number[]): number {
  const middle = mean(samples);
  const squares = samples.reduce((sum, sample) => sum + (sample - middle) ** 2, 0);
  return Math.sqrt(squares / (samples.length - 1) / samples.length);
}

const figureOf = (table: BenchTable, { samples }: Subject): number =>
  table.of === 'mean' ? mean(samples) : median(samples);

/** Three significant digits, no exponent, thousands kept whole. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (value === 0 || Math.abs(value) >= 100) return String(Math.round(value));
  return Number(value.toPrecision(3)).toString();
}

/** Close to a peer's figure a thousandth tells who is ahead. */
const formatRatio = (ratio: number): string => (Math.abs(ratio - 1) < 0.1 ? ratio.toFixed(3) : formatNumber(ratio));

export interface JudgedGoal {
  readonly text: string;
  readonly isMet: boolean;
  /** Not met, but by less than two standard errors: more refits might say otherwise. */
  readonly isOpen?: boolean;
}

/** Standard errors within which a figure and its bound are not told apart. */
const errorsMax = 2;

/** Of means over the same refits: how far ours is beyond the bound on the peer's, refit by refit. */
function isWithinNoise(ours: Subject, peer: Subject, bound: number): boolean {
  const beyond = ours.samples.map((sample, refit) => sample - bound * (peer.samples[refit] ?? Number.NaN));
  return Math.abs(mean(beyond)) <= errorsMax * standardError(beyond);
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
    goal.of === 'p95' ? quantile(subject.samples, 0.95) : figureOf(table, subject);
  const bound = goal.atMost ?? goal.atLeast ?? Number.NaN;
  const fits = (value: number): boolean => (goal.atMost === undefined ? value >= bound : value <= bound);
  const word = `asked ${goal.atMost === undefined ? 'at least' : 'at most'} ${formatNumber(bound)}`;
  const noun = goal.of === 'p95' ? '95th percentile' : (table.of ?? 'median');
  if (goal.isEach === true) {
    const values = table.subjects.map(figure);
    const missed = values.filter((value) => !fits(value)).length;
    const worst = goal.atMost === undefined ? Math.min(...values) : Math.max(...values);
    const text = `${noun} of each, the worst ${formatNumber(worst)}, ${missed === 0 ? '' : `${missed} beyond it, `}${word}`;
    return { text, isMet: missed === 0 };
  }
  const value = figure(ours) / (peer === undefined ? 1 : figure(peer));
  const what = peer === undefined ? noun : `ratio to ${peer.name}`;
  const isMet = fits(value);
  const said = `${what} ${peer === undefined ? formatNumber(value) : formatRatio(value)}`;
  if (table.of !== 'mean' || peer === undefined) return { text: `${said}, ${word}`, isMet };
  const apart = ours.samples.map((sample, refit) => sample - (peer.samples[refit] ?? Number.NaN));
  const difference = `difference of the means ${formatNumber(mean(apart))} ± ${formatNumber(standardError(apart))}`;
  const isOpen = !isMet && isWithinNoise(ours, peer, bound);
  return { text: `${said}, ${difference}, ${word}`, isMet, isOpen };
}

function verdictOf({ isMet, isOpen }: JudgedGoal): string {
  if (isMet) return 'Met';
  return isOpen === true ? 'Not told apart, by two standard errors' : '**Not met**';
}

function subjectRow(table: BenchTable, subject: Subject): string {
  const [ours] = table.subjects;
  const middle = figureOf(table, subject);
  const error = table.of === 'mean' ? ` ± ${formatNumber(standardError(subject.samples))}` : '';
  const spread = `${formatNumber(Math.min(...subject.samples))} to ${formatNumber(Math.max(...subject.samples))}`;
  const ratio = ours === undefined || ours === subject ? '' : formatRatio(figureOf(table, ours) / middle);
  return `| ${subject.name} | ${formatNumber(middle)}${error} | ${spread} | ${subject.samples.length} | ${ratio} |`;
}

function tableText(table: BenchTable): string[] {
  const goals = table.goals.flatMap((goal) => judgeGoal(table, goal) ?? []);
  return [
    `**${table.title}**, ${table.unit}`,
    '',
    `| subject | ${table.of === 'mean' ? 'mean ± standard error' : 'median'} | range | samples | Slipway / it |`,
    '|---|---|---|---|---|',
    ...table.subjects.map((subject) => subjectRow(table, subject)),
    '',
    ...goals.map((goal) => `- ${verdictOf(goal)}: ${goal.text}.`),
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
