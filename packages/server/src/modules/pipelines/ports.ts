/** What pipelines need from the rest of the program, in their own words. */
import type { BundleFile } from '@slipway/contract';

export interface ResolvedDataset {
  readonly id: string;
  readonly dataset: string;
  readonly number: number;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly rowCount: number;
  /** Local files that the reference selects, in order. */
  readonly paths: readonly string[];
  /** Its rows as SQL that can stand after FROM, whatever the format of the files. */
  readonly relation: string;
}

export interface DatasetPort {
  /** Throws `not_found` when the reference names nothing. */
  resolve(ref: string): Promise<ResolvedDataset>;
}

export interface BundlePort {
  /** The files of a bundle. Throws when nobody has uploaded it. */
  manifest(digest: string): Promise<readonly BundleFile[]>;
  /** The commit that the project was applied from. */
  commit(project: string): Promise<string | undefined>;
}

export interface TokenPort {
  /** A token for one step; `revoke` ends it. */
  issueStepToken(actor: string): { readonly secret: string; revoke(): void };
}

export interface TrackingPort {
  /** A run for a program that logs through `mlflow`; answers its id in our spelling and as MLflow's 32 hex digits. */
  startRun(run: {
    readonly experiment: string;
    readonly name: string;
    readonly tags: Readonly<Record<string, string>>;
    readonly actor: string;
  }): Promise<{ readonly id: string; readonly hex: string }>;
  /** `isBare`: it has neither a param nor a metric. */
  endRun(run: {
    readonly id: string;
    readonly isSuccess: boolean;
    readonly actor: string;
  }): Promise<{ readonly isBare: boolean }>;
}
