/** Keyset pages: a query asks for one row more than a page holds, and that row's being there means that there is more. */

export interface PageRequest {
  readonly limit: number;
  readonly pageToken?: string | undefined;
}

export interface Page<T> {
  readonly items: T[];
  /** Left out on the last page. */
  readonly nextPageToken?: string;
}

/** Of the `limit + 1` rows that were asked for. The token is made from the last row of the page. */
export function pageOf<Row, T>(
  rows: readonly Row[],
  limit: number,
  tokenOf: (row: Row) => string,
  itemOf: (row: Row) => T,
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const items = shown.map(itemOf);
  return rows.length > limit && last !== undefined ? { items, nextPageToken: tokenOf(last) } : { items };
}
