import assert from 'node:assert/strict';
import { test } from 'node:test';
import { criticalPathOf } from './critical-path.ts';

const ran = (step: string, startedAt: number, finishedAt: number) => ({ step, startedAt, finishedAt });

test('the path goes back over what each step waited for longest; what did not run ends it', () => {
  const needs = { load: [], wide: ['load'], quick: ['load'], choose: ['wide', 'quick'], aside: ['load'] };
  const graph = new Map<string, readonly string[]>(Object.entries(needs));
  const runs = [ran('load', 0, 5), ran('quick', 5, 9), ran('wide', 6, 30), ran('choose', 31, 33), ran('aside', 5, 32)];
  assert.deepEqual(criticalPathOf(graph, runs), { steps: ['load', 'wide', 'choose'], ranMs: 5 + 24 + 2 });
  const reused = [{ step: 'load' }, ...runs.slice(1)];
  assert.deepEqual(criticalPathOf(graph, reused)?.steps, ['wide', 'choose']);
  assert.equal(criticalPathOf(graph, [ran('load', 0, 5)]), undefined, 'one step is no path');
  assert.equal(criticalPathOf(graph, []), undefined);
});
