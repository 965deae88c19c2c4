import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { bundleFileLimitBytes, collectBundle } from './bundle.ts';

test('a bundle holds the code of a folder, nothing hidden, ignored, linked or of a server, and its digest is its identity', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-bundle-'));
  try {
    for (const path of ['lib', 'data', 'node_modules/x', '.git', 'lib/deep', 'server/objects'])
      mkdirSync(join(folder, path), { recursive: true });
    const write = (path: string, text = path): void => writeFileSync(join(folder, path), text);
    for (const path of ['pipeline.ts', 'lib/a.ts', 'lib/deep/b.py', 'notes.md', 'big.parquet', 'data/x.csv'])
      write(path);
    for (const path of ['node_modules/x/index.js', '.git/config', '.env', 'server/slipway.lock', 'server/objects/a'])
      write(path);
    symlinkSync('/etc/hostname', join(folder, 'link'));
    symlinkSync('/etc', join(folder, 'linked-folder'));
    write('.slipwayignore', '# no data\ndata/\n*.parquet\n/lib/deep\n');
    const bundle = await collectBundle(folder);
    assert.deepEqual(
      bundle.files.map((f) => f.path),
      ['lib/a.ts', 'notes.md', 'pipeline.ts'],
    );
    assert.equal((await collectBundle(folder)).digest, bundle.digest);
    write('lib/a.ts', 'changed');
    assert.notEqual((await collectBundle(folder)).digest, bundle.digest);
    write('huge.bin');
    truncateSync(join(folder, 'huge.bin'), bundleFileLimitBytes + 1);
    await assert.rejects(collectBundle(folder), { code: 'bundle_refused', message: /huge\.bin has 16777217 bytes/ });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
