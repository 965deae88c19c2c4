/** The page itself, without the frame around it: no barrier, and nothing that scrolls sideways, wide and narrow, light and dark. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { axePath } from './browser.ts';

export async function inspectPage(page: Page): Promise<void> {
  await page.evaluate(await readFile(axePath, 'utf8'));
  for (const [width, colorScheme] of [
    [1440, 'light'],
    [1440, 'dark'],
    [390, 'light'],
  ] as const) {
    await page.setViewportSize({ width, height: 1000 });
    // Colours on their way from one scheme to the other are nobody's.
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.waitForTimeout(400);
    const found = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: {
          run(part: string): Promise<{ violations: { id: string; impact: string; nodes: { target: string[] }[] }[] }>;
        };
      };
      const { violations } = await axe.run('main');
      const serious = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
      return serious.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(' | ')}`);
    });
    assert.deepEqual(found, [], `${page.url()} at ${width}, ${colorScheme}`);
    const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
    assert(overflow <= 0, `${page.url()} at ${width} scrolls sideways by ${overflow} px`);
  }
  await page.setViewportSize({ width: 1440, height: 1000 });
  await page.emulateMedia({ colorScheme: 'light' });
}
