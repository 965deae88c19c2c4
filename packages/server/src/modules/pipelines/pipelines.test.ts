import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LedgerTables } from '../../platform/ledger/store.ts';
import type { PipelinesTables } from './rows.ts';
import { onBoth } from './testing.ts';

const three = (shout = 'text.toUpperCase()') => `
import { artifact, parameter, pipeline, step, stepSaidNo } from 'slipway';
import { z } from 'zod';
import { greeting } from './words.ts';

const write = step({
  id: 'write',
  inputs: { name: parameter(z.string()) },
  outputs: { text: artifact.file() },
  run: async (ctx, { name }) => {
    ctx.log('writing for ' + name);
    return { text: await ctx.writeArtifact('text.txt', 'file', { content: greeting + ' ' + name }) };
  },
});
const loud = step({
  id: 'loud',
  inputs: { text: artifact.file() },
  outputs: { text: artifact.file(), length: parameter(z.int()) },
  run: async (ctx, { text: input }) => {
    const { readFileSync } = await import('node:fs');
    const text = readFileSync(ctx.path(input), 'utf8');
    return { text: await ctx.writeArtifact('loud.txt', 'file', { content: ${shout} }), length: text.length };
  },
});
const check = step({
  id: 'check',
  inputs: { length: parameter(z.int()), text: artifact.file() },
  outputs: { text: artifact.file() },
  run: async (ctx, { length, text }) => {
    if (length < 3) throw new Error('too short: ' + length);
    if (length === 4) throw stepSaidNo('check', 'four is no length');
    return { text };
  },
});
export default pipeline({ id: 'greet', params: { name: parameter(z.string().default('world')) } }, (p, run) => {
  const written = run(write, { name: p.name });
  const shouted = run(loud, { text: written.text });
  run(check, { length: shouted.length, text: shouted.text });
});
`;

onBoth('three steps pass artifacts on, and a second run takes the results of the first and says why', async (bench) => {
  await bench.declare({ 'pipeline.ts': three(), 'words.ts': `export const greeting = 'hello';` });
  const server = bench.start();
  const first = await server.pipelines.start('greet', { params: { name: 'ada' }, actor: 'owner' });
  const done = await bench.ended(server, first.id);
  assert.equal(done.state, 'succeeded', JSON.stringify(done.steps, null, 1));
  assert.deepEqual(
    done.steps.map((s) => [s.step, s.state, s.reason]),
    [
      ['write', 'succeeded', 'ran: first time'],
      ['loud', 'succeeded', 'ran: first time'],
      ['check', 'succeeded', 'ran: first time'],
    ],
  );
  const output = done.steps[2]?.outputs['text'];
  assert(output && 'artifact' in output);
  assert.equal((await server.pipelines.deps.objects.read(output.artifact.digest, 100)).toString(), 'HELLO ADA');
  assert.deepEqual(done.steps[1]?.outputs['length'], { value: 9 });
  assert.match(
    readFileSync(join(server.pipelines.attemptFolder(first.id, 'write', 1), 'log.txt'), 'utf8'),
    /writing for ada/,
  );

  const again = await bench.ended(
    server,
    (await server.pipelines.start('greet', { params: { name: 'ada' }, actor: 'owner' })).id,
  );
  assert.deepEqual(
    again.steps.map((s) => s.state),
    ['reused', 'reused', 'reused'],
  );
  assert.match(again.steps[0]?.reason ?? '', /^reused: same code [0-9a-f]{4}…, same inputs/);

  const other = await bench.ended(
    server,
    (await server.pipelines.start('greet', { params: { name: 'bob' }, actor: 'owner' })).id,
  );
  assert.deepEqual(
    other.steps.map((s) => s.reason),
    ['ran: input `name` changed', 'ran: input `text` changed', 'ran: input `text` changed'],
  );

  await bench.declare({ 'pipeline.ts': three(), 'words.ts': `export const greeting = 'Hello';` });
  const edited = await bench.ended(
    server,
    (await server.pipelines.start('greet', { params: { name: 'bob' }, actor: 'owner' })).id,
  );
  assert.match(edited.steps[0]?.reason ?? '', /^ran: code changed/);
});

