/** What goes wrong around the console, and what it then shows: it says what is the matter, loses nothing, and recovers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import type { SlipwayServer } from '@slipway/server';
import { readConfig, startServer } from '@slipway/server';
import { createClient } from 'slipway';
import { browserTest, newPage, openPage, settled, sidewaysPx } from './workspaces.ts';

/** Of an answer on a bad line: long after the skeleton (150 ms) is shown. */
const slowMs = 700;

browserTest('a change elsewhere appears without a reload, also after the server was away', async () => {
  const own = mkdtempSync(join(tmpdir(), 'slipway-stream-'));
  const start = (port: number): Promise<SlipwayServer> =>
    startServer(readConfig({ dir: own, port, logLevel: 'error' }, {}));
  let server = await start(0);
  const client = createClient({ url: server.url });
  try {
    const { page } = await openPage(`${server.url}/w/default/ledger`);
    await page.getByText('Live', { exact: true }).waitFor();
    await client.models.create({ body: { name: 'made-elsewhere' } });
    await page.getByText('made-elsewhere').first().waitFor({ timeout: 5000 });
    await page.getByPlaceholder('Part of a subject').fill('typed before');
    await server.stop(100);
    await page.getByText('Not live').waitFor({ timeout: 10_000 });
    await page.getByText('made-elsewhere').first().waitFor();
    server = await start(server.port);
    await page.getByText('Live', { exact: true }).waitFor({ timeout: 20_000 });
    await client.models.create({ body: { name: 'made-afterwards' } });
    await page.getByText('made-afterwards').first().waitFor({ timeout: 5000 });
    assert.equal(await page.getByPlaceholder('Part of a subject').inputValue(), 'typed before');
    await page.close();
  } finally {
    await server.stop(100);
    rmSync(own, { recursive: true, force: true });
  }
});

