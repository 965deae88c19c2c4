/** Seeded numbers in [0, 1): mulberry32 (T. Ettinger), a 32-bit state that suffices to pick rows and columns. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `take` of the numbers below `from`, ascending, every subset equally likely (selection sampling, Knuth 3.4.2 S). */
export function sampleSorted(from: number, take: number, random: () => number): Uint32Array {
  const chosen = new Uint32Array(take);
  let filled = 0;
  for (let i = 0; i < from && filled < take; i++) {
    if (random() * (from - i) < take - filled) chosen[filled++] = i;
  }
  return chosen;
}
