/**
 * float32 exponential and logistic with the bits of glibc's `expf`, which ONNX Runtime calls on Linux.
 *
 * exp(x) = 2^(k/32) * 2^(r/32) with k = round(32 x / ln 2): the first factor from a table of 32 correctly rounded
 * doubles and a power of two, the second from a cubic in r, all in doubles, rounded to float32 once.
 * Source: Arm Optimized Routines, expf (2018), the algorithm of glibc >= 2.27 and musl. Other C libraries may differ
 * from it in the last bit.
 */

// 2^(i/32)
const powers = Float64Array.of(
  1.0,
  1.0218971486541166,
  1.0442737824274138,
  1.0671404006768237,
  1.0905077326652577,
  1.1143867425958924,
  1.1387886347566916,
  1.1637248587775775,
  1.189207115002721,
  1.215247359980469,
  1.241857812073484,
  1.2690509571917332,
  1.2968395546510096,
  1.3252366431597413,
  1.3542555469368927,
  1.383909881963832,
  1.4142135623730951,
  1.4451808069770467,
  1.4768261459394993,
  1.5091644275934228,
  1.5422108254079407,
  1.5759808451078865,
  1.6104903319492543,
  1.645755478153965,
  1.681792830507429,
  1.718619298122478,
  1.7562521603732995,
  1.7947090750031072,
  1.8340080864093424,
  1.8741676341103,
  1.9152065613971474,
  1.9571441241754002,
);

// 2^(i - 160), i = 0 .. 319: covers every exponent that a float32 result can have
const scales = Float64Array.from({ length: 320 }, (_, i) => 2 ** (i - 160));

const INV_LN2_N = 1.4426950408889634 * 32;
// x + SHIFT - SHIFT rounds a double to the nearest integer, ties to even
const SHIFT = 0x18000000000000;
const C0 = 0x1c6af84b912394 * 2 ** (-52 - 5 - 15);
const C1 = 0x1ebfce50fac4f3 * 2 ** (-52 - 3 - 10);
const C2 = 0x162e42ff0c52d6 * 2 ** (-52 - 1 - 5);

/** Beyond these the result is +Inf (log(2^128)) or 0 (log(2^-150)). */
const OVERFLOW = 0x162e42e * 2 ** -18;
const UNDERFLOW = -0x19fe368 * 2 ** -18;

/** e^x for a float32 x, rounded to float32. */
export function expf(x: number): number {
  if (!(x <= OVERFLOW)) return Number.isNaN(x) ? Number.NaN : Number.POSITIVE_INFINITY;
  if (x < UNDERFLOW) return 0;
  const z = INV_LN2_N * x;
  const k = z + SHIFT - SHIFT;
  const r = z - k;
  const scale = (powers[k & 31] as number) * (scales[(k >> 5) + 160] as number); // in range by the checks above
  const r2 = r * r;
  return Math.fround(((C0 * r + C1) * r2 + (C2 * r + 1)) * scale);
}

/** 1 / (1 + e^-x) as ONNX Runtime computes it: rounded to float32 at each step, from |x|, mirrored for x < 0. */
export function logisticf(x: number): number {
  const v = Math.fround(1 / Math.fround(1 + expf(-Math.abs(x))));
  return x < 0 ? Math.fround(1 - v) : v;
}
