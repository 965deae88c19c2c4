/**
 * Special functions behind the tests: normal, chi-square, Student t, Kolmogorov.
 *
 * Every tail is computed as a tail, never as 1 - CDF, so that a p-value of 1e-200 is as exact as one of 0.2; where even
 * the tail underflows there is a logarithm of it. Relative error about 1e-13 (normal, gamma, beta) over the ranges the
 * tests use; quantiles are polished to machine precision by Newton steps.
 * Sources: Lanczos (1964) with Godfrey's coefficients for ln gamma; continued fractions by the modified Lentz method
 * (Numerical Recipes, 6.2 and 6.4); Acklam (2003) for the start of the normal quantile.
 */

const lanczos = [
  0.999_999_999_999_809_93, 676.520_368_121_885_1, -1259.139_216_722_402_8, 771.323_428_777_653_13,
  -176.615_029_162_140_59, 12.507_343_278_686_905, -0.138_571_095_265_720_12, 9.984_369_578_019_571_6e-6,
  1.505_632_735_149_311_6e-7,
] as const;
const lnSqrt2Pi: number = Math.log(2 * Math.PI) / 2;
const tiny = 1e-300;
const epsilon = 1e-16;
const iterationLimit = 100_000;

/** ln |gamma(x)| for x > 0. */
export function lnGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - lnGamma(1 - x);
  if (x >= 100) {
    // Stirling's series is exact here, and the Lanczos sum would lose digits to the size of x.
    const inverse = 1 / x;
    const square = inverse * inverse;
    return (x - 0.5) * Math.log(x) - x + lnSqrt2Pi + inverse * (1 / 12 - square * (1 / 360 - square / 1260));
  }
  const z = x - 1;
  let sum: number = lanczos[0];
  for (let i = 1; i < lanczos.length; i++) sum += (lanczos[i] ?? 0) / (z + i);
  const t = z + 7.5;
  return lnSqrt2Pi + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** ln of the beta function. */
export function lnBeta(a: number, b: number): number {
  return lnGamma(a) + lnGamma(b) - lnGamma(a + b);
}

/** ln(e^a + e^b) without overflow. */
export function logAddExp(a: number, b: number): number {
  if (a === -Infinity) return b;
  if (b === -Infinity) return a;
  return a > b ? a + Math.log1p(Math.exp(b - a)) : b + Math.log1p(Math.exp(a - b));
}

/** Regularised upper incomplete gamma Q(a, x), its logarithm. a > 0, x >= 0. */
export function lnGammaQ(a: number, x: number): number {
  if (x <= 0) return 0;
  const lead = a * Math.log(x) - x - lnGamma(a);
  if (x < a + 1) {
    const lower = lead + Math.log(gammaSeries(a, x));
    return lower >= 0 ? -Infinity : Math.log1p(-Math.exp(lower));
  }
  return lead + Math.log(gammaFraction(a, x));
}

/** Regularised lower incomplete gamma P(a, x). */
export function gammaP(a: number, x: number): number {
  if (x <= 0) return 0;
  const lead = a * Math.log(x) - x - lnGamma(a);
  return x < a + 1 ? Math.exp(lead) * gammaSeries(a, x) : 1 - Math.exp(lead) * gammaFraction(a, x);
}

function gammaSeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; n < iterationLimit; n++) {
    term *= x / (a + n);
    sum += term;
    if (term < sum * epsilon) break;
  }
  return sum;
}

function gammaFraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let h = d;
  for (let i = 1; i < iterationLimit; i++) {
    const an = -i * (i - a);
    b += 2;
    d = an * d + b;
    d = 1 / (Math.abs(d) < tiny ? tiny : d);
    c = b + an / c;
    if (Math.abs(c) < tiny) c = tiny;
    const delta = d * c;
    h *= delta;
    if (Math.abs(delta - 1) < epsilon * 4) break;
  }
  return h;
}

/** Regularised incomplete beta I_x(a, b). */
export function betaI(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const lead = Math.exp(a * Math.log(x) + b * Math.log1p(-x) - lnBeta(a, b));
  return x < (a + 1) / (a + b + 2) ? (lead * betaFraction(x, a, b)) / a : 1 - (lead * betaFraction(1 - x, b, a)) / b;
}

function betaFraction(x: number, a: number, b: number): number {
  let c = 1;
  let d = 1 - ((a + b) * x) / (a + 1);
  d = 1 / (Math.abs(d) < tiny ? tiny : d);
  let h = d;
  for (let m = 1; m < iterationLimit; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 + even * d;
    d = 1 / (Math.abs(d) < tiny ? tiny : d);
    c = 1 + even / c;
    if (Math.abs(c) < tiny) c = tiny;
    h *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 + odd * d;
    d = 1 / (Math.abs(d) < tiny ? tiny : d);
    c = 1 + odd / c;
    if (Math.abs(c) < tiny) c = tiny;
    const delta = d * c;
    h *= delta;
    if (Math.abs(delta - 1) < epsilon * 4) break;
  }
  return h;
}

/** Error function. */
export function erf(x: number): number {
  const p = gammaP(0.5, x * x);
  return x < 0 ? -p : p;
}

