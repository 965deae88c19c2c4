/** What quality needs of others, in its own words. */
import type { ColumnSchema } from '@slipway/contract';

export interface SelectedDataset {
  readonly id: string;
  readonly dataset: string;
  readonly number: number;
  readonly digest: string;
  readonly rowCount: number;
  readonly schema: readonly ColumnSchema[];
  readonly files: readonly { readonly name: string }[];
  /** In the order of `files`. */
  readonly paths: readonly string[];
  /** An SQL relation with the columns of `schema`, `filename` (one of `paths`) and `file_row_number`. */
  readonly relation: string;
}

export interface Datasets {
  /** Throws when there is no such version, or no file of it is selected. */
  resolve(ref: string, options: { readonly files?: readonly string[] | undefined }): Promise<SelectedDataset>;
}
