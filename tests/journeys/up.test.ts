/** `slipway up` as a person or a supervisor uses it: starting where something is in the way, stopping, being killed. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCatalogue } from '@slipway/contract';
import { root } from '../../tools/sources.ts';

const launcher = join(root, 'packages/cli/bin/slipway.js');
const readyMsMax = 30_000;
/** Nothing is running in these servers, so that they have no reason to use their grace. */
const stopMsMax = 5000;
/** Loaded before the launcher: it then believes that it was started by Node 20. */
const asNode20 = `data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.19.0'})`;

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

interface Program {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** The address that it printed. Rejects when it ends first. */
  readonly url: Promise<string>;
}

function slipway(
  t: TestContext,
  args: readonly string[],
  options: { readonly node?: readonly string[]; readonly file?: string } = {},
): Program {
  const file = options.file ?? launcher;
  const child = spawn(process.execPath, [...(options.node ?? []), file, ...args], {
    env: { ...process.env, NO_COLOR: '1' },
  });
  let out = '';
  let err = '';
  const { promise: url, resolve, reject } = Promise.withResolvers<string>();
  url.catch(() => undefined);
  const timer = setTimeout(() => reject(new Error(`not ready within ${readyMsMax} ms: ${out}${err}`)), readyMsMax);
  child.stdout.on('data', (part: Buffer) => {
    out += part.toString();
    const [, found] = / at (http:\/\/\S+)/.exec(out) ?? [];
    if (found !== undefined) resolve(found);
  });
  child.stderr.on('data', (part: Buffer) => void (err += part.toString()));
  const ended = new Promise<Ended>((done) => {
    child.on('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`ended with ${code}: ${err}`));
      done({ code, out, err });
    });
  });
  t.after(() => void child.kill('SIGTERM'));
  return { child, ended, url };
}

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-up-'));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

