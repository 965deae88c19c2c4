/**
 * The quality of a window of several classes, or of numbers: its level, and its loss against what the loss should be.
 *
 * Level: of classes how often the most probable one is right against its probability, of numbers the mean residual in units of
 * the reference loss; both by the same rules of gap and z as two classes. Loss: mean log loss, or root mean squared error; a rule
 * is broken by a rise of that share of the reference whose z is large enough. Standard errors of z take rows as independent, those of
 * intervals are clustered by local day. Without a reference only the level is judged. Of quantiles the middle one is the number, and
 * the rules of the level hold for the share of outcomes that the interval misses beyond what it promises.
 */
import type { MonitorSpec, MonitorWindow } from '@slipway/contract';
import { breaksGapRule, measureCalibrationGap } from '../../lib/calibration-gap.ts';
import type { Estimate } from '../../lib/classification.ts';
import { expectedCalibrationError, meanEstimate } from '../../lib/classification.ts';
import { clustersOf, judge, rowStandardError } from '../../lib/intervals.ts';
import { nominalCoverage } from '../../lib/judged-task.ts';
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

interface Rules {
  readonly spec: Pick<MonitorSpec, 'alert' | 'warning' | 'loss'>;
  readonly referenceLoss: number | undefined;
}

interface Rise {
  readonly rise: number;
  readonly z: number;
}

function riseOf({ estimate, influence }: Estimate, reference: number | undefined): Rise | undefined {
  if (reference === undefined || Number.isNaN(estimate)) return undefined;
  return { rise: estimate / reference - 1, z: (estimate - reference) / rowStandardError(influence) };
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
  return ` Intervals cover ${fixed(estimate.estimate)} of the outcomes, ${fixed(promised)} is what they promise (z ${missing.z.toFixed(1)}).`;
}

function riseText(rise: Rise | undefined, reference: number | undefined): string {
  if (rise === undefined || reference === undefined) return ', with no reference to compare with';
  return ` against ${shown(reference)} expected (${rise.rise < 0 ? '' : '+'}${Math.round(rise.rise * 100)} %, z ${rise.z.toFixed(1)})`;
}

const shown = (value: number): string => String(Number(value.toPrecision(4)));
const nothing: Estimate = { estimate: Number.NaN, influence: new Float64Array(0) };

export function judgeClasses(
  labelled: Labelled,
  { values, width }: Extract<Answers, { kind: 'classes' }>,
  { spec, referenceLoss }: Rules,
): QualityOf {
  const { rows, labels, days } = labelled;
  const own = Float64Array.from({ length: rows.length * width }, (_, i) => {
    const row = rows[Math.floor(i / width)] ?? 0;
    return values[row * width + (i % width)] ?? Number.NaN;
  });
  const answers = { task: 'multiclass', labels, values: own, width } as const;
  const clusters = clustersOf(days);
  const { logLoss = nothing, accuracy = nothing } = measureAnswers(answers);
  const top = topAnswers(answers);
  const level = measureCalibrationGap(top, clusters);
  const rise = riseOf(logLoss, referenceLoss);
  return {
    verdict: verdictOf(level, rise, spec),
    sentence: (coverage) =>
      `the most probable class was right in ${fixed(level.observedRate)} of ${labels.length} labelled (${coverage} %), its probability was ` +
      `${fixed(level.meanScore)}: gap ${signed(level.gap)}, z ${level.z.toFixed(1)}. Log loss ${shown(logLoss.estimate)}${riseText(rise, referenceLoss)}.`,
    figures: {
      calibration: {
        meanScore: level.meanScore,
        observedRate: level.observedRate,
        gap: level.gap,
        z: finite(level.z),
        dayStandardError: finite(level.clustered?.standardError ?? Number.NaN),
        dayP: finite(level.clustered?.p ?? Number.NaN),
        ece: expectedCalibrationError(top, { by: 'count' }),
      },
      logLoss: numberOf(judge(logLoss, { clusters })),
      accuracy: numberOf(judge(accuracy, { clusters })),
      ...(referenceLoss === undefined ? {} : { referenceLoss }),
    },
  };
}

interface Coverage {
  readonly estimate: Estimate;
  readonly promised: number;
  /** Of too few outcomes inside: more than promised is no harm. */
  readonly missing: { readonly gap: number; readonly z: number };
}

/** How many outcomes lie between the outermost levels. */
function coverageOf({ rows, labels }: Labelled, { levels, values }: QuantileAnswers): Coverage {
  const width = levels.length;
  const inside = labels.map((label, i) => {
    const start = (rows[i] ?? 0) * width;
    return label >= (values[start] ?? Number.NaN) && label <= (values[start + width - 1] ?? Number.NaN) ? 1 : 0;
  });
  const estimate = meanEstimate(inside);
  const promised = nominalCoverage(levels);
  const gap = Math.max(0, promised - estimate.estimate);
  return { estimate, promised, missing: { gap, z: gap / Math.sqrt((promised * (1 - promised)) / labels.length) } };
}

export function judgeNumbers(
  labelled: Labelled,
  { spec, referenceLoss }: Rules,
  quantiles?: QuantileAnswers,
): QualityOf {
  const { scores, labels, days } = labelled;
  const coverage = quantiles === undefined ? undefined : coverageOf(labelled, quantiles);
  const clusters = clustersOf(days);
  const { rmse = nothing, bias = nothing } = measureAnswers({ task: 'regression', labels, values: scores, width: 1 });
  const error = rowStandardError(bias.influence);
  const spread = referenceLoss ?? error * Math.sqrt(labels.length);
  const level = { gap: spread > 0 ? -bias.estimate / spread : 0, z: error > 0 ? -bias.estimate / error : 0 };
  const rise = riseOf(rmse, referenceLoss);
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const [meanPredicted, meanObserved] = [mean(scores), mean(labels)];
  return {
    verdict: worseOf(verdictOf(level, rise, spec), coverage && verdictOf(coverage.missing, undefined, spec)),
    sentence: (labelledPercent) =>
      `predicted ${shown(meanPredicted)}, observed ${shown(meanObserved)} on average of ${labels.length} labelled (${labelledPercent} %): ` +
      `${signed(level.gap)} of the usual error, z ${level.z.toFixed(1)}. Root mean squared error ${shown(rmse.estimate)}${riseText(rise, referenceLoss)}.${coverageText(coverage)}`,
    figures: {
      numbers: {
        meanPredicted,
        meanObserved,
        gap: level.gap,
        z: finite(level.z),
        rmse: numberOf(judge(rmse, { clusters })),
        ...(coverage === undefined
          ? {}
          : { coverage: { ...numberOf(judge(coverage.estimate, { clusters })), promised: coverage.promised } }),
      },
      ...(referenceLoss === undefined ? {} : { referenceLoss }),
    },
  };
}
