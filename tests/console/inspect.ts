/** The page itself, without the frame around it: no barrier, and nothing that scrolls sideways, wide and narrow, light and dark. */
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { seriousProblems } from './barriers.ts';

export async function inspectPage(page: Page): Promise<void> {
  for (const [width, colorScheme] of [
    [1440, 'light'],
    [1440, 'dark'],
    [390, 'light'],
  ] as const) {
    await page.setViewportSize({ width, height: 1000 });
    // Colours on their way from one scheme to the other are nobody's.
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.waitForTimeout(400);
    const found = await seriousProblems(page, { within: 'main' });
    assert.deepEqual(found, [], `${page.url()} at ${width}, ${colorScheme}`);
    const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
    assert(overflow <= 0, `${page.url()} at ${width} scrolls sideways by ${overflow} px`);
  }
  await page.setViewportSize({ width: 1440, height: 1000 });
  await page.emulateMedia({ colorScheme: 'light' });
}
