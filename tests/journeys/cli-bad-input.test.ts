/**
 * What people type by mistake, and what nobody would: each is answered on one line that names the thing, the value and the
 * remedy, with the exit code that says what kind of mistake it was. Nothing hangs, nothing shows a stack.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Command } from 'commander';
import { exitCodes } from '../../packages/cli/src/exit-codes.ts';
import { createProgram, loadNamed } from '../../packages/cli/src/program.ts';
import type { RunOptions, Slipway } from './cli.ts';
import { sideBySide, slipwayAt } from './cli.ts';
import { createRandom } from './garbage.ts';
import type { TestServer } from './server.ts';
import { startTestServer } from './server.ts';

let server: TestServer;
let slipway: Slipway;
let folder: string;

before(async () => {
  server = await startTestServer();
  slipway = slipwayAt(server.url);
  folder = mkdtempSync(join(tmpdir(), 'slipway-bad-'));
  writeFileSync(join(folder, 'bad.json'), '{"cut":');
  writeFileSync(join(folder, 'empty.json'), '');
  writeFileSync(join(folder, 'shape.json'), '[{"inputs": {"a": [1]}}]');
  writeFileSync(join(folder, 'not.parquet'), 'not a table');
  writeFileSync(join(folder, 'good.csv'), 'a,b\n1,2\n');
  const added = await slipway(['data', 'add', 'numbers', join(folder, 'good.csv')]);
  assert.equal(added.code, 0, added.err);
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Case {
  readonly args: readonly string[];
  readonly code: number;
  readonly says: RegExp;
  readonly options?: RunOptions;
}

const bad = (code: number, says: RegExp, args: string, options?: RunOptions): Case => ({
  // `%` stands for a blank inside an argument.
  args: args
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => word.replaceAll('%', ' ')),
  code,
  says,
  ...(options === undefined ? {} : { options }),
});

const closed = 'http://127.0.0.1:9';
const cases: readonly Case[] = [
  // words
  bad(2, /unknown command "dta"; did you mean "data"\?/, 'dta list'),
  bad(2, /unknown command "lst"; did you mean "list"\?/, 'data lst'),
  bad(2, /unknown command "frobnicate"; known: up, demo/, 'frobnicate'),
  bad(2, /`slipway data` needs a verb: list, /, 'data'),
  bad(2, /unknown option "--limt".*--limit/, 'data list --limt 3'),
  bad(2, /missing required argument "dataset".*slipway data show --help/, 'data show'),
  bad(2, /missing required argument "files"/, 'data add numbers'),
  bad(2, /too many arguments/, 'data list extra'),
  bad(2, /required option "--from <version>"/, 'data diff numbers'),
  bad(2, /argument missing/, 'data list --limit'),
  // values
  bad(2, /--limit is "0": it must be a whole number from 1 to 1000/, 'data list --limit 0'),
  bad(2, /--limit is "many"/, 'pipeline runs --limit many'),
  bad(2, /"bad name" cannot be the name of a dataset: letters/, 'data show bad%name'),
  bad(2, /"\.\.\/etc" cannot be the name of a model/, 'model show ../etc'),
  bad(2, /"zz" is no version of a dataset/, 'data show numbers --version zz'),
  bad(2, /"x=y" is no version/, 'endpoint rollout e x=y'),
  bad(2, /the share of version 1 is "lots"/, 'endpoint deploy e 1=lots'),
  bad(2, /"1" says no share.*1=90 2=10/, 'endpoint deploy e 1 2'),
  bad(2, /"boss" is no role.*owner, deployer/, 'token create x --role boss'),
  bad(2, /--expires-in-days is "-1"/, 'token create x --role viewer --expires-in-days=-1'),
  bad(2, /--until is "yesterday".*2013-07-01T13:00:00Z/, 'feature backfill f --until yesterday'),
  bad(2, /--at is "2013-07-01T13:00"/, 'predict e --input a=1 --at 2013-07-01T13:00'),
  bad(2, /table "flights" is not name=value/, 'data validate s flights'),
  bad(2, /--param "until" is not name=value/, 'pipeline run p --param until'),
  bad(2, /Allowed choices are open, acknowledged, resolved/, 'monitor alerts --state closed'),
  bad(2, /"foo" is no kind that can be explained/, 'why foo bar'),
  bad(2, /which prediction\?/, 'why prediction'),
  bad(2, /"thing" does not say what it is/, 'why thing'),
  bad(2, /the firing is "x"/, 'policy approve p x'),
  bad(2, /the sequence number is "0"/, 'ledger show 0'),
  bad(2, /"tcsh" is no shell/, 'completion tcsh'),
  bad(2, /page token/, 'data list --page-token nonsense'),
  bad(2, /filter cannot be used/, 'run list --filter metrics.auc%>>%1'),
  // things that are not there
  bad(3, /There is no dataset "nmbers"\. Did you mean "numbers"\?/, 'data show nmbers'),
  bad(3, /There is no dataset "other"\. `slipway data list`/, 'data show other'),
  bad(3, /versions 1 to 1/, 'data show numbers --version 9'),
  bad(3, /There is no pipeline "train"/, 'pipeline run train'),
  bad(3, /There is no pipeline run "plr_1"/, 'pipeline show plr_1'),
  bad(3, /There is no model "m"/, 'model versions m'),
  bad(3, /There is no endpoint "e"/, 'endpoint show e'),
  bad(3, /There is no monitor "m"/, 'monitor windows m'),
  bad(3, /There is no policy "p"/, 'policy firings p'),
  bad(3, /There is no project "p"/, 'destroy p --yes'),
  bad(3, /There is no feature set "f"/, 'feature show f'),
  bad(3, /There is no rollout "rol_1"/, 'endpoint cancel rol_1'),
  bad(3, /There is no prediction "prd_1"/, 'why prd_1'),
  bad(3, /There is no expectation suite "s"/, 'data validate s t=numbers'),
  bad(3, /There is no token "ci"/, 'token revoke ci'),
  bad(3, /there is no event 999999/, 'ledger show 999999'),
  // files
  bad(3, /there is no file or folder nowhere\.parquet/, 'data add numbers nowhere.parquet'),
  bad(2, /"package\.json" cannot be a data file/, 'data add numbers package.json'),
  bad(3, /folder \.ci has no \.parquet/, 'data add numbers .ci'),
  bad(3, /There is no file ".*slipway\.yaml"\. Name the project folder with --project/, 'plan --project tests'),
  bad(3, /There is no file "nowhere\.db"/, 'ledger verify --file nowhere.db'),
  bad(1, /No ledger can be read from LICENSE/, 'ledger verify --file LICENSE'),
  bad(1, /nowhere\.json does not exist/, 'predict e --file nowhere.json'),
  bad(2, /--file tests is a folder/, 'predict e --file tests'),
  bad(2, /name the inputs with --input/, 'predict e'),
  bad(2, /--file has whole instances/, 'predict e --file a.json --input a=1'),
  // servers
  bad(4, /No Slipway server answers at http:\/\/127\.0\.0\.1:9/, `data list --url ${closed}`),
  bad(2, /--url is "nonsense": it must be the address of a server/, 'data list --url nonsense'),
  bad(2, /--url is "ftp:\/\/x"/, 'data list --url ftp://x'),
  bad(2, /must not carry credentials/, 'data list --url http://a:b@127.0.0.1:1'),
  bad(2, /SLIPWAY_URL is "::"/, 'data list', { env: { SLIPWAY_URL: '::' } }),
  bad(
    5,
    /No valid token came with this request\. Set SLIPWAY_TOKEN/,
    'data list --token slw_0000000000000000_aaaaaaaaaaaaaaaaaaaaaaaa',
  ),
  bad(5, /No valid token/, 'data list', { env: { SLIPWAY_TOKEN: 'x' } }),
  bad(2, /--token has characters that no token has/, 'data list --token h%x'),
];

/** One line that begins with `error`, without a stack. */
function plainProblems(what: string, err: string): string[] {
  const isPlain = /^error \S.*\n$/.test(err) && !/node:internal|\[object |undefined/.test(err);
  return isPlain ? [] : [`${what} was not answered on one plain line: ${err}`];
}

const assertPlain = (what: string, err: string): void => assert.deepEqual(plainProblems(what, err), []);

test(
  `${cases.length} mistakes are answered on one line, with the exit code of their kind`,
  { timeout: 240_000 },
  async () => {
    const problems: string[] = [];
    await sideBySide(cases, 4, async ({ args, code, says, options }) => {
      const what = `slipway ${args.join(' ')}`;
      const answer = await slipway(args, options);
      if (!says.test(answer.err) || answer.code !== code || answer.out !== '')
        problems.push(`${what} ended with ${answer.code} (not ${code}) and said ${answer.err}${answer.out}`);
      // A group without its verb is answered with its help, and the line.
      else if (args.length > 1) problems.push(...plainProblems(what, answer.err));
    });
    assert.deepEqual(problems, []);
  },
);

test('files with the wrong content are named', async () => {
  const says = async (args: string[], code: number, problem: RegExp): Promise<void> => {
    const answer = await slipway(args);
    assert.match(answer.err, problem);
    assert.equal(answer.code, code);
    assertPlain(args.join(' '), answer.err);
  };
  await says(['predict', 'e', '--file', join(folder, 'bad.json')], 2, /bad\.json is not JSON: .*JSON/);
  await says(['predict', 'e', '--file', join(folder, 'empty.json')], 2, /empty\.json is empty/);
  await says(
    ['predict', 'e', '--file', join(folder, 'shape.json')],
    2,
    /shape\.json is no array of instances: \[0\]\.inputs\.a/,
  );
  await says(['data', 'add', 'numbers', join(folder, 'not.parquet')], 1, /"not\.parquet" cannot be read/);
  await says(['ledger', 'export', '--out', join(folder, 'no/where')], 1, /no\/where does not exist/);
});

test('with --json a mistake is one JSON value on standard error', async () => {
  for (const { args, code, options } of cases.filter((_, i) => i % 7 === 0)) {
    const answer = await slipway([...args, '--json'], options);
    assert.equal(answer.code, code, args.join(' '));
    assert.equal(answer.out, '');
    const { error } = JSON.parse(answer.err) as { error: { code: string; message: string; retryable: boolean } };
    assert.match(error.code, /^[a-z_]+$/);
    assert(error.message.length > 10);
    assert.equal(typeof error.retryable, 'boolean');
  }
});

test('an address that answers something else is not taken for a server', async () => {
  const other = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>hello</h1>');
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = other.address() as AddressInfo;
    const answer = await slipway(['data', 'list', '--url', `http://127.0.0.1:${port}`]);
    assert.equal(answer.code, 4, answer.err);
    assert.match(answer.err, /not one of Slipway/);
    assertPlain('another server', answer.err);
  } finally {
    other.close();
  }
});

