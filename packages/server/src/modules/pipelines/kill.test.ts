/** A server that is killed at any moment: its run goes on in the next server, every step succeeds once, nothing is left over. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openPipelines } from './testing.ts';

const shell = (id: string, script: string): string =>
  `shellStep({ id: '${id}', cache: 'never', inputs: { before: list(artifact.file()) }, outputs: { text: artifact.file() },
     argv: ['/bin/sh', '-c', 'echo $$ >> "$2"; sleep 0.1; ${script} > "$1"', '${id}', '{out:text}', '{workdir}/../../../../pids'] })`;

const project = {
  'pipeline.ts': `
import { artifact, list, pipeline, shellStep, step } from 'slipway';
const first = ${shell('first', 'echo one')};
const left = ${shell('left', 'echo two')};
const right = step({ id: 'right', cache: 'never', inputs: { before: list(artifact.file()) }, outputs: { text: artifact.file() },
  run: async (ctx) => ({ text: await ctx.writeArtifact('text', 'file', { content: 'three' }) }) });
const last = ${shell('last', 'echo four')};
export default pipeline({ id: 'diamond' }, (_, run) => {
  const a = run(first, { before: [] });
  const b = run(left, { before: [a.text] });
  const c = run(right, { before: [a.text] });
  run(last, { before: [b.text, c.text] });
});`,
};

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function startVictim(folder: string): Promise<{ readonly run: string; readonly kill: () => Promise<void> }> {
  const child = fork(join(import.meta.dirname, 'testing-victim.ts'), [folder], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const run = await new Promise<string>((resolve) => child.on('message', (message) => resolve(message as string)));
  return {
    run,
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

for (const delayMs of [0, 40, 130, 260, 420, 600]) {
  test(`killed ${delayMs} ms into a run`, { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-kill-'));
    try {
      {
        await using bench = await openPipelines({ folder });
        await bench.declare(project);
      }
      const victim = await startVictim(folder);
      await sleep(delayMs);
      await victim.kill();
      await using bench = await openPipelines({ folder });
      const next = bench.start();
      // The dead server's lease runs out.
      bench.shift(60_000);
      const run = await bench.ended(next, victim.run);
      assert.equal(run.state, 'succeeded', JSON.stringify(run.steps, null, 1));
      for (const step of run.steps) {
        assert.equal(step.state, 'succeeded');
        const output = step.outputs['text'];
        assert(output && 'artifact' in output);
        assert(await next.pipelines.deps.objects.find(output.artifact.digest), 'the artifact is stored');
        assert(
          step.attempts.every((a) => a.finishedAt !== undefined),
          'no attempt is left open',
        );
      }
      const events = await bench.db.scan(
        bench.db
          .read<{ ledger_event: { kind: string; subject: string; body: string } }>()
          .selectFrom('ledger_event')
          .select(['kind', 'body'])
          .where('subject', '=', victim.run),
      );
      const finished = events.filter((e) => e.kind === 'step.finished').length;
      assert.equal(finished, 4, 'each step ended once');
      assert.equal(events.filter((e) => e.kind === 'pipeline-run.finished').length, 1);
      const pids = existsSync(join(folder, 'pids'))
        ? readFileSync(join(folder, 'pids'), 'utf8').trim().split('\n').map(Number)
        : [];
      assert.deepEqual(pids.filter(isAlive), [], 'no process is left');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

test('a result that was finished while no server ran is taken, not made again', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-kill-'));
  try {
    const slow = {
      'pipeline.ts': `
import { artifact, pipeline, step } from 'slipway';
import { appendFileSync } from 'node:fs';
const work = step({ id: 'work', outputs: { text: artifact.file() }, run: async (ctx) => {
  appendFileSync('${folder}/effects', ctx.idempotencyKey + '\\n');
  await new Promise((resolve) => setTimeout(resolve, 500));
  return { text: await ctx.writeArtifact('text', 'file', { content: 'once' }) };
} });
export default pipeline({ id: 'diamond' }, (_, run) => { run(work, {}); });`,
    };
    {
      await using bench = await openPipelines({ folder });
      await bench.declare(slow);
    }
    const victim = await startVictim(folder);
    while (!existsSync(join(folder, 'effects'))) await sleep(10);
    await victim.kill();
    const attempt = join(folder, 'pipelines', 'runs', victim.run, 'work', '1');
    while (!readdirSync(attempt).includes('result.json')) await sleep(10);
    writeFileSync(join(folder, 'ended'), '');
    await using bench = await openPipelines({ folder });
    const next = bench.start();
    bench.shift(60_000);
    const run = await bench.ended(next, victim.run);
    assert.equal(run.state, 'succeeded');
    assert.equal(run.steps[0]?.attempt, 1);
    assert.equal(readFileSync(join(folder, 'effects'), 'utf8').trim().split('\n').length, 1, 'it worked once');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test(
  'a failure that was left while no server ran is not taken: the step begins again',
  { timeout: 60_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-kill-'));
    try {
      const needy = {
        'pipeline.ts': `
import { artifact, pipeline, step } from 'slipway';
import { appendFileSync, readFileSync } from 'node:fs';
const work = step({ id: 'work', outputs: { text: artifact.file() }, run: async (ctx) => {
  appendFileSync('${folder}/effects', ctx.idempotencyKey + '\\n');
  if (readFileSync('${folder}/effects', 'utf8').trim().split('\\n').length > 1)
    return { text: await ctx.writeArtifact('text', 'file', { content: 'with a server' }) };
  await new Promise((resolve) => setTimeout(resolve, 500));
  throw new Error('the server cannot be reached');
} });
export default pipeline({ id: 'diamond' }, (_, run) => { run(work, {}); });`,
      };
      {
        await using bench = await openPipelines({ folder });
        await bench.declare(needy);
      }
      const victim = await startVictim(folder);
      while (!existsSync(join(folder, 'effects'))) await sleep(10);
      await victim.kill();
      const attempt = join(folder, 'pipelines', 'runs', victim.run, 'work', '1');
      while (!readdirSync(attempt).includes('result.json')) await sleep(10);
      await using bench = await openPipelines({ folder });
      const next = bench.start();
      bench.shift(60_000);
      const run = await bench.ended(next, victim.run);
      assert.equal(run.state, 'succeeded', run.problem);
      assert.equal(run.steps[0]?.attempt, 2);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
