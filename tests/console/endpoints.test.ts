/** The pages of endpoints and rollouts in a real browser: filters, trials, a rollout held, resumed and rolled back, a restart. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { writeLinearModel } from '@slipway/onnx';
import type { SlipwayServer } from '@slipway/server';
import { readConfig, startServer } from '@slipway/server';
import type { Client } from 'slipway';
import { createClient } from 'slipway';
import { browserSuite } from './browser-suite.ts';
import { inspectPage } from './inspect.ts';

const endpoint = 'hostile';
/** Names come from whoever trained the model. */
const hostile = '<img src=x onerror="document.title=\'taken\'">';
const hostileText = '"><script>document.title="taken"</script>';
const rows = 240;

let folder = '';
let server: SlipwayServer | undefined;
let client: Client;

const start = (port: number): Promise<SlipwayServer> =>
  startServer(readConfig({ dir: folder, port, logLevel: 'error' }, {}));

const suite = browserSuite(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-endpoints-'));
  server = await start(0);
  client = createClient({ url: server.url, retries: 3 });
  await fill();
});

after(async () => {
  await server?.stop(100);
  if (folder !== '') rmSync(folder, { recursive: true, force: true });
});

async function fill(): Promise<void> {
  const resources = [
    { kind: 'model', name: endpoint, spec: {} },
    { kind: 'endpoint', name: endpoint, spec: { model: endpoint } },
  ];
  await client.projects.apply({ params: { project: 'serving' }, body: { resources, bundle: [] } });
  for (const slope of [1, 1.05]) await register(slope);
  await client.endpoints.deploy({
    params: { endpoint },
    body: { traffic: [{ version: 1, percent: 100 }], reason: 'the first' },
  });
  const ids = await ask(rows);
  const labels = ids.filter((_, i) => i % 4 === 0).map((predictionId) => ({ predictionId, value: 1, at: 1 }));
  await client.endpoints.label({ params: { endpoint }, body: { labels } });
}

async function register(slope: number): Promise<void> {
  const names = ['x', hostile];
  const bytes = Buffer.from(
    writeLinearModel({
      kind: 'linear',
      featureNames: names,
      coefficients: Float64Array.of(slope, 0.1),
      intercept: 0,
      link: 'logistic',
      imputed: new Float64Array(2),
      mean: new Float64Array(2),
      scale: Float64Array.of(1, 1),
      classLabels: [0, 1],
    }),
  );
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  await client.objects.put({ params: { digest }, body: bytes });
  const signature = { inputs: names.map((name) => ({ name, type: 'double' })) };
  await client.models.createVersion({ params: { model: endpoint }, body: { digest, signature } });
}

/** Inputs from -3 to 3, each request with a text that nobody should ever run. */
async function ask(count: number): Promise<string[]> {
  const instances = Array.from({ length: count }, (_, i) => ({
    id: `request-${i}`,
    inputs: { x: -3 + (6 * i) / count, [hostile]: 0, note: hostileText },
  }));
  const answer = await client.endpoints.predict({ params: { endpoint }, body: { instances } });
  return answer.predictions.map((p) => p.id);
}

const browserTest = (name: string, run: (page: Page) => Promise<void>): void =>
  suite.test(name, async () => {
    assert(server);
    const page = await suite.browser().newPage({ viewport: { width: 1440, height: 1000 } });
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(String(error)));
    await page.goto(`${server.url}/w/default/endpoints/${endpoint}`);
    await page.getByRole('heading', { level: 1, name: endpoint }).waitFor();
    await run(page);
    assert.match(await page.title(), /Slipway$/, 'no text of an input was run');
    assert.deepEqual(problems, []);
    await page.close();
  });

const predictionRows = (page: Page): Locator =>
  page.getByRole('table', { name: 'Predictions' }).locator('tbody tr[data-row]');

