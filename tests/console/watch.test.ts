/**
 * The pages that watch: a dataset with hostile names and values, a monitor with its windows, an alert with what followed.
 * The world is small and made here: one model of one number, eight weeks of predictions, outcomes that turn in the sixth.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import type { Page } from 'playwright-core';
import {
  declareEndpoint,
  deploy,
  digestOf,
  endpointName,
  linearModel,
  modelName,
} from '../journeys/linear-endpoint.ts';
import type { TestServer } from '../journeys/server.ts';
import { startTestServer } from '../journeys/server.ts';
import { browserSuite } from './browser-suite.ts';

const start = Date.UTC(2024, 0, 1);
const dayMs = 86_400_000;
const weeks = 7;
const perWeek = 150;
const markup = '<script>document.title="owned"</script>';
const rightToLeft = '\u05e9\u05dc\u05d5\u05dd \u202etxt';
const long = 'L'.repeat(300);
const emoji = '🛫 departures';

let world: TestServer | undefined;
let empty: TestServer | undefined;
let validation = '';
let alert = '';
const folder = mkdtempSync(join(tmpdir(), 'slipway-watch-'));

async function parquet(sql: string): Promise<Buffer> {
  const path = join(folder, 'made.parquet');
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run(`COPY (${sql}) TO '${path}' (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
  return readFileSync(path);
}

const name = (text: string): string => `"${text.replaceAll('"', '""')}"`;
const value = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** A dataset of 120 rows whose columns and values try to be more than text; ten of them break a rule. */
async function makeData({ client }: TestServer): Promise<void> {
  const columns = (shift: number): string => `SELECT i::INTEGER AS n, (i * 1.5 + ${shift})::DOUBLE AS ${name(emoji)},
    ${value(markup)} AS ${name(markup)}, ${value(rightToLeft)} AS ${name(rightToLeft)}, ${value(long)} AS ${name(long)} FROM range(120) t(i)`;
  const put = (bytes: Buffer) =>
    client.datasets.putFile({ params: { dataset: 'odd', file: 'a.parquet' }, body: bytes });
  await put(await parquet(columns(0)));
  await put(await parquet(columns(40)));
  const between = { id: 'small', type: 'expect_column_values_to_be_between', column: 'n', max_value: 109 };
  const spec = { tables: { odd: { expectations: [between] } } };
  const resources = [{ kind: 'suite', name: 'odd', spec }];
  await client.projects.apply({ params: { project: 'data' }, body: { resources, bundle: [] } });
  validation = (await client.validations.create({ body: { suite: 'odd', tables: { odd: 'odd' } } })).id;
}

