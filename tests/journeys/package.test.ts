/**
 * The package that `npm run build` makes, as somebody gets it who has no repository: installed into an empty folder, started
 * there, given its own example and a small project, and stopped.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { execFile, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { buildPackage } from '../../tools/build.ts';
import { root } from '../../tools/sources.ts';

const run = promisify(execFile);
const packedBytesMax = 45e6;
const unpackedBytesMax = 110e6;
const filesMax = 900;
const installAttempts = 3;
const networkFailure = /\b(?:ETIMEDOUT|ECONNRESET|ECONNREFUSED|EAI_AGAIN|ENOTFOUND|ERR_SOCKET_TIMEOUT|E429|E5\d\d)\b/;
const readyMsMax = 20_000;
/** Everything that may be in the package; what matches nothing here got in by accident. */
const expected: readonly RegExp[] = [
  /^(?:package\.json|LICENSE|README\.md|CHANGELOG\.md|SECURITY\.md|THIRD-PARTY-NOTICES)$/,
  /^bin\/slipway\.js$/,
  /^dist\/[\w-]+\.js$/,
  /^dist\/console\/(?:index\.html|console\/(?:mark|assets\/[\w.-]+)\.(?:js|css|svg)(?:\.br|\.gz)?)$/,
  /^dist\/migrations\/\w+\/\d{4}-[a-z0-9-]+(?:\.(?:sqlite|postgres))?\.sql$/,
  /^types\/(?:sdk|contract|onnx|train)\/src\/[\w/-]+\.d\.ts$/,
  /^examples\/flights\/(?:\.slipwayignore|[\w-]+\.(?:ts|yaml|md)|data\/[\w/-]+\.(?:parquet|md|json|csv))$/,
  /^node_modules\/onnxruntime-common\//,
  /^node_modules\/onnxruntime-node\/(?:package\.json|README\.md|(?:lib|dist)\/[\w.-]+|bin\/napi-v\d+\/linux\/(?:x64|arm64)\/[\w.-]+)$/,
];
const forbidden = /\.test\.|testing|(?:^|\/)\.(?:git|npmrc|env)|\.log$|\.tsbuildinfo$/;

interface Installed {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly command: string;
}

/** The surroundings of somebody without this repository: whatever Node is on the machine, or else the one that runs this test. */
function foreignEnv(folder: string): NodeJS.ProcessEnv {
  const paths = (process.env['PATH'] ?? '').split(delimiter).filter((path) => !path.startsWith(root));
  if (!paths.some((path) => existsSync(join(path, 'node')))) {
    mkdirSync(join(folder, 'bin'));
    symlinkSync(process.execPath, join(folder, 'bin', 'node'));
    paths.push(join(folder, 'bin'));
  }
  const kept = Object.entries(process.env).filter(([name]) => !/^(?:npm_|NODE_|SLIPWAY_)/i.test(name));
  return { ...Object.fromEntries(kept), PATH: paths.join(delimiter), HOME: folder, NO_COLOR: '1' };
}

async function checkContents(tarball: string): Promise<void> {
  const { stdout } = await run('tar', ['tzvf', tarball], { maxBuffer: 16 * 2 ** 20 });
  const files = stdout
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [, , size = '', , , path = ''] = line.split(/\s+/);
      return { path: path.replace(/^package\//, ''), sizeBytes: Number(size) };
    });
  const strange = files.map((file) => file.path).filter((p) => forbidden.test(p) || !expected.some((e) => e.test(p)));
  assert.deepEqual(strange, []);
  const unpackedBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  assert(statSync(tarball).size < packedBytesMax, `packed: ${statSync(tarball).size} bytes`);
  assert(unpackedBytes < unpackedBytesMax, `unpacked: ${unpackedBytes} bytes`);
  assert(files.length < filesMax, `${files.length} files`);
}

async function install(t: TestContext, tarball: string): Promise<Installed> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-package-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const env = foreignEnv(folder);
  // The configuration of npm, its cache with it, stays that of this machine.
  const npmEnv = { ...env, HOME: process.env['HOME'] };
  const args = ['install', '--global', '--prefix', folder, '--prefer-offline', '--no-audit', '--no-fund', tarball];
  for (let attempt = 1; ; attempt++) {
    try {
      await run('npm', args, { cwd: folder, env: npmEnv });
      break;
    } catch (error) {
      // What a registry owes is no fault of the package; anything else is.
      if (attempt === installAttempts || !networkFailure.test(String((error as { stderr?: unknown }).stderr)))
        throw error;
      t.diagnostic(`npm install, attempt ${attempt}: ${String(error)}`);
    }
  }
  return { folder, env, command: join(folder, 'bin', 'slipway') };
}

const installedAt = ({ folder }: Installed): string => join(folder, 'lib', 'node_modules', 'slipway');

