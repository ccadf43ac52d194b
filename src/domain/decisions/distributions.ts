/** The two distributions that intervals are made of. */

/** A polynomial by its coefficients, the highest power first. */
const polynomial = (coefficients: readonly number[], x: number): number => coefficients.reduce((y, c) => y * x + c, 0);

const CENTRE = {
  over: [
    2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987, 13731.69376550946, 1971.5909503065513,
    133.14166789178438, 3.3871328727963665,
  ],
  under: [
    5226.495278852546, 28729.085735721943, 39307.89580009271, 21213.794301586597, 5394.196021424751, 687.1870074920579,
    42.31333070160091, 1,
  ],
};
const SHOULDER = {
  over: [
    0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684, 3.6478483247632045,
    5.769497221460691, 4.630337846156546, 1.4234371107496835,
  ],
  under: [
    1.0507500716444169e-9, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008, 0.6897673349851,
    1.6763848301838038, 2.053191626637759, 1,
  ],
};
const TAIL = {
  over: [
    2.0103343992922881e-7, 2.7115555687434876e-5, 0.0012426609473880784, 0.026532189526576124, 0.29656057182850487,
    1.7848265399172913, 5.463784911164114, 6.657904643501103,
  ],
  under: [
    2.0442631033899397e-15, 1.421511758316446e-7, 1.8463183175100548e-5, 0.0007868691311456133, 0.014875361290850615,
    0.1369298809227358, 0.599832206555888, 1,
  ],
};

/**
 * Quantile of the standard normal distribution, to 16 digits.
 * Source: Wichura 1988, algorithm AS 241 (PPND16), Applied Statistics 37.
 * @param p between 0 and 1, both excluded
 */
export function normalQuantile(p: number): number {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return (q * polynomial(CENTRE.over, r)) / polynomial(CENTRE.under, r);
  }
  const r = Math.sqrt(-Math.log(q < 0 ? p : 1 - p));
  const { over, under } = r <= 5 ? SHOULDER : TAIL;
  const x = r - (r <= 5 ? 1.6 : 5);
  return (Math.sign(q) * polynomial(over, x)) / polynomial(under, x);
}

/** The z of a two-sided interval: 0.95 gives 1.96. */
export const zOf = (confidence: number): number => normalQuantile((1 + confidence) / 2);

/**
 * Quantile of Student's t for a two-sided interval: the expansion of Cornish and Fisher, good to 2 % from 3 degrees of freedom on.
 * Source: Abramowitz and Stegun 1964, 26.7.5.
 */
export function studentOf(confidence: number, degrees: number): number {
  const z = zOf(confidence);
  if (degrees < 1) return Infinity;
  const z2 = z * z;
  const first = (z * (z2 + 1)) / 4;
  const second = (z * ((5 * z2 + 16) * z2 + 3)) / 96;
  const third = (z * (((3 * z2 + 19) * z2 + 17) * z2 - 15)) / 384;
  const fourth = (z * ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945)) / 92160;
  return z + first / degrees + second / degrees ** 2 + third / degrees ** 3 + fourth / degrees ** 4;
}

/**
 * Where x stands in a noncentral chi-squared distribution, as the z of a standard normal one. Its error is below 0.001 in
 * probability; for less than three degrees of freedom the lower tail is told too heavy, which makes intervals wider.
 * Source: Sankaran 1963, "Approximations to the non-central chi-square distribution", Biometrika 50.
 */
export function noncentralZ(x: number, degrees: number, noncentrality: number): number {
  const mean = degrees + noncentrality;
  const spread = degrees + 2 * noncentrality;
  const h = 1 - (2 * mean * (degrees + 3 * noncentrality)) / (3 * spread * spread);
  const p = spread / (mean * mean);
  const m = (h - 1) * (1 - 3 * h);
  const centre = 1 + h * p * (h - 1 - 0.5 * (2 - h) * m * p);
  return ((x / mean) ** h - centre) / (h * Math.sqrt(2 * p) * (1 + 0.5 * m * p));
}

/** The noncentrality under which x stands at z; 0 when even without any it stands lower. */
export function noncentralityAt(z: number, x: number, degrees: number): number {
  if (noncentralZ(x, degrees, 0) <= z) return 0;
  let low = 0;
  let high = (Math.sqrt(x) + Math.abs(z) + 3) ** 2;
  for (let step = 0; step < 60 && high - low > 1e-9 * high; step++) {
    const middle = (low + high) / 2;
    if (noncentralZ(x, degrees, middle) > z) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
