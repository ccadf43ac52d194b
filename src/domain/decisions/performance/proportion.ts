/** Intervals of means and of shares. */
import type { Interval, Measured } from '../../../contracts/index.js';
import { studentOf, zOf } from '../distributions.js';

/**
 * Interval of a share. Source: Wilson 1927, "Probable inference"; as `statsmodels.stats.proportion.proportion_confint(method='wilson')`.
 * @param rows may be fractional: an effective number
 */
export function wilson(share: number, rows: number, confidence: number): Interval {
  const z2 = zOf(confidence) ** 2;
  const centre = (share + z2 / (2 * rows)) / (1 + z2 / rows);
  const half = Math.sqrt((z2 * share * (1 - share)) / rows + (z2 / (2 * rows)) ** 2) / (1 + z2 / rows);
  return { low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/** @returns null without rows */
export function shareOf(part: number, rows: number, confidence: number): Measured {
  if (rows <= 0) return null;
  return { value: part / rows, ...wilson(part / rows, rows, confidence) };
}

/**
 * Of losses, none of which is negative, from their sum and the sum of their squares: Student's interval.
 * @returns null for less than two rows: one loss says nothing of how much they differ
 */
export function meanLoss(sum: number, squares: number, rows: number, confidence: number): Measured {
  if (rows < 2) return null;
  const value = sum / rows;
  const variance = Math.max(0, squares - rows * value * value) / (rows - 1);
  const half = studentOf(confidence, rows - 1) * Math.sqrt(variance / rows);
  return { value, low: Math.max(0, value - half), high: value + half };
}

export const atMostOne = (measured: Measured): Measured =>
  measured && { ...measured, high: Math.min(1, measured.high) };

/** Both ends further out: what the width of cells hides. */
export const widened = ({ low, high }: Interval, by: number): Interval => ({
  low: Math.max(0, low - by),
  high: Math.min(1, high + by),
});
