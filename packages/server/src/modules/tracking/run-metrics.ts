/** The latest value of each metric of one run, in the order of their keys, one keyset page at a time: a run may have 20,000. */
import type { RunMetric } from '@slipway/contract';
import { sql } from 'kysely';
import type { Page } from '../../lib/page.ts';
import { decodePageToken, encodePageToken, fingerprintOf } from '../../lib/page-token.ts';
import type { Db } from '../../platform/db/db.ts';
import type { MetricRow } from './read.ts';
import { runKey, runMetricOf, scan } from './read.ts';
import { within } from './run-keys.ts';

export interface RunMetricQuery {
  readonly run: string;
  readonly contains?: string | undefined;
  readonly limit: number;
  readonly pageToken?: string | undefined;
}

export async function listRunMetrics(db: Db, query: RunMetricQuery): Promise<Page<RunMetric>> {
  const { run, contains = '', limit } = query;
  const fingerprint = fingerprintOf(['run metrics', run, contains]);
  const after = query.pageToken === undefined ? undefined : decodePageToken(query.pageToken, fingerprint, 1)[0];
  const where = [
    sql`t.run_id = ${await runKey(db, run)}`,
    ...(after === undefined ? [] : [sql`k.name > ${after}`]),
    ...(contains === '' ? [] : [within(db, contains)]),
  ];
  const rows = await scan(
    db,
    sql<MetricRow>`select t.run_id, k.name "key", t.value, t.is_nan, t.step, t.ts
      from tracking_metric_latest t join tracking_key k on k.id = t.key_id
      where ${sql.join(where, sql` and `)} order by k.name limit ${limit + 1}`,
  );
  const items = rows.slice(0, limit).map(runMetricOf);
  const end = items.at(-1);
  return {
    items,
    ...(rows.length > limit && end !== undefined ? { nextPageToken: encodePageToken(fingerprint, [end.key]) } : {}),
  };
}
