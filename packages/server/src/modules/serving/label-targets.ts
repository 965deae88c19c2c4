/** The predictions that outcomes belong to: named by their own ids, or by the ids that the callers' requests had. */
import { SlipwayError } from '@slipway/contract';
import type { NewLabel } from './label-store.ts';
import type { NamedPrediction, PredictionLookup } from './prediction-lookup.ts';

/** An outcome as it came; a name of a prediction is never one of a caller's too. */
export interface GivenLabel<Value = number | string> {
  readonly predictionId?: string | undefined;
  /** The caller's own id. */
  readonly instanceId?: string | undefined;
  readonly value: Value;
  readonly at: number;
}

export const nameOfLabel = ({ predictionId, instanceId }: GivenLabel<unknown>): string =>
  predictionId ?? instanceId ?? '';

/** Of several predictions with one caller's id, made up to the outcome's instant: the one with the newest event time, all, or none. */
export type WhichPredictions = 'newest' | 'all' | 'skip';

export interface LabelTargets {
  /** In the order of the request. */
  readonly labels: readonly NewLabel[];
  /** Outcomes without a prediction, and the first of their ids. */
  readonly unknown: number;
  readonly unknownIds: string[];
  /** Outcomes whose id several predictions have. */
  readonly several: number;
}

const unknownShown = 10;
/** Most predictions that one request labels where one id means all of its predictions: memory, and one transaction. */
const targetsMax = 100_000;

interface Wanted {
  readonly label: GivenLabel<number>;
  readonly found: NamedPrediction[];
  count: number;
}

const isNewer = (a: NamedPrediction, b: NamedPrediction | undefined): boolean =>
  b === undefined || a.at > b.at || (a.at === b.at && a.id > b.id);

/** Throws `label_invalid` where the ids mean more predictions than one request may label. */
export async function findTargets(
  lookup: Pick<PredictionLookup, 'known' | 'eachOf'>,
  given: readonly GivenLabel<number>[],
  options: { readonly endpoint: string; readonly which: WhichPredictions },
): Promise<LabelTargets> {
  const known = await lookup.known(given.flatMap(({ predictionId }) => predictionId ?? []));
  const wanted = given.map((label): Wanted => ({ label, found: [], count: 0 }));
  await findInstances(lookup, wanted, options);
  const labels: NewLabel[] = [];
  const unknown: string[] = [];
  let several = 0;
  for (const { label, found, count } of wanted) {
    const { predictionId, value, at } = label;
    if (count > 1) several++;
    if (predictionId !== undefined && known.has(predictionId)) labels.push({ predictionId, value, at });
    else if (found.length === 0) unknown.push(nameOfLabel(label));
    if (count > 1 && options.which === 'skip') continue;
    for (const { id } of found) labels.push({ predictionId: id, value, at });
  }
  return { labels, unknown: unknown.length, unknownIds: unknown.slice(0, unknownShown), several };
}

async function findInstances(
  lookup: Pick<PredictionLookup, 'eachOf'>,
  wanted: readonly Wanted[],
  { endpoint, which }: { readonly endpoint: string; readonly which: WhichPredictions },
): Promise<void> {
  const byInstance = Map.groupBy(
    wanted.filter(({ label }) => label.instanceId !== undefined),
    ({ label }) => label.instanceId ?? '',
  );
  let targets = 0;
  await lookup.eachOf([...byInstance.keys()], (instanceId, prediction) => {
    for (const one of byInstance.get(instanceId) ?? []) {
      if (prediction.at > one.label.at) continue;
      one.count++;
      if (which !== 'all') {
        if (isNewer(prediction, one.found[0])) one.found[0] = prediction;
        continue;
      }
      one.found.push(prediction);
      if (++targets <= targetsMax) continue;
      throw new SlipwayError('label_invalid', {
        prediction: instanceId,
        endpoint,
        problem: `all predictions of the ids in this request are more than ${targetsMax}. Send fewer labels at once, or label the newest prediction of each id.`,
      });
    }
  });
}
