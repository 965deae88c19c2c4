/** Verbs for a person who brought a table of their own: outcomes from a file, a project taken along. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createAnalytics, sqlText } from '@slipway/server/analytics';
import type { Answer, Slipway } from './cli.ts';
import { repository, slipwayAt } from './cli.ts';
import { declareEndpoint, deploy, digestOf, endpointName, linearModel, registerModel } from './linear-endpoint.ts';
import type { TestServer } from './server.ts';
import { startTestServer } from './server.ts';

let server: TestServer;
let slipway: Slipway;
let folder: string;
const ids: string[] = [];
const dayMs = 86_400_000;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-own-data-'));
  server = await startTestServer();
  slipway = slipwayAt(server.url);
  await declareEndpoint(server.client);
  await registerModel(server.client, linearModel(1));
  await deploy(server.client, 1);
  // x is what the caller knows a prediction by; 5 was asked about twice, a day apart.
  const instances = [0, 1, 2, 3, 4, 5, 5].map((x, i) => ({ at: (10 + i) * dayMs, inputs: { x } }));
  const params = { endpoint: endpointName };
  const { predictions } = await server.client.endpoints.predict({ params, body: { instances } });
  ids.push(...predictions.map((p) => p.id));
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const push = (path: string, ...flags: string[]): Promise<Answer> =>
  slipway(['labels', 'push', endpointName, path, '--json', ...flags]);

/** The numbers of an answer that worked. */
async function counts(path: string, ...flags: string[]): Promise<Record<string, unknown>> {
  const answer = await push(path, ...flags);
  assert.equal(answer.code, 0, answer.err);
  const parsed: unknown = JSON.parse(answer.out);
  assert(typeof parsed === 'object' && parsed !== null);
  return { ...parsed };
}

async function labelOf(index: number): Promise<{ value: number; at: number } | undefined> {
  const { label } = await server.client.predictions.get({ params: { prediction: ids[index] ?? '' } });
  return label === undefined ? undefined : { value: label.value, at: label.at };
}

function has(actual: Record<string, unknown>, expected: Record<string, unknown>): void {
  assert.deepEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, actual[key]])), expected);
}

test('outcomes join by an input: known, unknown, not known yet, several; a dry run sends nothing', async () => {
  const path = file(
    'outcomes.csv',
    'customer,churned,when\n0,yes,1970-02-01\n1,no,1970-02-01\n2,,\n5,yes,1970-02-01\n77,no,1970-02-01\n',
  );
  const flags = ['--id', 'customer', '--input', 'x', '--label', 'churned', '--positive', 'yes', '--at', 'when'];
  const expected = { outcomes: 4, open: 1, unknown: 1, unknownIds: ['77'], several: 1 };
  has(await counts(path, ...flags, '--dry-run'), { ...expected, joined: 2, isDryRun: true });
  assert.equal((await server.client.endpoints.get({ params: { endpoint: endpointName } })).labelCount, 0);
  has(await counts(path, ...flags), { ...expected, joined: 2, repeated: 0 });
  assert.deepEqual(await labelOf(0), { value: 1, at: 31 * dayMs });
  assert.deepEqual(await labelOf(1), { value: 0, at: 31 * dayMs });
  has(await counts(path, ...flags, '--several', 'newest'), { joined: 1, repeated: 2 });
  assert.equal(await labelOf(5), undefined);
  assert.equal((await labelOf(6))?.value, 1);
  // Known before the second of the two was made: it is the first one's outcome, and no longer in doubt.
  const early = file('early.ndjson', '{"x": 5, "label": "1", "when": "1970-01-16T12:00:00Z"}\n');
  has(await counts(early, '--id', 'x', '--at', 'when'), { several: 0, joined: 1 });
  assert.deepEqual(await labelOf(5), { value: 1, at: 15.5 * dayMs });
});

