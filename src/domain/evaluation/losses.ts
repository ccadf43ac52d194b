/** What each row costs: the metrics are means of these, and differences are judged row by row. */
import { LOG_LOSS_CLIP, type Metric } from '../../contracts/index.js';
import type { Answers } from './answers.js';

/** Metrics that are the mean of a number per row; of `rmse` it is the square of the root. */
export type RowMetric = Exclude<Metric, 'auc' | 'f1'>;

/**
 * One number per row.
 * logLoss: -ln p(label), natural logarithm, probabilities clipped to [1e-7, 1 - 1e-7] (1e-7 from below where there are several
 * classes). brier: (p - y)², with several classes summed over them. accuracy: 1 where the prediction is the label. rmse: (y - ŷ)².
 * mae: |y - ŷ|.
 */
export function rowLosses(answers: Answers, metric: RowMetric): Float64Array {
  const { labels, predictions, scores, width } = answers;
  const losses = new Float64Array(labels.length);
  for (let i = 0; i < losses.length; i++) {
    const label = labels[i] as number;
    switch (metric) {
      case 'logLoss':
        losses[i] = -Math.log(probabilityOf(scores, i, width, label));
        break;
      case 'brier':
        losses[i] = squares(scores, i, width, label);
        break;
      case 'accuracy':
        losses[i] = predictions[i] === label ? 1 : 0;
        break;
      case 'rmse':
        losses[i] = ((predictions[i] as number) - label) ** 2;
        break;
      case 'mae':
        losses[i] = Math.abs((predictions[i] as number) - label);
        break;
    }
  }
  return losses;
}

function probabilityOf(scores: Float32Array, row: number, width: number, label: number): number {
  if (width > 1) return Math.max(LOG_LOSS_CLIP, scores[row * width + label] as number);
  const p = Math.min(1 - LOG_LOSS_CLIP, Math.max(LOG_LOSS_CLIP, scores[row] as number));
  return label === 1 ? p : 1 - p;
}

function squares(scores: Float32Array, row: number, width: number, label: number): number {
  if (width === 1) return ((scores[row] as number) - label) ** 2;
  let sum = 0;
  for (let c = 0; c < width; c++) sum += ((scores[row * width + c] as number) - (c === label ? 1 : 0)) ** 2;
  return sum;
}

/** Kahan's sum: a million small losses would otherwise lose their last digits. */
export function sumOf(values: Float64Array): number {
  let sum = 0;
  let lost = 0;
  for (let i = 0; i < values.length; i++) {
    const next = (values[i] as number) - lost;
    const total = sum + next;
    lost = total - sum - next;
    sum = total;
  }
  return sum;
}

/** The mean and its standard error, with n - 1 in the variance; the error of one value is null. */
export function meanAndError(values: Float64Array): { mean: number; error: number | null } {
  const n = values.length;
  const mean = sumOf(values) / n;
  if (n < 2) return { mean, error: null };
  let squared = 0;
  for (let i = 0; i < n; i++) squared += ((values[i] as number) - mean) ** 2;
  return { mean, error: Math.sqrt(squared / (n - 1) / n) };
}
