import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import fc from 'fast-check';
import {
  betaI,
  chiSquareSf,
  chiSquareUpperQuantile,
  erf,
  erfc,
  kolmogorovLogSf,
  kolmogorovSf,
  lnGamma,
  logAddExp,
  normalCdf,
  normalLogSf,
  normalQuantile,
  normalSf,
  studentQuantile,
  studentSf,
} from './special-functions.ts';

/** Rows of arguments followed by the value, made with SciPy 1.16. */
const golden = JSON.parse(
  readFileSync(new URL('./testdata/special-functions.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, readonly (readonly number[])[]>>;

function close(found: number, expected: number, relative: number, what: string): void {
  const error = expected === 0 ? Math.abs(found) : Math.abs(found - expected) / Math.abs(expected);
  assert.ok(error <= relative, `${what}: ${found}, expected ${expected}, relative error ${error}`);
}

const rows = (name: string): readonly (readonly [number, number, number, number])[] =>
  (golden[name] ?? []).map((r) => [r[0] ?? NaN, r[1] ?? NaN, r[2] ?? NaN, r[3] ?? NaN]);

test('the normal distribution agrees with SciPy in the middle and in both tails', () => {
  for (const [z, cdf, sf, logSf] of rows('normal')) {
    close(normalCdf(z), cdf, 2e-12, `cdf(${z})`);
    close(normalSf(z), sf, 2e-12, `sf(${z})`);
    close(normalLogSf(z), logSf, 1e-10, `logSf(${z})`);
  }
  for (const [z, logSf] of rows('normalLog')) close(normalLogSf(z), logSf, 1e-12, `logSf(${z})`);
  for (const [p, z] of rows('normalQuantile')) close(normalQuantile(p), z, 1e-9, `quantile(${p})`);
});

test('chi-square, Student and Kolmogorov tails and quantiles agree with SciPy', () => {
  for (const [x, df, sf] of rows('chi2')) close(chiSquareSf(x, df), sf, 1e-10, `chi2 sf(${x}, ${df})`);
  for (const [p, df, x] of rows('chi2Quantile')) close(chiSquareUpperQuantile(p, df), x, 1e-9, `chi2 isf(${p}, ${df})`);
  for (const [t, df, sf] of rows('student')) close(studentSf(t, df), sf, 1e-9, `t sf(${t}, ${df})`);
  for (const [p, df, t] of rows('studentQuantile')) close(studentQuantile(p, df), t, 1e-9, `t ppf(${p}, ${df})`);
  for (const [x, sf] of rows('kolmogorov')) close(kolmogorovSf(x), sf, 1e-10, `kolmogorov(${x})`);
});

test('gamma, beta and erf agree with SciPy', () => {
  for (const [x, y] of rows('lnGamma')) close(lnGamma(x), y, 1e-12, `lnGamma(${x})`);
  for (const [x, a, b, y] of rows('betaI')) close(betaI(x, a, b), y, 1e-10, `betaI(${x}, ${a}, ${b})`);
  for (const [x, y, complement] of rows('erf')) {
    close(erf(x), y, 1e-12, `erf(${x})`);
    close(erfc(x), complement, 1e-11, `erfc(${x})`);
  }
});

test('a quantile undoes its distribution, and the logarithm of a tail is its logarithm', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-10, max: 1 - 1e-10, noNaN: true }), (p) => {
      close(normalCdf(normalQuantile(p)), p, 1e-9, `p ${p}`);
    }),
  );
  fc.assert(
    fc.property(fc.double({ min: 0.3, max: 8, noNaN: true }), (x) => {
      close(Math.exp(kolmogorovLogSf(x)), kolmogorovSf(x), 1e-9, `x ${x}`);
      close(Math.exp(normalLogSf(x)), normalSf(x), 1e-9, `x ${x}`);
    }),
  );
  assert.equal(logAddExp(-Infinity, -3), -3);
  close(logAddExp(1000, 1000), 1000 + Math.LN2, 1e-15, 'logAddExp');
});
