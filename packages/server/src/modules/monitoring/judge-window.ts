/**
 * A measured window judged under a monitor's rules: level (calibration gap), ranking (AUC) and loss of the labelled predictions,
 * drift of the scores and of every feature against the version's own training weeks. Pure; the rows were looked at before
 * (measure-window.ts).
 *
 * Only the level decides between ok, warning and alert, since it alone says that the predictions are wrong; drift says what
 * changed, and a drifted column (one that jumped further than training weeks do) makes a warning of an ok window where the
 * monitor wants that. What moved no further, or no faster, than ordinary weeks is called season.
 */
import type { ColumnDriftRow, DriftFigure, MonitorSpec, MonitorWindow } from '@slipway/contract';
import { pictureOf } from '../../lib/drift-bins.ts';
import { judgeColumn } from '../../lib/drift.ts';
import type { ColumnDrift, SharesDrift } from '../../lib/drift.ts';
import { judgeTextColumn } from '../../lib/drift-text.ts';
import type { TextDrift } from '../../lib/drift-text.ts';
import { judgeQuality } from './judge-answers.ts';
import { finite, fixed } from './judged-figures.ts';
import type { MeasuredNumber, MeasuredText, MeasuredWindow } from './measure-window.ts';
import type { DriftMemory } from './read.ts';

export interface Subject extends Pick<
  MonitorWindow,
  'id' | 'monitor' | 'endpoint' | 'model' | 'version' | 'from' | 'to' | 'judgedAt'
> {
  readonly spec: MonitorSpec;
  /** Local date on which the window begins, as 2013-04-22. */
  readonly date: string;
  /** What the loss of several classes, or of numbers, should be. */
  readonly referenceLoss: number | undefined;
  readonly memory: DriftMemory;
}

/** What is kept beside a window: every column in training and in the window, in the same bins. */
export interface WindowFigures {
  readonly referenceRows: number;
  readonly columns: readonly DriftFigure[];
}

export interface JudgedWindow {
  readonly window: MonitorWindow;
  readonly memory: DriftMemory;
  readonly figures: WindowFigures;
}

export function judgeWindow(subject: Subject, measured: MeasuredWindow): JudgedWindow {
  const { spec, date, referenceLoss, memory: before, ...identity } = subject;
  const drift = judgeColumns(before, measured);
  const { memory, figures } = drift;
  const { used, labelled: count } = measured;
  const base = {
    ...identity,
    count: measured.total,
    used,
    labelled: count,
    coverage: used === 0 ? 0 : count / used,
    ...(drift.score === undefined ? {} : { scoreDrift: rowOf(drift.score) }),
    drift: drift.features.map((column) => column.row),
  };
  if (measured.quality === undefined || count < spec.labelledMin) {
    const sentence = `${capital(spec.window)} of ${date}: ${count} labelled of ${used} predictions, at least ${spec.labelledMin} are needed to judge quality.${driftText(drift, measured.isReferenceKnown)}`;
    return { window: { ...base, verdict: 'too-few-labels', sentence }, memory, figures };
  }
  const quality = judgeQuality(measured.quality, { spec, referenceLoss });
  const hasDrift = spec.drift.warns && drift.features.some(({ row }) => row.status === 'drift');
  const verdict = quality.verdict === 'ok' && hasDrift ? 'warning' : quality.verdict;
  const head = `${capital(spec.window)} of ${date}: ${quality.sentence(Math.round(base.coverage * 100))}`;
  const sentence = `${head}${driftText(drift, measured.isReferenceKnown)}`;
  return { window: { ...base, verdict, sentence, ...quality.figures }, memory, figures };
}

interface JudgedColumns {
  readonly score: ColumnDrift | undefined;
  /** The furthest beyond its own threshold first. */
  readonly features: readonly { readonly ratio: number; readonly row: ColumnDriftRow }[];
  readonly memory: DriftMemory;
  readonly figures: WindowFigures;
}

