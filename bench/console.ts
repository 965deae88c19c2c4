/**
 * The web console and what it asks the server, over the demo's workspace and over a large one: pages in a real Chromium, every
 * query of every page, the server's main thread, its start and its memory.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { createClient } from 'slipway';
import { openBrowser } from '../tests/console/browser.ts';
import { buildConsole } from '../tools/console.ts';
import type { Asked } from './console/ask.ts';
import { ask } from './console/ask.ts';
import {
  measureFirstPage,
  measureHeap,
  measureLive,
  measurePageTurns,
  measureScroll,
} from './console/browser-measures.ts';
import { changeSomething, logMetrics } from './console/changes.ts';
import { findNames } from './console/names.ts';
import { consoleRequests, unbounded } from './console/requests.ts';
import { startWatchedServer } from './console/watched-server.ts';
import type { BenchContext, BenchEntry, BenchResult, BenchTable, Subject } from './entry.ts';
import { quantile } from './report.ts';
import { generateWorkspace } from './workspace/generate.ts';
import { sizeAt, storyEndsAt } from './workspace/size.ts';

const queryMsMax = 100;
/** A stretch of the main thread that other requests feel. */
const mainCpuMsMax = 20;
const startMsMax = 2000;
const firstPageKbMax = 250;
const interactiveMsMax = 1000;
const turnMsMax = 100;
/** 60 frames a second. */
const frameMsMax = 1000 / 60;
/** Timers of a page tick at 16.7 ms at best: a frame late by a tenth of it is on time. */
const frameToleranceMs = 1.7;
const heapMbMax = 120;
const heapGrowthMbMax = 5;
/** Of a server whose heap is still finding its size; what leaks grows with every event. */
const serverGrowthMbMax = 40;
/** Of a server that answered everything that the console asks. */
const serverMbMax = 400;

const timesPerRequest = 20;
const slowestShown = 20;
const scrolledRows = 10_000;
/** An hour of a busy workspace: one event a second. */
const liveEvents = 3600;
const liveParts = 6;
const liveMs = 10_000;
const demoMsMax = 10 * 60_000;
const root = join(import.meta.dirname, '..');

const hrefs = [
  '/models',
  '/pipelines',
  '/endpoints',
  '/monitors',
  '/alerts',
  '/policies',
  '/ledger',
  '/data',
  '/experiments',
  '',
].map((path) => `/w/default${path}`);

interface Measured {
  readonly tables: readonly BenchTable[];
  readonly notes: readonly string[];
}

async function measureServer(folder: string, what: string, say: BenchContext['say']): Promise<Measured> {
  say(`${what}: starting the server`);
  await using server = await startWatchedServer(folder);
  const { rssMb } = await server.look();
  const names = await findNames(createClient({ url: server.url, retries: 0 }), storyEndsAt);
  const { requests, left } = await consoleRequests(server.url, names);
  const asked: Asked[] = [];
  for (const [index, request] of requests.entries()) {
    if (index % 20 === 0) say(`${what}: request ${index + 1} of ${requests.length}`);
    asked.push(await ask(server, request, timesPerRequest));
  }
  const after = await server.look();
  return {
    tables: [
      ...serverTables(what, server.startMs, asked),
      {
        title: `${what}: memory of the server after all of them`,
        unit: 'MB resident',
        subjects: [{ name: 'Slipway', samples: [after.rssMb] }],
        goals: [{ atMost: serverMbMax }],
      },
    ],
    notes: [
      `${what}: ${asked.length} requests; the server held ${rssMb.toFixed(0)} MB after its start and ${after.rssMb.toFixed(0)} MB after them.`,
      ...asked
        .filter(({ status }) => status >= 400)
        .map(({ operation, what: way, status }) => `${what}: ${operation} (${way}) answered ${status}.`),
      ...asked
        .filter(({ operation }) => unbounded.has(operation))
        .map(
          ({ operation, samplesMs }) =>
            `${what}: ${operation} reads everything there is, in ${(quantile(samplesMs, 0.5) / 1000).toFixed(1)} s.`,
        ),
      ...(left.length === 0 ? [] : [`${what}: not asked: ${left.join('; ')}.`]),
    ],
  };
}

const nameOf = ({ operation, what }: Asked): string => (what === '' ? operation : `${operation}, ${what}`);

