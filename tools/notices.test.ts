import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { noticeOf, noticesText, packageFolders } from './notices.ts';

function published(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-notices-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

const manifest = (license: unknown): string => JSON.stringify({ name: 'left', version: '1.2.3', license });
const mit = 'Permission is hereby granted, free of charge, to any person';

test('each package counts once, also when it lies inside another', () => {
  const files = [
    'packages/sdk/src/index.ts',
    'node_modules/a/lib/x.js',
    'node_modules/a/index.js',
    'node_modules/a/node_modules/@b/c/index.js',
  ];
  assert.deepEqual(packageFolders(files), ['node_modules/a', 'node_modules/a/node_modules/@b/c']);
});

test('the text is taken from licence and notice files, else from the licence section of the readme', (t) => {
  const both = published(t, {
    'package.json': manifest('MIT'),
    LICENSE: `${mit}\r\n`,
    'NOTICE.md': 'and this',
    'x.js': '',
  });
  assert.deepEqual(noticeOf(both), { name: 'left', version: '1.2.3', licence: 'MIT', text: `${mit}\n\nand this` });
  const readme = published(t, {
    'package.json': manifest('MIT'),
    'README.md': `# left\n\n## License\n\n${mit}\n\n## More\n\nno`,
  });
  assert.equal(noticeOf(readme).text, mit);
  assert.match(noticesText([noticeOf(readme)]), /left 1\.2\.3 {3}\(MIT\)\n=+\n\nPermission/);
});

test('a package without a licence text, or under a licence that may not be carried, stops the build', (t) => {
  const link = published(t, { 'package.json': manifest('MIT'), 'README.md': '## License\n\n[MIT](there)' });
  assert.throws(() => noticeOf(link), /left 1\.2\.3 publishes no licence file/);
  for (const licence of ['GPL-3.0', undefined, 'SEE LICENSE IN x']) {
    const folder = published(t, { 'package.json': manifest(licence), LICENSE: mit });
    assert.throws(() => noticeOf(folder), /may not be carried/);
  }
  const choice = published(t, { 'package.json': manifest('(GPL-3.0 OR MIT)'), LICENSE: mit });
  assert.equal(noticeOf(choice).licence, '(GPL-3.0 OR MIT)');
});
