import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idToHex } from '@slipway/contract';
import { declaredId } from './declared-id.ts';

test('an id of a declared thing is a UUIDv7 of its instant, the same every time, and differs by noun, instant and name', () => {
  const at = 1_364_788_800_123;
  const id = declaredId('model', at, 'flight-delay');
  assert.equal(declaredId('model', at, 'flight-delay'), id);
  const hex = idToHex('model', id);
  assert.equal(Number.parseInt(hex.slice(0, 12), 16), at);
  assert.match(hex, /^.{12}7.{3}[89ab].{15}$/);
  const others = [
    idToHex('policy', declaredId('policy', at, 'flight-delay')),
    idToHex('model', declaredId('model', at, 'other')),
    idToHex('model', declaredId('model', at + 1, 'flight-delay')),
  ];
  assert.equal(new Set([hex, ...others].map((h) => h.slice(13))).size, 4);
});
