/**
 * One browser and two servers for all tests of the console: the workspace that the demo leaves behind, and an empty one.
 * The files that use it run in one process (tools/test.ts), so that it is made once.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import assert from 'node:assert/strict';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { TestServer } from '../journeys/server.ts';
import { startTestServer } from '../journeys/server.ts';
import { browserSuite } from './browser-suite.ts';

const launcher = join(import.meta.dirname, '../../packages/cli/bin/slipway.js');
const demoLimitMs = 5 * 60_000;
/** After the heading everything else of a page is there within this. */
const settledWithinMs = 15_000;

export interface Workspaces {
  readonly browser: Browser;
  readonly demo: TestServer;
  readonly empty: TestServer;
}

let found: Workspaces | undefined;
let folder = '';

const suite = browserSuite(async () => {
  // A finished workspace of the demo spares its minute while tests are written; it is used as it is.
  const given = process.env['CONSOLE_WORKSPACE'];
  if (given !== undefined) {
    found = await serve(given);
    return;
  }
  folder = mkdtempSync(join(tmpdir(), 'slipway-console-'));
  const code = await new Promise<number | null>((resolve) => {
    const child = spawn(process.execPath, [launcher, 'demo', '--exit', '--dir', folder], {
      stdio: 'ignore',
      timeout: demoLimitMs,
    });
    child.once('close', resolve);
  });
  assert.equal(code, 0, 'the demo ran');
  found = await serve(folder);
});

const serve = async (workspace: string): Promise<Workspaces> => ({
  browser: suite.browser(),
  demo: await startTestServer({ folder: workspace }),
  empty: await startTestServer(),
});

after(async () => {
  await found?.demo.stop();
  await found?.empty.stop();
  if (folder !== '') rmSync(folder, { recursive: true, force: true });
});

export function workspaces(): Workspaces {
  assert(found);
  return found;
}

export const browserTest = (name: string, run: (at: Workspaces) => Promise<void>): void =>
  suite.test(name, () => run(workspaces()));

export interface Opened {
  readonly page: Page;
  /** Errors of scripts, refused loads, violations of the content security policy. */
  readonly problems: string[];
}

/** A page of its own, with nothing kept from others. */
export async function newPage(options: BrowserContextOptions = {}): Promise<Opened> {
  const page = await workspaces().browser.newPage({ viewport: { width: 1440, height: 900 }, ...options });
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  await page.addInitScript(
    `document.addEventListener('securitypolicyviolation', (e) => console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI))`,
  );
  return { page, problems };
}

const isPageOfAddress = `[undefined, location.pathname].includes(document.querySelector('main')?.dataset['path'])`;

/**
 * Waits until the page of this address is drawn and nothing is being loaded any more. The stream of events never ends, so the
 * network is no guide; an address changes before its page does.
 */
export async function settled(page: Page): Promise<void> {
  const deadline = Date.now() + settledWithinMs;
  while (!(await page.evaluate<boolean>(isPageOfAddress))) {
    assert(Date.now() < deadline, `${page.url()} was not drawn after ${settledWithinMs} ms`);
    await page.waitForTimeout(20);
  }
  await page.getByRole('heading', { level: 1 }).first().waitFor();
  await page
    .locator('[role="status"][aria-label="Loading"]')
    .first()
    .waitFor({ state: 'detached', timeout: settledWithinMs })
    .catch(() => assert.fail(`${page.url()} was still loading after ${settledWithinMs} ms`));
  // Answers are drawn, charts have their size.
  await page.waitForTimeout(100);
}

export async function openPage(url: string, options: BrowserContextOptions = {}): Promise<Opened> {
  const opened = await newPage(options);
  await opened.page.goto(url);
  await settled(opened.page);
  return opened;
}

/** Pixels by which the page is wider than its window. */
export const sidewaysPx = (page: Page): Promise<number> =>
  page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
