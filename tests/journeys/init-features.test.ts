/**
 * `slipway init` of a table whose rows have a past: customers' orders, each customer with habits of its own, where what comes
 * back is what is unusual for the customer. From the file to an endpoint that looks the past up, beside the same project
 * without features, on a real server.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { z } from 'zod';
import { repository, run, slipwayAt } from './cli.ts';
import type { TestServer } from './server.ts';
import { startTestServer } from './server.ts';

const limitMs = 180_000;
const dayMs = 86_400_000;
const folder = mkdtempSync(join(tmpdir(), 'slipway-history-'));
let server: TestServer;
before(async () => {
  server = await startTestServer();
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Order {
  readonly id: string;
  readonly atMs: number;
  readonly customer: string;
  readonly amount: number;
}

/** 6,000 orders of 200 customers in a year. */
function writeOrders(to: string): readonly Order[] {
  let seed = 23;
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  const bell = (): number => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
  const usual = Array.from({ length: 200 }, () => 20 * Math.exp(0.9 * bell()));
  const orders: Order[] = [];
  const lines = ['order_id,ordered_at,customer_id,channel,items,amount,returned'];
  let atMs = Date.UTC(2025, 0, 1);
  for (let i = 0; i < 6000; i++) {
    // Some at one instant, as in any real table.
    atMs += random() < 0.1 ? 0 : 1000 * Math.ceil((2 * random() * 365 * dayMs) / 6000 / 1000);
    const number = Math.floor(random() * usual.length);
    const amount = Number(((usual[number] ?? 1) * Math.exp(0.6 * bell())).toFixed(2));
    const channel = ['web', 'shop', 'phone'][Math.floor(random() * 3)] ?? 'web';
    const unusual = Math.log(amount / (usual[number] ?? 1));
    const returned = random() < 1 / (1 + Math.exp(1.6 - 1.8 * unusual - (channel === 'web' ? 0.4 : 0))) ? 'yes' : 'no';
    const order = { id: `o${i}`, atMs, customer: `c${1000 + number}`, amount };
    orders.push(order);
    const at = new Date(atMs).toISOString().slice(0, 19).replace('T', ' ');
    lines.push([order.id, at, order.customer, channel, 1 + Math.floor(random() * 4), amount, returned].join(','));
  }
  writeFileSync(to, `${lines.join('\n')}\n`);
  return orders;
}

const Made = z.object({
  commands: z.array(z.string()),
  findings: z.object({ history: z.object({ said: z.string() }).optional() }),
});

async function init(name: string, from: string, ...options: readonly string[]): Promise<z.infer<typeof Made>> {
  const made = await run(['init', name, '--from', from, '--target', 'returned', '--yes', '--json', ...options], {
    cwd: folder,
    env: { NO_COLOR: '1' },
  });
  assert.equal(made.code, 0, made.err);
  return Made.parse(JSON.parse(made.out));
}

const figures = (said: string): Readonly<Record<'auc' | 'logLoss', number>> => {
  const [, auc, logLoss] = /candidate: auc (\S+) .*?logLoss (\S+) /.exec(said) ?? [];
  return { auc: Number(auc), logLoss: Number(logLoss) };
};

test(
  'orders of customers: with what earlier orders tell the model is better, and is served so',
  { timeout: 400_000 },
  async () => {
    const orders = writeOrders(join(folder, 'orders.csv'));
    const slipway = slipwayAt(server.url);
    copyFileSync(join(folder, 'orders.csv'), join(folder, 'alone.csv'));
    const alone = await init('alone', 'alone.csv', '--no-features');
    assert.equal(existsSync(join(folder, 'alone/features.yaml')), false);
    const said: string[] = [];
    for (const line of alone.commands.slice(1, 4)) {
      const answer = await slipway(line.split(' ').slice(1), { cwd: join(folder, 'alone'), limitMs });
      assert.equal(answer.code, 0, `${line}: ${answer.err}`);
      said.push(answer.err);
    }

    const made = await init('shop', 'orders.csv');
    assert.match(made.findings.history?.said ?? '', /features of the earlier rows of each customer_id: logLoss/);
    const place = join(folder, 'shop');
    assert.match(readFileSync(join(place, 'features.yaml'), 'utf8'), /amount_mean_\d+d: mean\(amount\) over \d+d/);
    const planned = await slipway(['plan'], { cwd: place });
    assert.match(planned.out, /\+ feature-set shop/);
    const printed: string[] = [];
    for (const line of made.commands.slice(1)) {
      const answer = await slipway(line.split(' ').slice(1), { cwd: place, limitMs });
      assert.equal(answer.code, 0, `${line}: ${answer.err}`);
      printed.push(answer.err, answer.out);
    }
    const whole = printed.join('\n');
    assert.match(whole, /parity with serving: \d{4,} values of 2000 rows, 0 differ/);
    assert.match(whole, /as champion/);
    const [without, known] = [figures(said.join('\n')), figures(whole)];
    assert(
      known.auc > without.auc + 0.02 && known.logLoss < without.logLoss - 0.01,
      JSON.stringify({ without, known }),
    );

    await predictsWithThePast(whole, orders);
    await countsEarlierOrdersOnly(orders);
    const simulated = await slipway(['simulate', '--shift', 'amount=+40', '--json'], { cwd: place, limitMs });
    assert.equal(simulated.code, 0, simulated.err);
    assert.match(simulated.out, /held out/);
    assert.match(simulated.out, /"labelled": ?[1-9]\d\d/);
    const again = await slipway(['plan', '--check', '--project', place]);
    assert.equal(again.code, 0, again.out);
  },
);

