/** Every block of the README and of every guide is done as it stands there: files are written, commands run in their order, output compared. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { skipUnlessCi } from '../../../packages/server/src/platform/testing/missing.ts';
import { mlflowPackages } from '../../compat/mlflow/packages.ts';
import { pythonEnv } from '../../compat/python-env.ts';
import { repository } from '../cli.ts';
import { followGuide, hasPart } from './follow.ts';
import type { Guide } from './guide.ts';
import { parseGuide } from './guide.ts';
import { differenceOf } from './output.ts';

/** Blocks that are not run, each with its reason in the page. May only fall. */
const leftBlocksMax = 2;

const pages = ['README.md', 'docs/*.md', 'docs/guides/*.md']
  .flatMap((pattern) => globSync(pattern, { cwd: repository }))
  .sort();
const guideOf = (page: string): Guide => parseGuide(page, readFileSync(join(repository, page), 'utf8'));

for (const page of pages)
  test(`${page} works as it stands there`, { timeout: 600_000 }, async (t) => {
    const env = guideOf(page).needsPython ? await pythonEnv('mlflow', mlflowPackages) : undefined;
    if (env?.ok === false) return skipUnlessCi(t, `no Python environment: ${env.problem}`);
    const { problems } = await followGuide(page, guideOf(page));
    if (problems.length > 0) assert.fail(problems.join('\n'));
  });

test('blocks that are not run are few', () => {
  const left = pages.flatMap((page) =>
    guideOf(page).blocks.flatMap((block) => (block.kind === 'left' ? [`${page}:${block.line}: ${block.reason}`] : [])),
  );
  assert(left.length <= leftBlocksMax, left.join('\n'));
});

test('the runner sees what is wrong', async () => {
  const follow = async (text: string): Promise<string> => {
    const { problems } = await followGuide('page', parseGuide('page', text));
    return problems.join('\n');
  };
  const shell = (commands: string, output: string): string =>
    `\`\`\`sh\n${commands}\n\`\`\`\n\n\`\`\`text\n${output}\n\`\`\`\n`;
  assert.equal(
    await follow(
      shell('mkdir -p a/b\ncd a/b\nexport WORD=x\necho "$(basename $PWD) \\\n  $WORD"; false # exit code 1', 'b x'),
    ),
    '',
  );
  assert.match(await follow(shell('echo yes', 'no')), /page:6: the guide shows "no", printed was "yes"/);
  assert.match(await follow(shell('false', '')), /page:2: false\n {2}ended with 1, not 0/);
  assert.match(await follow(shell('true # exit code 3', '')), /ended with 0, not 3/);
  assert.match(await follow('<!-- part of LICENSE -->\n```text\nNo such line\n```\n'), /does not have these lines/);
  assert.throws(() => parseGuide('page', '```yaml\na: 1\n```\n'), /page:2: this block is no commands/);
  assert.throws(() => parseGuide('page', '```text\nalone\n```\n'), /no output after commands/);
  assert(hasPart('a:\n  b: 1\n  c: 2\n', 'b: 1\nc: 2') && !hasPart('a\nb\nc', 'a\nc'));
});

test('what no two runs share need not be equal, all else must', () => {
  const same: readonly [string, string][] = [
    ['run at 2026-01-02 03:04:05 took 1.2 s', 'run  at 2027-11-12 13:14:15   took 12.0 s'],
    ['a\nb', 'a\ntrain: 3 of 9 steps done; rows 40 %\nb'],
    ['by process 12', 'by process 13'],
    ['prd_01m7zh1qbme00a5d6zbdervf29', 'prd_01m7zh1qbme00a5d6zbdervf2a'],
    ['sha256:2b6a2f5583099d', 'sha256:0b6a2f5583099e'],
    ['first\n…\nlast', 'first\nsecond\nthird\nlast'],
    ['first\n…', 'first'],
    ['auc 0.…', 'auc 0.77'],
    ['auc 0.77 … gap -0.21', 'auc 0.77 and gap -0.22'],
    ['auc 0.77 (0.75 to 0.79)', 'auc 0.771 (0.749 to 0.792)'],
  ];
  for (const [shown, printed] of same) assert.equal(differenceOf(shown, printed), undefined, shown);
  const different: readonly [string, string][] = [
    ['auc 0.77', 'auc 0.57'],
    ['auc 0.77', 'ece 0.77'],
    ['auc 0.77 … gap 0.21', 'auc 0.77 and gap 0.41'],
    ['first\n…\nlast', 'first\nsecond'],
    ['first', 'first\nsecond'],
    ['first\nsecond', 'first'],
    ['3 rows', '4 rows'],
  ];
  for (const [shown, printed] of different) assert.notEqual(differenceOf(shown, printed), undefined, shown);
});
