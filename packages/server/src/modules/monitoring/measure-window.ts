/**
 * One window of an endpoint's log, measured: everything that takes a look at its rows, and nothing that depends on a monitor's
 * rules or on the window before. Some 2 KB a column remain of up to 20,000 rows, so that a window can be judged again under
 * other rules for nothing.
 * In slices: after each column the event loop gets its turn.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { measureColumn } from '../../lib/drift.ts';
import type { ColumnMeasure, ReferenceColumn } from '../../lib/drift.ts';
import { measureTextColumn } from '../../lib/drift-text.ts';
import type { TextMeasure, TextReference } from '../../lib/drift-text.ts';
import { measureQuality } from './judge-answers.ts';
import type { MeasuredQuality } from './judge-answers.ts';
import type { Labelled } from './judged-figures.ts';
import type { Answers, NumberColumn, TextColumn } from './ports.ts';

/** Predictions of one version in one window. Columns are [rows]. */
export interface WindowRows {
  /** Predictions of the window, whatever the version. */
  readonly total: number;
  readonly score: Float64Array;
  /** 0, 1, the place of a class, a number, or NaN where no label came. */
  readonly label: Float64Array;
  /** Local day of each prediction: rows of one day are not independent. */
  readonly day: Float64Array;
  readonly features: readonly NumberColumn[];
  readonly texts: readonly TextColumn[];
}

/** The name under which the scores stand among the reference's columns. */
export const scoreColumn = '(score)';

/** What training looked like; empty when the training data is not known. */
export interface Reference {
  readonly numbers: readonly ReferenceColumn[];
  readonly texts: readonly TextReference[];
}

export const isKnown = ({ numbers, texts }: Reference): boolean => numbers.length + texts.length > 0;

export interface MeasuredNumber {
  readonly kind: 'number';
  readonly reference: ReferenceColumn;
  readonly measure: ColumnMeasure;
}

export interface MeasuredText {
  readonly kind: 'text';
  readonly reference: TextReference;
  readonly measure: TextMeasure;
}

export interface MeasuredWindow {
  readonly total: number;
  /** Of these, and of them so many with a label. */
  readonly used: number;
  readonly labelled: number;
  /** Undefined without a label. */
  readonly quality: MeasuredQuality | undefined;
  readonly score: MeasuredNumber | undefined;
  /** In the order of the log. */
  readonly columns: readonly (MeasuredNumber | MeasuredText)[];
  /** Whether there is anything that a column could be measured against. */
  readonly isReferenceKnown: boolean;
  /** Training rows behind the reference. */
  readonly referenceRows: number;
}

export async function measureWindow(
  rows: WindowRows,
  { answers, reference }: { readonly answers: Answers; readonly reference: Reference },
): Promise<MeasuredWindow> {
  const labelled = labelledRows(rows);
  const { numbers, texts } = reference;
  const measured = ({ name, values }: NumberColumn): MeasuredNumber | undefined => {
    const found = numbers.find((column) => column.name === name);
    return found && { kind: 'number', reference: found, measure: measureColumn(found, values) };
  };
  const score = measured({ name: scoreColumn, values: rows.score });
  const columns: MeasuredWindow['columns'][number][] = [];
  for (const column of rows.features) {
    const found = measured(column);
    if (found === undefined) continue;
    columns.push(found);
    await nextTurn();
  }
  for (const { name, values } of rows.texts) {
    // The log has a place for every input of a model among its numbers: of a text nothing but missing ones.
    const found = texts.find((column) => column.name === name);
    if (found === undefined || numbers.some((column) => column.name === name)) continue;
    columns.push({ kind: 'text', reference: found, measure: measureTextColumn(found, values) });
    await nextTurn();
  }
  return {
    total: rows.total,
    used: rows.score.length,
    labelled: labelled.labels.length,
    quality: labelled.labels.length === 0 ? undefined : measureQuality(labelled, answers),
    score,
    columns,
    isReferenceKnown: isKnown(reference),
    referenceRows: Math.max(0, ...numbers.map((c) => c.count), ...texts.map((c) => c.count)),
  };
}

function labelledRows({ label, score, day }: WindowRows): Labelled {
  const found: Labelled = { rows: [], scores: [], labels: [], days: [] };
  label.forEach((value, i) => {
    if (Number.isNaN(value)) return;
    found.rows.push(i);
    found.scores.push(score[i] ?? NaN);
    found.labels.push(value);
    found.days.push(day[i] ?? 0);
  });
  return found;
}
