/**
 * exp and log from additions, multiplications and bit fields alone, so that a training gives the same bits on every
 * platform and engine version (the language leaves Math.exp and Math.log to the implementation).
 * Relative error below 1e-14; exp is 0 below -745 and Infinity above 709.78.
 */

const ln2High = 6.931_471_803_691_238e-1;
const ln2Low = 1.908_214_929_270_587_7e-10;
const log2e = 1.442_695_040_888_963_4;
const inverseFactorials = [1, 1, 2, 6, 24, 120, 720, 5040, 40_320, 362_880, 3_628_800, 39_916_800].map((f) => 1 / f);

const bits = new DataView(new ArrayBuffer(8));

function powerOfTwo(exponent: number): number {
  bits.setInt32(0, (exponent + 1023) << 20);
  bits.setInt32(4, 0);
  return bits.getFloat64(0);
}

export function exp(x: number): number {
  if (x !== x) return Number.NaN;
  if (x > 709.782_712_893_384) return Infinity;
  if (x < -745.2) return 0;
  const n = Math.round(x * log2e);
  const r = x - n * ln2High - n * ln2Low;
  let sum = 0;
  for (let k = inverseFactorials.length - 1; k >= 0; k--) sum = sum * r + (inverseFactorials[k] as number);
  // In two steps, so that results near both ends of the range do not pass through a wrong exponent.
  const half = n >> 1;
  return sum * powerOfTwo(half) * powerOfTwo(n - half);
}

/** Natural logarithm: x = m 2^k with m in [sqrt(1/2), sqrt(2)), and log m = 2 atanh((m - 1) / (m + 1)). */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : Number.NaN;
  if (x === Infinity) return x;
  const isSubnormal = x < 2.225_073_858_507_201_4e-308;
  bits.setFloat64(0, isSubnormal ? x * 2 ** 54 : x);
  const high = bits.getInt32(0);
  let exponent = (high >> 20) - 1023 - (isSubnormal ? 54 : 0);
  bits.setInt32(0, (high & 0xf_ffff) | 0x3ff0_0000);
  let mantissa = bits.getFloat64(0);
  if (mantissa > Math.SQRT2) {
    mantissa /= 2;
    exponent += 1;
  }
  const s = (mantissa - 1) / (mantissa + 1);
  const square = s * s;
  let series = 0;
  for (let k = 21; k >= 1; k -= 2) series = series * square + 1 / k;
  return exponent * ln2High + (2 * s * series + exponent * ln2Low);
}

/** 1 / (1 + exp(-x)). */
export function sigmoid(x: number): number {
  return 1 / (1 + exp(-x));
}

/** The largest power of two not above `x`, for normal positive numbers. */
export function powerOfTwoUpTo(x: number): number {
  bits.setFloat64(0, x);
  return powerOfTwo((bits.getInt32(0) >> 20) - 1023);
}
