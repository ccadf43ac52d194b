/** How much better a challenger answers than the champion, on the same rows. */
import { isError, type Metric, valueOf } from '../../contracts/index.js';
import type { Answers } from './answers.js';
import { meanAndError, rowLosses } from './losses.js';
import { measure } from './performance.js';

/** Two-sided 95 % of the normal distribution. */
const Z_95 = 1.96;

export interface Difference {
  /** Positive: the challenger is better. null: one of them has no such number on these rows. */
  gain: number | null;
  /** Paired 95 % interval. */
  interval: [number, number] | null;
}

/**
 * The gain in a metric; for log loss with the normal approximation of the paired mean's 95 % interval: mean of the per-row
 * differences ± 1.96 · sd / √n. Pairing removes what makes rows hard for both, which is most of the spread.
 */
export function compare(champion: Answers, challenger: Answers, metric: Metric): Difference {
  if (metric === 'logLoss') {
    const other = rowLosses(challenger, metric);
    const { mean, error } = meanAndError(rowLosses(champion, metric).map((loss, i) => loss - (other[i] as number)));
    return { gain: mean, interval: error === null ? null : [mean - Z_95 * error, mean + Z_95 * error] };
  }
  const [before, now] = [valueOf(measure(champion), metric), valueOf(measure(challenger), metric)];
  if (before === null || now === null) return { gain: null, interval: null };
  return { gain: isError(metric) ? before - now : now - before, interval: null };
}