onBoth('a step that says no is told apart from one that broke', async (bench) => {
  await bench.declare({ 'pipeline.ts': three(), 'words.ts': `export const greeting = '';` });
  const server = bench.start();
  const codes: (string | undefined)[] = [];
  for (const name of ['bob', 'a']) {
    const { id } = await server.pipelines.start('greet', { params: { name }, actor: 'owner' });
    const run = await bench.ended(server, id);
    assert.equal(run.state, 'failed');
    codes.push(run.steps.find((step) => step.step === 'check')?.problemCode);
  }
  assert.deepEqual(codes, ['step_said_no', undefined]);
});

onBoth(
  'a failing step is told with its reason, what needs it is skipped, and a rerun keeps what succeeded',
  async (bench) => {
    await bench.declare({
      'pipeline.ts': three(`text.slice(0, 0)`).replace('length < 3', 'length < 300'),
      'words.ts': `export const greeting = '';`,
    });
    const server = bench.start();
    const run = await bench.ended(server, (await server.pipelines.start('greet', { params: {}, actor: 'owner' })).id);
    assert.equal(run.state, 'failed');
    assert.equal(run.problem, 'Step "check" failed: too short: 6');
    assert.deepEqual(
      run.steps.map((s) => s.state),
      ['succeeded', 'succeeded', 'failed'],
    );
    const rerun = await bench.ended(server, (await server.pipelines.rerun(run.id, { actor: 'owner' })).id);
    assert.deepEqual(
      rerun.steps.map((s) => s.state),
      ['reused', 'reused', 'failed'],
    );
    assert.equal(rerun.rerunOf, run.id);
    const from = await bench.ended(server, (await server.pipelines.rerun(run.id, { from: 'loud', actor: 'owner' })).id);
    assert.deepEqual(
      from.steps.map((s) => [s.state, s.reason]),
      [
        ['reused', `kept from ${run.id}`],
        ['succeeded', 'ran: asked to run again'],
        ['failed', 'ran: asked to run again'],
      ],
    );
    await assert.rejects(server.pipelines.rerun(run.id, { from: 'nowhere', actor: 'owner' }), { code: 'not_found' });
  },
);

onBoth('parameters are checked before anything starts', async (bench) => {
  await bench.declare({ 'pipeline.ts': three(), 'words.ts': `export const greeting = 'hello';` });
  const { pipelines } = bench.start({ isWorking: false });
  await assert.rejects(pipelines.start('greet', { params: { name: 3 }, actor: 'owner' }), {
    code: 'pipeline_params_invalid',
    message: /name/,
  });
  await assert.rejects(pipelines.start('greet', { params: { nam: 'x' }, actor: 'owner' }), {
    message: /there is no parameter "nam"/,
  });
  await assert.rejects(pipelines.start('nothing', { params: {}, actor: 'owner' }), { code: 'not_found' });
  const once = await pipelines.start('greet', { params: {}, idempotencyKey: 'a', actor: 'owner' });
  const twice = await pipelines.start('greet', { params: {}, idempotencyKey: 'a', actor: 'owner' });
  assert.equal(once.id, twice.id);
});

