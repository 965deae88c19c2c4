#!/usr/bin/env node
// Finds a Node that can run Slipway (24.15 or newer: native TypeScript, node:sqlite) and hands over to it. The package
// brings one as an optional dependency; this file itself runs on any Node from 18 on.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire, enableCompileCache } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major > 24 || (major === 24 && minor >= 15)) {
  enableCompileCache?.();
  const source = join(here, '../src/main.ts');
  await import(existsSync(source) ? source : join(here, '../dist/cli.js'));
} else {
  handOver();
}

function handOver() {
  const node = bundledNode();
  if (node === undefined) {
    process.stderr.write(
      `Slipway needs Node 24.15 or newer; this is ${process.versions.node}, and the package "node-${process.platform}-${process.arch}" is not installed. Install Node 24 and try again.\n`,
    );
    process.exit(2);
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
}

function bundledNode() {
  const names = [`node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`];
  for (const name of names) {
    try {
      const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
      const node = join(dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
      if (existsSync(node)) return node;
    } catch {
      // Not installed for this platform: the message above says so.
    }
  }
  return undefined;
}
