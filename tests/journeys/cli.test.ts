/**
 * The main job from a terminal: every verb of the command line against one server, on the flights example. What is printed is
 * held loosely (people read it); exit codes, JSON shapes and what leads from one command to the next are held tightly.
 */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { z } from 'zod';
import { createProgram, loadNamed } from '../../packages/cli/src/program.ts';
import type { Answer, RunOptions, Slipway } from './cli.ts';
import { repository, slipwayAt } from './cli.ts';
import type { TestServer } from './server.ts';
import { startTestServer } from './server.ts';

const example = join(repository, 'examples/flights');
const until = '2013-04-01T04:00:00Z';

let server: TestServer;
let slipway: Slipway;
let folder: string;

before(async () => {
  server = await startTestServer();
  slipway = slipwayAt(server.url);
  folder = mkdtempSync(join(tmpdir(), 'slipway-cli-'));
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function ok(...args: string[]): Promise<Answer> {
  const answer = await slipway(args);
  assert.equal(answer.code, 0, `slipway ${args.join(' ')}: ${answer.err}`);
  return answer;
}

/** The parsed JSON of a command; nothing else may be on standard output, nor anything on standard error. */
async function json<S extends z.ZodType>(schema: S, ...args: string[]): Promise<z.output<S>> {
  const answer = await ok(...args, '--json');
  return schema.parse(JSON.parse(answer.out));
}

async function fails(code: number, problem: RegExp, args: readonly string[], options?: RunOptions): Promise<Answer> {
  const answer = await slipway(args, options);
  assert.equal(answer.code, code, `slipway ${args.join(' ')}: ${answer.err}${answer.out}`);
  assert.match(answer.err, problem);
  return answer;
}

const items = <S extends z.ZodType>(item: S) =>
  z.object({ items: z.array(item), nextPageToken: z.string().optional() });
const named = items(z.looseObject({ name: z.string() }));
const withId = z.looseObject({ id: z.string() });

test('an empty server says what to do next', async () => {
  for (const [args, advice] of [
    [['data', 'list'], /slipway data add/],
    [['project', 'list'], /slipway apply/],
    [['pipeline', 'list'], /slipway apply/],
    [['pipeline', 'runs'], /slipway pipeline run/],
    [['feature', 'list'], /slipway apply/],
    [['run', 'list'], /MLFLOW_TRACKING_URI=http/],
    [['model', 'list'], /A pipeline registers them/],
    [['endpoint', 'list'], /slipway apply/],
    [['monitor', 'list'], /slipway apply/],
    [['policy', 'list'], /slipway apply/],
    [['token', 'list'], /slipway token create/],
    [['ledger', 'list'], /No events yet/],
  ] as const) {
    const answer = await ok(...args);
    assert.equal(answer.out, '');
    assert.match(answer.err, advice, args.join(' '));
  }
  await ok('ledger', 'verify');
});

test('plan, apply, drift and ownership', async () => {
  assert.match(
    (await ok('plan', '--project', example)).out,
    /11 to create; it was never applied[\s\S]*\+ endpoint flight-delay/,
  );
  await fails(6, /the server differs/, ['plan', '--project', example, '--check']);
  const applied = await json(z.looseObject({ applyNumber: z.int() }), 'apply', '--project', example, '--expect', '0');
  assert.equal(applied.applyNumber, 1);
  await ok('plan', '--project', example, '--check');
  await fails(1, /stands at apply 1 \(by owner/, ['apply', '--project', example, '--expect', '0']);
  assert.deepEqual(
    (await json(named, 'project', 'list')).items.map((p) => p.name),
    ['flights'],
  );
  assert.match((await ok('project', 'show', 'flights')).out, /monitor +flight-delay-weekly/);

  const copy = join(folder, 'copy');
  cpSync(example, copy, { recursive: true, filter: (path) => !path.includes('/data') });
  const file = join(copy, 'slipway.yaml');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace('window: week', 'window: month'));
  assert.match((await ok('plan', '--project', copy)).out, /~ monitor flight-delay-weekly\n +window +"week" -> "month"/);
  writeFileSync(file, text.replace('project: flights', 'project: others'));
  await fails(1, /"flights" belongs to project "flights"/, ['apply', '--project', copy]);
});

test('what is wrong with a file is told with file, line and column', async () => {
  const bad = join(folder, 'bad');
  cpSync(example, bad, { recursive: true, filter: (path) => !path.includes('/data') });
  const cases: readonly (readonly [file: string, from: string, to: string, problem: RegExp])[] = [
    ['slipway.yaml', 'project: flights', 'project: [flights', /slipway\.yaml:\d+:\d+: /],
    [
      'slipway.yaml',
      'project: flights',
      'projekt: flights',
      /slipway\.yaml:\d+:1: .*it is missing|slipway\.yaml:\d+:1: "projekt" is not known/,
    ],
    [
      'slipway.yaml',
      'window: week',
      'window: fortnight',
      /slipway\.yaml:\d+:13: monitors\.flight-delay-weekly\.window: /,
    ],
    [
      'slipway.yaml',
      'window: week',
      'windov: week',
      /slipway\.yaml:\d+:5: monitors\.flight-delay-weekly: "windov" is not known here/,
    ],
    ['slipway.yaml', 'zone: America/New_York', 'zone: America/New_Yrk', /slipway\.yaml:\d+:\d+: .*New_Yrk/],
    ['slipway.yaml', './features.yaml', './nowhere.yaml', /There is no file ".*nowhere\.yaml"/],
    [
      'slipway.yaml',
      './features.yaml',
      '../features.yaml',
      /slipway\.yaml:\d+:\d+: "\.\.\/features\.yaml" does not lie in the project folder/,
    ],
    [
      'expectations.yaml',
      'expect_row_condition',
      'expect_row_konditon',
      /expectations\.yaml:\d+:\d+: tables\.flights\.expectations/,
    ],
    [
      'features.yaml',
      'rate(late) over 3h',
      'rate(late over 3h',
      /features\.yaml:\d+:\d+: In views\.airport\.features\.orig_dep_late_3h/,
    ],
    [
      'pipeline.ts',
      'export const train = pipeline(',
      'export const train = pipelin(',
      /pipeline\.ts:\d+:\d+: pipelin is not defined/,
    ],
    ['pipeline.ts', 'const model =', 'const model = = ', /pipeline\.ts/],
  ];
  for (const [file, from, to, problem] of cases) {
    const path = join(bad, file);
    const text = readFileSync(path, 'utf8');
    assert(text.includes(from), `${file} has ${from}`);
    writeFileSync(path, text.replace(from, to));
    const answer = await slipway(['plan', '--project', bad]);
    assert.notEqual(answer.code, 0, `${file}: ${to}`);
    assert.match(answer.err, problem, `${file}: ${to}`);
    writeFileSync(path, text);
  }
});

test('data goes in once, and comes out as it went in', async () => {
  const months = ['01', '02', '03'].map((month) => join(example, `data/flights/2013-${month}.parquet`));
  assert.match((await ok('data', 'add', 'flights', ...months)).err, /2013-03\.parquet: version 3, 80,789 rows/);
  await ok('data', 'add', 'weather', join(example, 'data/weather'));
  const again = await json(
    items(z.looseObject({ unchanged: z.boolean() })),
    'data',
    'add',
    'flights',
    String(months[0]),
  );
  assert.equal(again.items[0]?.unchanged, true);

  const first = await json(named, 'data', 'list', '--limit', '1');
  assert.equal(first.items.length, 1);
  const rest = await json(named, 'data', 'list', '--page-token', String(first.nextPageToken));
  assert.deepEqual(
    rest.items.map((d) => d.name),
    ['weather'],
  );
  assert.match((await ok('data', 'list', '--limit', '1')).err, /There is more: --page-token/);
  assert.match((await ok('data', 'versions', 'flights')).out, /^VERSION/);
  assert.match((await ok('data', 'show', 'flights', '--version', '2')).out, /flights@2  51,955 rows/);
  assert.match((await ok('data', 'profile', 'weather')).out, /^COLUMN/);
  assert.match((await ok('data', 'diff', 'flights', '--from', '1')).out, /added +file 2013-03\.parquet/);
  const out = join(folder, 'january.parquet');
  await ok('data', 'get', 'flights', '2013-01.parquet', '--out', out);
  assert.deepEqual(readFileSync(out), readFileSync(String(months[0])));
  assert(!existsSync(`${out}.part`));

  await ok('data', 'validate', 'flights', 'flights=flights', 'weather=weather');
  const broken = join(example, 'data/broken/flights-2013-06.parquet');
  await ok('data', 'add', 'broken', broken);
  const failed = await fails(6, /validation val_\w+ failed/, [
    'data',
    'validate',
    'flights',
    'flights=broken',
    'weather=weather',
  ]);
  assert.match(failed.out, /failed val_\w+ of suite flights on broken@1, weather@12: \d+ expectations, \d+ failed/);
  const list = await json(items(withId), 'data', 'validations', '--limit', '2');
  assert.equal(list.items.length, 2);
  await ok('data', 'validation', String(list.items[0]?.id));
  assert.match((await ok('data', 'remove', 'weather', '2013-12.parquet')).out, /version 13/);
});

/** What the commands before have made, for those that come after. */
const made = { run: '', prediction: '', deployment: '' };

test(
  'a pipeline run is followed with its logs, and ends with a version that passed its gate',
  { timeout: 240_000 },
  async () => {
    assert.match((await ok('pipeline', 'graph', 'train')).out, /parameters until, holdoutDays = 14, maxMonths\?/);
    await fails(2, /until/, ['pipeline', 'run', 'train']);
    const run = await slipway(['pipeline', 'run', 'train', '--param', `until=${until}`, '--reason', 'by hand'], {
      limitMs: 240_000,
    });
    assert.equal(run.code, 0, run.err);
    assert.match(run.err, /check-flights +\| 61 expectations on flights@3, weather@13: 0 failed/);
    assert.match(run.err, /register +succeeded/);
    assert.match(run.out, /plr_\w+ train succeeded in/);
    made.run = String(/plr_\w+/.exec(run.out)?.[0]);

    assert.equal((await json(items(withId), 'pipeline', 'runs', '--pipeline', 'train')).items[0]?.id, made.run);
    assert.match((await ok('pipeline', 'list')).out, /train +flights +plr_\w+ +succeeded/);
    await ok('pipeline', 'show', made.run);
    await ok('pipeline', 'follow', made.run);
    assert.match((await ok('pipeline', 'log', made.run, 'check-flights')).out, /0 failed/);
    assert.match((await ok('pipeline', 'log', made.run, 'check-flights', '--follow')).out, /0 failed/);
    await fails(1, /succeeded already/, ['pipeline', 'cancel', made.run]);

    const runs = await json(items(withId), 'run', 'list', '--limit', '3', '--order-by', 'metrics.auc desc');
    assert.equal(runs.items.length, 3);
    await ok('run', 'show', String(runs.items[0]?.id));
    await ok('run', 'artifacts', String(runs.items[0]?.id));
    assert.match((await ok('model', 'list')).out, /flight-delay +1 +champion=1/);
    await ok('model', 'versions', 'flight-delay');
    await ok('model', 'gates', 'flight-delay');
    assert.match((await ok('model', 'show', 'flight-delay', 'champion')).out, /passed +auc is 0\.7/);
    assert.match((await ok('model', 'alias', 'flight-delay', 'candidate', 'champion')).out, /candidate: nothing -> 1/);
    await ok('model', 'unalias', 'flight-delay', 'candidate');
    const model = join(folder, 'model.onnx');
    await ok('model', 'get', 'flight-delay', '1', '--out', model);
    assert(readFileSync(model).length > 1000);
  },
);

test('Ctrl-C stops the following, not the run', { timeout: 120_000 }, async () => {
  const args = ['pipeline', 'run', 'train', '--param', `until=${until}`, '--no-cache'];
  const stopped = await slipway(args, { interruptAt: /check-flights +running/, limitMs: 60_000 });
  assert.equal(stopped.code, 130, stopped.err);
  const id = String(/run (plr_\w+) goes on; `slipway pipeline follow/.exec(stopped.err)?.[1]);
  assert.match((await ok('pipeline', 'cancel', id)).out, /cancelling|cancelled/);
  const end = await fails(1, /cancelled/, ['pipeline', 'follow', id, '--no-logs']);
  assert.match(end.out, /train cancelled/);
  const events = await slipway(['ledger', 'follow', '--after', '0', '--json'], { interruptAt: /project\.applied/ });
  assert.equal(events.code, 130);
  for (const line of events.out.trim().split('\n').slice(0, -1)) assert.equal(typeof JSON.parse(line), 'object');
});

test('features are filled, an endpoint is deployed, predictions are asked, labelled and explained', async () => {
  await fails(1, /slipway feature backfill flights/, [
    'feature',
    'read',
    'flights',
    'delay_risk',
    '--key',
    'origin=JFK',
    'dest=LAX',
    'carrier=AA',
    'flight=1',
  ]);
  const filled = await ok('feature', 'backfill', 'flights', '--until', until);
  assert.match(filled.out, /online state of flights: ready/);
  const inputs = ['origin=JFK', 'dest=LAX', 'carrier=AA', 'flight=1'];
  const asked = ['sched_dep=2013-04-02T13:00:00Z', 'block=370', 'miles=2475'];
  const at = ['--at', '2013-04-02T11:00:00Z'];
  assert.match((await ok('feature', 'show', 'flights')).out, /delay_risk sha256:/);
  await ok('feature', 'read', 'flights', 'delay_risk', '--key', ...inputs, '--request', ...asked, ...at);

  assert.match(
    (await ok('endpoint', 'deploy', 'flight-delay', 'champion', '--reason', 'first')).out,
    /version 1 100 %/,
  );
  await ok('endpoint', 'list');
  assert.match((await ok('endpoint', 'summary', '--window', '24h')).out, /flight-delay/);
  assert.match(
    (await ok('endpoint', 'show', 'flight-delay')).out,
    /POST http.*\/api\/endpoints\/flight-delay\/predict/,
  );
  const deployments = await json(items(withId), 'endpoint', 'deployments', 'flight-delay');
  made.deployment = String(deployments.items[0]?.id);
  await ok('endpoint', 'rollouts', 'flight-delay');
  await fails(1, /serves already/, ['endpoint', 'rollout', 'flight-delay', '1']);

  const prediction = z.object({ predictions: z.array(withId) });
  const whole = [...inputs, 'aircraft=null', ...asked];
  await fails(2, /aircraft is missing/, ['predict', 'flight-delay', '--input', ...inputs, ...asked, ...at]);
  const one = await json(prediction, 'predict', 'flight-delay', '--input', ...whole, ...at);
  made.prediction = String(one.predictions[0]?.id);
  const instance = {
    inputs: {
      origin: 'JFK',
      dest: 'LAX',
      carrier: 'AA',
      flight: 1,
      aircraft: null,
      sched_dep: '2013-04-02T13:00:00Z',
      block: 370,
      miles: 2475,
    },
    at: Date.parse('2013-04-02T11:00:00Z'),
  };
  const many = await slipway(['predict', 'flight-delay', '--file', '-', '--json'], {
    stdin: JSON.stringify(Array.from({ length: 1500 }, () => instance)),
  });
  assert.equal(many.code, 0, many.err);
  assert.equal(prediction.parse(JSON.parse(many.out)).predictions.length, 1500);
  assert.match((await ok('endpoint', 'prediction', made.prediction)).out, /dep_minute/);
  const label = ['endpoint', 'label', 'flight-delay', `${made.prediction}=1`, '--at', '2013-04-02T20:00:00Z'];
  assert.match((await ok(...label)).out, /1 joined/);
  assert.match((await ok(...label)).out, /1 known already/);
  assert.match(
    (await ok('endpoint', 'predictions', 'flight-delay', '--from', '2013-04-01T00:00:00Z', '--limit', '3')).out,
    /^PREDICTION/,
  );

  await ok('monitor', 'list');
  await ok('monitor', 'windows', 'flight-delay-weekly');
  await ok('monitor', 'drift', 'flight-delay-weekly');
  await ok('monitor', 'evaluate', 'flight-delay-weekly');
  await ok('monitor', 'alerts', '--state', 'open');
  assert.match((await ok('policy', 'list')).out, /retrain-on-decay +alert\.fired/);
  await ok('policy', 'firings', 'retrain-on-decay');
  assert.match((await ok('policy', 'dry-run', 'roll-out-challenger')).out, /events? looked at/);
});

test('why leads from each thing to the digests of its data and the commit', async () => {
  const version = await json(items(withId), 'run', 'list', '--limit', '1');
  const things = [
    ['prediction', made.prediction],
    [made.prediction],
    ['version', 'flight-delay/1'],
    ['version', 'flight-delay@champion'],
    ['deployment', made.deployment],
    ['pipeline-run', made.run],
  ];
  for (const thing of things) {
    const { out } = await ok('why', ...thing);
    assert.match(out, /dataset flights, version 3/, thing.join(' '));
    assert.match(out, /2013-01\.parquet sha256:[0-9a-f]{64}/);
    assert.match(out, /commit [0-9a-f]{40}/);
  }
  assert.match((await ok('why', 'dataset-version', 'flights@3')).out, /digest sha256:/);
  await ok('why', 'run', String(version.items[0]?.id));
  const digest = /2013-01\.parquet (sha256:[0-9a-f]{64})/.exec((await ok('why', made.prediction)).out)?.[1] ?? '';
  const { out: onward } = await ok('why', 'file', digest, '--onward');
  assert.match(
    onward,
    /dataset flights, version 3[^]*run of pipeline[^]*model flight-delay, version 1[^]*deployment 1/,
  );
  assert.match((await ok('status')).out, /data +stored +\S+@\d+/);
});

test('a policy starts a rollout, and why leads from it to the event that caused it', { timeout: 60_000 }, async () => {
  const { client } = server;
  const first = await client.models.getVersion({ params: { model: 'flight-delay', version: '1' } });
  const body = { digest: String(first.artifactDigest), lineage: first.lineage };
  const second = await client.models.createVersion({ params: { model: 'flight-delay' }, body });
  await ok('model', 'alias', 'flight-delay', 'challenger', String(second.number), '--reason', 'the same again');
  let rollout: string | undefined;
  for (let i = 0; i < 100 && rollout === undefined; i++) {
    rollout = (await client.rollouts.list({ params: { endpoint: 'flight-delay' }, query: {} })).items[0]?.id;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.match((await ok('endpoint', 'rollouts', 'flight-delay')).out, /version 2 over 1: running/);
  assert.match((await ok('policy', 'firings', 'roll-out-challenger')).out, /done +event \d+/);
  const { out } = await ok('why', 'rollout', String(rollout));
  assert.match(out, /startedBy policy:roll-out-challenger/);
  assert.match(
    out,
    /policy roll-out-challenger, firing \d+ \(done\)[\s\S]*event \d+: alias\.moved of model:flight-delay/,
  );
  assert.match(out, /dataset flights, version 3[\s\S]*2013-01\.parquet sha256:/);
  assert.match((await ok('endpoint', 'cancel', String(rollout))).out, /cancelled/);
});

test('the ledger is listed, exported and verified, and one altered byte is found', async () => {
  assert.match((await ok('ledger', 'list', '--kind', 'project.applied')).out, /project\.applied +project:flights/);
  assert.match((await ok('ledger', 'show', '1')).out, /^EVENT +1\n/);
  const file = join(folder, 'events.ndjson');
  await ok('ledger', 'export', '--out', file);
  const head = String(/head (\d+ [0-9a-f]{64})/.exec((await ok('ledger', 'verify')).out)?.[1]);
  assert.match((await ok('ledger', 'verify', '--file', file)).out, new RegExp(head));
  assert.match((await ok('ledger', 'verify', '--file', join(server.folder, 'slipway.db'))).out, new RegExp(head));
  const lines = readFileSync(file, 'utf8').split('\n');
  lines[4] = String(lines[4]).replace('owner', 'ownes');
  writeFileSync(file, lines.join('\n'));
  await fails(6, /event 5 is not what was written/, ['ledger', 'verify', '--file', file]);
});

test('a token reaches the server from elsewhere with what its role allows', async () => {
  const secret = z.looseObject({ secret: z.string() });
  const { secret: viewer } = await json(
    secret,
    'token',
    'create',
    'reader',
    '--role',
    'viewer',
    '--expires-in-days',
    '1',
  );
  const env = { SLIPWAY_TOKEN: viewer };
  assert.equal((await slipway(['data', 'list'], { env })).code, 0);
  await fails(5, /token:reader may not do "serving\.deploy"/, ['endpoint', 'deploy', 'flight-delay', '1'], { env });
  assert.match((await ok('token', 'list')).out, /reader +viewer/);
  await ok('token', 'revoke', 'reader');
  await fails(5, /No valid token/, ['data', 'list', '--token', viewer]);
});

test('times carry their zone, and lists survive a reader that leaves', async () => {
  const { out } = await slipway(['project', 'list'], { env: { TZ: 'Asia/Kolkata' } });
  assert.match(out, /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+05:30/);
  const command = `"${process.execPath}" packages/cli/bin/slipway.js ledger export | head -1; echo "\${PIPESTATUS[0]}"`;
  const env = { PATH: process.env['PATH'], SLIPWAY_URL: server.url };
  const shell = await promisify(execFile)('bash', ['--norc', '-c', command], { cwd: repository, env });
  assert.match(shell.stdout, /^\{"actor"[^\n]*\n0\n$/);
  assert.equal(shell.stderr, '');
});

test('every verb has examples, and completion knows verbs, flags and live names', async () => {
  const program = await loadNamed(createProgram(), []);
  const leaves = (command: typeof program): (typeof program)[] =>
    command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
  for (const leaf of leaves(program).filter((c) => c.name() !== 'complete')) {
    let help = '';
    leaf.configureOutput({ writeOut: (text) => void (help += text) }).outputHelp();
    assert.match(help, /\nExamples?:\n {2}/, leaf.name());
    for (const option of leaf.options) assert.notEqual(option.description, '', `${leaf.name()} ${option.flags}`);
  }
  const complete = async (...words: string[]): Promise<string[]> =>
    (await ok('complete', '--', ...words)).out.split('\n').map((line) => line.split('\t')[0] ?? '');
  assert((await complete('')).includes('endpoint'));
  assert((await complete('data', 'sh')).includes('show'));
  assert((await complete('data', 'show', 'fl')).includes('flights'));
  assert((await complete('data', 'show', 'flights', '--v')).includes('--version'));
  assert((await complete('endpoint', 'deploy', 'flight-delay', '')).includes('champion'));
  assert((await complete('token', 'create', 'x', '--role', '')).includes('viewer'));
  assert.deepEqual(await complete('data', 'add', 'flights', ''), [':files', '']);
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { out } = await ok('completion', shell);
    const script = join(folder, `completion.${shell}`);
    writeFileSync(script, out);
    const check = spawnSync(shell, ['-n', script], { encoding: 'utf8' });
    // A shell that is not installed cannot be asked.
    if (check.error === undefined) assert.equal(check.status, 0, check.stderr);
  }
});

test('destroy asks, or is told', async () => {
  await fails(2, /11 resources of project "flights".*add --yes/, ['destroy', 'flights']);
  assert.match((await ok('destroy', 'flights', '--yes')).out, /11 resources changed/);
  await fails(3, /There is no project "flights"/, ['destroy', 'flights', '--yes']);
  assert.match((await ok('data', 'list')).out, /flights/);
});
