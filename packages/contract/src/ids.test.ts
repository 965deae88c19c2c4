import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { idFromHex, idPrefixes, idToHex, isId, spellId, writeIdBytes } from './ids.ts';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const idBytes = fc.uint8Array({ minLength: 16, maxLength: 16 });

/** The definition, read literally: one number of 128 bits in base 32. */
function spellSlowly(bytes: Uint8Array): string {
  let n = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  for (let i = 0; i < 26; i++) {
    text = alphabet.charAt(Number(n & 31n)) + text;
    n >>= 5n;
  }
  return `${idPrefixes.prediction}_${text}`;
}

test('an id is its 128 bits in base 32, and comes back', () => {
  fc.assert(
    fc.property(idBytes, (bytes) => {
      const id = spellId('prediction', bytes);
      const hex = Buffer.from(bytes).toString('hex');
      assert.equal(id, spellSlowly(bytes));
      assert.equal(idToHex('prediction', id), hex);
      assert.equal(idFromHex('prediction', hex), id);
      assert.ok(isId('prediction', id));
      const padded = new Uint8Array(20).fill(7);
      writeIdBytes('prediction', id, padded, 2);
      assert.deepEqual([...padded], [7, 7, ...bytes, 7, 7]);
      assert.equal(spellId('prediction', padded, 2), id);
    }),
  );
});

test('prefixes have three letters, which is how ids are spelled', () => {
  for (const prefix of Object.values(idPrefixes)) assert.match(prefix, /^[a-z]{3}$/);
});

test('the order of the texts is the order of the bytes', () => {
  fc.assert(
    fc.property(idBytes, idBytes, (a, b) => {
      const [left, right] = [spellId('run', a), spellId('run', b)];
      assert.equal(Math.sign(Buffer.compare(a, b)), left < right ? -1 : left > right ? 1 : 0);
    }),
  );
});

test('what is not an id of the noun is refused, and nothing else', () => {
  const character = fc.constantFrom(...Array.from(alphabet), 'i', 'l', 'o', 'u', 'Z', '_', '-', 'é', '🛫');
  const text = fc.array(character, { minLength: 25, maxLength: 27 }).map((list) => `prd_${list.join('')}`);
  fc.assert(
    fc.property(fc.oneof(text, fc.string()), (id) => {
      if (/^prd_[0-7][0-9a-hjkmnp-tv-z]{25}$/.test(id)) assert.equal(idToHex('prediction', id).length, 32);
      else assert.throws(() => idToHex('prediction', id), { code: 'id_invalid' });
    }),
    { numRuns: 2000 },
  );
  assert.throws(() => idToHex('run', spellId('prediction', new Uint8Array(16))), { code: 'id_invalid' });
  assert.throws(() => idFromHex('run', '0198f3c2'), { code: 'id_invalid' });
});
