import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { blockRows, blockWindow } from './block-window.ts';

const rowsOf = fc.array(fc.integer({ min: 20, max: 90 }), { minLength: 1, maxLength: 600 });

/** All blocks measured: the truth is known for each row. */
function measured(rows: readonly number[]): Map<number, number> {
  const heights = new Map<number, number>();
  rows.forEach((px, i) => {
    const block = Math.floor(i / blockRows);
    heights.set(block, (heights.get(block) ?? 0) + px);
  });
  return heights;
}

test('every row in sight is drawn, few others are, and the heights add up', () => {
  fc.assert(
    fc.property(
      rowsOf,
      fc.integer({ min: -900, max: 60_000 }),
      fc.integer({ min: 1, max: 2000 }),
      (rows, topPx, heightPx) => {
        const drawn = blockWindow({ count: rows.length, topPx, heightPx, heights: measured(rows) });
        let from = 0;
        let drawnPx = 0;
        rows.forEach((px, row) => {
          const isDrawn = row >= drawn.first && row < drawn.end;
          if (from + px > topPx && from < topPx + heightPx) assert.ok(isDrawn, `row ${row}`);
          if (isDrawn) drawnPx += px;
          from += px;
        });
        assert.equal(drawn.abovePx + drawnPx + drawn.belowPx, from);
        assert.ok(drawn.end - drawn.first <= Math.ceil(heightPx / 20) + 5 * blockRows);
      },
    ),
  );
});

test('what was not drawn yet is taken to be as high as what was', () => {
  const heights = new Map([[0, blockRows * 50]]);
  const { first, end, abovePx, belowPx } = blockWindow({ count: 10_000, topPx: 250_000, heightPx: 900, heights });
  assert.ok(first <= 5000 && end > 5018);
  assert.equal(abovePx, first * 50);
  assert.equal(belowPx, (10_000 - end) * 50);
});

test('a table below what is in sight, and one scrolled past, draw an end of theirs', () => {
  const heights = new Map<number, number>();
  assert.equal(blockWindow({ count: 1000, topPx: -5000, heightPx: 900, heights }).first, 0);
  assert.equal(blockWindow({ count: 1000, topPx: 1e9, heightPx: 900, heights }).end, 1000);
  assert.deepEqual(blockWindow({ count: 0, topPx: 0, heightPx: 900, heights }), {
    first: 0,
    end: 0,
    abovePx: 0,
    belowPx: 0,
  });
});
