/** A process that is killed in the middle of pushing: every acknowledged row is there again, once. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createInterface } from 'node:readline';
import { testLog } from '../../platform/db/testing.ts';
import { parseDefinitionText } from './definition.ts';
import type { OnlineStateDeps } from './online-state.ts';
import { openOnlineState, replaceOnlineState } from './online-state.ts';

const definition = parseDefinitionText(`
features: clicks
entities: { user: string }
sources: { clicks: { table: clicks, event_time: at, keys: { user: user }, columns: { amount: int = amount } } }
views: { recent: { source: clicks, entity: user, features: { n: count() over 300d, total: sum(amount) over 300d } } }
services: { all: { features: [recent] } }
`);
const originMs = Date.UTC(2020, 0, 1);
const columns = [
  { name: 'at', type: 'TIMESTAMP' },
  { name: 'user', type: 'VARCHAR' },
  { name: 'amount', type: 'BIGINT' },
];
const depsOf = (folder: string): OnlineStateDeps => ({
  folder,
  log: testLog(),
  now: () => originMs,
  connect: () => Promise.reject(new Error('this state began empty')),
  resolve: (ref) => Promise.resolve({ ref, columns, sql: '' }),
});

/** In the child: pushes 1, 2, 3, … eight at a time, and prints each when it is acknowledged. */
async function pushForever(folder: string): Promise<never> {
  const state =
    (await openOnlineState(definition, depsOf(folder))) ??
    (await replaceOnlineState(definition, { refs: {}, untilMs: undefined }, depsOf(folder)));
  let next = Number(process.env['SLIPWAY_CRASH_FIRST']);
  const lane = async (): Promise<never> => {
    for (;;) {
      const number = next++;
      await state.push('clicks', [{ at: originMs + number, user: 'a', amount: number }], {});
      process.stdout.write(`${number}\n`);
    }
  };
  return Promise.race(Array.from({ length: 8 }, lane));
}

if (process.env['SLIPWAY_CRASH_FOLDER'] !== undefined) await pushForever(process.env['SLIPWAY_CRASH_FOLDER']);

test('killed in mid-write, several times over', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-crash-'));
  let acknowledged = 0;
  let stored = 0;
  for (let round = 0; round < 4; round++) {
    const child = spawn(process.execPath, [import.meta.filename], {
      env: {
        ...process.env,
        SLIPWAY_CRASH_FOLDER: folder,
        SLIPWAY_CRASH_FIRST: String(stored + 1),
        NODE_TEST_CONTEXT: '',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    const wanted = acknowledged + 150 + round * 37;
    for await (const line of createInterface({ input: child.stdout })) {
      if (!/^\d+$/.test(line)) continue;
      acknowledged = Math.max(acknowledged, Number(line));
      if (acknowledged >= wanted) child.kill('SIGKILL');
    }
    await ended;
    assert.ok(acknowledged >= wanted, 'the child pushed');
    const state = await openOnlineState(definition, depsOf(folder));
    assert.ok(state);
    const out = new Float64Array(2);
    state.engine.reader('all').read((originMs + 1_000_000_000) * 1000, { user: 'a' }, out);
    const [n = 0, total = 0] = out;
    // Rows are numbered without gaps and written in order, so what is there is 1 to n, and n covers what was acknowledged.
    assert.ok(n >= acknowledged && n <= acknowledged + 64, `${n} rows, ${acknowledged} acknowledged`);
    assert.equal(total, (n * (n + 1)) / 2);
    stored = n;
    await state.discard();
  }
  rmSync(folder, { recursive: true });
});
