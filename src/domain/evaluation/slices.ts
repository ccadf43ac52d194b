/** Parts of the holdout that must not pay for the gain of the whole. */
import { type Metric, type SliceOutcome, valueOf } from '../../contracts/index.js';
import { type Answers, rowsOf } from './answers.js';
import { quickCompare } from './compare.js';
import { normalCdf } from './normal.js';
import { measure } from './performance.js';

export interface Slice {
  /** As `origin = ORD`. */
  name: string;
  rows: Uint32Array;
}

/** Chance that a challenger which is nowhere worse than its margin is refused for any slice. */
const ERROR_RATE = 0.05;

/**
 * Per slice whether the challenger is surely worse than `margin` allows: one-sided tests of "the gain is at least -margin", by the
 * normal approximation, corrected for their number after Holm 1979 (Scand. J. Statist. 6). A slice without a number says so.
 */
export function judgeSlices(
  champion: Answers,
  challenger: Answers,
  slices: Slice[],
  metric: Metric,
  margin: number,
): SliceOutcome[] {
  const outcomes = slices.map(({ name, rows }): SliceOutcome => {
    const [before, now] = [rowsOf(champion, rows), rowsOf(challenger, rows)];
    const { gain, error } = quickCompare(before, now, metric);
    return {
      slice: name,
      rows: rows.length,
      champion: valueOf(measure(before), metric),
      challenger: valueOf(measure(now), metric),
      gain,
      error,
      pValue: gain === null || error === null ? null : chanceOf(gain + margin, error),
      worse: false,
    };
  });
  const tested = outcomes.filter((outcome) => outcome.pValue !== null).sort((a, b) => a.pValue! - b.pValue!);
  for (const [i, outcome] of tested.entries()) {
    if (outcome.pValue! > ERROR_RATE / (tested.length - i)) break;
    outcome.worse = true;
  }
  return outcomes;
}

const chanceOf = (above: number, error: number): number => (error > 0 ? normalCdf(above / error) : above < 0 ? 0 : 1);