async function within<T>(limitMs: number, what: string, promise: Promise<T>): Promise<T> {
  const controller = new AbortController();
  const late = sleep(limitMs, undefined, { signal: controller.signal }).then(() => {
    throw new Error(`${what}: not within ${limitMs} ms`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    controller.abort();
  }
}

const isAnswering = (url: string): Promise<boolean> =>
  fetch(url).then(
    (answer) => answer.ok,
    () => false,
  );

test('a second server on the folder is refused with the pid and the remedy; after a SIGKILL the folder is free', async (t) => {
  const dir = join(folderOf(t), 'workspace');
  const first = slipway(t, ['up', '--port', '0', '--dir', dir]);
  const url = await first.url;
  const second = await within(readyMsMax, 'the refusal', slipway(t, ['up', '--port', '0', '--dir', dir]).ended);
  assert.equal(second.code, 1);
  assert(second.err.includes(`The workspace folder ${dir} is in use by process ${first.child.pid}.`), second.err);
  assert.match(second.err, /Stop that server, or choose another folder with --dir\./);
  assert.equal(await isAnswering(url), true);
  first.child.kill('SIGKILL');
  await first.ended;
  assert.equal(await isAnswering(await slipway(t, ['up', '--port', '0', '--dir', dir]).url), true);
});

test('a port in use and an address that others can reach are refused in one sentence', async (t) => {
  const dir = folderOf(t);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.after(() => other.close());
  // A listening TCP server has an address with a port.
  const { port } = other.address() as AddressInfo;
  const taken = await within(readyMsMax, 'the refusal', slipway(t, ['up', '--port', String(port), '--dir', dir]).ended);
  assert.equal(taken.code, 1);
  assert.match(taken.err, new RegExp(`^error Port ${port} on 127\\.0\\.0\\.1 is in use .* --port`));
  const open = ['up', '--host', '0.0.0.0', '--port', '0', '--dir', dir];
  const refused = await within(readyMsMax, 'the refusal', slipway(t, open).ended);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /^error Refusing to listen on 0\.0\.0\.0: .* `slipway token create/);
  assert.equal(refused.err.trim().split('\n').length, 1, refused.err);
  assert(Object.hasOwn(errorCatalogue, 'bind_refused'));
});

test('a folder that cannot be made, a database that does not answer and a wrong setting are one sentence each', async (t) => {
  const dir = folderOf(t);
  const wrong: readonly [readonly string[], number, RegExp][] = [
    [['--dir', launcher], 2, /^error The setting dir is ".*slipway\.js", but that must be a folder/],
    [['--dir', '/proc/slipway/x'], 2, /^error The setting dir is "\/proc\/slipway", but that must be a folder/],
    [['--dir', dir, '--database', 'postgres://u:secret@127.0.0.1:1/x'], 1, /^error The database cannot be reached: /],
    [
      ['--dir', dir, '--database', 'mysql://x'],
      2,
      /^error The setting database is "mysql:\/\/x", but it must start with/,
    ],
    [['--dir', dir, '--log-level', 'loud'], 2, /^error The setting log level is "loud", but it must be one of debug, /],
  ];
  for (const [flags, code, sentence] of wrong) {
    const ended = await within(readyMsMax, flags.join(' '), slipway(t, ['up', '--port', '0', ...flags]).ended);
    assert.match(ended.err, sentence);
    assert.equal(ended.err.trim().split('\n').length, 1, ended.err);
    assert.equal(ended.code, code, flags.join(' '));
    assert(!ended.err.includes('secret'));
  }
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} ends a server cleanly with 0, also while it works, and what was answered is there again`, async (t) => {
    const dir = folderOf(t);
    const server = slipway(t, ['up', '--port', '0', '--dir', dir]);
    const url = await server.url;
    const made = await fetch(`${url}/api/datasets`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'kept' }),
    });
    assert.equal(made.status < 300, true, await made.text());
    const events = await fetch(`${url}/api/events`);
    assert.equal(events.status, 200);
    server.child.kill(signal);
    const { code, err } = await within(stopMsMax, 'the end', server.ended);
    assert.deepEqual({ code, err: err.replace('stopping…\n', '') }, { code: 0, err: '' });
    await events.body?.cancel().catch(() => undefined);
    const again = await slipway(t, ['up', '--port', '0', '--dir', dir]).url;
    assert.equal((await fetch(`${again}/api/datasets/kept`)).status, 200);
  });
}

test('started by an old Node, the launcher hands over: output, exit codes, one Ctrl-C to both, and its own end', async (t) => {
  const node = ['--import', asNode20];
  const version = await slipway(t, ['--version'], { node }).ended;
  assert.match(version.out, /^\d+\.\d+\.\d+\n$/);
  assert.equal((await slipway(t, ['no-such-command'], { node }).ended).code, 2);

  const dir = folderOf(t);
  const stopped = slipway(t, ['up', '--port', '0', '--dir', dir], { node });
  await stopped.url;
  stopped.child.kill('SIGINT');
  stopped.child.kill('SIGINT');
  assert.equal((await within(stopMsMax, 'the end', stopped.ended)).code, 0);

  const killed = slipway(t, ['up', '--port', '0', '--dir', dir], { node });
  const url = await killed.url;
  killed.child.kill('SIGKILL');
  const deadline = performance.now() + stopMsMax;
  while (await isAnswering(url)) {
    assert(performance.now() < deadline, 'the server outlived its launcher');
    await sleep(100);
  }
});

test('an old Node without the one that comes along is told what is missing', async (t) => {
  const folder = folderOf(t);
  mkdirSync(join(folder, 'bin'));
  cpSync(launcher, join(folder, 'bin', 'slipway.js'));
  cpSync(join(root, 'packages/cli/package.json'), join(folder, 'package.json'));
  const options = { node: ['--import', asNode20], file: join(folder, 'bin', 'slipway.js') };
  const { code, err } = await slipway(t, ['up'], options).ended;
  assert.equal(code, 2);
  assert.match(err, /needs Node 24\.15 or newer; this is 20\.19\.0, and the package "node-\w+-\w+" is not installed/);
});