/** Until the table has what the filter asks for. */
async function waitForRows(page: Page, fits: (cells: readonly string[]) => boolean): Promise<number> {
  for (let tries = 0; ; tries++) {
    const found = await predictionRows(page).evaluateAll((all) =>
      all.map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent ?? '')),
    );
    if (found.length > 0 && found.every(fits)) return found.length;
    assert(tries < 50, `the rows do not fit: ${JSON.stringify(found[0])}`);
    await page.waitForTimeout(100);
  }
}

const score = 5;
const label = 7;

browserTest('predictions are found by filters that live in the address, and one is opened', async (page) => {
  await waitForRows(page, (cells) => cells.length === 9);
  const search = page.getByRole('search', { name: 'Filter predictions' });
  await search.getByRole('button', { name: 'Labelled' }).click();
  await waitForRows(page, (cells) => cells[label] === '1');
  await search.getByLabel('Score from').fill('0.9');
  await waitForRows(page, (cells) => cells[label] === '1' && Number(cells[score]) >= 0.9);
  assert.match(page.url(), /label=yes/);
  assert.match(page.url(), /smin=0.9/);
  await page.reload();
  await waitForRows(page, (cells) => cells[label] === '1' && Number(cells[score]) >= 0.9);
  await page.getByText(`slipway endpoint predictions ${endpoint} --score-min 0.9 --labelled`).waitFor();
  await search.getByRole('button', { name: 'Clear' }).click();
  await waitForRows(page, () => true);
  const [id] = (await client.endpoints.predictions({ params: { endpoint }, query: { order: 'newest', limit: 1 } }))
    .items;
  await search.getByRole('searchbox', { name: 'Prediction id or text of the inputs' }).fill(id?.id ?? '');
  await page.waitForURL(/q=prd_/);
  await waitForRows(page, (cells) => (id?.id ?? '').endsWith(cells[1]?.slice('prd_'.length) ?? ''));
  assert.equal(await predictionRows(page).count(), 1);
  await predictionRows(page).first().click();
  const inspector = page.getByRole('region', { name: `Prediction ${id?.id ?? ''}` });
  await inspector.getByText(hostileText).waitFor();
  await inspector.getByRole('table', { name: 'Features' }).getByText(hostile).waitFor();
  assert.match(
    (await inspector.getByRole('link', { name: 'Why' }).getAttribute('href')) ?? '',
    /why\/prediction\/prd_/,
  );
  await search.getByRole('searchbox', { name: 'Prediction id or text of the inputs' }).fill('nowhere in any input');
  await page.getByText('No prediction fits the filter').waitFor();
});

browserTest(
  'a trial answers and is not logged; what is missing or of a wrong type is said at its field',
  async (page) => {
    const logged = async (): Promise<number> =>
      (await client.endpoints.predictions({ params: { endpoint }, query: { limit: 1000 } })).items.length;
    const before = await logged();
    await page.getByRole('figure', { name: /^Requests per/ }).waitFor();
    await page
      .getByRole('group', { name: 'Series shown' })
      .getByText(/^incumbent v\d/)
      .waitFor();
    const form = page.getByRole('form', { name: 'Try it' });
    const tryIt = form.getByRole('button', { name: /^Try/ });
    await form.getByLabel('x', { exact: true }).fill('three');
    await form.getByText('A number').waitFor();
    assert(await tryIt.isDisabled());
    await form.getByLabel('x', { exact: true }).fill('99');
    await form.getByText(/Above 2\.9.*, the highest of the last 240 requests/).waitFor();
    await form.getByText('Not set: each of the last 240 requests had it.').waitFor();
    await tryIt.click();
    const answers = form.getByRole('status', { name: 'Answers' });
    await answers.getByText(/is missing; it must be a number or null/).waitFor();
    await form.getByLabel(hostile).fill('0');
    await form.getByLabel('x', { exact: true }).fill('0');
    await tryIt.click();
    await answers.getByText('0.500').waitFor();
    await answers.getByText(/Not logged, not counted/).waitFor();
    await inspectPage(page);
    assert.equal(await logged(), before);
  },
);

