/** Models and approvals in a real browser: two people with two tokens, from the request to the moved alias. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after } from 'node:test';
import type { BrowserContext, Page } from 'playwright-core';
import type { Client } from 'slipway';
import { createClient } from 'slipway';
import type { TestServer } from '../journeys/server.ts';
import { startTestServer } from '../journeys/server.ts';
import { seriousProblems } from './barriers.ts';
import { browserSuite } from './browser-suite.ts';

let server: TestServer | undefined;

/** A name that is markup, a path and a query at once: it may be shown, and nothing more. */
const hostile = `<img src=x onerror="document.title='taken'"> ?a=b&c=%41 "quoted"`;
const model = 'late';

const suite = browserSuite(async () => {
  server = await startTestServer();
  await fill(server.client);
});

after(async () => {
  await server?.stop();
});

/** A model with three versions that its gate let pass; and one that only an MLflow client would name so. */
async function fill(client: Client): Promise<void> {
  const spec = {
    description: hostile,
    gate: { checks: { auc: { min: 0.7, interval: 'low' }, beats: { table: { auc: 0.01 } } } },
    aliases: { champion: { approval: { lapsesAfter: '3d' } } },
  };
  const resources = [{ kind: 'model', name: model, spec }];
  await client.projects.apply({ params: { project: 'p' }, body: { resources, bundle: [] } });
  for (const auc of [0.76, 0.79, 0.82]) {
    const run = await client.runs.create({ body: { experiment: 'e', name: hostile } });
    const evidence = {
      metrics: { auc: { value: auc, low: auc - 0.03, high: auc + 0.03, n: 900 } },
      baselines: { table: { auc: 0.7 } },
    };
    const gate = await client.models.judgeGate({ params: { model }, body: { evidence, runId: run.id } });
    await register(client, model, { gateId: gate.id, runId: run.id });
  }
  await register(client, hostile, {});
}

async function register(client: Client, name: string, facts: { gateId?: string; runId?: string }): Promise<void> {
  const bytes = Buffer.from(JSON.stringify([name, facts]));
  const digest = await digestOf(bytes);
  await client.objects.put({ params: { digest }, body: bytes });
  const body = { digest, description: hostile, tags: { [hostile]: hostile }, ...facts };
  await client.models.createVersion({ params: { model: name }, body });
}

async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return `sha256:${Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex')}`;
}

interface Person {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly problems: string[];
}

/** A browser of its own that sends this person's token with everything. */
async function personOf(url: string, secret: string | undefined): Promise<Person> {
  const headers = secret === undefined ? {} : { extraHTTPHeaders: { authorization: `Bearer ${secret}` } };
  const context = await suite.browser().newContext({ viewport: { width: 1440, height: 1000 }, ...headers });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  await page.goto(url);
  await page.getByRole('heading', { level: 1 }).first().waitFor();
  return { context, page, problems };
}

/** In the page itself; the frame around it has its own test. */
const barriers = (page: Page): Promise<string[]> => seriousProblems(page, { within: 'main' });

const browserTest = (name: string, run: (url: string, client: Client) => Promise<void>): void =>
  suite.test(name, async () => {
    assert(server);
    return run(`${server.url}/w/default`, server.client);
  });

