/** Two versions on the labelled predictions that both of them scored, by the rule of promotion of their task. */
import type { VersionComparison } from '@slipway/contract';
import { createCalendar } from '../../lib/calendar.ts';
import type { Estimate } from '../../lib/classification.ts';
import { calibrationTable, meanEstimate } from '../../lib/classification.ts';
import type { Clusters } from '../../lib/intervals.ts';
import { clustersOf, differenceOf, judge } from '../../lib/intervals.ts';
import { lossesOf } from '../../lib/judged-task.ts';
import { comparePaired, decidePaired } from '../../lib/paired.ts';
import type { LossTask } from '../../lib/paired-loss.ts';
import { comparePairedLosses, decidePairedLosses } from '../../lib/paired-loss.ts';
import type { MonitoringPorts, PairRow } from './ports.ts';
import type { Calendar, CompareRequest, Found, ScoredPairs } from './scored-pairs.ts';
import { isEmpty, paired, readScoredPairs } from './scored-pairs.ts';

const comparedRowsMax = 500_000;
/** Predictions that both versions answer again: a few seconds of work, in short turns. */
const answeredRowsMax = 50_000;

export async function compareVersions(
  deps: Pick<MonitoringPorts, 'readPairs' | 'readPredictions' | 'taskOf'>,
  endpoint: string,
  { zone, ...asked }: CompareRequest,
): Promise<VersionComparison> {
  const found = { endpoint, ...asked };
  const calendar = createCalendar('day', zone);
  const task = deps.taskOf(endpoint);
  if (task.kind === 'classes' || task.kind === 'quantiles') {
    const pairs = await deps.readPairs(endpoint, { ...asked, rowsMax: answeredRowsMax });
    return compareLosses(task, found, { pairs, calendar });
  }
  const scored = await readScoredPairs(deps, found, { calendar, rowsMax: comparedRowsMax, texts: false });
  if (task.kind === 'binary') return compareTwoClasses(found, scored);
  const pairs = scored.labels.map((label, i): PairRow => ({
    at: scored.at[i] ?? 0,
    label,
    champion: { score: scored.champion[i] ?? Number.NaN },
    challenger: { score: scored.challenger[i] ?? Number.NaN },
  }));
  return compareLosses(task, found, { pairs, calendar });
}

function compareTwoClasses(found: Found, pairs: ScoredPairs): VersionComparison {
  if (pairs.labels.length === 0) throw isEmpty(found);
  const compared = comparePaired({ ...pairs, clusters: clustersOf(pairs.days) });
  const { verdict, sentence, warnings } = decidePaired(compared);
  return {
    ...found,
    task: 'binary',
    count: compared.count,
    positives: compared.positives,
    scores: { champion: compared.champion, challenger: compared.challenger },
    dAuc: paired(compared.dAuc),
    dAucByDay: paired(compared.dAucClustered ?? compared.dAuc),
    dLogLoss: paired(compared.dLogLoss),
    dLogLossByDay: paired(compared.dLogLossClustered ?? compared.dLogLoss),
    dLogLossUpperBound: compared.dLogLoss.upperBound,
    minimumDetectableLogLoss: compared.minimumDetectableLogLoss,
    calibration: { champion: calibrationOf(pairs, 'champion'), challenger: calibrationOf(pairs, 'challenger') },
    verdict,
    sentence,
    warnings: [...warnings],
  };
}

const calibrationOf = (pairs: ScoredPairs, of: 'champion' | 'challenger') =>
  calibrationTable({ scores: pairs[of], labels: pairs.labels }, { by: 'count' }).map(
    ({ meanScore, observedRate, count }) => ({ meanScore, observedRate, count }),
  );

interface BothLosses {
  readonly champion: { readonly main: number[]; readonly side: number[] };
  readonly challenger: { readonly main: number[]; readonly side: number[] };
}

function compareLosses(
  task: LossTask,
  found: Found,
  { pairs, calendar }: { readonly pairs: readonly PairRow[]; readonly calendar: Calendar },
): VersionComparison {
  const losses: BothLosses = { champion: { main: [], side: [] }, challenger: { main: [], side: [] } };
  const days: number[] = [];
  for (const { at, label, champion, challenger } of pairs) {
    const [theirs, ours] = [lossesOf(task, champion, label), lossesOf(task, challenger, label)];
    if (theirs === undefined || ours === undefined) continue;
    for (const loss of ['main', 'side'] as const) {
      losses.champion[loss].push(theirs[loss]);
      losses.challenger[loss].push(ours[loss]);
    }
    days.push(calendar.dayOf(at));
  }
  if (days.length === 0) throw isEmpty(found);
  const clusters = clustersOf(days);
  const { verdict, sentence, warnings } = decidePairedLosses(comparePairedLosses(task, { ...losses, clusters }));
  return {
    ...found,
    task: task.kind,
    count: days.length,
    figures: figuresOf(task, losses, clusters),
    verdict,
    sentence,
    warnings: [...warnings],
  };
}

type Figure = Extract<VersionComparison, { readonly task: LossTask['kind'] }>['figures'][number];

function figuresOf(task: LossTask, losses: BothLosses, clusters: Clusters): Figure[] {
  const figure = (name: Figure['name'], loss: 'main' | 'side', as: (mean: Estimate) => Estimate): Figure => {
    const [theirs, ours] = [as(meanEstimate(losses.champion[loss])), as(meanEstimate(losses.challenger[loss]))];
    const difference = differenceOf(ours, theirs);
    return {
      name,
      champion: theirs.estimate,
      challenger: ours.estimate,
      difference: paired(judge(difference)),
      byDay: paired(judge(difference, { clusters })),
    };
  };
  switch (task.kind) {
    case 'classes':
      return [figure('log-loss', 'main', same), figure('accuracy', 'side', rest)];
    case 'number':
      return [figure('root-mean-squared-error', 'main', root), figure('mean-absolute-error', 'side', same)];
    case 'quantiles':
      return [figure('pinball-loss', 'main', same), figure('coverage', 'side', rest)];
  }
}

const same = (mean: Estimate): Estimate => mean;
/** Of a share that was missed, the share that was not. */
const rest = ({ estimate, influence }: Estimate): Estimate => ({
  estimate: 1 - estimate,
  influence: influence.map((x) => -x),
});
/** By the delta method. */
const root = ({ estimate, influence }: Estimate): Estimate => {
  const value = Math.sqrt(estimate);
  return { estimate: value, influence: value > 0 ? influence.map((x) => x / (2 * value)) : influence };
};
