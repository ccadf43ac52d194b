/** Counts that follow from a column's profile. */
import { EXACT_BITS, type NumericSketch, type ProfiledColumn } from '../../contracts/index.js';
import { cellEnd } from './cells.js';

/** Rows with a usable value. */
export function valuesOf(column: ProfiledColumn): number {
  const wrong = column.wrong.reduce((sum, { rows }) => sum + rows, 0);
  return column.rows - column.nulls - column.missing - wrong - unusableIn(column);
}

/** Rows without a value that can be used: nulls, and what is no number on the line. */
export const nullsOf = (column: ProfiledColumn): number => column.nulls + unusableIn(column);

/** NaN and infinities are how number formats say "nothing usable here". */
function unusableIn({ sketch }: ProfiledColumn): number {
  return sketch.kind === 'numeric' ? sketch.nan + sketch.positiveInfinity + sketch.negativeInfinity : 0;
}

/** Rows that are surely below `low` or above `high`: a cell that reaches into the range is not counted. */
export function rowsOutside({ bits, starts, counts, min, max }: NumericSketch, low: number, high: number): number {
  let outside = 0;
  for (const [i, start] of starts.entries()) {
    const far = bits === EXACT_BITS ? start : cellEnd(start, bits);
    const [least, most] = start < 0 ? [far, start] : [start, far];
    // A cell that is not exact does not reach its far end.
    const isBelow = start >= 0 && bits !== EXACT_BITS ? most <= low : most < low;
    const isAbove = start < 0 && bits !== EXACT_BITS ? least >= high : least > high;
    if (isBelow || isAbove) outside += counts[i] as number;
  }
  const beyond = Number(min !== null && min < low) + Number(max !== null && max > high && max !== min);
  return Math.max(outside, beyond);
}
