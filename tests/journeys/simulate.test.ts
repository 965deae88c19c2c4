/** `slipway simulate`: what monitors say of rows as they are and shifted, beside the real endpoint, which sees nothing of it. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fitTable } from '@slipway/train';
import type { TableColumn } from '@slipway/train';
import { z } from 'zod';
import type { Slipway } from './cli.ts';
import { slipwayAt } from './cli.ts';
import { digestOf } from './linear-endpoint.ts';
import type { TestServer } from './server.ts';
import { startTestServer } from './server.ts';

let server: TestServer;
let slipway: Slipway;
let folder: string;

const rowCount = 400;
const plans = ['basic', 'plus', 'pro'];
const random = (() => {
  let state = 7;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
})();
const fees = Array.from({ length: rowCount }, () => Math.round(random() * 1000) / 10);
const planOf = Array.from({ length: rowCount }, () => plans[Math.floor(random() * 3)] ?? '');
const hasLeft = fees.map((fee, i) => random() < 1 / (1 + Math.exp(4 - fee / 12 - (planOf[i] === 'basic' ? 1 : 0))));

const declarations = `
project: shop
models: { churn: {} }
endpoints:
  churn: { model: churn }
  quiet: { model: churn }
monitors:
  churn-daily: { endpoint: churn, window: day, labelledMin: 40, labelGrace: 1h, alert: { gap: 0.12, z: 3 }, warning: { gap: 0.1, z: 2.5 } }
policies:
  applied: { when: project.applied, do: { webhook: { url: 'http://127.0.0.1:9/' } } }
  anything: { when: alert.fired, do: { alias: { model: churn, alias: any, version: 1 } } }
  ours: { when: alert.fired, where: { monitor: churn-daily, severity: alert }, do: { alias: { model: churn, alias: ours, version: 1 } } }
`;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-simulate-'));
  server = await startTestServer();
  slipway = slipwayAt(server.url);
  writeFileSync(join(folder, 'slipway.yaml'), declarations);
  assert.equal((await slipway(['apply'], { cwd: folder })).code, 0);
  const columns: readonly TableColumn[] = [
    { name: 'fee', kind: 'number', values: Float64Array.from(fees) },
    { name: 'plan', kind: 'category', values: planOf },
  ];
  const { bytes } = await fitTable(
    { columns, target: hasLeft },
    { task: 'binary', rounds: 20, leaves: 4, earlyStoppingRounds: 'never' },
  );
  const digest = digestOf(bytes);
  await server.client.objects.put({ params: { digest }, body: Buffer.from(bytes) });
  const signature = {
    inputs: [
      { name: 'fee', type: 'double' },
      { name: 'plan', type: 'string' },
    ],
    outputs: [{ name: 'churned', type: 'string' }],
  };
  await server.client.models.createVersion({ params: { model: 'churn' }, body: { digest, signature } });
  assert.equal((await slipway(['deploy', 'churn', '--endpoint', 'churn'])).code, 0);
  const lines = fees.map(
    (fee, i) =>
      `${fee},${planOf[i]},${String(hasLeft[i])},${new Date(Date.UTC(2026, 0, 5) + i * 864_000).toISOString()}`,
  );
  writeFileSync(join(folder, 'rows.csv'), `fee,plan,churned,day\n${lines.join('\n')}\n`);
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const Told = z.object({
  simulation: z.string(),
  replayed: z.number(),
  layout: z.object({ kind: z.string() }),
  monitors: z.array(
    z.object({
      windows: z.array(z.object({ from: z.number(), verdict: z.string(), labelled: z.number() })),
      alerts: z.array(z.object({ severity: z.string() })),
    }),
  ),
});

async function simulate(...flags: string[]): Promise<z.infer<typeof Told>> {
  const answer = await slipway([
    'simulate',
    '--endpoint',
    'churn',
    '--rows',
    join(folder, 'rows.csv'),
    '--json',
    ...flags,
  ]);
  assert.equal(answer.code, 0, answer.err);
  return Told.parse(JSON.parse(answer.out));
}

const verdicts = ({ monitors }: z.infer<typeof Told>): string[] =>
  monitors.flatMap(({ windows }) => windows.map(({ verdict }) => verdict));

/** Nothing of a simulation is left, and the real endpoint has seen none of it. */
async function isUntouched(): Promise<void> {
  const { client } = server;
  const names = async (items: Promise<{ readonly items: readonly { readonly name: string }[] }>): Promise<string[]> =>
    (await items).items.map(({ name }) => name).sort();
  assert.deepEqual(await names(client.endpoints.list()), ['churn', 'quiet']);
  assert.deepEqual(await names(client.monitors.list()), ['churn-daily']);
  assert.deepEqual(await names(client.projects.list()), ['shop']);
  assert.equal((await client.alerts.list()).items.length, 0);
  assert.equal((await client.endpoints.predictions({ params: { endpoint: 'churn' } })).items.length, 0);
  const logs = (): string[] => readdirSync(join(server.folder, 'predictions'));
  for (let turn = 0; logs().length > 1 && turn < 200; turn++) await new Promise((resolve) => setTimeout(resolve, 25));
  assert.deepEqual(logs(), ['churn']);
}

