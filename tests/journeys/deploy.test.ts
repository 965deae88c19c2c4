/** `slipway deploy`: refusals with a remedy, a line that works when pasted, clients that compile and run, for every kind of answer. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { fitTable } from '@slipway/train';
import type { TableColumn } from '@slipway/train';
import { z } from 'zod';
import { buildConsole } from '../../tools/console.ts';
import type { Answer, Slipway } from './cli.ts';
import { repository, slipwayAt } from './cli.ts';
import { digestOf } from './linear-endpoint.ts';
import type { TestServer } from './server.ts';
import { startTestServer } from './server.ts';

const run = promisify(execFile);

let server: TestServer;
let slipway: Slipway;
let folder: string;
before(async () => {
  // The answer leads to a page of it.
  await buildConsole();
  folder = mkdtempSync(join(tmpdir(), 'slipway-deploy-'));
  server = await startTestServer();
  slipway = slipwayAt(server.url);
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const rows = 300;
const kinds = ['B6', "O'Hare */", 'Zürich\n"quoted"'];
/** Names and classes that no language takes as they are. */
const awkward = 'bill length "mm"';
const columns: readonly TableColumn[] = [
  { name: awkward, kind: 'number', values: Float64Array.from({ length: rows }, (_, row) => (row * 37) % 100) },
  { name: 'departs', kind: 'date', values: Float64Array.from({ length: rows }, (_, row) => row * 7_000_000) },
  { name: 'carrier', kind: 'category', values: Array.from({ length: rows }, (_, row) => kinds[(row * 7) % 3] ?? '') },
  { name: 'direct', kind: 'boolean', values: Float64Array.from({ length: rows }, (_, row) => row % 2) },
];
const target = Array.from({ length: rows }, (_, row) => ((row * 37) % 100) / 40 + ((row * 7) % 3));
const settings = { rounds: 10, leaves: 6, earlyStoppingRounds: 'never' } as const;
const signature = {
  inputs: [
    { name: awkward, type: 'double' },
    { name: 'departs', type: 'datetime' },
    { name: 'carrier', type: 'string' },
    { name: 'direct', type: 'boolean' },
  ],
};

async function models(): Promise<Readonly<Record<string, Uint8Array>>> {
  const classes = target.map((value) => kinds[Math.floor(value) % 3] ?? '');
  const fits = {
    pair: await fitTable({ columns, target: target.map((v) => v > 2) }, { ...settings, task: 'binary' }),
    classes: await fitTable({ columns, target: classes }, { ...settings, task: 'classes' }),
    number: await fitTable({ columns, target }, { ...settings, task: 'regression' }),
    quantiles: await fitTable({ columns, target }, { ...settings, task: 'quantile', quantiles: [0.1, 0.5, 0.9] }),
  };
  return Object.fromEntries(Object.entries(fits).map(([name, { bytes }]) => [name, bytes]));
}

async function register(model: string, bytes: Uint8Array, aliases: string[]): Promise<void> {
  const digest = digestOf(bytes);
  await server.client.objects.put({ params: { digest }, body: Buffer.from(bytes) });
  await server.client.models.createVersion({ params: { model }, body: { digest, signature, aliases } });
}

function refused(answer: Answer, code: number, says: RegExp): void {
  assert.equal(answer.code, code, answer.err);
  assert.match(answer.err, says);
  assert.equal(answer.out, '');
}

const Told = z.object({ curl: z.string(), form: z.string(), isSame: z.boolean() });

