import type { ColumnProfile, NumericProfile } from '../../contracts/index.js';

/**
 * Added to every bin's count (Jeffreys' prior), so that an empty bin gives a large finite term instead of an infinite one.
 * Unlike a fixed floor for shares it weighs less the more rows there are.
 */
const PRIOR_COUNT = 0.5;
/** Categories that fewer rows of the window than this would be expected in are judged together: alone they are noise. */
const MIN_EXPECTED_ROWS = 10;

/**
 * Population stability index: sum over bins of (q - p) ln(q / p), p the reference's and q the window's share.
 * Source: Siddiqi 2006, "Credit Risk Scorecards" (common reading: from 0.1 on a shift, from 0.25 on a large one); it is the
 * symmetrised Kullback-Leibler divergence. Without any drift it is about (bins - 1)(1/n + 1/m): Yurdakul 2018,
 * "Statistical Properties of Population Stability Index".
 * @returns null when one of both has no rows, or the bins differ in number
 */
export function psiOfCounts(reference: readonly number[], window: readonly number[]): number | null {
  const referenceRows = sum(reference);
  const windowRows = sum(window);
  if (reference.length !== window.length || referenceRows === 0 || windowRows === 0) return null;
  const bins = reference.length;
  const share = (count: number, rows: number): number => (count + PRIOR_COUNT) / (rows + PRIOR_COUNT * bins);
  return sum(
    reference.map((count, bin) => {
      const p = share(count, referenceRows);
      const q = share(window[bin]!, windowRows);
      return (q - p) * Math.log(q / p);
    }),
  );
}

/**
 * PSI of a column's values. Nulls are left out: a rise of nulls is the data checks' business (fix it, don't learn it).
 * @returns null when it cannot be judged: no values, or profiles of different bins
 */
export function psi(reference: ColumnProfile, window: ColumnProfile): number | null {
  if (reference.kind === 'numeric') return window.kind === 'numeric' ? psiNumeric(reference, window) : null;
  return window.kind === 'categorical' ? psiCategorical(reference, window) : null;
}

function psiNumeric(reference: NumericProfile, window: NumericProfile): number | null {
  const sameBins =
    reference.edges.length === window.edges.length && reference.edges.every((edge, i) => edge === window.edges[i]);
  return sameBins ? psiOfCounts(reference.counts, window.counts) : null;
}

type Categorical = Extract<ColumnProfile, { kind: 'categorical' }>;

function psiCategorical(reference: Categorical, window: Categorical): number | null {
  const inWindow = new Map(window.categories.map(({ value, count }) => [value, count]));
  const windowRows = window.rows - window.nulls;
  const referenceRows = reference.rows - reference.nulls;
  const rest = { reference: reference.other, window: window.other };
  const counts: { reference: number[]; window: number[] } = { reference: [], window: [] };
  for (const { value, count } of reference.categories) {
    const now = inWindow.get(value) ?? 0;
    if ((count / referenceRows) * windowRows < MIN_EXPECTED_ROWS) {
      rest.reference += count;
      rest.window += now;
    } else {
      counts.reference.push(count);
      counts.window.push(now);
    }
  }
  return psiOfCounts([...counts.reference, rest.reference], [...counts.window, rest.window]);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);
