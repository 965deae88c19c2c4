/**
 * The quality of a window: its level, and of several classes or of numbers its loss against what the loss should be. Measuring
 * looks at every row and knows no rule; judging puts what was measured beside the rules, and costs nothing.
 *
 * Level: of classes how often the most probable one is right against its probability, of numbers the mean residual in units of
 * the reference loss; both by the same rules of gap and z as two classes. Loss: mean log loss, or root mean squared error; a rule
 * is broken by a rise of that share of the reference whose z is large enough. Standard errors of z take rows as independent, those of
 * intervals are clustered by local day. Without a reference only the level is judged. Of quantiles the middle one is the number, and
 * the rules of the level hold for the share of outcomes that the interval misses beyond what it promises.
 */
import type { JudgedNumber, MonitorSpec, MonitorWindow } from '@slipway/contract';
import type { CalibrationGap } from '../../lib/calibration-gap.ts';
import { breaksGapRule, measureCalibrationGap } from '../../lib/calibration-gap.ts';
import type { Estimate, Scored } from '../../lib/classification.ts';
import { aucEstimate, expectedCalibrationError, logLoss, meanEstimate, orderOf } from '../../lib/classification.ts';
import type { Clusters } from '../../lib/intervals.ts';
import { clustersOf, judge, rowStandardError } from '../../lib/intervals.ts';
import { nominalCoverage } from '../../lib/judged-task.ts';
import { pText } from '../../lib/paired.ts';
import { measureAnswers, topAnswers } from '../../lib/table-quality.ts';
import type { Labelled } from './judged-figures.ts';
import { finite, fixed, numberOf, signed } from './judged-figures.ts';
import type { Answers, QuantileAnswers } from './ports.ts';

export interface QualityOf {
  readonly verdict: 'ok' | 'warning' | 'alert';
  /** What follows "Week of 2013-04-22: ", told the share of predictions that are labelled in percent. */
  readonly sentence: (coveragePercent: number) => string;
  readonly figures: Pick<MonitorWindow, 'calibration' | 'auc' | 'logLoss' | 'accuracy' | 'numbers' | 'referenceLoss'>;
}

export interface Rules {
  readonly spec: Pick<MonitorSpec, 'alert' | 'warning' | 'loss'>;
  readonly referenceLoss: number | undefined;
}

interface Rise {
  readonly rise: number;
  readonly z: number;
}

/** A mean loss, its standard error of independent rows, and as it is shown. */
interface MeasuredLoss {
  readonly estimate: number;
  readonly rowError: number;
  readonly shown: JudgedNumber;
}

const measuredLoss = (loss: Estimate, clusters: Clusters): MeasuredLoss => ({
  estimate: loss.estimate,
  rowError: rowStandardError(loss.influence),
  shown: numberOf(judge(loss, { clusters })),
});

function riseOf({ estimate, rowError }: MeasuredLoss, reference: number | undefined): Rise | undefined {
  if (reference === undefined || Number.isNaN(estimate)) return undefined;
  return { rise: estimate / reference - 1, z: (estimate - reference) / rowError };
}

function verdictOf(
  level: { readonly gap: number; readonly z: number },
  rise: Rise | undefined,
  { alert, warning, loss }: Rules['spec'],
): QualityOf['verdict'] {
  const breaks = (rule: { readonly rise: number; readonly z: number }): boolean =>
    rise !== undefined && rise.rise >= rule.rise && rise.z >= rule.z;
  if (breaksGapRule(level, alert) || breaks(loss.alert)) return 'alert';
  return breaksGapRule(level, warning) || breaks(loss.warning) ? 'warning' : 'ok';
}

const severity: readonly QualityOf['verdict'][] = ['ok', 'warning', 'alert'];
const worseOf = (a: QualityOf['verdict'], b: QualityOf['verdict'] = 'ok'): QualityOf['verdict'] =>
  severity.indexOf(b) > severity.indexOf(a) ? b : a;

function coverageText(coverage: Coverage | undefined): string {
  if (coverage === undefined) return '';
  const { estimate, promised, missing } = coverage;
  return ` Intervals cover ${fixed(estimate)} of the outcomes, ${fixed(promised)} is what they promise (z ${missing.z.toFixed(1)}).`;
}

function riseText(rise: Rise | undefined, reference: number | undefined): string {
  if (rise === undefined || reference === undefined) return ', with no reference to compare with';
  return ` against ${shown(reference)} expected (${rise.rise < 0 ? '' : '+'}${Math.round(rise.rise * 100)} %, z ${rise.z.toFixed(1)})`;
}

