/** The console in a real browser, over the workspace that the demo leaves behind, and over an empty one. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import type { Browser, Page } from 'playwright-core';
import type { SlipwayServer } from '@slipway/server';
import { readConfig, startServer } from '@slipway/server';
import { createClient } from 'slipway';
import { buildConsole } from '../../tools/console.ts';
import type { TestServer } from '../journeys/server.ts';
import { startTestServer } from '../journeys/server.ts';
import { demoAddresses } from './addresses.ts';
import { axePath, openBrowser } from './browser.ts';

const launcher = join(import.meta.dirname, '../../packages/cli/bin/slipway.js');
const demoLimitMs = 5 * 60_000;
/** Every page that needs no id; those with one are reached by their links. */
const pages = [
  '',
  '/data',
  '/features',
  '/pipelines',
  '/experiments',
  '/models',
  '/endpoints',
  '/approvals',
  '/monitors',
  '/alerts',
  '/policies',
  '/why',
  '/ledger',
  '/settings',
];

let browser: Browser | undefined;
let problem = '';
let folder = '';
let demo: TestServer | undefined;
let empty: TestServer | undefined;

before(async () => {
  const found = await openBrowser();
  if (!found.ok) {
    problem = `The console suite did not run: ${found.problem}`;
    return;
  }
  browser = found.browser;
  await buildConsole();
  folder = mkdtempSync(join(tmpdir(), 'slipway-console-'));
  const code = await new Promise<number | null>((resolve) => {
    const child = spawn(process.execPath, [launcher, 'demo', '--exit', '--dir', folder], {
      stdio: 'ignore',
      timeout: demoLimitMs,
    });
    child.once('close', resolve);
  });
  assert.equal(code, 0, 'the demo ran');
  demo = await startTestServer({ folder });
  empty = await startTestServer();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
  await empty?.stop();
  if (folder !== '') rmSync(folder, { recursive: true, force: true });
});

interface Opened {
  readonly page: Page;
  /** Errors of scripts, refused loads, violations of the content security policy. */
  readonly problems: string[];
}

async function open(
  url: string,
  options: { readonly width?: number; readonly isDark?: boolean } = {},
): Promise<Opened> {
  assert(browser);
  const page = await browser.newPage({
    viewport: { width: options.width ?? 1440, height: 900 },
    colorScheme: options.isDark === true ? 'dark' : 'light',
  });
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  await page.goto(url);
  await page.getByRole('heading', { level: 1 }).first().waitFor();
  await page.waitForLoadState('networkidle', { timeout: 2000 }).catch(() => {
    // The event stream never ends; what is waited for is the rest.
  });
  return { page, problems };
}

const browserTest = (name: string, run: (demoUrl: string, emptyUrl: string) => Promise<void>): void =>
  void test(name, async (t) => {
    if (problem !== '') {
      if (process.env['CI'] === 'true') assert.fail(problem);
      return t.skip(problem);
    }
    assert(demo && empty);
    return run(demo.url, empty.url);
  });

async function seriousProblems(page: Page): Promise<string[]> {
  // The page's policy refuses script tags from elsewhere, as it should: the checker is evaluated instead.
  await page.evaluate(await readFile(axePath, 'utf8'));
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { target: string[] }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations
      .filter((v) => v.impact === 'serious' || v.impact === 'critical')
      .map(
        (v) =>
          `${v.id}: ${v.nodes
            .map((n) => n.target.join(' '))
            .slice(0, 3)
            .join(' | ')}`,
      );
  });
}

type Look = readonly [width: number, isDark: boolean];
const looks: readonly Look[] = [
  [1440, false],
  [1440, true],
  [390, false],
];

/** No script error, no serious barrier, nothing cut off. */
async function inspect(url: string, [width, isDark]: Look): Promise<void> {
  const { page, problems } = await open(url, { width, isDark });
  const where = `${url} at ${width}${isDark ? ', dark' : ''}`;
  assert.deepEqual(await seriousProblems(page), [], where);
  const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
  assert(overflow <= 0, `${where} scrolls sideways by ${overflow} px`);
  assert.equal(await page.getByRole('alert').filter({ hasText: /\S/ }).count(), 0, `${where} shows an error`);
  assert.deepEqual(problems, [], where);
  await page.close();
}

for (const path of pages) {
  browserTest(
    `page ${path === '' ? '/' : path}: light and dark, wide and narrow, with the demo's things and empty`,
    async (demoUrl, emptyUrl) => {
      for (const look of looks) await inspect(`${demoUrl}/w/default${path}`, look);
      await inspect(`${emptyUrl}/w/default${path}`, [1440, false]);
    },
  );
}

browserTest('pages of single things: light and dark, wide and narrow', async (demoUrl) => {
  assert(demo);
  const lists = new Set(pages);
  for (const path of (await demoAddresses(demo.client)).values()) {
    if (lists.has(path)) continue;
    for (const look of looks) await inspect(`${demoUrl}/w/default${path}`, look);
  }
});

