/** Every point of one metric of one run, in the order (at, step, value), one keyset page at a time. */
import type { MetricValue } from '@slipway/contract';
import { sql } from 'kysely';
import { decodePageToken, encodePageToken, fingerprintOf } from '../../lib/page-token.ts';
import type { Db } from '../../platform/db/db.ts';
import { keyIdOf } from './conditions.ts';
import { metricValue, runKey, scan } from './read.ts';

export interface HistoryPoint {
  readonly value: MetricValue;
  readonly step: number;
  readonly at: number;
}

export interface HistoryPage {
  readonly items: HistoryPoint[];
  readonly nextPageToken?: string;
}

export async function history(
  db: Db,
  query: {
    readonly run: string;
    readonly key: string;
    readonly limit: number;
    readonly pageToken?: string | undefined;
  },
): Promise<HistoryPage> {
  const run = await runKey(db, query.run);
  const fingerprint = fingerprintOf(['history', query.run, query.key]);
  const after =
    query.pageToken === undefined
      ? sql``
      : sql`and (ts, step, value, is_nan) > (${sql.join(decodePageToken(query.pageToken, fingerprint, 4))})`;
  const rows = await scan(
    db,
    sql<{ ts: number; step: number; value: number; is_nan: number }>`
      select ts, step, value, is_nan from tracking_metric_point
      where run_id = ${run} and key_id = ${keyIdOf(query.key)} ${after}
      order by ts, step, value, is_nan limit ${query.limit + 1}`,
  );
  const page = rows.slice(0, query.limit);
  const last = page.at(-1);
  return {
    items: page.map((p) => ({ value: metricValue(p.value, p.is_nan), step: p.step, at: p.ts })),
    ...(rows.length > query.limit && last !== undefined
      ? { nextPageToken: encodePageToken(fingerprint, [last.ts, last.step, last.value, last.is_nan]) }
      : {}),
  };
}