/** The printed line works; the same order is likelier to come back from a customer who never spent so much. */
async function predictsWithThePast(printed: string, orders: readonly Order[]): Promise<void> {
  const [, body] = /curl -X POST '[^']+predict'[^]*?-d '([^']+)'/.exec(printed) ?? [];
  assert(body !== undefined, printed);
  const ask = async (text: string): Promise<number> => {
    const response = await fetch(`${server.url}/api/endpoints/orders-returned/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: text,
    });
    const answer = await response.text();
    assert.equal(response.status, 200, answer);
    return Number(/"score":([\d.e-]+)/.exec(answer)?.[1]);
  };
  assert((await ask(body)) > 0);
  // What came with the request is watched beside what was looked up.
  const logged = await slipwayAt(server.url)(['endpoint', 'predictions', 'orders-returned', '--json']);
  assert.match(logged.out, /"amount_mean_\d+d"/);
  assert.match(logged.out, /"features": \{[^}]*"amount": [\d.]+/);
  const mean = new Map<string, { sum: number; n: number }>();
  for (const { customer, amount } of orders.slice(-3000)) {
    const { sum, n } = mean.get(customer) ?? { sum: 0, n: 0 };
    mean.set(customer, { sum: sum + amount, n: n + 1 });
  }
  const bySpend = [...mean].filter(([, { n }]) => n >= 5).sort(([, a], [, b]) => a.sum / a.n - b.sum / b.n);
  const [low, high] = [bySpend[0]?.[0], bySpend.at(-1)?.[0]];
  const order = (customer: string | undefined): string =>
    body.replace(/"customer_id":"[^"]+"/, `"customer_id":"${customer}"`).replace(/"amount":[\d.]+/, '"amount":60');
  assert((await ask(order(low))) > 1.5 * (await ask(order(high))));
}

/** What the online state says at an order's instant, against a count by hand of the orders before it. */
async function countsEarlierOrdersOnly(orders: readonly Order[]): Promise<void> {
  const slipway = slipwayAt(server.url);
  const shared = orders.findIndex((order, i) => i > 4000 && order.atMs === orders[i + 1]?.atMs);
  const order = orders[shared];
  assert(order !== undefined, 'two orders come at one instant');
  const at = new Date(order.atMs).toISOString();
  const filled = await slipway(['feature', 'backfill', 'shop', '--until', at, '--json'], { limitMs });
  assert.equal(filled.code, 0, filled.err);
  for (const { customer } of [order, orders[shared + 1] ?? order]) {
    const key = `customer_id=${customer}`;
    const read = await slipway(['feature', 'read', 'shop', 'history', '--key', key, '--at', at, '--json']);
    assert.equal(read.code, 0, read.err);
    const { names, values } = z
      .object({ names: z.array(z.string()), values: z.array(z.number().nullable()) })
      .parse(JSON.parse(read.out));
    const earlier = orders.filter((other) => other.customer === customer && other.atMs < order.atMs);
    let compared = 0;
    names.forEach((name, i) => {
      const [, of, days] = /^(rows|amount_mean|amount_sum)_(\d+)d$/.exec(name) ?? [];
      const inside = earlier.filter(({ atMs }) => atMs > order.atMs - Number(days ?? 0) * dayMs);
      const sum = inside.reduce((total, { amount }) => total + amount, 0);
      const byHand: Readonly<Record<string, number | null>> = {
        rows: inside.length,
        amount_sum: sum,
        amount_mean: inside.length === 0 ? null : sum / inside.length,
        amount_last: earlier.at(-1)?.amount ?? null,
      };
      const expected = byHand[of ?? name];
      if (expected === undefined) return;
      compared++;
      const value = values[i];
      const isSame = expected === null ? value === null : Math.abs((value ?? Number.NaN) - expected) < 1e-3;
      assert(isSame, `${name} of ${customer}: ${value}, by hand ${expected}`);
    });
    assert(compared >= 2, names.join(' '));
  }
}

test('the test that it writes passes on the sample that it writes', { timeout: 240_000 }, async () => {
  const bin = join(repository, 'node_modules/.bin');
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}`, NODE_TEST_CONTEXT: undefined };
  await promisify(execFile)(process.execPath, ['--test'], { cwd: join(folder, 'shop'), env });
  const sample = readFileSync(join(folder, 'shop/test/sample.csv'), 'utf8');
  const customers = sample
    .split('\n')
    .slice(1, -1)
    .map((line) => line.split(',')[2]);
  assert(customers.every((name) => name?.startsWith('made up ')) && new Set(customers).size < customers.length / 3);
});
