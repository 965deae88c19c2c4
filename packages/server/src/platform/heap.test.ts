import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { youngBytesMax } from './heap.ts';

/** Answers of some MB that live for a while, as a burst of large lists makes them; prints the room that young objects took. */
const burst = `
  import { getHeapSpaceStatistics } from 'node:v8';
  import { setImmediate } from 'node:timers/promises';
  const alive = [];
  let most = 0;
  for (let i = 0; i < 100; i++) {
    alive.push(Array.from({ length: 20_000 }, (_, n) => ({ i, n, text: 'x'.repeat(n % 7) + n })));
    if (alive.length > 12) alive.shift();
    await setImmediate();
    most = Math.max(most, getHeapSpaceStatistics().find((s) => s.space_name === 'new_space').space_size);
  }
  console.log(most);
`;

/** What V8 allows on a large machine, on any. */
const largeYoung = '--max-semi-space-size=64';

function youngBytesOf(before: string): number {
  const source = `${before}${burst}`;
  const printed = execFileSync(process.execPath, [largeYoung, '--input-type=module', '-e', source], {
    encoding: 'utf8',
  });
  return Number(printed.trim());
}

test('young objects take bounded room, and more without the bound', () => {
  const bound = `import { boundHeap } from ${JSON.stringify(import.meta.resolve('./heap.ts'))}; boundHeap();`;
  // Doubled at most once between a collection and the look after it.
  assert.ok(youngBytesOf(bound) <= 2 * youngBytesMax);
  assert.ok(youngBytesOf('') > 2 * youngBytesMax);
});
