/**
 * A uniform sample of fixed size from a stream of unknown length (Algorithm L; Li 1994): every item seen so far is kept
 * with the same probability. O(capacity * log(seen / capacity)) random numbers in all; deterministic by seed.
 */
import assert from 'node:assert';
import { createRandom } from './random.ts';

export interface Reservoir<T> {
  add(item: T): void;
  seen(): number;
  /** The sample so far, in no meaningful order. */
  items(): readonly T[];
}

export function createReservoir<T>(capacity: number, seed: number): Reservoir<T> {
  assert.ok(Number.isInteger(capacity) && capacity > 0);
  const random = createRandom(seed);
  const kept: T[] = [];
  let seen = 0;
  let weight = 1;
  let next = capacity;
  // 1 - float() lies in (0, 1], so that the logarithm is finite.
  const advance = (): void => {
    weight *= Math.exp(Math.log(1 - random.float()) / capacity);
    next += Math.floor(Math.log(1 - random.float()) / Math.log1p(-weight)) + 1;
  };
  return {
    add: (item) => {
      if (seen < capacity) {
        kept.push(item);
        if (seen === capacity - 1) {
          next = capacity - 1;
          advance();
        }
      } else if (seen === next) {
        kept[random.below(capacity)] = item;
        advance();
      }
      seen++;
    },
    seen: () => seen,
    items: () => kept,
  };
}
