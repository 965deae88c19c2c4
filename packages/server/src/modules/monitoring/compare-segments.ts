/**
 * Where one version ranks better than another: the AUC gain on the labelled predictions that both scored, for all of them and
 * for each value of a text that requests bring.
 *
 * Each gain is DeLong's paired difference, with days kept together where there are two or more. Segments are chosen by
 * their size alone, and their intervals hold together (Bonferroni), so that the best of many is no discovery by itself.
 */
import type { VersionSegments } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import { createCalendar } from '../../lib/calendar.ts';
import { aucEstimate } from '../../lib/classification.ts';
import type { Judged } from '../../lib/intervals.ts';
import { clustersOf, differenceOf, judge } from '../../lib/intervals.ts';
import { normalQuantile } from '../../lib/special-functions.ts';
import { finite } from './judged-figures.ts';
import type { MonitoringPorts, TextColumn } from './ports.ts';
import type { CompareRequest, ScoredPairs } from './scored-pairs.ts';
import { isEmpty, paired, readScoredPairs } from './scored-pairs.ts';

export interface SegmentsRequest extends CompareRequest {
  readonly by?: string | undefined;
}

/** Their requests are read again, with their texts. */
const readRowsMax = 50_000;
/** Fewer rows of a class than this have no interval worth the name. */
const classRowsMin = 30;
const segmentsMax = 12;
const levelOfAll = 0.95;
const powerZ = normalQuantile(0.975) + normalQuantile(0.8);

interface Segment {
  readonly value: string | null;
  /** Places among the pairs. */
  readonly rows: readonly number[];
  readonly positives: number;
}

export async function compareSegments(
  deps: Pick<MonitoringPorts, 'readPredictions' | 'taskOf'>,
  endpoint: string,
  { zone, by: asked, ...versions }: SegmentsRequest,
): Promise<VersionSegments> {
  const task = deps.taskOf(endpoint);
  if (task.kind !== 'binary') throw new SlipwayError('segments_task', { endpoint, task: task.kind });
  const found = { endpoint, ...versions };
  const calendar = createCalendar('day', zone);
  const pairs = await readScoredPairs(deps, found, { calendar, rowsMax: readRowsMax, texts: true });
  if (pairs.labels.length === 0) throw isEmpty(found);
  const split = pairs.texts
    .map((column) => ({ name: column.name, segments: segmentsOf(column, pairs.labels) }))
    .filter(({ segments }) => segments.filter((one) => isEnough(one)).length > 1)
    .toSorted((a, b) => a.segments.length - b.segments.length);
  const columns = split.map(({ name }) => name);
  const chosen = asked === undefined ? split[0] : split.find(({ name }) => name === asked);
  if (asked !== undefined && chosen === undefined)
    throw new SlipwayError('segment_column_missing', {
      endpoint,
      column: asked,
      rowsMin: classRowsMin,
      columns: columns.join(', ') || 'none',
    });
  const all: Segment = { value: null, rows: [...pairs.labels.keys()], positives: sum(pairs.labels) };
  const gain = isEnough(all) ? gainOf(pairs, all, levelOfAll) : undefined;
  const taken = chosen?.segments.slice(0, segmentsMax) ?? [];
  const looks = taken.filter((one) => isEnough(one)).length;
  const level = 1 - (1 - levelOfAll) / Math.max(1, looks);
  return {
    ...found,
    columns,
    ...(chosen === undefined ? {} : { by: chosen.name }),
    all: { count: all.rows.length, positives: all.positives, ...(gain === undefined ? {} : { dAuc: paired(gain) }) },
    segments: taken.map((one) => ({
      value: one.value,
      count: one.rows.length,
      positives: one.positives,
      ...(isEnough(one) ? { dAuc: paired(gainOf(pairs, one, level)) } : {}),
    })),
    otherCount: chosen === undefined ? 0 : all.rows.length - sum(taken.map((one) => one.rows.length)),
    level,
    minimumDetectableAuc: gain === undefined ? null : finite(powerZ * gain.standardError),
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const isEnough = ({ rows, positives }: Segment): boolean =>
  Math.min(positives, rows.length - positives) >= classRowsMin;

/** Of the values of a column, the most frequent first. */
function segmentsOf({ values }: TextColumn, labels: readonly number[]): Segment[] {
  const found = new Map<string | null, { rows: number[]; positives: number }>();
  values.forEach((value, i) => {
    let one = found.get(value);
    if (one === undefined) found.set(value, (one = { rows: [], positives: 0 }));
    one.rows.push(i);
    one.positives += labels[i] ?? 0;
  });
  return [...found].map(([value, one]) => ({ value, ...one })).toSorted((a, b) => b.rows.length - a.rows.length);
}

function gainOf(pairs: ScoredPairs, { rows }: Segment, level: number): Judged {
  const of = (values: readonly number[]): Float64Array => Float64Array.from(rows, (i) => values[i] ?? Number.NaN);
  const labels = of(pairs.labels);
  const gain = differenceOf(
    aucEstimate({ scores: of(pairs.challenger), labels }),
    aucEstimate({ scores: of(pairs.champion), labels }),
  );
  const clusters = clustersOf(of(pairs.days));
  return judge(gain, clusters.count > 1 ? { level, clusters } : { level });
}
