/**
 * One window of an endpoint's log, judged: level (calibration gap), ranking (AUC) and loss of the labelled predictions,
 * drift of the scores and of every feature against the version's own training weeks.
 * Pure, in slices: after each column the event loop gets its turn.
 *
 * Only the level decides between ok, warning and alert, since it alone says that the predictions are wrong; drift says what
 * changed, and a drifted column (one that jumped further than training weeks do) makes a warning of an ok window where the
 * monitor wants that. What moved no further, or no faster, than ordinary weeks is called season.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ColumnDriftRow, DriftFigure, MonitorSpec, MonitorWindow } from '@slipway/contract';
import { breaksGapRule, measureCalibrationGap } from '../../lib/calibration-gap.ts';
import { aucEstimate, expectedCalibrationError, logLoss } from '../../lib/classification.ts';
import { pictureOf } from '../../lib/drift-bins.ts';
import { measureDrift } from '../../lib/drift.ts';
import type { ColumnDrift, ReferenceColumn, SharesDrift } from '../../lib/drift.ts';
import { measureText } from '../../lib/drift-text.ts';
import type { TextDrift, TextReference } from '../../lib/drift-text.ts';
import { clustersOf, judge } from '../../lib/intervals.ts';
import { pText } from '../../lib/paired.ts';
import type { QualityOf } from './judge-answers.ts';
import { judgeClasses, judgeNumbers } from './judge-answers.ts';
import type { Labelled } from './judged-figures.ts';
import { finite, fixed, numberOf, signed } from './judged-figures.ts';
import type { Answers, NumberColumn, TextColumn } from './ports.ts';
import type { DriftMemory } from './read.ts';

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

export interface Subject extends Pick<
  MonitorWindow,
  'id' | 'monitor' | 'endpoint' | 'model' | 'version' | 'from' | 'to' | 'judgedAt'
> {
  readonly spec: MonitorSpec;
  /** Of the window's rows. */
  readonly answers: Answers;
  /** What the loss of several classes, or of numbers, should be. */
  readonly referenceLoss: number | undefined;
  /** Empty when the training data is not known. */
  readonly reference: { readonly numbers: readonly ReferenceColumn[]; readonly texts: readonly TextReference[] };
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

export async function judgeWindow(subject: Subject, rows: WindowRows): Promise<JudgedWindow> {
  const { spec, reference, answers: _, referenceLoss: __, ...identity } = subject;
  const labelled = labelledRows(rows);
  const drift = await measureColumns(subject, rows);
  const { memory, figures } = drift;
  const isKnown = reference.numbers.length + reference.texts.length > 0;
  const count = labelled.scores.length;
  const base = {
    ...omitMemory(identity),
    count: rows.total,
    used: rows.score.length,
    labelled: count,
    coverage: rows.score.length === 0 ? 0 : count / rows.score.length,
    ...(drift.score === undefined ? {} : { scoreDrift: rowOf(drift.score) }),
    drift: drift.features.map((column) => column.row),
  };
  const day = dateText(subject.from, spec.zone);
  if (count < spec.labelledMin) {
    const sentence = `${capital(spec.window)} of ${day}: ${count} labelled of ${rows.score.length} predictions, at least ${spec.labelledMin} are needed to judge quality.${driftText(drift, isKnown)}`;
    return { window: { ...base, verdict: 'too-few-labels', sentence }, memory, figures };
  }
  const quality = judgeQuality(subject, labelled);
  const hasDrift = spec.drift.warns && drift.features.some(({ row }) => row.status === 'drift');
  const verdict = quality.verdict === 'ok' && hasDrift ? 'warning' : quality.verdict;
  const head = `${capital(spec.window)} of ${day}: ${quality.sentence(Math.round(base.coverage * 100))}`;
  const sentence = `${head}${driftText(drift, isKnown)}`;
  return { window: { ...base, verdict, sentence, ...quality.figures }, memory, figures };
}

function judgeQuality(subject: Subject, labelled: Labelled): QualityOf {
  const { spec, answers, referenceLoss } = subject;
  if (answers.kind === 'number') return judgeNumbers(labelled, { spec, referenceLoss }, answers.quantiles);
  if (answers.kind === 'classes') return judgeClasses(labelled, answers, { spec, referenceLoss });
  return judgeScores(labelled, spec);
}

