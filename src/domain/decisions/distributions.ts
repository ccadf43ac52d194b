/** The two distributions that intervals are made of. */

/** A polynomial by its coefficients, the highest power first. */
const polynomial = (coefficients: readonly number[], x: number): number => coefficients.reduce((y, c) => y * x + c, 0);

const CENTRE = {
  over: [
    2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457, 13731.693765509461125,
    1971.5909503065514427, 133.14166789178437745, 3.387132872796366608,
  ],
  under: [
    5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867, 5394.1960214247511077,
    687.1870074920579083, 42.313330701600911252, 1,
  ],
};
const SHOULDER = {
  over: [
    7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
    3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734,
  ],
  under: [
    1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
    0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1,
  ],
};
const TAIL = {
  over: [
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
    0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772,
  ],
  under: [
    2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
    0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1,
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
 * Quantile of Student's t for a two-sided interval: the expansion of Cornish and Fisher, good to 1 % from 3 degrees of freedom on.
 * Source: Abramowitz and Stegun 1964, 26.7.5.
 */
export function studentOf(confidence: number, degrees: number): number {
  const z = zOf(confidence);
  if (degrees < 1) return Infinity;
  const z2 = z * z;
  const first = (z * (z2 + 1)) / 4;
  const second = (z * ((5 * z2 + 16) * z2 + 3)) / 96;
  const third = (z * (((3 * z2 + 19) * z2 + 17) * z2 - 15)) / 384;
  return z + first / degrees + second / degrees ** 2 + third / degrees ** 3;
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
