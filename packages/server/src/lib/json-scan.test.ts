import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonCodes, jsonKey, JsonScan } from './json-scan.ts';

const scanOf = (text: string): JsonScan => new JsonScan(Buffer.from(text));

/** The number that is the whole text, or NaN. */
function numberOf(text: string): number {
  const scan = scanOf(text);
  const value = scan.number();
  return scan.isAtEnd() ? value : Number.NaN;
}

function parsed(text: string): number {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'number' && Number.isFinite(value) ? value : Number.NaN;
  } catch {
    return Number.NaN;
  }
}

const check = (text: string): void => assert.ok(Object.is(numberOf(text), parsed(text)), text);

test('numbers have the bits of JSON.parse', () => {
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => check(JSON.stringify(value))));
  const digits = (max: number): fc.Arbitrary<string> =>
    fc.string({
      unit: fc.constantFrom('0', '1', '2', '3', '4', '5', '6', '7', '8', '9'),
      minLength: 1,
      maxLength: max,
    });
  const spelled = fc.tuple(fc.constantFrom('', '-'), digits(20), digits(30), fc.integer({ min: -330, max: 330 }));
  fc.assert(
    fc.property(spelled, ([sign, whole, fraction, exponent]) => {
      const plain = sign + (whole.replace(/^0+(?=\d)/, '') || '0');
      check(plain);
      check(`${plain}.${fraction}`);
      check(`${plain}.${fraction}e${exponent}`);
      check(`${plain}E+${Math.abs(exponent)}`);
    }),
    { numRuns: 3000 },
  );
});

test('what is on the edge of an exact float64 is rounded once', () => {
  for (const text of [
    '9007199254740991',
    '9007199254740992',
    '9007199254740993',
    '900719925474.0993',
    '0.9007199254740993',
    '9007199254740980.5',
    '0.00000000000000000000012345',
    '0.000000000000000000000012345',
    '-0',
    '-0.0',
    '0.1',
    '123456789012345678901234567890',
    '1e22',
    '1e400',
  ]) {
    check(text);
  }
});

test('what is no number of JSON is refused', () => {
  for (const text of [
    '',
    '-',
    '+1',
    '01',
    '-01',
    '.5',
    '1.',
    '1.e5',
    '1e',
    '1e+',
    'NaN',
    'Infinity',
    '0x10',
    '1 2',
    '--1',
  ]) {
    assert.ok(Number.isNaN(numberOf(text)), text);
  }
});

test('texts are those of JSON.parse, or refused', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const text = scanOf(JSON.stringify(value)).text();
      assert.ok(text === value || (text === undefined && !/^[ !#-[\]-~]*$/.test(value)), value);
    }),
  );
  for (const text of ['"open', 'bare', '"a\\u0041"', '"tab\there"', '"é"', '']) {
    assert.equal(scanOf(text).text(), undefined, text);
  }
});

test('members are found whatever space lies around them', () => {
  const [a, b] = [jsonKey('a'), jsonKey('b c')];
  const { brace, closingBrace, comma } = jsonCodes;
  for (const text of ['{"a":1,"b c":null}', ' {\n\t"a" : 1 ,\r\n "b c" :null } ']) {
    const scan = scanOf(text);
    assert.ok(scan.skip(brace) && !scan.skipKey(b) && scan.skipKey(a));
    assert.equal(scan.number(), 1);
    assert.ok(
      scan.skip(comma) && scan.skipKey(b) && scan.skipNull() && scan.skip(closingBrace) && scan.isAtEnd(),
      text,
    );
  }
  assert.equal(scanOf('{"a"').skipKey(a), false);
  for (const name of ['quote"', 'ü', 'back\\slash', 'new\nline']) {
    assert.equal(scanOf(`${JSON.stringify(name)}:1`).skipKey(jsonKey(name)), false, name);
  }
});
