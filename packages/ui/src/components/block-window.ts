/**
 * Which rows of a long table are drawn when rows differ in height: whole blocks, those in sight and some beyond. A block
 * that was drawn once has its measured height, the others are taken to be as high as those on average, so the bar of the
 * scroller stays true enough and nothing moves under the pointer. Cost is linear in blocks: 1000 for 10 000 rows.
 */
export interface BlockWindow {
  readonly first: number;
  /** The row after the last one that is drawn. */
  readonly end: number;
  readonly abovePx: number;
  readonly belowPx: number;
}

export interface BlockSight {
  readonly count: number;
  /** Pixels of rows above what is in sight; negative when the table begins below it. */
  readonly topPx: number;
  readonly heightPx: number;
  /** Measured heights by number of block. */
  readonly heights: ReadonlyMap<number, number>;
}

export const blockRows = 10;
/** Blocks beyond sight on either side, ready before they are seen. */
const spareBlocks = 2;
/** Of a row before any was measured. */
const rowGuessPx = 31;

export function blockWindow({ count, topPx, heightPx, heights }: BlockSight): BlockWindow {
  const blocks = Math.ceil(count / blockRows);
  const guessPx = meanPx(heights);
  const heightOf = (block: number): number => {
    const rows = Math.min(blockRows, count - block * blockRows);
    return heights.get(block) ?? (guessPx * rows) / blockRows;
  };
  let block = 0;
  let fromPx = 0;
  // The last block is always a candidate: a scroller that is pulled beyond its end shows it.
  while (block < blocks - 1 && fromPx + heightOf(block) <= topPx) fromPx += heightOf(block++);
  let firstBlock = block;
  let abovePx = fromPx;
  let lastBlock = block;
  for (let toPx = fromPx + heightOf(block); lastBlock < blocks - 1 && toPx < topPx + heightPx;) {
    lastBlock += 1;
    toPx += heightOf(lastBlock);
  }
  for (let spare = 0; spare < spareBlocks && firstBlock > 0; spare += 1) {
    firstBlock -= 1;
    abovePx -= heightOf(firstBlock);
  }
  lastBlock = Math.min(blocks - 1, lastBlock + spareBlocks);
  let belowPx = 0;
  for (let below = lastBlock + 1; below < blocks; below += 1) belowPx += heightOf(below);
  return {
    first: firstBlock * blockRows,
    end: Math.min(count, (lastBlock + 1) * blockRows),
    abovePx: Math.max(0, abovePx),
    belowPx,
  };
}

/** Of a whole block. */
function meanPx(heights: ReadonlyMap<number, number>): number {
  if (heights.size === 0) return rowGuessPx * blockRows;
  let sum = 0;
  for (const height of heights.values()) sum += height;
  return sum / heights.size;
}
