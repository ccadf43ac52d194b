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

/** What the slice says by itself: a one-sided test of "the gain is at least -margin", by the normal approximation. */
export function measureSlice(
  champion: Answers,
  challenger: Answers,
  { name, rows }: Slice,
  metric: Metric,
  margin: number,
): SliceOutcome {
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
}

/**
 * Which slices are surely worse than the margin allows, all together: corrected for their number after Holm 1979 (Scand. J.
 * Statist. 6). A slice without a number decides nothing.
 */
export function correctSlices(outcomes: SliceOutcome[]): SliceOutcome[] {
  const tested = outcomes.filter(({ pValue }) => pValue !== null).sort((a, b) => a.pValue! - b.pValue!);
  const first = tested.findIndex(({ pValue }, i) => pValue! > ERROR_RATE / (tested.length - i));
  const worse = new Set(first === -1 ? tested : tested.slice(0, first));
  return outcomes.map((outcome) => ({ ...outcome, worse: worse.has(outcome) }));
}

const chanceOf = (above: number, error: number): number => (error > 0 ? normalCdf(above / error) : above < 0 ? 0 : 1);
