/** The figures of one series in one bucket: counted record by record, then done. */
import type { EndpointSeries } from '@slipway/contract';
import type { JudgedAnswer, JudgedTask } from '../../lib/judged-task.ts';
import { lossesOf } from '../../lib/judged-task.ts';
import type { QuantileSketch } from '../../lib/quantiles.ts';
import { createQuantileSketch } from '../../lib/quantiles.ts';
import type { RecordHead } from './log-record.ts';

/** Of quantiles of the latency. */
const latencyError = 0.02;

export type SeriesBy = EndpointSeries['by'];

/** One series of one bucket, done. */
export interface Cell {
  readonly key: string;
  readonly versions: readonly number[];
  readonly requests: number;
  readonly faults: number;
  readonly latencyUs: readonly [p50: number | null, p95: number | null, p99: number | null];
  readonly meanScore: number | null;
  readonly labelled: number;
  readonly meanLabel: number | null;
  /** Means of the losses of `judged-task.ts`, over the labels that could be judged. */
  readonly mainLoss: number | null;
  readonly sideLoss: number | null;
  /** Of quantiles: mean distance of the outcome from the middle one. */
  readonly middleError: number | null;
}

/** One series of one bucket while it is counted. */
export interface OpenCell {
  readonly versions: Set<number>;
  requests: number;
  faults: number;
  scores: number;
  scoreSum: number;
  readonly latency: QuantileSketch;
  labelled: number;
  labelSum: number;
  judged: number;
  mainSum: number;
  sideSum: number;
  middleSum: number;
}

export function addRecord(cells: Map<string, OpenCell>, head: RecordHead, by: SeriesBy): OpenCell {
  const cell = openCell(cells, by === 'arm' ? (head.isCanary ? 'candidate' : 'incumbent') : String(head.version));
  cell.versions.add(head.version);
  cell.requests++;
  cell.latency.add(head.latencyUs);
  if (Number.isFinite(head.score)) {
    cell.scores++;
    cell.scoreSum += head.score;
  }
  if (head.fault !== 'none') openCell(cells, by === 'arm' ? 'candidate' : String(head.shadowVersion)).faults++;
  return cell;
}

function openCell(cells: Map<string, OpenCell>, key: string): OpenCell {
  let cell = cells.get(key);
  if (cell === undefined) {
    cell = {
      versions: new Set(),
      requests: 0,
      faults: 0,
      scores: 0,
      scoreSum: 0,
      latency: createQuantileSketch(latencyError),
      labelled: 0,
      labelSum: 0,
      judged: 0,
      mainSum: 0,
      sideSum: 0,
      middleSum: 0,
    };
    cells.set(key, cell);
  }
  return cell;
}

/** A label of the task's own kind is counted; the answer is judged where it is at hand. */
export function addLabel(cell: OpenCell, label: number): void {
  cell.labelled++;
  cell.labelSum += label;
}

export function addAnswer(
  cell: OpenCell,
  { task, answer }: { readonly task: JudgedTask; readonly answer: JudgedAnswer },
  label: number,
): void {
  const losses = lossesOf(task, answer, label);
  if (losses === undefined) return;
  cell.judged++;
  cell.mainSum += losses.main;
  cell.sideSum += losses.side;
  cell.middleSum += Math.abs(answer.score - label);
}

export function cellOf([key, cell]: [string, OpenCell]): Cell {
  const quantile = (q: number): number | null => (cell.requests === 0 ? null : Math.round(cell.latency.quantile(q)));
  const mean = (sum: number, count: number): number | null => (count === 0 ? null : sum / count);
  return {
    key,
    versions: [...cell.versions],
    requests: cell.requests,
    faults: cell.faults,
    latencyUs: [quantile(0.5), quantile(0.95), quantile(0.99)],
    meanScore: mean(cell.scoreSum, cell.scores),
    labelled: cell.labelled,
    meanLabel: mean(cell.labelSum, cell.labelled),
    mainLoss: mean(cell.mainSum, cell.judged),
    sideLoss: mean(cell.sideSum, cell.judged),
    middleError: mean(cell.middleSum, cell.judged),
  };
}

/** One series for each key that occurs; a bucket that was not computed is null. */
export function seriesOf(
  { by, task }: { readonly by: SeriesBy; readonly task: JudgedTask },
  buckets: readonly (readonly Cell[] | undefined)[],
): EndpointSeries['series'] {
  const seen = buckets.flatMap((cells) => cells ?? []);
  const keys = [...new Set(seen.map((cell) => cell.key))].sort(
    by === 'arm' ? undefined : (a, b) => Number(a) - Number(b),
  );
  if (by === 'arm') keys.reverse();
  return keys.map((key) => {
    const cells = buckets.map((bucket) => bucket?.find((cell) => cell.key === key));
    const values = (read: (cell: Cell) => number | null): (number | null)[] =>
      cells.map((cell) => (cell === undefined ? null : read(cell)));
    // Where a bucket was computed and has none of it, none is what there was.
    const counts = (read: (cell: Cell) => number): (number | null)[] =>
      cells.map((cell, i) => (cell === undefined ? (buckets[i] === undefined ? null : 0) : read(cell)));
    const own = seen.filter((cell) => cell.key === key);
    return {
      key,
      ...armOf(key),
      versions: [...new Set(own.flatMap((cell) => cell.versions))].sort((a, b) => a - b),
      requests: counts((cell) => cell.requests),
      faults: counts((cell) => cell.faults),
      latencyUsP50: values((cell) => cell.latencyUs[0]),
      latencyUsP95: values((cell) => cell.latencyUs[1]),
      latencyUsP99: values((cell) => cell.latencyUs[2]),
      meanScore: values((cell) => cell.meanScore),
      labelled: counts((cell) => cell.labelled),
      meanLabel: values((cell) => (task.kind === 'classes' ? null : cell.meanLabel)),
      ...lossesOver(task, values),
    };
  });
}

const armOf = (key: string): { readonly arm?: 'incumbent' | 'candidate' } =>
  key === 'incumbent' || key === 'candidate' ? { arm: key } : {};

type One = EndpointSeries['series'][number];
type LossLists = Pick<
  One,
  'logLoss' | 'accuracy' | 'meanAbsoluteError' | 'rootMeanSquaredError' | 'pinballLoss' | 'coverage'
>;

/** The losses of a task by the names that people know; what a task does not have is null. */
function lossesOver(
  { kind }: JudgedTask,
  values: (read: (cell: Cell) => number | null) => (number | null)[],
): LossLists {
  const of = (kinds: readonly JudgedTask['kind'][], read: (cell: Cell) => number | null): (number | null)[] =>
    values((cell) => (kinds.includes(kind) ? read(cell) : null));
  const main = ({ mainLoss }: Cell): number | null => mainLoss;
  const right = ({ sideLoss }: Cell): number | null => (sideLoss === null ? null : 1 - sideLoss);
  return {
    logLoss: of(['binary', 'classes'], main),
    accuracy: of(['classes'], right),
    meanAbsoluteError: of(['number', 'quantiles'], ({ sideLoss, middleError }) =>
      kind === 'number' ? sideLoss : middleError,
    ),
    rootMeanSquaredError: of(['number'], ({ mainLoss }) => (mainLoss === null ? null : Math.sqrt(mainLoss))),
    pinballLoss: of(['quantiles'], main),
    coverage: of(['quantiles'], right),
  };
}
