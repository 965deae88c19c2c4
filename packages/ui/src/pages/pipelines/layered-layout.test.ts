import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { layeredLayout } from './layered-layout.ts';

const size = { width: 146, height: 44, rankGap: 24, gap: 16 };

/** Each step may wait for earlier ones only. */
const graphs = fc.array(fc.array(fc.nat(60), { maxLength: 3 }), { minLength: 1, maxLength: 60 }).map((needs) => ({
  steps: needs.map((_, i) => `s${i}`),
  links: needs.flatMap((of, i) => of.filter((n) => n < i).map((n) => [`s${n}`, `s${i}`] as const)),
}));

test('every step has a place of its own, to the right of all that it waits for', () => {
  fc.assert(
    fc.property(graphs, ({ steps, links }) => {
      const places = layeredLayout(steps, links, size);
      assert.equal(places.size, steps.length);
      assert.equal(new Set([...places.values()].map(({ x, y }) => `${x} ${y}`)).size, steps.length);
      for (const [from, to] of links) {
        const gap = (places.get(to)?.x ?? 0) - (places.get(from)?.x ?? 0);
        assert(gap >= size.width + size.rankGap, `${from} and ${to} are ${gap} apart`);
      }
    }),
  );
});

test('parallel chains do not cross', () => {
  const steps = ['a0', 'b0', 'c0', 'b1', 'c1', 'a1'];
  const links = [
    ['a0', 'a1'],
    ['b0', 'b1'],
    ['c0', 'c1'],
  ] as const;
  const places = layeredLayout(steps, links, size);
  for (const [from, to] of links) assert.equal(places.get(from)?.y, places.get(to)?.y);
});
