/** Distances between distributions on the line: Kolmogorov-Smirnov and Wasserstein. */
import type { Interval } from '../../../contracts/index.js';
import { intervalOfSquare, rootOf } from './interval.js';
import { type NumericJoint, total } from './joint.js';

/** A statistic and what it may be, given that only cells are known: `from <= truth of these samples <= to`. */
export interface WithinCells {
  value: number;
  from: number;
  to: number;
}

export interface OrderStatistics {
  ks: WithinCells;
  ksInterval: Interval;
  /** In the column's unit; null when the numbers are too large to be subtracted. */
  wasserstein: WithinCells | null;
  wassersteinInterval: Interval;
  /** Standard deviations. */
  deviation: { reference: number; current: number };
}

/** The expected square of Kolmogorov's limit sup|B(t)|, B a Brownian bridge. */
const KOLMOGOROV_SQUARE = Math.PI ** 2 / 12;

/**
 * Largest distance between the distribution functions, and the area between them, as `scipy.stats.ks_2samp` and
 * `scipy.stats.wasserstein_distance`. Exact where cells are single values. In wider cells the largest distance is looked for at
 * their ends, the area is measured as if values were spread evenly; both functions only rise, which bounds what can hide within.
 */
export function orderStatistics(joint: NumericJoint, confidence: number): OrderStatistics {
  const rows = { reference: total(joint.reference), current: total(joint.current) };
  const walk = walkCells(joint, rows);
  const deviation = { reference: deviationOf(joint, joint.reference), current: deviationOf(joint, joint.current) };
  const each = 1 / rows.reference + 1 / rows.current;
  // Least and most correlated deviations along the line: E|N(x)N(y)| lies between 2/pi and 1 times the product of their deviations.
  const area = walk.noiseArea ** 2;
  const ksInterval = within(
    walk.ks,
    // The variance of the distance at one point is at most 1/4 per row. Twice the bias, because the point is chosen where chance
    // adds most, which no chi-squared variable does.
    { scale: each / 4, bias: { least: KOLMOGOROV_SQUARE * each, most: 2 * KOLMOGOROV_SQUARE * each } },
    confidence,
  );
  const scale = deviation.reference ** 2 / rows.reference + deviation.current ** 2 / rows.current;
  return {
    ks: walk.ks,
    ksInterval: { low: ksInterval.low, high: Math.min(1, ksInterval.high) },
    wasserstein: Number.isFinite(walk.wasserstein.to) && Number.isFinite(scale) ? walk.wasserstein : null,
    wassersteinInterval:
      scale > 0
        ? within(walk.wasserstein, { scale, bias: { least: (area * 2) / Math.PI, most: area } }, confidence)
        : { low: walk.wasserstein.from, high: walk.wasserstein.to },
    deviation,
  };
}

/** Sampling's interval around the least and the largest that the statistic can be. */
const within = (
  { from, to }: WithinCells,
  noise: Parameters<typeof intervalOfSquare>[1],
  confidence: number,
): Interval => ({
  low: rootOf(intervalOfSquare(from ** 2, noise, confidence)).low,
  high: rootOf(intervalOfSquare(to ** 2, noise, confidence)).high,
});

/** One way along the line; `noiseArea` is the area under the standard deviation of the difference of both functions. */
function walkCells(
  joint: NumericJoint,
  rows: { reference: number; current: number },
): { ks: WithinCells; wasserstein: WithinCells; noiseArea: number } {
  const ks = { value: 0, from: 0, to: 0 };
  const wasserstein = { value: 0, from: 0, to: 0 };
  let noiseArea = 0;
  let [f, g] = [0, 0];
  const noise = (): number => Math.sqrt((f * (1 - f)) / rows.reference + (g * (1 - g)) / rows.current);
  for (let i = 0, referenceRows = 0, currentRows = 0; i < joint.starts.length; i++) {
    const [f0, g0] = [f, g];
    const noise0 = noise();
    referenceRows += joint.reference[i]!;
    currentRows += joint.current[i]!;
    f = referenceRows / rows.reference;
    g = currentRows / rows.current;
    ks.value = Math.max(ks.value, Math.abs(f - g));
    const width = joint.high[i]! - joint.low[i]!;
    if (width > 0) {
      ks.to = Math.max(ks.to, f - g0, g - f0);
      wasserstein.value += width * meanDistance(f0 - g0, f - g);
      wasserstein.from += width * Math.max(0, f0 - g, g0 - f);
      wasserstein.to += width * Math.max(f - g0, g - f0);
      noiseArea += (width * (noise0 + noise())) / 2;
    }
    const gap = i + 1 < joint.starts.length ? joint.low[i + 1]! - joint.high[i]! : 0;
    wasserstein.value += gap * Math.abs(f - g);
    wasserstein.from += gap * Math.abs(f - g);
    wasserstein.to += gap * Math.abs(f - g);
    noiseArea += gap * noise();
  }
  return { ks: { value: ks.value, from: ks.value, to: Math.max(ks.value, ks.to) }, wasserstein, noiseArea };
}

/** The mean of |x| while x goes evenly from a to b. */
function meanDistance(a: number, b: number): number {
  if (a * b >= 0) return Math.abs(a + b) / 2;
  return (a * a + b * b) / (2 * Math.abs(b - a));
}

/** Around the first value, so that large offsets (times) cost no digits. */
function deviationOf({ low, high }: NumericJoint, counts: readonly number[]): number {
  const origin = low[0]!;
  let [rows, sum, squares] = [0, 0, 0];
  for (let i = 0; i < counts.length; i++) {
    const n = counts[i]!;
    if (n === 0) continue;
    const x = (low[i]! - origin + (high[i]! - origin)) / 2;
    rows += n;
    sum += n * x;
    squares += n * x * x;
  }
  return Math.sqrt(Math.max(0, squares / rows - (sum / rows) ** 2));
}
