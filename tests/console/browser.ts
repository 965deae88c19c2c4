/**
 * A real Chromium for tests of the console. It is taken from the machine; where there is none and this process may install
 * packages (root on Debian), it is brought. Otherwise the reason is given: the suite then says that it did not run, and
 * fails under CI=true.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as playwright from 'playwright-core';

const ui = createRequire(join(import.meta.dirname, '../../packages/ui/package.json'));
const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const installLimitMs = 5 * 60_000;

export type Found =
  | { readonly ok: true; readonly browser: playwright.Browser }
  | { readonly ok: false; readonly problem: string };

function findChromium(): string | undefined {
  return [process.env['CHROMIUM_PATH'], ...places].find((path) => path !== undefined && existsSync(path));
}

function installChromium(): string | undefined {
  if (process.getuid?.() !== 0) return 'there is no Chromium here; install one, or name it in CHROMIUM_PATH';
  console.log('installing Chromium from the system packages; this happens once');
  const installed = spawnSync('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], {
    timeout: installLimitMs,
    encoding: 'utf8',
  });
  return installed.status === 0 ? undefined : `Chromium could not be installed: ${installed.stderr.trim().slice(-300)}`;
}

let opened: Promise<Found> | undefined;

/** One for all files of the suite, which run in one process. */
export const openBrowser = (): Promise<Found> => (opened ??= launch());

async function launch(): Promise<Found> {
  if (findChromium() === undefined) {
    const problem = installChromium();
    if (problem !== undefined) return { ok: false, problem };
  }
  const executablePath = findChromium();
  if (executablePath === undefined)
    return { ok: false, problem: 'Chromium was installed, but not where it is looked for' };
  // Resolved from the console's own package, whose development dependency it is.
  const { chromium } = ui('playwright-core') as typeof playwright;
  return { ok: true, browser: await chromium.launch({ executablePath, args: flags }) };
}

/** The accessibility checker, to be run inside a page. */
export const axePath: string = ui.resolve('axe-core/axe.min.js');
