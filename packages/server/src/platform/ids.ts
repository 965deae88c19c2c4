import { randomFillSync } from 'node:crypto';
import type { Id, IdNoun } from '@slipway/contract';
import { spellId } from '@slipway/contract';
import type { Clock } from './clock.ts';

export interface Ids {
  /** A new id of this noun: UUIDv7, later ids of one process sort after earlier ones. */
  next<N extends IdNoun>(noun: N): Id<N>;
}

/**
 * UUIDv7 with the 12-bit `rand_a` field used as a counter within one millisecond (RFC 9562, 6.2 method 1), so ids made by
 * one process are strictly increasing even when the clock steps back.
 */
export function createIds(clock: Clock, fill: (bytes: Uint8Array) => void = createRandomFill()): Ids {
  let lastMs = 0;
  let counter = 0;
  // One id at a time is made in these bytes; what leaves is text.
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  return {
    next: (noun) => {
      const now = clock.now();
      if (now > lastMs) {
        lastMs = now;
        counter = 0;
      } else if (++counter > 0xfff) {
        lastMs++;
        counter = 0;
      }
      fill(bytes);
      view.setUint32(0, Math.floor(lastMs / 0x10000));
      view.setUint16(4, lastMs % 0x10000);
      view.setUint16(6, 0x7000 | counter);
      view.setUint8(8, 0x80 | (view.getUint8(8) & 0x3f));
      return spellId(noun, bytes);
    },
  };
}

/** Bytes drawn at a time: asking the system for 16 costs as much as for 4096. */
const poolBytes = 4096;

function createRandomFill(): (bytes: Uint8Array) => void {
  const pool = new Uint8Array(poolBytes);
  let used = poolBytes;
  return (bytes) => {
    if (used + bytes.length > poolBytes) {
      randomFillSync(pool);
      used = 0;
    }
    for (let i = 0; i < bytes.length; i++) bytes[i] = pool[used++] ?? 0;
  };
}