/** Predictions of seven weeks; `dest` is a text that came with them, with a new value in the last week. */
async function makeMonitor({ client }: TestServer): Promise<void> {
  await declareEndpoint(client);
  const bytes = linearModel(1);
  const reference = await parquet(
    `SELECT ${start - 30 * dayMs} + i * 864000 AS at, CAST(((i * 7919) % 200) / 100.0 - 1 AS DOUBLE) AS x, CASE WHEN i % 3 = 0 THEN 'ATL' ELSE ${value(markup)} END AS dest FROM range(3000) t(i)`,
  );
  for (const body of [bytes, reference]) await client.objects.put({ params: { digest: digestOf(body) }, body });
  const lineage = { trainingSetDigest: digestOf(reference) };
  const { number } = await client.models.createVersion({
    params: { model: modelName },
    body: { digest: digestOf(bytes), lineage },
  });
  await deploy(client, number);
  const weekly = { endpoint: endpointName, window: 'week', labelGrace: 0, labelledMin: 50 };
  const retrain = { when: 'alert.fired', where: { severity: 'alert' }, do: { run: { pipeline: 'none' } } };
  const resources = [
    { kind: 'monitor', name: 'weekly', spec: weekly },
    { kind: 'policy', name: 'retrain', spec: retrain },
  ];
  await client.projects.apply({ params: { project: 'watch' }, body: { resources, bundle: [] } });
  for (let week = 0; week < weeks; week++) await makeWeek(client, week);
  for (let i = 0; i < 400; i++) {
    const found = (await client.alerts.list({ query: {} })).items.find((a) => a.severity === 'alert');
    const fired = found && (await client.policies.decisions({ query: { subject: found.id } })).items;
    if (found !== undefined && fired?.some((f) => f.state === 'failed') === true) {
      alert = found.id;
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail('no alert came of the turned outcomes');
}

async function makeWeek(client: TestServer['client'], week: number): Promise<void> {
  const params = { endpoint: endpointName };
  const xs = Array.from({ length: perWeek }, (_, i) => (((week * perWeek + i) * 7919) % 200) / 100 - 1);
  const at = (i: number): number => start + Math.floor((week + i / perWeek) * 7 * dayMs);
  const dest = (i: number): string => (week === weeks - 1 && i % 2 === 0 ? rightToLeft : i % 3 === 0 ? 'ATL' : markup);
  const instances = xs.map((x, i) => ({ at: at(i), inputs: { x, dest: dest(i) } }));
  const { predictions } = await client.endpoints.predict({ params, body: { instances } });
  const labels = predictions.map(({ id, score }, i) => {
    const isTurned = week === weeks - 2;
    // As often as was said: the share of a golden sequence below the score.
    const hit = (i * 0.618033988749895) % 1 < score;
    return { predictionId: id, value: isTurned || hit ? 1 : 0, at: at(i) };
  });
  await client.endpoints.label({ params, body: { labels, watermark: start + (week + 1) * 7 * dayMs } });
}

const suite = browserSuite(async () => {
  world = await startTestServer();
  empty = await startTestServer();
  await makeData(world);
  await makeMonitor(world);
});

after(async () => {
  await world?.stop();
  await empty?.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Opened {
  readonly page: Page;
  readonly problems: string[];
}

async function open(
  path: string,
  options: { readonly server?: TestServer | undefined; readonly width?: number } = {},
): Promise<Opened> {
  const server = options.server ?? world;
  assert(server);
  const page = await suite.browser().newPage({ viewport: { width: options.width ?? 1440, height: 900 } });
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  await page.goto(`${server.url}/w/default${path}`);
  await page.getByRole('heading', { level: 1 }).first().waitFor();
  return { page, problems };
}

/** No script ran that the data brought, no error, nothing cut off; then the page is closed. */
async function leave({ page, problems }: Opened): Promise<void> {
  assert.ok(!(await page.title()).includes('owned'));
  const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
  assert.ok(overflow <= 0, `${page.url()} scrolls sideways by ${overflow} px`);
  assert.deepEqual(problems, [], page.url());
  await page.close();
}

suite.test('a profile shows hostile columns as text, and both versions in the same bins', async () => {
  const opened = await open('/data/odd/versions/2?against=1');
  const { page } = opened;
  const columns = page.getByRole('table', { name: 'Columns' });
  for (const text of [markup, rightToLeft, long, emoji])
    await columns.getByRole('button', { name: text, exact: true }).waitFor();
  await columns.getByRole('button', { name: emoji, exact: true }).click();
  await page.getByText(/bins of equal width from/).waitFor();
  await page.getByText(/PSI to the other version \d/).waitFor();
  assert.match(await page.locator('.dt-quantiles').innerText(), /was/);
  await page.getByRole('definition').filter({ hasText: 'PSI' }).first().waitFor();
  await leave(opened);
  await leave(await open('/data/odd/versions/2?against=1', { width: 390 }));
});

suite.test('rows are shown by page and by chosen columns, whatever they are called', async () => {
  const opened = await open('/data/odd/versions/2?tab=rows');
  const { page } = opened;
  const rows = page.getByRole('table', { name: 'Rows', exact: true });
  await rows.getByText(markup).first().waitFor();
  assert.equal(await rows.locator('tbody tr').count(), 50);
  await page.getByRole('button', { name: 'Load more' }).click();
  await rows.getByText('a.parquet, 51', { exact: true }).waitFor();
  await page.getByText('5 columns', { exact: true }).click();
  await page.getByRole('checkbox', { name: long }).click();
  await rows.getByRole('columnheader', { name: long }).waitFor({ state: 'detached' });
  await page.reload();
  await rows.getByText('a.parquet, 1', { exact: true }).waitFor();
  assert.equal(await rows.locator('thead th').count(), 5, 'the choice lies in the address');
  await leave(opened);
});

suite.test('the page of a refused version shows what failed, and the first rows of it', async () => {
  const opened = await open('/data/odd/versions/2');
  const { page } = opened;
  const failed = page.getByRole('list', { name: 'Expectations that failed' });
  await failed.getByRole('button', { pressed: true }).waitFor();
  const samples = page.getByRole('table', { name: 'Rows that did not hold' });
  assert.equal(await samples.locator('tbody tr').count(), 3);
  await page.getByText('3 of 10 rows').waitFor();
  await page.getByRole('button', { name: 'Add version' }).click();
  await page.getByRole('link', { name: 'Open all' }).click();
  await page.getByRole('table', { name: 'Failing rows' }).waitFor();
  assert.ok(page.url().includes(validation));
  await leave(opened);
});

suite.test('who read a version is told, and every failing row can be opened', async () => {
  const used = await open('/data/odd/versions/2?tab=used');
  await used.page.getByRole('region', { name: 'Validations' }).getByRole('link', { name: 'suite odd' }).click();
  await used.page.getByRole('link', { name: 'Open all' }).click();
  const rows = used.page.getByRole('table', { name: 'Failing rows' });
  await rows.getByText('a.parquet, 111', { exact: true }).waitFor();
  assert.equal(await rows.locator('tbody tr').count(), 10);
  assert.ok(used.page.url().includes(validation));
  await leave(used);
  const unread = await open('/data/odd/versions/1?tab=used');
  await unread.page.getByText('Nothing has read this version').waitFor();
  await leave(unread);
});

suite.test('a monitor shows its columns then and now, a text with its new value, and the strip', async () => {
  const opened = await open('/monitors/weekly');
  const { page } = opened;
  const drift = page.getByRole('table', { name: 'Drift by column' });
  await drift.getByRole('link', { name: 'dest' }).click();
  const panel = page.locator('.panel', { has: page.getByRole('heading', { name: 'dest' }) });
  await panel.getByText('Training never had').waitFor();
  await panel.getByRole('button', { name: 'As table' }).click();
  const table = page.getByRole('table', { name: 'Distribution of dest' });
  await table.getByRole('row', { name: /new values/ }).waitFor();
  await table.getByText(markup).waitFor();
  await page
    .getByRole('table', { name: 'Drift of each column in each window' })
    .getByRole('row', { name: /dest/ })
    .waitFor();
  assert.equal(
    await page.getByRole('list', { name: 'Outcomes that came, by window' }).getByRole('listitem').count(),
    weeks,
  );
  await leave(opened);
  await leave(await open('/monitors/weekly?column=dest', { width: 390 }));
});

suite.test('a backtest says what would have happened beside what did, and lies in the address', async () => {
  const opened = await open('/monitors/weekly');
  const { page } = opened;
  await page.getByRole('button', { name: 'Backtest' }).click();
  await page.getByLabel('Alert from gap').fill('0.9');
  await page.getByLabel('Warning from gap').fill('0.9');
  await page.getByRole('button', { name: 'Try it' }).click();
  await page.getByText(/it would have raised/).waitFor();
  await page.getByText(/1 window would say something else|windows would say something else/).waitFor();
  assert.match(page.url(), /alertGap/);
  await page.reload();
  await page.getByRole('table', { name: 'Backtest' }).waitFor();
  await page.getByRole('link', { name: /alert of/ }).waitFor();
  await leave(opened);
});

suite.test('a silence asks for a reason, is told on the page, and ends', async () => {
  const opened = await open('/monitors/weekly');
  const { page } = opened;
  await page.getByRole('button', { name: 'Silence', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('trigger no policy').waitFor();
  await dialog.getByRole('button', { name: 'Silence monitor weekly' }).click();
  assert.ok(await dialog.isVisible(), 'nothing happens without a reason');
  await dialog.getByLabel('Reason, for the ledger').fill(`${markup} known`);
  await dialog.getByRole('button', { name: 'Silence monitor weekly' }).click();
  const note = page.getByRole('status').filter({ hasText: 'Silent until' });
  await note.getByText(`${markup} known`).waitFor();
  await note.getByRole('button', { name: 'End the silence' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'End the silence' }).click();
  await page.getByRole('button', { name: 'Silence', exact: true }).waitFor();
  const { items } = await (world ?? assert.fail()).client.silences.list({ params: { monitor: 'weekly' }, query: {} });
  assert.equal(items[0]?.endedBy, 'owner');
  await leave(opened);
});

suite.test(
  'an alert has its page with the decision that followed; a policy its dry run as a line of time',
  async () => {
    const list = await open('/alerts');
    await list.page.getByRole('link', { name: 'What followed' }).first().click();
    await list.page.getByRole('heading', { level: 1 }).waitFor();
    await leave(list);
    const opened = await open(`/alerts/${alert}`);
    const followed = opened.page.locator('.panel', {
      has: opened.page.getByRole('heading', { name: 'What followed' }),
    });
    await followed.getByRole('link', { name: 'retrain' }).waitFor();
    await followed.getByText('Failed').waitFor();
    await opened.page.getByRole('table', { name: 'Drift by column' }).waitFor();
    await leave(opened);
    const policy = await open('/policies/retrain');
    await policy.page.getByText(/As declared now it would have acted once/).waitFor();
    const line = policy.page.getByRole('list', { name: 'What would have happened, by event time' });
    assert.equal(await line.getByRole('listitem').count(), 1);
    await leave(policy);
  },
);

suite.test('an empty workspace teaches', async () => {
  for (const path of ['/data', '/features', '/monitors', '/alerts', '/policies']) {
    const opened = await open(path, { server: empty });
    await opened.page.getByRole('heading', { level: 1 }).waitFor();
    await leave(opened);
  }
});

suite.test('routes refuse what is not there or does not fit, and a reader may not silence', async () => {
  assert(world);
  const { url, client } = world;
  const status = async (path: string, init?: RequestInit): Promise<number> => {
    const response = await fetch(`${url}${path}`, init);
    await response.arrayBuffer();
    return response.status;
  };
  assert.equal(await status('/api/datasets/odd/versions/2/rows?columns=%5B%22nope%22%5D'), 400);
  assert.equal(await status('/api/datasets/odd/versions/2/rows?limit=201'), 400);
  assert.equal(await status('/api/datasets/odd/versions/9/rows'), 404);
  assert.equal(await status('/api/datasets/odd/versions/2/rows?pageToken=zz'), 400);
  assert.equal(await status(`/api/validations/${validation}/rows?expectation=nope`), 404);
  assert.equal(await status('/api/monitors/weekly/windows/win_nope/drift'), 404);
  assert.equal(await status('/api/monitors/weekly/backtest?warningGap=0.9'), 400);
  assert.equal(await status('/api/monitors/weekly/backtest?window=fortnight'), 400);
  assert.equal(await status('/api/policy-firings'), 400);
  const { secret } = await client.tokens.create({ body: { name: 'reader', role: 'viewer' } });
  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ until: Date.now() + 60_000, reason: 'r' });
  assert.equal(await status('/api/monitors/weekly/silences', { method: 'POST', headers, body }), 403);
  assert.equal(await status('/api/monitors/weekly/backtest', { headers }), 200);
});