const programs = `
import { artifact, noopStep, parameter, pipeline, shellStep } from 'slipway';
import { z } from 'zod';
const count = shellStep({
  id: 'count',
  inputs: { word: parameter(z.string()) },
  outputs: { text: artifact.file(), size: parameter(z.int()) },
  retry: { attempts: 3, delayMs: 1 },
  argv: ['/bin/sh', '-c', 'echo try; test -e $COUNT_FILE || true; printf %s "$1" > "$2"; printf %s 4 > "$3"', 'count', '{word}', '{out:text}', '{out:size}'],
});
const flaky = shellStep({
  id: 'flaky', cache: 'never', retry: { attempts: 3, delayMs: 1 },
  inputs: { mark: parameter(z.string()) },
  argv: ['/bin/sh', '-c', 'if [ -e "$1" ]; then echo better now; else touch "$1"; echo bad luck >&2; exit 3; fi', 'flaky', '{mark}'],
});
const slow = shellStep({ id: 'slow', cache: 'never', timeoutMs: 400, argv: ['/bin/sh', '-c', 'trap "" TERM; echo started; sleep 60'] });
export const ok = pipeline({ id: 'ok', params: { mark: parameter(z.string()) } }, (p, run) => {
  const counted = run(count, { word: 'four' });
  run(flaky, { mark: p.mark }, { after: [counted] });
});
export const late = pipeline({ id: 'late' }, (_, run) => { run(slow, {}); });
export const sleepy = pipeline({ id: 'sleepy' }, (_, run) => {
  const slept = run(shellStep({ id: 'sleep', cache: 'never', argv: ['/bin/sh', '-c', 'echo $$; sleep 60 & echo $!; wait'] }), {});
  run(noopStep('after'), {}, { after: [slept] });
});
export const chain = pipeline({ id: 'chain' }, (_, run) => {
  let before = run(noopStep('n0'), {});
  for (let i = 1; i < 50; i++) before = run(noopStep('n' + i), {}, { after: [before] });
});
`;

onBoth('programs run as steps: outputs by file, retries with their reason', async (bench) => {
  await bench.declare({ 'pipeline.ts': programs });
  const server = bench.start();
  const mark = join(bench.folder, 'mark');
  const run = await bench.ended(server, (await server.pipelines.start('ok', { params: { mark }, actor: 'owner' })).id);
  assert.equal(run.state, 'succeeded', JSON.stringify(run.steps, null, 1));
  const [count, flaky] = run.steps;
  assert.deepEqual(count?.outputs['size'], { value: 4 });
  assert.equal(flaky?.attempt, 2);
  assert.match(flaky?.attempts[0]?.problem ?? '', /exit code 3.*bad luck/s);
  // Whoever follows the ledger sees every attempt begin and end.
  const kinds = async (): Promise<string[]> => {
    const told = await bench.db
      .read<LedgerTables>()
      .selectFrom('ledger_event')
      .select(['kind', 'body'])
      .where('subject', '=', run.id)
      .orderBy('seq')
      .execute();
    return told.filter((e) => e.body.includes('"step":"flaky"')).map((e) => e.kind);
  };
  // PostgreSQL numbers events a moment after their commit.
  let ofFlaky = await kinds();
  for (let turn = 0; ofFlaky.length < 4 && turn < 300; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    ofFlaky = await kinds();
  }
  assert.deepEqual(ofFlaky, ['step.started', 'step.retrying', 'step.started', 'step.finished']);
});

onBoth('a step over its limit is stopped, also when it ignores SIGTERM', async (bench) => {
  await bench.declare({ 'pipeline.ts': programs });
  const server = bench.start();
  const run = await bench.ended(server, (await server.pipelines.start('late', { params: {}, actor: 'owner' })).id);
  assert.match(run.problem ?? '', /did not finish within its limit of 400 ms/);
});

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