const shown = (value: number): string => String(Number(value.toPrecision(4)));
const nothing: Estimate = { estimate: Number.NaN, influence: new Float64Array(0) };

/** What the labelled rows of a window say, before any rule. */
export type MeasuredQuality = MeasuredScores | MeasuredClasses | MeasuredNumbers;

export function measureQuality(labelled: Labelled, answers: Answers): MeasuredQuality {
  switch (answers.kind) {
    case 'score':
      return measureScores(labelled);
    case 'classes':
      return measureClasses(labelled, answers);
    case 'number':
      return measureNumbers(labelled, answers.quantiles);
  }
}

export function judgeQuality(measured: MeasuredQuality, rules: Rules): QualityOf {
  switch (measured.kind) {
    case 'score':
      return judgeScores(measured, rules);
    case 'classes':
      return judgeClasses(measured, rules);
    case 'number':
      return judgeNumbers(measured, rules);
  }
}

/** Of scores of two classes, and of how right the most probable of several is. */
interface MeasuredLevel {
  readonly count: number;
  readonly level: Pick<CalibrationGap, 'gap' | 'z'>;
  readonly calibration: NonNullable<MonitorWindow['calibration']>;
}

function measureLevel(scored: Scored, clusters: Clusters, order = orderOf(scored.scores)): MeasuredLevel {
  const { count, gap, z, meanScore, observedRate, clustered } = measureCalibrationGap(scored, clusters);
  return {
    count,
    level: { gap, z },
    calibration: {
      meanScore,
      observedRate,
      gap,
      z: finite(z),
      dayStandardError: finite(clustered?.standardError ?? Number.NaN),
      dayP: finite(clustered?.p ?? Number.NaN),
      ece: expectedCalibrationError(scored, { by: 'count', order }),
    },
  };
}

interface MeasuredScores extends MeasuredLevel {
  readonly kind: 'score';
  readonly days: number;
  /** Undefined where one class alone came. */
  readonly auc: JudgedNumber | undefined;
  readonly aucText: string;
  readonly logLoss: JudgedNumber;
}

function measureScores(labelled: Labelled): MeasuredScores {
  const clusters = clustersOf(labelled.days);
  const order = orderOf(labelled.scores);
  const auc = judge(aucEstimate(labelled, order), { clusters });
  const isKnown = !Number.isNaN(auc.estimate);
  return {
    kind: 'score',
    ...measureLevel(labelled, clusters, order),
    days: clusters.count,
    auc: isKnown ? numberOf(auc) : undefined,
    aucText: isKnown ? ` AUC ${fixed(auc.estimate)} (${fixed(auc.lower)} to ${fixed(auc.upper)}).` : '',
    logLoss: numberOf(judge(logLoss(labelled), { clusters })),
  };
}

function judgeScores(measured: MeasuredScores, { spec }: Rules): QualityOf {
  const { count, level, calibration, days, auc, aucText } = measured;
  return {
    verdict: verdictOf(level, undefined, spec),
    sentence: (coverage) =>
      `predicted ${fixed(calibration.meanScore)}, observed ${fixed(calibration.observedRate)} on ${count} labelled ` +
      `(${coverage} %): gap ${signed(level.gap)}, z ${level.z.toFixed(1)} (clustered over ${days} days p ${pText(calibration.dayP ?? Number.NaN)}).` +
      aucText,
    figures: { calibration, ...(auc === undefined ? {} : { auc }), logLoss: measured.logLoss },
  };
}

interface MeasuredClasses extends MeasuredLevel {
  readonly kind: 'classes';
  readonly logLoss: MeasuredLoss;
  readonly accuracy: JudgedNumber;
}

function measureClasses(
  { rows, labels, days }: Labelled,
  { values, width }: Extract<Answers, { kind: 'classes' }>,
): MeasuredClasses {
  const own = Float64Array.from({ length: rows.length * width }, (_, i) => {
    const row = rows[Math.floor(i / width)] ?? 0;
    return values[row * width + (i % width)] ?? Number.NaN;
  });
  const answers = { task: 'multiclass', labels, values: own, width } as const;
  const clusters = clustersOf(days);
  const { logLoss: loss = nothing, accuracy = nothing } = measureAnswers(answers);
  return {
    kind: 'classes',
    ...measureLevel(topAnswers(answers), clusters),
    logLoss: measuredLoss(loss, clusters),
    accuracy: numberOf(judge(accuracy, { clusters })),
  };
}

