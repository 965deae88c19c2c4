import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SlipwayError } from '@slipway/contract';
import fc from 'fast-check';
import { matchesPattern, parseDatasetRef } from './reference.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}` as const;

test('references', () => {
  const parse = (text: string): unknown[] => Object.values(parseDatasetRef(text));
  assert.deepEqual(parse('flights'), ['flights', 'latest', undefined]);
  assert.deepEqual(parse('flights@latest'), ['flights', 'latest', undefined]);
  assert.deepEqual(parse('flights@3/2013-0*.parquet'), ['flights', 3, '2013-0*.parquet']);
  assert.deepEqual(parse(`a.b-c_d@${digest}/x.csv`), ['a.b-c_d', digest, 'x.csv']);
  assert.deepEqual(parse('flights/x.csv'), ['flights', 'latest', 'x.csv']);
  for (const bad of [
    '',
    '@3',
    'a@',
    'a@0',
    'a@-1',
    'a@1.5',
    'a@newest',
    'a@sha256:12',
    'a/',
    'a/b/c',
    'a/../b',
    '/a',
    'a b',
    'a@1@2',
  ]) {
    assert.throws(
      () => parseDatasetRef(bad),
      (e) => e instanceof SlipwayError && e.code === 'dataset_ref_invalid',
      bad,
    );
  }
});

test('a pattern matches as the regular expression of the same meaning does', () => {
  const word = (unit: string): fc.Arbitrary<string> =>
    fc.string({ maxLength: 8, unit: fc.constantFrom(...unit.split('')) });
  fc.assert(
    fc.property(word('ab.'), word('ab.*'), (name, pattern) => {
      const regex = new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
      assert.equal(matchesPattern(name, pattern), regex.test(name), `${name} ${pattern}`);
    }),
    { numRuns: 2000 },
  );
});