browserTest('what a program sends is shown, and what the shell form sends is answered', async (page) => {
  const panel = page.getByLabel(`Ask ${endpoint} from curl`);
  await panel.waitFor();
  const text = (await panel.textContent()) ?? '';
  const body = /-d '(.*)'$/s.exec(text)?.[1]?.replaceAll("'\\''", "'") ?? '';
  const address = /'(http[^']*)'/.exec(text)?.[1] ?? '';
  const response = await fetch(address, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  assert.equal(response.status, 200, await response.text());
  await page.getByRole('button', { name: 'Python' }).click();
  await page.getByLabel(`Ask ${endpoint} from python`).getByText('import json, urllib.request').waitFor();
});

browserTest('a rollout is started, counts while one looks, is held, resumed and rolled back', async (page) => {
  await page.getByRole('button', { name: 'Deploy a version' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Under the judge' }).click();
  await dialog.getByRole('button', { name: 'Roll v2 out' }).click();
  const standing = page.getByRole('region', { name: 'The latest rollout' });
  await standing.getByText('Running').waitFor();
  await ask(40);
  await standing.getByText('40', { exact: true }).waitFor({ timeout: 10_000 });
  await inspectPage(page);
  await standing.getByRole('link', { name: 'v1 to v2' }).click();
  await page.getByRole('heading', { level: 1, name: `v1 to v2 on ${endpoint}` }).waitFor();
  await page.getByText('No sign of harm.').waitFor();
  const guards = page.getByRole('table', { name: 'Guards' });
  assert.equal(await guards.locator('tbody tr').count(), 4);

  await page.keyboard.press('h');
  await dialog.getByText('nothing promotes it').waitFor();
  await dialog.getByRole('button', { name: 'Hold it' }).click();
  await dialog.getByLabel('Reason').fill(`wait for ${hostileText}`);
  await dialog.getByRole('button', { name: 'Hold it' }).click();
  await page.getByRole('status').getByText(`wait for ${hostileText}`).waitFor();
  const [held] = (await client.rollouts.list({ params: { endpoint }, query: { limit: 1 } })).items;
  assert.equal(held?.hold?.reason, `wait for ${hostileText}`);
  await ask(400);
  await page.getByText('440', { exact: true }).first().waitFor({ timeout: 10_000 });
  assert.equal((await client.rollouts.get({ params: { rollout: held?.id ?? '' } })).stage, 0);
  await inspectPage(page);

  await page.getByRole('button', { name: 'Resume' }).click();
  await dialog.getByRole('button', { name: 'Resume it' }).click();
  await page.getByRole('button', { name: 'Hold' }).waitFor();
  await page
    .getByRole('list', { name: /Decisions of the judge/ })
    .getByText('Advanced')
    .waitFor();

  await page.getByRole('button', { name: 'Roll back to v1' }).click();
  await dialog.getByLabel('Reason').fill('customers complain');
  await dialog.getByRole('button', { name: 'Send all traffic to v1' }).click();
  await page.getByText(/^Rolled back by owner: customers complain. All traffic went back to v1/).waitFor();
  const { deployment } = await client.endpoints.get({ params: { endpoint } });
  assert.deepEqual(deployment?.traffic, [{ version: 1, percent: 100 }]);
  assert.equal(await page.getByRole('button', { name: 'Hold' }).count(), 0);
  await page.getByRole('figure', { name: /Evidence of harm/ }).waitFor();
});

browserTest('the page recovers when its server is started anew', async (page) => {
  assert(server);
  await waitForRows(page, () => true);
  const { port } = server;
  await server.stop(100);
  await page.getByText('Not live').waitFor({ timeout: 10_000 });
  server = await start(port);
  await page.getByText('Live', { exact: true }).waitFor({ timeout: 20_000 });
  await client.endpoints.predict({
    params: { endpoint },
    body: { instances: [{ inputs: { x: 1, [hostile]: 2, note: 'after the restart' } }] },
  });
  await page.getByRole('button', { name: 'Look for newer ones' }).click();
  // Of a long table the rows near sight are there: the newest ones are at its head.
  await page.locator('#main').evaluate((main) => main.scrollTo({ top: 0 }));
  await predictionRows(page).first().getByText('after the restart').waitFor({ timeout: 10_000 });
});
