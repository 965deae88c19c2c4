/** Rollouts of models of several classes, of numbers and of quantiles: what they end with, also when the process is killed on the way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Rollout, RolloutRule } from '@slipway/contract';
import { RolloutPlan, ruleDefaults } from '@slipway/contract';
import type { TableTask } from '@slipway/train';
import { fitTable } from '@slipway/train';
import { sideMargins } from '../../lib/paired-loss.ts';
import type { Random } from '../../lib/random.ts';
import { createRandom } from '../../lib/random.ts';
import { firstPredictions, logisticModel, openServingBench } from './testing.ts';

const hourMs = 3_600_000;
const islands = ['Biscoe', 'Dream', 'Torgersen'] as const;
const species = ['Adelie', 'Chinstrap', 'Gentoo'] as const;

interface Bird {
  readonly island: string;
  readonly bill: number;
  readonly flipper: number;
  readonly species: string;
  readonly mass: number;
}

function birdOf(random: Random): Bird {
  const which = random.below(3);
  const kind = species[which] ?? '';
  // Islands and measures tell the species most of the time.
  const island = islands[random.float() < 0.7 ? which : random.below(3)] ?? '';
  const bill = 40 + 3 * which + 2 * random.normal();
  const flipper = 190 + 8 * which + 6 * random.normal();
  return { island, bill, flipper, species: kind, mass: 3500 + 40 * (flipper - 190) + 250 * random.normal() };
}

type Answer = 'species' | 'mass' | 'interval';

interface Training {
  readonly rows: number;
  readonly seed: number;
  /** What the training takes the outcome for. */
  readonly wrong?: (bird: Bird) => string | number;
}

const tasks: Readonly<Record<Answer, TableTask>> = { species: 'multiclass', mass: 'regression', interval: 'quantile' };

async function train(answer: Answer, { rows, seed, wrong }: Training): Promise<Uint8Array> {
  const random = createRandom(seed);
  const birds = Array.from({ length: rows }, () => birdOf(random));
  const outcome = wrong ?? ((bird: Bird) => (answer === 'species' ? bird.species : bird.mass));
  const fitted = await fitTable(
    {
      columns: [
        { name: 'island', kind: 'category', values: birds.map((b) => b.island) },
        { name: 'bill', kind: 'number', values: Float64Array.from(birds, (b) => b.bill) },
        { name: 'flipper', kind: 'number', values: Float64Array.from(birds, (b) => b.flipper) },
      ],
      target: birds.map(outcome),
    },
    {
      task: tasks[answer],
      rounds: 40,
      earlyStoppingRounds: 'never',
      folds: 2,
      minRowsPerLeaf: 5,
      ...(answer === 'interval' ? { quantiles: [0.1, 0.5, 0.9], calibration: 'shift' as const } : {}),
    },
  );
  return fitted.bytes;
}

const stages = [
  { name: 'shadow', percent: 0, minRequests: 100, deadline: hourMs },
  { name: 'half', percent: 50, minRequests: 200, minLabels: 300, deadline: 24 * hourMs },
];
const planOf = (rule: Partial<RolloutRule> = {}): RolloutPlan => RolloutPlan.parse({ stages, rule });

interface Stream {
  readonly answer: Answer;
  readonly models: readonly Uint8Array[];
  readonly requests: number;
  /** Requests between a prediction and its label. */
  readonly lag: number;
  /** Requests after which the process is killed. */
  readonly killAfter?: readonly number[];
}

async function runStream({ answer, models, requests, lag, killAfter = [] }: Stream): Promise<Rollout> {
  await using bench = await openServingBench({ models });
  await bench.declare('e');
  let serving = await bench.start();
  await serving.deploy('e', { traffic: [{ version: 1, percent: 100 }], reason: 'first' }, 'owner');
  const { id } = await serving.startRollout('e', { candidate: 2, plan: planOf() }, 'owner');
  const random = createRandom(99);
  const waiting: { predictionId: string; value: number | string; at: number }[] = [];
  for (let i = 0; i < requests; i++) {
    bench.clock.advance(1000);
    const { island, bill, flipper, ...bird } = birdOf(random);
    const at = Date.UTC(2026, 0, 1) + i * hourMs;
    const [prediction] = serving.predict('e', [{ id: `request-${i}`, at, inputs: { island, bill, flipper } }]);
    waiting.push({ predictionId: prediction?.id ?? '', value: answer === 'species' ? bird.species : bird.mass, at });
    if (killAfter.includes(i)) {
      bench.kill();
      serving = await bench.start();
    }
    await serving.decided('e');
    if (i % 20 === 19) {
      await serving.label('e', waiting.splice(0, Math.max(0, waiting.length - lag)), {
        watermark: undefined,
        actor: 'owner',
      });
      await serving.decided('e');
    }
  }
  return serving.rollout(id);
}

/** What a restart may change: the instants at which it looked again. */
const essence = ({ decisions, ...rest }: Rollout): unknown => ({
  ...rest,
  finishedAt: undefined,
  decisions: decisions.map((decision) => ({ ...decision, at: 0 })),
});

