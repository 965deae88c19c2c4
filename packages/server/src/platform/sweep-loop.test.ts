import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSystemClock } from './clock.ts';
import { createLog } from './log.ts';
import { createSweepLoop } from './sweep-loop.ts';

/** Timers fire by hand; what a pass does after them is awaited. */
function openLoop(pass: () => Promise<unknown>) {
  const waiting = new Set<() => void>();
  const clock = {
    ...createSystemClock(),
    after: (_delayMs: number, callback: () => void) => {
      waiting.add(callback);
      return () => waiting.delete(callback);
    },
  };
  const lines: string[] = [];
  const log = createLog({ level: 'error', now: () => 0, write: (line) => lines.push(line) });
  const loop = createSweepLoop({ clock, log }, { of: 'things', everyMs: 1000, pass });
  const fire = async (): Promise<void> => {
    const due = [...waiting];
    waiting.clear();
    for (const callback of due) callback();
    await new Promise(setImmediate);
  };
  return { loop, lines, waiting, fire };
}

test('a pass follows the other, also after one that failed', async () => {
  let passes = 0;
  const { loop, lines, waiting, fire } = openLoop(async () => {
    passes++;
    if (passes === 2) throw new Error('gone');
  });
  loop.start();
  loop.start();
  assert.deepEqual([passes, waiting.size], [0, 1], 'not before the pause, and one at a time');
  for (let i = 1; i <= 4; i++) {
    await fire();
    assert.deepEqual([passes, waiting.size], [i, 1]);
  }
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /the sweep of things failed.*gone/);
  loop.stop();
  assert.equal(waiting.size, 0);
});

test('after a stop in the middle of a pass none follows', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { loop, waiting, fire } = openLoop(() => promise);
  loop.start();
  await fire();
  loop.stop();
  resolve();
  await new Promise(setImmediate);
  assert.equal(waiting.size, 0);
});
