import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SlipwayError } from '@slipway/contract';
import type { Scorer } from './scorer.ts';
import { labelValues } from './label-values.ts';

type Known = Pick<Scorer, 'classes' | 'isNumber'>;

function valueOf(value: number | string, scorer: Known | undefined): number | undefined {
  // Only what labels look at of a loaded version.
  const endpoint = scorer && ({ traffic: [{ version: 1, percent: 100 }], arms: new Map([[1, { scorer }]]) } as never);
  return labelValues('e', endpoint, [{ predictionId: 'prd_1', value, at: 0 }])[0]?.value;
}

const species: Known = { classes: ['Adelie', 'Chinstrap', 'Gentoo'], isNumber: false };
const sex: Known = { classes: ['male', 'female'], isNumber: false };
const grades: Known = { classes: [3, 5, 7], isNumber: false };
const flags: Known = { classes: [0, 1], isNumber: false };
const mass: Known = { classes: undefined, isNumber: true };

test('a label is a class in its own word, 0 or 1 of two classes, or a number', () => {
  assert.equal(valueOf('Gentoo', species), 2);
  assert.equal(valueOf('female', sex), 1);
  assert.equal(valueOf(0, sex), 0);
  assert.equal(valueOf(5, grades), 1);
  assert.equal(valueOf('true', flags), 1);
  assert.equal(valueOf('False', flags), 0);
  assert.equal(valueOf(3750.5, mass), 3750.5);
  assert.equal(valueOf(1, undefined), 1);
});

test('a class that the model does not know, and a text for a number, are refused and say what is known', () => {
  const cases: readonly (readonly [number | string, Known | undefined, RegExp])[] = [
    [
      'Emperor',
      species,
      /prediction "prd_1".*"Emperor" is no class of its model; the classes are Adelie, Chinstrap, Gentoo/,
    ],
    [1, species, /"1" is no class/],
    ['true', sex, /"true" is no class of its model; the classes are male, female/],
    [2, sex, /"2" is no class of its model; the classes are male, female/],
    ['heavy', mass, /the text "heavy", and its model predicts numbers/],
    ['heavy', undefined, /it has no model with named classes/],
  ];
  for (const [value, scorer, message] of cases) {
    assert.throws(
      () => valueOf(value, scorer),
      (error) => error instanceof SlipwayError && error.code === 'label_invalid' && message.test(error.message),
      String(value),
    );
  }
});
