/** Distances between the shares of bins, without order: PSI and Jensen-Shannon. */
import type { Interval } from '../../../contracts/index.js';
import type { Bins } from './bins.js';
import { intervalOfSquare, rootOf } from './interval.js';
import { type Counts, total } from './joint.js';

/**
 * Added to every bin's count (Jeffreys' prior), so that an empty bin gives a large finite term instead of an infinite one.
 * Unlike a fixed floor for shares it weighs less the more rows there are.
 */
const PRIOR_COUNT = 0.5;

/** Shares of two samples, none of them 0, and the samples' sizes. */
interface Shares {
  p: number[];
  q: number[];
  rows: { reference: number; current: number };
}

function sharesOf({ reference, current }: Counts): Shares {
  const rows = { reference: total(reference), current: total(current) };
  const share = (counts: number[], all: number): number[] =>
    counts.map((n) => (n + PRIOR_COUNT) / (all + PRIOR_COUNT * counts.length));
  return { p: share(reference, rows.reference), q: share(current, rows.current), rows };
}

/**
 * Population stability index: sum over bins of (q - p) ln(q / p), p the reference's and q the current share.
 * Source: Siddiqi 2006, "Credit Risk Scorecards" (common reading: from 0.1 on a shift, from 0.25 on a large one); it is the
 * symmetrised Kullback-Leibler divergence.
 */
export const psiOf = (bins: Counts): number => total(psiTerms(bins));

/** What each bin adds to the PSI; none is negative. */
export function psiTerms(bins: Counts): number[] {
  const { p, q } = sharesOf(bins);
  return p.map((share, i) => (q[i]! - share) * Math.log(q[i]! / share));
}

/**
 * Jensen-Shannon distance, base 2: the root of the divergence, 0 to 1.
 * Source: Endres and Schindelin 2003; as `scipy.spatial.distance.jensenshannon(p, q, base=2)`.
 */
export function jensenShannonOf({ reference, current }: Counts): number {
  const [all, now] = [total(reference), total(current)];
  return Math.sqrt(
    divergenceOf(
      reference.map((n) => n / all),
      current.map((n) => n / now),
    ),
  );
}

/** In bits, 0 to 1. */
function divergenceOf(p: readonly number[], q: readonly number[]): number {
  let bits = 0;
  for (const [i, share] of p.entries()) {
    const middle = (share + q[i]!) / 2;
    if (share > 0) bits += (share * Math.log2(share / middle)) / 2;
    if (q[i]! > 0) bits += (q[i]! * Math.log2(q[i]! / middle)) / 2;
  }
  return Math.min(Math.max(bits, 0), 1);
}

/** First and second derivatives of a divergence by the share of one bin in the reference and in the current rows. */
interface Slopes {
  byP: number;
  byQ: number;
  byPTwice: number;
  byQTwice: number;
}

const psiSlopes = (p: number, q: number): Slopes => ({
  byP: Math.log(p / q) - q / p,
  byQ: Math.log(q / p) - p / q,
  byPTwice: 1 / p + q / (p * p),
  byQTwice: 1 / q + p / (q * q),
});

/** Of the divergence in bits. */
function jensenShannonSlopes(p: number, q: number): Slopes {
  const middle = (p + q) / 2;
  return {
    byP: Math.log2(p / middle) / 2,
    byQ: Math.log2(q / middle) / 2,
    byPTwice: q / (4 * p * middle) / Math.LN2,
    byQTwice: p / (4 * q * middle) / Math.LN2,
  };
}

export const psiInterval = (bins: Bins, confidence: number): Interval =>
  divergenceInterval(psiOf(bins), sharesOf(bins), psiSlopes, 1, confidence);

/** With half a row more in each bin, as the PSI: few rows look less different then, by about what chance adds. */
export function jensenShannonInterval(bins: Bins, confidence: number): Interval {
  const shares = sharesOf(bins);
  const bits = divergenceOf(shares.p, shares.q);
  return rootOf(divergenceInterval(bits, shares, jensenShannonSlopes, 1 / (8 * Math.LN2), confidence));
}

/**
 * Shares are multinomial. Variance by the delta method, bias from the second derivatives; where both samples agree, every divergence
 * is `nearZero` times Pearson's chi-squared distance, whose scale is exact.
 */
function divergenceInterval(
  value: number,
  { p, q, rows }: Shares,
  slopesOf: (p: number, q: number) => Slopes,
  nearZero: number,
  confidence: number,
): Interval {
  const slopes = p.map((share, i) => slopesOf(share, q[i]!));
  const variance =
    varianceOf(
      slopes.map(({ byP }) => byP),
      p,
    ) /
      rows.reference +
    varianceOf(
      slopes.map(({ byQ }) => byQ),
      q,
    ) /
      rows.current;
  const bias =
    total(slopes.map(({ byPTwice }, i) => p[i]! * (1 - p[i]!) * byPTwice)) / (2 * rows.reference) +
    total(slopes.map(({ byQTwice }, i) => q[i]! * (1 - q[i]!) * byQTwice)) / (2 * rows.current);
  const least = nearZero * (1 / rows.reference + 1 / rows.current);
  const scale = Math.max(least, value > 0 ? variance / (4 * value) : 0);
  return intervalOfSquare(value, { scale, bias: { least: bias, most: bias } }, confidence);
}

/** Of a quantity that takes these values with these shares. */
function varianceOf(values: readonly number[], shares: readonly number[]): number {
  const mean = total(values.map((x, i) => x * shares[i]!));
  return total(values.map((x, i) => shares[i]! * (x - mean) ** 2));
}