browserTest(
  'ann asks on the version, ben sees it counted, approves, and the alias moves before both',
  async (url, client) => {
    const secretOf = async (name: string): Promise<string> =>
      (await client.tokens.create({ body: { name, role: 'deployer' } })).secret;
    const ann = await personOf(`${url}/models/${model}/versions/2`, await secretOf('ann'));
    const ben = await personOf(`${url}/approvals`, await secretOf('ben'));
    await ben.page.getByText('Nothing waits for you').waitFor();
    await ben.page.getByText('Live', { exact: true }).waitFor();

    await ann.page.getByText(/It may become champion with an approval: 2 of 2 checks passed/).waitFor();
    await ann.page.getByRole('button', { name: 'Set alias' }).click();
    const dialog = ann.page.getByRole('dialog');
    await dialog.getByLabel('Alias').fill('champion');
    await dialog.getByText(/This makes a request/).waitFor();
    await dialog.getByLabel(/Reason/).fill('better in May');
    await dialog.getByRole('button', { name: 'Ask for v2 as champion' }).click();
    await dialog.getByText(/Asked for: v2 becomes champion when somebody approves/).waitFor();
    await dialog.getByRole('button', { name: 'Done' }).click();
    const own = ann.page.getByRole('form', { name: /^Decide about apr_/ });
    await own.getByText(/You asked for this as token:ann/).waitFor();
    assert(await own.getByRole('button', { name: 'Approve v2 as champion' }).isDisabled());

    await ben.page.getByRole('link', { name: /^Approvals 1/ }).waitFor();
    await ben.page.getByText('Point late@champion at v2').first().waitFor();
    await ben.page.getByText(/asked.*by token:ann: better in May/i).waitFor();
    await ben.page.getByText('2 of 2 checks of its gate passed, on 900 rows.').waitFor();
    assert.deepEqual(await barriers(ben.page), []);
    const form = ben.page.getByRole('form', { name: /^Decide about apr_/ });
    await form.getByLabel(/Reason/).fill('the gain is proven');
    await form.getByRole('button', { name: 'Approve v2 as champion' }).click();
    await ben.page.getByText('Nothing waits for you').waitFor();
    await ben.page.getByRole('table', { name: 'Decided' }).getByText('the gain is proven').waitFor();
    await ben.page.getByRole('link', { name: /^Approvals$/ }).waitFor();
    await ann.page.getByText(/It is the champion: 2 of 2 checks passed/).waitFor();
    assert.deepEqual((await client.models.get({ params: { model } })).aliases, { champion: 2 });

    await ben.page.goto(`${url}/models/${model}`);
    const moves = ben.page.getByRole('table', { name: 'Moves' });
    await moves.getByText('token:ben').waitFor();
    assert.deepEqual(await barriers(ben.page), []);
    await moves.getByRole('link', { name: 'approved' }).click();
    await ben.page.getByText(/Approved by token:ben.*the gain is proven/).waitFor();
    assert.deepEqual([ann.problems, ben.problems], [[], []]);
    await ann.context.close();
    await ben.context.close();
  },
);

browserTest(
  'a refusal needs a reason and leaves the alias; the owner at the machine is told before approving their own',
  async (url, client) => {
    const { approval } = await client.models.setAlias({ params: { model, alias: 'champion' }, body: { version: 3 } });
    const id = approval?.id ?? '';
    const { page, context, problems } = await personOf(`${url}/approvals/${id}`, undefined);
    await page.getByText(/You asked for this yourself/).waitFor();
    await page.getByRole('button', { name: 'Withdraw it' }).click();
    assert.equal(
      (await client.approvals.get({ params: { approval: id } })).state,
      'waiting',
      'without a reason nothing is sent',
    );
    await page.getByLabel(/Reason/).fill('not before the holidays');
    await page.getByRole('button', { name: 'Withdraw it' }).click();
    await page.getByText(/Withdrawn by owner.*not before the holidays/).waitFor();
    assert.deepEqual((await client.models.get({ params: { model } })).aliases, { champion: 2 });

    const secret = (await client.tokens.create({ body: { name: 'cat', role: 'deployer' } })).secret;
    const cat = createClient({ url: url.replace(/\/w\/default$/, ''), token: secret });
    const asked = await cat.models.setAlias({ params: { model, alias: 'champion' }, body: { version: 3 } });
    await page.goto(`${url}/approvals/${asked.approval?.id}`);
    await page.getByLabel(/Reason/).fill('too soon');
    await page.getByRole('button', { name: 'Refuse' }).click();
    await page.getByText(/Refused by owner.*too soon/).waitFor();
    assert.deepEqual(problems, []);
    await context.close();
  },
);

browserTest('what has lapsed offers no decision', async (url, client) => {
  const { approval } = await client.models.setAlias({ params: { model, alias: 'champion' }, body: { version: 1 } });
  assert(approval);
  const { page, context } = await personOf(`${url}/approvals`, undefined);
  await page.getByRole('button', { name: 'Approve v1 as champion' }).waitFor();
  // The clock of the reader moves past the end; the server's own is tested with the store.
  await page.clock.install({ time: approval.lapsesAt + 60_000 });
  await page.goto(`${url}/approvals/${approval.id}`);
  await page.getByText(/Nobody decided in time, so nothing happened/).waitFor();
  assert.equal(await page.getByRole('button', { name: /^Approve/ }).count(), 0);
  await client.approvals.reject({ params: { approval: approval.id }, body: { reason: 'tidy' } });
  await context.close();
});

