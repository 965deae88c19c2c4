/** A project applied from a git repository, at a commit, without a checkout of one's own. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Slipway } from './cli.ts';
import { slipwayAt } from './cli.ts';
import type { TestServer } from './server.ts';
import { startTestServer } from './server.ts';

let server: TestServer;
let slipway: Slipway;
let folder: string;
/** Where clones are made and must be gone. */
let temporary: string;
let repository: string;
const commits: string[] = [];

function commit(description: string): void {
  writeFileSync(
    join(repository, 'ml/slipway.yaml'),
    `project: shop\ndatasets:\n  customers:\n    description: ${description}\n`,
  );
  const git = (...args: string[]): string => execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8' });
  git('add', '-A');
  git('-c', 'user.name=a', '-c', 'user.email=a@example.org', 'commit', '-q', '-m', description);
  commits.push(git('rev-parse', 'HEAD').trim());
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-from-git-'));
  [repository, temporary] = [join(folder, 'repository'), join(folder, 'temporary')];
  mkdirSync(join(repository, 'ml'), { recursive: true });
  mkdirSync(temporary);
  execFileSync('git', ['init', '-q', '-b', 'main', repository]);
  commit('first');
  execFileSync('git', ['-C', repository, 'tag', 'v1']);
  commit('second');
  server = await startTestServer();
  const at = slipwayAt(server.url);
  slipway = (args, options) => at(args, { ...options, cwd: folder, env: { TMPDIR: temporary } });
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const clones = (): string[] => readdirSync(temporary).filter((name) => name.startsWith('slipway-git-'));

const applied = async (ref: string): Promise<{ readonly commit: string; readonly description: string }> => {
  const answer = await slipway(['apply', '--from-git', `${repository}${ref}`, '--project', 'ml', '--json']);
  assert.equal(answer.code, 0, answer.err);
  const { source } = await server.client.projects.get({ params: { project: 'shop' } });
  const { description } = await server.client.datasets.get({ params: { dataset: 'customers' } });
  assert.equal(source?.dirty, false);
  return { commit: source.commit, description: description ?? '' };
};

test('a branch, a tag and a commit are applied as they are there, and each is recorded', async () => {
  assert.deepEqual(await applied(''), { commit: commits[1], description: 'second' });
  assert.deepEqual(await applied('#v1'), { commit: commits[0], description: 'first' });
  assert.deepEqual(await applied('#main'), { commit: commits[1], description: 'second' });
  assert.deepEqual(await applied(`#${commits[0]}`), { commit: commits[0], description: 'first' });
  const again = await slipway(['plan', '--from-git', `${repository}#v1`, '--project', 'ml', '--check']);
  assert.equal(again.code, 0, again.out + again.err);
  const other = await slipway(['plan', '--from-git', repository, '--project', 'ml', '--check']);
  assert.equal(other.code, 6, other.out + other.err);
  assert.deepEqual(clones(), []);
});

test('what cannot be fetched changes nothing and is said', async () => {
  const refused: readonly (readonly [from: string, project: string, code: number, said: RegExp])[] = [
    [`${repository}#v9`, 'ml', 1, /could not fetch v9 of .*v9 not found/],
    [`${repository}#0123456`, 'ml', 1, /could not fetch 0123456 of/],
    [join(folder, 'nowhere'), 'ml', 1, /could not fetch .*nowhere/],
    [`${repository}#`, 'ml', 2, /is no repository/],
    ['--upload-pack=x', 'ml', 2, /is no repository/],
    [repository, '../repository', 2, /does not lie in the repository/],
    [repository, '.', 3, /slipway\.yaml/],
  ];
  for (const [from, project, code, said] of refused) {
    const answer = await slipway(['apply', `--from-git=${from}`, '--project', project]);
    assert.equal(answer.code, code, answer.err);
    assert.match(answer.err, said);
  }
  assert.deepEqual(clones(), []);
  const { items } = await server.client.ledger.list({ query: { kind: 'project.applied' } });
  assert.equal(items.length, 4);
});