async function slipway(at: Installed, args: readonly string[], url?: string): Promise<unknown> {
  const env = { ...at.env, ...(url === undefined ? {} : { SLIPWAY_URL: url }) };
  const { stdout } = await run(at.command, ['--json', ...args], { cwd: at.folder, env, maxBuffer: 16 * 2 ** 20 });
  return JSON.parse(stdout) as unknown;
}

async function up(t: TestContext, at: Installed): Promise<{ readonly url: string; readonly child: ChildProcess }> {
  const args = ['--json', 'up', '--port', '0', '--dir', join(at.folder, 'workspace')];
  const child = spawn(at.command, args, { cwd: at.folder, env: at.env, stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => void child.kill('SIGTERM'));
  let said = '';
  const line = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stderr.on('data', (part: Buffer) => (said += part.toString()));
    const timer = setTimeout(() => reject(new Error(`not ready within ${readyMsMax} ms: ${text}${said}`)), readyMsMax);
    child.stdout.on('data', (part: Buffer) => {
      text += part.toString();
      if (!/^\}?$|\}\s*$/m.test(text)) return;
      clearTimeout(timer);
      resolve(text);
    });
    child.once('exit', (code) => reject(new Error(`up ended with ${code}: ${text}${said}`)));
  });
  const { url } = JSON.parse(line) as { readonly url: string };
  return { url, child };
}

/** A project of somebody's own: three rows go in, their sum comes out. */
function writeProject(folder: string): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'slipway.yaml'),
    'project: small\ndatasets: { numbers: {} }\npipelines: [./pipeline.ts]\n',
  );
  writeFileSync(join(folder, 'numbers.csv'), 'n\n1\n2\n39\n');
  writeFileSync(
    join(folder, 'pipeline.ts'),
    `import { readFileSync } from 'node:fs';
import { artifact, parameter, pipeline, step } from 'slipway';
import { z } from 'zod';

const add = step({
  id: 'add',
  inputs: { numbers: artifact.dataset() },
  outputs: { total: parameter(z.number()) },
  run: async (ctx, { numbers }) => {
    const texts = ctx.dataset(numbers).paths.map((path) => readFileSync(path, 'utf8'));
    const rows = texts.flatMap((text) => text.trim().split('\\n').slice(1));
    return { total: rows.reduce((sum, row) => sum + Number(row), 0) };
  },
});
export const sum = pipeline({ id: 'sum' }, (_, run) => {
  run(add, { numbers: run.dataset('numbers') });
});
`,
  );
  return folder;
}

/** The declarations that the package ships are what an editor sees of \`slipway\`. */
async function checkTypes(at: Installed, project: string): Promise<void> {
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(installedAt(at), join(project, 'node_modules', 'slipway'));
  symlinkSync(join(installedAt(at), 'node_modules', 'zod'), join(project, 'node_modules', 'zod'));
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const typeRoots = join(root, 'node_modules', '@types');
  const flags = [
    '--ignoreConfig',
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--typeRoots',
    typeRoots,
  ];
  await run(tsc, [...flags, '--types', 'node', join(project, 'pipeline.ts')]);
}

test('the package installs, starts and works without the repository', { timeout: 180_000 }, async (t) => {
  const tarball = await buildPackage();
  await checkContents(tarball);
  const at = await install(t, tarball);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string };
  assert.equal((await run(at.command, ['--version'], { cwd: at.folder, env: at.env })).stdout, `${version}\n`);

  const server = await up(t, at);
  const findings = (await slipway(at, ['doctor'], server.url)) as { readonly check: string; readonly state: string }[];
  const states = Object.fromEntries(findings.map((finding) => [finding.check, finding.state]));
  for (const check of ['node', 'DuckDB', 'ONNX Runtime', 'disk', 'server', 'ledger'])
    assert.equal(states[check], 'ok', check);

  const example = join(installedAt(at), 'examples', 'flights');
  await slipway(at, ['plan', '--project', example], server.url);
  await slipway(at, ['apply', '--project', example], server.url);
  const copy = join(at.folder, 'flights');
  cpSync(example, copy, { recursive: true });
  const again = (await slipway(at, ['plan', '--project', copy], server.url)) as { diffs: { action: string }[] };
  assert.deepEqual(new Set(again.diffs.map((diff) => diff.action)), new Set(['none']));

  const project = writeProject(join(at.folder, 'small'));
  await checkTypes(at, project);
  await slipway(at, ['apply', '--project', project], server.url);
  await slipway(at, ['data', 'add', 'numbers', join(project, 'numbers.csv')], server.url);
  const done = (await slipway(at, ['pipeline', 'run', 'sum'], server.url)) as { state: string; steps: unknown[] };
  assert.equal(done.state, 'succeeded');
  assert.match(JSON.stringify(done.steps), /"total":\{"value":42\}|"total":42/);

  const ended = new Promise<number | null>((resolve) => server.child.once('exit', resolve));
  server.child.kill('SIGTERM');
  assert.equal(await ended, 0);
});
