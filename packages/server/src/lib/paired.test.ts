import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { clustersOf } from './intervals.ts';
import { comparePaired, decidePaired, pText } from './paired.ts';
import { createRandom } from './random.ts';

const { rows } = JSON.parse(readFileSync(new URL('./testdata/paired-scores.json', import.meta.url), 'utf8')) as {
  readonly rows: Readonly<Record<'day' | 'label' | 'champion' | 'challenger' | 'broken', readonly number[]>>;
};

/** Two models of one truth; `noise` blurs the champion's logit, `bias` shifts the challenger's. */
function simulate(
  count: number,
  seed: number,
  models: { noise: number; bias: number },
): ReturnType<typeof comparePaired> {
  const random = createRandom(seed);
  const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
  const champion: number[] = [];
  const challenger: number[] = [];
  const labels: number[] = [];
  for (let i = 0; i < count; i++) {
    const truth = -1 + 1.2 * random.normal();
    champion.push(logistic(truth + models.noise * random.normal()));
    challenger.push(logistic(truth + models.bias));
    labels.push(random.float() < logistic(truth) ? 1 : 0);
  }
  return comparePaired({ champion, challenger, labels, clusters: clustersOf(labels.map((_, i) => i % 30)) });
}

test('a better challenger is promoted with a sentence that says what is known', () => {
  const decision = decidePaired(simulate(4000, 1, { noise: 0.6, bias: 0 }));
  assert.equal(decision.verdict, 'better');
  assert.equal(decision.promote, true);
  assert.match(
    decision.sentence,
    /^ranks better \(dAUC \+0\.\d+, z \d+\.\d\); log loss better \(-0\.\d+, clustered over 30 days p /,
  );
});

test('equal models are not promoted: 4 % of draws at most pass by chance', () => {
  let promoted = 0;
  for (let run = 0; run < 100; run++) {
    const random = createRandom(run);
    const champion: number[] = [];
    const challenger: number[] = [];
    const labels: number[] = [];
    for (let i = 0; i < 1500; i++) {
      const truth = random.normal();
      const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
      champion.push(logistic(truth + 0.3 * random.normal()));
      challenger.push(logistic(truth + 0.3 * random.normal()));
      labels.push(random.float() < logistic(truth) ? 1 : 0);
    }
    if (decidePaired(comparePaired({ champion, challenger, labels })).promote) promoted++;
  }
  assert.ok(promoted <= 7, `${promoted} of 100`);
});

test('a challenger that ranks better but predicts a wrong level is not promoted', () => {
  const decision = decidePaired(simulate(4000, 2, { noise: 0.6, bias: 0.8 }));
  assert.equal(decision.verdict, 'worse');
  assert.match(decision.sentence, /^ranks better.*log loss worse.*worse than the champion\.$/);
  assert.ok(decision.warnings.some((w) => w.startsWith('calibration error rises')));
});

test('few rows are refused, and an inconclusive comparison says how many would do', () => {
  const few = decidePaired(simulate(200, 3, { noise: 0.6, bias: 0 }));
  assert.equal(few.verdict, 'undecided');
  assert.match(few.sentence, /Too few labelled pairs to decide: 200 .* at least 500/);
  const inconclusive = decidePaired(simulate(600, 4, { noise: 0.35, bias: 0.1 }), { logLossMargin: 0.0005 });
  assert.equal(inconclusive.verdict, 'undecided');
  assert.match(inconclusive.sentence, /about \d+ labelled pairs would show it, there are 600\.$/);
});

test('the broken version is seen as worse on a few hundred real flights although it ranks almost as well', () => {
  const compared = comparePaired({ ...pick('challenger', 'broken'), clusters: clustersOf(rows.day) });
  const decision = decidePaired(compared);
  assert.equal(decision.verdict, 'worse');
  assert.equal(decision.promote, false);
  assert.ok(compared.dLogLoss.estimate > 0.15 && Math.abs(compared.dAuc.z) < 2);
});

test('the detectable difference shrinks with the square root of the rows', () => {
  const small = simulate(1000, 5, { noise: 0.6, bias: 0 });
  const large = simulate(9000, 5, { noise: 0.6, bias: 0 });
  const ratio = small.minimumDetectableLogLoss / large.minimumDetectableLogLoss;
  assert.ok(ratio > 2.6 && ratio < 3.4, `${ratio}`);
});

test('p-values are spelled for people', () => {
  assert.deepEqual(
    [pText(0.42), pText(0.017), pText(3e-46), pText(0), pText(NaN)],
    ['0.42', '0.017', '3e-46', '< 1e-300', 'unknown'],
  );
});

function pick(
  champion: 'champion' | 'challenger',
  challenger: 'challenger' | 'broken',
): Parameters<typeof comparePaired>[0] {
  return { champion: rows[champion], challenger: rows[challenger], labels: rows.label };
}