const aliases = async (): Promise<string[]> =>
  Object.keys((await server.client.models.get({ params: { model: 'churn' } })).aliases).sort();

test('rows as they are are ordinary, shifted ones are alerts, and nothing of it stays or triggers a policy', async () => {
  const plain = await simulate('--at', 'day');
  assert.equal(plain.layout.kind, 'own');
  assert.deepEqual(verdicts(plain), ['ok', 'ok', 'ok', 'ok']);
  assert.equal(plain.replayed, rowCount);
  await isUntouched();

  const shifted = await simulate('--at', 'day', '--shift', 'fee=+60', '--shift', 'plan=null');
  assert.deepEqual(verdicts(shifted), ['ok', 'ok', 'alert', 'alert']);
  assert.deepEqual(
    shifted.monitors.flatMap(({ alerts }) => alerts.map(({ severity }) => severity)),
    ['alert'],
  );
  await isUntouched();
  assert.deepEqual(await aliases(), []);
});

test('rows without a time are laid out over windows, and policies act where that was asked for', async () => {
  const laid = await simulate('--shift', 'fee=-80%', '--with-policies');
  assert.equal(laid.layout.kind, 'even');
  assert.equal(laid.monitors[0]?.windows.length, 8);
  // Fifty outcomes a window: now and then that is a warning.
  assert(!verdicts(laid).slice(0, 4).includes('alert'), verdicts(laid).join());
  assert.deepEqual(verdicts(laid).slice(4), ['alert', 'alert', 'alert', 'alert']);
  for (let turn = 0; (await aliases()).length === 0 && turn < 200; turn++)
    await new Promise((resolve) => setTimeout(resolve, 25));
  assert.deepEqual(await aliases(), ['ours'], 'the copy of the policy that names the monitor, and no other');
  await isUntouched();
});

test('people read verdicts in words; Ctrl-C stops it and leaves nothing', async () => {
  const flags = [
    'simulate',
    '--endpoint',
    'churn',
    '--rows',
    join(folder, 'rows.csv'),
    '--at',
    'day',
    '--shift',
    'fee=+60',
  ];
  const answer = await slipway(flags);
  assert.equal(answer.code, 0, answer.err);
  assert.match(answer.out, /400 rows of .*at their own times/);
  assert.match(answer.out, /As it is, 2 windows: 2 ordinary\. Shifted, 2 windows: 2 alerts\./);
  assert.match(answer.out, /No policy acted/);
  const stopped = await slipway([...flags, '--rate', '20'], { interruptAt: /Replaying/ });
  assert.equal(stopped.code, 130, stopped.err);
  await isUntouched();
  const { items } = await server.client.policies.firings({ params: { policy: 'applied' } });
  assert(items.length <= 1, 'one may be of the project itself: a simulation is no project that somebody applied');
});

test('what cannot be simulated is refused with what to do, before anything is made', async () => {
  const rows = ['--rows', join(folder, 'rows.csv')];
  const churn = ['--endpoint', 'churn'];
  const bad: readonly (readonly [flags: readonly string[], code: number, says: RegExp])[] = [
    [['--endpoint', 'quiet', ...rows], 1, /serves nothing yet: `slipway deploy/],
    [['--endpoint', 'chrun', ...rows], 3, /Did you mean "churn"/],
    [[...churn], 2, /made by no pipeline.*--rows/],
    [[...churn, ...rows, '--shift', 'fee'], 2, /write column=\+20%/],
    [[...churn, ...rows, '--shift', 'age=+1'], 2, /no such input; they have fee, plan/],
    [[...churn, ...rows, '--shift', 'plan=+1'], 2, /plan is a text/],
    [[...churn, ...rows, '--shift', 'fee=cheap'], 2, /fee is a number/],
    [[...churn, ...rows, '--label', 'left'], 2, /--label "left".*have fee, plan, churned, day/],
    [[...churn, ...rows, '--at', 'when'], 2, /--at "when"/],
    [[...churn, '--rows', 'no such/file.csv'], 2, /is no file, and no dataset/],
    [[...churn, ...rows, '--labels-after', 'soon'], 2, /is no length of time/],
  ];
  for (const [flags, code, says] of bad) {
    const answer = await slipway(['simulate', ...flags]);
    assert.equal(answer.code, code, `${flags.join(' ')}: ${answer.err}`);
    assert.match(answer.err, says);
    assert.equal(answer.out, '');
  }
  await slipway(['deploy', 'churn', '--endpoint', 'quiet']);
  const unwatched = await slipway(['simulate', '--endpoint', 'quiet', ...rows]);
  assert.equal(unwatched.code, 3);
  assert.match(unwatched.err, /no monitor watches endpoint quiet: add `monitors:/);
});
