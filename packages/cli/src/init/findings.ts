/** Everything that was found and decided about a table: what is printed, what files are made from. */
import { bytes, count, paint, table } from '../output.ts';
import type { LeftOut, Split, Task } from './decide.ts';
import type { ClassCount } from './facts.ts';
import type { History } from './history.ts';
import type { Suspicion } from './leakage.ts';

export interface ColumnFinding {
  readonly name: string;
  readonly type: string;
  readonly kind: 'number' | 'text' | 'boolean' | 'instant' | 'other';
  readonly missing: number;
  readonly distinct: number;
  readonly words: number;
  readonly role: 'target' | 'feature' | 'left-out' | 'suspected';
  readonly reason?: string;
}

export interface Findings {
  readonly project: string;
  readonly dataset: string;
  readonly model: string;
  /** As people name it; never with a password. */
  readonly source: string;
  readonly mended: readonly string[];
  readonly rowCount: number;
  readonly duplicateRows: number;
  readonly columns: readonly ColumnFinding[];
  readonly target: string;
  readonly rowsWithoutTarget: number;
  readonly task: Task;
  readonly taskReason: string;
  /** The most frequent first; none for numbers. */
  readonly classes: readonly ClassCount[];
  /** Binary: the class that probabilities speak of. */
  readonly positive?: string;
  readonly costs?: Costs;
  readonly split: Split;
  /** How often rows came; undefined where they have no dates. */
  readonly rowsPerWeek?: number;
  /** The column that names what several rows belong to; `none` where somebody said that none does. */
  readonly group?: string;
  /** What earlier rows of one entity are worth; undefined where there is nothing to say. */
  readonly history?: History;
  readonly leftOut: readonly LeftOut[];
  readonly suspected: readonly Suspicion[];
  /** Features that know much alone; nobody can tell from the table whether they are known in time. */
  readonly strong: readonly Suspicion[];
}

export interface Costs {
  readonly falsePositive: number;
  readonly falseNegative: number;
}

export const taskWords: Readonly<Record<Task, string>> = {
  binary: 'one of two classes',
  multiclass: 'one of several classes',
  regression: 'a number',
};

const listed = 8;
const classesShown = 6;

export const percent = (part: number, of: number): string => {
  const share = of === 0 ? 0 : (100 * part) / of;
  if (share > 0 && share < 0.1) return 'under 0.1 %';
  return `${share < 10 ? Number(share.toFixed(1)) : Math.round(share)} %`;
};

export const features = (findings: Findings): readonly ColumnFinding[] =>
  findings.columns.filter(({ role }) => role === 'feature');

/** Sentences about the table, each with its figures. */
export function sentences(findings: Findings): readonly (readonly [string, string])[] {
  const { rowCount, target, rowsWithoutTarget, duplicateRows, mended, split } = findings;
  const missing = features(findings).filter((column) => column.missing > 0);
  const worst = [...missing].sort((a, b) => b.missing - a.missing).slice(0, listed);
  return [
    ['table', `${findings.source}: ${count(rowCount, 'row')}, ${count(findings.columns.length, 'column')}`],
    ...mended.map((note): [string, string] => ['mended', note]),
    ['target', `${target} is ${taskWords[findings.task]}: ${findings.taskReason}`],
    ...classSentence(findings),
    ...(rowsWithoutTarget > 0
      ? [
          [
            '',
            `${count(rowsWithoutTarget, 'row')} without ${target} ${rowsWithoutTarget === 1 ? 'is' : 'are'} not used (${percent(rowsWithoutTarget, rowCount)})`,
          ] as const,
        ]
      : []),
    ['split', `${split.by === 'random' ? 'at random' : `by ${split.by}`}: ${split.reason}`],
    ['features', `${count(features(findings).length, 'column')}: ${some(features(findings).map(({ name }) => name))}`],
    ...(findings.history === undefined ? [] : [['history', findings.history.said] as const]),
    ...(worst.length > 0
      ? [
          [
            'missing',
            some(
              worst.map((c) => `${c.name} ${percent(c.missing, rowCount)}`),
              missing.length,
            ),
          ] as const,
        ]
      : []),
    ...(duplicateRows > 0
      ? [
          [
            'duplicates',
            `${count(duplicateRows, 'row')} (${percent(duplicateRows, rowCount)}) equal another row in every column`,
          ] as const,
        ]
      : []),
    ...findings.leftOut.map(({ column, reason }): [string, string] => ['left out', `${column}: ${reason}`]),
    ...findings.suspected.map(({ column, reason }): [string, string] => [
      'suspected',
      `${column} ${reason}; left out until somebody vouches for it`,
    ]),
    ...findings.strong.map(({ column, reason }): [string, string] => [
      'strong',
      `${column} ${reason}: if it is known only after the outcome, leave it out (--drop)`,
    ]),
    ...fewRows(findings),
  ];
}

function classSentence({ classes, positive, costs }: Findings): [string, string][] {
  const total = classes.reduce((sum, { count: n }) => sum + n, 0);
  if (classes.length === 0) return [];
  const shares = classes.slice(0, classesShown).map(({ label, count: n }) => `${label} ${percent(n, total)}`);
  const more = classes.length > classesShown ? ` and ${classes.length - classesShown} more` : '';
  const rarest = classes.at(-1);
  const isUneven = rarest !== undefined && rarest.count * 20 < total;
  const sentences: [string, string][] = [
    [
      'balance',
      `${shares.join(', ')}${more}${isUneven ? `; only ${count(rarest.count, 'row')} of ${rarest.label}` : ''}`,
    ],
  ];
  if (positive === undefined) return sentences;
  const cost =
    costs === undefined ? '' : `; a missed one costs ${costs.falseNegative}, a false alarm ${costs.falsePositive}`;
  return [...sentences, ['', `probabilities speak of ${positive}${cost}`]];
}

/** Rows below which the gate cannot ask for certainty. */
export const certainRowsMin = 500;

function fewRows(findings: Findings): [string, string][] {
  const used = findings.rowCount - findings.rowsWithoutTarget;
  if (used >= certainRowsMin) return [];
  return [
    [
      'few rows',
      `${count(used, 'row')} to learn from and to judge on: figures will be rough, and the gate judges values, not intervals`,
    ],
  ];
}

const some = (names: readonly string[], total: number = names.length): string =>
  names.slice(0, listed).join(', ') + (total > listed ? ` and ${total - listed} more` : '');

export interface Written {
  readonly folder: string;
  readonly files: readonly { readonly path: string; readonly sizeBytes: number }[];
  readonly commands: readonly string[];
}

export function findingsText(findings: Findings): string {
  return sentences(findings)
    .map(([head, text]) => `${paint('bold', head.padEnd(11))}${text}`)
    .join('\n');
}

export function writtenText({ folder, files, commands }: Written): string {
  const list = table(
    ['FILE', 'SIZE'],
    files.map(({ path, sizeBytes }) => [path, bytes(sizeBytes)]),
  );
  return `${paint('green', 'written')} ${folder}\n${list}\n\nNext:\n${commands.map((line) => `  ${line}`).join('\n')}`;
}
