/** Labels beside the predictions of the log. */
import type { Db } from '../../platform/db/db.ts';
import type { EndpointRuntime } from './endpoint-runtime.ts';
import type { Label } from './label-store.ts';
import { readLabelRange, readLabels } from './label-store.ts';
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
  const of = async (endpoint: EndpointRuntime, ids: readonly string[]): Promise<ReadonlyMap<string, Label>> => {
    if (ids.length <= fewIds) return readLabels(db, endpoint.name, ids);
    let first = ids[0] ?? '';
    let last = first;
    for (const id of ids) {
      if (id < first) first = id;
      if (id > last) last = id;
    }
    const isDense = endpoint.log.countBetween(first, last) <= rangeFactor * ids.length;
    return isDense ? readLabelRange(db, endpoint.name, { first, last }) : readLabels(db, endpoint.name, ids);
  };
  return {
    of,
    readLabelled: async (endpoint, { features, ...range }) => {
      const columns = collectColumns({ features });
      const total = await endpoint.log.sampleEventTime(range, columns.take);
      const labels = await of(endpoint, columns.ids);
      return columns.finish(total, (id) => labels.get(id)?.value);
    },
  };
}
