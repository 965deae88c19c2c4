/** What a table asks for: classes or numbers, with the rows that have a target and how much they count. */
import type { TargetMeans } from './fit-encodings.ts';
import { meansMax } from './fit-encodings.ts';
import type { ClassLabel, TrainingTable } from './table.ts';

export type TableTask = 'binary' | 'multiclass' | 'regression' | 'quantile';

export interface Target {
  readonly task: TableTask;
  /** In label order; for two classes the second is the positive one. None for numbers. */
  readonly classLabels: readonly ClassLabel[];
  /** Per row of the table: the class or the number; NaN where the row has no target. */
  readonly labels: Float64Array;
  /** Per row of the table. */
  readonly weights: Float64Array;
  /** Rows with a target, ascending. */
  readonly rows: Uint32Array;
}

export interface TargetSettings {
  /** 'classes' is binary or multiclass, by the number of classes that the target has. */
  readonly task: TableTask | 'classes';
  /** Two classes only: the one whose probability is the second. Default: the later one in order. */
  readonly positive?: ClassLabel | undefined;
}

const classesMax = 1000;

type RawTarget = TrainingTable['target'][number] | undefined;

/** Booleans are the integers 0 and 1. */
function plain(value: RawTarget): ClassLabel | undefined {
  if (value === null || value === undefined || value === '') return undefined;
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'number' && Number.isNaN(value) ? undefined : value;
}

/** Throws RangeError where the target cannot be learnt. */
export function readTarget(table: TrainingTable, settings: TargetSettings): Target {
  const count = table.target.length;
  const weights = new Float64Array(count).fill(1);
  for (let row = 0; row < count && table.weights !== undefined; row++) weights[row] = table.weights[row] ?? Number.NaN;
  const { task } = settings;
  if (task === 'regression' || task === 'quantile') return { ...readNumbers(table), task, classLabels: [], weights };
  return { ...readClasses(table, settings), weights };
}

function presentRows(table: TrainingTable, labels: Float64Array): Uint32Array {
  const asked = table.rows === undefined ? Uint32Array.from(labels.keys()) : Uint32Array.from(table.rows).sort();
  const rows = asked.filter((row) => !Number.isNaN(labels[row] ?? Number.NaN));
  if (rows.length < 2) {
    throw new RangeError(`The target has ${rows.length} rows that are not missing: at least 2 are needed.`);
  }
  return rows;
}

function readNumbers(table: TrainingTable): Pick<Target, 'labels' | 'rows'> {
  const labels = new Float64Array(table.target.length);
  for (let row = 0; row < labels.length; row++) {
    const value = plain(table.target[row]);
    if (typeof value === 'string') {
      throw new RangeError(`The target of row ${row} is "${value}": a number must be predicted from numbers.`);
    }
    labels[row] = value ?? Number.NaN;
  }
  const rows = presentRows(table, labels);
  const first = labels[rows[0] ?? 0];
  if (rows.every((row) => labels[row] === first)) {
    throw new RangeError(`Every target is ${first}: there is nothing to learn.`);
  }
  return { labels, rows };
}

function readClasses(
  table: TrainingTable,
  { task, positive }: TargetSettings,
): Pick<Target, 'task' | 'labels' | 'rows' | 'classLabels'> {
  const classLabels = orderLabels(distinctClasses(table), positive);
  if (classLabels.length < 2) {
    const only = classLabels.map((label) => `"${label}"`).join('') || 'missing';
    throw new RangeError(`Every target is ${only}: at least two classes are needed to learn to tell them apart.`);
  }
  if (task === 'binary' && classLabels.length !== 2) {
    throw new RangeError(`The target has ${classLabels.length} classes, but the task binary wants 2.`);
  }
  const labels = codesOf(table.target, classLabels);
  return {
    task: classLabels.length === 2 ? 'binary' : 'multiclass',
    classLabels,
    labels,
    rows: presentRows(table, labels),
  };
}

function distinctClasses({ target, rows }: TrainingTable): ReadonlySet<ClassLabel> {
  const distinct = new Set<ClassLabel>();
  const count = rows?.length ?? target.length;
  for (let place = 0; place < count; place++) {
    const value = plain(target[rows?.[place] ?? place]);
    if (value !== undefined) distinct.add(value);
    if (distinct.size > classesMax) {
      throw new RangeError(`The target has more than ${classesMax} classes: predict it as a number, or join classes.`);
    }
  }
  return distinct;
}

/** The place of every target's class; NaN where it has none. */
function codesOf(target: TrainingTable['target'], classLabels: readonly ClassLabel[]): Float64Array {
  const codes = new Map(classLabels.map((label, code) => [label, code]));
  const labels = new Float64Array(target.length);
  for (let row = 0; row < labels.length; row++) {
    const value = plain(target[row]);
    labels[row] = (value === undefined ? undefined : codes.get(textOrInteger(value, classLabels))) ?? Number.NaN;
  }
  return labels;
}

/** All labels are integers, or all are texts: a mixture becomes texts. */
function orderLabels(distinct: ReadonlySet<ClassLabel>, positive: ClassLabel | undefined): readonly ClassLabel[] {
  const all = [...distinct];
  const areIntegers = all.every((label) => Number.isSafeInteger(label));
  const labels = areIntegers
    ? all.sort((a, b) => Number(a) - Number(b))
    : [...new Set(all.map(String))].sort((a, b) => (a < b ? -1 : 1));
  if (positive === undefined) return labels;
  const wanted = typeof positive === 'number' && !areIntegers ? String(positive) : positive;
  if (labels.length !== 2 || !labels.includes(wanted)) {
    throw new RangeError(
      `positive is "${positive}": it must be one of two classes, but those are ${labels.join(', ')}.`,
    );
  }
  return [...labels.filter((label) => label !== wanted), wanted];
}

function textOrInteger(value: ClassLabel, labels: readonly ClassLabel[]): ClassLabel {
  return typeof labels[0] === 'string' ? String(value) : value;
}

/** What the categories' means are taken of. More classes than ten have none. */
export function targetMeans({ task, labels, weights, classLabels }: Target): TargetMeans {
  if (task !== 'multiclass') return { values: [Float32Array.from(labels)], weights, names: ['mean'] };
  if (classLabels.length > meansMax) return { values: [], weights, names: [] };
  const values = classLabels.map((_, code) => Float32Array.from(labels, (label) => (label === code ? 1 : 0)));
  return { values, weights, names: classLabels.map((label) => `of ${label}`) };
}
