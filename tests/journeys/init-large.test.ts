/**
 * `slipway init` on a text table of 2 GB: as much memory as for a fifth of it, and a word on the way for whoever waits.
 * Interrupted or ended, it leaves no file behind. The tables are made here, in a temporary folder, and need 6 GB of disk.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { repository } from './cli.ts';
import { createRandom } from './garbage.ts';

const largeBytes = 2e9;
const smallBytes = largeBytes / 5;
const diskBytes = 4e9;
/** Of the whole process: DuckDB's 512 MB, what it keeps beside them, and Node. */
const peakBytesMax = 900e6;
/** Of five times the bytes; what the allocator of DuckDB keeps varies by some 100 MB from run to run. */
const peakRatioMax = 1.6;
const limitMs = 600_000;

const place = mkdtempSync(join(tmpdir(), 'slipway-large-'));
after(() => rmSync(place, { recursive: true, force: true }));

const disk = statfsSync(place);
const isRoomy = disk.bavail * disk.bsize >= diskBytes;
const skip =
  isRoomy || process.env['CI'] === 'true' ? false : `less than ${diskBytes / 1e9} GB of disk are free at ${tmpdir()}`;

const blockRows = 20_000;
const firstId = 1_000_000_000;
const idDigits = 10;

/** Lines of orders, each with an id of ten digits in front that is yet to be written; and where each line begins. */
function createBlock(): { readonly block: Buffer; readonly starts: readonly number[] } {
  const random = createRandom(17);
  const upTo = (n: number): number => Math.floor(random() * n);
  const pick = (list: readonly string[]): string => list[upTo(list.length)] ?? '';
  const words = 'late order broken box called again kind help moved house other city no reply asked twice'.split(' ');
  const starts: number[] = [];
  let length = 0;
  const lines = Array.from({ length: blockRows }, () => {
    const at = new Date(Date.UTC(2024, 0, 1) + upTo(700 * 86_400) * 1000).toISOString();
    const line = [
      '0'.repeat(idDigits),
      `k${100_000 + upTo(800_000)}`,
      `${at.slice(0, 10)} ${at.slice(11, 19)}`,
      pick(['DE', 'FR', 'IT', 'ES', 'PL', 'NL']),
      pick(['web', 'shop', 'phone', 'partner']),
      (random() * 900).toFixed(2),
      random() < 0.3 ? '' : (random() / 2).toFixed(4),
      1 + upTo(9),
      random() < 0.05 ? 'NA' : 18 + upTo(70),
      Array.from({ length: 4 + upTo(5) }, () => pick(words)).join(' '),
      (random() * 2 - 1).toFixed(6),
      at.slice(0, 10),
      random() < 0.25 ? 'yes' : 'no',
    ].join(',');
    starts.push(length);
    length += line.length + 1;
    return line;
  });
  return { block: Buffer.from(`${lines.join('\n')}\n`), starts };
}

/** A block again and again, with ids of its own each time. Answers the number of rows. */
function writeOrders(path: string, sizeBytes: number): number {
  const { block, starts } = createBlock();
  const file = openSync(path, 'w');
  writeSync(file, 'order_id,customer_id,ordered_at,country,channel,amount,discount,items,age,note,score,day,churned\n');
  let id = firstId;
  for (let written = 0; written < sizeBytes; written += block.length) {
    for (const start of starts) {
      let rest = id++;
      for (let at = start + idDigits - 1; at >= start; at--) {
        block[at] = 48 + (rest % 10);
        rest = Math.floor(rest / 10);
      }
    }
    writeSync(file, block);
  }
  closeSync(file);
  return id - firstId;
}

interface Started {
  /** Everything that it keeps for itself goes here. */
  readonly scratch: string;
  /** Where it is to write the project. */
  readonly cwd: string;
  readonly signal: (signal: NodeJS.Signals) => void;
  readonly ended: Promise<{
    readonly code: number | null;
    readonly signal: NodeJS.Signals | null;
    readonly out: string;
    readonly err: string;
    /** Resident memory at its highest. */
    readonly peakBytes: number;
    readonly tookMs: number;
  }>;
}

