/** What quality needs of others, in its own words. */
import type { ColumnSchema, DataRow } from '@slipway/contract';

export interface SelectedDataset {
  readonly id: string;
  readonly dataset: string;
  readonly number: number;
  readonly digest: string;
  readonly rowCount: number;
  readonly schema: readonly ColumnSchema[];
  readonly files: readonly { readonly name: string; readonly rowCount: number }[];
  /** In the order of `files`. */
  readonly paths: readonly string[];
  /** An SQL relation with the columns of `schema`, `filename` (one of `paths`) and `file_row_number`. */
  readonly relation: string;
}

export interface Datasets {
  /** Throws when there is no such version, or no file of it is selected. */
  resolve(ref: string, options: { readonly files?: readonly string[] | undefined }): Promise<SelectedDataset>;
  /** Rows of a selection for which an SQL condition of ours holds, in their order. */
  pageRows(source: FilteredRows, request: RowsRequest): Promise<RowPage>;
}

export interface FilteredRows extends SelectedDataset {
  /** `id` tells one filter from another, so that page tokens are not mixed up. */
  readonly filter: { readonly id: string; readonly relation: string; readonly condition: string };
}

export interface RowsRequest {
  readonly columns?: string | undefined;
  readonly limit: number;
  readonly pageToken?: string | undefined;
}

export interface RowPage {
  readonly columns: { readonly name: string; readonly type: string }[];
  readonly items: DataRow[];
  readonly nextPageToken?: string;
}
