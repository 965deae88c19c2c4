import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createSystemClock } from '../../platform/clock.ts';
import { testLog } from '../../platform/db/testing.ts';
import { skipUnlessCi } from '../../platform/testing/missing.ts';
import { openPredictionLog } from './prediction-log.ts';
import { logisticModel, openServingBench } from './testing.ts';

const models = [logisticModel([1, 2]), logisticModel([1, 2, 3])];
const all = { traffic: [{ version: 1, percent: 100 }], reason: '' };
const instance = { inputs: { x0: 1, x1: 2, x2: 3 } };

/** Declarations reach the endpoints in memory a moment after they are committed. */
async function eventually(check: () => void): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return check();
    } catch (error) {
      if (tries === 200) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('an endpoint that is unknown, not deployed or out of use says so, and comes back when it is applied again', async () => {
  await using bench = await openServingBench({ models });
  await bench.declare('e');
  const serving = await bench.start();
  assert.throws(() => serving.predict('nobody', [instance]), { code: 'not_found' });
  assert.throws(() => serving.predict('e', [instance]), { code: 'endpoint_not_deployed' });
  await bench.declare('later');
  await eventually(() => assert.throws(() => serving.predict('later', [instance]), { code: 'endpoint_not_deployed' }));
  await serving.deploy('e', all, 'owner');
  const { id } = await serving.startRollout('e', { candidate: 2 }, 'owner');
  await bench.retire('e');
  await eventually(() => assert.throws(() => serving.predict('e', [instance]), { code: 'endpoint_retired' }));
  assert.equal((await serving.rollout(id)).state, 'cancelled');
  await assert.rejects(serving.deploy('e', all, 'owner'), { code: 'endpoint_retired' });
  await bench.declare('e');
  await serving.deploy('e', all, 'owner');
  assert.equal(serving.predict('e', [instance]).length, 1);
});

test('the log names every feature that some version of a rollout has, and each record has what its version saw', async () => {
  await using bench = await openServingBench({ models });
  await bench.declare('e');
  const serving = await bench.start();
  await serving.deploy(
    'e',
    {
      traffic: [
        { version: 1, percent: 50 },
        { version: 2, percent: 50 },
      ],
      reason: '',
    },
    'owner',
  );
  const predictions = Array.from({ length: 40 }, () => serving.predict('e', [instance])).flat();
  for (const { id, version } of predictions) {
    const { features } = await serving.prediction(id);
    assert.deepEqual(features, { x0: 1, x1: 2, x2: version === 2 ? 3 : null });
  }
  assert.equal(new Set(predictions.map((p) => p.version)).size, 2);
});

test('a damaged older segment is told plainly by its own endpoint, and the others are served', async () => {
  await using bench = await openServingBench({ models });
  await bench.declare('broken');
  await bench.declare('whole');
  const first = await bench.start();
  for (const name of ['broken', 'whole']) {
    await first.deploy(name, all, 'owner');
    first.predict(name, [instance]);
  }
  await first.deploy(
    'broken',
    { traffic: [{ version: 2, percent: 100 }], reason: 'other features: next segment' },
    'owner',
  );
  first.predict('broken', [instance]);
  bench.kill();
  const folder = join(bench.folder, 'broken');
  const [name = ''] = readdirSync(folder).sort();
  const file = join(folder, name);
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 3) ^ 1, bytes.length - 3);
  writeFileSync(file, bytes);

  const serving = await bench.start();
  const damaged = { code: 'log_segment_corrupt', status: 500, message: new RegExp(`${name}.* damaged at byte \\d+`) };
  assert.throws(() => serving.predict('broken', [instance]), damaged);
  await assert.rejects(serving.deploy('broken', all, 'owner'), damaged);
  assert.equal(serving.predict('whole', [instance]).length, 1);
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 3) ^ 1, bytes.length - 3);
  writeFileSync(file, bytes);
  await serving.deploy('broken', all, 'owner');
  assert.equal(serving.predict('broken', [instance]).length, 1);
});

/** Predicts until the file size limit of its shell stops it; prints what was answered, then tries on. */
const fillDisk = `
  const { createSystemClock } = await import(process.env.BASE + '/platform/clock.ts');
  const { createIds } = await import(process.env.BASE + '/platform/ids.ts');
  const { testLog } = await import(process.env.BASE + '/platform/db/testing.ts');
  const { openPredictionLog } = await import(process.env.BASE + '/modules/serving/prediction-log.ts');
  const { createArm, predict } = await import(process.env.BASE + '/modules/serving/endpoint-runtime.ts');
  const { createScorer } = await import(process.env.BASE + '/modules/serving/scorer.ts');
  const { logisticModel } = await import(process.env.BASE + '/modules/serving/testing.ts');
  const clock = createSystemClock();
  const log = openPredictionLog({ folder: process.env.FOLDER, endpoint: 'e', clock, log: testLog() });
  const scorer = createScorer({ model: 'm', version: 1, bytes: logisticModel([1]), signatureNames: undefined, featureNames: undefined });
  log.useFeatures(['x0']);
  const traffic = [{ version: 1, percent: 100 }];
  const endpoint = { name: 'e', spec: {}, log, deployment: { number: 1, traffic }, traffic, arms: new Map([[1, createArm(1, scorer, undefined)]]) };
  const answered = [], refused = [];
  for (let i = 0; i < 400; i++) {
    try {
      for (const { id } of predict(endpoint, [{ inputs: { x0: i } }, { inputs: { x0: -i } }], { clock, ids: createIds(clock) })) answered.push(id);
    } catch (error) {
      refused.push(error.code + ' ' + error.status + ' ' + error.retryable);
    }
  }
  console.log(JSON.stringify({ answered, refused }));
`;

test('when the disk takes no more, requests get 503, and the log has exactly what was answered', async (t) => {
  if (process.platform === 'win32') return skipUnlessCi(t, 'there is no shell that limits the size of a file');
  const folder = mkdtempSync(join(tmpdir(), 'slipway-full-'));
  try {
    const base = new URL('../..', import.meta.url).href.replace(/\/$/, '');
    // The limit is on the size of any file: 40 blocks of 512 or 1024 bytes.
    const child = spawnSync('sh', ['-c', `trap '' XFSZ; ulimit -f 40; exec "$NODE" --input-type=module -e "$SCRIPT"`], {
      encoding: 'utf8',
      env: {
        ...process.env,
        NODE: process.execPath,
        SCRIPT: fillDisk,
        BASE: base,
        FOLDER: folder,
        NODE_COMPILE_CACHE: '',
      },
    });
    const { answered, refused } = JSON.parse(child.stdout || child.stderr) as {
      answered: string[];
      refused: string[];
    };
    assert.ok(answered.length > 50 && refused.length > 50, `${answered.length} answered, ${refused.length} refused`);
    assert.deepEqual([...new Set(refused)], ['prediction_log_failed 503 true']);
    const log = openPredictionLog({ folder, endpoint: 'e', clock: createSystemClock(), log: testLog() });
    const logged: string[] = [];
    for await (const record of log.readEventTime(0, Number.MAX_SAFE_INTEGER)) logged.push(record.id);
    log.close();
    assert.deepEqual(logged, answered);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