/** Complementary error function; keeps its relative precision in the far right tail. */
export function erfc(x: number): number {
  return x < 0 ? 1 + gammaP(0.5, x * x) : Math.exp(lnGammaQ(0.5, x * x));
}

/** Normal CDF. */
export function normalCdf(z: number): number {
  return 0.5 * erfc(-z / Math.SQRT2);
}

/** Normal survival function P(Z > z). */
export function normalSf(z: number): number {
  return 0.5 * erfc(z / Math.SQRT2);
}

/** ln P(Z > z): exact where P itself underflows (z above 38). */
export function normalLogSf(z: number): number {
  return z <= 0 ? Math.log1p(-normalSf(-z)) : lnGammaQ(0.5, (z * z) / 2) - Math.LN2;
}

/** Two-sided normal p-value. */
export function normalTwoSidedP(z: number): number {
  return Math.min(1, 2 * normalSf(Math.abs(z)));
}

const acklamA = [
  -39.696_830_286_653_76, 220.946_098_424_520_5, -275.928_510_446_969, 138.357_751_867_269, -30.664_798_066_147_16,
  2.506_628_277_459_239,
] as const;
const acklamB = [
  -54.476_098_798_224_06, 161.585_836_858_040_9, -155.698_979_859_886_6, 66.801_311_887_719_72, -13.280_681_552_885_72,
] as const;
const acklamC = [
  -0.007_784_894_002_430_293, -0.322_396_458_041_136_5, -2.400_758_277_161_838, -2.549_732_539_343_734,
  4.374_664_141_464_968, 2.938_163_982_698_783,
] as const;
const acklamD = [
  0.007_784_695_709_041_462, 0.322_467_129_070_039_8, 2.445_134_137_142_996, 3.754_408_661_907_416,
] as const;

const polynomial = (coefficients: readonly number[], x: number): number =>
  coefficients.reduce((sum, c) => sum * x + c, 0);

/** Normal quantile: the z with P(Z <= z) = p, 0 < p < 1. */
export function normalQuantile(p: number): number {
  if (p <= 0) return -Infinity;
  if (p >= 1) return Infinity;
  if (p > 0.5) return -normalQuantile(1 - p);
  let z: number;
  if (p < 0.024_25) {
    const q = Math.sqrt(-2 * Math.log(p));
    z = polynomial(acklamC, q) / polynomial([...acklamD, 1], q);
  } else {
    const q = p - 0.5;
    z = (q * polynomial(acklamA, q * q)) / polynomial([...acklamB, 1], q * q);
  }
  for (let i = 0; i < 2; i++) {
    const density = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
    if (density === 0) break;
    z -= (normalCdf(z) - p) / density;
  }
  return z;
}

/** Chi-square survival P(X > x) with `df` degrees of freedom. */
export function chiSquareSf(x: number, df: number): number {
  return Math.exp(lnGammaQ(df / 2, x / 2));
}

/** The x with P(X > x) = `tail`, by bisection on the log tail. */
export function chiSquareUpperQuantile(tail: number, df: number): number {
  let low = 0;
  let high = df + 10;
  const target = Math.log(tail);
  while (lnGammaQ(df / 2, high / 2) > target) high *= 2;
  for (let i = 0; i < 200 && high - low > 1e-12 * high; i++) {
    const middle = (low + high) / 2;
    if (lnGammaQ(df / 2, middle / 2) > target) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Student t survival P(T > t) with `df` degrees of freedom (not necessarily whole). */
export function studentSf(t: number, df: number): number {
  const tail = 0.5 * betaI(df / (df + t * t), df / 2, 0.5);
  return t >= 0 ? tail : 1 - tail;
}

/** Two-sided Student p-value. */
export function studentTwoSidedP(t: number, df: number): number {
  return betaI(df / (df + t * t), df / 2, 0.5);
}

/** Student quantile: the t with P(T <= t) = p, by bisection. */
export function studentQuantile(p: number, df: number): number {
  if (p === 0.5) return 0;
  if (p < 0.5) return -studentQuantile(1 - p, df);
  const tail = 1 - p;
  let low = 0;
  let high = 2;
  while (studentSf(high, df) > tail) high *= 2;
  for (let i = 0; i < 200 && high - low > 1e-14 * high; i++) {
    const middle = (low + high) / 2;
    if (studentSf(middle, df) > tail) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Survival function of the limiting Kolmogorov distribution, P(K > x). */
export function kolmogorovSf(x: number): number {
  if (x <= 0) return 1;
  if (x < 1) {
    // The theta-function form converges at once for small x, where the alternating sum would cancel.
    let sum = 0;
    for (let k = 1; k <= 20; k += 2) sum += Math.exp(-(k * k * Math.PI * Math.PI) / (8 * x * x));
    return 1 - (Math.sqrt(2 * Math.PI) / x) * sum;
  }
  let sum = 0;
  for (let k = 1; k <= 20; k++) {
    const term = Math.exp(-2 * k * k * x * x);
    sum += k % 2 === 1 ? term : -term;
    if (term < epsilon * sum) break;
  }
  return Math.min(1, 2 * sum);
}

/** ln P(K > x), exact where the probability underflows. */
export function kolmogorovLogSf(x: number): number {
  return x < 4 ? Math.log(kolmogorovSf(x)) : Math.LN2 - 2 * x * x;
}