function serverTables(what: string, startMs: number, asked: readonly Asked[]): BenchTable[] {
  const bounded = asked.filter(({ operation }) => !unbounded.has(operation));
  const slowest = bounded.toSorted((a, b) => quantile(b.samplesMs, 0.95) - quantile(a.samplesMs, 0.95));
  const heaviest = asked.toSorted((a, b) => b.mainCpuMs - a.mainCpuMs);
  const latest = asked.toSorted((a, b) => b.delayMaxMs - a.delayMaxMs);
  const top = (list: readonly Asked[], samples: (one: Asked) => readonly number[]): Subject[] =>
    list.slice(0, slowestShown).map((one) => ({ name: nameOf(one), samples: samples(one) }));
  return [
    {
      title: `${what}: start of the server`,
      unit: 'milliseconds until it listens, without loading its code',
      subjects: [{ name: 'Slipway', samples: [startMs] }],
      goals: [{ atMost: startMsMax }],
    },
    {
      title: `${what}: the slowest ${Math.min(slowestShown, bounded.length)} of ${bounded.length} requests`,
      unit: 'milliseconds of wall time, by their 95th percentile',
      subjects: top(slowest, (one) => one.samplesMs),
      goals: [{ of: 'p95', isEach: true, atMost: queryMsMax }],
    },
    {
      title: `${what}: the requests that cost the main thread most`,
      unit: 'CPU milliseconds of the main thread per request',
      subjects: top(
        heaviest.filter(({ operation }) => !unbounded.has(operation)),
        (one) => [one.mainCpuMs],
      ),
      goals: [{ isEach: true, atMost: mainCpuMsMax }],
    },
    {
      title: `${what}: the longest delays of the main thread`,
      unit: 'milliseconds by which a timer was late while a request was asked twenty times, other programs included',
      subjects: top(latest, (one) => [one.delayMaxMs]),
      goals: [],
    },
  ];
}

async function measureBrowser(
  browser: Browser,
  where: { readonly folder: string; readonly what: string; readonly rounds: number },
  say: BenchContext['say'],
): Promise<Measured> {
  const { folder, what, rounds } = where;
  await using server = await startWatchedServer(folder);
  const base = `${server.url}/w/default`;
  say(`${what}: first page`);
  const firsts = [];
  for (let round = 0; round <= rounds; round++) firsts.push(await measureFirstPage(browser, base));
  say(`${what}: from page to page`);
  const turns = await measurePageTurns(browser, base, { hrefs, rounds });
  return {
    tables: [
      {
        title: `${what}: first page over an empty cache`,
        unit: 'kB over the network',
        subjects: [{ name: 'Slipway', samples: firsts.map(({ kB }) => kB) }],
        goals: [{ atMost: firstPageKbMax }],
      },
      {
        title: `${what}: first page until it answers`,
        unit: 'milliseconds',
        // The first one fills the server's own caches.
        subjects: [{ name: 'Slipway', samples: firsts.slice(1).map(({ interactiveMs }) => interactiveMs) }],
        goals: [{ atMost: interactiveMsMax }],
      },
      {
        title: `${what}: from page to page, with the data there`,
        unit: 'milliseconds from the click to the painted page',
        subjects: [...turns].map(([name, samples]) => ({ name, samples })),
        goals: [{ isEach: true, atMost: turnMsMax }],
      },
    ],
    notes: [],
  };
}

async function measureFrames(browser: Browser, folder: string, say: BenchContext['say']): Promise<Measured> {
  await using server = await startWatchedServer(folder);
  const base = `${server.url}/w/default`;
  const { experiment } = await findNames(createClient({ url: server.url, retries: 0 }), storyEndsAt);
  say('scrolling the table of runs');
  const scrolled = await measureScroll(browser, `${base}/experiments?experiment=${experiment}`, scrolledRows);
  return {
    tables: [framesTable(`The table of runs scrolls through ${scrolled.rows} rows`, scrolled.ms)],
    notes: [],
  };
}

const framesTable = (title: string, ms: readonly number[]): BenchTable => ({
  title,
  unit: 'milliseconds from frame to frame',
  subjects: [{ name: 'Slipway', samples: ms }],
  goals: [{ of: 'p95', atMost: frameMsMax + frameToleranceMs }],
});

