/**
 * Seeded pseudo-random numbers for resampling and simulation: xoshiro128** 1.1 (Blackman and Vigna, 2018), state filled
 * from the seed by splitmix32. Period 2^128 - 1, equal results on every machine. Not for secrets: those come from the
 * platform's random source.
 */
export interface Random {
  /** Uniform integer in 0 .. 2^32 - 1. */
  uint32(): number;
  /** Uniform in [0, 1) with 53 random bits. */
  float(): number;
  /** Uniform integer in 0 .. bound - 1, without modulo bias; bound at most 2^32. */
  below(bound: number): number;
  /** Standard normal (Marsaglia's polar method). */
  normal(): number;
}

/** @param seed any number; its integer part modulo 2^32 counts. */
export function createRandom(seed: number): Random {
  let mix = seed >>> 0;
  const splitmix = (): number => {
    mix = (mix + 0x9e3779b9) >>> 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  let a = splitmix();
  let b = splitmix();
  let c = splitmix();
  let d = splitmix();
  let spare: number | undefined;

  const uint32 = (): number => {
    const scaled = Math.imul(b, 5);
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  const float = (): number => ((uint32() >>> 5) * 67_108_864 + (uint32() >>> 6)) / 9_007_199_254_740_992;

  return {
    uint32,
    float,
    below: (bound) => {
      const limit = 4_294_967_296 - (4_294_967_296 % bound);
      for (;;) {
        const draw = uint32();
        if (draw < limit) return draw % bound;
      }
    },
    normal: () => {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      for (;;) {
        const u = 2 * float() - 1;
        const v = 2 * float() - 1;
        const s = u * u + v * v;
        if (s > 0 && s < 1) {
          const factor = Math.sqrt((-2 * Math.log(s)) / s);
          spare = v * factor;
          return u * factor;
        }
      }
    },
  };
}