const nextOf = (bird: Bird): string => species[(species.findIndex((one) => one === bird.species) + 1) % 3] ?? '';
const cases: readonly (readonly [
  name: string,
  answer: Answer,
  incumbent: Training,
  candidate: Training,
  state: Rollout['state'],
  guard: string | undefined,
  sentence: RegExp,
])[] = [
  [
    'classes: a version that knows more is promoted',
    'species',
    { rows: 60, seed: 1 },
    { rows: 2000, seed: 2 },
    'promoted',
    undefined,
    /^log loss lower \(0\.\d+ against 0\.\d+, z -\d.*\); accuracy \d+\.\d % against \d+\.\d % \(.* points to .* points\)\. Look 1, which asks for z above 2\.24/,
  ],
  [
    'classes: names that were mixed up are rolled back before a label has come',
    'species',
    { rows: 2000, seed: 1 },
    { rows: 2000, seed: 2, wrong: nextOf },
    'rolled-back',
    'agreement',
    /names other classes: it agrees with the incumbent on \d+ % of 30 requests/,
  ],
  [
    'numbers: a version that knows more is promoted',
    'mass',
    { rows: 60, seed: 1 },
    { rows: 2000, seed: 2 },
    'promoted',
    undefined,
    /^squared error lower \(root mean squared error \d+\.?\d* against \d+\.?\d*, z -\d.*\); mean absolute error \d+/,
  ],
  [
    'numbers: another unit is rolled back by the answers alone',
    'mass',
    { rows: 2000, seed: 1 },
    { rows: 2000, seed: 2, wrong: (bird) => bird.mass / 1000 },
    'rolled-back',
    'scores',
    /answers are not the incumbent's: distance 1\.00 after 30 requests .* moved by \d+\.\d times what answers vary/,
  ],
  [
    'quantiles: intervals that promise too much are rolled back by the outcomes',
    'interval',
    { rows: 1500, seed: 1 },
    { rows: 1500, seed: 2, wrong: (bird) => 3500 + 40 * (bird.flipper - 190) },
    'rolled-back',
    'labels',
    /After 100 labelled pairs the candidate's pinball loss is \d+\.\d % above the incumbent's/,
  ],
];

for (const [name, answer, incumbent, candidate, state, guard, sentence] of cases) {
  test(`${name}, and a process that is killed decides the same`, async () => {
    const models = [await train(answer, incumbent), await train(answer, candidate)];
    const requests = state === 'promoted' ? 700 : 500;
    const lag = guard === 'agreement' || guard === 'scores' ? 400 : 20;
    const whole = await runStream({ answer, models, requests, lag });
    const last = whole.decisions.at(-1);
    assert.deepEqual([whole.state, whole.guard], [state, guard], JSON.stringify(last));
    assert.match(last?.sentence ?? '', sentence);
    assert.equal(whole.task, { species: 'classes', mass: 'number', interval: 'quantiles' }[answer]);
    const ended = (last?.requests ?? 0) - 1;
    for (const killAfter of [[37], [150], [ended], [ended - 1, ended + 5]]) {
      const cut = await runStream({ answer, models, requests, lag, killAfter });
      assert.deepEqual(essence(cut), essence(whole), `killed after ${killAfter.join(', ')}`);
    }
  });
}

