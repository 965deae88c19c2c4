/**
 * `npm run pictures`: every page of the console over the workspace that the demo leaves, light and dark, into
 * docs/pictures/console. What the README and the guides show is made by this and by nothing else.
 *
 *   node tests/console/pictures.ts [--workspace FOLDER] [--only overview,endpoint]
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildConsole } from '../../tools/console.ts';
import { root } from '../../tools/sources.ts';
import { startTestServer } from '../journeys/server.ts';
import { demoAddresses } from './addresses.ts';
import { openBrowser } from './browser.ts';

const out = join(root, 'docs/pictures/console');
const size = { width: 1440, height: 900 };
/** The longest that a page may show grey bars for what has not come yet. */
const loadingLimitMs = 30_000;
/** What moves after that: charts that draw, the event stream. */
const settleMs = 1500;

const { values } = parseArgs({ options: { workspace: { type: 'string' }, only: { type: 'string' } } });

const found = await openBrowser();
if (!found.ok) throw new Error(found.problem);
await buildConsole();
const folder = values.workspace ?? mkdtempSync(join(tmpdir(), 'slipway-pictures-'));
if (values.workspace === undefined) {
  const demo = spawnSync(process.execPath, [
    join(root, 'packages/cli/bin/slipway.js'),
    'demo',
    '--exit',
    '--dir',
    folder,
  ]);
  if (demo.status !== 0) throw new Error('the demo did not come to its end');
}
const server = await startTestServer({ folder });
if (values.only === undefined) rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const wanted = values.only?.split(',');
try {
  const addresses = await demoAddresses(server.client);
  for (const scheme of ['light', 'dark'] as const) {
    const page = await found.browser.newPage({ viewport: size, colorScheme: scheme });
    for (const [name, path] of addresses) {
      if (wanted !== undefined && !wanted.includes(name)) continue;
      await page.goto(`${server.url}/w/default${path}`);
      await page.waitForTimeout(settleMs);
      // No evaluated text: the page's policy refuses it, as it should.
      await page.locator('.skeleton').first().waitFor({ state: 'detached', timeout: loadingLimitMs });
      await page.waitForTimeout(settleMs);
      await page.screenshot({ path: join(out, `${name}-${scheme}.png`) });
      console.log(`${name}, ${scheme}`);
    }
    await page.close();
  }
} finally {
  await found.browser.close();
  await server.stop();
  if (values.workspace === undefined) rmSync(folder, { recursive: true, force: true });
}
