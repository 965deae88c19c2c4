import { createHash } from 'node:crypto';
import type { Id, IdNoun } from '@slipway/contract';
import { spellId } from '@slipway/contract';

/**
 * The id of a declared thing, made inside a write operation, which has no other source than its transaction: a UUIDv7 whose
 * random part is a hash of noun, instant and name. Running the operation again makes the same id.
 */
export function declaredId<N extends IdNoun>(noun: N, atMs: number, name: string): Id<N> {
  const bytes = createHash('sha256').update(`${noun} ${atMs} ${name}`).digest().subarray(0, 16);
  bytes.writeUIntBE(atMs, 0, 6);
  bytes.writeUInt8(0x70 | (bytes.readUInt8(6) & 0x0f), 6);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
  return spellId(noun, bytes);
}