function judgeScores(labelled: Labelled, spec: MonitorSpec): QualityOf {
  const clusters = clustersOf(labelled.days);
  const measured = measureCalibrationGap(labelled, clusters);
  const auc = judge(aucEstimate(labelled), { clusters });
  const isAlert = breaksGapRule(measured, spec.alert);
  const isWarning = breaksGapRule(measured, spec.warning);
  const byDay = measured.clustered;
  const aucText = Number.isNaN(auc.estimate)
    ? ''
    : ` AUC ${fixed(auc.estimate)} (${fixed(auc.lower)} to ${fixed(auc.upper)}).`;
  return {
    verdict: isAlert ? 'alert' : isWarning ? 'warning' : 'ok',
    sentence: (coverage) =>
      `predicted ${fixed(measured.meanScore)}, observed ${fixed(measured.observedRate)} on ${labelled.labels.length} labelled ` +
      `(${coverage} %): gap ${signed(measured.gap)}, z ${measured.z.toFixed(1)} (clustered over ${clusters.count} days p ${pText(byDay?.p ?? NaN)}).` +
      aucText,
    figures: {
      calibration: {
        meanScore: measured.meanScore,
        observedRate: measured.observedRate,
        gap: measured.gap,
        z: finite(measured.z),
        dayStandardError: finite(byDay?.standardError ?? NaN),
        dayP: finite(byDay?.p ?? NaN),
        ece: expectedCalibrationError(labelled, { by: 'count' }),
      },
      ...(Number.isNaN(auc.estimate) ? {} : { auc: numberOf(auc) }),
      logLoss: numberOf(judge(logLoss(labelled), { clusters })),
    },
  };
}

function omitMemory<T extends { readonly memory: DriftMemory }>(identity: T): Omit<T, 'memory'> {
  const { memory: _, ...rest } = identity;
  return rest;
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

interface MeasuredDrift {
  readonly score: ColumnDrift | undefined;
  /** The furthest beyond its own threshold first. */
  readonly features: readonly { readonly ratio: number; readonly row: ColumnDriftRow }[];
  readonly memory: DriftMemory;
  readonly figures: WindowFigures;
}

async function measureColumns(subject: Subject, rows: WindowRows): Promise<MeasuredDrift> {
  const { numbers, texts } = subject.reference;
  const memory: Record<string, DriftMemory[string]> = { ...subject.memory };
  const figures: DriftFigure[] = [];
  const remember = (found: SharesDrift): void => {
    if (found.status === 'ordinary' || found.status === 'season')
      memory[found.name] = { shares: found.shares, count: found.count };
  };
  const measureNumber = ({ name, values }: NumberColumn): ColumnDrift | undefined => {
    const reference = numbers.find((column) => column.name === name);
    if (reference === undefined) return undefined;
    const found = measureDrift(reference, values, { before: subject.memory[name] });
    remember(found);
    const figure = numberFigure(reference, found, values);
    if (figure !== undefined) figures.push(figure);
    return found;
  };
  const score = measureNumber({ name: scoreColumn, values: rows.score });
  const features: { ratio: number; row: ColumnDriftRow }[] = [];
  for (const column of rows.features) {
    const found = measureNumber(column);
    if (found !== undefined) features.push({ ratio: found.ratio, row: rowOf(found) });
    await nextTurn();
  }
  for (const { name, values } of rows.texts) {
    // The log has a place for every input of a model among its numbers: of a text nothing but missing ones.
    const reference = texts.find((column) => column.name === name);
    if (reference === undefined || numbers.some((column) => column.name === name)) continue;
    const found = measureText(reference, values, { before: subject.memory[name] });
    remember(found);
    figures.push(textFigure(reference, found));
    features.push({ ratio: found.ratio, row: textRowOf(found) });
    await nextTurn();
  }
  features.sort((a, b) => b.ratio - a.ratio);
  const referenceRows = Math.max(0, ...numbers.map((c) => c.count), ...texts.map((c) => c.count));
  return { score, features, memory, figures: { referenceRows, columns: figures } };
}

function numberFigure(
  reference: ReferenceColumn,
  { name, picture }: ColumnDrift,
  values: Float64Array,
): DriftFigure | undefined {
  if (reference.picture === undefined || picture === undefined) return undefined;
  const shown = pictureOf(reference.picture.bins, reference.picture.counts, picture);
  if (shown === undefined) return undefined;
  const window = values.reduce((n, value) => n + (Number.isNaN(value) ? 1 : 0), 0);
  return { kind: 'number', name, ...shown, missing: { reference: reference.nullCount, window } };
}

function textFigure(reference: TextReference, { name, counts }: TextDrift): DriftFigure {
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

function driftText(drift: MeasuredDrift, isKnown: boolean): string {
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

/** Local date, as 2013-04-22. */
function dateText(at: number, zone: string): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(
    at,
  );
}