async function logged(path: string, lines: number): Promise<string[]> {
  for (;;) {
    let text = '';
    try {
      text = readFileSync(path, 'utf8');
    } catch {
      // Not there yet.
    }
    const found = text.split('\n').filter((line) => line !== '');
    if (found.length >= lines) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

onBoth('cancelling stops the whole process group and leaves nothing live', async (bench) => {
  await bench.declare({ 'pipeline.ts': programs });
  const server = bench.start();
  const { id } = await server.pipelines.start('sleepy', { params: {}, actor: 'owner' });
  const pids = (await logged(join(server.pipelines.attemptFolder(id, 'sleep', 1), 'log.txt'), 2)).map(Number);
  await server.pipelines.cancel(id, 'owner');
  const run = await bench.ended(server, id);
  assert.equal(run.state, 'cancelled');
  assert.deepEqual(
    run.steps.map((s) => s.state),
    ['cancelled', 'cancelled'],
  );
  for (const pid of pids) assert(!isAlive(pid), `process ${pid} lives`);
  await assert.rejects(server.pipelines.cancel(id, 'owner'), { code: 'pipeline_run_over' });
});

onBoth('a chain of steps inside the server needs one commit each', async (bench) => {
  await bench.declare({ 'pipeline.ts': programs });
  const server = bench.start();
  const run = await bench.ended(server, (await server.pipelines.start('chain', { params: {}, actor: 'owner' })).id);
  assert.equal(run.state, 'succeeded');
  assert(run.steps.every((s) => s.state === 'succeeded'));
  const jobs = await server.jobs.list({ subject: run.id, limit: 100 });
  assert.deepEqual(
    jobs.map((j) => j.state),
    ['done'],
  );
});

onBoth(
  'a server that dies while a step runs: the next one kills what is left and runs the step again',
  async (bench) => {
    const file = join(bench.folder, 'go-on');
    await bench.declare({
      'pipeline.ts': `
import { pipeline, shellStep } from 'slipway';
export default pipeline({ id: 'long' }, (_, run) => {
  run(shellStep({ id: 'long', cache: 'never', argv: ['/bin/sh', '-c', 'echo $$; test -e ${file} || sleep 60'] }), {});
});`,
    });
    const dying = bench.start();
    const { id } = await dying.pipelines.start('long', { params: {}, actor: 'owner' });
    const [pid] = (await logged(join(dying.pipelines.attemptFolder(id, 'long', 1), 'log.txt'), 1)).map(Number);
    // The process of the step survives; the server does not come back with its token.
    const { pid: known, job_id } = await bench.db
      .read<PipelinesTables>()
      .selectFrom('pipelines_step')
      .select(['pid', 'job_id'])
      .where('run', '=', id)
      .executeTakeFirstOrThrow();
    assert.equal(known, pid);
    await dying.jobs.stop(0);
    assert.equal((await dying.jobs.find(job_id ?? 0))?.state === 'done', false);
    writeFileSync(file, '');
    const next = bench.start();
    bench.shift(60_000);
    const run = await bench.ended(next, id);
    assert.equal(run.state, 'succeeded', JSON.stringify(run.steps, null, 1));
    assert.equal(run.steps[0]?.attempt, 2);
    assert.match(run.steps[0]?.attempts[0]?.problem ?? '', /server that ran this attempt stopped/);
    assert(pid !== undefined && !isAlive(pid), 'the first process is gone');
  },
);

onBoth(
  'a server that stops gives its steps back: they run again after the next start, and nothing has failed',
  async (bench) => {
    const file = join(bench.folder, 'go-on');
    await bench.declare({
      'pipeline.ts': `
import { pipeline, shellStep } from 'slipway';
export default pipeline({ id: 'long' }, (_, run) => {
  run(shellStep({ id: 'long', cache: 'never', argv: ['/bin/sh', '-c', 'echo $$; test -e ${file} || sleep 60'] }), {});
});`,
    });
    const first = bench.start();
    const { id } = await first.pipelines.start('long', { params: {}, actor: 'owner' });
    const [pid] = (await logged(join(first.pipelines.attemptFolder(id, 'long', 1), 'log.txt'), 1)).map(Number);
    first.pipelines.stop();
    await first.jobs.stop(1000);
    assert(pid !== undefined && !isAlive(pid));
    assert.equal((await first.pipelines.getRun(id)).steps[0]?.state, 'running');
    writeFileSync(file, '');
    const next = bench.start();
    bench.shift(60_000);
    const run = await bench.ended(next, id);
    assert.equal(run.state, 'succeeded', JSON.stringify(run.steps, null, 1));
  },
);
