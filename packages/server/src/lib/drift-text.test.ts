import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { psi } from './drift.ts';
import { describeText, measureText, textCategories } from './drift-text.ts';
import { createRandom } from './random.ts';

/** `rows` draws from these values by weight, and their weeks of `perWeek` rows. */
function drawn(seed: number, rows: number, weights: Readonly<Record<string, number>>) {
  const random = createRandom(seed);
  const all = Object.entries(weights);
  const total = all.reduce((sum, [, weight]) => sum + weight, 0);
  const values = Array.from({ length: rows }, () => {
    let point = random.float() * total;
    return all.find(([, weight]) => (point -= weight) < 0)?.[0] ?? '';
  });
  return { values, periods: values.map((_, i) => Math.floor(i / 500)) };
}

const carriers = { UA: 30, B6: 25, EV: 20, DL: 15, AA: 9, HA: 1 };

test('a week like training is ordinary; another mix, a new value and missing ones are drift', () => {
  const training = drawn(1, 6000, carriers);
  const reference = describeText(training.values, { name: 'carrier', periods: training.periods });
  assert.deepEqual([reference.distinctCount, reference.ordinaryPeriods, reference.categories[0]], [6, 12, 'UA']);
  const same = measureText(reference, drawn(2, 1000, carriers).values);
  assert.deepEqual([same.status, same.newShare, same.newValues], ['ordinary', 0, []]);
  const mixed = measureText(reference, drawn(3, 1000, { ...carriers, UA: 5, AA: 40 }).values);
  assert.equal(mixed.status, 'drift');
  const renamed = drawn(4, 1000, carriers).values.map((v, i) => (v === 'EV' ? (i % 2 ? 'XE' : 'ev') : v));
  const fresh = measureText(reference, renamed);
  assert.equal(fresh.status, 'drift');
  assert.ok((fresh.newShare ?? 0) > 0.15 && (fresh.newShare ?? 0) < 0.25);
  assert.deepEqual(fresh.newValues.map((n) => n.value).sort(), ['XE', 'ev']);
  const missing = measureText(
    reference,
    drawn(5, 1000, carriers).values.map((v, i) => (i % 3 === 0 ? null : v)),
  );
  assert.deepEqual([missing.status, missing.nullShare], ['drift', 0.334]);
  assert.equal(measureText(reference, ['UA']).status, 'too-few-rows');
  assert.equal(measureText(describeText([], { name: 'x' }), drawn(6, 500, carriers).values).status, 'no-reference');
});

test('where weeks of training bring values of their own, a new value is ordinary', () => {
  const weeks = Array.from({ length: 10 }, (_, w) =>
    Array.from({ length: 500 }, (__, i) => (i % 10 === 0 ? `storm ${w}` : i % 2 ? 'a' : 'b')),
  );
  const reference = describeText(weeks.flat(), { name: 'event', periods: weeks.flatMap((v, w) => v.map(() => w)) });
  const next = Array.from({ length: 500 }, (_, i) => (i % 10 === 0 ? 'storm 11' : i % 2 ? 'a' : 'b'));
  const found = measureText(reference, next);
  assert.deepEqual([found.status, found.newShare], ['season', 0.1]);
});

test('free text is measured in a bounded reference, and nothing of it is called new', () => {
  const values = Array.from({ length: 5000 }, (_, i) => `tail ${i}`);
  const reference = describeText(values, { name: 'tail' });
  assert.deepEqual([reference.others, reference.categories.length], [undefined, textCategories]);
  assert.ok(JSON.stringify(reference).length < 4000);
  const found = measureText(
    reference,
    values.map((v) => `${v} later`),
  );
  assert.deepEqual([found.newShare, found.newValues, found.status], [undefined, [], 'ordinary']);
});

test('counts are those of the rows, shares sum to one, and the PSI is the one of the shares, whatever the texts', () => {
  const value = fc.oneof(
    fc.constantFrom('a', 'b', '<script>', '\u202eabc', '🛫', ''),
    fc.string(),
    fc.string({ minLength: 250, maxLength: 300 }),
    fc.constant(null),
  );
  fc.assert(
    fc.property(fc.array(value, { minLength: 1 }), fc.array(value, { minLength: 1 }), (then, now) => {
      const reference = describeText(then, { name: 'x' });
      const found = measureText(reference, now);
      const sum = (list: readonly number[]): number => list.reduce((total, n) => total + n, 0);
      assert.equal(sum(reference.counts), then.length);
      assert.equal(sum(found.counts), now.length);
      assert.equal(found.counts.length, reference.categories.length + 3);
      assert.ok(Math.abs(sum(found.shares) - 1) < 1e-9);
      assert.equal(found.psi, psi(reference.shares, found.shares));
      const known = new Set(then.map((v) => v?.slice(0, 200)));
      const fresh = now.filter((v) => v !== null && !known.has(v.slice(0, 200))).length;
      assert.equal(found.newShare, fresh / now.length);
      assert.ok(found.newValues.length <= 5 && found.newValues.every((n) => n.value.length <= 200));
    }),
  );
});
