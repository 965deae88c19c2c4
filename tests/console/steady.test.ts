/** Pages stand still while their answers come: the browser's own measure of layout that moved under the reader. */
import assert from 'node:assert/strict';
import { demoAddresses } from './addresses.ts';
import { browserTest, newPage, settled } from './workspaces.ts';

const shiftMax = 0.02;
/** A machine that is busy with something else may deliver an answer late once; a page that jumps does so each time. */
const tries = 3;
/** What comes after everything is loaded: charts that are drawn, the stream's first events. */
const afterMs = 200;

const observe = `globalThis.moved = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries())
    if (!entry.hadRecentInput) globalThis.moved.push([entry.value, entry.sources.map((s) => s.node?.className || s.node?.nodeName).join(' ')]);
}).observe({ type: 'layout-shift', buffered: true });`;

type Moved = readonly (readonly [value: number, what: string])[];
const sum = (moved: Moved): number => moved.reduce((all, [value]) => all + value, 0);

for (const [name, viewport] of [
  ['at a desk', { width: 1440, height: 900 }],
  ['on a phone', { width: 390, height: 844 }],
] as const) {
  browserTest(`no page jumps while it loads, ${name}`, async ({ demo }) => {
    const { page } = await newPage({ viewport });
    await page.addInitScript(observe);
    const load = async (path: string): Promise<Moved> => {
      await page.goto(`${demo.url}/w/default${path}`);
      await settled(page);
      await page.waitForTimeout(afterMs);
      return page.evaluate<Moved>('globalThis.moved');
    };
    for (const [address, path] of await demoAddresses(demo.client)) {
      let moved = await load(path);
      for (let again = 1; again < tries && sum(moved) > shiftMax; again += 1) moved = await load(path);
      assert(sum(moved) <= shiftMax, `${address} moved by ${sum(moved).toFixed(3)}: ${JSON.stringify(moved)}`);
    }
    await page.close();
  });
}