function judgeColumns(before: DriftMemory, measured: MeasuredWindow): JudgedColumns {
  const memory: Record<string, DriftMemory[string]> = { ...before };
  const figures: DriftFigure[] = [];
  const remember = (found: SharesDrift): void => {
    if (found.status === 'ordinary' || found.status === 'season')
      memory[found.name] = { shares: found.shares, count: found.count };
  };
  const judgeNumber = ({ reference, measure }: MeasuredNumber): ColumnDrift => {
    const found = judgeColumn(reference, measure, { before: before[reference.name] });
    remember(found);
    const figure = numberFigure(reference, found);
    if (figure !== undefined) figures.push(figure);
    return found;
  };
  const judgeText = ({ reference, measure }: MeasuredText): TextDrift => {
    const found = judgeTextColumn(reference, measure, { before: before[reference.name] });
    remember(found);
    figures.push(textFigure(reference, found));
    return found;
  };
  const score = measured.score && judgeNumber(measured.score);
  const features = measured.columns.map((column) => {
    if (column.kind === 'text') {
      const found = judgeText(column);
      return { ratio: found.ratio, row: textRowOf(found) };
    }
    const found = judgeNumber(column);
    return { ratio: found.ratio, row: rowOf(found) };
  });
  features.sort((a, b) => b.ratio - a.ratio);
  return { score, features, memory, figures: { referenceRows: measured.referenceRows, columns: figures } };
}

function numberFigure(
  reference: MeasuredNumber['reference'],
  { name, picture, nullCount }: ColumnDrift,
): DriftFigure | undefined {
  if (reference.picture === undefined || picture === undefined) return undefined;
  const shown = pictureOf(reference.picture.bins, reference.picture.counts, picture);
  if (shown === undefined) return undefined;
  return { kind: 'number', name, ...shown, missing: { reference: reference.nullCount, window: nullCount } };
}

function textFigure(reference: MeasuredText['reference'], { name, counts }: TextDrift): DriftFigure {
  const n = reference.categories.length;
  const pair = (i: number): { reference: number; window: number } => ({
    reference: reference.counts[i] ?? 0,
    window: counts[i] ?? 0,
  });
  return {
    kind: 'text',
    name,
    values: reference.categories.map((value, i) => ({ value, ...pair(i) })),
    other: pair(n),
    new: pair(n + 1),
    missing: pair(n + 2),
  };
}

function driftText(drift: JudgedColumns, isKnown: boolean): string {
  if (!isKnown) return ' Drift was not measured: the training data of this version is not known.';
  const named = (status: ColumnDrift['status']): string[] =>
    drift.features.filter(({ row }) => row.status === status).map(({ row }) => row.name);
  const parts: string[] = [];
  const { score } = drift;
  if (score !== undefined && score.status !== 'too-few-rows') {
    const compared = score.status === 'drift' ? 'beyond' : 'within';
    parts.push(`scores PSI ${fixed(score.psi)}, ${compared} ordinary weeks (${fixed(score.threshold)})`);
  }
  const drifted = named('drift');
  if (drifted.length > 0) parts.push(`drifted: ${listed(drifted)}`);
  const season = named('season');
  if (season.length > 0) parts.push(`season: ${listed(season)}`);
  const beyond = drift.features.map(({ row }) => row).filter((c) => c.beyondShare > 0.25 && c.status === 'season');
  if (beyond.length > 0) {
    parts.push(
      `extrapolating on ${listed(beyond.map((c) => `${c.name} (${Math.round(c.beyondShare * 100)} % outside training)`))}`,
    );
  }
  return parts.length === 0 ? '' : ` ${capital(parts.join('; '))}.`;
}

/** Names shown in a sentence; the rest is counted. */
const namesShown = 4;

const listed = (names: readonly string[]): string =>
  names.length <= namesShown
    ? names.join(', ')
    : `${names.slice(0, namesShown).join(', ')} and ${names.length - namesShown} more`;

type SharesRow = Pick<ColumnDriftRow, 'name' | 'status' | 'psi' | 'threshold' | 'ratio' | 'step'>;

function sharesRow({ name, status, psi, threshold, ratio, step }: SharesDrift): SharesRow {
  return { name, status, psi, threshold: Math.min(threshold, Number.MAX_VALUE), ratio, step: step ?? null };
}

export function rowOf(column: ColumnDrift): ColumnDriftRow {
  return {
    ...sharesRow(column),
    ks: finite(column.ks),
    wassersteinPerSd: finite(column.wassersteinPerSd),
    mean: finite(column.mean),
    referenceMean: finite(column.referenceMean),
    nullShare: column.nullShare,
    referenceNullShare: column.referenceNullShare,
    beyondShare: column.beyondShare,
  };
}

function textRowOf(column: TextDrift): ColumnDriftRow {
  return {
    ...sharesRow(column),
    kind: 'text',
    ks: null,
    wassersteinPerSd: null,
    mean: null,
    referenceMean: null,
    nullShare: column.nullShare,
    referenceNullShare: column.referenceNullShare,
    beyondShare: 0,
    newShare: column.newShare ?? null,
    newValues: [...column.newValues],
  };
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
