import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pageOf } from './page.ts';

test('pages hold what was asked for, and walking their tokens meets every row once', () => {
  const all = Array.from({ length: 7 }, (_, i) => ({ id: i + 1 }));
  for (const limit of [1, 2, 3, 6, 7, 8]) {
    const seen: number[] = [];
    let after = 0;
    for (;;) {
      const rows = all.filter((row) => row.id > after).slice(0, limit + 1);
      const page = pageOf(
        rows,
        limit,
        (row) => String(row.id),
        (row) => row.id,
      );
      assert.ok(page.items.length <= limit);
      seen.push(...page.items);
      if (page.nextPageToken === undefined) break;
      after = Number(page.nextPageToken);
    }
    assert.deepEqual(
      seen,
      all.map((row) => row.id),
    );
  }
  assert.deepEqual(
    pageOf(
      [],
      5,
      () => 'x',
      (row) => row,
    ),
    { items: [] },
  );
});
