/** Numbers beside the menu, only for what waits for a person. One entry per address of the menu. */
import { useAsk } from '../api/queries.ts';
import { to } from './places.ts';

export interface Counter {
  readonly count: number;
  readonly isMore: boolean;
  readonly what: string;
  /** `hot` is wrong, `ask` waits for a decision. */
  readonly tone: 'hot' | 'ask';
}

const countedMax = 100;

export function useCounters(): Readonly<Record<string, Counter>> {
  const alerts = useAsk('alerts.list', { query: { state: 'open', limit: countedMax } });
  const waiting = useAsk('approvals.list', { query: { state: 'waiting', limit: countedMax } });
  return {
    [to.approvals]: {
      count: waiting.data?.items.length ?? 0,
      isMore: waiting.data?.nextPageToken !== undefined,
      what: 'approvals that wait',
      tone: 'ask',
    },
    [to.alerts]: {
      count: alerts.data?.items.length ?? 0,
      isMore: alerts.data?.nextPageToken !== undefined,
      what: 'open alerts',
      tone: 'hot',
    },
  };
}
