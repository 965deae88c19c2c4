/**
 * Which rows of a long table are drawn: those in sight and some beyond, in whole blocks, so that scrolling a few pixels
 * changes nothing. All rows have one height; cost is constant, however many rows there are.
 */
export interface RowWindow {
  /** The first row that is drawn. */
  readonly first: number;
  /** The row after the last one that is drawn. */
  readonly end: number;
}

export interface Viewport {
  /** Pixels above what is in sight, from the first row on. */
  readonly topPx: number;
  readonly heightPx: number;
  readonly rowPx: number;
}

/** Rows come and go in blocks of so many: a frame draws few of them. */
export const blockRows = 4;
/** Blocks beyond sight on either side, ready before they are seen. */
const spareBlocks = 3;

export function rowWindow(count: number, { topPx, heightPx, rowPx }: Viewport): RowWindow {
  if (count <= 0 || rowPx <= 0) return { first: 0, end: 0 };
  // Browsers let a page be pulled beyond its ends.
  const firstInSight = Math.min(count - 1, Math.max(0, Math.floor(topPx / rowPx)));
  const lastInSight = Math.min(count - 1, Math.max(firstInSight, Math.floor((topPx + heightPx) / rowPx)));
  const first = Math.max(0, (Math.floor(firstInSight / blockRows) - spareBlocks) * blockRows);
  const end = Math.min(count, (Math.floor(lastInSight / blockRows) + 1 + spareBlocks) * blockRows);
  return { first, end };
}

/** Where to scroll so that a row is wholly in sight; undefined when it is. */
export function scrollFor(row: number, { topPx, heightPx, rowPx }: Viewport): number | undefined {
  const from = row * rowPx;
  if (from < topPx) return from;
  if (from + rowPx > topPx + heightPx) return from + rowPx - heightPx;
  return undefined;
}

/** The next page is asked for when so much of what is here has been passed. */
export const askedAtShare = 0.6;

export const wantsMore = (count: number, { topPx, heightPx, rowPx }: Viewport): boolean =>
  topPx + heightPx >= count * rowPx * askedAtShare;
