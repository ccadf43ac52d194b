/** Two models that are right or wrong on the same rows. */
import { normalCdf, Z_95 } from './normal.js';

export interface Discordant {
  rows: number;
  /** Rows that only the challenger has right. */
  won: number;
  /** Rows that only the champion has right. */
  lost: number;
}

/** Above this many discordant rows the chi-squared approximation has three digits. */
const EXACT_ROWS = 1000;

/**
 * P of so uneven a split, or a more uneven one, if both were right equally often; two-sided. McNemar 1947 (Psychometrika 12):
 * exact by the binomial distribution; with many rows by chi-squared with Edwards' correction for continuity.
 */
export function mcnemar({ won, lost }: Discordant): number {
  const all = won + lost;
  if (all === 0) return 1;
  if (all > EXACT_ROWS) return 2 * normalCdf(-Math.max(0, Math.abs(won - lost) - 1) / Math.sqrt(all));
  let term = -all * Math.LN2;
  let sum = 0;
  for (let k = 0; k <= Math.min(won, lost); k++) {
    sum += Math.exp(term);
    term += Math.log(all - k) - Math.log(k + 1);
  }
  return Math.min(1, 2 * sum);
}

/** The gain in accuracy with its 95 % interval: Bonett and Price 2012 (J. Educ. Behav. Stat. 37), Wald's with one row added to each side. */
export function accuracyInterval({ rows, won, lost }: Discordant): [number, number] {
  const [up, down] = [(won + 1) / (rows + 2), (lost + 1) / (rows + 2)];
  const middle = up - down;
  const half = Z_95 * Math.sqrt((up + down - middle ** 2) / (rows + 2));
  return [Math.max(-1, middle - half), Math.min(1, middle + half)];
}