test('what is not there yet is said with what to do; then the printed line works as it stands', async () => {
  const at = { cwd: folder };
  refused(await slipway(['deploy'], at), 2, /no endpoint yet: slipway\.yaml declares one/);
  writeFileSync(
    join(folder, 'slipway.yaml'),
    'project: kinds\nmodels: { pair: {}, classes: {}, number: {}, quantiles: {} }\nendpoints:\n  pair: { model: pair }\n  classes: { model: classes }\n  number: { model: number }\n  quantiles: { model: quantiles }\n',
  );
  refused(
    await slipway(['deploy', 'pair'], at),
    3,
    /pair is declared in slipway\.yaml .*not applied yet: run `slipway apply`/,
  );
  refused(await slipway(['deploy', '--endpoint', 'pair'], at), 3, /run `slipway apply`/);
  const applied = await slipway(['apply'], at);
  assert.equal(applied.code, 0, applied.err);
  refused(await slipway(['deploy'], at), 2, /several endpoints: classes, number, pair, quantiles/);
  refused(await slipway(['deploy', 'pair'], at), 3, /has no version yet: run the pipeline/);
  refused(await slipway(['deploy', 'pear']), 3, /no model "pear"/);
  refused(await slipway(['deploy', 'pair', '--endpoint', 'number']), 2, /serves model number, not pair/);

  for (const [model, bytes] of Object.entries(await models())) await register(model, bytes, []);
  refused(await slipway(['deploy', 'pair', '--canary']), 2, /nothing to compare with/);
  refused(await slipway(['deploy', 'pair', '--percent', '10']), 2, /leave --percent out/);
  refused(await slipway(['deploy', 'pair', '--percent', '10', '--canary']), 2, /give one of them/);
  refused(await slipway(['deploy', 'pair/2']), 3, /no version of model "pair" "2"/);

  const answer = await slipway(['deploy', 'pair', '--json'], { env: { SLIPWAY_TOKEN: '' } });
  assert.equal(answer.code, 0, answer.err);
  const told = Told.parse(JSON.parse(answer.out));
  assert.equal(told.isSame, false);
  const { stdout } = await run('sh', ['-c', told.curl]);
  assert.match(stdout, /^\{"predictions":\[\{"id":"prd_[^}]*"version":1\}\]\}$/);
  assert.equal((await fetch(told.form)).status, 200);
  const again = await slipway(['deploy', 'pair@latest']);
  assert.match(again.out, /serves pair\/1 already: version 1 100 %/);
  assert.match(again.out, /inputs of the newest prediction/);

  const other = await fitTable(
    { columns, target: target.map((v) => v > 2) },
    { ...settings, rounds: 5, task: 'binary' },
  );
  await register('pair', other.bytes, ['challenger']);
  refused(await slipway(['deploy', 'pair']), 2, /has 2 versions and no champion/);
  const split = await slipway(['deploy', 'pair@challenger', '--percent', '25']);
  assert.match(split.out, /version 2 25 %, version 1 75 %/, split.err);
  const back = await slipway(['deploy', 'pair/1']);
  assert.match(back.out, /pair serves pair\/1: version 1 100 %/, back.err);
  const canary = await slipway(['deploy', 'pair/2', '--canary']);
  assert.match(canary.out, /rollout rol_\w+ judges it/, canary.err);
  refused(await slipway(['deploy', 'pair/2']), 1, /has a rollout running/);
});

const useTypescript = (name: string): string => `
import { createClient, EndpointError, sample } from './${name}.ts';
import type { Inputs, Prediction } from './${name}.ts';
const client = createClient();
const inputs: Inputs = sample;
const one: Prediction = await client.predict(inputs, { id: 'T-1' });
const many = await client.predictRows(Array.from({ length: 1001 }, () => ({ inputs })));
// @ts-expect-error: an input is missing
const refused = await client.predict({}).catch((error: unknown) => error);
const counts = await client.label([{ predictionId: one.id, value: ${name === 'classes' ? JSON.stringify(kinds[1]) : '1'}, at: Date.now() }]);
const status = refused instanceof EndpointError ? refused.status : 0;
console.log(JSON.stringify({ one, many: many.length, status, counts }));
`;

const usePython = (name: string): string => `
import json, sys
made = __import__("${name}_client")
client = made.Client()
one = client.predict(made.SAMPLE, id="P-1")
try:
    client.predict({})
    status = 0
except made.EndpointError:
    status = sys.exc_info()[1].status
many = len(client.predict_rows([{"inputs": made.SAMPLE}] * 1001))
counts = client.label([{"instanceId": "P-1", "value": ${name === 'classes' ? JSON.stringify(kinds[1]) : '1'}, "at": 9999999999999}])
print(json.dumps({"one": one, "many": many, "status": status, "counts": counts}))
`;

const Used = z.object({
  one: z.record(z.string(), z.unknown()),
  many: z.number(),
  status: z.number(),
  counts: z.record(z.string(), z.number()),
});

/** Members of an answer beside id, score and version. */
const details: Readonly<Record<string, readonly string[]>> = {
  number: [],
  classes: ['label', 'probabilities'],
  quantiles: ['quantiles'],
};

test('clients of every kind of answer compile, run, and are refused with what the server says', async () => {
  for (const name of Object.keys(details)) {
    const deployed = await slipway(['deploy', name]);
    assert.equal(deployed.code, 0, deployed.err);
    assert.equal((await slipway(['endpoint', 'client', name, '--file', join(folder, `${name}.ts`)])).code, 0);
    writeFileSync(join(folder, `use-${name}.ts`), useTypescript(name));
    const python = await slipway(['endpoint', 'client', name, '--language', 'python']);
    writeFileSync(join(folder, `${name}_client.py`), python.out);
    writeFileSync(join(folder, `use_${name}.py`), usePython(name));
  }
  const uses = Object.keys(details).map((name) => join(folder, `use-${name}.ts`));
  const flags =
    '--noEmit --strict --skipLibCheck --target es2024 --module nodenext --allowImportingTsExtensions --types node';
  const types = ['--typeRoots', join(repository, 'node_modules/@types')];
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  await run(join(repository, 'node_modules/.bin/tsc'), [...flags.split(' '), ...types, ...uses], { cwd: folder });
  for (const [name, extra] of Object.entries(details)) {
    const outputs = [
      await run(process.execPath, [join(folder, `use-${name}.ts`)], { cwd: folder }),
      await run('python3', [join(folder, `use_${name}.py`)], { cwd: folder }),
    ];
    for (const { stdout } of outputs) {
      const { one, many, status, counts } = Used.parse(JSON.parse(stdout));
      assert.deepEqual(Object.keys(one).sort(), ['id', 'score', 'version', ...extra].sort());
      assert.deepEqual([many, status], [1001, 400]);
      assert.deepEqual([counts['joined'], counts['unknown']], [1, 0]);
    }
  }
});

const Example = z.object({ content: z.object({ 'application/json': z.object({ example: z.unknown().optional() }) }) });
const Document = z.object({
  paths: z.record(z.string(), z.object({ post: z.object({ requestBody: Example }) })),
  components: z.object({ schemas: z.record(z.string(), z.object({ required: z.array(z.string()).optional() })) }),
});

test('the OpenAPI document of one endpoint has its names, its example is answered, and every reference resolves', async () => {
  const text = (await slipway(['endpoint', 'client', 'classes', '--language', 'openapi'])).out;
  const { paths, components } = Document.parse(JSON.parse(text));
  assert.deepEqual(components.schemas['Inputs']?.required, [awkward, 'departs', 'carrier', 'direct']);
  for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
    assert(name in components.schemas, name);
  const path = '/api/endpoints/classes/predict';
  const example = paths[path]?.post.requestBody.content['application/json'].example;
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(server.url + path, { method: 'POST', headers, body: JSON.stringify(example) });
  assert.equal(response.status, 200, await response.text());
});
