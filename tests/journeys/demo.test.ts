/** The main job as a newcomer starts it. What is asserted are facts that every run must show, not the noise of one. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { z } from 'zod';

const launcher = join(import.meta.dirname, '../../packages/cli/bin/slipway.js');
const limitMs = 8 * 60_000;

const record = z.object({
  seconds: z.number(),
  stages: z.array(z.object({ stage: z.string(), atSeconds: z.number(), figures: z.looseObject({}) })),
});
type DemoRecord = z.infer<typeof record>;

function figures<T extends z.ZodType>(demo: DemoRecord, stage: string, shape: T): z.output<T> {
  const found = demo.stages.find((s) => s.stage === stage);
  assert(found, `stage ${stage} was told`);
  return shape.parse(found.figures);
}

const checks = z.array(z.object({ name: z.string(), passed: z.boolean() }));
const parity = z.object({ cells: z.number(), different: z.number() });

test('the demo runs to its end, and every stage shows what it promises', { timeout: limitMs }, async (t) => {
  const child = spawn(process.execPath, [launcher, 'demo', '--exit', '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: t.signal,
  });
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  assert.equal(await closed, 0, errors);
  const demo = record.parse(JSON.parse(output));
  const order =
    'data apply broken validate features train gate deploy serve parity monitor retrain serve rollout confirm';
  assert.deepEqual(
    demo.stages.map((s) => s.stage),
    [...order.split(' '), 'harmful', 'rollback', 'why', 'ledger'],
  );

  const dataset = z.object({ rows: z.number(), digest: z.string() });
  const data = figures(demo, 'data', z.object({ flights: dataset, weather: dataset, storedAgain: z.number() }));
  assert.deepEqual([data.flights.rows, data.weather.rows, data.storedAgain], [80_789, 6463, 0]);

  const brokenShape = z.object({
    failed: z.array(z.unknown()),
    evaluated: z.number(),
    runState: z.string(),
    stepsStarted: z.number(),
  });
  const broken = figures(demo, 'broken', brokenShape);
  assert(broken.failed.length >= 10 && broken.evaluated >= 20);
  assert.deepEqual([broken.runState, broken.stepsStarted], ['failed', 1]);

  const features = figures(demo, 'features', z.object({ features: z.number(), parity }));
  assert.deepEqual([features.features, features.parity.cells > 10_000, features.parity.different], [27, true, 0]);
  const gate = figures(demo, 'gate', z.object({ version: z.number(), checks }));
  assert(gate.checks.length >= 4 && gate.checks.every((c) => c.passed) && gate.version === 1);
  const served = figures(demo, 'serve', z.object({ requests: z.number() }));
  assert(served.requests > 5000);
  assert.equal(figures(demo, 'parity', parity).different, 0, 'what was served is what training sees, to the bit');

  const windowShape = z.object({
    verdict: z.string(),
    coverage: z.number(),
    calibration: z.object({ gap: z.number() }),
  });
  const { windows } = figures(demo, 'monitor', z.object({ windows: z.array(windowShape) }));
  assert.equal(windows.length, 4);
  assert.equal(windows.at(-1)?.verdict, 'alert');
  assert((windows.at(-1)?.calibration.gap ?? 0) > 0.1);
  assert(
    windows.every((w) => w.coverage > 0.9 && w.coverage < 1),
    'some flights never arrive',
  );

  assert.equal(figures(demo, 'retrain', z.object({ version: z.number() })).version, 2);
  const rollout = figures(demo, 'rollout', z.object({ isPromoted: z.boolean(), champion: z.number() }));
  assert.deepEqual(rollout.isPromoted, true);
  const rollbackShape = z.object({ state: z.string(), guard: z.string(), canaryRequests: z.number() });
  const rollback = figures(demo, 'rollback', rollbackShape);
  assert.deepEqual([rollback.state, rollback.guard], ['rolled-back', 'scores']);
  assert(rollback.canaryRequests <= 150, `${rollback.canaryRequests} requests until the rollback`);

  const why = JSON.stringify(figures(demo, 'why', z.looseObject({})));
  assert(why.includes(data.flights.digest) && why.includes(data.weather.digest), 'down to the digests of the data');
  const ledger = figures(
    demo,
    'ledger',
    z.object({ verdict: z.object({ ok: z.boolean() }), altered: z.object({ ok: z.boolean() }) }),
  );
  assert.deepEqual([ledger.verdict.ok, ledger.altered.ok], [true, false]);
});

test('Ctrl-C in the middle of a stage ends the server and removes the workspace', { timeout: limitMs }, async (t) => {
  const child = spawn(process.execPath, [launcher, 'demo'], { stdio: ['ignore', 'pipe', 'pipe'], signal: t.signal });
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  let output = '';
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      // The training run has steps in child processes by now.
      if (/ s {2}validate/.test(output)) resolve();
    });
    child.once('close', () => resolve());
  });
  child.kill('SIGINT');
  assert.equal(await closed, 130, output);
  const [, url = '', folder = ''] = /server (http\S+), workspace (\S+)/.exec(output) ?? [];
  assert(folder !== '' && !existsSync(folder), `${folder} is gone`);
  await assert.rejects(fetch(`${url}/api/server`), 'nobody listens any more');
});

test('a folder with something in it is refused before anything is started, and stays as it was', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-demo-test-'));
  try {
    writeFileSync(join(folder, 'mine.txt'), 'mine');
    const child = spawn(process.execPath, [launcher, 'demo', '--exit', '--dir', folder], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
    const errors = await text(child.stderr);
    assert.equal(await closed, 2);
    assert.match(errors, /is not empty.*slipway up --dir/);
    assert.deepEqual(readdirSync(folder), ['mine.txt']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
