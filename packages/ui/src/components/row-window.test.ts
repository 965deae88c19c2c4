import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { blockRows, rowWindow, scrollFor, wantsMore } from './row-window.ts';

const viewport = fc.record({
  topPx: fc.integer({ min: -500, max: 400_000 }),
  heightPx: fc.integer({ min: 0, max: 3000 }),
  rowPx: fc.integer({ min: 20, max: 60 }),
});

test('every row in sight is drawn, and few others', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10_000 }), viewport, (count, view) => {
      const { first, end } = rowWindow(count, view);
      assert.ok(first >= 0 && end <= count && first <= end);
      for (let row = 0; row < count; row += 1) {
        const from = row * view.rowPx;
        const isInSight = from + view.rowPx > view.topPx && from < view.topPx + view.heightPx;
        if (isInSight) assert.ok(row >= first && row < end, `row ${row} of ${first} to ${end}`);
      }
      assert.ok(end - first <= Math.ceil(view.heightPx / view.rowPx) + 1 + 8 * blockRows);
    }),
    { numRuns: 60 },
  );
});

test('within a block nothing changes', () => {
  const at = (topPx: number): unknown => rowWindow(10_000, { topPx, heightPx: 600, rowPx: 30 });
  assert.deepEqual(at(3600), at(3600 + 29));
  assert.notDeepEqual(at(3600), at(3600 + blockRows * 30));
});

test('a row comes into sight by the shortest way', () => {
  const view = { topPx: 300, heightPx: 90, rowPx: 30 };
  assert.equal(scrollFor(10, view), undefined);
  assert.equal(scrollFor(12, view), undefined);
  assert.equal(scrollFor(9, view), 270);
  assert.equal(scrollFor(13, view), 330);
});

test('the next page is asked for at 60 % of the rows', () => {
  const view = (topPx: number): Parameters<typeof wantsMore>[1] => ({ topPx, heightPx: 0, rowPx: 30 });
  assert.equal(wantsMore(100, view(1799)), false);
  assert.equal(wantsMore(100, view(1800)), true);
});
