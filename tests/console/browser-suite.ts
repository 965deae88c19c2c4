/** The browser tests of one file: the console is built and a browser opened before them; without one each says that it did not run. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { skipUnlessCi } from '../../packages/server/src/platform/testing/missing.ts';
import { buildConsole } from '../../tools/console.ts';
import type { Found } from './browser.ts';
import { openBrowser } from './browser.ts';

export interface BrowserSuite {
  /** Inside `prepare` and the tests. */
  readonly browser: () => Browser;
  readonly test: (name: string, run: () => Promise<void>) => void;
}

/** `prepare` makes what the tests look at, once, where there is a browser. */
export function browserSuite(prepare: () => Promise<void>): BrowserSuite {
  let found: Found | undefined;
  before(async () => {
    found = await openBrowser();
    if (!found.ok) return;
    await buildConsole();
    await prepare();
  });
  after(async () => {
    if (found?.ok === true) await found.browser.close();
  });
  return {
    browser: () => {
      assert(found?.ok === true);
      return found.browser;
    },
    test: (name, run) =>
      void test(name, async (t) => {
        if (found?.ok === false) return skipUnlessCi(t, `The console was not looked at: ${found.problem}`);
        await run();
      }),
  };
}
