/** A machine that slept under the page: the server was restarted meanwhile, its ledger is another one, an hour has passed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import type { Client } from 'slipway';
import { createClient } from 'slipway';
import type { SlipwayServer } from '@slipway/server';
import { readConfig, startServer } from '@slipway/server';
import type { Page } from 'playwright-core';
import { browserTest, newPage, openPage, settled } from './workspaces.ts';

/** The page opens its stream again at most 10 s after a failed attempt. */
const wakesWithinMs = 40_000;

const start = (dir: string, port: number): Promise<SlipwayServer> =>
  startServer(readConfig({ dir, port, logLevel: 'error' }, {}));

interface Bed {
  readonly client: Client;
  readonly folder: () => string;
  /** Another server at the same address. */
  readonly restart: (folder: string) => Promise<void>;
}

async function withServer(run: (url: string, bed: Bed) => Promise<void>): Promise<void> {
  const folders: string[] = [];
  const folder = (): string => {
    const made = mkdtempSync(join(tmpdir(), 'slipway-absence-'));
    folders.push(made);
    return made;
  };
  let server = await start(folder(), 0);
  try {
    await run(server.url, {
      client: createClient({ url: server.url }),
      folder,
      restart: async (dir) => {
        await server.stop(100);
        server = await start(dir, server.port);
      },
    });
  } finally {
    await server.stop(100);
    for (const dir of folders) rmSync(dir, { recursive: true, force: true });
  }
}

/** Stops all of the page's scripts and timers, as a browser does to a page of a sleeping machine. */
async function asleep(page: Page, meanwhile: () => Promise<void>): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send('Page.setWebLifecycleState', { state: 'frozen' });
  await meanwhile();
  await session.send('Page.setWebLifecycleState', { state: 'active' });
  await session.detach();
}

const live = (page: Page): Promise<void> => page.getByText('Live', { exact: true }).waitFor({ timeout: wakesWithinMs });

browserTest('a page that slept while the server was restarted shows what happened meanwhile', () =>
  withServer(async (url, { client, folder, restart }) => {
    const dir = folder();
    await restart(dir);
    await client.models.create({ body: { name: 'before-sleep' } });
    const { page, problems } = await openPage(`${url}/w/default/models`);
    await live(page);
    await asleep(page, async () => {
      await restart(dir);
      await client.models.create({ body: { name: 'made-asleep' } });
    });
    await page.getByRole('link', { name: 'made-asleep' }).waitFor({ timeout: wakesWithinMs });
    await live(page);
    await client.models.create({ body: { name: 'made-awake' } });
    await page.getByRole('link', { name: 'made-awake' }).waitFor({ timeout: wakesWithinMs });
    // Refused connections are said by the browser itself; scripts threw nothing.
    assert.deepEqual(
      problems.filter((problem) => !/Failed to load resource|ERR_/.test(problem)),
      [],
    );
    await page.close();
  }),
);

browserTest('a cursor of a ledger that is gone is given up: the page shows what is served now', () =>
  withServer(async (url, { client, folder, restart }) => {
    for (const name of ['old-a', 'old-b', 'old-c']) await client.models.create({ body: { name } });
    const { page } = await openPage(`${url}/w/default/models`);
    await live(page);
    await asleep(page, async () => {
      await restart(folder());
      await client.models.create({ body: { name: 'of-another-workspace' } });
    });
    await page.getByRole('link', { name: 'of-another-workspace' }).waitFor({ timeout: wakesWithinMs });
    await page.getByRole('link', { name: 'old-a' }).waitFor({ state: 'detached' });
    await live(page);
    await client.models.create({ body: { name: 'followed-again' } });
    await page.getByRole('link', { name: 'followed-again' }).waitFor({ timeout: wakesWithinMs });
    await page.close();
  }),
);

browserTest(
  'after an hour of silence the stream is opened anew and everything is asked for again',
  async ({ empty }) => {
    const { page } = await newPage();
    await page.clock.install();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await page.goto(`${empty.url}/w/default/models`);
    await settled(page);
    await live(page);
    asked.length = 0;
    await page.clock.fastForward('01:00:00');
    const until = Date.now() + wakesWithinMs;
    for (const path of ['/api/events', '/api/models'])
      while (!asked.includes(path)) {
        assert(Date.now() < until, `${path} was not asked for again`);
        await page.waitForTimeout(50);
      }
    await live(page);
    await page.close();
  },
);