browserTest('the root leads to the loop, and every stage of the demo has run', async (demoUrl) => {
  const { page } = await open(demoUrl);
  assert.match(page.url(), /\/w\/default$/);
  await page.getByText('every stage has run').waitFor();
  assert.equal(await page.locator('a.stage').count(), 10);
  assert.equal(await page.locator('a.stage.off').count(), 0);
  await page.close();
});

browserTest('an empty workspace teaches the first steps', async (_, emptyUrl) => {
  const { page } = await open(emptyUrl);
  await page.getByRole('heading', { name: 'Nothing has run here yet' }).waitFor();
  assert.equal(await page.locator('a.stage.off').count(), 10);
  await page.close();
});

browserTest('a change elsewhere appears without a reload, also after the server was away', async () => {
  const own = mkdtempSync(join(tmpdir(), 'slipway-stream-'));
  const start = (port: number): Promise<SlipwayServer> =>
    startServer(readConfig({ dir: own, port, logLevel: 'error' }, {}));
  let server = await start(0);
  const client = createClient({ url: server.url });
  try {
    const { page } = await open(`${server.url}/w/default/ledger`);
    await page.getByText('Live', { exact: true }).waitFor();
    await client.models.create({ body: { name: 'made-elsewhere' } });
    await page.getByText('made-elsewhere').first().waitFor({ timeout: 5000 });
    await server.stop(100);
    await page.getByText('Not live').waitFor({ timeout: 10_000 });
    server = await start(server.port);
    await page.getByText('Live', { exact: true }).waitFor({ timeout: 20_000 });
    await client.models.create({ body: { name: 'made-afterwards' } });
    await page.getByText('made-afterwards').first().waitFor({ timeout: 5000 });
    await page.close();
  } finally {
    await server.stop(100);
    rmSync(own, { recursive: true, force: true });
  }
});

browserTest('the palette finds a thing by its name, and keys lead to pages', async (demoUrl) => {
  const { page } = await open(demoUrl);
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Search' }).fill('flight-delay-week');
  await page.getByRole('option', { name: /flight-delay-weekly/ }).waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/monitors\/flight-delay-weekly$/);
  await page.keyboard.press('g');
  await page.keyboard.press('l');
  await page.waitForURL(/\/ledger$/);
  await page.goBack();
  await page.waitForURL(/\/monitors\/flight-delay-weekly$/);
  await page.close();
});

browserTest('the ledger is verified, and an event shows its digest', async (demoUrl) => {
  const { page } = await open(`${demoUrl}/w/default/ledger?open=15`);
  await page.getByRole('heading', { name: 'Event #15' }).waitFor();
  await page.getByRole('button', { name: 'Verify the chain' }).click();
  await page.getByText(/Holds, /).waitFor();
  await page.close();
});

browserTest('a prediction leads to the digests of its data', async (demoUrl) => {
  const { page } = await open(`${demoUrl}/w/default/why`);
  await page.getByRole('link', { name: /^prd_/ }).first().click();
  await page
    .getByText(/^dataset flights, version/)
    .first()
    .waitFor();
  assert((await page.getByText(/sha256:[0-9a-f]{64}/).count()) > 3);
  await page.close();
});

browserTest('a token is made, shown once, and revoked', async (_, emptyUrl) => {
  const { page } = await open(`${emptyUrl}/w/default/settings`);
  await page.getByRole('button', { name: 'New token' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('ci');
  await dialog.getByRole('radio', { name: /editor/ }).check();
  await dialog.getByRole('button', { name: 'Make the token' }).click();
  await dialog.getByText('the only time that it is shown').waitFor();
  await dialog.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('button', { name: 'Revoke ci' }).click();
  await page.getByText('No token exists').waitFor();
  await page.close();
});

browserTest(
  'the page is sent with a strict policy, compressed and cacheable where its name says so',
  async (demoUrl) => {
    const html = await fetch(`${demoUrl}/w/default`);
    const policy = html.headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'self'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(html.headers.get('cache-control'), 'no-store');
    const text = await html.text();
    const script = /src="(\/console\/assets\/[^"]+\.js)"/.exec(text)?.[1];
    assert(script !== undefined);
    const asset = await fetch(`${demoUrl}${script}`, { headers: { 'accept-encoding': 'br' } });
    assert.match(asset.headers.get('cache-control') ?? '', /immutable/);
    assert.equal(asset.headers.get('content-encoding'), 'br');
    for (const path of [
      '/console/../../../../etc/passwd',
      '/console/%2e%2e/%2e%2e/package.json',
      '/console/assets/none.js',
    ])
      assert.equal((await fetch(`${demoUrl}${path}`)).status, 404, path);
  },
);