test('versions that answer different things, and thresholds of another task, are refused with their units and limits', async () => {
  const models = [
    await train('species', { rows: 200, seed: 1 }),
    await train('mass', { rows: 200, seed: 1 }),
    await train('species', { rows: 200, seed: 1, wrong: (bird) => bird.species.toLowerCase() }),
    logisticModel([1]),
    await train('species', { rows: 200, seed: 3 }),
  ];
  await using bench = await openServingBench({ models });
  await bench.declare('e');
  const serving = await bench.start();
  await serving.deploy('e', { traffic: [{ version: 1, percent: 100 }], reason: 'first' }, 'owner');
  const start = (candidate: number, rule: Partial<RolloutRule> = {}): Promise<Rollout> =>
    serving.startRollout('e', { candidate, plan: planOf(rule) }, 'owner');
  const incomparable = (message: RegExp) => ({ code: 'rollout_incomparable', status: 409, message });
  await assert.rejects(start(2), incomparable(/version 2 answers a number, version 1 one of several classes/));
  await assert.rejects(start(3), incomparable(/its classes are adelie, .*, are Adelie, Chinstrap, Gentoo/));
  await assert.rejects(start(4), incomparable(/the probability of one of two classes/));
  const unfit = (message: RegExp) => ({ code: 'rollout_rule_invalid', status: 400, message });
  await assert.rejects(
    start(5, { errorMargin: 0.1 }),
    unfit(
      /rule\.errorMargin is 0\.1, and is for models that answer a number; this one answers one of several classes\. Its thresholds are lossZ, accuracyMargin, logLossHarm/,
    ),
  );
  await assert.rejects(start(5, { aucZ: 2.5 }), unfit(/rule\.aucZ is 2\.5/));
  const started = await start(5, { lossZ: 2.5, accuracyMargin: 0.05 });
  // What nobody set is written down with what was, and the same order again is the same rollout.
  const { rule } = started.plan;
  assert.deepEqual([rule.lossZ, rule.accuracyMargin, rule.logLossHarm], [2.5, 0.05, ruleDefaults.logLossHarm]);
  assert.equal((await start(5, { lossZ: 2.5, accuracyMargin: 0.05 })).id, started.id);
  await assert.rejects(start(5, { lossZ: 3 }), { code: 'rollout_running' });
  for (const [rule, message] of [
    [{ accuracyMargin: 5 }, /share of the answers that are right, from 0 to 1/],
    [{ lossZ: -1 }, /in standard errors, from 0 to 10/],
    [{ logLossHarm: 'much' }, /a number: mean log loss in nats, from 0\.001 to 10/],
    [{ errorHarm: 0 }, /share of the incumbent's error, from 0\.001 to 10/],
  ] as const) {
    assert.match(RolloutPlan.safeParse({ stages, rule }).error?.message ?? '', message);
  }
});

test('what the contract promises of thresholds that nobody sets is what the judge takes', () => {
  const { accuracyMargin, errorMargin, coverageMargin } = ruleDefaults;
  assert.deepEqual(sideMargins, { classes: accuracyMargin, number: errorMargin, quantiles: coverageMargin });
});

test('what was said beside a score is said again of the log, and a series has the figures of its task', async () => {
  for (const answer of ['species', 'interval', 'mass'] as const) {
    const models = [await train(answer, { rows: 400, seed: 1 })];
    await using bench = await openServingBench({ models });
    await bench.declare('e');
    let serving = await bench.start();
    await serving.deploy('e', { traffic: [{ version: 1, percent: 100 }], reason: 'first' }, 'owner');
    const random = createRandom(4);
    const birds = Array.from({ length: 60 }, () => birdOf(random));
    const given = birds.map(({ island, bill, flipper }, i) => ({
      at: Date.UTC(2026, 0, 5) + i * 1000,
      inputs: { island: i % 7 === 0 ? null : island, bill: i % 5 === 0 ? null : bill, flipper },
    }));
    const said = new Map(
      serving.predict('e', given).map((prediction, i) => [prediction.id, { ...prediction, bird: birds[i] }]),
    );
    const outcomeOf = (bird: Bird | undefined): string | number =>
      (answer === 'species' ? bird?.species : bird?.mass) ?? '';
    const labels = [...said].map(([predictionId, { bird }]) => ({ predictionId, value: outcomeOf(bird), at: 0 }));
    await serving.label('e', labels, { watermark: undefined, actor: 'owner' });
    bench.kill();
    serving = await bench.start();
    const { items } = await serving.predictions('e', firstPredictions);
    assert.equal(items.length, birds.length);
    for (const { id, class: named, probabilities, quantiles, label } of items) {
      const first = said.get(id);
      assert.deepEqual([named, probabilities, quantiles], [first?.label, first?.probabilities, first?.quantiles]);
      assert.equal(label?.class ?? label?.value, outcomeOf(first?.bird));
    }
    const series = await serving.series('e', { by: 'arm', clock: 'event', window: hourMs, step: hourMs });
    const [only] = series.series;
    const near = (found: (number | null)[] | undefined, wanted: number): void => {
      const value = found?.findLast((v) => v !== null) ?? Number.NaN;
      assert.ok(Math.abs(value - wanted) < 1e-6 * Math.abs(wanted), `${answer}: ${value}, not ${wanted}`);
    };
    const mean = (of: (one: NonNullable<ReturnType<typeof said.get>>) => number): number =>
      [...said.values()].reduce((sum, one) => sum + of(one), 0) / said.size;
    const error = mean(({ score, bird }) => Math.abs(score - (bird?.mass ?? 0)));
    switch (answer) {
      case 'species':
        near(
          only?.accuracy,
          mean(({ label, bird }) => Number(label === bird?.species)),
        );
        near(
          only?.logLoss,
          mean(({ probabilities, bird }) => -Math.log(probabilities?.[bird?.species ?? ''] ?? 0)),
        );
        assert.equal(
          only?.meanAbsoluteError.findLast((v) => v !== null),
          undefined,
        );
        break;
      case 'interval':
        near(only?.meanAbsoluteError, error);
        near(
          only?.coverage,
          mean(({ quantiles, bird }) => {
            const [low = 0, high = 0] = [quantiles?.['0.1'], quantiles?.['0.9']];
            return Number((bird?.mass ?? 0) >= low && (bird?.mass ?? 0) <= high);
          }),
        );
        break;
      case 'mass':
        near(only?.meanAbsoluteError, error);
        near(only?.rootMeanSquaredError, Math.sqrt(mean(({ score, bird }) => (score - (bird?.mass ?? 0)) ** 2)));
        assert.equal(
          only?.accuracy.findLast((v) => v !== null),
          undefined,
        );
    }
  }
});
