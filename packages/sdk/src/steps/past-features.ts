/** The rows of a dataset with what a feature service knew of them at their own instants, as one table for `tableRows`. */
import { join } from 'node:path';
import type { StepContext } from '../context.ts';
import type { Artifact } from '../ports.ts';
import { stepFailed } from '../step.ts';
import { dayMs } from './rows.ts';
import { sqlText } from './table-meta.ts';

export interface PastFeatures {
  /** The feature set, and the service of it whose features are wanted. Its `rows` say which instant and keys a row has. */
  readonly set: string;
  readonly service: string;
  /**
   * Rows of the table's first days are not learnt from: windows that reach further back are not full there, and what is never
   * seen again would be taken for usual. Default 0.
   */
  readonly warmUpDays?: number;
  /** Rows whose features are computed a second time, the way they are served, and compared to the bit. Default 2,000. */
  readonly paritySample?: number;
}

/** What a model is registered with, so that it is served from the service that it was trained on. */
export interface FeatureOrigin {
  readonly set: string;
  readonly service: string;
  readonly digest: string;
}

const paritySampleDefault = 2_000;

/** `relation` has the dataset's columns and the features. Throws where training and serving would differ. */
export async function joinPastFeatures(
  ctx: StepContext,
  dataset: Artifact<'dataset'>,
  { set, service, warmUpDays = 0, paritySample = paritySampleDefault }: PastFeatures,
): Promise<{ readonly relation: string; readonly featureService: FeatureOrigin }> {
  const outFile = join(ctx.workdir, 'past-features.parquet');
  const table = ctx.dataset(dataset).dataset;
  const built = await ctx.features.buildTrainingSet({
    set,
    service,
    tables: { [table]: dataset },
    outFile,
    withOwnColumns: true,
    ...(warmUpDays > 0 ? { warmUpMs: warmUpDays * dayMs } : {}),
    paritySample,
  });
  const { parity, names } = built;
  ctx.log(
    `${names.length} features of ${set}/${service}, known at each row's instant; parity with serving: ${parity.cells} values of ${parity.rows} rows, ${parity.different} differ`,
  );
  if (warmUpDays > 0) ctx.log(`rows of the first ${warmUpDays} days are left out: ${built.rowCount} are left`);
  // Deterministic: another attempt would compare the same values.
  if (parity.different > 0)
    throw stepFailed(
      ctx.step,
      `${parity.different} of ${parity.cells} feature values differ between training and serving`,
    );
  return {
    relation: `read_parquet(${sqlText(outFile)})`,
    featureService: { set, service, digest: built.serviceDigest },
  };
}
