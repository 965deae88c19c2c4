/** Pages of found predictions, with the filter that only the database can answer: whether a label has come. */
import type { Instance } from '@slipway/contract';
import { encodePageToken, decodePageToken, fingerprintOf } from '../../lib/page-token.ts';
import type { EndpointRuntime } from './endpoint-runtime.ts';
import type { Label } from './label-store.ts';
import type { Labels } from './labels.ts';
import type { LoggedPrediction } from './prediction-log.ts';
import type { FoundPrediction, PredictionSearch, SearchKey } from './prediction-search.ts';
import { scanMaxDefault, searchLog } from './prediction-search.ts';

/** Records whose labels are looked up at once. */
const labelledAtOnce = 1000;

export interface PredictionQuery extends Omit<PredictionSearch, 'after' | 'scanMax'> {
  readonly labelled?: boolean | undefined;
  readonly pageToken?: string | undefined;
  /** 200,000 unless said. */
  readonly scanMax?: number | undefined;
}

export interface PredictionPage {
  readonly items: readonly { readonly record: LoggedPrediction; readonly label: Label | undefined }[];
  readonly nextPageToken: string | undefined;
  readonly scanned: number;
  readonly isScanBound: boolean;
}

/** Our own text of inputs that the request's schema had checked. */
export const inputsOf = ({ inputs }: LoggedPrediction): Instance['inputs'] => JSON.parse(inputs) as Instance['inputs'];

export async function findPredictions(
  endpoint: EndpointRuntime,
  labels: Labels,
  query: PredictionQuery,
): Promise<PredictionPage> {
  const { labelled, limit, pageToken, scanMax = scanMaxDefault, ...search } = query;
  const fingerprint = fingerprintOf([endpoint.name, labelled ?? null, search]);
  let after = pageToken === undefined ? undefined : keyOf(pageToken, fingerprint);
  const items: { found: FoundPrediction; label: Label | undefined }[] = [];
  let scanned = 0;
  const pageTo = (nextAfter: SearchKey | undefined): PredictionPage => ({
    items: items.slice(0, limit).map(({ found, label }) => ({ record: found.record, label })),
    nextPageToken: nextAfter && encodePageToken(fingerprint, [nextAfter.time, nextAfter.id]),
    scanned,
    isScanBound: nextAfter !== undefined && items.length < limit,
  });
  for (;;) {
    const wanted = labelled === undefined ? limit + 1 - items.length : Math.max(limit + 1, labelledAtOnce);
    const result = await searchLog(endpoint.log, { ...search, after, limit: wanted, scanMax: scanMax - scanned });
    scanned += result.scanned;
    const known = await labels.of(
      endpoint,
      result.found.map(({ record }) => record.id),
    );
    for (const found of result.found) {
      const label = known.get(found.record.id);
      if (labelled === undefined || (label !== undefined) === labelled) items.push({ found, label });
    }
    if (items.length > limit) return pageTo(items[limit - 1]?.found.key);
    if (result.cut !== undefined) return pageTo(result.cut);
    if (result.found.length < wanted) return pageTo(undefined);
    after = result.found.at(-1)?.key;
    if (scanned >= scanMax) return pageTo(after);
  }
}

function keyOf(token: string, fingerprint: string): SearchKey {
  const [time, id] = decodePageToken(token, fingerprint, 2);
  return { time: Number(time), id: String(id) };
}
