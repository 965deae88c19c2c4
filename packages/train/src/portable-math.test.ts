import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { exp, log, powerOfTwoUpTo, sigmoid } from './portable-math.ts';

const isClose = (actual: number, expected: number, relative: number): boolean =>
  Object.is(actual, expected) || Math.abs(actual - expected) <= relative * Math.abs(expected) + 1e-307;

test('exp is within 1e-14 of the engine everywhere and exact at its ends', () => {
  fc.assert(
    fc.property(fc.double({ min: -740, max: 709, noNaN: true }), (x) => isClose(exp(x), Math.exp(x), 1e-14)),
    { numRuns: 5000 },
  );
  assert.deepEqual([exp(0), exp(-0), exp(-Infinity), exp(Infinity), exp(Number.NaN)], [1, 1, 0, Infinity, Number.NaN]);
  assert.deepEqual([exp(-746), exp(710)], [0, Infinity]);
});

test('log is within 1e-14 of the engine everywhere and exact at its ends', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1.7e308, noNaN: true }), (x) => isClose(log(x), Math.log(x), 1e-14)),
    { numRuns: 5000 },
  );
  for (const x of [1 - 2 ** -50, 1 + 2 ** -50, 0.5, 2, 1e-310, 5e-324]) {
    assert.ok(isClose(log(x), Math.log(x), 1e-14), `log(${x}) = ${log(x)}`);
  }
  assert.deepEqual(
    [log(1), log(0), log(-1), log(Infinity), log(Number.NaN)],
    [0, -Infinity, Number.NaN, Infinity, Number.NaN],
  );
});

test('sigmoid is monotone and symmetric', () => {
  assert.equal(sigmoid(0), 0.5);
  assert.equal(sigmoid(-Infinity), 0);
  assert.equal(sigmoid(Infinity), 1);
  for (let x = -40; x < 40; x += 0.37) {
    assert.ok(sigmoid(x) <= sigmoid(x + 0.37));
    assert.ok(Math.abs(sigmoid(x) + sigmoid(-x) - 1) < 1e-14);
  }
});

test('powerOfTwoUpTo is exact at powers of two and just below', () => {
  for (let exponent = -1000; exponent <= 1000; exponent += 125) {
    const power = 2 ** exponent;
    assert.equal(powerOfTwoUpTo(power), power);
    assert.equal(powerOfTwoUpTo(power * 1.999_999), power);
    assert.equal(powerOfTwoUpTo(power * (1 - Number.EPSILON / 2)), power / 2);
  }
});