browserTest('a token that is revoked under the page is asked for, and nothing typed is lost', async ({ empty }) => {
  const make = async (name: string): Promise<string> =>
    (await empty.client.tokens.create({ body: { name, role: 'viewer' } })).secret;
  const first = await make('first');
  const { page } = await openPage(`${empty.url}/w/default/ledger`);
  await page.evaluate((secret) => sessionStorage.setItem('slipway.token', secret), first);
  await page.reload();
  await page.getByText('token:first').first().waitFor();
  await page.getByPlaceholder('By: token:ci').fill('owner');
  await empty.client.tokens.revoke({ params: { name: 'first' } });
  const dialog = page.getByRole('dialog', { name: 'This server asks for a token' });
  await dialog.waitFor();
  await dialog.getByLabel(/^Token/).fill('slw_0000000000000000_not-a-token-of-this-server');
  await dialog.getByRole('button', { name: 'Use this token' }).click();
  await dialog.getByText('not_authenticated').waitFor();
  await dialog.getByLabel(/^Token/).fill(await make('second'));
  await dialog.getByRole('button', { name: 'Use this token' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await page.getByPlaceholder('By: token:ci').inputValue(), 'owner');
  await page.getByText('token:second').first().waitFor();
  await page.getByRole('button', { name: 'Search', exact: true }).last().click();
  await page.waitForURL(/actor=owner/);
  await page.getByText('token created').first().waitFor();
  await empty.client.tokens.revoke({ params: { name: 'second' } });
  await page.close();
});

browserTest('a failure of the server shows its code, its request and a way on', async ({ demo }) => {
  const { page } = await newPage();
  const answer = {
    code: 'internal',
    message: 'The server failed; incident inc_1',
    requestId: 'req-77',
    retryable: false,
  };
  await page.route(/\/api\/models(\?|$)/, (route) => route.fulfill({ status: 500, json: { error: answer } }));
  await page.goto(`${demo.url}/w/default/models`);
  const note = page.getByRole('alert').filter({ hasText: 'incident inc_1' }).first();
  await note.waitFor();
  await note.getByText(/internal.*req-77/).waitFor();
  await page.unroute(/\/api\/models(\?|$)/);
  await note.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('link', { name: 'flight-delay', exact: true }).first().waitFor();
  await page.close();
});

browserTest('on a slow line a page is grey first, and a form is sent once', async ({ empty }) => {
  const { page } = await newPage();
  const slow = async (): Promise<void> => {
    await page.route(/\/api\/(?!events)/, async (route) => {
      await new Promise((resolve) => setTimeout(resolve, slowMs));
      await route.continue().catch(() => {
        // The page was closed meanwhile.
      });
    });
  };
  await page.goto(`${empty.url}/w/default/settings`);
  await settled(page);
  await slow();
  await page.getByRole('link', { name: 'Models' }).click();
  await page.getByRole('status', { name: 'Loading' }).first().waitFor();
  await page.getByText('slipway').first().waitFor();
  await page.getByRole('link', { name: 'Settings' }).click();
  await settled(page);
  let sent = 0;
  page.on('request', (request) => {
    if (request.method() === 'POST') sent++;
  });
  await page.getByRole('button', { name: 'New token' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('slow');
  await dialog.getByRole('button', { name: 'Make the token' }).dblclick();
  await dialog.getByText('the only time that it is shown').waitFor();
  assert.equal(sent, 1);
  await dialog.getByRole('button', { name: 'Done' }).click();
  await empty.client.tokens.revoke({ params: { name: 'slow' } });
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await page.close();
});

browserTest('without a network the page stays, says so, and goes on when it is back', async ({ demo }) => {
  const { page } = await openPage(`${demo.url}/w/default/pipelines`);
  await page.getByText('Live', { exact: true }).waitFor();
  await page.context().setOffline(true);
  // A stream that is open is not cut by this; a question is.
  await page.getByLabel('State').selectOption('failed');
  await page.getByText('unreachable').first().waitFor({ timeout: 20_000 });
  await page.context().setOffline(false);
  await page.getByRole('button', { name: 'Try again' }).first().click();
  await page.getByText('unreachable').first().waitFor({ state: 'detached' });
  await page.close();
});

const hostile = [
  '<script>globalThis.ran = true</script>',
  '"><img src=x onerror="globalThis.ran = true">',
  'طائرات متأخرة \u202eevil\u202c',
  '🛫👩‍🔬 délai',
  'x'.repeat(240),
  'no break '.repeat(25).trim(),
];

browserTest(
  'names of others are shown as they are: scripts, right to left, 240 characters, emoji',
  async ({ empty }) => {
    // Models are part of addresses of clients, so the server refuses some characters; the rest may be anything.
    const models = hostile.map((name) => name.replaceAll(/[/:@]/g, ''));
    for (const [i, name] of hostile.entries()) {
      await empty.client.models.create({ body: { name: models[i] ?? '', description: name } });
      const { id } = await empty.client.experiments.create({ body: { name } });
      await empty.client.runs.create({ body: { experiment: id, name, tags: { note: name } } });
    }
    // The same bytes registered under every name: a chain with all of them in it.
    await empty.client.datasets.create({ body: { name: 'bytes' } });
    const put = await empty.client.datasets.putFile({
      params: { dataset: 'bytes', file: 'a.csv' },
      body: new TextEncoder().encode('a\n1\n'),
    });
    const digest = put.version.files[0]?.digest ?? '';
    const lineage = { datasetVersions: [{ dataset: 'bytes', number: 1, digest: put.version.digest }] };
    for (const model of models)
      await empty.client.models.createVersion({ params: { model }, body: { digest, lineage } });
    for (const width of [1440, 390]) {
      const { page, problems } = await newPage({ viewport: { width, height: 900 } });
      page.on('dialog', (dialog) => problems.push(`a dialog: ${dialog.message()}`));
      const addresses = [
        '',
        '/models',
        '/experiments',
        '/ledger',
        ...models.map((n) => `/models/${encodeURIComponent(n)}`),
        ...models.map((n) => `/why/version/${encodeURIComponent(`${n}/1`)}`),
        `/why/file/${digest}`,
      ];
      for (const path of addresses) {
        await page.goto(`${empty.url}/w/default${path}`);
        await settled(page);
        const where = `${path} at ${width}`;
        assert.equal(await page.evaluate('globalThis.ran'), undefined, where);
        assert((await sidewaysPx(page)) <= 0, `${where} scrolls sideways`);
        assert.deepEqual(problems, [], where);
      }
      for (const name of models) await page.getByRole('link', { name: `${name} v1`, exact: true }).waitFor();
      await page.close();
    }
    const { page } = await openPage(`${empty.url}/w/default/models`);
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Search' }).fill('<script>');
    await page
      .getByRole('option', { name: /<script>.*model/ })
      .first()
      .click();
    await page.getByRole('heading', { level: 1, name: models[0] ?? '' }).waitFor();
    assert.equal(await page.evaluate('globalThis.ran'), undefined);
    await page.close();
  },
);

browserTest('addresses that lead nowhere say so', async ({ demo }) => {
  const { page } = await openPage(`${demo.url}/w/default/nothing/here`);
  await page.getByRole('heading', { name: 'There is no page at this address' }).waitFor();
  await page.goto(`${demo.url}/w/default/x/no-such-thing`);
  await page.getByRole('heading', { name: 'Nothing has this id' }).waitFor();
  await page.goto(`${demo.url}/w/default/models/gone`);
  await page.getByText('not_found').first().waitFor();
  await page.close();
});
