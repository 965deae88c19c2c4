/** Working with the console: by keyboard alone, with files, on paper, in another zone. */
import { readFile } from 'node:fs/promises';
import assert from 'node:assert/strict';
import type { Download, Page } from 'playwright-core';
import { browserTest, openPage, settled } from './workspaces.ts';

/** Tab until the wanted control has the focus. */
async function tabTo(page: Page, css: string, most = 60): Promise<void> {
  for (let i = 0; i < most; i++) {
    await page.keyboard.press('Tab');
    if (await page.evaluate<boolean>(`document.activeElement?.matches(${JSON.stringify(css)}) ?? false`)) return;
  }
  assert.fail(`${css} was not reached within ${most} presses of Tab`);
}

browserTest('the main journey by keyboard alone', async ({ demo }) => {
  const { page, problems } = await openPage(demo.url);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the page');
  await page.keyboard.press('Enter');
  await tabTo(page, 'a.stage');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/data\//);
  await settled(page);

  await page.keyboard.press('g');
  await page.keyboard.press('p');
  await page.waitForURL(/\/pipelines$/);
  await settled(page);
  await tabTo(page, 'table[aria-label="Pipeline runs"] tr[tabindex]');
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/pipeline-runs\/plr_/);
  await settled(page);
  await page.keyboard.press('Alt+2');
  await page.waitForURL(/tab=outputs/);
  await tabTo(page, '.pl-outputs a');
  await page.keyboard.press('Enter');
  const step = page.getByRole('complementary', { name: /^Step/ });
  await step.waitFor();
  await page.keyboard.press('Escape');
  await step.waitFor({ state: 'detached' });

  await page.keyboard.press('Control+k');
  await page.keyboard.type('flight-delay');
  await page.getByRole('option', { name: /flight-delay endpoint/ }).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/endpoints\/flight-delay|\/models\/flight-delay/);
  await settled(page);

  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keys' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });

  await page.keyboard.press('g');
  await page.keyboard.press('l');
  await page.waitForURL(/\/ledger$/);
  await settled(page);
  await page.keyboard.press('/');
  await page.keyboard.type('rol_');
  await page.keyboard.press('Enter');
  await page.waitForURL(/q=rol_/);
  await page.getByRole('link', { name: 'rollout promoted' }).waitFor();
  assert.deepEqual(problems, []);
  await page.close();
});

browserTest('letters do nothing when the reader turned them off, nor while typing', async ({ demo }) => {
  const { page } = await openPage(`${demo.url}/w/default/settings`);
  await page.getByRole('group', { name: 'Keys of one letter' }).getByRole('button', { name: 'Off' }).click();
  await page.keyboard.press('g');
  await page.keyboard.press('l');
  await page.keyboard.press('.');
  await page.waitForTimeout(200);
  assert.match(page.url(), /settings$/);
  assert.equal(await page.evaluate('document.documentElement.dataset.theme'), 'light');
  await page.reload();
  await settled(page);
  assert.equal(await page.evaluate('document.documentElement.dataset.keys'), 'off', 'kept for this browser');
  await page.close();
});

const contentOf = async (download: Download): Promise<Buffer> => readFile(await download.path());

browserTest('tables save CSV and charts save CSV and a picture', async ({ demo }) => {
  const { page } = await openPage(`${demo.url}/w/default/pipelines`);
  const save = async (name: string | RegExp): Promise<Download> => {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name }).first().click(),
    ]);
    return download;
  };
  const csv = await save('CSV of Pipeline runs');
  assert.match(csv.suggestedFilename(), /^pipeline-runs-\d{8}T\d{4}Z\.csv$/);
  const lines = (await contentOf(csv)).toString().split('\r\n');
  assert.match(lines[0] ?? '', /^Run,Pipeline,State,/);
  const { items } = await demo.client.pipelineRuns.list({ query: { limit: 30 } });
  assert.equal(lines.length - 2, items.length);
  assert.match(lines[1] ?? '', /^plr_[0-9a-z]{26},.*\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z/, 'whole ids, exact instants');

  await page.goto(`${demo.url}/w/default`);
  await settled(page);
  const numbers = (await contentOf(await save(/^CSV of AUC by window/))).toString().split('\r\n');
  assert.match(numbers[0] ?? '', /^time,.*low.*,.*high/);
  assert.match(numbers[1] ?? '', /^\d{4}-\d\d-\d\dT.*Z,0\.\d{4,},0\.\d+,0\.\d+$/);
  const picture = await contentOf(await save(/^PNG of AUC by window/));
  assert.deepEqual([...picture.subarray(1, 4)], [...Buffer.from('PNG')]);
  assert(picture.readUInt32BE(16) > 400, 'as wide as the chart');
  await page.close();
});

browserTest('on paper a page is a report: title, time and figures, nothing to press', async ({ demo }) => {
  const { page } = await openPage(`${demo.url}/w/default/endpoints/flight-delay`, { colorScheme: 'dark' });
  await page.emulateMedia({ media: 'print' });
  await page.getByText(/^Slipway, workspace default · http/).waitFor();
  assert.equal(await page.getByRole('navigation', { name: 'Main' }).isVisible(), false);
  assert.equal(await page.getByRole('button', { name: 'Search' }).isVisible(), false);
  assert.equal(await page.evaluate('document.documentElement.dataset.theme'), 'light', 'paper is light');
  assert(await page.getByRole('heading', { level: 1 }).isVisible());
  await page.close();
});

browserTest("times are in UTC, or on the reader's clock when asked", async ({ demo }) => {
  const { page } = await openPage(`${demo.url}/w/default/ledger`, { timezoneId: 'America/New_York' });
  const first = page.locator('.ev time').first();
  const utc = await first.textContent();
  assert.match((await first.getAttribute('title')) ?? '', /UTC$/);
  await page.getByRole('button', { name: 'Times in UTC' }).click();
  await page.getByRole('button', { name: 'Times in America/New_York' }).waitFor();
  assert.notEqual(await first.textContent(), utc);
  assert.match((await first.getAttribute('title')) ?? '', /UTC, .* in America\/New_York$/);
  await page.close();
});

browserTest('any id opens its page, and any name is found', async ({ demo }) => {
  const [run] = (await demo.client.pipelineRuns.list({ query: { limit: 1 } })).items;
  const { page } = await openPage(`${demo.url}/w/default/x/${run?.id ?? ''}`);
  assert.match(page.url(), /\/pipeline-runs\/plr_/);
  await page.goto(`${demo.url}/w/default/x/flight-delay-weekly`);
  await page.waitForURL(/\/monitors\/flight-delay-weekly$/);
  await page.close();
});

browserTest('between tablet and desk the menu is icons with names; on a phone it is a drawer', async ({ demo }) => {
  const { page } = await openPage(demo.url, { viewport: { width: 1000, height: 800 } });
  const menu = page.getByRole('navigation', { name: 'Main' });
  assert((await menu.boundingBox())?.width === 52);
  await menu.getByRole('link', { name: 'Models' }).click();
  await page.waitForURL(/\/models$/);
  await page.setViewportSize({ width: 390, height: 800 });
  assert.equal(await menu.isVisible(), false);
  await page.getByRole('button', { name: 'Menu', exact: true }).click();
  assert(await menu.isVisible());
  await page.keyboard.press('Escape');
  assert.equal(await menu.isVisible(), false);
  await page.close();
});
