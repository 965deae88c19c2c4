#!/usr/bin/env node
// Finds a Node that can run Slipway (24.15 or newer: native TypeScript, node:sqlite) and hands over to it. The package
// brings one as an optional dependency; this file itself runs on any Node from 18 on, so it names nothing newer statically.
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const here = dirname(fileURLToPath(import.meta.url));
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major > 24 || (major === 24 && minor >= 15)) {
  // Threads and steps take the cache over from the environment; without it each would compile everything again.
  const { directory } = module.enableCompileCache();
  if (directory !== undefined) process.env['NODE_COMPILE_CACHE'] ??= directory;
  endWith(process.env['SLIPWAY_LAUNCHER_PID']);
  // Starting a server makes and drops much in half a second. V8 would take that for its way of life and keep room for three
  // times 16 MB of young objects; the command bounds its heap when the server is ready (platform/heap.ts of the server).
  if (process.argv[2] === 'up') setFlagsFromString('--semi-space-growth-factor=1');
  const source = join(here, '../src/main.ts');
  await import(existsSync(source) ? source : join(here, '../dist/cli.js'));
} else {
  handOver();
}

function handOver() {
  const node = bundledNode();
  if (node === undefined) {
    process.stderr.write(
      `Slipway needs Node 24.15 or newer; this is ${process.versions.node}, and the package "${nodePackage()}" is not installed. Install Node 24 and try again.\n`,
    );
    process.exit(2);
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, SLIPWAY_LAUNCHER_PID: String(process.pid) },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`Slipway could not start ${node}: ${error.message}\n`);
    process.exit(2);
  });
  // As a shell reports it: 128 and the number of the signal.
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 1)));
}

/** A launcher that is killed outright cannot pass that on: whoever it started asks to be stopped when it has another parent. */
function endWith(launcher) {
  delete process.env['SLIPWAY_LAUNCHER_PID'];
  if (launcher !== String(process.ppid)) return;
  const watch = setInterval(() => {
    if (launcher === String(process.ppid)) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 1000);
  watch.unref();
}

function nodePackage() {
  return `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
}

function bundledNode() {
  const binary = process.platform === 'win32' ? 'node.exe' : 'node';
  // Asked for by path, because that package exports nothing. A global install is a link: the real place counts.
  for (const base of new Set([here, realpathSync(here)])) {
    for (let folder = base; ; folder = dirname(folder)) {
      const node = join(folder, 'node_modules', nodePackage(), 'bin', binary);
      if (existsSync(node)) return node;
      if (folder === dirname(folder)) break;
    }
  }
  return undefined;
}