browserTest(
  'a firing that waits is decided where it stands, with a reason, and says what came of it',
  async (url, client) => {
    const move = { alias: { model, alias: 'second', version: '$event.body.version' } };
    const spec = { when: 'alias.moved', where: { 'body.alias': 'first' }, do: move, approval: { lapsesAfter: '1d' } };
    const resources = [{ kind: 'policy', name: 'follow', spec }];
    await client.projects.apply({ params: { project: 'policies' }, body: { resources, bundle: [] } });
    const { page, context, problems } = await personOf(`${url}/policies/follow`, undefined);
    await page.getByText(/asked for: Whoever holds the role deployer or owner, within 24 h/).waitFor();
    await client.models.setAlias({ params: { model, alias: 'first' }, body: { version: 3 } });
    await page.getByRole('table', { name: 'Firings' }).getByText('Waiting').waitFor();
    await page.getByRole('button', { name: 'Approve' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(/The policy will point late@second at 3, at once/).waitFor();
    await dialog.getByLabel(/Reason/).fill('they belong together');
    await dialog.getByRole('button', { name: 'Approve it' }).click();
    await page.getByRole('table', { name: 'Firings' }).getByText('Done').waitFor();
    assert.equal((await client.models.get({ params: { model } })).aliases['second'], 3);
    await page.goto(`${url}/approvals?state=approved`);
    await page.getByRole('table', { name: 'Decided' }).getByText('they belong together').waitFor();
    assert.deepEqual(problems, []);
    await context.close();
  },
);

browserTest('the version page: gate, comparison, lineage in both forms, card on paper and as Markdown', async (url) => {
  const { page, context, problems } = await personOf(`${url}/models/${model}/versions/3?against=1`, undefined);
  const gate = page.getByRole('table', { name: 'Checks of the gate' });
  await gate.getByText('0.7900 to 0.8500').waitFor();
  await gate.getByText('0.7000').first().waitFor();
  const figures = page.getByRole('table', { name: 'Figures of both gates' });
  await figures.getByText('+0.0600').waitFor();
  assert.deepEqual(await barriers(page), []);
  await page.getByRole('tab', { name: 'List' }).click();
  await page.getByRole('table', { name: 'Lineage' }).getByText('2 of 2 checks passed').waitFor();
  assert.match(page.url(), /lineage=list/);
  await page.getByRole('tab', { name: 'Model card' }).click();
  await page.getByText('0.8200').first().waitFor();
  await page.getByText('How many rows it was trained on.').waitFor();
  assert.deepEqual(await barriers(page), []);
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Save as Markdown' }).click();
  const saved = await (await download).path();
  assert.match(await readFile(saved, 'utf8'), /^# late, version 3/);
  await page.emulateMedia({ media: 'print' });
  assert.equal(await page.getByRole('navigation', { name: 'Main' }).isVisible(), false);
  assert.equal(await page.getByRole('button', { name: 'Print' }).isVisible(), false);
  assert.deepEqual(problems, []);
  await context.close();
});

browserTest('a hostile name is text on every page of models and approvals, wide and narrow', async (url, client) => {
  for (const named of [model, hostile]) {
    const body = { version: 1, reason: hostile };
    await client.models.setAlias({ params: { model: named, alias: 'champion' }, body });
  }
  const name = encodeURIComponent(hostile);
  for (const width of [1440, 390]) {
    const { page, context, problems } = await personOf(`${url}/models`, undefined);
    await page.setViewportSize({ width, height: 900 });
    for (const path of [
      `/models`,
      `/models/${name}`,
      `/models/${name}/versions/1`,
      `/models/${name}/versions/1?tab=card`,
      '/approvals',
    ]) {
      await page.goto(url + path);
      const shown = page.getByText('<img src=x').locator('visible=true').first();
      await shown.waitFor({ timeout: 10_000 }).catch(() => assert.fail(`${path} at ${width} does not show the name`));
      await page.waitForLoadState('networkidle', { timeout: 2000 }).catch(() => undefined);
      const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
      assert(overflow <= 0, `${path} at ${width} scrolls sideways by ${overflow} px`);
      assert.notEqual(await page.title(), 'taken', path);
      assert.equal(await page.locator('img[src="x"]').count(), 0, path);
      assert.deepEqual(await page.getByRole('alert').filter({ hasText: /\S/ }).allTextContents(), [], path);
    }
    assert.deepEqual(problems, []);
    await context.close();
  }
});