/** Writes into the workspace, which is therefore a copy. */
async function measureLivePages(browser: Browser, folder: string, say: BenchContext['say']): Promise<Measured> {
  await using server = await startWatchedServer(folder);
  const base = `${server.url}/w/default`;
  const client = createClient({ url: server.url });
  say('a chart that moves');
  const run = await client.runs.create({ body: { experiment: 'bench-live', name: 'live' } });
  await logMetrics(client, run.id, 0);
  const live = await measureLive(browser, `${base}/runs/${run.id}`, {
    forMs: liveMs,
    move: async (signal) => {
      for (let step = 1; !signal.aborted; step++) await logMetrics(client, run.id, step);
    },
  });
  say(`${liveEvents} events over an open page`);
  const held: number[] = [];
  const heap = await measureHeap(browser, base, {
    parts: liveParts,
    make: async (part) => {
      const made = await changeSomething(client, {
        from: part * (liveEvents / liveParts),
        count: liveEvents / liveParts,
      });
      held.push((await server.look()).rssMb);
      return made;
    },
  });
  const [, early] = heap;
  const last = heap.at(-1);
  return {
    tables: [
      framesTable('A run whose metrics come in twenty times a second', live.ms),
      {
        title: `Heap of the overview after ${liveEvents} events`,
        unit: 'MB after a collection',
        subjects: [{ name: 'Slipway', samples: [last?.heapMb ?? Number.NaN] }],
        goals: [{ atMost: heapMbMax }],
      },
      {
        title: `Its growth from event ${early?.events} to event ${last?.events}`,
        unit: 'MB',
        subjects: [{ name: 'Slipway', samples: [(last?.heapMb ?? Number.NaN) - (early?.heapMb ?? Number.NaN)] }],
        goals: [{ atMost: heapGrowthMbMax }],
      },
      {
        title: `Growth of the server from event ${liveEvents / liveParts} to event ${liveEvents}`,
        unit: 'MB',
        subjects: [{ name: 'Slipway', samples: [(held.at(-1) ?? Number.NaN) - (held[0] ?? Number.NaN)] }],
        goals: [{ atMost: serverGrowthMbMax }],
      },
    ],
    notes: [
      `The server while events came: ${held.map((mb) => `${mb.toFixed(0)} MB`).join(', ')}.`,
      `Heap while events came: ${heap.map(({ events, heapMb }) => `${heapMb.toFixed(1)} MB at ${events}`).join(', ')}.`,
    ],
  };
}

function makeDemo(say: BenchContext['say']): string {
  say('making the demo workspace');
  const folder = mkdtempSync(join(tmpdir(), 'slipway-bench-demo-'));
  const launcher = join(root, 'packages/cli/bin/slipway.js');
  const demo = spawnSync(process.execPath, [launcher, 'demo', '--exit', '--dir', folder], { timeout: demoMsMax });
  if (demo.status !== 0) throw new Error(`the demo did not come to its end: ${demo.stderr.toString().slice(-2000)}`);
  return folder;
}

async function run({ rounds, say, scale, demoFolder }: BenchContext): Promise<BenchResult> {
  await buildConsole();
  const size = sizeAt(scale);
  const large = await generateWorkspace(size, { say });
  // A copy, because the live pages write into it.
  const demo = demoFolder === undefined ? makeDemo(say) : mkdtempSync(join(tmpdir(), 'slipway-bench-demo-'));
  if (demoFolder !== undefined) cpSync(demoFolder, demo, { recursive: true });
  const found = await openBrowser();
  const measured: Measured[] = [];
  try {
    measured.push(await measureServer(demo, 'Demo', say));
    measured.push(await measureServer(large.folder, 'Large', say));
    if (found.ok) {
      measured.push(await measureBrowser(found.browser, { folder: demo, what: 'Demo', rounds }, say));
      measured.push(await measureBrowser(found.browser, { folder: large.folder, what: 'Large', rounds }, say));
      measured.push(await measureFrames(found.browser, large.folder, say));
      measured.push(await measureLivePages(found.browser, demo, say));
    }
  } finally {
    if (found.ok) await found.browser.close();
    rmSync(demo, { recursive: true, force: true });
  }
  return {
    tables: measured.flatMap(({ tables }) => tables),
    notRun: found.ok ? [] : [{ peer: 'the browser', reason: found.problem }],
    notes: [
      `Large: ${size.runs} runs in ${size.experiments} experiments, ${size.models} models with ${size.versions} versions, ${size.pipelineRuns} pipeline runs, ${size.events} ledger events, ${size.predictions} predictions, generated${large.isNew ? ` in ${large.seconds.toFixed(0)} s` : ' before'}; SQLite.`,
      'Chromium runs without a window and without a GPU: frames are painted by the processor, which a real screen does not ask of it.',
      `Load of the machine at the end: ${loadavg()
        .map((l) => l.toFixed(1))
        .join(', ')} over 1, 5 and 15 minutes.`,
      ...measured.flatMap(({ notes }) => notes),
    ],
  };
}

export const consoleEntry: BenchEntry = {
  name: 'console',
  question: 'Does the console stay quick over a workspace of years?',
  run,
};
