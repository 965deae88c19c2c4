/**
 * The CI files that `slipway init` writes: parsed, and every line of theirs run in its order, in a fresh clone of the project.
 * `npm install --global` puts the command of this checkout on the path instead of a package of a registry; nothing else is
 * replaced, but for what only a CI service knows (expressions of GitHub, the address of the server).
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { z } from 'zod';
import { githubPath, gitlabPath, githubWorkflow, gitlabPipeline } from '../../packages/cli/src/init/ci-files.ts';
import { repository, run, slipwayAt } from './cli.ts';
import type { TestServer } from './server.ts';
import { startTestServer } from './server.ts';

const place = mkdtempSync(join(tmpdir(), 'slipway-ci-'));
const project = join(place, 'penguins');
const git = {
  GIT_AUTHOR_NAME: 'ann',
  GIT_AUTHOR_EMAIL: 'ann@localhost',
  GIT_COMMITTER_NAME: 'ann',
  GIT_COMMITTER_EMAIL: 'ann@localhost',
};
let server: TestServer;

before(async () => {
  server = await startTestServer();
  const from = join(repository, 'examples/penguins/data/penguins.csv');
  const made = await run(['init', 'penguins', '--from', from, '--target', 'species', '--yes'], { cwd: place });
  assert.equal(made.code, 0, made.err);
  const added = await slipwayAt(server.url)(['data', 'add', 'penguins', from]);
  assert.equal(added.code, 0, added.err);
  for (const args of [
    ['init', '-q', '-b', 'main'],
    ['add', '.'],
    ['commit', '-qm', 'first'],
  ])
    await promisify(execFile)('git', args, { cwd: project, env: { ...process.env, ...git } });
});
after(async () => {
  await server.stop();
  rmSync(place, { recursive: true, force: true });
});

/** A machine of a CI service: a clone, and a path on which `slipway` is only after it was installed. */
async function createMachine(
  name: string,
): Promise<(line: string, env: Readonly<Record<string, string>>) => Promise<string>> {
  const clone = join(place, name);
  const tools = join(place, `${name}-tools`);
  mkdirSync(tools);
  await promisify(execFile)('git', ['clone', '-q', project, clone]);
  const command = join(repository, 'packages/cli/bin/slipway.js');
  writeFileSync(
    join(tools, 'npm'),
    `#!/bin/sh\n[ "$1 $2 $3" = "install --global slipway" ] || { echo "npm $*"; exit 9; }\nprintf '#!/bin/sh\\nexec "%s" "%s" "$@"\\n' "${process.execPath}" "${command}" > "${tools}/slipway"\nchmod +x "${tools}/slipway"\n`,
  );
  chmodSync(join(tools, 'npm'), 0o755);
  const path = [tools, dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter);
  return async (line, env) => {
    const child = spawn('bash', ['-e', '-o', 'pipefail', '-c', `exec 2>&1\n${line}`], {
      cwd: clone,
      env: { PATH: path, HOME: place, NO_COLOR: '1', CI: 'true', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
    const code = await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject));
    assert.equal(code, 0, `${line}: ${printed}`);
    return printed;
  };
}

const Workflow = z.object({
  name: z.string(),
  on: z.object({ push: z.null(), pull_request: z.null() }),
  jobs: z.record(
    z.string(),
    z.object({
      'runs-on': z.literal('ubuntu-latest'),
      needs: z.string().optional(),
      env: z.record(z.string(), z.string()).optional(),
      steps: z.array(
        z.object({ uses: z.string().optional(), run: z.string().optional(), with: z.unknown().optional() }),
      ),
    }),
  ),
});

const Pipeline = z.looseObject({
  image: z.string(),
  variables: z.record(z.string(), z.string()),
  before_script: z.array(z.string()),
  test: z.object({ script: z.array(z.string()) }),
  apply: z.looseObject({ needs: z.array(z.string()), script: z.array(z.string()) }),
});

const isApplied = async (): Promise<void> => {
  const plan = await slipwayAt(server.url)(['plan', '--check', '--project', project]);
  assert.equal(plan.code, 0, plan.out + plan.err);
};

test('GitHub: both jobs, step by step', { timeout: 300_000 }, async () => {
  const { jobs } = Workflow.parse(parse(readFileSync(join(project, githubPath), 'utf8')));
  assert.deepEqual(Object.keys(jobs), ['test', 'apply']);
  assert.equal(jobs['apply']?.needs, 'test');
  const known: Readonly<Record<string, string>> = {
    "vars.SLIPWAY_PACKAGE || 'slipway'": 'slipway',
    'vars.SLIPWAY_URL': server.url,
    'secrets.SLIPWAY_TOKEN': '',
  };
  const expanded = (text: string): string =>
    text.replaceAll(/\$\{\{ (.+?) \}\}/g, (_, expression: string) => {
      assert(expression in known, expression);
      return known[expression] ?? '';
    });
  for (const [name, { steps, env = {} }] of Object.entries(jobs)) {
    const onMachine = await createMachine(`github-${name}`);
    assert.match(steps[0]?.uses ?? '', /^actions\/checkout@v\d+$/);
    const given = Object.fromEntries(Object.entries(env).map(([key, value]) => [key, expanded(value)]));
    for (const step of steps) if (step.run !== undefined) await onMachine(expanded(step.run), given);
  }
  await isApplied();
});

test('GitLab: both jobs, line by line', { timeout: 300_000 }, async () => {
  const pipeline = Pipeline.parse(parse(readFileSync(join(project, gitlabPath), 'utf8')));
  assert.deepEqual(pipeline.apply.needs, ['test']);
  const env = { ...pipeline.variables, SLIPWAY_URL: server.url };
  for (const [name, { script }] of Object.entries({ test: pipeline.test, apply: pipeline.apply })) {
    const onMachine = await createMachine(`gitlab-${name}`);
    // One shell runs them all: what a line sets holds for the next.
    const printed = await onMachine(
      [...pipeline.before_script, ...script].join('\n'),
      name === 'test' ? pipeline.variables : env,
    );
    if (name === 'apply') assert.match(printed, /nothing/i, 'the second apply has nothing to do');
  }
  await isApplied();
});

test('of a project in Python the packages come before the test', () => {
  const { jobs } = Workflow.parse(parse(githubWorkflow({ isPython: true })));
  const steps = jobs['test']?.steps.flatMap((step) => step.run ?? step.uses ?? []) ?? [];
  assert.deepEqual(steps.slice(2, 4), ['actions/setup-python@v5', 'python3 -m pip install -r requirements.txt']);
  assert.equal(steps.at(-1), 'node --test');
  const { script } = Pipeline.parse(parse(gitlabPipeline({ isPython: true }))).test;
  assert.deepEqual(script.slice(-4), [
    'python3 -m venv .venv',
    '.venv/bin/python -m pip install -q -r requirements.txt',
    'export SLIPWAY_PYTHON="$PWD/.venv/bin/python"',
    'node --test',
  ]);
});
