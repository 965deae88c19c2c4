/** The console in a real browser, over the workspace that the demo leaves behind, and over an empty one. */
import assert from 'node:assert/strict';
import type { BrowserContextOptions } from 'playwright-core';
import { demoAddresses } from './addresses.ts';
import { seriousProblems } from './barriers.ts';
import { browserTest, newPage, openPage, settled, sidewaysPx } from './workspaces.ts';

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

interface Look {
  readonly name: string;
  readonly options: BrowserContextOptions;
  /** What the accessibility checker looks for; nothing where only the layout differs. */
  readonly axe: 'all' | 'color-contrast' | undefined;
}

const looks: readonly Look[] = [
  { name: 'light', options: {}, axe: 'all' },
  { name: 'dark', options: { colorScheme: 'dark' }, axe: 'color-contrast' },
  { name: 'phone', options: { viewport: { width: 390, height: 844 } }, axe: undefined },
  // A page at 200 % has half the pixels of its style sheets.
  { name: '200 %', options: { viewport: { width: 720, height: 450 }, deviceScaleFactor: 2 }, axe: undefined },
];

/** No script error, no breach of the policy, no serious barrier, nothing cut off. One tab walks through all addresses. */
async function inspect(urls: readonly string[], look: Look): Promise<void> {
  const { page, problems } = await newPage(look.options);
  for (const url of urls) {
    await page.goto(url);
    await settled(page);
    const where = `${url}, ${look.name}`;
    if (look.axe !== undefined)
      assert.deepEqual(await seriousProblems(page, { only: look.axe === 'all' ? undefined : look.axe }), [], where);
    const overflow = await sidewaysPx(page);
    assert(overflow <= 0, `${where} scrolls sideways by ${overflow} px`);
    assert.equal(await page.getByRole('alert').filter({ hasText: /\S/ }).count(), 0, `${where} shows an error`);
    assert.deepEqual(problems, [], where);
  }
  await page.close();
}

for (const look of looks) {
  browserTest(`every address of the demo: ${look.name}`, async ({ demo }) => {
    const addresses = new Set([...pages, ...(await demoAddresses(demo.client)).values()]);
    await inspect(
      [...addresses].map((path) => `${demo.url}/w/default${path}`),
      look,
    );
  });
}

browserTest('every list without anything in it', async ({ empty }) => {
  for (const look of looks.slice(0, 1).concat(looks.slice(2, 3)))
    await inspect(
      pages.map((path) => `${empty.url}/w/default${path}`),
      look,
    );
});

browserTest('the root leads to the loop, and every stage of the demo has run', async ({ demo }) => {
  const { page } = await openPage(demo.url);
  assert.match(page.url(), /\/w\/default$/);
  await page.getByText('every stage has run').waitFor();
  assert.equal(await page.locator('a.stage').count(), 10);
  assert.equal(await page.locator('a.stage.off').count(), 0);
  await page.close();
});

browserTest('an empty workspace teaches the first steps', async ({ empty }) => {
  const { page } = await openPage(empty.url);
  await page.getByRole('heading', { name: 'Nothing has run here yet' }).waitFor();
  assert.equal(await page.locator('a.stage.off').count(), 10);
  await page.close();
});

browserTest('the palette finds a thing by its name, and keys lead to pages', async ({ demo }) => {
  const { page } = await openPage(demo.url);
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Search' }).fill('flight-delay-week');
  await page.getByRole('option', { name: /flight-delay-weekly/ }).waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/monitors\/flight-delay-weekly$/);
  // The address changes first; as long as the palette is there, letters are its own.
  await page.getByRole('dialog', { name: 'Search' }).waitFor({ state: 'hidden' });
  await page.getByRole('heading', { level: 1, name: /flight-delay-weekly/ }).waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('l');
  await page.waitForURL(/\/ledger$/);
  await page.goBack();
  await page.waitForURL(/\/monitors\/flight-delay-weekly$/);
  await page.close();
});

browserTest('the ledger is verified, and an event shows its digest', async ({ demo }) => {
  const { page } = await openPage(`${demo.url}/w/default/ledger?open=15`);
  await page.getByRole('heading', { name: 'Event #15' }).waitFor();
  await page.getByRole('button', { name: 'Verify the chain' }).click();
  await page.getByText(/Holds, /).waitFor();
  await page.close();
});

browserTest(
  'a prediction leads to the bytes of its data, and they to everything that was made of them',
  async ({ demo }) => {
    const { page, problems } = await openPage(`${demo.url}/w/default/why`);
    await page.getByRole('link', { name: /^prd_/ }).first().click();
    const path = page.getByRole('list', { name: 'Links of the chain' });
    await path.getByRole('link', { name: /^flights@\d+$/ }).click();
    await page
      .getByRole('complementary', { name: /dataset version flights@/ })
      .getByText('Digest')
      .waitFor();
    await page.getByRole('button', { name: 'Tree' }).click();
    await page
      .getByText(/^dataset flights, version/)
      .first()
      .waitFor();
    assert((await page.getByText(/sha256:[0-9a-f]{64}/).count()) > 3);
    await page.goBack();
    await path
      .getByRole('list', { name: 'Files' })
      .first()
      .getByRole('link', { name: /^[0-9a-f]{4}…/ })
      .first()
      .click();
    await page.getByRole('heading', { level: 1, name: /^What came of .+\.parquet$/ }).waitFor();
    for (const kind of ['dataset version', 'pipeline run', 'tracked run', 'model version', 'deployment'])
      await path.getByText(kind, { exact: true }).first().waitFor();
    assert.deepEqual(await seriousProblems(page), []);
    assert.deepEqual(problems, []);
    await page.close();
  },
);

browserTest('a token is made, shown once, and revoked', async ({ empty }) => {
  const { page } = await openPage(`${empty.url}/w/default/settings`);
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
  async ({ demo }) => {
    const html = await fetch(`${demo.url}/w/default`);
    const policy = html.headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'self'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(html.headers.get('cache-control'), 'no-store');
    const text = await html.text();
    const script = /src="(\/console\/assets\/[^"]+\.js)"/.exec(text)?.[1];
    assert(script !== undefined);
    const asset = await fetch(`${demo.url}${script}`, { headers: { 'accept-encoding': 'br' } });
    assert.match(asset.headers.get('cache-control') ?? '', /immutable/);
    assert.equal(asset.headers.get('content-encoding'), 'br');
    for (const path of [
      '/console/../../../../etc/passwd',
      '/console/%2e%2e/%2e%2e/package.json',
      '/console/assets/none.js',
    ])
      assert.equal((await fetch(`${demo.url}${path}`)).status, 404, path);
  },
);
