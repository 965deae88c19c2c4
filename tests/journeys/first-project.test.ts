/** The guide docs/guides/first-project.md, done as it stands: its files are written, its commands are run in their order. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { repository, slipwayAt } from './cli.ts';
import { startTestServer } from './server.ts';

const guide = readFileSync(join(repository, 'docs/guides/first-project.md'), 'utf8');

/** Fenced blocks in their order: `name` is what follows the language, a file or nothing. */
const blocks = [...guide.matchAll(/^```(\w+) ?(\S*)\n([\s\S]*?)^```$/gm)].map(
  ([, language = '', name = '', text = '']) => ({
    language,
    name,
    text,
  }),
);

test('the first project of the guide works as it stands there', { timeout: 240_000 }, async () => {
  const server = await startTestServer();
  const folder = mkdtempSync(join(tmpdir(), 'slipway-first-'));
  const slipway = slipwayAt(server.url);
  const printed: string[] = [];
  try {
    assert(blocks.length > 9, 'the guide has its blocks');
    for (const { language, name, text } of blocks) {
      if (name === 'server') continue; // The test's own server.
      if (language !== 'sh') {
        writeFileSync(join(folder, name), text);
        continue;
      }
      for (const line of text.trim().split('\n')) {
        const [program, ...args] = line.split(' ');
        if (program === 'node') await promisify(execFile)(process.execPath, args, { cwd: folder });
        else {
          const answer = await slipway(args, { cwd: folder, limitMs: 180_000 });
          assert.equal(answer.code, 0, `${line}: ${answer.err}`);
          printed.push(answer.out);
        }
      }
    }
    const all = printed.join('\n');
    assert.match(all, /dataset deliveries, version 1/);
    assert.match(all, /lateness\/1 champion/);
    const scores = [...all.matchAll(/^prd_\w+ +(0\.\d{6}) +1$/gm)].map(([, score]) => Number(score));
    assert.equal(scores.length, 2);
    // Far, heavy, at rush hour and with the slow courier; and the opposite.
    assert((scores[0] ?? 0) > 0.6 && (scores[1] ?? 1) < 0.35, `scores ${scores.join(', ')}`);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
