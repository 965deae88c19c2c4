/**
 * `slipway init --python` as a person uses it: a table with awkward names, asked three questions, learnt by the train.py that
 * was written, judged, registered and served; then what is said when Python or the script fails. Needs the packages of
 * requirements.txt: where they cannot be had the suite says so, and fails under CI=true.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readConfig, startServer } from '@slipway/server';
import { skipUnlessCi } from '../../packages/server/src/platform/testing/missing.ts';
import { mlflowPackages } from '../compat/mlflow/packages.ts';
import { pythonEnv } from '../compat/python-env.ts';
import type { Answer } from './cli.ts';
import { run, slipwayAt } from './cli.ts';

const limitMs = 240_000;
const place = mkdtempSync(join(tmpdir(), 'slipway-python-'));
const env = await pythonEnv('mlflow', mlflowPackages);
let server: Awaited<ReturnType<typeof startServer>>;

/** 400 customers; names with blanks, umlauts, quotes and dashes, numbers, dates, booleans, a text of many values, gaps. */
function writeCustomers(to: string): void {
  let seed = 11;
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];
  const rows = ['"monthly fee",monthly_fee,Tarif Größe,"he said ""hi""",city,since,direct,leaves,usage,note'];
  for (let i = 0; i < 400; i++) {
    const fee = 5 + random() * 30;
    const plan = pick(['basic', 'pro', '']) ?? '';
    const calls = Math.floor(random() * 9);
    const since = new Date(Date.UTC(2020, 0, 1) + Math.floor(random() * 1500) * 86_400_000).toISOString().slice(0, 10);
    const leaves = random() < 1 / (1 + Math.exp(3 - calls + (plan === 'pro' ? 1 : 0)));
    const usage = calls + fee / 10 > 6 ? 'high' : calls + fee / 10 > 3 ? 'mid' : 'low';
    const age = i % 9 === 0 ? '' : String(20 + Math.floor(random() * 50));
    const note = `called ${calls} times about the ${plan} plan number ${i}`;
    rows.push(
      [
        fee.toFixed(2),
        age,
        plan,
        calls,
        `city ${Math.floor(random() * 70)}`,
        since,
        i % 2 === 0,
        leaves ? 'churned' : 'stayed',
        usage,
        note,
      ].join(','),
    );
  }
  writeFileSync(to, `${rows.join('\n')}\n`);
}

before(async () => {
  if (!env.ok) return;
  server = await startServer(
    readConfig({ dir: join(place, 'server'), port: 0, logLevel: 'error' }, { SLIPWAY_PYTHON: env.python }),
  );
  writeCustomers(join(place, 'customers.csv'));
});
after(async () => {
  await server?.stop(1000);
  rmSync(place, { recursive: true, force: true });
});

const pythonTest = (name: string, run: () => Promise<void>): void =>
  void test(name, { timeout: 600_000 }, async (t) => {
    if (!env.ok) return skipUnlessCi(t, `no Python environment: ${env.problem}`);
    await run();
  });

const slipway = (args: readonly string[], cwd: string): Promise<Answer> =>
  slipwayAt(server.url)(args, { cwd, limitMs });

async function makeProject(name: string, target: string, ...more: readonly string[]): Promise<string> {
  const from = join(place, `${name}.csv`);
  writeFileSync(from, readFileSync(join(place, 'customers.csv')));
  const args = [
    'init',
    name,
    '--from',
    from,
    '--target',
    target,
    '--python',
    '--time',
    'none',
    '--group',
    'none',
    '--yes',
  ];
  const made = await run([...args, ...more], { cwd: place, env: { NO_COLOR: '1' } });
  assert.equal(made.code, 0, made.err);
  const folder = join(place, name);
  for (const command of [['data', 'add', name, from], ['apply']]) {
    const done = await slipway(command, folder);
    assert.equal(done.code, 0, done.err);
  }
  return folder;
}

const row = {
  'monthly fee': 33,
  monthly_fee: null,
  'Tarif Größe': 'basic',
  'he said "hi"': 8,
  city: 'nowhere',
  since: '2022-05-01',
  direct: true,
  leaves: 'churned',
  usage: 'high',
};

