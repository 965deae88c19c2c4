/**
 * `slipway init` as a person uses it, on real public tables (penguins, CC0; the weather of three airports and a month of
 * flights, CC0, both of the examples) from a file to a registered model. `guides/` follows the quickstart.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { repository, run, slipwayAt } from './cli.ts';
import type { TestServer } from './server.ts';
import { startTestServer } from './server.ts';

const limitMs = 180_000;
const folder = mkdtempSync(join(tmpdir(), 'slipway-init-'));
let server: TestServer;
before(async () => {
  server = await startTestServer();
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const penguins = join(repository, 'examples/penguins/data/penguins.csv');
const flights = join(repository, 'examples/flights/data');

const tables: readonly {
  readonly name: string;
  readonly from: string;
  readonly target: string;
  readonly metric: string;
}[] = [
  { name: 'penguins', from: penguins, target: 'species', metric: 'accuracy' },
  { name: 'weather', from: join(flights, 'weather'), target: 'visib', metric: 'r2' },
  { name: 'flights', from: join(flights, 'flights/2013-01.parquet'), target: 'arr_delay', metric: 'r2' },
];

for (const { name, from, target, metric } of tables) {
  test(`${name}: from a file to a registered model`, { timeout: 300_000 }, async () => {
    const place = join(folder, 'public');
    mkdirSync(place, { recursive: true });
    const made = await run(['init', name, '--from', from, '--target', target, '--yes', '--json'], {
      cwd: place,
      env: { NO_COLOR: '1' },
    });
    assert.equal(made.code, 0, made.err);
    const { commands } = JSON.parse(made.out) as { readonly commands: readonly string[] };
    const slipway = slipwayAt(server.url);
    const printed: string[] = [];
    for (const line of commands.slice(1)) {
      const answer = await slipway(line.split(' ').slice(1), { cwd: join(place, name), limitMs });
      assert.equal(answer.code, 0, `${line}: ${answer.err}`);
      printed.push(answer.err);
    }
    assert.match(printed.join('\n'), /registered \S+ version 1 as champion/);
    assert.match(printed.join('\n'), new RegExp(`candidate: .*\\b${metric} 0\\.\\d+`));
    const again = await slipway(['plan', '--check', '--project', join(place, name)]);
    assert.equal(again.code, 0, again.out);
  });
}

test('the test that it writes passes on the sample that it writes', { timeout: 240_000 }, async () => {
  const bin = join(repository, 'node_modules/.bin');
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}`, NODE_TEST_CONTEXT: undefined };
  await promisify(execFile)(process.execPath, ['--test'], { cwd: join(folder, 'public/penguins'), env });
});

test('nothing is overwritten, nothing is left behind, refusals have their exit codes', async () => {
  const at = join(folder, 'refusals');
  mkdirSync(at);
  const init = (...args: readonly string[]) => run(['init', ...args], { cwd: at, env: { NO_COLOR: '1' } });
  const cases: readonly [number, RegExp, readonly string[]][] = [
    [2, /answer with --target \(proposed: species\), or take every proposal with --yes/, ['p', '--from', penguins]],
    [2, /no column "specis"\. Did you mean "species"/, ['p', '--from', penguins, '--target', 'specis', '--yes']],
    [2, /--cost is "5": write two numbers above 0/, ['p', '--from', penguins, '--cost', '5']],
    [2, /--table and --query are for databases/, ['p', '--from', penguins, '--table', 'x', '--yes']],
    [3, /there is no file or folder nowhere\.csv/, ['p', '--from', 'nowhere.csv', '--yes']],
    [1, /cannot be read/, ['p', '--from', 'postgres://nobody:secret@127.0.0.1:9/x', '--table', 't', '--yes']],
  ];
  for (const [code, said, args] of cases) {
    const answer = await init(...args);
    assert.equal(answer.code, code, args.join(' '));
    assert.match(answer.err, said);
    assert.doesNotMatch(answer.err, /secret/);
  }
  assert.deepEqual(readdirSync(at), []);
  assert.equal((await init('Peng Üb!', '--from', penguins, '--target', 'sex', '--yes')).code, 0);
  assert.deepEqual(readdirSync(at), ['peng-ub']);
  writeFileSync(join(at, 'peng-ub/pipeline.ts'), 'mine');
  const again = await init('peng-ub', '--from', penguins, '--target', 'sex', '--yes');
  assert.equal(again.code, 1);
  assert.match(again.err, /has README\.md, .* already: nothing was written/);
  assert.equal(readFileSync(join(at, 'peng-ub/pipeline.ts'), 'utf8'), 'mine');
  assert.equal((await init('peng-ub', '--from', penguins, '--target', 'sex', '--yes', '--force')).code, 0);
  assert.match(readFileSync(join(at, 'peng-ub/pipeline.ts'), 'utf8'), /positive: /);
  assert(existsSync(join(at, 'peng-ub/data/penguins.parquet')) === false, 'the file goes to the server as it is');
});