/** The real command, which says at its end how much memory it had. */
function start(name: string, args: readonly string[]): Started {
  const scratch = join(place, `${name}-scratch`);
  const cwd = join(place, `${name}-cwd`);
  for (const folder of [scratch, cwd]) mkdirSync(folder);
  const peak = join(place, `${name}-peak`);
  const witness = join(place, `${name}-witness.mjs`);
  writeFileSync(
    witness,
    `import { writeFileSync } from 'node:fs';\nprocess.on('exit', () => writeFileSync(${JSON.stringify(peak)}, String(process.resourceUsage().maxRSS * 1024)));\n`,
  );
  const binary = join(repository, 'packages/cli/bin/slipway.js');
  const cache = join(place, 'compile-cache');
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['--import', witness, binary, 'init', 'orders', ...args], {
    cwd,
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      TMPDIR: scratch,
      NODE_COMPILE_CACHE: cache,
      NO_COLOR: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: limitMs,
  });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<Started['ended']>>();
  child.on('error', reject);
  child.on('close', (code, signal) =>
    resolve({
      ...said,
      code,
      signal,
      peakBytes: existsSync(peak) ? Number(readFileSync(peak, 'utf8')) : Number.NaN,
      tookMs: performance.now() - startedAt,
    }),
  );
  return { scratch, cwd, signal: (signal) => void child.kill(signal), ended: promise };
}

const Printed = z.object({
  findings: z.object({
    rowCount: z.number(),
    duplicateRows: z.number(),
    split: z.object({ by: z.string(), column: z.string().optional() }),
    mended: z.array(z.string()),
    leftOut: z.array(z.object({ column: z.string() })),
  }),
});

async function initOrders(name: string, sizeBytes: number) {
  const from = join(place, `${name}.csv`);
  const rows = writeOrders(from, sizeBytes);
  assert(statSync(from).size >= sizeBytes);
  const { ended, cwd, scratch } = start(name, ['--from', from, '--target', 'churned', '--yes', '--json']);
  const answer = await ended;
  assert.equal(answer.code, 0, answer.err);
  const { findings } = Printed.parse(JSON.parse(answer.out));
  assert.equal(findings.rowCount, rows);
  assert.equal(findings.duplicateRows, 0);
  assert.deepEqual([findings.split.by, findings.split.column], ['time', 'ordered_at']);
  assert.deepEqual(findings.mended, ['"age": NA means missing']);
  assert.deepEqual(findings.leftOut.map(({ column }) => column).sort(), ['customer_id', 'order_id', 'ordered_at']);
  assert.deepEqual(readdirSync(scratch), []);
  assert(
    statSync(join(cwd, 'orders/data', `${name}.parquet`)).size > sizeBytes / 20,
    'the mended table is in the project',
  );
  rmSync(cwd, { recursive: true });
  return { ...answer, from };
}

test('2 GB take as much memory as a fifth of them', { skip, timeout: limitMs }, async (t) => {
  assert(isRoomy, `${diskBytes / 1e9} GB of disk are needed at ${tmpdir()}`);
  const small = await initOrders('small', smallBytes);
  rmSync(small.from);
  const large = await initOrders('large', largeBytes);
  rmSync(large.from);
  const megabytes = (n: number): string => `${Math.round(n / 1e6)} MB`;
  t.diagnostic(
    `${megabytes(smallBytes)}: ${megabytes(small.peakBytes)} of memory, ${Math.round(small.tookMs / 1000)} s; ${megabytes(largeBytes)}: ${megabytes(large.peakBytes)}, ${Math.round(large.tookMs / 1000)} s`,
  );
  assert(large.peakBytes < peakBytesMax, megabytes(large.peakBytes));
  assert(
    large.peakBytes < small.peakBytes * peakRatioMax,
    `${megabytes(small.peakBytes)}, then ${megabytes(large.peakBytes)}`,
  );
});

const untilReading = async ({ scratch, ended }: Started): Promise<void> => {
  const isReading = (): boolean =>
    readdirSync(scratch, { recursive: true }).some((path) => String(path).endsWith('table.parquet'));
  let hasEnded = false;
  void ended.finally(() => (hasEnded = true));
  while (!isReading()) {
    assert(!hasEnded, 'the command ended before it was seen at work');
    await sleep(20);
  }
};

test('interrupted at work, it leaves nothing behind', { timeout: limitMs }, async () => {
  const from = join(place, 'interrupted.csv');
  writeOrders(from, 100e6);
  for (const [signal, ending] of [
    ['SIGINT', { code: 130, signal: null }],
    ['SIGTERM', { code: null, signal: 'SIGTERM' }],
  ] as const) {
    const started = start(signal, ['--from', from, '--target', 'churned', '--yes']);
    await untilReading(started);
    assert(readdirSync(started.scratch).length > 0);
    started.signal(signal);
    const { code, signal: died, err } = await started.ended;
    assert.deepEqual({ code, signal: died }, ending, err);
    if (signal === 'SIGINT') assert.match(err, /interrupted: nothing was written/);
    assert.deepEqual(readdirSync(started.scratch), []);
    assert.deepEqual(readdirSync(started.cwd), []);
  }
});
