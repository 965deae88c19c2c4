/** Labels beside the predictions of the log. */
import type { Db } from '../../platform/db/db.ts';
import type { EndpointRuntime } from './endpoint-runtime.ts';
import type { IdRange, Label } from './label-store.ts';
import { markLabelRange, readLabelRange, readLabels, readValueRange } from './label-store.ts';
import type { LabelledColumns } from './labelled-columns.ts';
import { collectColumns } from './labelled-columns.ts';

/** Most labels that are looked up one by one. */
const fewIds = 50;
/** A range read is worth it while at most this many times the wanted predictions lie in the range. */
const rangeFactor = 4;

export interface Labels {
  /** Of these predictions of one endpoint, by id. */
  of(endpoint: EndpointRuntime, ids: readonly string[]): Promise<ReadonlyMap<string, Label>>;
  /** Records of a range of event time, or an even share of them, with the labels that they have now; NaN where none came. */
  readLabelled(endpoint: EndpointRuntime, range: LabelledRange): Promise<LabelledColumns>;
  /** A text that is another one whenever `readLabelled` of the range may be; the log is not read for it. */
  mark(endpoint: EndpointRuntime, range: Pick<LabelledRange, 'from' | 'to'>): Promise<string>;
}

export interface LabelledRange {
  readonly from: number;
  readonly to: number;
  /** Every second, third, ... record is left out, so that there are at most so many. */
  readonly rowsMax: number;
  /** Whether inputs are wanted too. */
  readonly features: boolean;
}

export function createLabels(db: Db): Labels {
  const of = (endpoint: EndpointRuntime, ids: readonly string[]): Promise<ReadonlyMap<string, Label>> => {
    const range = denseRange(endpoint, ids);
    return range === undefined ? readLabels(db, endpoint.name, ids) : readLabelRange(db, endpoint.name, range);
  };
  const valuesOf = async (endpoint: EndpointRuntime, ids: readonly string[]): Promise<ReadonlyMap<string, number>> => {
    const range = denseRange(endpoint, ids);
    if (range !== undefined) return readValueRange(db, endpoint.name, range);
    return new Map([...(await readLabels(db, endpoint.name, ids))].map(([id, { value }]) => [id, value]));
  };
  return {
    of,
    readLabelled: async (endpoint, { features, ...range }) => {
      const columns = collectColumns({ features });
      const total = await endpoint.log.sampleEventTime(range, columns.take);
      const values = await valuesOf(endpoint, columns.ids);
      return columns.finish(total, (id) => values.get(id));
    },
    mark: async (endpoint, range) => {
      const outline = endpoint.log.outlineEventTime(range);
      if (outline === undefined) return 'none';
      return `${outline.mark} ${await markLabelRange(db, endpoint.name, outline)}`;
    },
  };
}

/** The range of the ids where most predictions in it are wanted: its labels are read at once. */
function denseRange(endpoint: EndpointRuntime, ids: readonly string[]): IdRange | undefined {
  if (ids.length <= fewIds) return undefined;
  let first = ids[0] ?? '';
  let last = first;
  for (const id of ids) {
    if (id < first) first = id;
    if (id > last) last = id;
  }
  return endpoint.log.countBetween(first, last) <= rangeFactor * ids.length ? { first, last } : undefined;
}
