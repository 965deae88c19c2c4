/** Endpoints that answer classes, numbers and intervals in a real browser: a rollout that is rolled back, one that is promoted, one that runs. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { Page } from 'playwright-core';
import type { Rollout } from '@slipway/contract';
import type { SlipwayServer } from '@slipway/server';
import { readConfig, startServer } from '@slipway/server';
import type { Client } from 'slipway';
import { createClient } from 'slipway';
import { browserSuite } from './browser-suite.ts';
import { inspectPage } from './inspect.ts';
import { askPenguins, declarePenguins } from './penguin-endpoints.ts';
import type { Training } from './penguin-endpoints.ts';

let folder = '';
let server: SlipwayServer | undefined;
let client: Client;

const suite = browserSuite(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-rollouts-'));
  server = await startServer(readConfig({ dir: folder, port: 0, logLevel: 'error' }, {}));
  client = createClient({ url: server.url, retries: 3 });
});

after(async () => {
  await server?.stop(100);
  if (folder !== '') rmSync(folder, { recursive: true, force: true });
});

const until = Date.UTC(2026, 10, 20);
const species: Training = { task: 'multiclass', of: (penguin) => penguin.species, every: 1 };
const next: Readonly<Record<string, string>> = { Adelie: 'Gentoo', Gentoo: 'Chinstrap', Chinstrap: 'Adelie' };
const mass: Training = { task: 'regression', of: (penguin) => penguin.mass, every: 1 };

async function start(endpoint: string, minLabels: number): Promise<Rollout> {
  const stages = [
    { name: 'shadow', percent: 0, minRequests: 60 },
    { name: 'half', percent: 50, minRequests: 100, minLabels },
  ];
  const body = { candidate: 2, plan: { stages } };
  return client.rollouts.start({ params: { endpoint }, body });
}

const browserTest = (name: string, run: (page: Page) => Promise<void>): void =>
  suite.test(name, async () => {
    const page = await suite.browser().newPage({ viewport: { width: 1440, height: 1000 } });
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(String(error)));
    await run(page);
    assert.deepEqual(problems, []);
    await page.close();
  });

/** What is written is carried out a little later. */
async function ended(id: string): Promise<Rollout> {
  for (let tries = 0; ; tries++) {
    const rollout = await client.rollouts.get({ params: { rollout: id } });
    if (rollout.state !== 'running') return rollout;
    assert(tries < 100, JSON.stringify(rollout.decisions.at(-1)));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const placeOf = (path: string): string => `${server?.url ?? ''}/w/default/${path}`;

browserTest(
  'classes with mixed-up names are rolled back before a label has come, and the pages say why',
  async (page) => {
    const wrong: Training = { ...species, of: (penguin) => next[penguin.species] ?? '' };
    await declarePenguins(client, 'penguin-species', [species, wrong]);
    await askPenguins(client, 'penguin-species', { times: 1, until, labelOf: (penguin) => penguin.species });
    const { id } = await start('penguin-species', 250);
    await askPenguins(client, 'penguin-species', { times: 1, until });
    const rollout = await ended(id);
    assert.deepEqual([rollout.state, rollout.guard, rollout.task], ['rolled-back', 'agreement', 'classes']);

    await page.goto(placeOf(`rollouts/${id}`));
    await page.getByText(/v2 was stopped by the guard of the agreement after \d+ answers/).waitFor();
    const decisions = page.getByRole('list', { name: 'Decisions of the judge, newest first' });
    await decisions.getByText(/agrees with the incumbent on 0 % of \d+ requests/).waitFor();
    await decisions.getByText('Requests on which both name the same class').waitFor();
    await page.getByText('log loss lower by 1.96 standard errors, accuracy at most 2 points worse').waitFor();
    await inspectPage(page);

    await page.goto(placeOf('endpoints/penguin-species?label=yes'));
    await page.getByRole('heading', { name: 'Accuracy, %' }).waitFor();
    await page.getByRole('heading', { name: 'Log loss' }).waitFor();
    const first = page.getByRole('table', { name: 'Predictions' }).locator('tbody tr').first();
    await first
      .getByText(/^(Adelie|Chinstrap|Gentoo)$/)
      .first()
      .waitFor();
    await first.click();
    const inspector = page.getByRole('region', { name: /^Prediction prd_/ });
    const bars = inspector.getByRole('list', { name: 'Probability of each class' }).first();
    await bars.waitFor();
    assert.equal(await bars.getByRole('listitem').count(), 3);
    assert.equal(await bars.getByText('came').count(), 1);
    await inspectPage(page);
  },
);

browserTest('a number that is nearer is promoted, and the pages say by how much', async (page) => {
  await declarePenguins(client, 'penguin-mass', [{ ...mass, every: 6, inputs: ['island'] }, mass]);
  const { id } = await start('penguin-mass', 250);
  await askPenguins(client, 'penguin-mass', { times: 1, until, labelOf: (penguin) => penguin.mass });
  const rollout = await ended(id);
  assert.deepEqual([rollout.state, rollout.task], ['promoted', 'number']);
  assert((rollout.harm ?? 0) < 0, 'its answers were nearer');

  await page.goto(placeOf(`rollouts/${id}`));
  await page.getByText(/v2 replaced v1 after \d+ requests and \d+ labelled pairs/).waitFor();
  await page.getByText(/squared error lower \(root mean squared error \d+/i).waitFor();
  await page.getByText('Mean absolute error, candidate less incumbent').waitFor();
  await page.getByText('Extra absolute error').waitFor();
  await page.getByRole('heading', { name: 'Is it better?' }).waitFor();
  await inspectPage(page);

  await page.goto(placeOf('endpoints/penguin-mass'));
  await page.getByRole('heading', { name: 'Mean absolute error' }).waitFor();
  await page.getByRole('heading', { name: 'Root mean squared error' }).waitFor();
  await inspectPage(page);

  // The version that was replaced, in the shadow of the other.
  const versions = { champion: 1, challenger: 2, from: 0, to: until };
  const compared = await client.monitoring.compare({ params: { endpoint: 'penguin-mass' }, query: versions });
  assert(compared.task === 'number' && compared.verdict === 'better', compared.sentence);
  assert((compared.figures[0]?.difference.high ?? 0) < 0);
});

browserTest('intervals are shown with what came, while the judge compares them', async (page) => {
  const interval: Training = { ...mass, task: 'quantile' };
  await declarePenguins(client, 'penguin-interval', [interval, { ...interval, every: 2 }]);
  const { id } = await start('penguin-interval', 5000);
  await askPenguins(client, 'penguin-interval', { times: 0.25, until, labelOf: (penguin) => penguin.mass });
  await page.goto(placeOf(`rollouts/${id}`));
  const guards = page.getByRole('table', { name: 'Guards' });
  await guards.getByText('Pinball loss is no higher').waitFor();
  await guards.getByText('Intervals cover no less').waitFor();
  await inspectPage(page);
  const versions = { champion: 1, challenger: 2, from: 0, to: until };
  const compared = await client.monitoring.compare({ params: { endpoint: 'penguin-interval' }, query: versions });
  assert(compared.task === 'quantiles' && compared.count > 50, compared.sentence);
  await page.goto(placeOf('endpoints/penguin-interval'));
  await page.getByRole('heading', { name: 'Coverage, %', exact: true }).waitFor();
  const first = page.getByRole('table', { name: 'Predictions' }).locator('tbody tr').first();
  await first.click();
  await page
    .getByRole('region', { name: /^Prediction prd_/ })
    .getByRole('img', {
      name: /^90 % interval from [\d\u202f.]+ to [\d\u202f.]+; .* came, (inside it|which is (below|above) it)$/,
    })
    .first()
    .waitFor();
  await inspectPage(page);
});
