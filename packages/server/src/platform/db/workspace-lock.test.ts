import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockWorkspace } from './workspace-lock.ts';

test('a second server on the folder is refused with the pid of the first; a killed one leaves nothing in the way', async (t) => {
  const folder = join(mkdtempSync(join(tmpdir(), 'slipway-lock-')), 'workspace');
  t.after(() => rmSync(join(folder, '..'), { recursive: true, force: true }));
  const module = new URL('./workspace-lock.ts', import.meta.url).href;
  const code = `const { lockWorkspace } = await import(${JSON.stringify(module)}); lockWorkspace(${JSON.stringify(folder)}); console.log('held'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  assert.throws(() => lockWorkspace(folder), {
    code: 'folder_in_use',
    message: new RegExp(`workspace is in use by process ${child.pid}\\.`),
  });
  child.kill('SIGKILL');
  await once(child, 'close');
  const lock = lockWorkspace(folder);
  assert.throws(() => lockWorkspace(folder), { code: 'folder_in_use', details: { folder, pid: process.pid } });
  lock.release();
  lock.release();
  lockWorkspace(folder).release();
});
