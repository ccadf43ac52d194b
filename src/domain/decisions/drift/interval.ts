/** Intervals of distances between two samples, by effect size. */
import type { Interval } from '../../../contracts/index.js';
import { noncentralityAt, zOf } from '../distributions.js';

/** How the square of a distance, measured on samples, strays from the truth. */
export interface Noise {
  /**
   * The variance of the measured square is 4 * scale * truth where the truth is large against its noise (delta method). Positive.
   */
  scale: number;
  /** By how much the measured square is too large on average, at least and at most. */
  bias: { least: number; most: number };
}

/**
 * The true distance's square, from the measured one. A square of normal deviations is a scaled noncentral chi-squared
 * variable: near zero, where plain normal intervals fail, as well as far from it. Scale and degrees of freedom are chosen so that
 * its bias and its variance are those of the statistic; the interval is found by inversion (as for effect sizes in Steiger and
 * Fouladi 1997, "Noncentrality interval estimation").
 * @param square of the measured distance
 */
export function intervalOfSquare(square: number, { scale, bias }: Noise, confidence: number): Interval {
  const z = zOf(confidence);
  // A constant column has no bias that could be seen, but forty equal rows prove nothing: one degree of freedom at least.
  const most = Math.max(bias.most / scale, 1);
  const least = Math.max(bias.least / scale, 1);
  const measured = square / scale;
  return {
    low: scale * noncentralityAt(z, measured, most),
    // Samples that are more alike than equal ones use to be say no more than equal ones.
    high: scale * noncentralityAt(-z, Math.max(measured, least), least),
  };
}

export const rootOf = ({ low, high }: Interval): Interval => ({ low: Math.sqrt(low), high: Math.sqrt(high) });
