/** The predictions that the page is about: a range of event time from the address, the last known day unless said. */
import type { Endpoint, PredictionRecord } from '@slipway/contract';
import type { UseQueryResult } from '@tanstack/react-query';
import { useState } from 'react';
import type { ApiError } from '../../api/client.ts';
import { useAsk } from '../../api/queries.ts';
import { ofField } from './event-time.ts';
import type { ViewState } from '../../components/use-view-state.ts';

const dayMs = 86_400_000;
/** The most that the server gives of one range. */
export const predictionsMax = 1000;

export interface PredictionRange {
  readonly from: number;
  readonly to: number | undefined;
  /** Where "the last" is counted from: up to here outcomes are known, else now. */
  readonly endAt: number;
  readonly answer: UseQueryResult<{ readonly items: PredictionRecord[] }, ApiError>;
  /** More predictions follow in the range than are shown. */
  readonly isCut: boolean;
}

export function usePredictionRange(endpoint: Endpoint, view: ViewState): PredictionRange {
  const [now] = useState(() => Date.now());
  const endAt = endpoint.labelWatermarkAt ?? now;
  const from = Math.max(0, ofField(view.get('from')) ?? endAt - dayMs);
  const to = ofField(view.get('to'));
  const answer = useAsk(
    'endpoints.predictions',
    {
      params: { endpoint: endpoint.name },
      query: { from, ...(to === undefined ? {} : { to }), limit: predictionsMax },
    },
    // Without a deployment there is no log to ask for.
    { keep: true, enabled: endpoint.deployment !== undefined },
  );
  return { from, to, endAt, answer, isCut: (answer.data?.items.length ?? 0) === predictionsMax };
}
