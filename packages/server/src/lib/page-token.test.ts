import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodePageToken, encodePageToken, fingerprintOf } from './page-token.ts';

test('a token gives back its cells to the same query and to no other', () => {
  const cell = fc.oneof(
    fc.string(),
    fc.double({ noNaN: true }).map((n) => n + 0),
    fc.constant(null),
  );
  fc.assert(
    fc.property(fc.array(cell, { maxLength: 5 }), fc.string(), fc.string(), (cells, a, b) => {
      const token = encodePageToken(fingerprintOf(a), cells);
      assert.deepEqual(decodePageToken(token, fingerprintOf(a), cells.length), cells);
      assert.throws(() => decodePageToken(token, fingerprintOf(a), cells.length + 1), { code: 'page_token_invalid' });
      if (a !== b)
        assert.throws(() => decodePageToken(token, fingerprintOf(b), cells.length), { code: 'page_token_invalid' });
    }),
  );
});

test('garbage is refused', () => {
  for (const token of [
    '',
    'x',
    'null',
    Buffer.from('{}').toString('base64url'),
    Buffer.from('["f",{}]').toString('base64url'),
  ]) {
    assert.throws(() => decodePageToken(token, 'f', 1), { code: 'page_token_invalid' });
  }
});