test('help and version are answers, not mistakes', async () => {
  for (const args of [
    [],
    ['--help'],
    ['help'],
    ['help', 'data', 'add'],
    ['data', '--help'],
    ['help', 'exit-codes'],
    ['help', 'environment'],
    ['help', 'output'],
    ['--version'],
    ['version'],
  ]) {
    const answer = await slipway(args);
    assert.equal(answer.code, 0, args.join(' '));
    assert.equal(answer.err, '', args.join(' '));
    assert(answer.out.length > 3);
  }
  const codes = (await slipway(['help', 'exit-codes'])).out;
  for (const { code, meaning } of Object.values(exitCodes))
    assert(codes.includes(`${code}`) && codes.includes(meaning));
});

const hostile: readonly string[] = [
  '',
  ' ',
  '-',
  '--',
  '--=',
  '0',
  '-1',
  '1e999',
  'NaN',
  'null',
  '{}',
  '[[[',
  '../../etc/passwd',
  '/dev/null',
  "'; drop table x; --",
  '<script>',
  '\u202Eevil',
  '\u001b[31mred',
  '\n',
  'x'.repeat(5000),
  '🛫'.repeat(50),
  'a=b',
  '=',
  'latest',
  'sha256:zz',
  'prd_01',
  '%00',
  '2013-02-30T00:00:00Z',
];
/** These start something that does not end by itself, or belong to the machine and not to the server. */
const leftOut = new Set(['up', 'demo', 'doctor', 'follow', 'help', 'complete']);
const seed = Number(process.env['SEED'] ?? 20130401);
const callsPerVerb = 2;

