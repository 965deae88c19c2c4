/**
 * What a person waits for in a real browser: the first page over an empty cache, a page to the next once its data is there, and
 * every frame while a long table scrolls and while a page moves by itself. Times are taken inside the page, by its own clock.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';

const viewport = { width: 1440, height: 900 };
const settleMs = 1500;
/** A page that shows nothing for so long is broken. */
const waitMsMax = 30_000;
/** Pixels scrolled per frame: ten rows, faster than anybody reads. */
const scrollPx = 300;

/** Runs in every page before its scripts: notes when the heading came and which tasks were long. */
const watchScript = `(() => {
  const watch = { headingAt: 0, longTaskEnd: 0 };
  globalThis.benchWatch = watch;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) watch.longTaskEnd = entry.startTime + entry.duration;
  }).observe({ type: 'longtask', buffered: true });
  const look = () => {
    if (document.querySelector('main h1') !== null) watch.headingAt = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})()`;

export interface FirstPage {
  /** Over the network, compressed, everything that the page asked for before it was idle. */
  readonly kB: number;
  /** From the start of the navigation until the heading is there and no long task is running. */
  readonly interactiveMs: number;
}

async function freshPage(browser: Browser): Promise<{ readonly context: BrowserContext; readonly page: Page }> {
  const context = await browser.newContext({ viewport });
  await context.addInitScript(watchScript);
  return { context, page: await context.newPage() };
}

export async function measureFirstPage(browser: Browser, address: string): Promise<FirstPage> {
  const { context, page } = await freshPage(browser);
  const session = await context.newCDPSession(page);
  await session.send('Network.enable');
  let bytes = 0;
  session.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength));
  await page.goto(address, { waitUntil: 'commit' });
  await page.locator('main h1').first().waitFor({ timeout: waitMsMax });
  await page.waitForTimeout(settleMs);
  const watch = await page.evaluate<{ headingAt: number; longTaskEnd: number }>('benchWatch');
  await context.close();
  // A long task that ended within the half second around the heading kept the page from answering.
  const isBusy = watch.longTaskEnd > watch.headingAt && watch.longTaskEnd < watch.headingAt + settleMs;
  return { kB: bytes / 1000, interactiveMs: isBusy ? watch.longTaskEnd : watch.headingAt };
}

/** In the page: clicks a link and answers the milliseconds until its heading is painted and nothing of it is a skeleton. */
const turnScript = (href: string): string => `new Promise((resolve, reject) => {
  const link = document.querySelector('nav a[href="${href}"]');
  if (link === null) return reject(new Error('no link to ${href}'));
  const before = document.querySelector('main h1');
  const startedAt = performance.now();
  link.click();
  const look = () => {
    const heading = document.querySelector('main h1');
    const isThere = location.pathname === '${href}' && heading !== null && heading !== before && document.querySelector('main .sk, main [aria-busy="true"]') === null;
    if (!isThere) return performance.now() - startedAt > ${waitMsMax} ? reject(new Error('${href} did not come')) : requestAnimationFrame(look);
    requestAnimationFrame(() => resolve(performance.now() - startedAt));
  };
  requestAnimationFrame(look);
})`;

/** Milliseconds from one page to the next, each of which was open before. */
export async function measurePageTurns(
  browser: Browser,
  start: string,
  options: { readonly hrefs: readonly string[]; readonly rounds: number },
): Promise<ReadonlyMap<string, readonly number[]>> {
  const { context, page } = await freshPage(browser);
  await page.goto(start, { waitUntil: 'commit' });
  await page.locator('main h1').first().waitFor({ timeout: waitMsMax });
  await page.waitForTimeout(settleMs);
  const turns = new Map<string, number[]>(options.hrefs.map((href) => [href, []]));
  for (let round = -1; round < options.rounds; round++) {
    for (const href of options.hrefs) {
      const ms = await page.evaluate<number>(turnScript(href));
      // What a page loads behind its heading belongs to the first round.
      await page.waitForTimeout(round < 0 ? settleMs : 100);
      if (round >= 0) turns.get(href)?.push(ms);
    }
  }
  await context.close();
  return turns;
}

