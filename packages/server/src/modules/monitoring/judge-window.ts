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
import type { ColumnDriftRow, JudgedNumber, MonitorSpec, MonitorWindow } from '@slipway/contract';
import { breaksGapRule, measureCalibrationGap } from '../../lib/calibration-gap.ts';
import { aucEstimate, expectedCalibrationError, logLoss } from '../../lib/classification.ts';
import { measureDrift } from '../../lib/drift.ts';
import type { ColumnDrift, ReferenceColumn } from '../../lib/drift.ts';
import { clustersOf, judge } from '../../lib/intervals.ts';
import type { Judged } from '../../lib/intervals.ts';
import { pText } from '../../lib/paired.ts';
import type { DriftMemory } from './store.ts';

/** Predictions of one version in one window. Columns are [rows]. */
export interface WindowRows {
  /** Predictions of the window, whatever the version. */
  readonly total: number;
  readonly score: Float64Array;
  /** 0, 1, or NaN where no label came. */
  readonly label: Float64Array;
  /** Local day of each prediction: rows of one day are not independent. */
  readonly day: Float64Array;
  readonly features: readonly { readonly name: string; readonly values: Float64Array }[];
}

/** The name under which the scores stand among the reference's columns. */
export const scoreColumn = '(score)';

export interface Subject extends Pick<
  MonitorWindow,
  'id' | 'monitor' | 'endpoint' | 'model' | 'version' | 'from' | 'to' | 'judgedAt'
> {
  readonly spec: MonitorSpec;
  /** Empty when the training data is not known. */
  readonly reference: readonly ReferenceColumn[];
  readonly memory: DriftMemory;
}

export interface JudgedWindow {
  readonly window: MonitorWindow;
  readonly memory: DriftMemory;
}

export async function judgeWindow(subject: Subject, rows: WindowRows): Promise<JudgedWindow> {
  const { spec, reference, ...identity } = subject;
  const labelled = labelledRows(rows);
  const drift = await measureColumns(subject, rows);
  const count = labelled.scores.length;
  const base = {
    ...omitMemory(identity),
    count: rows.total,
    used: rows.score.length,
    labelled: count,
    coverage: rows.score.length === 0 ? 0 : count / rows.score.length,
    ...(drift.score === undefined ? {} : { scoreDrift: rowOf(drift.score) }),
    drift: drift.features.map(rowOf),
  };
  const day = dateText(subject.from, spec.zone);
  if (count < spec.labelledMin) {
    const sentence = `${capital(spec.window)} of ${day}: ${count} labelled of ${rows.score.length} predictions, at least ${spec.labelledMin} are needed to judge quality.${driftText(drift, reference)}`;
    return { window: { ...base, verdict: 'too-few-labels', sentence }, memory: drift.memory };
  }
  const clusters = clustersOf(labelled.days);
  const measured = measureCalibrationGap(labelled, clusters);
  const auc = judge(aucEstimate(labelled), { clusters });
  const isAlert = breaksGapRule(measured, spec.alert);
  const isWarning = breaksGapRule(measured, spec.warning);
  const hasDrift = spec.drift.warns && drift.features.some((column) => column.status === 'drift');
  const verdict = isAlert ? 'alert' : isWarning || hasDrift ? 'warning' : 'ok';
  const byDay = measured.clustered;
  const aucText = Number.isNaN(auc.estimate)
    ? ''
    : ` AUC ${fixed(auc.estimate)} (${fixed(auc.lower)} to ${fixed(auc.upper)}).`;
  const sentence =
    `${capital(spec.window)} of ${day}: predicted ${fixed(measured.meanScore)}, observed ${fixed(measured.observedRate)} on ${count} labelled ` +
    `(${Math.round(base.coverage * 100)} %): gap ${signed(measured.gap)}, z ${measured.z.toFixed(1)} (clustered over ${clusters.count} days p ${pText(byDay?.p ?? NaN)}).` +
    `${aucText}${driftText(drift, reference)}`;
  return {
    window: {
      ...base,
      verdict,
      sentence,
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
    memory: drift.memory,
  };
}

function omitMemory<T extends { readonly memory: DriftMemory }>(identity: T): Omit<T, 'memory'> {
  const { memory: _, ...rest } = identity;
  return rest;
}

function labelledRows(rows: WindowRows): { scores: number[]; labels: number[]; days: number[] } {
  const scores: number[] = [];
  const labels: number[] = [];
  const days: number[] = [];
  rows.label.forEach((label, i) => {
    if (Number.isNaN(label)) return;
    scores.push(rows.score[i] ?? NaN);
    labels.push(label);
    days.push(rows.day[i] ?? 0);
  });
  return { scores, labels, days };
}

interface MeasuredDrift {
  readonly score: ColumnDrift | undefined;
  /** The furthest beyond its own threshold first. */
  readonly features: readonly ColumnDrift[];
  readonly memory: DriftMemory;
}

async function measureColumns(subject: Subject, rows: WindowRows): Promise<MeasuredDrift> {
  const byName = new Map(subject.reference.map((column) => [column.name, column]));
  const memory: Record<string, { shares: readonly number[]; count: number }> = { ...subject.memory };
  const measure = (name: string, values: Float64Array): ColumnDrift | undefined => {
    const reference = byName.get(name);
    if (reference === undefined) return undefined;
    const found = measureDrift(reference, values, { before: subject.memory[name] });
    if (found.status === 'ordinary' || found.status === 'season')
      memory[name] = { shares: found.shares, count: found.count };
    return found;
  };
  const score = measure(scoreColumn, rows.score);
  const features: ColumnDrift[] = [];
  for (const { name, values } of rows.features) {
    const found = measure(name, values);
    if (found !== undefined) features.push(found);
    await nextTurn();
  }
  features.sort((a, b) => b.ratio - a.ratio);
  return { score, features, memory };
}

function driftText(drift: MeasuredDrift, reference: readonly ReferenceColumn[]): string {
  if (reference.length === 0) return ' Drift was not measured: the training data of this version is not known.';
  const named = (status: ColumnDrift['status']): string[] =>
    drift.features.filter((column) => column.status === status).map((column) => column.name);
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
  const beyond = drift.features.filter((column) => column.beyondShare > 0.25 && column.status === 'season');
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

export function rowOf(column: ColumnDrift): ColumnDriftRow {
  return {
    name: column.name,
    status: column.status,
    psi: column.psi,
    threshold: Math.min(column.threshold, Number.MAX_VALUE),
    ratio: column.ratio,
    step: column.step ?? null,
    ks: finite(column.ks),
    wassersteinPerSd: finite(column.wassersteinPerSd),
    mean: finite(column.mean),
    referenceMean: finite(column.referenceMean),
    nullShare: column.nullShare,
    referenceNullShare: column.referenceNullShare,
    beyondShare: column.beyondShare,
  };
}

export function numberOf(judged: Judged): JudgedNumber {
  return {
    value: judged.estimate,
    low: finite(judged.lower),
    high: finite(judged.upper),
    standardError: finite(judged.standardError),
    by: judged.by,
    ...(judged.clusters === undefined ? {} : { clusters: judged.clusters }),
  };
}

/** JSON has no NaN: what could not be computed is null. */
export const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

const fixed = (value: number): string => (Number.isNaN(value) ? '?' : value.toFixed(3));
const signed = (value: number): string => `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(3)}`;
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Local date, as 2013-04-22. */
function dateText(at: number, zone: string): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(
    at,
  );
}
