/**
 * Steps of rollouts on the clock of a series. A decision has the server's time; by event time it stands where the first
 * prediction stands that was answered after it, so that a replay of last year shows it amid the traffic that it changed.
 */
import type { EndpointSeries, Rollout, SeriesMark } from '@slipway/contract';
import type { PredictionLog } from './prediction-log.ts';
import { searchLog } from './prediction-search.ts';

/** Newest rollouts whose steps are marked. */
export const rolloutsMarked = 5;
/** Places kept, of all endpoints: the first prediction after a decision stays the first. */
const keptMax = 1000;
/** Records looked at for one place: the first of the span is nearly always it. */
const scanMax = 20_000;

type Log = Pick<PredictionLog, 'segments' | 'lookup'>;
type Window = Pick<EndpointSeries, 'endpoint' | 'clock' | 'from' | 'to'>;

export interface SeriesMarks {
  of(log: Log, rollouts: readonly Rollout[], window: Window): Promise<SeriesMark[]>;
}

export function createSeriesMarks(): SeriesMarks {
  const kept = new Map<string, number>();
  const eventTimeOf = async (log: Log, endpoint: string, at: number): Promise<number | undefined> => {
    const key = `${endpoint}|${at}`;
    const known = kept.get(key);
    if (known !== undefined) return known;
    const range = { clock: 'received', order: 'oldest', from: at, to: Number.MAX_SAFE_INTEGER } as const;
    const { found } = await searchLog(log, { ...range, filter: {}, after: undefined, limit: 1, scanMax });
    const place = found[0]?.record.at;
    if (place === undefined) return undefined;
    kept.set(key, place);
    const [oldest] = kept.keys();
    if (kept.size > keptMax && oldest !== undefined) kept.delete(oldest);
    return place;
  };
  return {
    of: async (log, rollouts, { endpoint, clock, from, to }) => {
      const marks: SeriesMark[] = [];
      for (const mark of rollouts.flatMap(stepsOf)) {
        const at = clock === 'received' ? mark.at : await eventTimeOf(log, endpoint, mark.at);
        if (at !== undefined && at >= from && at < to) marks.push({ ...mark, at });
      }
      return marks.toSorted((a, b) => a.at - b.at);
    },
  };
}

/** What a rollout did, by the server's time. */
function stepsOf({ id, candidate, plan, decisions }: Rollout): SeriesMark[] {
  return decisions.flatMap(({ at, verdict, stage }): SeriesMark[] => {
    if (verdict === 'held') return [];
    const place = plan.stages.findIndex((one) => one.name === stage);
    const next = verdict === 'started' ? plan.stages[0] : verdict === 'advanced' ? plan.stages[place + 1] : undefined;
    return [{ at, rollout: id, candidate, verdict, ...(next === undefined ? {} : { percent: next.percent }) }];
  });
}
