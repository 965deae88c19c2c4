/** examples/penguins on a real server, as its users do it: three kinds of question from one file to versions that answer. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Client } from 'slipway';
import { repository, slipwayAt } from './cli.ts';
import type { Slipway } from './cli.ts';
import { startTestServer } from './server.ts';

/** A step between split and training that gives each class the next one's name. */
const mistake = `
const wrongNames = step({
  id: 'wrong-names',
  inputs: { rows: artifact.table() },
  outputs: { rows: artifact.table() },
  run: async (ctx, { rows }) => {
    const next = "case species when 'Adelie' then 'Gentoo' when 'Gentoo' then 'Chinstrap' else 'Adelie' end";
    return { rows: await ctx.query(\`select * replace (\${next} as species) from rows\`, { rows }, 'rows') };
  },
});
`;

async function must(slipway: Slipway, args: readonly string[], cwd: string): Promise<string> {
  const answer = await slipway(args, { cwd, limitMs: 120_000 });
  assert.equal(answer.code, 0, `${args.join(' ')}: ${answer.err}`);
  return answer.out + answer.err;
}

const csv = readFileSync(join(repository, 'examples/penguins/data/penguins.csv'), 'utf8').trim().split('\n');
const names = csv[0]?.split(',') ?? [];
const textColumns = new Set(['species', 'island', 'sex']);

/** Every penguin is predicted and then labelled, once as it was and once wrongly: monitors tell which is which. */
async function watch(client: Client): Promise<void> {
  const at = Date.UTC(2024, 4, 2);
  const rows = csv.slice(1).map((line) => {
    const cells = line.split(',');
    return Object.fromEntries(names.map((name, i) => [name, cells[i] === '' ? null : (cells[i] ?? null)]));
  });
  const instances = rows.map((row, i) => ({
    inputs: Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        textColumns.has(name) || value === null ? value : Number(value),
      ]),
    ),
    at: at + i * 3_600_000,
  }));
  const outcomes = { 'penguin-species': 'species', 'penguin-sex': 'sex', 'penguin-mass': 'body_mass_g' } as const;
  const judged = async (endpoint: keyof typeof outcomes, outcomeOf: (value: string) => number | string) => {
    const { predictions } = await client.endpoints.predict({ params: { endpoint }, body: { instances } });
    const labels = predictions.flatMap(({ id }, i) => {
      const value = rows[i]?.[outcomes[endpoint]] ?? null;
      return value === null ? [] : [{ predictionId: id, value: outcomeOf(value), at: at + 1e9 }];
    });
    await client.endpoints.label({ params: { endpoint }, body: { labels } });
    const range = { from: Date.UTC(2024, 4, 1), to: Date.UTC(2024, 5, 1) };
    const { windows } = await client.monitors.evaluate({ params: { monitor: `${endpoint}-monthly` }, body: range });
    const [window] = windows;
    assert(window !== undefined);
    return { window, first: labels[0] };
  };
  const species = await judged('penguin-species', (value) => value);
  assert((species.window.accuracy?.value ?? 0) > 0.95, species.window.sentence);
  assert(species.window.referenceLoss !== undefined && species.window.verdict !== 'alert', species.window.sentence);
  assert.match(species.window.sentence, /the most probable class was right in [01]\.\d+ of 344 labelled/);
  // Every input has its drift, texts too; what is predicted is no input, though the request brought it.
  assert.deepEqual(
    species.window.drift.map(({ name }) => name).toSorted(),
    names.filter((name) => name !== 'species' && name !== 'year').toSorted(),
  );
  const mass = await judged('penguin-mass', Number);
  assert(mass.window.verdict !== 'alert' && (mass.window.numbers?.rmse.value ?? 1e9) < 400, mass.window.sentence);
  const heavier = await judged('penguin-mass', (value) => Number(value) + 1000);
  assert.equal(heavier.window.verdict, 'alert');
  const sex = await judged('penguin-sex', (value) => value);
  assert((sex.window.auc?.value ?? 0) > 0.95, sex.window.sentence);
  // The label is read again in its own word; another word, or a text for a number, is refused.
  const { label } = await client.predictions.get({ params: { prediction: species.first?.predictionId ?? '' } });
  assert.equal(label?.class, 'Adelie');
  for (const [endpoint, value, message] of [
    ['penguin-species', 'Emperor', /no class of its model; the classes are Adelie, Chinstrap, Gentoo/],
    ['penguin-mass', 'heavy', /its model predicts numbers/],
  ] as const) {
    const labels = [{ predictionId: 'prd_01m7zr66n5e008nv3950fzdkm9', value, at }];
    await assert.rejects(client.endpoints.label({ params: { endpoint }, body: { labels } }), message);
  }
}

