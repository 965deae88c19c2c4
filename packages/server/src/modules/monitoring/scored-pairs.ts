/** Labelled predictions that two versions both scored, as columns: what comparisons of scores are made of. */
import type { VersionComparison } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { createCalendar } from '../../lib/calendar.ts';
import type { Judged } from '../../lib/intervals.ts';
import { finite, numberOf } from './judged-figures.ts';
import type { MonitoringPorts, TextColumn } from './ports.ts';

export interface CompareRequest {
  readonly champion: number;
  readonly challenger: number;
  readonly from: number;
  readonly to: number;
  /** Local days of this zone are the clusters. */
  readonly zone: string;
}

export type Found = Pick<VersionComparison, 'endpoint' | 'champion' | 'challenger' | 'from' | 'to'>;
export type Calendar = ReturnType<typeof createCalendar>;

/** [pairs] each. */
export interface ScoredPairs {
  readonly champion: number[];
  readonly challenger: number[];
  readonly labels: number[];
  readonly at: number[];
  readonly days: number[];
  /** Texts that came with the requests. Empty unless asked for. */
  readonly texts: readonly TextColumn[];
}

interface ReadPairs {
  readonly calendar: Calendar;
  /** Predictions of the range that are looked at, evenly. */
  readonly rowsMax: number;
  readonly texts: boolean;
}

export async function readScoredPairs(
  deps: Pick<MonitoringPorts, 'readPredictions'>,
  { endpoint, champion, challenger, from, to }: Found,
  { calendar, rowsMax, texts }: ReadPairs,
): Promise<ScoredPairs> {
  const rows = await deps.readPredictions(endpoint, { from, to, rowsMax, features: texts });
  const places: number[] = [];
  const pairs: Omit<ScoredPairs, 'texts'> = { champion: [], challenger: [], labels: [], at: [], days: [] };
  rows.label.forEach((label, i) => {
    if (Number.isNaN(label)) return;
    const scores = new Map([
      [rows.shadowVersion[i], rows.shadowScore[i]],
      [rows.version[i], rows.score[i]],
    ]);
    const [a, b] = [scores.get(champion), scores.get(challenger)];
    if (a === undefined || b === undefined) return;
    const at = rows.at[i] ?? 0;
    places.push(i);
    pairs.champion.push(a);
    pairs.challenger.push(b);
    pairs.labels.push(label);
    pairs.at.push(at);
    pairs.days.push(calendar.dayOf(at));
  });
  return {
    ...pairs,
    texts: rows.texts.map(({ name, values }) => ({ name, values: places.map((i) => values[i] ?? null) })),
  };
}

export const isEmpty = ({ from, to, ...found }: Found): SlipwayError =>
  new SlipwayError('comparison_empty', {
    ...found,
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
  });

export const paired = (
  judged: Judged,
): { value: number; z: number | null; p: number | null } & ReturnType<typeof numberOf> => ({
  ...numberOf(judged),
  z: finite(judged.z),
  p: finite(judged.p),
});