test(`garbage on every verb ends, in a documented way (seed ${seed})`, { timeout: 300_000 }, async () => {
  const random = createRandom(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const leaves = (command: Command, path: readonly string[]): [readonly string[], Command][] =>
    command.commands.length === 0 ? [[path, command]] : command.commands.flatMap((c) => leaves(c, [...path, c.name()]));
  const program = await loadNamed(createProgram(), []);
  const calls = leaves(program, [])
    .filter(([path]) => !path.some((word) => leftOut.has(word)))
    .flatMap(([path, command]) =>
      Array.from({ length: callsPerVerb }, () => [
        ...path,
        ...command.registeredArguments.filter(() => random() < 0.9).map(() => pick(hostile)),
        ...command.options
          .filter((o) => o.long !== '--follow' && o.long !== '--out' && random() < 0.4)
          .flatMap((o) => (o.required ? [String(o.long), pick(hostile)] : [String(o.long)])),
        ...(random() < 0.1 ? [pick(hostile)] : []),
      ]),
    )
    // A shell cannot pass these on.
    .map((call) => call.map((word) => word.replaceAll('\u0000', '')));
  const known: ReadonlySet<number | null> = new Set(Object.values(exitCodes).map((row) => row.code));
  const problems: string[] = [];
  await sideBySide(calls, 4, async (args) => {
    const answer = await slipway(args, { limitMs: 30_000, cwd: folder });
    const what = JSON.stringify(args).slice(0, 300);
    if (!known.has(answer.code)) problems.push(`${what} ended with ${answer.code}: ${answer.err.slice(0, 300)}`);
    if (/\n\s+at |node:internal|incident|\[object /.test(answer.err))
      problems.push(`${what} said: ${answer.err.slice(0, 400)}`);
    // oxlint-disable-next-line no-control-regex
    if (/\x1b|\u202E/.test(answer.err)) problems.push(`${what} let control characters through`);
  });
  assert.deepEqual(problems, []);
});