function judgeClasses(measured: MeasuredClasses, { spec, referenceLoss }: Rules): QualityOf {
  const { count, level, calibration, accuracy } = measured;
  const rise = riseOf(measured.logLoss, referenceLoss);
  return {
    verdict: verdictOf(level, rise, spec),
    sentence: (coverage) =>
      `the most probable class was right in ${fixed(calibration.observedRate)} of ${count} labelled (${coverage} %), its probability was ` +
      `${fixed(calibration.meanScore)}: gap ${signed(level.gap)}, z ${level.z.toFixed(1)}. Log loss ${shown(measured.logLoss.estimate)}${riseText(rise, referenceLoss)}.`,
    figures: {
      calibration,
      logLoss: measured.logLoss.shown,
      accuracy,
      ...(referenceLoss === undefined ? {} : { referenceLoss }),
    },
  };
}

interface Coverage {
  readonly estimate: number;
  readonly shown: JudgedNumber;
  readonly promised: number;
  /** Of too few outcomes inside: more than promised is no harm. */
  readonly missing: { readonly gap: number; readonly z: number };
}

/** How many outcomes lie between the outermost levels. */
function coverageOf({ rows, labels }: Labelled, { levels, values }: QuantileAnswers, clusters: Clusters): Coverage {
  const width = levels.length;
  const inside = labels.map((label, i) => {
    const start = (rows[i] ?? 0) * width;
    return label >= (values[start] ?? Number.NaN) && label <= (values[start + width - 1] ?? Number.NaN) ? 1 : 0;
  });
  const estimate = meanEstimate(inside);
  const promised = nominalCoverage(levels);
  const gap = Math.max(0, promised - estimate.estimate);
  return {
    estimate: estimate.estimate,
    shown: numberOf(judge(estimate, { clusters })),
    promised,
    missing: { gap, z: gap / Math.sqrt((promised * (1 - promised)) / labels.length) },
  };
}

interface MeasuredNumbers {
  readonly kind: 'number';
  readonly count: number;
  readonly meanPredicted: number;
  readonly meanObserved: number;
  /** Mean of predicted - observed, and its standard error of independent rows. */
  readonly bias: number;
  readonly biasError: number;
  readonly rmse: MeasuredLoss;
  readonly coverage: Coverage | undefined;
}

function measureNumbers(labelled: Labelled, quantiles: QuantileAnswers | undefined): MeasuredNumbers {
  const { scores, labels, days } = labelled;
  const clusters = clustersOf(days);
  const { rmse = nothing, bias = nothing } = measureAnswers({ task: 'regression', labels, values: scores, width: 1 });
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  return {
    kind: 'number',
    count: labels.length,
    meanPredicted: mean(scores),
    meanObserved: mean(labels),
    bias: bias.estimate,
    biasError: rowStandardError(bias.influence),
    rmse: measuredLoss(rmse, clusters),
    coverage: quantiles === undefined ? undefined : coverageOf(labelled, quantiles, clusters),
  };
}

function judgeNumbers(measured: MeasuredNumbers, { spec, referenceLoss }: Rules): QualityOf {
  const { count, meanPredicted, meanObserved, bias, biasError: error, coverage } = measured;
  const spread = referenceLoss ?? error * Math.sqrt(count);
  const level = { gap: spread > 0 ? -bias / spread : 0, z: error > 0 ? -bias / error : 0 };
  const rise = riseOf(measured.rmse, referenceLoss);
  return {
    verdict: worseOf(verdictOf(level, rise, spec), coverage && verdictOf(coverage.missing, undefined, spec)),
    sentence: (labelledPercent) =>
      `predicted ${shown(meanPredicted)}, observed ${shown(meanObserved)} on average of ${count} labelled (${labelledPercent} %): ` +
      `${signed(level.gap)} of the usual error, z ${level.z.toFixed(1)}. Root mean squared error ${shown(measured.rmse.estimate)}${riseText(rise, referenceLoss)}.${coverageText(coverage)}`,
    figures: {
      numbers: {
        meanPredicted,
        meanObserved,
        gap: level.gap,
        z: finite(level.z),
        rmse: measured.rmse.shown,
        ...(coverage === undefined ? {} : { coverage: { ...coverage.shown, promised: coverage.promised } }),
      },
      ...(referenceLoss === undefined ? {} : { referenceLoss }),
    },
  };
}