test('three questions about penguins become gated, registered models that answer', { timeout: 300_000 }, async () => {
  const server = await startTestServer();
  const { client } = server;
  const slipway = slipwayAt(server.url);
  const folder = mkdtempSync(join(tmpdir(), 'slipway-penguins-'));
  try {
    cpSync(join(repository, 'examples/penguins'), folder, { recursive: true });
    await must(slipway, ['apply'], folder);
    await must(slipway, ['data', 'add', 'penguins', 'data/penguins.csv'], folder);

    const species = await must(slipway, ['pipeline', 'run', 'train-species'], folder);
    assert.match(species, /^logLoss +0\.\d+ \(0\S* to 0\.\d+\) +1\.05 /m);
    assert.match(species, /^registered +penguin-species version 1 as champion$/m);
    assert.match(species, /^page +http:\S+\/models\/penguin-species\/versions\/1$/m);
    for (const pipeline of ['train-sex', 'train-mass']) await must(slipway, ['pipeline', 'run', pipeline], folder);

    // The signature has the words of the columns, and the version knows the data that it came from.
    const version = await client.models.getVersion({ params: { model: 'penguin-sex', version: 'champion' } });
    assert.deepEqual(
      (version.signature?.inputs ?? [])
        .map(({ name, type }) => `${JSON.stringify(name)} ${JSON.stringify(type)}`.replaceAll('"', ''))
        .toSorted(),
      [
        'bill_depth_mm double',
        'bill_length_mm double',
        'body_mass_g double',
        'flipper_length_mm double',
        'island string',
        'species string',
      ],
    );
    assert.deepEqual(
      version.lineage.datasetVersions?.map(({ dataset, number }) => [dataset, number]),
      [['penguins', 1]],
    );
    assert(version.gate?.passed);

    // A row with its columns' own words is answered; a category that was never seen and a missing number are no reason not to.
    const inputs = {
      island: 'Biscoe',
      bill_length_mm: 47.5,
      bill_depth_mm: 15,
      flipper_length_mm: 218,
      body_mass_g: 5000,
      sex: 'female',
    };
    const ask = async (endpoint: string, instance: Record<string, string | number | null>) => {
      await client.endpoints.deploy({
        params: { endpoint },
        body: { traffic: [{ version: 'champion', percent: 100 }], reason: 'test' },
      });
      const { predictions } = await client.endpoints.predict({
        params: { endpoint },
        body: { instances: [{ inputs: instance }] },
      });
      assert(predictions[0] !== undefined);
      return predictions[0];
    };
    const answered = await ask('penguin-species', inputs);
    assert.equal(answered.label, 'Gentoo');
    assert.deepEqual(Object.keys(answered.probabilities ?? {}), ['Adelie', 'Chinstrap', 'Gentoo']);
    await ask('penguin-sex', { ...inputs, species: 'Gentoo' });
    const mass = await ask('penguin-mass', { ...inputs, species: 'Gentoo', island: 'Atlantis', bill_length_mm: null });
    assert(mass.score > 4000 && mass.score < 6000, `${mass.score} g`);

    await watch(client);

    // The same data again: what neither has learnt from is the whole hold-out, and the champion is not beaten by itself.
    const again = await must(slipway, ['pipeline', 'run', 'train-species'], folder);
    assert.match(again, /minus champion version 1 on 86 rows: logLoss 0 \(0 to 0\)/);
    assert.match(again, /registered penguin-species version 2 as challenger/);

    // A model that learnt the wrong names is refused by the gate, with figures; nothing is registered.
    const file = join(folder, 'pipeline.ts');
    const broken = readFileSync(file, 'utf8')
      .replace('import { evaluateTable', 'import { artifact, step, evaluateTable')
      .replace('const random =', `${mistake}\nconst random =`)
      .replace(
        'const candidate = run(trees, { rows: train })',
        'const candidate = run(trees, { rows: run(wrongNames, { rows: train }).rows })',
      )
      .replace(/\nexport const sex[\s\S]*$/, '');
    writeFileSync(file, broken);
    await must(slipway, ['apply'], folder);
    const refused = await slipway(['pipeline', 'run', 'train-species'], { cwd: folder, limitMs: 120_000 });
    assert.notEqual(refused.code, 0);
    assert.match(refused.err, /macroF1 is 0.*outside the bound: at least 0\.9/);
    assert.equal((await client.models.get({ params: { model: 'penguin-species' } })).latestNumber, 2);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
