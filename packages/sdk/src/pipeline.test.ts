import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { describe } from './describe.ts';
import { pipeline } from './pipeline.ts';
import { artifact, list, parameter } from './ports.ts';
import { noopStep, shellStep, step } from './step.ts';

const make = step({
  id: 'make',
  inputs: { flights: artifact.dataset(), until: parameter(z.string()), share: parameter(z.number().default(0.5)) },
  outputs: { rows: artifact.table(), count: parameter(z.int()) },
  run: async (_, { share }) => ({
    rows: { kind: 'table', name: 'rows', digest: `sha256:${'0'.repeat(64)}`, sizeBytes: share },
    count: 3,
  }),
});
const fit = step({
  id: 'fit',
  inputs: { rows: artifact.table(), trees: parameter(z.int()) },
  outputs: { model: artifact.model() },
  run: async (_, { rows }) => ({ model: { ...rows, kind: 'model' } }),
});
const choose = step({
  id: 'choose',
  inputs: { models: list(artifact.model()) },
  outputs: { best: artifact.model() },
  run: async (_, { models }) => {
    const best = models[0];
    if (!best) throw new Error('nothing to choose from');
    return { best };
  },
});

const sample = (): ReturnType<typeof pipeline> =>
  pipeline(
    { id: 'sample', params: { until: parameter(z.string()), trees: parameter(z.int().default(10)) } },
    (p, run) => {
      const made = run(make, { flights: run.dataset('flights'), until: p.until });
      const fits = run.map(fit, { small: 5, large: 50 }, (trees) => ({ rows: made.rows, trees }));
      const chosen = run(choose, { models: fits.model }, { after: [made] });
      run(fit, { rows: made.rows, trees: p.trees }, { id: 'again', after: [chosen, fits] });
    },
  );

test('a pipeline describes itself as plain data, the same every time', () => {
  const graph = describe(sample());
  assert.deepEqual(
    graph.nodes.map((n) => n.id),
    ['make', 'fit-small', 'fit-large', 'choose', 'again'],
  );
  assert.deepEqual(graph.nodes[0]?.inputs, {
    flights: { dataset: 'flights' },
    until: { parameter: 'until' },
    share: { value: 0.5 },
  });
  assert.deepEqual(graph.nodes[3]?.inputs, {
    models: {
      list: [
        { step: 'fit-small', output: 'model' },
        { step: 'fit-large', output: 'model' },
      ],
    },
  });
  assert.deepEqual(graph.nodes[4]?.after, ['choose', 'fit-small', 'fit-large']);
  assert.deepEqual(graph.nodes[4]?.inputs['trees'], { parameter: 'trees' });
  assert.deepEqual(graph.params['required'], ['until']);
  assert.equal(JSON.stringify(graph), JSON.stringify(describe(sample())));
  assert.equal(JSON.stringify(JSON.parse(JSON.stringify(graph))), JSON.stringify(graph));
});

test('a wrong port is a compile error', () => {
  pipeline({ id: 'types', params: { trees: parameter(z.int()), name: parameter(z.string()) } }, (p, run) => {
    const flights = run.dataset('flights');
    const made = run(make, { flights, until: p.name, share: 0.2 }, { id: 'a' });
    const chosen = run(choose, { models: [] });
    const refused = (_call: () => unknown): void => undefined;
    // @ts-expect-error the input `until` is missing
    refused(() => run(make, { flights }));
    // @ts-expect-error the input is misspelt
    refused(() => run(make, { flights, until: p.name, shares: 0.2 }));
    // @ts-expect-error a number is not text
    refused(() => run(make, { flights, until: p.trees }));
    // @ts-expect-error a dataset is not a table
    refused(() => run(fit, { rows: flights, trees: 3 }));
    // @ts-expect-error a model is not a table
    refused(() => run(fit, { rows: chosen.best, trees: 3 }));
    // @ts-expect-error an artifact is not a parameter
    refused(() => run(fit, { rows: made.rows, trees: made.rows }));
    // @ts-expect-error a list of tables is not a list of models
    refused(() => run(choose, { models: [made.rows] }));
    // @ts-expect-error the step has no such output
    refused(() => made.model);
    // @ts-expect-error the pipeline has no such parameter
    refused(() => p.leaves);
    run(fit, { rows: made.rows, trees: made.count });
  });
  // @ts-expect-error the output `model` is missing
  step({ id: 'x', outputs: { model: artifact.model() }, run: async () => ({}) });
});

test('mistakes that types cannot see are named when the pipeline is described', () => {
  assert.throws(
    () =>
      pipeline({ id: 'twice' }, (_, run) => {
        run(noopStep('a'), {});
        run(noopStep('a'), {});
      }),
    /two steps named "a"/,
  );
  const bad = pipeline({ id: 'bad' }, (_, run) => {
    const made = run(make, { flights: run.dataset('flights'), until: 'x' });
    run(fit, { rows: made.rows, trees: 1.5 });
  });
  assert.throws(() => describe(bad), /step "fit": input "trees" does not fit/);
});

test('programs are steps with the same ports', async () => {
  const count = shellStep({
    id: 'count',
    inputs: { rows: artifact.file() },
    outputs: { lines: artifact.file() },
    argv: ['sh', '-c', 'wc -l < "$1" > "$2"', 'count', '{rows}', '{out:lines}'],
  });
  assert.equal(count.kind, 'shell');
  const context = undefined as never;
  await assert.rejects(count.run(context, context), /is a program/);
});

test('a step is a plain function for a test', async () => {
  const made = await make.run(undefined as never, { flights: undefined as never, until: '', share: 7 });
  assert.equal(made.rows.sizeBytes, 7);
});
