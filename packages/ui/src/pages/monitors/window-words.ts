/** Windows and drift in words: when a window was, what it says, what each column's verdict means. */
import type { ColumnDriftRow, MonitorWindow } from '@slipway/contract';
import { figure, percent, plural, signed } from '../../words.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

function parts(
  at: number,
  zone: string,
): { readonly day: string; readonly month: string; readonly year: string; readonly hour: string } {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
  });
  const found = new Map(format.formatToParts(at).map((p) => [p.type, p.value]));
  const of = (type: Intl.DateTimeFormatPartTypes): string => found.get(type) ?? '';
  return { day: of('day'), month: of('month').slice(0, 3), year: of('year'), hour: `${of('hour')}:${of('minute')}` };
}

/** `3 to 9 Jun` in the zone in which the window begins; `9 Jun 14:00` for an hour. */
export function windowName({ from, to }: Pick<MonitorWindow, 'from' | 'to'>, zone: string): string {
  const first = parts(from, zone);
  if (to - from < 20 * hourMs) return `${first.day} ${first.month} ${first.hour}`;
  const last = parts(to - 1, zone);
  if (to - from < 2 * dayMs) return `${first.day} ${first.month}`;
  const begin = first.month === last.month ? first.day : `${first.day} ${first.month}`;
  return `${begin} to ${last.day} ${last.month}`;
}

/** `3 Jun`: where space is short. */
export function windowStart(from: number, zone: string): string {
  const { day, month } = parts(from, zone);
  return `${day} ${month}`;
}

export const yearOf = (at: number, zone: string): string => parts(at, zone).year;

/** What the window says of the model, in one sentence of its own figures. */
export function windowSentence(window: MonitorWindow): string {
  const { calibration, numbers, accuracy, verdict, version, labelled, coverage } = window;
  const drifted = window.drift.filter((d) => d.status === 'drift');
  const drift =
    drifted.length === 0
      ? 'no column left its usual range'
      : `${drifted
          .map((d) => d.name)
          .slice(0, 3)
          .join(', ')}${drifted.length > 3 ? ` and ${drifted.length - 3} more` : ''} drifted`;
  const lead =
    verdict === 'ok' ? `v${version} holds` : verdict === 'alert' ? `v${version} is off` : `v${version} needs watching`;
  const share = `on ${percent(coverage)} of the outcomes; ${drift}.`;
  if (numbers !== undefined) {
    const { rmse, meanPredicted, meanObserved, gap, coverage: inside } = numbers;
    const error = `an error of ${figure(rmse.value)}${window.referenceLoss === undefined ? '' : ` against ${figure(window.referenceLoss)} expected`}`;
    const covered =
      inside === undefined
        ? ''
        : `, intervals that cover ${percent(inside.value, 1)} of the ${percent(inside.promised)} that they promise`;
    return `${lead}: predicted ${figure(meanPredicted)}, observed ${figure(meanObserved)} on average (${signed(gap)} of the usual error), ${error}${covered}, ${share}`;
  }
  if (calibration === undefined)
    return `${plural(labelled, 'outcome')} of ${plural(window.count, 'prediction')} ${labelled === 1 ? 'is' : 'are'} too few to judge v${version}; ${drift}.`;
  if (accuracy !== undefined)
    return `${lead}: the most probable class was right in ${percent(calibration.observedRate, 1)}, its probability said ${percent(calibration.meanScore, 1)} (gap ${signed(calibration.gap)}), ${share}`;
  const low = calibration.gap >= 0 ? 'more' : 'less';
  return `${lead}: predicted ${percent(calibration.meanScore, 1)}, observed ${percent(calibration.observedRate, 1)}, ${low} often than said (gap ${signed(calibration.gap)}) ${share}`;
}

/** What the PSI alone does not say: values that are missing, or beyond what training saw. */
export function driftAside({ nullShare, referenceNullShare, beyondShare, newShare }: ColumnDriftRow): string {
  const isMissing = Math.abs(nullShare - referenceNullShare) > 0.05;
  return [
    ...(typeof newShare === 'number' && newShare > 0 ? [`${percent(newShare, 1)} new values`] : []),
    ...(beyondShare > 0.1 ? [`${percent(beyondShare)} beyond training`] : []),
    ...(isMissing ? [`null ${percent(nullShare)}, was ${percent(referenceNullShare)}`] : []),
  ].join('; ');
}

/** Why a column has its verdict. */
export function driftReason({ status, ratio, step }: ColumnDriftRow): string {
  switch (status) {
    case 'ordinary':
      return 'Like an ordinary week of the training data';
    case 'season':
      return 'Away from training, but no further or no faster than its weeks were';
    case 'drift':
      return `${ratio.toFixed(1)} times the limit of ordinary weeks${step === null ? '' : `, PSI ${step.toFixed(2)} since it was last ordinary`}`;
    case 'too-few-rows':
      return 'Too few rows to say';
    case 'no-reference':
      return 'The training data has no profile of it';
  }
}
