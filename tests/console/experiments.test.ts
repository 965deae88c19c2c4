/** The list of runs, its filter, views, inspector and charts, the comparison and the page of a run, in a real browser. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import type { TestServer } from '../journeys/server.ts';
import { startTestServer } from '../journeys/server.ts';
import { seriousProblems } from './barriers.ts';
import { browserSuite } from './browser-suite.ts';

const runCount = 450;
const hostile = ['<script>document.title = "mine"</script>', 'مرحبا بالعالم', '🛫 lift-off 🧪', 'n'.repeat(250)];
const hostileKeys = ['مقياس', 'k'.repeat(250), 'val/pr-auc at 0.5'];
const startedAt = Date.UTC(2026, 0, 1);

let server: TestServer | undefined;
const ids = new Map<string, string>();

async function seed({ client }: TestServer): Promise<void> {
  for (let i = 0; i < runCount; i++) {
    const name = hostile[i] ?? `run-${String(i).padStart(3, '0')}`;
    const { id } = await client.runs.create({ body: { experiment: 'sweep', name, startedAt: startedAt - i * 60_000 } });
    ids.set(name, id);
    const isCurve = i < 4;
    await client.runs.log({
      params: { run: id },
      body: {
        metrics: [
          { key: 'auc', value: 0.6 + (i % 100) / 400 },
          ...(isCurve
            ? Array.from({ length: 900 }, (_, step) => ({
                key: 'loss',
                value: step === 450 ? 7 : 1 / (step + i + 1),
                step,
              }))
            : []),
          ...(i === 0 ? hostileKeys.map((key) => ({ key, value: i })) : []),
        ],
        params: {
          model: i % 2 === 0 ? 'gbt' : 'linear',
          rate: String(0.01 * (1 + (i % 5))),
          ...(i === 0 ? { long: 'v'.repeat(300) } : {}),
        },
      },
    });
    if (i !== 5) await client.runs.end({ params: { run: id }, body: { status: i % 50 === 7 ? 'failed' : 'finished' } });
  }
  const run = ids.get(hostile[0] ?? '') ?? '';
  const files: readonly (readonly [path: string, text: string])[] = [
    ['a.csv', 'name,score\r\n"x, y",1\r\n<b>z</b>,2\r\n'],
    ['b.html', '<h1>Report</h1><script>document.body.textContent = "ran"; parent.document.title = "mine"</script>'],
    [
      'c.svg',
      '<svg xmlns="http://www.w3.org/2000/svg"><script>parent.document.title="mine"</script><circle r="5"/></svg>',
    ],
    ['d.json', '{"a":[1,2]}'],
    ['e.md', '# Title <img src=x onerror="document.title=1">'],
    ['f.bin', '\0\0'],
  ];
  for (const [path, text] of files) await client.runs.putArtifact({ params: { run, path }, body: Buffer.from(text) });
}

const suite = browserSuite(async () => {
  server = await startTestServer();
  await seed(server);
});

after(async () => {
  await server?.stop();
});

interface Opened {
  readonly page: Page;
  readonly problems: string[];
}

const browserTest = (
  name: string,
  run: (at: (path: string, width?: number) => Promise<Opened>) => Promise<void>,
): void =>
  suite.test(name, async () => {
    const pages: Page[] = [];
    const problems: string[] = [];
    try {
      await run(async (path, width = 1440) => {
        assert(server);
        const page = await suite.browser().newPage({
          viewport: { width, height: 900 },
          permissions: ['clipboard-read', 'clipboard-write'],
        });
        page.setDefaultTimeout(15_000);
        pages.push(page);
        page.on('pageerror', (error) => problems.push(String(error)));
        page.on('console', (message) => {
          // A refused filter is an answer like others here; a blocked script is what is wanted of a preview.
          if (message.type() === 'error' && !/status of 400|Blocked script execution/.test(message.text()))
            problems.push(message.text());
        });
        await page.goto(`${server.url}/w/default${path}`);
        await page.getByRole('heading', { level: 1 }).first().waitFor();
        return { page, problems };
      });
      assert.deepEqual(problems, []);
    } finally {
      for (const page of pages) await page.close();
    }
  });

const rowsOf = (page: Page): Locator => page.getByRole('table', { name: 'Runs' }).locator('tbody tr[data-row]');
const rowOf = (page: Page, name: string): Locator =>
  rowsOf(page).filter({ has: page.getByRole('link', { name, exact: true }) });
const sweep = '/experiments?experiment=sweep';

browserTest(
  'the list draws few of its rows, asks for pages as it is scrolled, and keeps what is selected',
  async (at) => {
    const { page } = await at(sweep);
    await rowOf(page, 'run-004').waitFor();
    await page.getByText(`${runCount} runs`, { exact: false }).first().waitFor();
    assert.ok((await rowsOf(page).count()) < 80);
    await rowOf(page, 'run-004').getByRole('checkbox').click();
    const table = page.getByRole('table', { name: 'Runs' });
    for (let i = 0; i < 40 && (await table.getAttribute('aria-rowcount')) === '-1'; i++) {
      await page.locator('.run-scroll').evaluate((scroller) => scroller.scrollTo(0, scroller.scrollHeight));
      await page.waitForTimeout(100);
    }
    assert.equal(await table.getAttribute('aria-rowcount'), String(runCount + 1));
    await page.locator('.run-scroll').evaluate((scroller) => scroller.scrollTo(0, scroller.scrollHeight));
    await rowOf(page, `run-${runCount - 1}`).waitFor();
    assert.ok((await rowsOf(page).count()) < 80);
    assert.equal(await rowOf(page, 'run-004').count(), 0);
    await page.getByText('1 run selected').waitFor();
    await page.getByRole('button', { name: 'Order by auc' }).click();
    await rowsOf(page).first().getByText('0.8475').waitFor();
    assert.equal(
      await page.getByRole('columnheader', { name: 'Order by auc' }).getAttribute('aria-sort'),
      'descending',
    );
    await page.getByText('1 run selected').waitFor();
    await page.reload();
    await page.getByText('1 run selected').waitFor();
    assert.match(page.url(), /sort=metrics\.auc\+desc/);
  },
);

browserTest(
  'the filter is completed from keys, operators and values, and what cannot be read is underlined',
  async (at) => {
    const { page } = await at(sweep);
    await rowOf(page, 'run-004').waitFor();
    await page.keyboard.press('/');
    const filter = page.getByRole('combobox', { name: 'Filter runs' });
    assert.ok(await page.evaluate<boolean>('document.activeElement.hasAttribute("data-filter")'));
    const pick = async (typed: string, name: string): Promise<void> => {
      await page.keyboard.type(typed);
      await page.getByRole('option', { name, exact: true }).waitFor();
      for (let i = 0; i < 12; i++) {
        await page.keyboard.press('ArrowDown');
        const isActive = await page.getByRole('option', { name, exact: true, selected: true }).count();
        if (isActive > 0) break;
      }
      await page.keyboard.press('Enter');
    };
    await pick('mod', 'params.model param');
    await pick('', '= operator');
    await pick("'l", "'linear' value of model");
    assert.equal(await filter.inputValue(), "params.model = 'linear' ");
    await page.keyboard.press('Escape');
    await page.keyboard.press('Enter');
    await page.getByText('225 of 450 runs match').waitFor();
    await filter.fill('metrics.auc => 0.7');
    await filter.press('Enter');
    const alert = page.getByRole('alert').filter({ hasText: 'character 14' });
    await alert.waitFor();
    const mark = await page.locator('[data-fault]').boundingBox();
    const field = await filter.boundingBox();
    assert.ok(mark !== null && field !== null);
    // The thirteenth letter of a fixed pitch of 7.2 px: the mark lies under it.
    assert.ok(Math.abs(mark.x - field.x - 13 * 7.2) < 12, `the mark begins ${mark.x - field.x} px into the field`);
    assert.equal(await filter.getAttribute('aria-invalid'), 'true');
    await page.getByRole('button', { name: 'Clear the filter' }).click();
    await page.getByText(`${runCount} runs;`).waitFor();
  },
);

browserTest('columns are found in the catalogue, ordered, pinned and kept in the address', async (at) => {
  const { page } = await at(sweep);
  await rowOf(page, 'run-004').waitFor();
  await page.getByRole('button', { name: /^Columns/ }).click();
  const picker = page.getByRole('dialog', { name: 'Columns' });
  await picker.getByLabel('Find a key').fill('PR-AUC');
  // Ticked is what the address says, a turn later.
  await picker.getByRole('checkbox', { name: /val\/pr-auc at 0\.5/ }).click();
  await picker.getByRole('button', { name: 'Pin val/pr-auc at 0.5' }).click();
  await picker.getByRole('button', { name: 'Remove auc', exact: true }).click();
  await page.keyboard.press('Escape');
  const heads = page.getByRole('table', { name: 'Runs' }).getByRole('columnheader');
  assert.equal(await heads.filter({ hasText: 'val/pr-auc at 0.5' }).count(), 1);
  await page.getByRole('button', { name: 'Order by auc' }).waitFor({ state: 'detached' });
  assert.match((await heads.nth(2).textContent()) ?? '', /val\/pr-auc/);
  await page.reload();
  await heads.filter({ hasText: 'val/pr-auc at 0.5' }).waitFor();
  await page.goBack();
  await page.getByRole('button', { name: 'Order by auc' }).waitFor();
});

browserTest('keys walk the rows, open the run beside the list and compare what is selected', async (at) => {
  const { page } = await at(sweep);
  await rowOf(page, 'run-004').waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  await page.getByText('2 runs selected').waitFor();
  await page.keyboard.press('Enter');
  const aside = page.getByRole('complementary', { name: 'Run' });
  await aside.getByRole('heading', { name: hostile[1] ?? '' }).waitFor();
  await page.keyboard.press('j');
  await aside.getByRole('heading', { name: hostile[2] ?? '' }).waitFor();
  await page.reload();
  await aside.getByRole('heading', { name: hostile[2] ?? '' }).waitFor();
  await page.keyboard.press('Escape');
  await aside.waitFor({ state: 'detached' });
  await page.keyboard.press('v');
  await page.getByRole('heading', { name: 'Compare runs' }).waitFor();
  await page.getByRole('table', { name: 'Metrics of the selected runs' }).getByText('+0.0025').waitFor();
  await page
    .getByRole('table', { name: 'Params of the selected runs' })
    .getByRole('rowheader', { name: 'model' })
    .waitFor();
  await page.getByRole('img', { name: /^loss by step/ }).waitFor();
  await page.goBack();
  await page.getByText('2 runs selected').waitFor();
});

browserTest('a view is saved, renamed, deleted and brought back; reload and the back button keep to it', async (at) => {
  const { page } = await at(
    `${sweep}&f=${encodeURIComponent("params.model = 'gbt'")}&sort=${encodeURIComponent('metrics.auc desc')}`,
  );
  await page.getByText('225 of 450 runs match').waitFor();
  const name = hostile[0] ?? '';
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByLabel('Name of the view').fill(name);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  const views = page.getByRole('dialog', { name: 'Saved views' });
  await views.getByRole('link', { name }).waitFor();
  await page.keyboard.press('Escape');
  await page.reload();
  await page.getByRole('button', { name }).waitFor();
  await page.getByRole('button', { name: 'Clear the filter' }).click();
  await page.getByText(`${runCount} runs;`).waitFor();
  await page.getByRole('button', { name: 'Views' }).click();
  await views.getByRole('link', { name }).click();
  await page.getByText('225 of 450 runs match').waitFor();
  await page.goBack();
  await page.getByText(`${runCount} runs;`).waitFor();
  await page.getByRole('button', { name: 'Views' }).click();
  await views.getByRole('button', { name: `Rename ${name}` }).click();
  await views.getByLabel(`New name of ${name}`).fill('best first');
  await views.getByRole('button', { name: 'Rename', exact: true }).click();
  await views.getByRole('link', { name: 'best first' }).waitFor();
  await views.getByRole('button', { name: 'Delete best first' }).click();
  await page.getByText('Deleted the view “best first”').waitFor();
  await views.getByRole('link', { name: 'best first' }).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: /^Undo/ }).click();
  await page.getByText('Undone').waitFor();
  await page.getByRole('button', { name: 'Views' }).click();
  await views.getByRole('link', { name: 'best first' }).waitFor();
  assert.ok(server);
  assert.deepEqual(
    (await server.client.views.list()).items.map((v) => v.name),
    ['best first'],
  );

  // It goes before the server has agreed, and comes back when the server does not.
  const refusal = Promise.withResolvers<undefined>();
  await page.route(/\/api\/views\/[^/]+$/, async (route) => {
    await refusal.promise;
    await route.fulfill({ status: 400, json: { error: { code: 'request_invalid', message: 'It is in use.' } } });
  });
  await views.getByRole('button', { name: 'Delete best first' }).click();
  await views.getByRole('link', { name: 'best first' }).waitFor({ state: 'detached' });
  refusal.resolve(undefined);
  await views.getByText('It is in use.').waitFor();
  await views.getByRole('link', { name: 'best first' }).waitFor();
});

browserTest('new runs are counted and come when asked for; a run that ends changes in place', async (at) => {
  assert(server);
  const { client } = server;
  await client.experiments.create({ body: { name: 'live' } });
  const { page } = await at('/experiments?experiment=live');
  await page.getByText('No runs yet').waitFor();
  const first = await client.runs.create({ body: { experiment: 'live', name: 'first' } });
  await page.reload();
  await rowOf(page, 'first').getByText('Running').waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  await client.runs.create({ body: { experiment: 'live', name: 'second' } });
  await client.runs.create({ body: { experiment: 'elsewhere', name: 'third' } });
  await page.getByRole('button', { name: '1 new run' }).waitFor();
  assert.equal(await rowsOf(page).count(), 1);
  await client.runs.end({ params: { run: first.id }, body: { status: 'failed' } });
  await rowOf(page, 'first').getByText('Failed').waitFor();
  await page.keyboard.press('n');
  await rowOf(page, 'second').waitFor();
  assert.equal(await page.getByRole('button', { name: /new run/ }).count(), 0);
});

browserTest('curves keep their peak, zoom to single points and have a table', async (at) => {
  const selected = hostile.map((name) => ids.get(name) ?? '').join(',');
  const { page } = await at(`${sweep}&charts=1&metric=loss&sel=${selected}`);
  const chart = page.getByRole('figure', { name: 'loss by step' });
  await chart.getByText(/min and max of 3\s600 points/).waitFor();
  await chart.getByRole('button', { name: 'As table' }).click();
  await chart.getByRole('cell', { name: '7', exact: true }).first().waitFor();
  await chart.getByLabel('First step').fill('440');
  await chart.getByLabel('Last step').fill('459');
  await chart.getByRole('button', { name: 'Zoom' }).click();
  await chart.getByText('80 points, every one drawn').waitFor();
  assert.match(page.url(), /zoom=440\.\.459/);
  await chart.getByRole('button', { name: 'Log' }).click();
  await chart.getByRole('button', { name: 'As chart' }).click();
  await chart.getByText('has no place on a log axis', { exact: false }).waitFor();
  await page.goBack();
  await chart.getByRole('button', { name: 'Whole' }).click();
  await chart.getByText(/min and max of 3\s600 points/).waitFor();
});

browserTest(
  'settings against outcome: brushed by keys and by pointer, read as a table, taken over as a filter',
  async (at) => {
    const { page } = await at(`${sweep}&charts=1&axes=p:rate,p:model,m:auc`);
    const figure = page.getByRole('figure', { name: 'Settings against outcome' });
    await figure.getByText('Ends of the brushes').click();
    await figure.getByLabel('Least auc').fill('0.8');
    await figure.getByRole('button', { name: 'Brush auc' }).click();
    await figure.getByText(/80 of 450 runs within the brushes/).waitFor();
    await figure.getByLabel('First model').selectOption('gbt');
    await figure.getByLabel('Last model').selectOption('gbt');
    await figure.getByRole('button', { name: 'Brush model' }).click();
    await figure.getByText(/40 of 450 runs within the brushes/).waitFor();
    await page.getByRole('button', { name: 'As table' }).first().click();
    assert.equal(await page.getByRole('table', { name: 'Settings against outcome' }).getByRole('row').count(), 41);
    await page.getByRole('button', { name: 'As chart' }).first().click();
    await figure.getByRole('button', { name: 'Filter the list by them' }).click();
    await page.getByText('40 of 450 runs match').waitFor();
    await page.goBack();
    await figure.getByText(/40 of 450 runs within the brushes/).waitFor();
    await figure.getByRole('button', { name: 'Clear the brushes' }).click();
    const axis = await figure.locator('svg .grab').nth(2).boundingBox();
    assert.ok(axis !== null);
    await page.mouse.move(axis.x + axis.width / 2, axis.y + 4);
    await page.mouse.down();
    await page.mouse.move(axis.x + axis.width / 2, axis.y + axis.height / 2);
    await page.mouse.up();
    await figure.getByText(/\d+ of 450 runs within the brushes/).waitFor();
    assert.match(page.url(), /brush=m%3Aauc/);
  },
);

browserTest('the page of a run shows files without trusting them, its origin, and copies its id', async (at) => {
  const id = ids.get(hostile[0] ?? '') ?? '';
  const { page } = await at(`/runs/${id}`);
  await page.getByRole('heading', { level: 1, name: hostile[0] ?? '' }).waitFor();
  assert.notEqual(await page.title(), 'mine');
  await page.getByRole('button', { name: 'Copy the id of the run' }).click();
  assert.equal(await page.evaluate<string>('navigator.clipboard.readText()'), id);
  await page.getByRole('table', { name: 'Rows of a.csv' }).getByRole('cell', { name: 'x, y' }).waitFor();
  await page.getByRole('button', { name: /^b\.html/ }).click();
  const frame = page.frameLocator('iframe[title="b.html, without scripts"]');
  await frame.getByRole('heading', { name: 'Report' }).waitFor();
  assert.equal(await page.locator('iframe').getAttribute('sandbox'), '');
  await page.getByRole('button', { name: /^c\.svg/ }).click();
  await page.frameLocator('iframe[title="c.svg, without scripts"]').locator('circle').waitFor();
  assert.notEqual(await page.title(), 'mine');
  await page.getByRole('button', { name: 'As text' }).click();
  await page.getByLabel('Text of c.svg').getByText('parent.document.title', { exact: false }).waitFor();
  await page.getByRole('button', { name: /^d\.json/ }).click();
  await page.getByLabel('Text of d.json').waitFor();
  await page.getByRole('button', { name: /^e\.md/ }).click();
  await page.getByLabel('Text of e.md').getByText('onerror', { exact: false }).waitFor();
  await page.getByRole('button', { name: /^f\.bin/ }).click();
  await page.getByText('This kind of file is not shown here').waitFor();
  await page.getByRole('link', { name: 'sweep' }).first().click();
  await rowOf(page, 'run-004').waitFor();
});

browserTest('names of any script and length break nothing, wide and narrow, and axe finds no barrier', async (at) => {
  const selected = hostile.map((name) => ids.get(name) ?? '').join(',');
  const keys = encodeURIComponent(['m:auc', ...hostileKeys.map((key) => `m:${key}`), 'p:long'].join(','));
  const paths = [
    `${sweep}&cols=${keys}&pins=m:auc&sel=${selected}&open=${ids.get(hostile[0] ?? '') ?? ''}`,
    `${sweep}&charts=1&metric=loss&sel=${selected}`,
    `/experiments/compare?runs=${selected}`,
    `/runs/${ids.get(hostile[3] ?? '') ?? ''}`,
    `/runs/${ids.get(hostile[0] ?? '') ?? ''}`,
  ];
  for (const path of paths) {
    for (const width of [1440, 390]) {
      const { page } = await at(path, width);
      await page.waitForTimeout(700);
      const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
      assert.ok(overflow <= 0, `${path} at ${width} scrolls sideways by ${overflow} px`);
      assert.deepEqual(await seriousProblems(page, { within: 'main' }), [], `${path} at ${width}`);
      assert.equal(await page.getByRole('alert').filter({ hasText: /\S/ }).count(), 0, path);
      assert.notEqual(await page.title(), 'mine');
      await page.close();
    }
  }
});

browserTest('where there is room the list opens with charts, courses and dots that say who measured', async (at) => {
  const { page } = await at(sweep);
  const curved = hostile[2] ?? '';
  await page.getByRole('heading', { name: 'Settings against outcome' }).waitFor();
  await page.getByRole('figure', { name: 'loss by step' }).waitFor();
  // By their latest step, before anything is selected: a course in the list for each run that has one.
  await rowOf(page, curved)
    .getByRole('img', { name: /^loss by step, .+ at step 899$/ })
    .waitFor();
  assert.equal(await rowOf(page, 'run-004').getByRole('img').count(), 0);
  assert.ok((await rowOf(page, 'run-004').getByText('not set').count()) > 0);
  for (const head of ['Duration', 'Order by Started']) await page.getByRole('columnheader', { name: head }).waitFor();
  const dot = rowOf(page, curved).locator('.dot');
  assert.equal(await dot.getAttribute('style'), null);
  await rowOf(page, curved).getByRole('checkbox').click();
  await page.getByText('1 run selected').waitFor();
  assert.match((await dot.getAttribute('style')) ?? '', /color: var\(--c1\)/);
  await page.getByRole('button', { name: 'Charts' }).click();
  await page.getByRole('heading', { name: 'Settings against outcome' }).waitFor({ state: 'detached' });
  await page.reload();
  await rowOf(page, 'run-004').waitFor();
  assert.equal(await page.getByRole('heading', { name: 'Settings against outcome' }).count(), 0);
});

browserTest('the inspector sets the values of a run beside the best of its experiment', async (at) => {
  const { page } = await at(`${sweep}&open=${ids.get(hostile[1] ?? '') ?? ''}`);
  const metrics = page.getByRole('table', { name: 'Latest metrics' });
  const cellsOf = (key: string): Locator => metrics.getByRole('row').filter({ hasText: key }).getByRole('cell');
  // Of auc the greatest is best, of a loss the least.
  await cellsOf('auc').nth(2).getByText('0.8475').waitFor();
  await cellsOf('auc').nth(3).getByText('final only').waitFor();
  const least = (1 / (899 + 3 + 1)).toFixed(4);
  await cellsOf('loss').nth(2).getByText(least).waitFor();
  await cellsOf('loss')
    .getByRole('img', { name: /^loss by step/ })
    .waitFor();
  const artifacts = page.getByRole('complementary', { name: 'Run' }).getByRole('heading', { name: /^Artifacts/ });
  assert.equal(await artifacts.count(), 0, 'this run left nothing');
});
