/** Long tables draw the rows near sight, and still are whole for readers, keys, files and paper; the time range of the pages. */
import { readFile } from 'node:fs/promises';
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { startTestServer } from '../journeys/server.ts';
import { seriousProblems } from './barriers.ts';
import { browserTest, openPage, settled } from './workspaces.ts';

const total = 400;
/** Far fewer than there are, however large the window. */
const drawnMax = 150;

const rows = (page: Page): ReturnType<Page['locator']> =>
  page.getByRole('table', { name: 'Models' }).locator('tbody tr[data-row]');

/** Scrolls to the end of what is loaded until the row is there. */
async function scrollTo(page: Page, row: number): Promise<void> {
  const wanted = page.locator(`tr[data-row="${row}"]`);
  for (let tries = 0; tries < 200 && (await wanted.count()) === 0; tries += 1) {
    await page.locator('#main').evaluate((main) => main.scrollTo({ top: main.scrollHeight }));
    await page.waitForTimeout(50);
  }
  await wanted.waitFor();
}

browserTest('a table of hundreds draws a screenful, counts them all and saves them all', async () => {
  // Of its own: other pages count what there is.
  const server = await startTestServer();
  for (let i = 0; i < total; i += 1)
    await server.client.models.create({ body: { name: `of-many-${String(i).padStart(3, '0')}` } });
  const { page, problems } = await openPage(`${server.url}/w/default/models`);
  await scrollTo(page, total - 1);
  const table = page.getByRole('table', { name: 'Models' });
  assert.equal(await table.getAttribute('aria-rowcount'), String(total + 1));
  const drawn = await rows(page).count();
  assert(drawn < drawnMax, `${drawn} rows are drawn`);
  assert.equal(await page.locator(`tr[data-row="${total - 1}"]`).getAttribute('aria-rowindex'), String(total + 1));
  assert.deepEqual(await seriousProblems(page, { within: 'main' }), []);

  await page.locator(`tr[data-row="${total - 1}"]`).focus();
  await page.keyboard.press('k');
  assert.equal(await page.evaluate('document.activeElement?.dataset.row'), String(total - 2));

  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'CSV of Models' }).click(),
  ]);
  const lines = (await readFile(await download.path(), 'utf8')).trimEnd().split('\r\n');
  assert.equal(lines.length, total + 1);
  assert((await rows(page).count()) < drawnMax, 'the file is read, the rows are gone');

  await page.emulateMedia({ media: 'print' });
  await page.locator('tr[data-row="0"]').waitFor();
  assert.equal(await rows(page).count(), total, 'paper has all of them');
  assert.deepEqual(problems, []);
  await page.close();
  await server.stop();
});

browserTest(
  'the time range is chosen by keys, stays in the address and goes along to other pages',
  async ({ demo }) => {
    const { page, problems } = await openPage(`${demo.url}/w/default/ledger`);
    await page.keyboard.press('t');
    const panel = page.getByRole('dialog', { name: 'Time range' });
    await panel.waitFor();
    assert.deepEqual(await seriousProblems(page), []);
    await panel.getByRole('button', { name: 'Last 7 d' }).press('Enter');
    await page.waitForURL(/range=7d/);
    await panel.waitFor({ state: 'hidden' });
    await page.getByText(/^slipway ledger list --from \d{4}-/).waitFor();

    await page.keyboard.press('g');
    await page.keyboard.press('e');
    await page.waitForURL(/\/experiments\?range=7d$/);
    await page.getByText(/ match;/).waitFor();
    await page.goBack();
    await page.waitForURL(/\/ledger\?range=7d$/);

    // Replayed windows are of another year: short ranges end with the newest of them, fixed ones mean what they say.
    await page.goto(`${demo.url}/w/default/monitors/flight-delay-weekly?range=30d`);
    await settled(page);
    const windows = page.getByRole('table', { name: 'Windows' }).locator('tbody tr');
    const inRange = await windows.count();
    assert(inRange > 0 && inRange < 10, `${inRange} windows`);
    await page.goto(`${demo.url}/w/default/monitors/flight-delay-weekly?from=2020-01-01T00:00`);
    await page.getByText(/^No window lies in/).waitFor();
    assert.deepEqual(problems, []);
    await page.close();
  },
);