const questions = [
  { name: 'churn', target: 'leaves', metric: 'auc', more: ['--cost', '1:5'], high: (score: number) => score > 0.8 },
  { name: 'usage', target: 'usage', metric: 'accuracy', more: [], high: (score: number) => score > 0.8 },
  { name: 'fee', target: 'monthly fee', metric: 'rmse', more: [], high: (score: number) => score > 5 && score < 40 },
] as const;

for (const { name, target, metric, more, high } of questions) {
  pythonTest(`${name}: train.py from the table to an endpoint`, async () => {
    const folder = await makeProject(name, target, ...more);
    assert.deepEqual(readFileSync(join(folder, 'requirements.txt'), 'utf8').trim().split('\n'), [...mlflowPackages]);
    const trained = await slipway(['pipeline', 'run', `train-${name}`], folder);
    assert.equal(trained.code, 0, trained.err);
    assert.match(trained.err, new RegExp(`candidate: .*\\b${metric} \\d`));
    assert.match(trained.err, /registered \S+ version 1 as champion/);
    assert.match(trained.err, /train +\| \d+ rows, [78] columns, train_(log_loss|rmse) /);
    const model = JSON.parse((await slipway(['model', 'list', '--json'], folder)).out) as { items: { name: string }[] };
    const endpoint = model.items.find((item) => item.name.startsWith(`${name}-`))?.name ?? '';
    assert.equal((await slipway(['endpoint', 'deploy', endpoint, 'champion'], folder)).code, 0);
    const inputs: Record<string, unknown> = { ...row };
    delete inputs[target];
    const answer = await fetch(`${server.url}/api/endpoints/${endpoint}/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ instances: [{ inputs }] }),
    });
    const { predictions, ...problem } = (await answer.json()) as { predictions?: { score: number; label?: string }[] };
    assert.equal(answer.status, 200, JSON.stringify(problem));
    assert(high(predictions?.[0]?.score ?? Number.NaN), `score ${predictions?.[0]?.score}`);
    if (name === 'usage') assert.equal(predictions?.[0]?.label, 'high');
    const runs = JSON.parse(
      (await slipway(['run', 'list', '--experiment', `train-${name}`, '--json'], folder)).out,
    ) as {
      items: { name: string; params: Record<string, string> }[];
    };
    assert.equal(
      runs.items.find((one) => one.name === 'train')?.params['n_estimators'],
      '150',
      'the MLflow client logged',
    );
  });
}

pythonTest('what fails in Python is told as Python tells it, with what to do', async () => {
  const folder = await makeProject('broken', 'leaves');
  const script = readFileSync(join(folder, 'train.py'), 'utf8');
  const cases: readonly { readonly of: string; readonly to: string; readonly says: RegExp }[] = [
    {
      of: '    import mlflow\n',
      to: '    import not_there\n',
      says: /has no module not_there: \S+python\S* -m pip install -r requirements\.txt/,
    },
    {
      of: 'TARGET = ',
      to: 'raise ValueError("no such month")\nTARGET = ',
      says: /exit code 1; it last printed:[\s\S]*Traceback[\s\S]*ValueError: no such month/,
    },
    { of: '    main()\n', to: '    pass\n', says: /left no file at the path that \{out:model\} stood for/ },
  ];
  for (const { of, to, says } of cases) {
    assert(script.includes(of), of);
    writeFileSync(join(folder, 'train.py'), script.replace(of, to));
    assert.equal((await slipway(['apply'], folder)).code, 0);
    const answer = await slipway(['pipeline', 'run', 'train-broken'], folder);
    assert.equal(answer.code, 1, answer.err);
    assert.match(answer.err + answer.out, says);
  }
});

test('a table of free text alone is refused before anything is written', async () => {
  const at = join(place, 'prose');
  mkdirSync(at, { recursive: true });
  const rows = Array.from({ length: 60 }, (_, i) => `the ${i} quick brown fox jumps over,${i % 2}`);
  writeFileSync(join(at, 'letters.csv'), `letter,spam\n${rows.join('\n')}\n`);
  const answer = await run(['init', 'mail', '--from', 'letters.csv', '--target', 'spam', '--python', '--yes'], {
    cwd: at,
  });
  assert.equal(answer.code, 1);
  assert.match(answer.err, /train\.py would use no free text, .*: letter\. Make the project without --python/);
});