export interface Frames {
  /** Milliseconds from one frame to the next. */
  readonly ms: readonly number[];
  readonly rows: number;
}

/** In the page: scrolls by ten rows a frame until so many have passed, waiting at the end of what is loaded. */
const scrollScript = (rows: number): string => `new Promise((resolve) => {
  const table = document.querySelector('main table');
  const scrollers = [];
  for (let at = table; at !== null; at = at.parentElement) if (at.scrollHeight > at.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(at).overflowY)) scrollers.push(at);
  const scroller = scrollers.sort((a, b) => b.scrollHeight - a.scrollHeight)[0] ?? document.scrollingElement;
  const rowPx = table.tBodies[0].rows[1]?.offsetHeight || 30;
  const passed = () => Math.round((scroller.scrollTop + scroller.clientHeight) / rowPx);
  const frames = [];
  let last = performance.now();
  let waitingSince = last;
  let lastTop = -1;
  const step = (now) => {
    frames.push(now - last);
    last = now;
    if (scroller.scrollTop !== lastTop) waitingSince = now;
    lastTop = scroller.scrollTop;
    scroller.scrollTop += ${scrollPx};
    if (passed() >= ${rows} || now - waitingSince > 10000) return resolve({ ms: frames.slice(1), rows: passed() });
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})`;

export async function measureScroll(browser: Browser, address: string, rows: number): Promise<Frames> {
  const { context, page } = await freshPage(browser);
  await page.goto(address, { waitUntil: 'commit' });
  await page.locator('main table tbody tr').first().waitFor({ timeout: waitMsMax });
  await page.waitForTimeout(settleMs);
  const frames = await page.evaluate<Frames>(scrollScript(rows));
  await context.close();
  return frames;
}

const framesScript = (forMs: number): string => `new Promise((resolve) => {
  const frames = [];
  const startedAt = performance.now();
  let last = startedAt;
  const step = (now) => {
    frames.push(now - last);
    last = now;
    if (now - startedAt > ${forMs}) resolve(frames.slice(1));
    else requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})`;

/** Frames of a page while something else makes it move. */
export async function measureLive(
  browser: Browser,
  address: string,
  options: { readonly forMs: number; readonly move: (signal: AbortSignal) => Promise<void> },
): Promise<Frames> {
  const { context, page } = await freshPage(browser);
  await page.goto(address, { waitUntil: 'commit' });
  await page.locator('main h1').first().waitFor({ timeout: waitMsMax });
  await page.waitForTimeout(settleMs);
  const stop = new AbortController();
  const moving = options.move(stop.signal);
  const ms = await page.evaluate<readonly number[]>(framesScript(options.forMs));
  stop.abort();
  await moving;
  await context.close();
  return { ms, rows: 0 };
}

export interface HeapSample {
  readonly events: number;
  readonly heapMb: number;
}

/** Heap of a page after a collection, while events come in. */
export async function measureHeap(
  browser: Browser,
  address: string,
  options: { readonly parts: number; readonly make: (part: number) => Promise<number> },
): Promise<readonly HeapSample[]> {
  const { context, page } = await freshPage(browser);
  const session = await context.newCDPSession(page);
  await page.goto(address, { waitUntil: 'commit' });
  await page.locator('main h1').first().waitFor({ timeout: waitMsMax });
  await page.waitForTimeout(settleMs);
  const heapMb = async (): Promise<number> => {
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    return usedSize / 2 ** 20;
  };
  const samples: HeapSample[] = [{ events: 0, heapMb: await heapMb() }];
  let events = 0;
  for (let part = 0; part < options.parts; part++) {
    events += await options.make(part);
    await page.waitForTimeout(settleMs);
    samples.push({ events, heapMb: await heapMb() });
  }
  await context.close();
  return samples;
}