test('outcomes join by the ids of predictions, from Parquet too; the watermark moves once they are there', async () => {
  const path = join(folder, 'by-id.parquet');
  await using analytics = createAnalytics({ memoryLimit: '256MB', threads: 1, tempFolder: folder });
  const rows = [3, 4].map((i) => `(${sqlText(ids[i] ?? '')}, ${i - 3}.0::DOUBLE, TIMESTAMP '1970-02-02')`).join(', ');
  await analytics.rows(`COPY (SELECT * FROM (VALUES ${rows}) t(prediction, label, known)) TO ${sqlText(path)}`);
  const flags = ['--id', 'prediction', '--at', 'known', '--watermark', '1970-02-03'];
  has(await counts(path, ...flags), { joinedBy: 'prediction id', joined: 2, unknown: 0 });
  assert.deepEqual(await labelOf(3), { value: 0, at: 32 * dayMs });
  const { labelWatermarkAt } = await server.client.endpoints.get({ params: { endpoint: endpointName } });
  assert.equal(labelWatermarkAt, 33 * dayMs);
  has(await counts(path, ...flags), { joined: 0, corrected: 0, repeated: 2 });
});

test('outcomes join by the id that the requests had: the newest before the outcome, or all of them', async () => {
  const params = { endpoint: endpointName };
  const named = ['C-1', 'C-2', 'C-2', '007'].map((id, i) => ({ id, at: (20 + i) * dayMs, inputs: { x: 9 } }));
  await server.client.endpoints.predict({ params, body: { instances: named } });
  const path = file(
    'customers.csv',
    'customer_id,label,when\nC-1,1,1970-02-01\nC-2,1,1970-02-01\n007,0,1970-02-01\n7,0,1970-02-01\nC-9,,1970-02-01\n',
  );
  const flags = ['--id', 'customer_id', '--at', 'when'];
  const expected = {
    joinedBy: '"id" of the requests',
    outcomes: 4,
    open: 1,
    unknown: 1,
    unknownIds: ['7'],
    several: 1,
  };
  has(await counts(path, ...flags, '--dry-run'), { ...expected, joined: 3, isDryRun: true });
  has(await counts(path, ...flags), { ...expected, joined: 3, repeated: 0 });
  has(await counts(path, ...flags, '--several', 'skip'), { joined: 0, repeated: 2 });
  has(await counts(path, ...flags, '--all'), { joined: 1, repeated: 3 });
  const found = await slipway(['endpoint', 'prediction', 'C-2', '--endpoint', endpointName, '--json']);
  assert.match(found.out, /"instanceId":\s*"C-2"/);
  assert.equal((await slipway(['endpoint', 'prediction', 'C-3', '--endpoint', endpointName])).code, 3);
  const search = await slipway(['endpoint', 'predictions', endpointName, '--instance-id', '007', '--json']);
  assert.equal(search.out.match(/"prd_/g)?.length, 1, search.out);
});

test('what cannot be an outcome is named with its row and what to do, before anything is sent', async () => {
  const { labelCount } = await server.client.endpoints.get({ params: { endpoint: endpointName } });
  const good = file('good.csv', 'x,label\n0,1\n');
  const bad: readonly (readonly [path: string, code: number, says: RegExp, flags: readonly string[]])[] = [
    [good, 2, /--id is "customer".*has x, label/, ['--id', 'customer']],
    [good, 2, /--all means --several all/, ['--id', 'x', '--all', '--several', 'skip']],
    [good, 2, /joined by "id" of the requests/, ['--id', 'x', '--from', '1970-01-01']],
    [good, 2, /--label is "churned"/, ['--id', 'x', '--label', 'churned']],
    [good, 2, /no request of endpoint sure has an input "y".*they have x/, ['--id', 'x', '--input', 'y']],
    [
      file('word.csv', 'x,label\n0,1\n1,maybe\n'),
      1,
      /"maybe" is no class of its model; the classes are 0, 1/,
      ['--id', 'x', '--input', 'x'],
    ],
    [file('no-id.csv', 'x,label\n0,1\n,1\n'), 2, /row 2 of .* has no x/, ['--id', 'x']],
    [file('when.csv', 'x,label,at\n0,1,soon\n'), 2, /row 1 of .*"soon".*1970/, ['--id', 'x', '--at', 'at']],
    [
      file('all-unknown.csv', 'x,label\n70,1\n'),
      3,
      /no outcome .*1 looked up.*input x with 11 logged.*70/,
      ['--id', 'x', '--input', 'x'],
    ],
    [file('table.xlsx', 'x'), 2, /must end in \.csv/, ['--id', 'x']],
    [file('broken.parquet', 'x'), 2, /broken\.parquet cannot be read/, ['--id', 'x']],
    [folder, 2, /is a folder/, ['--id', 'x']],
    [join(folder, 'none.csv'), 1, /none\.csv does not exist/, ['--id', 'x']],
  ];
  for (const [path, code, says, flags] of bad) {
    const answer = await slipway(['labels', 'push', endpointName, path, ...flags]);
    assert.equal(answer.code, code, `${path}: ${answer.err}`);
    assert.match(answer.err, says);
    assert.equal(answer.out, '');
  }
  const misspelt = await slipway(['labels', 'push', 'sur', good, '--id', 'x']);
  assert.equal(misspelt.code, 3);
  assert.match(misspelt.err, /Did you mean "sure"/);
  const { labelCount: now } = await server.client.endpoints.get({ params: { endpoint: endpointName } });
  assert.equal(now, labelCount);
});

test('export takes a project along, whole or not at all; what it wrote applies elsewhere', async () => {
  const target = join(folder, 'taken');
  const answer = await slipway(['export', 'penguins', target, '--json']);
  assert.equal(answer.code, 3, 'not applied yet');
  const applied = await slipway(['apply', '--project', 'examples/penguins']);
  assert.equal(applied.code, 0, applied.err);
  const done = await slipway(['export', 'penguins', target]);
  assert.equal(done.code, 0, done.err);
  assert.equal(
    readFileSync(join(target, 'project/pipeline.ts'), 'utf8'),
    readFileSync(join(repository, 'examples/penguins/pipeline.ts'), 'utf8'),
  );
  assert.match(readFileSync(join(target, 'project.json'), 'utf8'), /"penguin-species"/);
  assert.match(readFileSync(join(target, 'ledger.ndjson'), 'utf8'), /"kind":"project.applied"/);
  const plan = await slipway(['plan', '--project', join(target, 'project'), '--check']);
  assert.equal(plan.code, 0, `the exported files are what is applied: ${plan.err}`);

  const again = await slipway(['export', 'penguins', target]);
  assert.equal(again.code, 2);
  assert.match(again.err, /holds \d+ entries: name a folder that is new or empty/);

  const serving = join(folder, 'serving');
  const models = await slipway(['export', 'serving', serving, '--json']);
  assert.equal(models.code, 0, models.err);
  assert.deepEqual(readFileSync(join(serving, 'models/sure/1/files/model.onnx')), linearModel(1));
  assert.match(readFileSync(join(serving, 'models/sure/1/card.md'), 'utf8'), /sure/);
  assert.doesNotMatch(readFileSync(join(serving, 'ledger.ndjson'), 'utf8'), /penguin/);
  // A server that lost the bytes of a model: nothing is left of an export that could not be whole.
  const [, hex = ''] = digestOf(linearModel(1)).split(':');
  const objects = join(server.folder, 'objects');
  const lost = readdirSync(objects, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith(hex.slice(4)),
  );
  assert.equal(lost.length, 1);
  for (const path of lost) rmSync(join(objects, path));
  const broken = await slipway(['export', 'serving', join(folder, 'broken')]);
  assert.equal(broken.code, 1, broken.err);
  const left = readdirSync(folder).filter((name) => name === 'broken' || name.includes('.part-'));
  assert.deepEqual(left, []);

  const destroyed = await slipway(['destroy', 'penguins', '--yes']);
  assert.equal(destroyed.code, 0, destroyed.err);
  assert.equal((await slipway(['project', 'show', 'penguins'])).code, 3);
});
