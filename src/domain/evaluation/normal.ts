/** The standard normal distribution. */

/** Φ(x), to about 1e-15 of its value: a series in the middle, a continued fraction in the tails (Abramowitz and Stegun 26.2.11, 26.2.14). */
export function normalCdf(x: number): number {
  if (Number.isNaN(x)) return x;
  const t = Math.abs(x);
  const density = Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI);
  if (t < 3) {
    let term = t;
    let sum = t;
    for (let k = 3; term > 1e-17 * sum; k += 2) {
      term *= (t * t) / k;
      sum += term;
    }
    return x < 0 ? 0.5 - density * sum : 0.5 + density * sum;
  }
  let fraction = 0;
  for (let k = 100; k >= 1; k--) fraction = k / (t + fraction);
  const tail = density / (t + fraction);
  return x < 0 ? tail : 1 - tail;
}

/** Φ⁻¹(p): bisection on Φ, which needs no table of coefficients. ±Infinity at 0 and 1. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) return p <= 0 ? -Infinity : Infinity;
  if (p > 0.5) return -normalQuantile(1 - p);
  let [low, high] = [-40, 0];
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (normalCdf(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Two-sided 95 %. */
export const Z_95 = 1.959963984540054;
