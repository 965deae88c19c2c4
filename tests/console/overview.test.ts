/** The first page: what it asks, what can be made from it, what its table and the bar at the foot say. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { seriousProblems } from './barriers.ts';
import { browserTest, openPage, settled, sidewaysPx } from './workspaces.ts';

browserTest('the overview asks the question of the only endpoint, and says which round it is', async ({ demo }) => {
  const { page } = await openPage(demo.url);
  const { question, register, train } = await demo.client.loop.get({});
  assert(question !== undefined && register !== undefined && train !== undefined);
  await page.getByRole('heading', { level: 1, name: question }).waitFor();
  await page.getByText(`round ${register.number}, started by ${train.startedBy}`).waitFor();
  await page.close();
});

browserTest('what needs attention is acted on where it stands', async ({ demo }) => {
  const { page } = await openPage(demo.url);
  const { alerts } = (await demo.client.loop.get({})).attention;
  assert(alerts.length > 0);
  assert.equal(await page.getByRole('button', { name: 'Acknowledge', exact: true }).count(), alerts.length);
  await page.getByRole('button', { name: 'Acknowledge', exact: true }).first().click();
  const dialog = page.getByRole('dialog', { name: 'Acknowledge the alert' });
  await dialog.getByRole('button', { name: 'Leave it open' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await page.getByRole('link', { name: 'See rows' }).first().click();
  await page.waitForURL(/\/data\/validations\/val_/);
  await page.close();
});

browserTest('the table of endpoints has the rate and the latencies that the server counted', async ({ demo }) => {
  const { page } = await openPage(demo.url);
  const { from, to, items } = await demo.client.endpoints.summary({ query: { window: '15m' } });
  const [one] = items;
  assert(one !== undefined && one.latencyUsP50 !== null && to - from === 900_000);
  const row = page.getByRole('table', { name: 'Endpoints' }).getByRole('row', { name: /flight-delay/ });
  await row.getByRole('img', { name: /^Requests of flight-delay over 15 min/ }).waitFor();
  const rate = one.requests.reduce((sum, n) => sum + n, 0) / 900;
  const shown = (await row.getByRole('cell').allInnerTexts()).map(Number).filter((n) => n > 0);
  assert(
    shown.some((n) => Math.abs(n - rate) < 0.01 * rate),
    `${rate} requests per second are among ${shown.join(', ')}`,
  );
  await page.close();
});

browserTest('c opens what can be made from here, by keyboard, on a phone too', async ({ demo }) => {
  for (const options of [{}, { viewport: { width: 390, height: 844 } }]) {
    const { page, problems } = await openPage(demo.url, options);
    await page.getByRole('button', { name: 'New' }).waitFor();
    await page.keyboard.press('c');
    const menu = page.getByRole('dialog', { name: 'New' });
    await menu.getByRole('link', { name: /^Dataset version/ }).waitFor();
    const box = await menu.boundingBox();
    assert(box !== null && box.x >= 0 && (await sidewaysPx(page)) <= 0);
    assert.deepEqual(await seriousProblems(page), []);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/pipelines\/[^/]+\?form=run$/);
    await page.getByRole('dialog').waitFor();
    assert.deepEqual(problems, []);
    await page.close();
  }
});

browserTest('the foot says how far the ledger was verified, and goes on when it is pressed', async ({ demo }) => {
  const { page } = await openPage(demo.url);
  const verified = page.getByRole('button', { name: /^ledger verified to #/ });
  await verified.waitFor();
  const { headSeq } = await demo.client.ledger.list({ query: { limit: 1 } });
  await verified.click();
  const shownSeq = async (): Promise<number> => Number((await verified.innerText()).replaceAll(/\D/g, ''));
  for (let turn = 0; (await shownSeq()) < headSeq; turn++) {
    assert(turn < 300, `not verified to #${headSeq}`);
    await sleep(50);
  }
  await settled(page);
  await page.close();
});
